// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IPortal
/// @notice The L1 end of the rollup for users. Today: deposits, with the ABI and event of the OP Stack's portal.
/// @dev Constructor of the implementation: `constructor(address inbox)`.
interface IPortal {
    /// @notice A deposit was enqueued. Its log directly follows the Inbox's `MessageEnqueued` of the same deposit.
    /// @param from Sender on L2: the caller, aliased if it is a contract.
    /// @param to Target on L2, zero for a creation.
    /// @param version Format of `opaqueData`, 0.
    /// @param opaqueData Packed `uint256 mint ‖ uint256 value ‖ uint64 gasLimit ‖ uint8 isCreation ‖ data`.
    event TransactionDeposited(
        address indexed from, address indexed to, uint256 indexed version, bytes opaqueData
    );

    /// @notice A contract creation must have the zero address as target.
    error OptimismPortal_BadTarget();
    /// @notice The deposit's data exceeds `MAX_DEPOSIT_DATA` bytes.
    error OptimismPortal_CalldataTooLarge();
    /// @notice The gas limit is below `minimumGasLimit` of the data's length.
    error OptimismPortal_GasLimitTooLow();
    /// @notice The gas limit exceeds `MAX_DEPOSIT_GAS`.
    error OptimismPortal_GasLimitTooHigh();

    /// @notice Deposits ETH and a call from L1 to L2. `msg.value` is minted on L2 to the sender's (aliased) address
    ///         even if the call fails there. Burns `gasLimit / 50` gas on L1, because the L2 gas is not paid
    ///         otherwise; the cost does not depend on the L1 block.
    /// @param to Target on L2; must be zero for a creation.
    /// @param value Wei to send with the L2 call; may exceed what is minted.
    /// @param gasLimit Gas limit of the L2 transaction: `minimumGasLimit(data.length)` to `MAX_DEPOSIT_GAS`.
    /// @param isCreation Whether to create a contract, with `data` as init code.
    /// @param data Call data or init code, at most `MAX_DEPOSIT_DATA` bytes.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        payable;

    /// @notice Deposits the ETH to the sender's own L2 address, with a gas limit of 100,000.
    receive() external payable;

    /// @notice The queue that deposits go to.
    function inbox() external view returns (address);
    /// @notice Semantic version that clients read to select the withdrawal route.
    function version() external pure returns (string memory);
    /// @notice Least gas limit of a deposit with `byteCount` bytes of data.
    function minimumGasLimit(uint64 byteCount) external pure returns (uint64);
    /// @notice Largest gas limit of a deposit.
    function MAX_DEPOSIT_GAS() external view returns (uint64);
    /// @notice Largest data length of a deposit, in bytes.
    function MAX_DEPOSIT_DATA() external view returns (uint256);
    /// @notice Unit of L2 gas limit for which one unit of L1 gas is burnt.
    function GAS_BURN_DIVISOR() external view returns (uint64);
}
