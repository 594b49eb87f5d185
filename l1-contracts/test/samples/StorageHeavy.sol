// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title StorageHeavy
/// @notice Writes, updates, clears and reads many storage slots. For tests and benchmarks.
contract StorageHeavy {
    /// @notice The slots.
    mapping(uint256 => uint256) public slots;

    /// @notice Writes a value derived from `salt` into slots `start` to `start + count - 1`.
    function write(uint256 start, uint256 count, uint256 salt) external {
        for (uint256 i = start; i < start + count; ++i) {
            slots[i] = uint256(keccak256(abi.encode(i, salt))) | 1;
        }
    }

    /// @notice Adds one to each of the slots `start` to `start + count - 1`.
    function update(uint256 start, uint256 count) external {
        for (uint256 i = start; i < start + count; ++i) {
            unchecked {
                slots[i] += 1;
            }
        }
    }

    /// @notice Clears the slots `start` to `start + count - 1`.
    function clear(uint256 start, uint256 count) external {
        for (uint256 i = start; i < start + count; ++i) {
            delete slots[i];
        }
    }

    /// @notice Sum of the slots `start` to `start + count - 1`.
    function sum(uint256 start, uint256 count) external view returns (uint256 total) {
        for (uint256 i = start; i < start + count; ++i) {
            unchecked {
                total += slots[i];
            }
        }
    }

    /// @notice Hashes `rounds` times: pure computation.
    function spin(uint256 rounds) external pure returns (bytes32 digest) {
        for (uint256 i = 0; i < rounds; ++i) {
            digest = keccak256(abi.encode(digest, i));
        }
    }
}
