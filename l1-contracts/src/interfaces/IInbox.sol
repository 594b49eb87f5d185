// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IInbox
/// @notice Orders everything that enters L2: the queue of L1→L2 messages and the batches of the sequencer, each as
///         a keccak hash chain whose every link is stored by index.
/// @dev Constructor of the implementation:
///      `constructor(address portal, address systemConfig, uint64 forceDelay, uint64 sequencerTimeout)`; behind its
///      proxy `initialize` is called at once.
interface IInbox {
    /// @notice A deposit or a configuration change entered the message queue. (The L1-info message that every batch
    ///         appends is reported by `BatchAppended` instead.)
    /// @param index Position of the message in the queue.
    /// @param acc Accumulator after this message: `messageAcc(index + 1)`.
    /// @param header Packed message header, 182 bytes.
    /// @param data Message data, committed to by the header's data hash.
    event MessageEnqueued(uint64 indexed index, bytes32 acc, bytes header, bytes data);

    /// @notice A batch was appended, after its L1-info message.
    /// @param index Position of the batch.
    /// @param acc Accumulator after this batch: `batchAcc(index + 1)`.
    /// @param header Packed batch header, 122 bytes.
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
    /// @notice A batch is in one blob at least, and in `MAX_BLOBS` at most; more may be meant where this says one more.
    error InvalidBlobCount(uint64 count);
    /// @notice The payload is longer than its blobs have room for.
    error PayloadBeyondBlobs(uint64 room, uint64 payloadLength);
    /// @notice The batcher has appended too many blocks of late: it may append `allowance` now.
    error BlockAllowanceExceeded(uint64 allowance, uint64 blockCount);
    /// @notice A message counts `MIN_MESSAGE_GAS` to `GUARANTEE`.
    error MessageGasOutOfBounds(uint64 gas);
    /// @notice The consumed part of the queue never shrinks.
    error MessageEndDecreased(uint64 previous, uint64 actual);
    /// @notice A batch cannot cover messages that do not exist.
    error MessageEndBeyondQueue(uint64 messageCount, uint64 actual);
    /// @notice The queue is not the one the batch was built on (after an L1 reorg).
    error MessageAccMismatch(bytes32 expected, bytes32 actual);
    /// @notice The given header is not that of the message it should be.
    error MessageHeaderMismatch(uint64 index);
    /// @notice A message older than `forceDelay` would stay unconsumed, by a batch with room for more blocks or for
    ///         the next message.
    error OldMessageNotCovered(uint64 l1Timestamp);
    /// @notice The blocks of the batch do not execute all that it would cover.
    /// @param most Gas of all messages up to which they do: `servedGas + GUARANTEE × blockCount`.
    /// @param actual Gas of all messages before the batch's message end.
    error MessageGasBeyondBlocks(uint64 most, uint64 actual);
    /// @notice The named message is not the first for which a forced batch has no room.
    /// @param most Gas of all messages up to which it has.
    /// @param gasStart Gas of all messages before the named one.
    /// @param gasEnd The same, with it.
    error WrongForcedEnd(uint64 most, uint64 gasStart, uint64 gasEnd);
    /// @notice The sequencer is not silent yet, or a batch was forced too recently, and no old message was shown.
    /// @param forceableAfter L1 timestamp after which a batch can be forced.
    /// @param forceableAfterBlock L1 block after which it can.
    error SequencerNotSilent(uint64 forceableAfter, uint64 forceableAfterBlock);
    /// @notice The shown message is not older than `forceDelay`.
    error MessageNotOld(uint64 l1Timestamp);

    /// @notice Starts the clocks by which batches are late, and gives the sequencer its whole allowance of blocks. Called
    ///         once, with the deployment.
    function initialize() external;
    /// @notice Appends a message. Only the Portal (kind 1, deposit) and the SystemConfig (kind 2, configuration).
    /// @param kind Message kind.
    /// @param sender Sender as L2 shall see it (already aliased).
    /// @param gas Gas that the message counts against what L2's blocks have for messages.
    /// @param data Message data.
    /// @return index Position of the message in the queue.
    /// @return acc Accumulator after the message.
    /// @return unservedGas Gas of the messages before it that no batch has covered.
    function enqueue(uint8 kind, address sender, uint64 gas, bytes calldata data)
        external
        returns (uint64 index, bytes32 acc, uint64 unservedGas);

    /// @notice Appends the batcher's batch: first an L1-info message, then the batch itself.
    /// @param payload Compressed block specs.
    /// @param firstBlock First L2 block of the batch: `lastBlock() + 1`.
    /// @param blockCount Number of L2 blocks, 1 to `MAX_BLOCKS_PER_BATCH`, and at most `blockAllowance()`.
    /// @param messageEnd Queue index up to which the batch consumes messages: all before it, and none after it. Not
    ///        below the previous batch's, not above the queue length before this call. The gas of all messages before
    ///        it is at most `servedGas() + GUARANTEE × blockCount`. No message older than `forceDelay` stays behind,
    ///        except behind a batch of the most blocks allowed in which message `messageEnd` has no room.
    /// @param expectedMessageAcc Expected `messageAcc(messageEnd)`, or zero for no check.
    /// @param endMessageHeader The header of message `messageEnd`, or of message `messageEnd - 1` if that is not older
    ///        than `forceDelay`. Not read if `messageEnd` is the queue's end, so a batcher that consumes the whole
    ///        queue should pass the newest message's header: a deposit that slips in before its transaction then does
    ///        no harm.
    function appendBatch(
        bytes calldata payload,
        uint64 firstBlock,
        uint64 blockCount,
        uint64 messageEnd,
        bytes32 expectedMessageAcc,
        bytes calldata endMessageHeader
    ) external;

    /// @notice The same with the payload in the blobs of the transaction, all of them, in order.
    /// @param payloadLength Bytes of the payload, at most `BLOB_ROOM` for each blob.
    function appendBlobBatch(
        uint64 payloadLength,
        uint64 firstBlock,
        uint64 blockCount,
        uint64 messageEnd,
        bytes32 expectedMessageAcc,
        bytes calldata endMessageHeader
    ) external;

    /// @notice Appends a batch without payload. It has as many blocks as the unconsumed messages need,
    ///         `⌈(queueGas() − servedGas()) / GUARANTEE⌉`, at least 1 and at most `MAX_FORCED_BLOCKS`, and covers all
    ///         that these may. Anyone may call, if the first unconsumed message is older than `forceDelay`, or if the
    ///         sequencer has been silent for `sequencerTimeout` (then once per `forcedBatchInterval`, so that a
    ///         returning sequencer finds a gap). Like every batch it leaves its own L1-info message to the next.
    /// @param oldMessageHeader Header of message `messageEnd()`; may be empty if the sequencer is silent.
    /// @param messageEnd The first message for which the batch has no room. Not read if there is none.
    /// @param endMessageHeader Header of that message. Not read if there is none.
    function forceBatch(bytes calldata oldMessageHeader, uint64 messageEnd, bytes calldata endMessageHeader)
        external;

    /// @notice Largest number of L2 blocks in a batch of the batcher.
    function MAX_BLOCKS_PER_BATCH() external view returns (uint64);
    /// @notice Largest number of L2 blocks in a forced batch.
    function MAX_FORCED_BLOCKS() external view returns (uint64);
    /// @notice Most blobs of a batch: what L1 allows in a transaction (EIP-7594).
    function MAX_BLOBS() external view returns (uint64);
    /// @notice Bytes of a payload in a blob: 127 in four field elements.
    function BLOB_ROOM() external view returns (uint64);
    /// @notice Least gas that a message counts.
    function MIN_MESSAGE_GAS() external view returns (uint64);
    /// @notice Most gas that a message counts, and the gas of messages that every block of a batch stands for.
    function GUARANTEE() external view returns (uint64);
    /// @notice Blocks by which the allowance grows in a second.
    function BLOCK_RATE() external view returns (uint64);
    /// @notice Largest allowance of blocks.
    function BLOCK_BURST() external view returns (uint64);
    /// @notice The contract that may enqueue deposits.
    function portal() external view returns (address);
    /// @notice The contract that may enqueue configuration changes and that names the batcher.
    function systemConfig() external view returns (address);
    /// @notice Age in seconds past which every batch must cover a message, if it is older than `forceDelayBlocks` too.
    function forceDelay() external view returns (uint64);
    /// @notice The same in L1 blocks of 24 seconds, rounded up: while L1 stands still, nothing grows old.
    function forceDelayBlocks() external view returns (uint64);
    /// @notice Seconds without a batch of the sequencer after which anyone may force batches, if there was none for
    ///         `sequencerTimeoutBlocks` either.
    function sequencerTimeout() external view returns (uint64);
    /// @notice The same in L1 blocks of 24 seconds, rounded up.
    function sequencerTimeoutBlocks() external view returns (uint64);
    /// @notice Least seconds between two batches forced because of a silent sequencer.
    function forcedBatchInterval() external view returns (uint64);
    /// @notice Number of messages in the queue.
    function messageCount() external view returns (uint64);
    /// @notice Number of batches.
    function batchCount() external view returns (uint64);
    /// @notice Last L2 block that belongs to a batch; 0, the genesis block, before the first batch.
    function lastBlock() external view returns (uint64);
    /// @notice Queue index up to which the batches so far consume messages.
    function messageEnd() external view returns (uint64);
    /// @notice L1 timestamp of the sequencer's last batch, or of the deployment.
    function lastSequencerBatchAt() external view returns (uint64);
    /// @notice L1 block of the sequencer's last batch, or of the deployment.
    function lastSequencerBatchBlock() external view returns (uint64);
    /// @notice L1 timestamp of the last forced batch, 0 if there is none.
    function lastForcedBatchAt() external view returns (uint64);
    /// @notice Gas of all messages.
    function queueGas() external view returns (uint64);
    /// @notice Gas of the messages that batches have covered. The rest is unserved.
    function servedGas() external view returns (uint64);
    /// @notice Blocks that the batcher may append in the present L1 block. Each second since the newest batch has added
    ///         `BLOCK_RATE`, up to `BLOCK_BURST`; batches use it up, forced ones too, which themselves need none.
    function blockAllowance() external view returns (uint64);
    /// @notice Accumulator over the first `count` messages; zero for 0 and for what does not exist yet.
    function messageAcc(uint256 count) external view returns (bytes32);
    /// @notice Accumulator over the first `count` batches; zero for 0 and for what does not exist yet.
    function batchAcc(uint256 count) external view returns (bytes32);
}
