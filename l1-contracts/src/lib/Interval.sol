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
        // 16^k < n exactly if 1 ≤ ⌊(n - 1) / 16^k⌋: dividing cannot overflow.
        for (uint64 rest = (_n - 1) / MAX_PARTS; rest != 0; rest /= MAX_PARTS) {
            stride_ *= MAX_PARTS;
        }
    }

    /// @notice Number of parts: `⌈n / stride⌉`, at most 16.
    function parts(uint64 _n) internal pure returns (uint64 parts_) {
        parts_ = (_n - 1) / stride(_n) + 1;
    }
}
