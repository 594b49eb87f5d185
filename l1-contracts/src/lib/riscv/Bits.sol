// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Bits
/// @notice Bit counting and byte order of 64-bit words. Every argument must be below 2^64.
library Bits {
    /// @notice Number of ones.
    function count(uint256 _x) internal pure returns (uint256 count_) {
        unchecked {
            // Sums in fields of 2, 4 and 8 bits; the product adds up the bytes in its eighth byte.
            _x = _x - ((_x >> 1) & 0x5555555555555555);
            _x = (_x & 0x3333333333333333) + ((_x >> 2) & 0x3333333333333333);
            _x = (_x + (_x >> 4)) & 0x0f0f0f0f0f0f0f0f;
            count_ = ((_x * 0x0101010101010101) >> 56) & 0xff;
        }
    }

    /// @notice Number of bits up to the highest one: ⌊log₂ x⌋ + 1, and 0 for 0.
    function bitLength(uint256 _x) internal pure returns (uint256 length_) {
        // Fill all bits below the highest one.
        _x |= _x >> 1;
        _x |= _x >> 2;
        _x |= _x >> 4;
        _x |= _x >> 8;
        _x |= _x >> 16;
        _x |= _x >> 32;
        length_ = count(_x);
    }

    /// @notice Number of zeroes below the lowest one; `_width` (32 or 64) for 0.
    function trailingZeroes(uint256 _x, uint256 _width) internal pure returns (uint256 zeroes_) {
        unchecked {
            // The lowest one minus 1 has a one for each zero below it; for 0 that is all ones.
            uint256 below = (_x & (0 - _x)) - 1;
            zeroes_ = count(below & ((1 << _width) - 1));
        }
    }

    /// @notice The eight bytes in reverse order.
    function reverseBytes(uint256 _x) internal pure returns (uint256 reversed_) {
        _x = ((_x & 0x00ff00ff00ff00ff) << 8) | ((_x >> 8) & 0x00ff00ff00ff00ff);
        _x = ((_x & 0x0000ffff0000ffff) << 16) | ((_x >> 16) & 0x0000ffff0000ffff);
        reversed_ = ((_x & 0x00000000ffffffff) << 32) | (_x >> 32);
    }

    /// @notice Each byte 0xff if it has any one, otherwise 0.
    function orCombineBytes(uint256 _x) internal pure returns (uint256 combined_) {
        unchecked {
            // Collect each byte's bits in its lowest one, and spread that.
            _x = (_x | (_x >> 4)) & 0x0f0f0f0f0f0f0f0f;
            _x = (_x | (_x >> 2)) & 0x0303030303030303;
            _x = (_x | (_x >> 1)) & 0x0101010101010101;
            combined_ = _x * 0xff;
        }
    }
}
