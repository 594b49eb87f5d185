// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";
import {Witness} from "./Witness.sol";

/// @title MemoryProof
/// @notice Reads and writes the VM's memory, 2^32 bytes under a binary Merkle tree over 2^27 leaves of 32 bytes.
///         The node of a leaf is the leaf itself. A page is the 32 leaves of an aligned kilobyte. A branch lists
///         siblings from the leaf or page upwards.
library MemoryProof {
    /// @notice Bytes of memory.
    uint256 internal constant MEMORY_SIZE = 1 << 32;
    /// @notice Bytes of a leaf.
    uint256 internal constant LEAF_SIZE = 32;
    /// @notice Bytes of a page.
    uint256 internal constant PAGE_SIZE = 1024;

    /// @notice Levels above a leaf.
    uint256 private constant LEAF_DEPTH = 27;
    /// @notice Levels above a page.
    uint256 private constant PAGE_DEPTH = 22;

    /// @notice Whether `_size` bytes (a power of two) can be accessed at `_address`.
    function isAccessible(uint256 _address, uint256 _size) internal pure returns (bool accessible_) {
        accessible_ = _address < MEMORY_SIZE && _address & (_size - 1) == 0;
    }

    /// @notice Takes a leaf and its branch from the witness and checks them.
    /// @param _root The memory root.
    /// @param _address An address inside the leaf, below `MEMORY_SIZE`.
    /// @return leaf_ The leaf.
    /// @return branch_ Where its branch stands in calldata.
    function readLeaf(Witness memory _witness, bytes32 _root, uint256 _address)
        internal
        pure
        returns (bytes32 leaf_, uint256 branch_)
    {
        uint256 at = _witness.take(LEAF_SIZE + 32 * LEAF_DEPTH);
        assembly ("memory-safe") {
            leaf_ := calldataload(at)
        }
        branch_ = at + LEAF_SIZE;
        bytes32 root = withLeaf(leaf_, _address, branch_);
        if (root != _root) revert IRiscV.WrongMemoryProof(_address & ~(LEAF_SIZE - 1), _root, root);
    }

    /// @notice Root of the memory with this leaf, all else as in the branch.
    function withLeaf(bytes32 _leaf, uint256 _address, uint256 _branch) internal pure returns (bytes32 root_) {
        root_ = _fold(_leaf, _address / LEAF_SIZE, _branch, LEAF_DEPTH);
    }

    /// @notice Takes a page and its branch from the witness, checks them and copies the page into memory.
    /// @param _root The memory root.
    /// @param _address The page's first address, below `MEMORY_SIZE`.
    /// @return page_ Where the page stands in memory.
    /// @return branch_ Where its branch stands in calldata.
    function readPage(Witness memory _witness, bytes32 _root, uint256 _address)
        internal
        pure
        returns (uint256 page_, uint256 branch_)
    {
        uint256 at = _witness.take(PAGE_SIZE + 32 * PAGE_DEPTH);
        assembly ("memory-safe") {
            page_ := mload(0x40)
            mstore(0x40, add(page_, PAGE_SIZE))
            calldatacopy(page_, at, PAGE_SIZE)
        }
        branch_ = at + PAGE_SIZE;
        bytes32 root = withPage(page_, _address, branch_);
        if (root != _root) revert IRiscV.WrongMemoryProof(_address, _root, root);
    }

    /// @notice Root of the memory with this page, all else as in the branch.
    function withPage(uint256 _page, uint256 _address, uint256 _branch) internal pure returns (bytes32 root_) {
        root_ = _fold(_pageNode(_page), _address / PAGE_SIZE, _branch, PAGE_DEPTH);
    }

    /// @notice Root of the tree over a page's leaves.
    function _pageNode(uint256 _page) private pure returns (bytes32 node_) {
        assembly ("memory-safe") {
            // Each level is written over the one below it, from free memory on: a node stands never behind its
            // children.
            let nodes := mload(0x40)
            let children := _page
            for { let size := div(PAGE_SIZE, 2) } gt(size, 16) { size := shr(1, size) } {
                for { let i := 0 } lt(i, size) { i := add(i, 32) } {
                    mstore(add(nodes, i), keccak256(add(children, shl(1, i)), 64))
                }
                children := nodes
            }
            node_ := mload(nodes)
        }
    }

    /// @notice Climbs from a node to the root.
    /// @param _index Index of the node in its level.
    /// @param _branch Where the siblings stand in calldata.
    /// @param _depth Their number.
    function _fold(bytes32 _node, uint256 _index, uint256 _branch, uint256 _depth)
        private
        pure
        returns (bytes32 root_)
    {
        assembly ("memory-safe") {
            root_ := _node
            for { let end := add(_branch, shl(5, _depth)) } lt(_branch, end) { _branch := add(_branch, 32) } {
                // The node goes to 0 and its sibling to 32 if it is a left child, otherwise the other way around.
                let at := shl(5, and(_index, 1))
                mstore(at, root_)
                mstore(xor(at, 32), calldataload(_branch))
                root_ := keccak256(0, 64)
                _index := shr(1, _index)
            }
        }
    }
}
