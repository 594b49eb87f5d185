// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title TxEnvelope
/// @notice Tells signed transactions from unsigned ones by the fields of their RLP list.
library TxEnvelope {
    /// @notice Whether `_tx` is a well-formed transaction with a signature. False for everything else.
    /// @dev A signed transaction has all its fields, and the last one, the signature's `s`, is never zero. An
    ///      unsigned legacy one either lacks the last three fields or has two zeros there (EIP-155).
    function isSigned(bytes calldata _tx) internal pure returns (bool signed_) {
        if (_tx.length == 0) return false;
        uint8 first = uint8(_tx[0]);
        if (first >= 0xc0) return _isSignedList(_tx, 9);
        if (first == 1) return _isSignedList(_tx[1:], 11);
        if (first == 2) return _isSignedList(_tx[1:], 12);
        if (first == 4) return _isSignedList(_tx[1:], 13);
    }

    /// @notice Whether `_rlp` is one list of `_fields` items of which the last is not zero.
    function _isSignedList(bytes calldata _rlp, uint256 _fields) private pure returns (bool signed_) {
        if (_rlp.length == 0 || uint8(_rlp[0]) < 0xc0) return false;
        (uint256 start, uint256 end) = _item(_rlp, 0);
        if (end != _rlp.length) return false;

        uint256 count;
        uint256 last;
        while (start < end) {
            last = start;
            (, start) = _item(_rlp, start);
            ++count;
        }
        signed_ = start == end && count == _fields && _rlp[last] != 0x80;
    }

    /// @notice Where the payload of the item at `_offset` starts and ends; both may lie beyond the data.
    function _item(bytes calldata _rlp, uint256 _offset) private pure returns (uint256 start_, uint256 end_) {
        uint256 prefix = uint8(_rlp[_offset]);
        if (prefix < 0x80) return (_offset, _offset + 1);
        uint256 short = prefix < 0xc0 ? prefix - 0x80 : prefix - 0xc0;
        start_ = _offset + 1;
        if (short <= 55) return (start_, start_ + short);

        // Longer than 55 bytes: the length itself follows, in at most eight bytes.
        uint256 length;
        for (uint256 i = 0; i < short - 55; ++i) {
            length = (length << 8) | (start_ < _rlp.length ? uint8(_rlp[start_]) : 0xff);
            ++start_;
        }
        end_ = start_ + length;
    }
}
