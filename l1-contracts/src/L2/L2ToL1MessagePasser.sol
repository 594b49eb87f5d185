// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";

/// @title L2ToL1MessagePasser
/// @notice Records messages and withdrawals from L2 to L1. The ETH that passes through stays here, out of
///         circulation.
/// @dev Slot 0 must stay `sentMessages`: withdrawals are proven against it.
contract L2ToL1MessagePasser is IL2ToL1MessagePasser {
    /// @inheritdoc IL2ToL1MessagePasser
    uint16 public constant MESSAGE_VERSION = 1;

    /// @notice L1 gas limit of a plain ETH transfer to this contract.
    uint256 private constant RECEIVE_GAS_LIMIT = 100_000;

    /// @inheritdoc IL2ToL1MessagePasser
    mapping(bytes32 withdrawalHash => bool) public sentMessages;
    /// @notice Number of withdrawals so far.
    uint240 private _nonce;

    /// @inheritdoc IL2ToL1MessagePasser
    receive() external payable {
        _initiate(msg.sender, RECEIVE_GAS_LIMIT, "");
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function initiateWithdrawal(address _target, uint256 _gasLimit, bytes calldata _data) external payable {
        _initiate(_target, _gasLimit, _data);
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function version() external pure returns (string memory) {
        return "1.2.0";
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function messageNonce() public view returns (uint256) {
        return (uint256(MESSAGE_VERSION) << 240) | _nonce;
    }

    /// @notice Records a withdrawal.
    function _initiate(address _target, uint256 _gasLimit, bytes memory _data) private {
        uint256 nonce = messageNonce();
        bytes32 withdrawalHash = keccak256(abi.encode(nonce, msg.sender, _target, msg.value, _gasLimit, _data));
        // INVARIANT: the nonce makes every hash new, so that two equal withdrawals are two.
        sentMessages[withdrawalHash] = true;
        ++_nonce;
        emit MessagePassed(nonce, msg.sender, _target, msg.value, _gasLimit, _data, withdrawalHash);
    }
}
