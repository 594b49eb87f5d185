// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title FastLz
/// @notice Length of data compressed by FastLZ level 1, without compressing it. Equals the execution engine's
///         estimate for every input: the fee depends on it.
library FastLz {
    /// @notice Number of entries of the table of earlier positions, and how far back a match may reach.
    uint256 private constant WINDOW = 8192;
    /// @notice Multiplier of the table's hash.
    uint256 private constant HASH_MULTIPLIER = 2_654_435_769;
    /// @notice Longest literal run and longest match that one instruction can hold.
    uint256 private constant MAX_LITERALS = 32;
    uint256 private constant MAX_MATCH = 262;
    /// @notice No match starts within the last bytes of the data, and none reaches the very last.
    uint256 private constant SEARCH_MARGIN = 14;
    uint256 private constant MATCH_MARGIN = 4;

    /// @notice Length of `_data`, compressed.
    function compressedLength(bytes calldata _data) internal pure returns (uint256 size_) {
        unchecked {
            uint256 anchor;
            if (_data.length > SEARCH_MARGIN) {
                uint256[] memory table = new uint256[](WINDOW / 8);
                uint256 limit = _data.length - SEARCH_MARGIN;
                uint256 position = 2;
                while (true) {
                    uint256 candidate;
                    (position, candidate) = _findMatch(_data, table, position, limit);
                    if (position >= limit) break;

                    size_ += _literalsSize(position - anchor);
                    uint256 length = _matchLength(_data, candidate + 3, position + 3);
                    size_ += _matchSize(length);
                    position += length;
                    // The last two positions of the match can be matched again.
                    _exchange(table, _sequence(_data, position), position);
                    _exchange(table, _sequence(_data, position + 1), position + 1);
                    position += 2;
                    anchor = position;
                }
            }
            size_ += _literalsSize(_data.length - anchor);
        }
    }

    /// @notice The first position from `_position` on whose next three bytes occurred within the window, and where.
    ///         `_limit` or more if there is none.
    function _findMatch(bytes calldata _data, uint256[] memory _table, uint256 _position, uint256 _limit)
        private
        pure
        returns (uint256 position_, uint256 candidate_)
    {
        unchecked {
            for (position_ = _position; position_ < _limit; ++position_) {
                uint256 sequence = _sequence(_data, position_);
                candidate_ = _exchange(_table, sequence, position_);
                if (position_ - candidate_ < WINDOW && sequence == _sequence(_data, candidate_)) break;
            }
        }
    }

    /// @notice Number of equal bytes from `_left` and `_right` on, up to the end of what may match, plus one if a
    ///         differing byte ends them.
    function _matchLength(bytes calldata _data, uint256 _left, uint256 _right)
        private
        pure
        returns (uint256 length_)
    {
        unchecked {
            uint256 most = _data.length - MATCH_MARGIN - _right;
            while (length_ < most) {
                if (_data[_left + length_] != _data[_right + length_]) return length_ + 1;
                ++length_;
            }
        }
    }

    /// @notice Size of a run of literals: the bytes, and one instruction for each `MAX_LITERALS` begun.
    function _literalsSize(uint256 _count) private pure returns (uint256 size_) {
        unchecked {
            size_ = _count + (_count + MAX_LITERALS - 1) / MAX_LITERALS;
        }
    }

    /// @notice Size of a match, given its length beyond the first two bytes: long ones are split, and what is left
    ///         takes three bytes or, if short, two.
    function _matchSize(uint256 _length) private pure returns (uint256 size_) {
        unchecked {
            uint256 length = _length - 1;
            size_ = 3 * (length / MAX_MATCH) + (length % MAX_MATCH >= 6 ? 3 : 2);
        }
    }

    /// @notice The three bytes at `_position` as a little-endian number.
    function _sequence(bytes calldata _data, uint256 _position) private pure returns (uint256 sequence_) {
        uint256 word;
        // SAFETY: reads calldata only, which is zero beyond its end. Callers stay within the data.
        assembly ("memory-safe") {
            word := calldataload(add(_data.offset, _position))
        }
        sequence_ = (word >> 248) | ((word >> 232) & 0xff00) | ((word >> 216) & 0xff0000);
    }

    /// @notice Writes `_position` as the newest one of `_sequence_` into the table; returns the one before, 0 if
    ///         none. Eight entries of 32 bits share a word.
    function _exchange(uint256[] memory _table, uint256 _sequence_, uint256 _position)
        private
        pure
        returns (uint256 previous_)
    {
        unchecked {
            uint256 entry = ((_sequence_ * HASH_MULTIPLIER) >> 19) % WINDOW;
            uint256 shift = (entry % 8) * 32;
            uint256 word = _table[entry / 8];
            previous_ = (word >> shift) & type(uint32).max;
            _table[entry / 8] = word ^ ((previous_ ^ _position) << shift);
        }
    }
}
