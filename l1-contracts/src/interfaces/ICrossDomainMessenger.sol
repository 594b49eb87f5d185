// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title ICrossDomainMessenger
/// @notice Sends calls to the other layer and makes those that come from there. A call that fails can be made again by
///         anyone, with more gas. One messenger stands on either layer; the ABI is the OP Stack's.
/// @dev Constructor on L1: `constructor(address portal)`. On L2 it is predeploy
///      `0x4200000000000000000000000000000000000007`, with the L1 messenger in storage slot 0.
interface ICrossDomainMessenger {
    /// @notice A message was sent.
    event SentMessage(
        address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit
    );
    /// @notice Follows `SentMessage`: the ETH that goes with it.
    event SentMessageExtension1(address indexed sender, uint256 value);
    /// @notice A message's call succeeded.
    event RelayedMessage(bytes32 indexed msgHash);
    /// @notice A message's call failed, or had too little gas. Its ETH waits here; anyone may relay it again.
    event FailedRelayedMessage(bytes32 indexed msgHash);

    /// @notice There is no message that is being relayed.
    error NoMessage();
    /// @notice The nonce's version is not one that this contract knows.
    error UnknownVersion(uint256 version);
    /// @notice The ETH that came along is not the message's. To relay again, send none.
    error WrongValue(uint256 expected, uint256 actual);
    /// @notice The message did not come from the other messenger, and did not fail before.
    error NotFailed(bytes32 msgHash);
    /// @notice Another attempt failed: the call reverted, or had too little gas.
    error RelayFailed(bytes32 msgHash);
    /// @notice The message was relayed.
    error AlreadyRelayed(bytes32 msgHash);
    /// @notice Messages must not call this contract, nor the one that moves ETH between the layers.
    error BadTarget(address target);
    /// @notice Withdrawals are paused.
    error MessengerPaused();
    /// @notice A gas estimation whose call failed: it needs more gas.
    error GasEstimation();

    /// @notice Sends a call, and ETH, to the other layer.
    /// @param target Whom to call there.
    /// @param message Call data.
    /// @param minGasLimit Least gas for the call.
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit) external payable;

    /// @notice Makes the call of a message: called by the protocol for the other messenger, or by anyone for a message
    ///         that failed before. The first attempt does not revert when the call fails, any other does.
    function relayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes calldata message
    ) external payable;

    /// @notice During a message's call, who sent it on the other layer; reverts otherwise.
    function xDomainMessageSender() external view returns (address);
    /// @notice Whether a message's call succeeded. `msgHash` is the hash of the call of `relayMessage`.
    function successfulMessages(bytes32 msgHash) external view returns (bool);
    /// @notice Whether a message's call failed at some time. It may have succeeded later.
    function failedMessages(bytes32 msgHash) external view returns (bool);
    /// @notice Nonce of the next message, with the version in its two top bytes.
    function messageNonce() external view returns (uint256);
    /// @notice Gas limit on the other layer for a message, so that its call gets at least `minGasLimit`.
    function baseGas(bytes calldata message, uint32 minGasLimit) external pure returns (uint64);
    /// @notice The messenger on the other layer.
    function otherMessenger() external view returns (address);
    /// @notice The messenger on the other layer.
    function OTHER_MESSENGER() external view returns (address);
    /// @notice Whether relaying is paused.
    function paused() external view returns (bool);
    /// @notice Version of messages, 1.
    function MESSAGE_VERSION() external view returns (uint16);
    /// @notice Gas of relaying besides the call: cold storage, hashing, the event.
    function RELAY_CONSTANT_OVERHEAD() external view returns (uint64);
    /// @notice Gas kept from the call to record its outcome, also where state costs five times what it did in 2026.
    function RELAY_RESERVED_GAS() external view returns (uint64);
    /// @notice Gas per byte of a message: as calldata, and for copies of it in memory.
    function MIN_GAS_CALLDATA_OVERHEAD() external view returns (uint64);
    /// @notice Least gas of a whole transaction per byte of calldata (EIP-7623).
    function FLOOR_CALLDATA_OVERHEAD() external view returns (uint64);
    /// @notice Bytes that the call of `relayMessage` has besides the message.
    function ENCODING_OVERHEAD() external view returns (uint64);
    /// @notice Gas of a transaction.
    function TX_BASE_GAS() external view returns (uint64);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
}
