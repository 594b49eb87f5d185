// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IFeeVault
/// @notice Collects one kind of L2 fee and withdraws it to a fixed L1 account. Predeploys: sequencer (priority)
///         fees `0x42…11`, base fees `0x42…19`, L1 data fees `0x42…1A`, operator fees `0x42…1B`.
interface IFeeVault {
    /// @notice The balance was withdrawn to L1.
    event Withdrawal(uint256 value, address to, address from);

    /// @notice The balance is below the minimum.
    error BalanceTooLow(uint256 minimum, uint256 balance);

    /// @notice The genesis state names no recipient.
    error NoRecipient();

    /// @notice Withdraws the whole balance to the recipient on L1. Anyone may call.
    function withdraw() external;

    /// @notice Accepts ETH.
    receive() external payable;

    /// @notice The L1 account that gets the fees. Storage slot 0, set in the genesis state.
    function recipient() external view returns (address);
    /// @notice All that was withdrawn so far, in wei. Storage slot 1.
    function totalProcessed() external view returns (uint256);
    /// @notice Least balance for a withdrawal, in wei.
    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256);
    /// @notice Least balance for a withdrawal, in wei.
    function minWithdrawalAmount() external view returns (uint256);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
