// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bits} from "./Bits.sol";
import {Precompile} from "./Precompile.sol";

/// @title Accelerator
/// @notice The operations of ACCEL: keccak256 (0) and the L1 precompiles, each under its address. Input and output
///         stand at the start of a page in memory.
library Accelerator {
    /// @notice Most gas that an operation may cost by the table; the VM exits where one would cost more.
    uint256 internal constant MAX_GAS = 1_000_000;

    uint256 internal constant KECCAK256 = 0;
    uint256 internal constant ECRECOVER = 1;
    uint256 internal constant SHA256 = 2;
    uint256 internal constant RIPEMD160 = 3;
    uint256 internal constant IDENTITY = 4;
    uint256 internal constant MODEXP = 5;
    uint256 internal constant BN254_ADD = 6;
    uint256 internal constant BN254_MUL = 7;
    uint256 internal constant BN254_PAIRING = 8;
    uint256 internal constant BLAKE2F = 9;
    uint256 internal constant POINT_EVALUATION = 10;
    uint256 internal constant BLS_G1_ADD = 11;
    uint256 internal constant BLS_G1_MSM = 12;
    uint256 internal constant BLS_G2_ADD = 13;
    uint256 internal constant BLS_G2_MSM = 14;
    uint256 internal constant BLS_PAIRING = 15;
    uint256 internal constant BLS_MAP_G1 = 16;
    uint256 internal constant BLS_MAP_G2 = 17;
    uint256 internal constant P256VERIFY = 256;

    /// @notice Longest output, that of an identity or a modexp over as much input.
    uint256 private constant MAX_OUTPUT = 1024;
    /// @notice Length of a blake2f input; any other fails.
    uint256 private constant BLAKE2F_LENGTH = 213;
    /// @notice Longest base, exponent and modulus (EIP-7823).
    uint256 private constant MODEXP_MAX_LENGTH = 1024;
    /// @notice Length of the modexp input's header, three lengths of 32 bytes.
    uint256 private constant MODEXP_HEADER = 96;

    /// @notice Whether there is such an operation.
    function isKnown(uint256 _op) internal pure returns (bool known_) {
        known_ = _op <= BLS_MAP_G2 || _op == P256VERIFY;
    }

    /// @notice The VM's table: gas that a known operation costs on L1 since Osaka, where none costs more than before;
    ///         more than `MAX_GAS` if it cannot be run. Discounts of multi-scalar multiplications are not counted.
    /// @param _page Where the input stands in memory.
    /// @param _length Its length in bytes.
    function cost(uint256 _op, uint256 _page, uint256 _length) internal pure returns (uint256 cost_) {
        unchecked {
            uint256 words = (_length + 31) / 32;
            if (_op == KECCAK256) return 0;
            // The Yellow Paper.
            if (_op == ECRECOVER) return 3000;
            if (_op == SHA256) return 60 + 12 * words;
            if (_op == RIPEMD160) return 600 + 120 * words;
            if (_op == IDENTITY) return 15 + 3 * words;
            // EIP-7883, EIP-7823.
            if (_op == MODEXP) return _modexpCost(_page, _length);
            // EIP-1108.
            if (_op == BN254_ADD) return 150;
            if (_op == BN254_MUL) return 6000;
            if (_op == BN254_PAIRING) return 45_000 + 34_000 * (_length / 192);
            // EIP-152: one gas for each round, whose number is the first four bytes.
            if (_op == BLAKE2F) return _length == BLAKE2F_LENGTH ? _inputWord(_page, _length, 0) >> 224 : 0;
            // EIP-4844.
            if (_op == POINT_EVALUATION) return 50_000;
            // EIP-2537.
            if (_op == BLS_G1_ADD) return 375;
            if (_op == BLS_G1_MSM) return 12_000 * (_length / 160);
            if (_op == BLS_G2_ADD) return 600;
            if (_op == BLS_G2_MSM) return 22_500 * (_length / 288);
            if (_op == BLS_PAIRING) return 37_700 + 32_600 * (_length / 384);
            if (_op == BLS_MAP_G1) return 5500;
            if (_op == BLS_MAP_G2) return 23_800;
            // EIP-7951.
            return 6900; // P256VERIFY
        }
    }

    /// @notice Runs a known operation. Its output overwrites the start of the page; if it fails, the page stays.
    /// @param _cost Its cost by the table, at most `MAX_GAS`.
    /// @return success_ Whether it succeeded.
    /// @return outputLength_ Length of its output; 0 if it failed.
    function run(uint256 _op, uint256 _page, uint256 _length, uint256 _cost)
        internal
        view
        returns (bool success_, uint256 outputLength_)
    {
        if (_op == KECCAK256) {
            assembly ("memory-safe") {
                mstore(_page, keccak256(_page, _length))
            }
            return (true, 32);
        }
        return Precompile.call(_op, _cost, _page, _length, _page, MAX_OUTPUT);
    }

    /// @notice The cost of modexp by EIP-7883.
    function _modexpCost(uint256 _page, uint256 _length) private pure returns (uint256 cost_) {
        uint256 baseLength = _inputWord(_page, _length, 0);
        uint256 exponentLength = _inputWord(_page, _length, 32);
        uint256 modulusLength = _inputWord(_page, _length, 64);
        if (
            baseLength > MODEXP_MAX_LENGTH || exponentLength > MODEXP_MAX_LENGTH
                || modulusLength > MODEXP_MAX_LENGTH
        ) return type(uint256).max;
        unchecked {
            uint256 words = ((baseLength > modulusLength ? baseLength : modulusLength) + 7) / 8;
            uint256 complexity = words > 4 ? 2 * words * words : 16;

            uint256 head = _inputWord(_page, _length, MODEXP_HEADER + baseLength);
            if (exponentLength < 32) head >>= 8 * (32 - exponentLength);
            uint256 iterations = _bitLength(head);
            if (iterations != 0) --iterations;
            if (exponentLength > 32) iterations += 16 * (exponentLength - 32);
            if (iterations == 0) iterations = 1;

            cost_ = complexity * iterations;
            if (cost_ < 500) cost_ = 500;
        }
    }

    /// @notice The 32 bytes of the input from an offset on; zeroes stand behind the input.
    function _inputWord(uint256 _page, uint256 _length, uint256 _offset) private pure returns (uint256 word_) {
        if (_offset >= _length) return 0;
        assembly ("memory-safe") {
            word_ := mload(add(_page, _offset))
        }
        unchecked {
            // The rest of the page, and what stands behind it, is no part of the input.
            uint256 left = _length - _offset;
            if (left < 32) word_ &= ~(type(uint256).max >> (8 * left));
        }
    }

    /// @notice Number of bits of a 256-bit number up to its highest one.
    function _bitLength(uint256 _x) private pure returns (uint256 length_) {
        unchecked {
            while (_x >> 64 != 0) {
                _x >>= 64;
                length_ += 64;
            }
            length_ += Bits.bitLength(_x);
        }
    }
}
