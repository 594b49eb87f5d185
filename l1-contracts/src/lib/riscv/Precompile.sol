// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";

/// @title Precompile
/// @notice Calls a precompile in such a way that it cannot fail for lack of gas.
library Precompile {
    /// @notice Gas for what stands between the check of the gas left and the call, some 150: comparisons, the call's
    ///         arguments and its base cost (precompiles are warm, and no memory is new).
    uint256 private constant MARGIN = 1000;

    /// @notice Calls a precompile with exactly the gas that it may cost. Reverts if that is not there.
    /// @param _precompile Its address.
    /// @param _gas What it costs at most.
    /// @param _input Where its input stands in memory.
    /// @param _length The input's length.
    /// @param _output Where its output goes: memory in use, which may be the input's.
    /// @param _space Space for the output, at least its greatest length.
    /// @return success_ Whether it succeeded.
    /// @return outputLength_ Length of its output; 0 if it failed.
    function call(
        uint256 _precompile,
        uint256 _gas,
        uint256 _input,
        uint256 _length,
        uint256 _output,
        uint256 _space
    ) internal view returns (bool success_, uint256 outputLength_) {
        // SAFETY: whoever calls `step` chooses the gas. A call gets no more than 63/64 of what is left, whatever it
        // asks for (EIP-150), so without this check one could make a valid precompile call fail, and prove a wrong
        // step. Nor can a call fail for its depth: to stand at depth 1,024 with this much gas, one would have to
        // start with more than 10^10.
        uint256 available = gasleft();
        available -= available / 64;
        if (available < _gas + MARGIN) revert IRiscV.NotEnoughGas(_gas + MARGIN, available);
        assembly ("memory-safe") {
            success_ := staticcall(_gas, _precompile, _input, _length, _output, _space)
            // A precompile that fails returns nothing, so nothing was written then.
            outputLength_ := returndatasize()
        }
    }
}
