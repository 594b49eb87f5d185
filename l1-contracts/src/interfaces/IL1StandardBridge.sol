// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IL1StandardBridge
/// @notice What the bridge on L1 has besides IStandardBridge: the older names of the same functions.
interface IL1StandardBridge {
    /// @notice ETH was deposited. Precedes `ETHBridgeInitiated`.
    event ETHDepositInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    /// @notice ETH was withdrawn. Precedes `ETHBridgeFinalized`.
    event ETHWithdrawalFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    /// @notice Tokens were deposited. Precedes `ERC20BridgeInitiated`.
    event ERC20DepositInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// @notice Tokens were withdrawn. Precedes `ERC20BridgeFinalized`.
    event ERC20WithdrawalFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice `bridgeETH`.
    function depositETH(uint32 minGasLimit, bytes calldata extraData) external payable;
    /// @notice `bridgeETHTo`.
    function depositETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;
    /// @notice `bridgeERC20`.
    function depositERC20(
        address l1Token,
        address l2Token,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;
    /// @notice `bridgeERC20To`.
    function depositERC20To(
        address l1Token,
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;
    /// @notice The bridge on L2.
    function l2TokenBridge() external view returns (address);
}
