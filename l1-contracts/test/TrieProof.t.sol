// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TrieProof} from "../src/lib/TrieProof.sol";
import {Base} from "./Base.t.sol";
import {TrieBuilder} from "./TrieBuilder.sol";

/// @notice Gives the library calldata.
contract Verifier {
    function includes(bytes32 _root, bytes32 _key, bytes memory _value, bytes[] calldata _proof)
        external
        pure
        returns (bool)
    {
        return TrieProof.includes(_root, _key, _value, _proof);
    }
}

contract TrieProofTest is Base {
    Verifier private verifier;

    function setUp() public {
        verifier = new Verifier();
    }

    /// @notice `_count` entries; some keys differ only in their last nibbles, so that nodes become short enough to
    ///         stand inside their parents.
    function entriesOf(uint256 _count, uint256 _seed) internal pure returns (TrieBuilder.Entry[] memory entries_) {
        entries_ = new TrieBuilder.Entry[](_count);
        for (uint256 i = 0; i < _count; ++i) {
            bytes32 key = keccak256(abi.encode(_seed, i));
            // Every other one is a neighbour of the one before: the same but for one of its last six nibbles.
            if (i % 2 == 1) key = entries_[i - 1].key ^ bytes32(uint256(1) << (4 * (uint256(key) % 6)));
            // As in storage: a short number or a long one.
            entries_[i] = TrieBuilder.Entry(key, i % 3 == 0 ? bytes(hex"01") : abi.encodePacked(hex"a0", key));
        }
    }

    function check(bytes32 _root, TrieBuilder.Entry memory _entry, bytes[] memory _proof)
        internal
        view
        returns (bool)
    {
        return verifier.includes(_root, _entry.key, _entry.value, _proof);
    }

    // The published vectors "singleItem" and "dogs" of ethereum/tests, TrieTests/trieanyorder_secureTrie.json.

    function test_builder_publishedRoots() public pure {
        TrieBuilder.Entry[] memory one = new TrieBuilder.Entry[](1);
        one[0] = TrieBuilder.Entry(keccak256("A"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        vm.assertEq(
            TrieBuilder.root(one), bytes32(0xe9e2935138352776cad724d31c9fa5266a5c593bb97726dd2a908fe6d53284df)
        );
        vm.assertEq(TrieBuilder.root(dogs()), DOGS_ROOT);
    }

    bytes32 private constant DOGS_ROOT = 0xd4cd937e4a4368d7931a9cf51686b7e10abb3dce38a39000fd7902a092b64585;

    function dogs() internal pure returns (TrieBuilder.Entry[] memory entries_) {
        entries_ = new TrieBuilder.Entry[](3);
        entries_[0] = TrieBuilder.Entry(keccak256("doe"), "reindeer");
        entries_[1] = TrieBuilder.Entry(keccak256("dog"), "puppy");
        entries_[2] = TrieBuilder.Entry(keccak256("dogglesworth"), "cat");
    }

    function test_includes_publishedTrie() public view {
        TrieBuilder.Entry[] memory entries = dogs();
        for (uint256 i = 0; i < 3; ++i) {
            bytes[] memory proof = TrieBuilder.proof(entries, entries[i].key, false);
            vm.assertTrue(check(DOGS_ROOT, entries[i], proof));
            vm.assertFalse(verifier.includes(DOGS_ROOT, entries[i].key, "wolf", proof));
        }
    }

    function testFuzz_includes_everyEntry(uint256 _count, uint256 _seed) public view {
        TrieBuilder.Entry[] memory entries = entriesOf(bound(_count, 1, 8), _seed);
        bytes32 root = TrieBuilder.root(entries);
        for (uint256 i = 0; i < entries.length; ++i) {
            // A node inside its parent may be given or left out.
            vm.assertTrue(check(root, entries[i], TrieBuilder.proof(entries, entries[i].key, false)), "as given");
            vm.assertTrue(check(root, entries[i], TrieBuilder.proof(entries, entries[i].key, true)), "inlined");
        }
    }

    /// @notice Two keys that differ in the last nibble only: a branch with two leaves of empty path inside it.
    function test_includes_leavesInsideParents() public view {
        TrieBuilder.Entry[] memory entries = new TrieBuilder.Entry[](2);
        entries[0] = TrieBuilder.Entry(bytes32(uint256(0x10)), hex"01");
        entries[1] = TrieBuilder.Entry(bytes32(uint256(0x11)), hex"01");
        bytes32 root = TrieBuilder.root(entries);
        bytes[] memory short = TrieBuilder.proof(entries, entries[1].key, false);
        bytes[] memory long = TrieBuilder.proof(entries, entries[1].key, true);
        vm.assertEq(short.length, 1);
        vm.assertEq(long.length, 3);
        vm.assertTrue(check(root, entries[1], short));
        vm.assertTrue(check(root, entries[1], long));
        // The neighbour's leaf in place of the own.
        long[2] = TrieBuilder.rlpList(hex"2002");
        vm.assertFalse(check(root, entries[1], long));
        vm.assertFalse(verifier.includes(root, bytes32(uint256(0x12)), hex"01", short));
    }

    function testFuzz_includes_absentKey_false(uint256 _count, uint256 _seed, bytes32 _key, uint256 _bit)
        public
        view
    {
        TrieBuilder.Entry[] memory entries = entriesOf(bound(_count, 1, 8), _seed);
        bytes32 root = TrieBuilder.root(entries);
        // A random key, and one that differs from a present one in a single bit.
        bytes32 near = entries[_bit % entries.length].key ^ bytes32(uint256(1) << (_bit % 256));
        for (uint256 i = 0; i < entries.length; ++i) {
            if (entries[i].key == near) near = _key;
        }
        bytes[] memory own = TrieBuilder.proof(entries, entries[0].key, false);
        bytes[] memory towards = TrieBuilder.proof(entries, near, true);
        vm.assertFalse(verifier.includes(root, near, hex"01", own));
        vm.assertFalse(verifier.includes(root, near, hex"01", towards));
        vm.assertFalse(verifier.includes(root, near, "", towards));
    }

    function testFuzz_includes_wrongValue_false(uint256 _count, uint256 _seed, bytes memory _value) public view {
        TrieBuilder.Entry[] memory entries = entriesOf(bound(_count, 1, 8), _seed);
        TrieBuilder.Entry memory entry = entries[_seed % entries.length];
        vm.assume(keccak256(_value) != keccak256(entry.value));
        bytes[] memory proof = TrieBuilder.proof(entries, entry.key, false);
        vm.assertFalse(verifier.includes(TrieBuilder.root(entries), entry.key, _value, proof));
    }

    /// @notice Any changed, missing or additional part of a proof.
    function testFuzz_includes_damagedProof_false(uint256 _count, uint256 _seed, uint256 _where, uint8 _flip)
        public
        view
    {
        vm.assume(_flip != 0);
        TrieBuilder.Entry[] memory entries = entriesOf(bound(_count, 1, 8), _seed);
        TrieBuilder.Entry memory entry = entries[_where % entries.length];
        bytes32 root = TrieBuilder.root(entries);
        bytes[] memory proof = TrieBuilder.proof(entries, entry.key, _where % 2 == 0);

        bytes[] memory longer = new bytes[](proof.length + 1);
        bytes[] memory shorter = new bytes[](proof.length - 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i + 1 < proof.length) shorter[i] = proof[i];
        }
        vm.assertFalse(check(root, entry, longer), "nothing behind the leaf");
        longer[proof.length] = proof[proof.length - 1];
        vm.assertFalse(check(root, entry, longer), "leaf twice");
        // Only a node inside its parent may be left out at the end.
        if (proof.length == 1 || proof[proof.length - 1].length >= 32) {
            vm.assertFalse(check(root, entry, shorter), "without the leaf");
        }

        bytes memory node = proof[_where % proof.length];
        uint256 at = (_where >> 8) % node.length;
        node[at] = bytes1(uint8(node[at]) ^ _flip);
        vm.assertFalse(check(root, entry, proof), "one byte changed");
    }

    /// @notice Hostile nodes under a root that fits them: no answer but true or false.
    function testFuzz_includes_hostileNodes_total(bytes32 _key, bytes[] memory _nodes, uint256 _shape)
        public
        view
    {
        vm.assume(_nodes.length != 0);
        // Lists whose heads promise too much or too little, strings, deep nesting.
        for (uint256 i = 0; i < _nodes.length; ++i) {
            uint256 shape = (_shape >> (3 * (i % 80))) % 8;
            if (shape == 1) _nodes[i] = TrieBuilder.rlpList(_nodes[i]);
            if (shape == 2) _nodes[i] = bytes.concat(hex"c0", _nodes[i]);
            if (shape == 3) _nodes[i] = bytes.concat(hex"f9ffff", _nodes[i]);
            if (shape == 4) _nodes[i] = bytes.concat(hex"ffffffffffffffffff", _nodes[i]);
            if (shape == 5) {
                _nodes[i] = TrieBuilder.rlpList(bytes.concat(hex"20", TrieBuilder.rlpString(_nodes[i])));
            }
            if (shape == 6) {
                _nodes[i] = TrieBuilder.rlpList(bytes.concat(hex"00c200c200c20080", hex"c0", _nodes[i]));
            }
            if (shape == 7) _nodes[i] = TrieBuilder.rlpList(hex"c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0");
        }
        bytes32 root = keccak256(_nodes[0]);
        // A leaf can hold the value, of course: under a root that was made for it. For no other value, then.
        bool one = verifier.includes(root, _key, hex"01", _nodes);
        bool two = verifier.includes(root, _key, hex"02", _nodes);
        vm.assertFalse(one && two);
        vm.assertFalse(verifier.includes(bytes32(uint256(root) ^ 1), _key, hex"01", _nodes));
    }

    function test_includes_malformedNodes_false() public view {
        bytes32 key = bytes32(type(uint256).max);
        bytes[18] memory nodes = [
            bytes(""),
            hex"00",
            hex"80",
            hex"c0",
            hex"c101",
            hex"c22001",
            hex"c2ff01",
            hex"c28001",
            hex"c3202001",
            hex"c2c001",
            hex"c220c0",
            hex"c3c12001",
            hex"d180808080808080808080808080808080c0",
            hex"d28080808080808080808080808080808080",
            hex"d1c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c080",
            hex"f8",
            hex"bfffffffffffffffffff",
            hex"c500c300c100"
        ];
        for (uint256 i = 0; i < nodes.length; ++i) {
            bytes[] memory proof = new bytes[](1);
            proof[0] = nodes[i];
            vm.assertFalse(verifier.includes(keccak256(nodes[i]), key, hex"01", proof));
            vm.assertFalse(verifier.includes(keccak256(nodes[i]), key, "", proof));
        }
        vm.assertFalse(verifier.includes(TrieBuilder.EMPTY_ROOT, key, "", new bytes[](0)));
    }

    /// @notice A path of more nibbles than the key has left, and one that ends before the key does.
    function test_includes_pathOfWrongLength_false() public view {
        bytes32 key = keccak256("key");
        bytes[] memory proof = new bytes[](1);
        bytes memory exact = bytes.concat(hex"20", key);
        bytes[3] memory paths = [exact, bytes.concat(exact, hex"00"), slice(exact, 0, 32)];
        for (uint256 i = 0; i < 3; ++i) {
            proof[0] = TrieBuilder.rlpList(bytes.concat(TrieBuilder.rlpString(paths[i]), hex"01"));
            vm.assertEq(verifier.includes(keccak256(proof[0]), key, hex"01", proof), i == 0);
        }
        // The same path in an extension: there is nothing behind the key.
        proof[0] = TrieBuilder.rlpList(
            bytes.concat(TrieBuilder.rlpString(bytes.concat(hex"00", key)), TrieBuilder.rlpString(hex"01"))
        );
        vm.assertFalse(verifier.includes(keccak256(proof[0]), key, hex"01", proof));
    }
}
