// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IL2ToL1MessagePasser
/// @notice Records messages and withdrawals from L2 to L1. Predeploy `0x4200000000000000000000000000000000000016`;
///         its storage root is part of every output root.
interface IL2ToL1MessagePasser {
    /// @notice A withdrawal was initiated.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice Initiates a withdrawal of `msg.value` and a call on L1.
    /// @param target Target on L1.
    /// @param gasLimit Least gas for the L1 call.
    /// @param data Call data.
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable;

    /// @notice Withdraws the ETH to the sender's own L1 address, with a gas limit of 100,000.
    receive() external payable;

    /// @notice Whether the withdrawal with this hash was initiated. Storage slot 0.
    function sentMessages(bytes32 withdrawalHash) external view returns (bool);
    /// @notice Nonce of the next withdrawal, with the version in its two top bytes.
    function messageNonce() external view returns (uint256);
    /// @notice Version of the withdrawal hash, 1.
    function MESSAGE_VERSION() external view returns (uint16);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
