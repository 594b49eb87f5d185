// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title BlockAllowance
/// @notice A token bucket of L2 blocks: bounds their number against L1's time.
library BlockAllowance {
    /// @notice Blocks that a second adds.
    uint64 internal constant RATE = 100;
    /// @notice Most blocks that can be saved up: ten minutes' worth.
    uint64 internal constant BURST = 60_000;

    /// @notice The allowance after some seconds.
    function refill(uint64 _allowance, uint64 _elapsed) internal pure returns (uint64 allowance_) {
        uint256 sum = _allowance + uint256(_elapsed) * RATE;
        allowance_ = sum < BURST ? uint64(sum) : BURST;
    }

    /// @notice What is left after some blocks, not below zero.
    function spend(uint64 _allowance, uint64 _blocks) internal pure returns (uint64 allowance_) {
        allowance_ = _allowance > _blocks ? _allowance - _blocks : 0;
    }
}
