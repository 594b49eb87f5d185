// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title DepositPrice
/// @notice How the price of deposits grows with the backlog.
library DepositPrice {
    /// @notice Unserved gas from which on the price grows: the batcher posts at once where there is more.
    uint256 internal constant USUAL_BACKLOG = 40_000_000;
    /// @notice Unserved gas beyond it with which the price doubles.
    uint256 internal constant DOUBLING = 100_000_000;
    /// @notice Most doublings. At 2^6 = 64 times the price, a deposit of the most gas still fits one L1 transaction
    ///         (EIP-7825), so that no flood closes the way out.
    uint256 internal constant MAX_DOUBLINGS = 6;

    /// @notice What the price of a deposit is multiplied by.
    /// @dev Without a branch: computing it costs the same whatever the backlog, so that a gas estimate holds until the
    ///      price doubles.
    /// @param _unserved Gas of the messages before it that no batch has covered.
    function factor(uint256 _unserved) internal pure returns (uint256 factor_) {
        unchecked {
            uint256 doublings = (Math.max(_unserved, USUAL_BACKLOG) - USUAL_BACKLOG) / DOUBLING;
            factor_ = 1 << Math.min(doublings, MAX_DOUBLINGS);
        }
    }
}
