// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ChunkHash} from "../src/lib/ChunkHash.sol";
import {FastLz} from "../src/lib/FastLz.sol";
import {GameArgs, GameArgsLib} from "../src/lib/GameArgs.sol";
import {Interval} from "../src/lib/Interval.sol";
import {TxEnvelope} from "../src/lib/TxEnvelope.sol";
import {System} from "./System.t.sol";

contract LibrariesTest is System {
    // Calldata for the libraries.

    function hashOf(bytes calldata _data) external pure returns (bytes32) {
        return ChunkHash.hash(_data);
    }

    function lengthOf(bytes calldata _data) external pure returns (uint256) {
        return FastLz.compressedLength(_data);
    }

    function isSigned(bytes calldata _tx) external pure returns (bool) {
        return TxEnvelope.isSigned(_tx);
    }

    function strideOf(uint64 _n) external pure returns (uint64) {
        return Interval.stride(_n);
    }

    // Interval.

    function test_interval_table() public pure {
        vm.assertEq(Interval.stride(1), 1);
        vm.assertEq(Interval.segments(1), 1);
        vm.assertEq(Interval.stride(2), 1);
        vm.assertEq(Interval.segments(2), 2);
        vm.assertEq(Interval.stride(16), 1);
        vm.assertEq(Interval.segments(16), 16);
        vm.assertEq(Interval.stride(17), 16);
        vm.assertEq(Interval.segments(17), 2);
        vm.assertEq(Interval.stride(256), 16);
        vm.assertEq(Interval.segments(256), 16);
        vm.assertEq(Interval.stride(257), 256);
        vm.assertEq(Interval.segments(257), 2);
        vm.assertEq(Interval.stride(1 << 60), 1 << 56);
        vm.assertEq(Interval.stride((1 << 60) + 1), 1 << 60);
        vm.assertEq(Interval.stride(type(uint64).max), 1 << 60);
        vm.assertEq(Interval.segments(type(uint64).max), 16);
    }

    function test_interval_zero_reverts() public {
        vm.expectRevert();
        this.strideOf(0);
    }

    function testFuzz_interval_definition(uint64 _n, uint8 _shift) public pure {
        _n = (_n >> (_shift % 64)) | 1;
        uint256 stride = Interval.stride(_n);
        uint256 parts = Interval.segments(_n);
        // The largest power of 16 strictly below n, at least 1.
        uint256 expected = 1;
        while (expected * 16 < _n) expected *= 16;
        vm.assertEq(stride, expected);
        // The parts cover the interval, none is empty, and there are at most 16.
        vm.assertGe(parts * stride, _n);
        vm.assertLt((parts - 1) * stride, _n);
        vm.assertLe(parts, 16);
    }

    // Chunk hash.

    function test_chunkHash_empty() public view {
        vm.assertEq(this.hashOf(""), keccak256(""));
    }

    function test_chunkHash_boundaries() public view {
        uint256[7] memory lengths = [uint256(1), 4095, 4096, 4097, 8192, 8193, 12_289];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory data = noise(lengths[i], i);
            vm.assertEq(this.hashOf(data), chunkHash(data));
        }
        vm.assertEq(this.hashOf("abc"), keccak256(bytes.concat(keccak256("abc"))));
    }

    function testFuzz_chunkHash_matchesReference(uint16 _length, uint256 _seed) public view {
        bytes memory data = noise(_length % 10_000, _seed);
        vm.assertEq(this.hashOf(data), chunkHash(data));
    }

    // Game arguments.

    function testFuzz_gameArgs_roundTrip(GameArgs memory _args) public pure {
        bytes memory packed = GameArgsLib.encode(_args);
        vm.assertEq(packed.length, 7 * 32);
        vm.assertEq(abi.encode(GameArgsLib.decode(packed)), abi.encode(_args));
    }

    // FastLZ.

    function test_fastLz_matchesExecutionEngine() public view {
        string memory json = vm.readFile("test/vectors/fastlz.json");
        bytes[] memory data = vm.parseJsonBytesArray(json, ".data");
        uint256[] memory lengths = vm.parseJsonUintArray(json, ".lengths");
        vm.assertGt(data.length, 50);
        vm.assertEq(data.length, lengths.length);
        for (uint256 i = 0; i < data.length; ++i) {
            vm.assertEq(this.lengthOf(data[i]), lengths[i]);
        }
    }

    function testFuzz_fastLz_boundedByLiterals(bytes memory _data) public view {
        uint256 length = this.lengthOf(_data);
        vm.assertLe(length, _data.length + (_data.length + 31) / 32);
        // Repeating data costs next to nothing.
        vm.assertLe(this.lengthOf(bytes.concat(_data, _data)), 2 * (length + 2) + 3);
    }

    // Transactions.

    function list(bytes memory _items) internal pure returns (bytes memory) {
        if (_items.length < 56) return bytes.concat(bytes1(uint8(0xc0 + _items.length)), _items);
        return bytes.concat(hex"f9", bytes2(uint16(_items.length)), _items);
    }

    function test_isSigned_byTypeAndFields() public view {
        bytes memory r = bytes.concat(hex"a0", keccak256("r"));
        bytes memory signature = bytes.concat(hex"01", r, hex"a0", keccak256("s"));
        bytes memory legacy = hex"01020394000000000000000000000000000000000000000080820102";
        bytes memory blob = bytes.concat(hex"b90123", new bytes(0x123));

        vm.assertFalse(this.isSigned(list(legacy)));
        vm.assertFalse(this.isSigned(list(bytes.concat(legacy, hex"018080"))));
        vm.assertTrue(this.isSigned(list(bytes.concat(legacy, signature))));
        vm.assertTrue(this.isSigned(list(bytes.concat(legacy, hex"010203"))));
        // EIP-1559: chain id, nonce, two fees, gas, to, value, data, access list.
        bytes memory fields = bytes.concat(hex"0102030405", hex"80", hex"07", blob, hex"c0");
        vm.assertFalse(this.isSigned(bytes.concat(hex"02", list(fields))));
        vm.assertTrue(this.isSigned(bytes.concat(hex"02", list(bytes.concat(fields, signature)))));
        vm.assertFalse(this.isSigned(bytes.concat(hex"02", list(bytes.concat(fields, signature, hex"01")))));
        // EIP-2930 has one fee less, EIP-7702 one list more.
        bytes memory shorter = bytes.concat(hex"01020304", hex"80", hex"07", blob, hex"c0");
        vm.assertFalse(this.isSigned(bytes.concat(hex"01", list(shorter))));
        vm.assertTrue(this.isSigned(bytes.concat(hex"01", list(bytes.concat(shorter, signature)))));
        bytes memory longer = bytes.concat(fields, hex"c0");
        vm.assertFalse(this.isSigned(bytes.concat(hex"04", list(longer))));
        vm.assertTrue(this.isSigned(bytes.concat(hex"04", list(bytes.concat(longer, signature)))));
        // Trailing or missing bytes, other types.
        vm.assertFalse(this.isSigned(bytes.concat(hex"02", list(bytes.concat(fields, signature)), hex"00")));
        vm.assertFalse(this.isSigned(bytes.concat(hex"7e", list(bytes.concat(fields, signature)))));
        vm.assertFalse(this.isSigned(""));
        vm.assertFalse(this.isSigned(hex"02"));
        vm.assertFalse(this.isSigned(hex"c0"));
    }

    function testFuzz_isSigned_neverReverts(bytes memory _data, uint8 _type, bool _list) public view {
        this.isSigned(_data);
        this.isSigned(bytes.concat(bytes1(_type % 5), _list ? list(_data) : _data));
    }
}
