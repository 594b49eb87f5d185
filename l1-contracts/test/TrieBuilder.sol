// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title TrieBuilder
/// @notice Builds Merkle-Patricia tries with 32-byte keys and proofs in them, the obvious way: recursively over all
///         entries, from the yellow paper's definition.
library TrieBuilder {
    struct Entry {
        bytes32 key;
        bytes value;
    }

    /// @notice Root of the empty trie.
    bytes32 internal constant EMPTY_ROOT = keccak256(hex"80");

    /// @notice The root of the trie with these entries, whose keys must differ.
    function root(Entry[] memory _entries) internal pure returns (bytes32) {
        return _entries.length == 0 ? EMPTY_ROOT : keccak256(node(_entries, 0));
    }

    /// @notice The nodes from the root to `_key`, or to where it would be: as `eth_getProof` gives them, with
    ///         `_inlined` also those that stand inside their parents.
    function proof(Entry[] memory _entries, bytes32 _key, bool _inlined)
        internal
        pure
        returns (bytes[] memory proof_)
    {
        proof_ = new bytes[](0);
        uint256 depth = 0;
        while (_entries.length != 0) {
            bytes memory raw = node(_entries, depth);
            if (depth == 0 || raw.length >= 32 || _inlined) proof_ = _push(proof_, raw);
            if (_entries.length == 1) break;
            uint256 shared = sharedNibbles(_entries, depth);
            if (shared != 0) {
                for (uint256 i = 0; i < shared; ++i) {
                    if (nibble(_entries[0].key, depth + i) != nibble(_key, depth + i)) return proof_;
                }
                depth += shared;
                // An extension and the branch below it are two nodes of the same entries.
                raw = _branch(_entries, depth);
                if (raw.length >= 32 || _inlined) proof_ = _push(proof_, raw);
            }
            _entries = subset(_entries, depth, nibble(_key, depth));
            ++depth;
        }
    }

    /// @notice RLP of the node that holds `_entries`, whose keys agree in the first `_depth` nibbles.
    function node(Entry[] memory _entries, uint256 _depth) internal pure returns (bytes memory) {
        if (_entries.length == 1) {
            bytes memory leafPath = rlpString(hexPrefix(_entries[0].key, _depth, 64, true));
            return rlpList(bytes.concat(leafPath, rlpString(_entries[0].value)));
        }
        uint256 shared = sharedNibbles(_entries, _depth);
        if (shared == 0) return _branch(_entries, _depth);
        bytes memory path = rlpString(hexPrefix(_entries[0].key, _depth, _depth + shared, false));
        return rlpList(bytes.concat(path, referTo(_branch(_entries, _depth + shared))));
    }

    /// @notice How a parent refers to a node.
    function referTo(bytes memory _node) internal pure returns (bytes memory) {
        return _node.length < 32 ? _node : rlpString(bytes.concat(keccak256(_node)));
    }

    /// @notice Those entries whose key has `_nibble` at `_depth`.
    function subset(Entry[] memory _entries, uint256 _depth, uint256 _nibble)
        internal
        pure
        returns (Entry[] memory part_)
    {
        uint256 count;
        for (uint256 i = 0; i < _entries.length; ++i) {
            if (nibble(_entries[i].key, _depth) == _nibble) ++count;
        }
        part_ = new Entry[](count);
        for (uint256 i = _entries.length; i > 0; --i) {
            if (nibble(_entries[i - 1].key, _depth) == _nibble) part_[--count] = _entries[i - 1];
        }
    }

    /// @notice Number of nibbles from `_depth` on in which all keys agree.
    function sharedNibbles(Entry[] memory _entries, uint256 _depth) internal pure returns (uint256 shared_) {
        while (true) {
            for (uint256 i = 1; i < _entries.length; ++i) {
                if (nibble(_entries[i].key, _depth + shared_) != nibble(_entries[0].key, _depth + shared_)) {
                    return shared_;
                }
            }
            ++shared_;
        }
    }

    function nibble(bytes32 _key, uint256 _index) internal pure returns (uint256) {
        uint8 pair = uint8(_key[_index / 2]);
        return _index % 2 == 0 ? pair / 16 : pair % 16;
    }

    /// @notice Nibbles `[_start, _end)` of a key in hex-prefix encoding.
    function hexPrefix(bytes32 _key, uint256 _start, uint256 _end, bool _leaf)
        internal
        pure
        returns (bytes memory path_)
    {
        uint256 flag = _leaf ? 2 : 0;
        uint256 at = _start;
        if ((_end - _start) % 2 == 1) path_ = abi.encodePacked(uint8((flag + 1) * 16 + nibble(_key, at++)));
        else path_ = abi.encodePacked(uint8(flag * 16));
        for (; at < _end; at += 2) {
            path_ = abi.encodePacked(path_, uint8(nibble(_key, at) * 16 + nibble(_key, at + 1)));
        }
    }

    function rlpString(bytes memory _data) internal pure returns (bytes memory) {
        if (_data.length == 1 && uint8(_data[0]) < 0x80) return _data;
        return bytes.concat(_head(_data.length, 0x80), _data);
    }

    function rlpList(bytes memory _items) internal pure returns (bytes memory) {
        return bytes.concat(_head(_items.length, 0xc0), _items);
    }

    function _head(uint256 _length, uint256 _base) private pure returns (bytes memory) {
        if (_length < 56) return abi.encodePacked(uint8(_base + _length));
        if (_length < 256) return abi.encodePacked(uint8(_base + 56), uint8(_length));
        return abi.encodePacked(uint8(_base + 57), uint16(_length));
    }

    function _branch(Entry[] memory _entries, uint256 _depth) private pure returns (bytes memory) {
        bytes memory items;
        for (uint256 i = 0; i < 16; ++i) {
            Entry[] memory child = subset(_entries, _depth, i);
            items = bytes.concat(items, child.length == 0 ? bytes(hex"80") : referTo(node(child, _depth + 1)));
        }
        return rlpList(bytes.concat(items, hex"80"));
    }

    function _push(bytes[] memory _list, bytes memory _item) private pure returns (bytes[] memory longer_) {
        longer_ = new bytes[](_list.length + 1);
        for (uint256 i = 0; i < _list.length; ++i) {
            longer_[i] = _list[i];
        }
        longer_[_list.length] = _item;
    }
}
