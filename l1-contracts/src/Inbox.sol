// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {ISystemConfig} from "./interfaces/ISystemConfig.sol";
import {Accumulator} from "./lib/Accumulator.sol";
import {BlockAllowance} from "./lib/BlockAllowance.sol";
import {ChunkHash} from "./lib/ChunkHash.sol";
import {BatchHeader, DaKinds, MessageHeader, MessageKinds} from "./lib/Headers.sol";
import {MessageGas} from "./lib/MessageGas.sol";

/// @title Inbox
/// @notice Orders everything that enters L2. It holds no funds.
contract Inbox is IInbox, Initializable {
    /// @notice Counters, packed into storage slot 0 so that a batch rewrites one word for all of them.
    /// @dev The narrow types cannot overflow in practice: 2^40 messages or batches fill L1 for more
    ///      than 10,000 years, and 2^56 blocks need 2^44 batches.
    struct Cursor {
        uint40 messageCount;
        uint40 batchCount;
        uint40 messageEnd;
        uint56 lastBlock;
        uint40 lastSequencerBatchAt;
        uint40 lastForcedBatchAt;
    }

    /// @notice What messages and blocks have used, packed into storage slot 1.
    /// @dev 2^64 gas are more than 10^12 messages of the most gas.
    struct Meters {
        /// Gas of all messages.
        uint64 queueGas;
        /// Gas of the messages before `messageEnd`.
        uint64 servedGas;
        /// Blocks that the batcher might append right after the newest batch.
        uint32 allowance;
        uint64 lastSequencerBatchBlock;
    }

    /// @inheritdoc IInbox
    uint64 public constant MAX_BLOCKS_PER_BATCH = 4096;
    /// @inheritdoc IInbox
    uint64 public constant MAX_FORCED_BLOCKS = 16;
    /// @inheritdoc IInbox
    uint64 public constant MIN_MESSAGE_GAS = MessageGas.MINIMUM;
    /// @inheritdoc IInbox
    uint64 public constant GUARANTEE = MessageGas.GUARANTEE;
    /// @inheritdoc IInbox
    uint64 public constant BLOCK_RATE = BlockAllowance.RATE;
    /// @inheritdoc IInbox
    uint64 public constant BLOCK_BURST = BlockAllowance.BURST;

    /// @inheritdoc IInbox
    uint64 public constant MAX_BLOBS = 6;
    /// @inheritdoc IInbox
    uint64 public constant BLOB_ROOM = 130_048;

    /// @notice Upper bound of `forcedBatchInterval`: five L1 blocks.
    uint64 private constant MAX_FORCED_BATCH_INTERVAL = 60;
    /// @notice Seconds of an L1 block in limits that count blocks too: twice the usual, so that slots without a block
    ///         do not matter, and only a standstill of L1 does.
    uint64 private constant L1_BLOCK_TIME = 24;

    /// @inheritdoc IInbox
    address public immutable portal;
    /// @inheritdoc IInbox
    address public immutable systemConfig;
    /// @inheritdoc IInbox
    uint64 public immutable forceDelay;
    /// @inheritdoc IInbox
    uint64 public immutable forceDelayBlocks;
    /// @inheritdoc IInbox
    uint64 public immutable sequencerTimeout;
    /// @inheritdoc IInbox
    uint64 public immutable sequencerTimeoutBlocks;
    /// @inheritdoc IInbox
    uint64 public immutable forcedBatchInterval;

    Cursor private _cursor;
    Meters private _meters;
    /// @inheritdoc IInbox
    mapping(uint256 count => bytes32) public messageAcc;
    /// @inheritdoc IInbox
    mapping(uint256 count => bytes32) public batchAcc;

    /// @param _portal The contract that may enqueue deposits.
    /// @param _systemConfig The contract that may enqueue configuration changes and names the batcher.
    /// @param _forceDelay Age in seconds past which every batch must cover a message.
    /// @param _sequencerTimeout Seconds without a batch of the sequencer after which anyone may force batches.
    constructor(address _portal, address _systemConfig, uint64 _forceDelay, uint64 _sequencerTimeout) {
        portal = _portal;
        systemConfig = _systemConfig;
        forceDelay = _forceDelay;
        forceDelayBlocks = _inBlocks(_forceDelay);
        sequencerTimeout = _sequencerTimeout;
        sequencerTimeoutBlocks = _inBlocks(_sequencerTimeout);
        forcedBatchInterval =
            _sequencerTimeout < MAX_FORCED_BATCH_INTERVAL ? _sequencerTimeout : MAX_FORCED_BATCH_INTERVAL;
        _disableInitializers();
    }

    /// @inheritdoc IInbox
    function initialize() external initializer {
        _cursor.lastSequencerBatchAt = uint40(block.timestamp);
        _meters.lastSequencerBatchBlock = uint64(block.number);
        _meters.allowance = uint32(BlockAllowance.BURST);
    }

    /// @inheritdoc IInbox
    function enqueue(uint8 _kind, address _sender, uint64 _gas, bytes calldata _data)
        external
        returns (uint64 index_, bytes32 acc_, uint64 unservedGas_)
    {
        // INVARIANT: each kind has one source. Otherwise anyone could mint ETH on L2 or change its parameters.
        bool allowed = (_kind == MessageKinds.DEPOSIT && msg.sender == portal)
            || (_kind == MessageKinds.CONFIG_UPDATE && msg.sender == systemConfig);
        if (!allowed) revert NotMessageSource(msg.sender, _kind);
        // INVARIANT: one block of a batch is enough for any message, so the queue can always move on; and no message
        // is for nothing.
        if (_gas < MessageGas.MINIMUM || _gas > MessageGas.GUARANTEE) revert MessageGasOutOfBounds(_gas);

        uint64 gasStart = _meters.queueGas;
        unservedGas_ = gasStart - _meters.servedGas;
        _meters.queueGas = gasStart + _gas;
        index_ = _cursor.messageCount;
        _cursor.messageCount = uint40(index_ + 1);
        bytes memory header = MessageHeader.encode(_kind, _sender, _gas, gasStart + _gas, ChunkHash.hash(_data));
        acc_ = _appendMessage(index_, header);
        emit MessageEnqueued(index_, acc_, header, _data);
    }

    /// @inheritdoc IInbox
    function appendBatch(
        bytes calldata _payload,
        uint64 _firstBlock,
        uint64 _blockCount,
        uint64 _messageEnd,
        bytes32 _expectedMessageAcc,
        bytes calldata _endMessageHeader
    ) external {
        BatchHeader.Fields memory batch;
        batch.daKind = DaKinds.CALLDATA;
        batch.dataHash = ChunkHash.hash(_payload);
        batch.payloadLength = uint64(_payload.length);
        batch.firstBlock = _firstBlock;
        batch.blockCount = _blockCount;
        batch.messageEnd = _messageEnd;
        _appendSequencerBatch(batch, _expectedMessageAcc, _endMessageHeader);
    }

    /// @inheritdoc IInbox
    function appendBlobBatch(
        uint64 _payloadLength,
        uint64 _firstBlock,
        uint64 _blockCount,
        uint64 _messageEnd,
        bytes32 _expectedMessageAcc,
        bytes calldata _endMessageHeader
    ) external {
        BatchHeader.Fields memory batch;
        batch.daKind = DaKinds.BLOBS;
        uint64 blobs;
        (batch.dataHash, blobs) = _blobsHash();
        // INVARIANT: the payload is in the blobs. Who derives the batch reads no other bytes.
        if (_payloadLength > blobs * BLOB_ROOM) revert PayloadBeyondBlobs(blobs * BLOB_ROOM, _payloadLength);
        batch.payloadLength = _payloadLength;
        batch.firstBlock = _firstBlock;
        batch.blockCount = _blockCount;
        batch.messageEnd = _messageEnd;
        _appendSequencerBatch(batch, _expectedMessageAcc, _endMessageHeader);
    }

    /// @inheritdoc IInbox
    function forceBatch(bytes calldata _oldMessageHeader, uint64 _messageEnd, bytes calldata _endMessageHeader)
        external
    {
        Cursor memory cursor = _cursor;
        Meters memory meters = _meters;
        _checkForceable(cursor, meters, _oldMessageHeader);

        BatchHeader.Fields memory batch;
        batch.daKind = DaKinds.NONE;
        batch.dataHash = ChunkHash.hash(msg.data[:0]);
        batch.firstBlock = uint64(cursor.lastBlock) + 1;
        batch.blockCount = _forcedBlocks(meters);
        (batch.messageEnd, batch.messageGasEnd) =
            _forcedEnd(cursor, meters, batch.blockCount, _messageEnd, _endMessageHeader);
        batch.messageAcc = messageAcc[batch.messageEnd];

        // Forced batches need no allowance, but use it up: what derives L2 has as much to do for them.
        uint64 allowance = _allowanceNow(cursor, meters);
        meters.allowance = uint32(BlockAllowance.spend(allowance, batch.blockCount));
        cursor.lastForcedBatchAt = uint40(block.timestamp);
        _appendBatch(cursor, meters, batch);
    }

    /// @inheritdoc IInbox
    function messageCount() external view returns (uint64) {
        return _cursor.messageCount;
    }

    /// @inheritdoc IInbox
    function batchCount() external view returns (uint64) {
        return _cursor.batchCount;
    }

    /// @inheritdoc IInbox
    function lastBlock() external view returns (uint64) {
        return _cursor.lastBlock;
    }

    /// @inheritdoc IInbox
    function messageEnd() external view returns (uint64) {
        return _cursor.messageEnd;
    }

    /// @inheritdoc IInbox
    function lastSequencerBatchAt() external view returns (uint64) {
        return _cursor.lastSequencerBatchAt;
    }

    /// @inheritdoc IInbox
    function lastSequencerBatchBlock() external view returns (uint64) {
        return _meters.lastSequencerBatchBlock;
    }

    /// @inheritdoc IInbox
    function lastForcedBatchAt() external view returns (uint64) {
        return _cursor.lastForcedBatchAt;
    }

    /// @inheritdoc IInbox
    function queueGas() external view returns (uint64) {
        return _meters.queueGas;
    }

    /// @inheritdoc IInbox
    function servedGas() external view returns (uint64) {
        return _meters.servedGas;
    }

    /// @inheritdoc IInbox
    function blockAllowance() external view returns (uint64) {
        return _allowanceNow(_cursor, _meters);
    }

    /// @notice Appends a batch of the sequencer, of which all is given but the queue's part.
    function _appendSequencerBatch(
        BatchHeader.Fields memory _batch,
        bytes32 _expectedMessageAcc,
        bytes calldata _endMessageHeader
    ) private {
        if (msg.sender != ISystemConfig(systemConfig).batcher()) {
            revert NotBatcher(msg.sender);
        }
        // INVARIANT: the payload is calldata or in blobs of a transaction that calls the Inbox, so that every node
        // reads it without tracing. The code check stops an account with delegated code (EIP-7702), which is its own
        // origin in an inner call.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotTopLevelCall();

        Cursor memory cursor = _cursor;
        Meters memory meters = _meters;
        uint64 allowance = _allowanceNow(cursor, meters);
        _checkBlocks(cursor, _batch, allowance);
        _batch.messageGasEnd = _checkMessageEnd(cursor, meters, _batch, allowance, _endMessageHeader);
        _batch.messageAcc = messageAcc[_batch.messageEnd];
        // INVARIANT: a batch derives as its builder meant, or not at all: on a reorged L1 the queue differs.
        if (_expectedMessageAcc != 0 && _batch.messageAcc != _expectedMessageAcc) {
            revert MessageAccMismatch(_expectedMessageAcc, _batch.messageAcc);
        }

        meters.allowance = uint32(BlockAllowance.spend(allowance, _batch.blockCount));
        meters.lastSequencerBatchBlock = uint64(block.number);
        cursor.lastSequencerBatchAt = uint40(block.timestamp);
        _appendBatch(cursor, meters, _batch);
    }

    /// @notice The commitment to all blobs of the transaction, and how many they are.
    function _blobsHash() private view returns (bytes32 hash_, uint64 count_) {
        bytes memory hashes;
        for (; count_ <= MAX_BLOBS; ++count_) {
            bytes32 versionedHash = blobhash(count_);
            if (versionedHash == 0) break;
            hashes = bytes.concat(hashes, versionedHash);
        }
        // INVARIANT: all blobs of the transaction belong to the batch, and there are no more than one proof of a step can
        // be asked about.
        if (count_ == 0 || count_ > MAX_BLOBS) revert InvalidBlobCount(count_);
        hash_ = keccak256(hashes);
    }

    /// @notice Reverts unless the batch holds the next L2 blocks, and not too many.
    function _checkBlocks(Cursor memory _c, BatchHeader.Fields memory _batch, uint64 _allowance) private pure {
        // INVARIANT: every L2 block up to `lastBlock` belongs to exactly one batch.
        uint64 expected = uint64(_c.lastBlock) + 1;
        if (_batch.firstBlock != expected) revert UnexpectedFirstBlock(expected, _batch.firstBlock);
        // INVARIANT: a batch makes progress, and the work to derive it is bounded.
        if (_batch.blockCount == 0 || _batch.blockCount > MAX_BLOCKS_PER_BATCH) {
            revert InvalidBlockCount(_batch.blockCount);
        }
        // INVARIANT: blocks are bounded against time. Empty ones cost the batcher next to nothing, and would leave
        // every replica and challenger behind.
        if (_batch.blockCount > _allowance) revert BlockAllowanceExceeded(_allowance, _batch.blockCount);
    }

    /// @notice Reverts unless the batch's message end is a valid one.
    /// @return gasEnd_ Gas of all messages before the message end.
    function _checkMessageEnd(
        Cursor memory _c,
        Meters memory _m,
        BatchHeader.Fields memory _batch,
        uint64 _allowance,
        bytes calldata _header
    ) private view returns (uint64 gasEnd_) {
        uint64 end = _batch.messageEnd;
        // INVARIANT: what was consumed stays consumed.
        if (end < _c.messageEnd) revert MessageEndDecreased(_c.messageEnd, end);
        // INVARIANT: only messages that exist can be covered.
        if (end > _c.messageCount) revert MessageEndBeyondQueue(_c.messageCount, end);

        uint64 most = _m.servedGas + MessageGas.GUARANTEE * _batch.blockCount;
        if (end == _c.messageCount) {
            gasEnd_ = _m.queueGas;
        } else {
            // Message `end`, or the one before it: if that is young, so is `end` itself, since messages are in order
            // of time. This keeps a batcher that consumes the whole queue out of the reach of a deposit that slips in
            // just before its transaction.
            bool isNext = _isMessage(end, _header);
            if (!isNext && (end == 0 || !_isMessage(end - 1, _header))) revert MessageHeaderMismatch(end);
            uint64 headerGasEnd = MessageHeader.gasEnd(_header);
            gasEnd_ = isNext ? MessageHeader.gasStart(_header) : headerGasEnd;

            // INVARIANT: no message older than `forceDelay` stays behind, so that the sequencer cannot censor, unless
            // the batch has as many blocks as it may and there is no room in them for the next message.
            bool isFull = isNext && headerGasEnd > most
                && (_batch.blockCount == MAX_BLOCKS_PER_BATCH || _batch.blockCount == _allowance);
            if (!isFull && _isOld(_header)) revert OldMessageNotCovered(MessageHeader.l1Timestamp(_header));
        }
        // INVARIANT: what a batch covers, its blocks execute. The state transition function makes the last blocks of
        // a batch take what is left of its messages, which they can if this holds. Otherwise a batch of one block
        // could cover a backlog that takes L2 weeks, and nobody could force what is covered.
        if (gasEnd_ > most) revert MessageGasBeyondBlocks(most, gasEnd_);
    }

    /// @notice Reverts unless anyone may force a batch now.
    function _checkForceable(Cursor memory _c, Meters memory _m, bytes calldata _oldHeader) private view {
        // INVARIANT: a silent sequencer cannot stop the chain. One batch per interval is enough for that, and
        // leaves the returning sequencer L1 blocks in which nobody can take the next L2 block number before it.
        uint256 forceableAfter = uint256(_c.lastSequencerBatchAt) + sequencerTimeout;
        uint256 intervalEnd = uint256(_c.lastForcedBatchAt) + forcedBatchInterval;
        if (intervalEnd > forceableAfter) forceableAfter = intervalEnd;
        // SAFETY: L1's blocks count too. While L1 stands still, no sequencer can append a batch.
        uint256 forceableAfterBlock = uint256(_m.lastSequencerBatchBlock) + sequencerTimeoutBlocks;
        if (block.timestamp > forceableAfter && block.number > forceableAfterBlock) return;
        if (_oldHeader.length == 0) {
            revert SequencerNotSilent(uint64(forceableAfter), uint64(forceableAfterBlock));
        }

        // INVARIANT: a censoring sequencer cannot keep a message out for longer than `forceDelay`. The header must
        // be that of the first unconsumed message: all before it are served.
        if (!_isMessage(_c.messageEnd, _oldHeader)) revert MessageHeaderMismatch(_c.messageEnd);
        if (!_isOld(_oldHeader)) revert MessageNotOld(MessageHeader.l1Timestamp(_oldHeader));
    }

    /// @notice Blocks of a forced batch: enough for all messages, if `MAX_FORCED_BLOCKS` are.
    function _forcedBlocks(Meters memory _m) private pure returns (uint64 blocks_) {
        uint64 unserved = _m.queueGas - _m.servedGas;
        blocks_ = (unserved + MessageGas.GUARANTEE - 1) / MessageGas.GUARANTEE;
        if (blocks_ == 0) blocks_ = 1;
        if (blocks_ > MAX_FORCED_BLOCKS) blocks_ = MAX_FORCED_BLOCKS;
    }

    /// @notice Message end of a forced batch, and the gas of all messages before it.
    function _forcedEnd(
        Cursor memory _c,
        Meters memory _m,
        uint64 _blockCount,
        uint64 _end,
        bytes calldata _header
    ) private view returns (uint64 end_, uint64 gasEnd_) {
        uint64 most = _m.servedGas + MessageGas.GUARANTEE * _blockCount;
        // SAFETY: what the caller names is not looked at where all messages fit. A deposit just before the call would
        // make it wrong, and so keep anyone from forcing a batch.
        if (_m.queueGas <= most) return (_c.messageCount, _m.queueGas);

        // INVARIANT: who forces a batch cannot make it cover less than it may, to keep out what comes behind.
        if (!_isMessage(_end, _header)) revert MessageHeaderMismatch(_end);
        (end_, gasEnd_) = (_end, MessageHeader.gasStart(_header));
        uint64 nextGasEnd = MessageHeader.gasEnd(_header);
        if (gasEnd_ > most || nextGasEnd <= most) revert WrongForcedEnd(most, gasEnd_, nextGasEnd);
    }

    /// @notice Whether this is the header of message `_index`. False for messages that do not exist: their
    ///         accumulator is zero, which no hash equals.
    function _isMessage(uint64 _index, bytes calldata _header) private view returns (bool is_) {
        is_ = Accumulator.extend(messageAcc[_index], keccak256(_header)) == messageAcc[uint256(_index) + 1];
    }

    /// @notice Whether the message with this header must be consumed. If one is not old, none after it is.
    function _isOld(bytes calldata _header) private view returns (bool old_) {
        // SAFETY: L1's blocks count too. While L1 stands still, no sequencer can append a batch.
        old_ = uint256(MessageHeader.l1Timestamp(_header)) + forceDelay < block.timestamp
            && uint256(MessageHeader.l1BlockNumber(_header)) + forceDelayBlocks < block.number;
    }

    /// @notice Blocks that the batcher may append now.
    function _allowanceNow(Cursor memory _c, Meters memory _m) private view returns (uint64 allowance_) {
        uint256 last =
            _c.lastSequencerBatchAt > _c.lastForcedBatchAt ? _c.lastSequencerBatchAt : _c.lastForcedBatchAt;
        allowance_ = BlockAllowance.refill(_m.allowance, uint64(block.timestamp - last));
    }

    /// @notice A number of seconds in L1 blocks, rounded up.
    function _inBlocks(uint64 _seconds) private pure returns (uint64 blocks_) {
        blocks_ = _seconds / L1_BLOCK_TIME + (_seconds % L1_BLOCK_TIME == 0 ? 0 : 1);
    }

    /// @notice Extends the queue's accumulator by message `_index`.
    function _appendMessage(uint64 _index, bytes memory _header) private returns (bytes32 acc_) {
        acc_ = Accumulator.extend(messageAcc[_index], keccak256(_header));
        messageAcc[uint256(_index) + 1] = acc_;
    }

    /// @notice Appends a batch behind its L1-info message, and stores counters and meters.
    function _appendBatch(Cursor memory _c, Meters memory _m, BatchHeader.Fields memory _batch) private {
        uint64 infoIndex = _c.messageCount;
        _c.messageCount = uint40(infoIndex + 1);
        _m.queueGas += MessageGas.MINIMUM;
        bytes memory infoHeader = MessageHeader.encode(
            MessageKinds.L1_INFO, address(this), MessageGas.MINIMUM, _m.queueGas, ChunkHash.hash(msg.data[:0])
        );
        _appendMessage(infoIndex, infoHeader);

        uint64 index = _c.batchCount;
        bytes memory header = BatchHeader.encode(_batch);
        bytes32 acc = Accumulator.extend(batchAcc[index], keccak256(header));
        batchAcc[uint256(index) + 1] = acc;

        _c.batchCount = uint40(index + 1);
        _c.lastBlock = uint56(_batch.firstBlock + _batch.blockCount - 1);
        _c.messageEnd = uint40(_batch.messageEnd);
        _m.servedGas = _batch.messageGasEnd;
        _cursor = _c;
        _meters = _m;
        emit BatchAppended(index, acc, header, infoIndex, infoHeader);
    }
}
