// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IOptimismMintableERC20
/// @notice A token that stands for one of the other layer: the bridge mints and burns it.
/// @dev Constructor: `constructor(address bridge, address remoteToken, string name, string symbol, uint8 decimals)`.
interface IOptimismMintableERC20 {
    /// @notice The bridge minted tokens.
    event Mint(address indexed account, uint256 amount);
    /// @notice The bridge burnt tokens.
    event Burn(address indexed account, uint256 amount);

    /// @notice Only the bridge may call.
    error NotBridge(address caller);

    /// @notice Mints tokens. Only the bridge.
    function mint(address to, uint256 amount) external;
    /// @notice Burns tokens. Only the bridge.
    function burn(address from, uint256 amount) external;
    /// @notice The token of the other layer.
    function remoteToken() external view returns (address);
    /// @notice The bridge of this layer.
    function bridge() external view returns (address);
}

/// @title ILegacyMintableERC20
/// @notice The older form of the same.
interface ILegacyMintableERC20 {
    /// @notice Mints tokens. Only the bridge.
    function mint(address to, uint256 amount) external;
    /// @notice Burns tokens. Only the bridge.
    function burn(address from, uint256 amount) external;
    /// @notice The token of the other layer.
    function l1Token() external view returns (address);
}
