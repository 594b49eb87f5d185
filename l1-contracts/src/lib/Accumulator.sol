// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Accumulator
/// @notice Hash chain over headers. The empty chain is zero.
library Accumulator {
    /// @notice The chain `_acc`, extended by the header with hash `_headerHash`.
    function extend(bytes32 _acc, bytes32 _headerHash) internal pure returns (bytes32 acc_) {
        acc_ = keccak256(abi.encodePacked(_acc, _headerHash));
    }
}
