// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IOptimismMintableERC20Factory
/// @notice Creates tokens for the bridge of its layer. Anyone may: a token is as good as the remote token that it names.
///         Predeploy `0x4200000000000000000000000000000000000012`.
interface IOptimismMintableERC20Factory {
    /// @notice A token was created.
    event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer);
    /// @notice The older form of the same event, emitted before it.
    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);

    /// @notice A token needs a counterpart.
    error NoRemoteToken();

    /// @notice Creates a token with 18 decimals.
    function createOptimismMintableERC20(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address);
    /// @notice Creates a token. Its address depends on the arguments alone; the same can be created once.
    function createOptimismMintableERC20WithDecimals(
        address remoteToken,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external returns (address);
    /// @notice The older name of `createOptimismMintableERC20`.
    function createStandardL2Token(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address);
    /// @notice The remote token of a token that was created here, zero for any other.
    function deployments(address localToken) external view returns (address);
    /// @notice The bridge of its tokens.
    function bridge() external view returns (address);
    /// @notice The bridge of its tokens.
    function BRIDGE() external view returns (address);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
