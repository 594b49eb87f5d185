// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {IPortal} from "./interfaces/IPortal.sol";
import {Accounts} from "./lib/Accounts.sol";
import {AddressAlias} from "./lib/AddressAlias.sol";
import {DepositPrice} from "./lib/DepositPrice.sol";
import {GasBurn} from "./lib/GasBurn.sol";
import {MessageKinds} from "./lib/Headers.sol";
import {SafeCall} from "./lib/SafeCall.sol";
import {TrieProof} from "./lib/TrieProof.sol";

/// @title Portal
/// @notice Takes deposits, pays withdrawals, and holds the ETH that backs L2's. No owner; what the guardian can do, it
///         does in the AnchorStateRegistry.
contract Portal is IPortal {
    /// @notice The proof of a withdrawal by one submitter. One storage slot.
    struct ProvenWithdrawal {
        address disputeGameProxy;
        uint64 timestamp;
    }

    /// @inheritdoc IPortal
    uint64 public constant MAX_DEPOSIT_GAS = 10_000_000;
    /// @inheritdoc IPortal
    uint256 public constant MAX_DEPOSIT_DATA = 120_000;
    /// @inheritdoc IPortal
    uint64 public constant GAS_BURN_DIVISOR = 50;

    /// @notice Format of the event's data.
    uint256 private constant DEPOSIT_VERSION = 0;
    /// @notice L2 gas limit of a plain ETH transfer to the portal.
    uint64 private constant RECEIVE_GAS_LIMIT = 100_000;
    /// @notice What `l2Sender` answers outside of a withdrawal's call.
    address private constant NO_L2_SENDER = 0x000000000000000000000000000000000000dEaD;
    /// @notice Slot of `sentMessages` in the L2ToL1MessagePasser.
    uint256 private constant SENT_MESSAGES_SLOT = 0;
    /// @notice Gas kept from a withdrawal's call for the event behind it.
    uint256 private constant RESERVED_GAS = 10_000;

    /// @inheritdoc IPortal
    address public immutable inbox;
    /// @inheritdoc IPortal
    address public immutable anchorStateRegistry;
    /// @inheritdoc IPortal
    uint256 public immutable proofMaturityDelaySeconds;

    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => mapping(address submitter => ProvenWithdrawal)) public provenWithdrawals;
    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => bool) public finalizedWithdrawals;
    /// @inheritdoc IPortal
    mapping(bytes32 withdrawalHash => address[]) public proofSubmitters;
    /// @notice Sender of the withdrawal that is being finalized, zero if there is none.
    address private transient _l2Sender;
    /// @notice Whether a withdrawal is being finalized: its sender alone cannot tell, it may be the zero address.
    bool private transient _finalizing;

    /// @param _inbox The queue that deposits go to; it must know this contract as its portal.
    /// @param _anchorStateRegistry Says which games count.
    /// @param _proofMaturityDelay Seconds between a proof and finalization.
    constructor(address _inbox, address _anchorStateRegistry, uint256 _proofMaturityDelay) {
        inbox = _inbox;
        anchorStateRegistry = _anchorStateRegistry;
        proofMaturityDelaySeconds = _proofMaturityDelay;
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
    function proveWithdrawalTransaction(
        WithdrawalTransaction calldata _withdrawal,
        uint256 _disputeGameIndex,
        OutputRootProof calldata _outputRootProof,
        bytes[] calldata _withdrawalProof
    ) external {
        _checkNotPaused();
        _checkTarget(_withdrawal.target);
        bytes32 hash = _hash(_withdrawal);
        if (finalizedWithdrawals[hash]) revert OptimismPortal_AlreadyFinalized();

        (,, address game) = IDisputeGameFactory(disputeGameFactory()).gameAtIndex(_disputeGameIndex);
        IAnchorStateRegistry registry = IAnchorStateRegistry(anchorStateRegistry);
        // INVARIANT: proofs are made against claims that may still come to count: the user's wait starts here.
        if (!registry.isGameProper(game) || !registry.isGameRespected(game)) {
            revert OptimismPortal_ImproperDisputeGame();
        }
        if (IDisputeGame(game).status() == IDisputeGame.GameStatus.CHALLENGER_WINS) {
            revert OptimismPortal_InvalidDisputeGame();
        }
        // INVARIANT: a proof is made once for a game; a second one would only start the delay anew.
        if (provenWithdrawals[hash][msg.sender].disputeGameProxy == game) revert OptimismPortal_AlreadyProven();
        // INVARIANT: the storage root is the one that the game is about. The four words cannot be shifted: all have
        // the same, fixed size.
        bytes32 outputRoot = keccak256(abi.encode(_outputRootProof));
        if (outputRoot != IDisputeGame(game).rootClaim()) revert OptimismPortal_InvalidOutputRootProof();
        // INVARIANT: L2 recorded exactly this withdrawal. The hash covers all of it, the nonce makes it unique.
        bytes32 key = keccak256(abi.encode(keccak256(abi.encode(hash, SENT_MESSAGES_SLOT))));
        if (!TrieProof.includes(_outputRootProof.messagePasserStorageRoot, key, hex"01", _withdrawalProof)) {
            revert OptimismPortal_InvalidMerkleProof();
        }

        provenWithdrawals[hash][msg.sender] = ProvenWithdrawal(game, uint64(block.timestamp));
        proofSubmitters[hash].push(msg.sender);
        emit WithdrawalProven(hash, _withdrawal.sender, _withdrawal.target);
        emit WithdrawalProvenExtension1(hash, msg.sender);
    }

    /// @inheritdoc IPortal
    function finalizeWithdrawalTransaction(WithdrawalTransaction calldata _withdrawal) external {
        finalizeWithdrawalTransactionExternalProof(_withdrawal, msg.sender);
    }

    /// @inheritdoc IPortal
    function version() external pure returns (string memory) {
        return "5.0.0";
    }

    /// @inheritdoc IPortal
    function respectedGameTypeUpdatedAt() external pure returns (uint64) {
        return 0;
    }

    /// @inheritdoc IPortal
    function superRootsActive() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IPortal
    function numProofSubmitters(bytes32 _withdrawalHash) external view returns (uint256) {
        return proofSubmitters[_withdrawalHash].length;
    }

    /// @inheritdoc IPortal
    function l2Sender() external view returns (address) {
        return _finalizing ? _l2Sender : NO_L2_SENDER;
    }

    /// @inheritdoc IPortal
    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return IAnchorStateRegistry(anchorStateRegistry).disputeGameFinalityDelaySeconds();
    }

    /// @inheritdoc IPortal
    function respectedGameType() external view returns (uint32) {
        return IAnchorStateRegistry(anchorStateRegistry).respectedGameType();
    }

    /// @inheritdoc IPortal
    function disputeGameBlacklist(address _game) external view returns (bool) {
        return IAnchorStateRegistry(anchorStateRegistry).isGameBlacklisted(_game);
    }

    /// @inheritdoc IPortal
    function guardian() external view returns (address) {
        return IAnchorStateRegistry(anchorStateRegistry).guardian();
    }

    /// @inheritdoc IPortal
    function finalizeWithdrawalTransactionExternalProof(
        WithdrawalTransaction calldata _withdrawal,
        address _proofSubmitter
    ) public {
        _checkNotPaused();
        // INVARIANT: one withdrawal at a time, so that `l2Sender` is never another's.
        if (_finalizing) revert OptimismPortal_NoReentrancy();
        _checkTarget(_withdrawal.target);
        bytes32 hash = _hash(_withdrawal);
        checkWithdrawal(hash, _proofSubmitter);
        // INVARIANT: a withdrawal is not used up by what is no fault of it.
        if (_withdrawal.value > address(this).balance) revert OptimismPortal_InsufficientBalance();

        // SAFETY: done before the call, so that the target cannot be paid again from inside it.
        finalizedWithdrawals[hash] = true;
        (_finalizing, _l2Sender) = (true, _withdrawal.sender);
        bytes memory data = _withdrawal.data;
        // INVARIANT: whoever finalizes cannot make the call fail by giving it too little gas.
        if (!SafeCall.hasMinGas(_withdrawal.gasLimit, RESERVED_GAS)) revert OptimismPortal_InsufficientGas();
        bool success = SafeCall.call(_withdrawal.target, gasleft() - RESERVED_GAS, _withdrawal.value, data);
        (_finalizing, _l2Sender) = (false, address(0));
        emit WithdrawalFinalized(hash, success);
        if (!success && tx.origin == Accounts.ESTIMATION_ADDRESS) revert OptimismPortal_GasEstimation();
    }

    /// @inheritdoc IPortal
    function checkWithdrawal(bytes32 _withdrawalHash, address _proofSubmitter) public view {
        ProvenWithdrawal memory proven = provenWithdrawals[_withdrawalHash][_proofSubmitter];
        // INVARIANT: a withdrawal is paid once, whoever proved it how often.
        if (finalizedWithdrawals[_withdrawalHash]) revert OptimismPortal_AlreadyFinalized();
        if (proven.timestamp == 0) revert OptimismPortal_Unproven();
        // INVARIANT: what was proven is this game, not one that came to its address later.
        if (proven.timestamp < IDisputeGame(proven.disputeGameProxy).createdAt()) {
            revert OptimismPortal_InvalidProofTimestamp();
        }
        // INVARIANT: watchers see every withdrawal for this long before money moves.
        if (block.timestamp <= proven.timestamp + proofMaturityDelaySeconds) {
            revert OptimismPortal_ProofNotOldEnough();
        }
        // INVARIANT: the claim stood the whole dispute and the air gap, and counts now: a game can lose or be
        // blacklisted after the proof.
        if (!IAnchorStateRegistry(anchorStateRegistry).isGameClaimValid(proven.disputeGameProxy)) {
            revert OptimismPortal_InvalidRootClaim();
        }
    }

    /// @inheritdoc IPortal
    function disputeGameFactory() public view returns (address) {
        return IAnchorStateRegistry(anchorStateRegistry).disputeGameFactory();
    }

    /// @inheritdoc IPortal
    function paused() public view returns (bool) {
        return IAnchorStateRegistry(anchorStateRegistry).paused();
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
        // INVARIANT: one L2 block of a batch is enough for any deposit, so the queue can always move on.
        if (_gasLimit > MAX_DEPOSIT_GAS) revert OptimismPortal_GasLimitTooHigh();

        // SAFETY: a contract's address may belong to somebody else on L2, so it is aliased. An account that is the
        // origin, or that has only delegated its code (EIP-7702), has the same key on both layers.
        address from = Accounts.senderHasKey() ? msg.sender : AddressAlias.toL2(msg.sender);

        uint8 isCreation = _isCreation ? 1 : 0;
        bytes memory opaqueData = abi.encodePacked(msg.value, _value, _gasLimit, isCreation, _data);
        (,, uint64 unservedGas) =
            IInbox(inbox).enqueue(MessageKinds.DEPOSIT, from, _gasLimit, abi.encodePacked(_to, opaqueData));
        emit TransactionDeposited(from, _to, DEPOSIT_VERSION, opaqueData);

        // SAFETY: deposits do not pay for L2 gas, so their price is gas here: filling L2 with them costs L1 gas, and
        // the more, the longer the queue is. An amount that depended on the block would make wallets' gas estimates
        // wrong, so it does not depend on the queue either while that is as long as usual.
        GasBurn.burn(_gasLimit / GAS_BURN_DIVISOR * DepositPrice.factor(unservedGas));
    }

    /// @notice Reverts while the guardian's pause lasts.
    function _checkNotPaused() private view {
        if (paused()) revert OptimismPortal_CallPaused();
    }

    /// @notice Reverts if a withdrawal must not call this target.
    function _checkTarget(address _target) private view {
        // SAFETY: calls come from this contract, which the Inbox lets enqueue deposits from anyone, minting anything.
        // A call to itself could deposit in its own name.
        if (_target == address(this) || _target == inbox) revert OptimismPortal_BadTarget();
    }

    /// @notice Hash of a withdrawal, as the L2ToL1MessagePasser computes it.
    function _hash(WithdrawalTransaction calldata _w) private pure returns (bytes32) {
        return keccak256(abi.encode(_w.nonce, _w.sender, _w.target, _w.value, _w.gasLimit, _w.data));
    }
}
