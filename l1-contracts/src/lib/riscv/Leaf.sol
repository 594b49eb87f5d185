// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bits} from "./Bits.sol";

/// @title Leaf
/// @notice Little-endian numbers of 1, 2, 4 or 8 bytes inside a leaf of memory. Addresses are aligned to the size.
library Leaf {
    /// @notice The number at an address.
    function get(bytes32 _leaf, uint256 _address, uint256 _size) internal pure returns (uint256 value_) {
        unchecked {
            uint256 bigEndian = (uint256(_leaf) >> _shift(_address, _size)) & _mask(_size);
            value_ = Bits.reverseBytes(bigEndian) >> (64 - 8 * _size);
        }
    }

    /// @notice The leaf with the low `_size` bytes of a 64-bit number at an address.
    function set(bytes32 _leaf, uint256 _address, uint256 _size, uint256 _value)
        internal
        pure
        returns (bytes32 leaf_)
    {
        unchecked {
            uint256 bigEndian = Bits.reverseBytes(_value) >> (64 - 8 * _size);
            uint256 shift = _shift(_address, _size);
            leaf_ = bytes32((uint256(_leaf) & ~(_mask(_size) << shift)) | (bigEndian << shift));
        }
    }

    /// @notice A number of `_size` bytes, sign-extended to 256 bits.
    function signExtend(uint256 _value, uint256 _size) internal pure returns (uint256 extended_) {
        assembly ("memory-safe") {
            extended_ := signextend(sub(_size, 1), _value)
        }
    }

    /// @notice Bits of the leaf behind the number.
    function _shift(uint256 _address, uint256 _size) private pure returns (uint256 shift_) {
        unchecked {
            shift_ = 8 * (32 - (_address & 31) - _size);
        }
    }

    /// @notice Ones in the low `_size` bytes.
    function _mask(uint256 _size) private pure returns (uint256 mask_) {
        unchecked {
            mask_ = (1 << (8 * _size)) - 1;
        }
    }
}
