// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ChunkHash
/// @notice Two-level hash of data of any length, so that a one-step proof never needs a preimage larger than one
///         chunk (or the list of chunk hashes).
library ChunkHash {
    /// @notice Length of a chunk in bytes; the last one may be shorter.
    uint256 internal constant CHUNK_LENGTH = 4096;

    /// @notice `keccak256(keccak256(chunk_0) ‖ keccak256(chunk_1) ‖ …)`; empty data has no chunk.
    function hash(bytes calldata _data) internal pure returns (bytes32 hash_) {
        uint256 count = (_data.length + CHUNK_LENGTH - 1) / CHUNK_LENGTH;
        bytes32[] memory digests = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 start = i * CHUNK_LENGTH;
            uint256 end = start + CHUNK_LENGTH;
            digests[i] = keccak256(_data[start:end < _data.length ? end : _data.length]);
        }
        hash_ = keccak256(abi.encodePacked(digests));
    }
}
