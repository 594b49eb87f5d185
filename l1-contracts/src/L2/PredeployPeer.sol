// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title PredeployPeer
/// @notice A predeploy with a counterpart on L1. The genesis state sets slot 0, so this must be the first contract that
///         one inherits from; there is no constructor.
abstract contract PredeployPeer {
    /// @notice The contract on L1. Storage slot 0.
    address internal _peer;
}
