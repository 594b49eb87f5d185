// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title TrieProof
/// @notice Inclusion proofs in Ethereum's Merkle-Patricia tries with 32-byte keys (state and storage tries).
/// @dev Total: whatever the bytes of the proof are, the answer is true or false, never a revert. Every node is bound
///      by a hash to the root, directly or by standing inside a node that is, so only a trie with that root can prove
///      anything, and there is nothing to gain from an odd encoding.
library TrieProof {
    /// @notice One RLP item inside a node: where it starts, where its content starts, where it ends.
    struct Item {
        bool exists;
        bool isList;
        uint256 start;
        uint256 content;
        uint256 end;
    }

    /// @notice Nibbles of a key.
    uint256 private constant KEY_NIBBLES = 64;
    /// @notice A depth that no key has.
    uint256 private constant INVALID = type(uint256).max;
    /// @notice Items of a branch node: sixteen children and a value, which no key of fixed length has.
    uint256 private constant BRANCH_ITEMS = 17;
    /// @notice Items of a leaf or extension node.
    uint256 private constant SHORT_ITEMS = 2;
    /// @notice Nodes below this length stand inside their parent instead of being referred to by hash.
    uint256 private constant HASH_LENGTH = 32;
    /// @notice First bytes of RLP items.
    uint256 private constant STRING = 0x80;
    uint256 private constant LONG_STRING = 0xb7;
    uint256 private constant LIST = 0xc0;
    uint256 private constant LONG_LIST = 0xf7;
    /// @notice Bytes that the length of an item may have. No node comes near 16 MB.
    uint256 private constant MAX_LENGTH_BYTES = 3;

    /// @notice Whether the trie with root `_root` holds `_value` under `_key`.
    /// @param _root Hash of the root node.
    /// @param _key The key as the trie has it (for storage: the hash of the slot).
    /// @param _value The value as the trie has it (for storage: RLP of the number without leading zeros).
    /// @param _proof Nodes from the root to the leaf. A node that stands inside its parent may be left out or given.
    ///        There must be nothing behind the leaf.
    function includes(bytes32 _root, bytes32 _key, bytes memory _value, bytes[] calldata _proof)
        internal
        pure
        returns (bool)
    {
        if (_proof.length == 0) return false;
        bytes calldata node = _proof[0];
        if (keccak256(node) != _root) return false;
        uint256 used = 1;
        uint256 depth = 0;
        // Ends: each round takes a proof element or goes on with a part of the node.
        while (true) {
            (Item memory next, bool isLeaf, uint256 newDepth) = _descend(node, _key, depth);
            if (newDepth > KEY_NIBBLES) return false;
            if (isLeaf) {
                return newDepth == KEY_NIBBLES && used == _proof.length && !next.isList
                    && keccak256(node[next.content:next.end]) == keccak256(_value);
            }
            depth = newDepth;
            if (next.isList) {
                node = node[next.start:next.end];
                // SAFETY: a part of this length cannot be a node; a trie refers to it by hash.
                if (node.length >= HASH_LENGTH) return false;
                if (used < _proof.length) {
                    if (keccak256(_proof[used]) != keccak256(node)) return false;
                    ++used;
                }
            } else {
                // Where there is no child, its item is empty.
                if (next.end - next.content != HASH_LENGTH || used == _proof.length) return false;
                bytes32 hash = bytes32(node[next.content:next.end]);
                node = _proof[used];
                if (keccak256(node) != hash) return false;
                ++used;
            }
        }
        return false;
    }

    /// @notice Follows the key through one node.
    /// @return next_ The value in a leaf, otherwise the child.
    /// @return isLeaf_ Whether the node is a leaf.
    /// @return depth_ Nibbles of the key behind the node; `INVALID` if it is malformed or leads elsewhere.
    function _descend(bytes calldata _node, bytes32 _key, uint256 _depth)
        private
        pure
        returns (Item memory next_, bool isLeaf_, uint256 depth_)
    {
        uint256 count;
        Item memory path;
        // The whole key may be behind us: its leaf's path is empty then.
        (count, path, next_) = _read(_node, _depth < KEY_NIBBLES ? _nibble(_key, _depth) : 0);
        // A branch leads one nibble on; a key that is over has no child in it.
        if (count == BRANCH_ITEMS) return (next_, false, _depth < KEY_NIBBLES ? _depth + 1 : INVALID);
        if (count != SHORT_ITEMS || path.isList || path.end == path.content) return (next_, false, INVALID);
        (isLeaf_, depth_) = _followPath(_node[path.content:path.end], _key, _depth);
    }

    /// @notice Compares a leaf's or extension's path with the key.
    /// @param _path The path in hex-prefix encoding, at least one byte.
    /// @return isLeaf_ Whether the node is a leaf.
    /// @return depth_ Nibbles of the key up to the end of the path; `INVALID` if it is malformed or does not stand in
    ///         the key.
    function _followPath(bytes calldata _path, bytes32 _key, uint256 _depth)
        private
        pure
        returns (bool isLeaf_, uint256 depth_)
    {
        uint256 head = uint8(_path[0]);
        // In the first nibble, bit 1 marks a leaf, bit 0 an odd number of nibbles; an even one has a zero nibble next.
        if (head >= 0x40 || (head & 0x10 == 0 && head & 0x0f != 0)) return (false, INVALID);
        isLeaf_ = head & 0x20 != 0;
        uint256 skipped = head & 0x10 == 0 ? 2 : 1;
        depth_ = _depth + _path.length * 2 - skipped;
        if (depth_ > KEY_NIBBLES) return (false, INVALID);
        for (uint256 i = _depth; i < depth_; ++i) {
            uint256 at = i - _depth + skipped;
            uint256 two = uint8(_path[at / 2]);
            if ((at % 2 == 0 ? two >> 4 : two & 0x0f) != _nibble(_key, i)) return (false, INVALID);
        }
    }

    /// @notice Reads a node.
    /// @return count_ Number of its items; 0 if it is malformed or has more than a branch.
    /// @return first_ Its first item.
    /// @return child_ For a branch the item of the child that the nibble names, otherwise the second item.
    function _read(bytes calldata _node, uint256 _nibbleOfKey)
        private
        pure
        returns (uint256 count_, Item memory first_, Item memory child_)
    {
        Item memory list = _item(_node, 0);
        if (!list.exists || !list.isList || list.end != _node.length) return (0, first_, child_);
        Item memory second;
        uint256 at = list.content;
        while (at < list.end) {
            if (count_ == BRANCH_ITEMS) return (0, first_, child_);
            uint256 head = uint8(_node[at]);
            if (count_ > 1 && count_ != _nibbleOfKey && (head == STRING || head == STRING + HASH_LENGTH)) {
                // Other children of a branch, absent or a hash, are only counted.
                at += 1 + (head - STRING);
            } else {
                Item memory item = _item(_node, at);
                if (!item.exists) return (0, first_, child_);
                if (count_ == 0) first_ = item;
                if (count_ == 1) second = item;
                if (count_ == _nibbleOfKey) child_ = item;
                at = item.end;
            }
            ++count_;
        }
        if (at != list.end) return (0, first_, child_);
        if (count_ == SHORT_ITEMS) child_ = second;
    }

    /// @notice Reads the RLP item at `_at`; `exists` is false if there is none that lies within the data.
    function _item(bytes calldata _data, uint256 _at) private pure returns (Item memory item_) {
        if (_at >= _data.length) return item_;
        uint256 head = uint8(_data[_at]);
        item_.start = _at;
        item_.isList = head >= LIST;
        if (head < STRING) {
            item_.content = _at;
            item_.end = _at + 1;
        } else {
            uint256 base = item_.isList ? LIST : STRING;
            uint256 longBase = item_.isList ? LONG_LIST : LONG_STRING;
            uint256 length = head - base;
            item_.content = _at + 1;
            if (head > longBase) {
                uint256 lengthBytes = head - longBase;
                if (lengthBytes > MAX_LENGTH_BYTES || item_.content + lengthBytes > _data.length) return item_;
                length = 0;
                for (uint256 i = 0; i < lengthBytes; ++i) {
                    length = (length << 8) | uint8(_data[item_.content + i]);
                }
                item_.content += lengthBytes;
            }
            item_.end = item_.content + length;
        }
        item_.exists = item_.end <= _data.length;
    }

    /// @notice Nibble `_index` of a key, from the left.
    function _nibble(bytes32 _key, uint256 _index) private pure returns (uint256 nibble_) {
        nibble_ = (uint256(_key) >> (252 - 4 * _index)) & 0x0f;
    }
}
