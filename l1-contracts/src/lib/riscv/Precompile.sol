// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";

/// @title Precompile
/// @notice Calls a precompile in such a way that it cannot fail for lack of gas, also where L1 has come to charge more
///         for it than the VM's table says.
library Precompile {
    /// @notice How many times its cost by the table a call is given.
    uint256 private constant FACTOR = 4;
    /// @notice Gas that a call is given besides: repricings of what is cheap have been by larger factors.
    uint256 private constant SURPLUS = 200_000;
    /// @notice Gas for what stands between the check of the gas left and the call, some 150: comparisons, the call's
    ///         arguments and its base cost (precompiles are warm, and no memory is new).
    uint256 private constant MARGIN = 1000;

    /// @notice Calls a precompile with four times the gas that it costs, and 200,000. Reverts if that is not there.
    /// @dev An L1 fork that reprices a precompile within this changes what a step costs, and never its result. A
    ///      successful call costs what L1 charges; one that fails burns all that it was given.
    /// @param _precompile Its address.
    /// @param _cost What it costs by the VM's table.
    /// @param _input Where its input stands in memory.
    /// @param _length The input's length.
    /// @param _output Where its output goes: memory in use, which may be the input's.
    /// @param _space Space for the output, at least its greatest length.
    /// @return success_ Whether it succeeded.
    /// @return outputLength_ Length of its output; 0 if it failed.
    function call(
        uint256 _precompile,
        uint256 _cost,
        uint256 _input,
        uint256 _length,
        uint256 _output,
        uint256 _space
    ) internal view returns (bool success_, uint256 outputLength_) {
        // SAFETY: whoever calls `step` chooses the gas. A call gets no more than 63/64 of what is left, whatever it
        // asks for (EIP-150), so without this check one could make a valid precompile call fail, and prove a wrong
        // step. Nor can a call fail for its depth: to stand at depth 1,024 with this much gas, one would have to
        // start with more than 10^10.
        uint256 given = FACTOR * _cost + SURPLUS;
        uint256 available = gasleft();
        available -= available / 64;
        if (available < given + MARGIN) revert IRiscV.NotEnoughGas(given + MARGIN, available);
        assembly ("memory-safe") {
            success_ := staticcall(given, _precompile, _input, _length, _output, _space)
            // A precompile that fails returns nothing, so nothing was written then.
            outputLength_ := returndatasize()
        }
    }
}
