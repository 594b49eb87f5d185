// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IInbox
/// @notice Orders everything that enters L2: the queue of L1→L2 messages and the batches of the sequencer, each as
///         a keccak hash chain whose every link is stored by index.
/// @dev Constructor of the implementation:
///      `constructor(address portal, address systemConfig, uint64 forceDelay, uint64 sequencerTimeout)`.
interface IInbox {
    /// @notice A deposit or a configuration change entered the message queue. (The L1-info message that every batch
    ///         appends is reported by `BatchAppended` instead.)
    /// @param index Position of the message in the queue.
    /// @param acc Accumulator after this message: `messageAcc(index + 1)`.
    /// @param header Packed message header, 165 bytes.
    /// @param data Message data, committed to by the header's data hash.
    event MessageEnqueued(uint64 indexed index, bytes32 acc, bytes header, bytes data);

    /// @notice A batch was appended, after its L1-info message.
    /// @param index Position of the batch.
    /// @param acc Accumulator after this batch: `batchAcc(index + 1)`.
    /// @param header Packed batch header, 113 bytes.
    /// @param infoIndex Position in the message queue of the L1-info message appended together with the batch.
    /// @param infoHeader Packed header of that L1-info message; its data is empty.
    event BatchAppended(uint64 indexed index, bytes32 acc, bytes header, uint64 infoIndex, bytes infoHeader);

    /// @notice Only the Portal may enqueue deposits, only the SystemConfig configuration changes.
    error NotMessageSource(address caller, uint8 kind);
    /// @notice Only the batcher named by the SystemConfig may append batches.
    error NotBatcher(address caller);
    /// @notice A batch must come from a top-level call by an account without code.
    error NotTopLevelCall();
    /// @notice Batches are contiguous in L2 block numbers.
    error UnexpectedFirstBlock(uint64 expected, uint64 actual);
    /// @notice A batch holds at least one block and at most `MAX_BLOCKS_PER_BATCH`.
    error InvalidBlockCount(uint64 blockCount);
    /// @notice The consumable part of the queue never shrinks.
    error MessageEndDecreased(uint64 previous, uint64 actual);
    /// @notice A batch cannot cover messages that do not exist.
    error MessageEndBeyondQueue(uint64 messageCount, uint64 actual);
    /// @notice The queue is not the one the batch was built on (after an L1 reorg).
    error MessageAccMismatch(bytes32 expected, bytes32 actual);
    /// @notice The given header is not that of the message it should be.
    error MessageHeaderMismatch(uint64 index);
    /// @notice A message older than `forceDelay` would stay uncovered.
    error OldMessageNotCovered(uint64 l1Timestamp);
    /// @notice The sequencer is not silent yet, or a batch was forced too recently, and no old message was shown.
    error SequencerNotSilent(uint64 forceableAfter);
    /// @notice The shown message is not older than `forceDelay`.
    error MessageNotOld(uint64 l1Timestamp);

    /// @notice Appends a message. Only the Portal (kind 1, deposit) and the SystemConfig (kind 2, configuration).
    /// @param kind Message kind.
    /// @param sender Sender as L2 shall see it (already aliased).
    /// @param data Message data.
    /// @return index Position of the message in the queue.
    /// @return acc Accumulator after the message.
    function enqueue(uint8 kind, address sender, bytes calldata data) external returns (uint64 index, bytes32 acc);

    /// @notice Appends the batcher's batch: first an L1-info message, then the batch itself.
    /// @param payload Compressed block specs.
    /// @param firstBlock First L2 block of the batch: `lastBlock() + 1`.
    /// @param blockCount Number of L2 blocks, 1 to `MAX_BLOCKS_PER_BATCH`.
    /// @param messageEnd Queue index up to which the batch may consume: not below the previous batch's, not above
    ///        the queue length before this call, and covering every message older than `forceDelay`.
    /// @param expectedMessageAcc Expected `messageAcc(messageEnd)`, or zero for no check.
    /// @param youngMessageHeader Proof that what stays uncovered is young: the header of message `messageEnd` or of
    ///        message `messageEnd - 1`, not older than `forceDelay`. Not read if `messageEnd` is the queue's end, so
    ///        a batcher that covers the whole queue should pass the newest message's header: a deposit that
    ///        slips in before its transaction then does no harm.
    function appendBatch(
        bytes calldata payload,
        uint64 firstBlock,
        uint64 blockCount,
        uint64 messageEnd,
        bytes32 expectedMessageAcc,
        bytes calldata youngMessageHeader
    ) external;

    /// @notice Appends a batch of one block without payload that covers the whole queue. Anyone may call, if the
    ///         first uncovered message is older than `forceDelay`, or if the sequencer has been silent for
    ///         `sequencerTimeout` (then once per `forcedBatchInterval`, so that a returning sequencer finds a gap).
    /// @param oldMessageHeader Header of message `messageEnd()`; may be empty if the sequencer is silent.
    function forceBatch(bytes calldata oldMessageHeader) external;

    /// @notice Largest number of L2 blocks in a batch.
    function MAX_BLOCKS_PER_BATCH() external view returns (uint64);
    /// @notice The contract that may enqueue deposits.
    function portal() external view returns (address);
    /// @notice The contract that may enqueue configuration changes and that names the batcher.
    function systemConfig() external view returns (address);
    /// @notice Age in seconds past which every batch must cover a message.
    function forceDelay() external view returns (uint64);
    /// @notice Seconds without a batch of the sequencer after which anyone may force batches.
    function sequencerTimeout() external view returns (uint64);
    /// @notice Least seconds between two batches forced because of a silent sequencer.
    function forcedBatchInterval() external view returns (uint64);
    /// @notice Number of messages in the queue.
    function messageCount() external view returns (uint64);
    /// @notice Number of batches.
    function batchCount() external view returns (uint64);
    /// @notice Last L2 block that belongs to a batch; 0, the genesis block, before the first batch.
    function lastBlock() external view returns (uint64);
    /// @notice Queue index up to which the batches so far may consume.
    function messageEnd() external view returns (uint64);
    /// @notice L1 timestamp of the sequencer's last batch, or of the deployment.
    function lastSequencerBatchAt() external view returns (uint64);
    /// @notice L1 timestamp of the last forced batch, 0 if there is none.
    function lastForcedBatchAt() external view returns (uint64);
    /// @notice Accumulator over the first `count` messages; zero for 0 and for what does not exist yet.
    function messageAcc(uint256 count) external view returns (bytes32);
    /// @notice Accumulator over the first `count` batches; zero for 0 and for what does not exist yet.
    function batchAcc(uint256 count) external view returns (bytes32);
}
