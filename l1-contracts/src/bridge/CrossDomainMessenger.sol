// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {Accounts} from "../lib/Accounts.sol";
import {CrossDomainMessage} from "../lib/CrossDomainMessage.sol";
import {SafeCall} from "../lib/SafeCall.sol";

/// @title CrossDomainMessenger
/// @notice What both messengers have in common.
abstract contract CrossDomainMessenger is ICrossDomainMessenger {
    /// @inheritdoc ICrossDomainMessenger
    uint16 public constant MESSAGE_VERSION = CrossDomainMessage.VERSION;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;
    /// @inheritdoc ICrossDomainMessenger
    /// @dev SAFETY: a message is lost with its value if relaying it runs out of gas behind its call, because the deposit
    ///      or withdrawal that brought it is used up. Messages are on their way for weeks, and a fork may reprice state
    ///      meanwhile. So this is what it takes when state costs five times today's: a new slot (5 × 22,100); the
    ///      account and the value of the call, if it has to be created too (5 × 36,600, less 40,000 that
    ///      `SafeCall.hasMinGas` sees to); the event and the rest (some 5,000).
    uint64 public constant RELAY_RESERVED_GAS = 260_000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 20;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant ENCODING_OVERHEAD = 260;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant TX_BASE_GAS = 21_000;

    /// @notice Number of messages so far.
    uint240 private _nonce;
    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool) public successfulMessages;
    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool) public failedMessages;
    /// @notice Sender of the message that is being relayed.
    address private transient _sender;
    /// @notice Whether a message is being relayed: its sender alone cannot tell.
    bool private transient _relaying;

    /// @inheritdoc ICrossDomainMessenger
    function sendMessage(address _target, bytes calldata _message, uint32 _minGasLimit) external payable {
        uint256 nonce = messageNonce();
        ++_nonce;
        bytes memory call_ =
            CrossDomainMessage.encode(nonce, msg.sender, _target, msg.value, _minGasLimit, _message);
        _send(baseGas(_message, _minGasLimit), call_);
        emit SentMessage(_target, msg.sender, _message, nonce, _minGasLimit);
        emit SentMessageExtension1(msg.sender, msg.value);
    }

    /// @inheritdoc ICrossDomainMessenger
    function relayMessage(
        uint256 _messageNonce,
        address _messageSender,
        address _target,
        uint256 _value,
        uint256 _minGasLimit,
        bytes calldata _message
    ) external payable {
        if (paused()) revert MessengerPaused();
        uint256 version_ = CrossDomainMessage.version(_messageNonce);
        if (version_ != MESSAGE_VERSION) revert UnknownVersion(version_);
        bytes32 hash = keccak256(
            CrossDomainMessage.encode(_messageNonce, _messageSender, _target, _value, _minGasLimit, _message)
        );
        bool isFirst = _fromOtherMessenger();
        if (isFirst) {
            // INVARIANT: what this contract holds is what failed messages carry.
            if (msg.value != _value) revert WrongValue(_value, msg.value);
        } else {
            if (msg.value != 0) revert WrongValue(0, msg.value);
            // INVARIANT: nobody makes up a message.
            if (!failedMessages[hash]) revert NotFailed(hash);
        }
        // INVARIANT: a message's call succeeds once.
        if (successfulMessages[hash]) revert AlreadyRelayed(hash);
        // SAFETY: calls come from this contract. One to itself, or to where its messages enter and leave, could send
        // or relay in its name.
        if (_target == address(this) || _isUnsafeTarget(_target)) revert BadTarget(_target);

        // The call is not tried inside another message's, nor with less gas than its sender asked for.
        bool success = false;
        bytes memory message = _message;
        if (!_relaying && SafeCall.hasMinGas(_minGasLimit, RELAY_RESERVED_GAS)) {
            (_relaying, _sender) = (true, _messageSender);
            success = SafeCall.call(_target, gasleft() - RELAY_RESERVED_GAS, _value, message);
            (_relaying, _sender) = (false, address(0));
        }
        if (success) {
            // SAFETY: recorded after the call, which cannot come back here: a message inside a message fails.
            successfulMessages[hash] = true;
            emit RelayedMessage(hash);
        } else if (!isFirst) {
            // It has failed before, so there is nothing to record; and who estimates the gas for another attempt must
            // learn what it takes.
            revert RelayFailed(hash);
        } else {
            // Reverting would lose the message: the deposit or withdrawal that brought it is used up.
            failedMessages[hash] = true;
            emit FailedRelayedMessage(hash);
            if (tx.origin == Accounts.ESTIMATION_ADDRESS) revert GasEstimation();
        }
    }

    /// @inheritdoc ICrossDomainMessenger
    function xDomainMessageSender() external view returns (address) {
        if (!_relaying) revert NoMessage();
        return _sender;
    }

    /// @inheritdoc ICrossDomainMessenger
    function OTHER_MESSENGER() external view returns (address) {
        return otherMessenger();
    }

    /// @inheritdoc ICrossDomainMessenger
    function version() external pure returns (string memory) {
        return "2.11.0";
    }

    /// @inheritdoc ICrossDomainMessenger
    function messageNonce() public view returns (uint256) {
        return (uint256(MESSAGE_VERSION) << CrossDomainMessage.VERSION_SHIFT) | _nonce;
    }

    /// @inheritdoc ICrossDomainMessenger
    function baseGas(bytes calldata _message, uint32 _minGasLimit) public pure returns (uint64) {
        uint64 length = uint64(_message.length) + ENCODING_OVERHEAD;
        // The target gets at most 63/64 of what is left when it is called; one is for rounding.
        uint64 execution = RELAY_CONSTANT_OVERHEAD + uint64(SafeCall.CALL_OVERHEAD) + RELAY_RESERVED_GAS
            + uint64(_minGasLimit) * 64 / 63 + 1 + MIN_GAS_CALLDATA_OVERHEAD * length;
        uint64 floor = FLOOR_CALLDATA_OVERHEAD * length;
        return TX_BASE_GAS + (execution > floor ? execution : floor);
    }

    /// @inheritdoc ICrossDomainMessenger
    function otherMessenger() public view virtual returns (address);

    /// @inheritdoc ICrossDomainMessenger
    function paused() public view virtual returns (bool);

    /// @notice Sends a call, with the ETH that came along, to the other messenger.
    function _send(uint64 _gasLimit, bytes memory _call) internal virtual;

    /// @notice Whether this call is the other messenger's.
    function _fromOtherMessenger() internal view virtual returns (bool);

    /// @notice Whether a message must not call this target, besides the messenger itself.
    function _isUnsafeTarget(address _target) internal view virtual returns (bool);
}
