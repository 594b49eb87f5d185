// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";

/// @title Preimage
/// @notice Keccak-256 preimages in calldata.
library Preimage {
    /// @notice Reverts unless the hash is that of the `_length` bytes at `_at`.
    function check(bytes32 _hash, uint256 _at, uint256 _length) internal pure {
        bytes32 actual;
        assembly ("memory-safe") {
            // Free memory is used and left free: nothing else needs the copy.
            let copy := mload(0x40)
            calldatacopy(copy, _at, _length)
            actual := keccak256(copy, _length)
        }
        if (actual != _hash) revert IRiscV.WrongPreimage(_hash, actual);
    }

    /// @notice The 32 bytes from an offset on, zero beyond the preimage's end.
    function part(uint256 _at, uint256 _length, uint256 _offset) internal pure returns (bytes32 part_) {
        if (_offset >= _length) return 0;
        unchecked {
            uint256 at = _at + _offset;
            assembly ("memory-safe") {
                part_ := calldataload(at)
            }
            // SAFETY: calldata may go on behind the preimage, with whatever the caller likes.
            uint256 left = _length - _offset;
            if (left < 32) part_ &= ~bytes32(type(uint256).max >> (8 * left));
        }
    }
}
