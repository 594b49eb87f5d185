// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IProxyAdmin
/// @notice The admin of one proxy (OpenZeppelin 5); the Timelock owns it.
interface IProxyAdmin {
    /// @notice Gives the proxy another implementation, and calls it with `data` unless that is empty. Only the owner.
    function upgradeAndCall(address proxy, address implementation, bytes calldata data) external payable;
    /// @notice Makes another account the owner. Only the owner.
    function transferOwnership(address newOwner) external;
    /// @notice The owner.
    function owner() external view returns (address);
}
