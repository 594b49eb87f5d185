// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title SafeCall
/// @notice Calls to targets that nobody vouches for, with a guaranteed amount of gas.
library SafeCall {
    /// @notice Most gas that a call costs the caller before the target runs: a cold account (2,600), value (9,000), an
    ///         account that did not exist (25,000), and a few instructions between the check and the call.
    uint256 internal constant CALL_OVERHEAD = 40_000;

    /// @notice Whether a call made now gives its target at least `_minGas`, leaving the caller `_reserved`.
    /// @dev A call passes on at most 63/64 of the gas that is left.
    function hasMinGas(uint256 _minGas, uint256 _reserved) internal view returns (bool) {
        uint256 left = gasleft();
        uint256 taken = CALL_OVERHEAD + _reserved;
        // Written so that no `_minGas` overflows.
        return left > taken && (left - taken) * 63 / 64 >= _minGas;
    }

    /// @notice Calls `_target`. What it returns is not copied: its length is the target's choice and would be paid
    ///         here.
    function call(address _target, uint256 _gas, uint256 _value, bytes memory _data)
        internal
        returns (bool success_)
    {
        assembly ("memory-safe") {
            success_ := call(_gas, _target, _value, add(_data, 0x20), mload(_data), 0, 0)
        }
    }
}
