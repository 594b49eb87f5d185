// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IL1CrossDomainMessenger
/// @notice What the messenger on L1 has besides ICrossDomainMessenger.
/// @dev Constructor of the implementation: `constructor(address portal)`.
interface IL1CrossDomainMessenger {
    /// @notice The Portal, where deposits go and withdrawals come from.
    function portal() external view returns (address);
    /// @notice The Portal, by the name that some clients use.
    function PORTAL() external view returns (address);
}
