// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Interval
/// @notice How a claim over `n` units is cut: into parts of one size, a power of 16, the last part possibly shorter.
///         `n` must be at least 1; 0 reverts.
library Interval {
    /// @notice Most parts of an interval.
    uint64 internal constant MAX_PARTS = 16;

    /// @notice Size of a part: the largest power of 16 strictly below `_n`, at least 1.
    function stride(uint64 _n) internal pure returns (uint64 stride_) {
        stride_ = 1;
        uint64 rest = (_n - 1) / MAX_PARTS;
        // SAFETY: 16^k < n exactly if 1 ≤ ⌊(n - 1) / 16^k⌋, so the stride stays below n and cannot overflow.
        unchecked {
            for (; rest != 0; rest /= MAX_PARTS) {
                stride_ *= MAX_PARTS;
            }
        }
    }

    /// @notice Number of parts: `⌈n / stride⌉`, at most 16.
    function parts(uint64 _n) internal pure returns (uint64 parts_) {
        parts_ = (_n - 1) / stride(_n) + 1;
    }

    /// @notice Where a part lies.
    /// @param _n Length of the interval.
    /// @param _index The part, below `parts(_n)`.
    /// @return offset_ Units of the interval before it.
    /// @return length_ Its length.
    function part(uint64 _n, uint64 _index) internal pure returns (uint64 offset_, uint64 length_) {
        uint64 size = stride(_n);
        // SAFETY: a part below `parts(_n)` begins inside the interval.
        unchecked {
            offset_ = size * _index;
            length_ = _n - offset_ < size ? _n - offset_ : size;
        }
    }
}
