// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title Counter
/// @notice The smallest useful contract: one number and one event. For tests and benchmarks.
contract Counter {
    /// @notice The number changed.
    event Incremented(address indexed by, uint256 number);

    /// @notice The number cannot exceed what the caller asked for.
    error TooLarge(uint256 limit, uint256 number);

    /// @notice The number.
    uint256 public number;

    /// @notice Adds one.
    function increment() external {
        _set(number + 1);
    }

    /// @notice Sets the number.
    function setNumber(uint256 value) external payable {
        _set(value);
    }

    /// @notice Reverts with `TooLarge` if the number exceeds `limit`, and with a reason if `limit` is zero.
    function check(uint256 limit) external view {
        require(limit != 0, "limit is zero");
        if (number > limit) revert TooLarge(limit, number);
    }

    function _set(uint256 value) private {
        number = value;
        emit Incremented(msg.sender, value);
    }
}
