// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";

/// @notice A witness that is being read, as positions in calldata.
struct Witness {
    uint256 start;
    uint256 next;
    uint256 end;
}

using WitnessLib for Witness global;

/// @title WitnessLib
/// @notice Hands out the parts of a witness in their order. Nothing past its end is ever read, and nothing may be
///         left over.
library WitnessLib {
    /// @notice Starts reading.
    function open(bytes calldata _data) internal pure returns (Witness memory witness_) {
        uint256 start;
        assembly ("memory-safe") {
            start := _data.offset
        }
        witness_.start = start;
        witness_.next = start;
        witness_.end = start + _data.length;
    }

    /// @notice The next `_length` bytes.
    /// @return at_ Where they stand in calldata.
    function take(Witness memory _witness, uint256 _length) internal pure returns (uint256 at_) {
        at_ = _witness.next;
        uint256 next = at_ + _length;
        // INVARIANT: what is read as witness is witness, never other calldata or the zeroes behind it.
        if (next > _witness.end) {
            revert IRiscV.WrongWitnessLength(next - _witness.start, _witness.end - _witness.start);
        }
        _witness.next = next;
    }

    /// @notice All bytes that are left.
    /// @return at_ Where they stand in calldata.
    /// @return length_ Their number.
    function takeRest(Witness memory _witness) internal pure returns (uint256 at_, uint256 length_) {
        at_ = _witness.next;
        length_ = _witness.end - at_;
        _witness.next = _witness.end;
    }

    /// @notice Ends reading. Reverts if anything is left.
    function close(Witness memory _witness) internal pure {
        // INVARIANT: one step has one witness, so that clients on and off the chain agree on what it is.
        if (_witness.next != _witness.end) {
            revert IRiscV.WrongWitnessLength(_witness.next - _witness.start, _witness.end - _witness.start);
        }
    }
}
