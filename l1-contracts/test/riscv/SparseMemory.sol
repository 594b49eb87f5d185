// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The machine's memory, of which only some leaves are not zero.
struct SparseMemory {
    uint256[] indices;
    bytes32[] leaves;
    /// The nodes over nothing but zeroes, by level.
    bytes32[28] zeroes;
}

using SparseMemoryLib for SparseMemory global;

/// @title SparseMemoryLib
/// @notice The memory tree, computed from its definition. At least one leaf must have been set.
library SparseMemoryLib {
    uint256 internal constant DEPTH = 27;

    /// @notice The leaf that holds an address.
    function leaf(SparseMemory memory _memory, uint256 _address) internal pure returns (bytes32 leaf_) {
        for (uint256 i = 0; i < _memory.indices.length; ++i) {
            if (_memory.indices[i] == _address / 32) return _memory.leaves[i];
        }
    }

    /// @notice Sets the leaf that holds an address.
    function setLeaf(SparseMemory memory _memory, uint256 _address, bytes32 _leaf) internal pure {
        uint256 count = _memory.indices.length;
        if (count == 0) _setZeroes(_memory);
        for (uint256 i = 0; i < count; ++i) {
            if (_memory.indices[i] == _address / 32) {
                _memory.leaves[i] = _leaf;
                return;
            }
        }
        (uint256[] memory indices, bytes32[] memory leaves) = (new uint256[](count + 1), new bytes32[](count + 1));
        for (uint256 i = 0; i < count; ++i) {
            (indices[i], leaves[i]) = (_memory.indices[i], _memory.leaves[i]);
        }
        (indices[count], leaves[count]) = (_address / 32, _leaf);
        (_memory.indices, _memory.leaves) = (indices, leaves);
    }

    /// @notice One byte.
    function getByte(SparseMemory memory _memory, uint256 _address) internal pure returns (uint8 value_) {
        value_ = uint8(leaf(_memory, _address)[_address % 32]);
    }

    /// @notice Sets one byte.
    function setByte(SparseMemory memory _memory, uint256 _address, uint8 _value) internal pure {
        bytes memory content = abi.encodePacked(leaf(_memory, _address));
        content[_address % 32] = bytes1(_value);
        setLeaf(_memory, _address, bytes32(content));
    }

    /// @notice Writes a string of bytes from an address on.
    function write(SparseMemory memory _memory, uint256 _address, bytes memory _data) internal pure {
        for (uint256 i = 0; i < _data.length; ++i) {
            setByte(_memory, _address + i, uint8(_data[i]));
        }
    }

    /// @notice Writes a little-endian number of `_size` bytes.
    function writeNumber(SparseMemory memory _memory, uint256 _address, uint256 _size, uint256 _value)
        internal
        pure
    {
        for (uint256 i = 0; i < _size; ++i) {
            setByte(_memory, _address + i, uint8(_value >> (8 * i)));
        }
    }

    /// @notice The memory root.
    function root(SparseMemory memory _memory) internal pure returns (bytes32 root_) {
        root_ = node(_memory, DEPTH, 0);
    }

    /// @notice A node; level 0 are the leaves.
    function node(SparseMemory memory _memory, uint256 _level, uint256 _index)
        internal
        pure
        returns (bytes32 node_)
    {
        if (!_touched(_memory, _level, _index)) return _memory.zeroes[_level];
        if (_level == 0) return leaf(_memory, _index * 32);
        node_ = _parent(node(_memory, _level - 1, 2 * _index), node(_memory, _level - 1, 2 * _index + 1));
    }

    /// @notice The leaf that holds an address, and its branch.
    function proof(SparseMemory memory _memory, uint256 _address) internal pure returns (bytes memory proof_) {
        proof_ = bytes.concat(leaf(_memory, _address), branch(_memory, _address, 0));
    }

    /// @notice The page that holds an address, and its branch.
    function pageProof(SparseMemory memory _memory, uint256 _address) internal pure returns (bytes memory proof_) {
        proof_ = bytes.concat(page(_memory, _address), branch(_memory, _address, 5));
    }

    /// @notice The kilobyte that holds an address.
    function page(SparseMemory memory _memory, uint256 _address) internal pure returns (bytes memory page_) {
        bytes32[] memory leaves = new bytes32[](32);
        for (uint256 i = 0; i < 32; ++i) {
            leaves[i] = leaf(_memory, _address / 1024 * 1024 + 32 * i);
        }
        page_ = abi.encodePacked(leaves);
    }

    /// @notice The siblings from a level up to the root.
    function branch(SparseMemory memory _memory, uint256 _address, uint256 _level)
        internal
        pure
        returns (bytes memory branch_)
    {
        bytes32[] memory siblings = new bytes32[](DEPTH - _level);
        for (uint256 i = _level; i < DEPTH; ++i) {
            siblings[i - _level] = node(_memory, i, (_address / 32 >> i) ^ 1);
        }
        branch_ = abi.encodePacked(siblings);
    }

    /// @notice A copy that shares nothing.
    function clone(SparseMemory memory _memory) internal pure returns (SparseMemory memory copy_) {
        for (uint256 i = 0; i < _memory.indices.length; ++i) {
            setLeaf(copy_, _memory.indices[i] * 32, _memory.leaves[i]);
        }
    }

    /// @notice Whether any leaf below a node was ever set.
    function _touched(SparseMemory memory _memory, uint256 _level, uint256 _index)
        private
        pure
        returns (bool touched_)
    {
        for (uint256 i = 0; i < _memory.indices.length; ++i) {
            if (_memory.indices[i] >> _level == _index) return true;
        }
    }

    /// @notice Computes the nodes over nothing but zeroes.
    function _setZeroes(SparseMemory memory _memory) private pure {
        for (uint256 i = 0; i < DEPTH; ++i) {
            _memory.zeroes[i + 1] = _parent(_memory.zeroes[i], _memory.zeroes[i]);
        }
    }

    /// @notice The node over two nodes.
    function _parent(bytes32 _left, bytes32 _right) private pure returns (bytes32 parent_) {
        assembly ("memory-safe") {
            mstore(0, _left)
            mstore(32, _right)
            parent_ := keccak256(0, 64)
        }
    }
}
