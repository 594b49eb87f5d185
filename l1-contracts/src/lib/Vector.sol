// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Vector
/// @notice The commitments of a claim, in calldata.
library Vector {
    /// @notice What stands for the commitments in a claim's id: keccak256 of them, concatenated.
    function hash(bytes32[] calldata _vector) internal pure returns (bytes32 hash_) {
        hash_ = keccak256(abi.encodePacked(_vector));
    }

    /// @notice Index of the first commitment that is zero, or their number if there is none.
    function firstZero(bytes32[] calldata _vector) internal pure returns (uint256 index_) {
        assembly ("memory-safe") {
            // Every attack reads up to 16 of them. The condition is the bounds check.
            for {} lt(index_, _vector.length) { index_ := add(index_, 1) } {
                if iszero(calldataload(add(_vector.offset, mul(index_, 32)))) { break }
            }
        }
    }
}
