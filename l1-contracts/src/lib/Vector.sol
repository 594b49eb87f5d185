// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Vector
/// @notice The values of a claim at the ends of its parts, in calldata.
library Vector {
    /// @notice What stands for a vector in a claim's id: keccak256 of its elements, concatenated.
    function hash(bytes32[] calldata _vector) internal pure returns (bytes32 hash_) {
        hash_ = keccak256(abi.encodePacked(_vector));
    }

    /// @notice Index of the first element that is zero, or the length if there is none.
    function firstZero(bytes32[] calldata _vector) internal pure returns (uint256 index_) {
        assembly ("memory-safe") {
            // Every attack looks at 16 elements: without a bounds check for each, which the condition already is.
            for {} lt(index_, _vector.length) { index_ := add(index_, 1) } {
                if iszero(calldataload(add(_vector.offset, mul(index_, 32)))) { break }
            }
        }
    }
}
