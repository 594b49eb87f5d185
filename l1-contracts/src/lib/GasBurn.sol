// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title GasBurn
/// @notice Spends gas.
library GasBurn {
    /// @notice Spends at least `_amount` gas, and less than 200 more. The same for the same amount, whatever the
    ///         block.
    function burn(uint256 _amount) internal view {
        uint256 start = gasleft();
        while (start - gasleft() < _amount) {}
    }
}
