// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title MessageGas
/// @notice What messages count against the gas that L2's blocks have for them.
library MessageGas {
    /// @notice Least gas of a message. Those that are no deposits count as this much.
    uint64 internal constant MINIMUM = 21_000;
    /// @notice Most gas of a message, and the gas of messages that every L2 block of a batch stands for. A block that
    ///         takes messages in order up to 20,000,000 gas therefore takes more than this, or all there is.
    uint64 internal constant GUARANTEE = 10_000_000;
}
