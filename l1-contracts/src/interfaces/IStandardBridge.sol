// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IStandardBridge
/// @notice Moves ETH and ERC-20 tokens between the layers. One bridge stands on either layer; the ABI is the OP
///         Stack's, with what is the same on both. A token that belongs to the other layer is an IOptimismMintableERC20
///         here: it is minted and burnt; any other token is held.
/// @dev Constructor on L1: `constructor(address messenger)`. On L2 it is predeploy
///      `0x4200000000000000000000000000000000000010`, with the L1 bridge in storage slot 0.
interface IStandardBridge {
    /// @notice ETH was sent to the other layer.
    event ETHBridgeInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    /// @notice ETH arrived from the other layer.
    event ETHBridgeFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    /// @notice Tokens were sent to the other layer.
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// @notice Tokens arrived from the other layer.
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Only accounts with a key may send to themselves: a contract's address on the other layer may be
    ///         somebody else's. Contracts name the recipient.
    error NotEOA(address sender);
    /// @notice Only the other bridge may call, through the messengers.
    error NotOtherBridge(address sender);
    /// @notice The ETH that came along is not the amount.
    error WrongValue(uint256 expected, uint256 actual);
    /// @notice The recipient must be neither this bridge nor the messenger.
    error BadRecipient(address to);
    /// @notice The recipient did not take the ETH.
    error TransferFailed(address to);
    /// @notice The mintable token belongs to another token of the other layer.
    error WrongTokenPair(address localToken, address remoteToken);
    /// @notice The bridge received another amount than was to be sent: a token that takes fees is not supported.
    error WrongAmountReceived(uint256 expected, uint256 actual);
    /// @notice The bridge holds less of this token for that token of the other layer.
    error NotEnoughHeld(uint256 held, uint256 amount);
    /// @notice Withdrawals are paused.
    error BridgePaused();

    /// @notice Sends ETH to the sender's own address. Not for contracts.
    /// @param minGasLimit Least gas for the other bridge's call of the recipient.
    /// @param extraData Whatever the sender wants to tell those who read the events.
    function bridgeETH(uint32 minGasLimit, bytes calldata extraData) external payable;
    /// @notice Sends ETH to `to`.
    function bridgeETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;
    /// @notice Sends tokens to the sender's own address. Not for contracts. A token that is held needs an allowance.
    function bridgeERC20(
        address localToken,
        address remoteToken,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;
    /// @notice Sends tokens to `to`.
    function bridgeERC20To(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;
    /// @notice Receives ETH from the other bridge.
    function finalizeBridgeETH(address from, address to, uint256 amount, bytes calldata extraData) external payable;
    /// @notice Receives tokens from the other bridge.
    function finalizeBridgeERC20(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external;

    /// @notice Sends the ETH to the sender's own address, with a gas limit of 200,000. Not for contracts.
    receive() external payable;

    /// @notice How much of a token of this layer is held for a token of the other.
    function deposits(address localToken, address remoteToken) external view returns (uint256);
    /// @notice The messenger on this layer.
    function messenger() external view returns (address);
    /// @notice The messenger on this layer.
    function MESSENGER() external view returns (address);
    /// @notice The bridge on the other layer.
    function otherBridge() external view returns (address);
    /// @notice The bridge on the other layer.
    function OTHER_BRIDGE() external view returns (address);
    /// @notice Whether arrivals are paused.
    function paused() external view returns (bool);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
