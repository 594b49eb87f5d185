// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Interval
/// @notice How an interval of `n` blocks or steps is cut: into segments of one size, a power of 16. The last segment may be
///         shorter. `n` must be at least 1; 0 reverts.
library Interval {
    /// @notice Most segments of an interval.
    uint64 internal constant MAX_SEGMENTS = 16;

    /// @notice Size of a segment: the largest power of 16 strictly below `_n`, at least 1.
    function stride(uint64 _n) internal pure returns (uint64 stride_) {
        stride_ = 1;
        uint64 rest = (_n - 1) / MAX_SEGMENTS;
        // SAFETY: 16^k < n exactly if 1 ≤ ⌊(n - 1) / 16^k⌋, so the stride stays below n and cannot overflow.
        unchecked {
            for (; rest != 0; rest /= MAX_SEGMENTS) {
                stride_ *= MAX_SEGMENTS;
            }
        }
    }

    /// @notice Number of segments: `⌈n / stride⌉`, at most 16.
    function segments(uint64 _n) internal pure returns (uint64 segments_) {
        segments_ = (_n - 1) / stride(_n) + 1;
    }

    /// @notice Where a segment lies.
    /// @param _n Length of the interval.
    /// @param _index The segment, below `segments(_n)`.
    /// @return offset_ Blocks or steps of the interval before it.
    /// @return length_ Its length.
    function segment(uint64 _n, uint64 _index) internal pure returns (uint64 offset_, uint64 length_) {
        uint64 size = stride(_n);
        // SAFETY: a segment below `segments(_n)` begins inside the interval.
        unchecked {
            offset_ = size * _index;
            length_ = _n - offset_ < size ? _n - offset_ : size;
        }
    }
}
