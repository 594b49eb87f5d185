// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IL2StandardBridge
/// @notice What the bridge on L2 has besides IStandardBridge: the older names of the same functions. They find the L1
///         token by themselves, and take `0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000` for ETH.
interface IL2StandardBridge {
    /// @notice ETH or tokens were withdrawn; ETH has L1 token zero. Precedes the event of the bridge.
    event WithdrawalInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// @notice ETH or tokens were deposited; ETH has L1 token zero. Precedes the event of the bridge.
    event DepositFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Withdraws to the sender's own address. Not for contracts.
    function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable;
    /// @notice Withdraws to `to`.
    function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable;
    /// @notice The bridge on L1.
    function l1TokenBridge() external view returns (address);
}
