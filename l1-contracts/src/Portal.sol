// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "./interfaces/IInbox.sol";
import {IPortal} from "./interfaces/IPortal.sol";
import {AddressAlias} from "./lib/AddressAlias.sol";
import {GasBurn} from "./lib/GasBurn.sol";
import {MessageKinds} from "./lib/Headers.sol";

/// @title Portal
/// @notice Takes deposits and holds the ETH that backs L2's.
contract Portal is IPortal {
    /// @inheritdoc IPortal
    uint64 public constant MAX_DEPOSIT_GAS = 20_000_000;
    /// @inheritdoc IPortal
    uint256 public constant MAX_DEPOSIT_DATA = 120_000;
    /// @inheritdoc IPortal
    uint64 public constant GAS_BURN_DIVISOR = 50;

    /// @notice Format of the event's data.
    uint256 private constant DEPOSIT_VERSION = 0;
    /// @notice L2 gas limit of a plain ETH transfer to the portal.
    uint64 private constant RECEIVE_GAS_LIMIT = 100_000;

    /// @inheritdoc IPortal
    address public immutable inbox;

    /// @param _inbox The queue that deposits go to; it must know this contract as its portal.
    constructor(address _inbox) {
        inbox = _inbox;
    }

    /// @inheritdoc IPortal
    receive() external payable {
        _deposit(msg.sender, msg.value, RECEIVE_GAS_LIMIT, false, "");
    }

    /// @inheritdoc IPortal
    function depositTransaction(
        address _to,
        uint256 _value,
        uint64 _gasLimit,
        bool _isCreation,
        bytes calldata _data
    ) external payable {
        _deposit(_to, _value, _gasLimit, _isCreation, _data);
    }

    /// @inheritdoc IPortal
    function version() external pure returns (string memory) {
        return "5.0.0";
    }

    /// @inheritdoc IPortal
    function minimumGasLimit(uint64 _byteCount) public pure returns (uint64) {
        return 21_000 + 40 * _byteCount;
    }

    /// @notice Checks and enqueues a deposit.
    function _deposit(address _to, uint256 _value, uint64 _gasLimit, bool _isCreation, bytes memory _data)
        private
    {
        // INVARIANT: a creation has no target; a deposit with both would be ambiguous.
        if (_isCreation && _to != address(0)) revert OptimismPortal_BadTarget();
        // INVARIANT: a deposit fits an L1 transaction of its own, and what one-step proofs can read.
        if (_data.length > MAX_DEPOSIT_DATA) revert OptimismPortal_CalldataTooLarge();
        // INVARIANT: a deposit pays for its data on L2 (its floor cost by EIP-7623, all bytes counted as nonzero).
        if (_gasLimit < minimumGasLimit(uint64(_data.length))) revert OptimismPortal_GasLimitTooLow();
        // INVARIANT: every deposit fits the deposit gas cap of one L2 block, so the queue can always move on.
        if (_gasLimit > MAX_DEPOSIT_GAS) revert OptimismPortal_GasLimitTooHigh();

        // SAFETY: a contract's address may belong to somebody else on L2, so it is aliased. An account that is the
        // origin, or that has only delegated its code (EIP-7702), has the same key on both layers.
        address from = msg.sender;
        if (from != tx.origin && !_isDelegated(from)) from = AddressAlias.toL2(from);

        // SAFETY: deposits do not pay for L2 gas, so their price is gas here: filling L2 with them costs L1 gas. An
        // amount that depended on the block would make wallets' gas estimates wrong.
        GasBurn.burn(_gasLimit / GAS_BURN_DIVISOR);

        uint8 isCreation = _isCreation ? 1 : 0;
        bytes memory opaqueData = abi.encodePacked(msg.value, _value, _gasLimit, isCreation, _data);
        IInbox(inbox).enqueue(MessageKinds.DEPOSIT, from, abi.encodePacked(_to, opaqueData));
        emit TransactionDeposited(from, _to, DEPOSIT_VERSION, opaqueData);
    }

    /// @notice Whether an account's code is only a delegation (EIP-7702).
    function _isDelegated(address _account) private view returns (bool delegated_) {
        // The length first: copying a large contract's code would cost its depositor gas.
        delegated_ = _account.code.length == 23 && bytes3(_account.code) == 0xef0100;
    }
}
