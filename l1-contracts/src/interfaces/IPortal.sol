// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IPortal
/// @notice The L1 end of the rollup for users: deposits and withdrawals, with the ABI, events and errors of the OP
///         Stack's portal.
/// @dev Constructor of the implementation: `constructor(address inbox, address anchorStateRegistry,
///      uint256 proofMaturityDelay)`.
interface IPortal {
    /// @notice A withdrawal, as L2's `MessagePassed` told it.
    /// @param nonce Its nonce, with the version in the two top bytes.
    /// @param sender Who initiated it on L2.
    /// @param target Whom to call on L1.
    /// @param value Wei to send.
    /// @param gasLimit Least gas for the call.
    /// @param data Call data.
    struct WithdrawalTransaction {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// @notice What an output root is the hash of.
    /// @param version Zero.
    /// @param stateRoot State root of the L2 block.
    /// @param messagePasserStorageRoot Storage root of the L2ToL1MessagePasser after that block.
    /// @param latestBlockhash Hash of the block.
    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }

    /// @notice A deposit was enqueued. Its log directly follows the Inbox's `MessageEnqueued` of the same deposit.
    /// @param from Sender on L2: the caller, aliased if it is a contract.
    /// @param to Target on L2, zero for a creation.
    /// @param version Format of `opaqueData`, 0.
    /// @param opaqueData Packed `uint256 mint ‖ uint256 value ‖ uint64 gasLimit ‖ uint8 isCreation ‖ data`.
    event TransactionDeposited(
        address indexed from, address indexed to, uint256 indexed version, bytes opaqueData
    );
    /// @notice A withdrawal was proven.
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
    /// @notice Follows `WithdrawalProven`: who proved it.
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);
    /// @notice A withdrawal was finalized. `success` is whether its call succeeded; it is done in either case.
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    /// @notice A contract creation must have the zero address as target; a withdrawal must not call the Portal or the
    ///         Inbox.
    error OptimismPortal_BadTarget();
    /// @notice The deposit's data exceeds `MAX_DEPOSIT_DATA` bytes.
    error OptimismPortal_CalldataTooLarge();
    /// @notice The gas limit is below `minimumGasLimit` of the data's length.
    error OptimismPortal_GasLimitTooLow();
    /// @notice The gas limit exceeds `MAX_DEPOSIT_GAS`.
    error OptimismPortal_GasLimitTooHigh();
    /// @notice Withdrawals are paused.
    error OptimismPortal_CallPaused();
    /// @notice The game is not one of the factory's, is blacklisted, or is not of the respected type.
    error OptimismPortal_ImproperDisputeGame();
    /// @notice The game was decided against its claim.
    error OptimismPortal_InvalidDisputeGame();
    /// @notice The parts given do not hash to the game's output root.
    error OptimismPortal_InvalidOutputRootProof();
    /// @notice The proof does not show the withdrawal in the message passer's storage.
    error OptimismPortal_InvalidMerkleProof();
    /// @notice The submitter has proven the withdrawal against this game already.
    error OptimismPortal_AlreadyProven();
    /// @notice The withdrawal was finalized before.
    error OptimismPortal_AlreadyFinalized();
    /// @notice The submitter has not proven the withdrawal.
    error OptimismPortal_Unproven();
    /// @notice The proof is older than its game: prove again.
    error OptimismPortal_InvalidProofTimestamp();
    /// @notice The proof has not matured yet.
    error OptimismPortal_ProofNotOldEnough();
    /// @notice The game's claim does not hold, or not yet: undecided, not final, lost, blacklisted.
    error OptimismPortal_InvalidRootClaim();
    /// @notice A withdrawal's call tried to finalize another.
    error OptimismPortal_NoReentrancy();
    /// @notice The transaction has less gas than the withdrawal's call is guaranteed.
    error OptimismPortal_InsufficientGas();
    /// @notice The Portal holds less than the withdrawal is worth. It stays as it is.
    error OptimismPortal_InsufficientBalance();
    /// @notice A gas estimation whose call failed: it needs more gas.
    error OptimismPortal_GasEstimation();

    /// @notice Deposits ETH and a call from L1 to L2. `msg.value` is minted on L2 to the sender's (aliased) address
    ///         even if the call fails there. Burns `gasLimit / 50` gas on L1, because the L2 gas is not paid
    ///         otherwise; the cost does not depend on the L1 block. Where the Inbox has more than 40,000,000 gas of
    ///         unserved messages, it burns twice as much with each 100,000,000 beyond, up to 64 times as much.
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

    /// @notice Proves that a withdrawal was initiated on L2, against the output of a game that is undecided or won.
    ///         Anyone may call, for any withdrawal; a proof counts for who submitted it. Proving again, against another
    ///         game, starts the delay anew.
    /// @param withdrawal The withdrawal.
    /// @param disputeGameIndex Index in the factory of a game whose block is not before the withdrawal's.
    /// @param outputRootProof What the game's output root is the hash of.
    /// @param withdrawalProof Nodes of the message passer's storage trie, from the root to the withdrawal's slot.
    function proveWithdrawalTransaction(
        WithdrawalTransaction calldata withdrawal,
        uint256 disputeGameIndex,
        OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external;

    /// @notice Finalizes a withdrawal that the caller has proven.
    function finalizeWithdrawalTransaction(WithdrawalTransaction calldata withdrawal) external;

    /// @notice Finalizes a withdrawal by another's proof: calls its target, once, whether that succeeds or not. Anyone
    ///         may call.
    /// @param withdrawal The withdrawal.
    /// @param proofSubmitter Who proved it.
    function finalizeWithdrawalTransactionExternalProof(
        WithdrawalTransaction calldata withdrawal,
        address proofSubmitter
    ) external;

    /// @notice Reverts with the reason if the withdrawal cannot be finalized by this submitter's proof now.
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;

    /// @notice The proof of a withdrawal by a submitter: against which game, and when. Zeros if there is none.
    function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
        external
        view
        returns (address disputeGameProxy, uint64 timestamp);
    /// @notice Whether a withdrawal was finalized.
    function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);
    /// @notice Submitter of the proof `index` of a withdrawal, in order of time. Reverts out of range.
    function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);
    /// @notice Number of proofs of a withdrawal.
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);
    /// @notice During the call of a withdrawal, who initiated it on L2; otherwise `0x…dEaD`.
    function l2Sender() external view returns (address);
    /// @notice Seconds between a proof and finalization.
    function proofMaturityDelaySeconds() external view returns (uint256);
    /// @notice Seconds between a game's decision and its finality.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);
    /// @notice Says which games count.
    function anchorStateRegistry() external view returns (address);
    /// @notice The factory whose games count.
    function disputeGameFactory() external view returns (address);
    /// @notice The type of games that count, 16.
    function respectedGameType() external view returns (uint32);
    /// @notice When that type changed; 0, it does not.
    function respectedGameTypeUpdatedAt() external pure returns (uint64);
    /// @notice Whether the guardian excluded a game.
    function disputeGameBlacklist(address game) external view returns (bool);
    /// @notice Whether games claim roots over several chains: no.
    function superRootsActive() external pure returns (bool);
    /// @notice The account that may blacklist games, retire all, and pause.
    function guardian() external view returns (address);
    /// @notice Whether withdrawals are paused now.
    function paused() external view returns (bool);

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
    /// @notice Unit of L2 gas limit for which one unit of L1 gas is burnt while the queue is as long as usual.
    function GAS_BURN_DIVISOR() external view returns (uint64);
}
