// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "./interfaces/IInbox.sol";
import {ISystemConfig} from "./interfaces/ISystemConfig.sol";
import {Accumulator} from "./lib/Accumulator.sol";
import {ChunkHash} from "./lib/ChunkHash.sol";
import {BatchHeader, DaKinds, MessageHeader, MessageKinds} from "./lib/Headers.sol";

/// @title Inbox
/// @notice Orders everything that enters L2. Not upgradeable; it has no owner and holds no funds.
contract Inbox is IInbox {
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

    /// @inheritdoc IInbox
    uint64 public constant MAX_BLOCKS_PER_BATCH = 4096;

    /// @notice Upper bound of `forcedBatchInterval`: five L1 blocks.
    uint64 private constant MAX_FORCED_BATCH_INTERVAL = 60;

    /// @inheritdoc IInbox
    address public immutable portal;
    /// @inheritdoc IInbox
    address public immutable systemConfig;
    /// @inheritdoc IInbox
    uint64 public immutable forceDelay;
    /// @inheritdoc IInbox
    uint64 public immutable sequencerTimeout;
    /// @inheritdoc IInbox
    uint64 public immutable forcedBatchInterval;

    Cursor private _cursor;
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
        sequencerTimeout = _sequencerTimeout;
        forcedBatchInterval =
            _sequencerTimeout < MAX_FORCED_BATCH_INTERVAL ? _sequencerTimeout : MAX_FORCED_BATCH_INTERVAL;
        _cursor.lastSequencerBatchAt = uint40(block.timestamp);
    }

    /// @inheritdoc IInbox
    function enqueue(uint8 _kind, address _sender, bytes calldata _data)
        external
        returns (uint64 index_, bytes32 acc_)
    {
        // INVARIANT: each kind has one source. Otherwise anyone could mint ETH on L2 or change its parameters.
        bool allowed = (_kind == MessageKinds.DEPOSIT && msg.sender == portal)
            || (_kind == MessageKinds.CONFIG_UPDATE && msg.sender == systemConfig);
        if (!allowed) revert NotMessageSource(msg.sender, _kind);

        index_ = _cursor.messageCount;
        bytes memory header = MessageHeader.encode(_kind, _sender, ChunkHash.hash(_data));
        acc_ = _appendMessage(index_, header);
        _cursor.messageCount = uint40(index_ + 1);
        emit MessageEnqueued(index_, acc_, header, _data);
    }

    /// @inheritdoc IInbox
    function appendBatch(
        bytes calldata _payload,
        uint64 _firstBlock,
        uint64 _blockCount,
        uint64 _messageEnd,
        bytes32 _expectedMessageAcc,
        bytes calldata _youngMessageHeader
    ) external {
        if (msg.sender != ISystemConfig(systemConfig).batcher()) revert NotBatcher(msg.sender);
        // INVARIANT: the payload is calldata of a transaction, so that every node reads it without tracing. The
        // code check stops an account with delegated code (EIP-7702), which is its own origin in an inner call.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotTopLevelCall();

        BatchHeader.Fields memory batch = BatchHeader.Fields({
            daKind: DaKinds.CALLDATA,
            dataHash: ChunkHash.hash(_payload),
            payloadLength: uint64(_payload.length),
            firstBlock: _firstBlock,
            blockCount: _blockCount,
            messageEnd: _messageEnd,
            messageAcc: messageAcc[_messageEnd]
        });
        Cursor memory cursor = _cursor;
        _checkBlocks(cursor, batch);
        _checkMessageEnd(cursor, batch, _youngMessageHeader);
        // INVARIANT: a batch derives as its builder meant, or not at all: on a reorged L1 the queue differs.
        if (_expectedMessageAcc != 0 && batch.messageAcc != _expectedMessageAcc) {
            revert MessageAccMismatch(_expectedMessageAcc, batch.messageAcc);
        }

        cursor.lastSequencerBatchAt = uint40(block.timestamp);
        (uint64 infoIndex, bytes memory infoHeader) = _appendInfo(cursor);
        _appendBatch(cursor, batch, infoIndex, infoHeader);
    }

    /// @inheritdoc IInbox
    function forceBatch(bytes calldata _oldMessageHeader) external {
        Cursor memory cursor = _cursor;
        _checkForceable(cursor, _oldMessageHeader);

        cursor.lastForcedBatchAt = uint40(block.timestamp);
        (uint64 infoIndex, bytes memory infoHeader) = _appendInfo(cursor);
        _appendBatch(
            cursor,
            BatchHeader.Fields({
                daKind: DaKinds.NONE,
                dataHash: ChunkHash.hash(msg.data[:0]),
                payloadLength: 0,
                firstBlock: uint64(cursor.lastBlock) + 1,
                blockCount: 1,
                messageEnd: cursor.messageCount,
                messageAcc: messageAcc[cursor.messageCount]
            }),
            infoIndex,
            infoHeader
        );
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
    function lastForcedBatchAt() external view returns (uint64) {
        return _cursor.lastForcedBatchAt;
    }

    /// @notice Reverts unless the batch holds the next L2 blocks.
    function _checkBlocks(Cursor memory _c, BatchHeader.Fields memory _batch) private pure {
        // INVARIANT: every L2 block up to `lastBlock` belongs to exactly one batch.
        uint64 expected = uint64(_c.lastBlock) + 1;
        if (_batch.firstBlock != expected) revert UnexpectedFirstBlock(expected, _batch.firstBlock);
        // INVARIANT: a batch makes progress, and the work to derive it is bounded.
        if (_batch.blockCount == 0 || _batch.blockCount > MAX_BLOCKS_PER_BATCH) {
            revert InvalidBlockCount(_batch.blockCount);
        }
    }

    /// @notice Reverts unless the batch's message end is a lawful one.
    function _checkMessageEnd(Cursor memory _c, BatchHeader.Fields memory _batch, bytes calldata _youngHeader)
        private
        view
    {
        uint64 end = _batch.messageEnd;
        // INVARIANT: what one batch may consume, the next may too.
        if (end < _c.messageEnd) revert MessageEndDecreased(_c.messageEnd, end);
        // INVARIANT: only messages that exist can be covered.
        if (end > _c.messageCount) revert MessageEndBeyondQueue(_c.messageCount, end);
        if (end == _c.messageCount) return;

        // INVARIANT: no message older than `forceDelay` stays behind, so that the sequencer cannot censor. Messages
        // are in order of time: if message `end` is young, so is all after it, and if the one before it is young, so
        // is `end` itself. The latter keeps a batcher that covers the whole queue out of the reach of a deposit
        // that slips in just before its transaction.
        bytes32 headerHash = keccak256(_youngHeader);
        bool known = Accumulator.extend(_batch.messageAcc, headerHash) == messageAcc[uint256(end) + 1]
            || (end != 0 && Accumulator.extend(messageAcc[end - 1], headerHash) == _batch.messageAcc);
        if (!known) revert MessageHeaderMismatch(end);
        uint64 l1Timestamp = MessageHeader.l1Timestamp(_youngHeader);
        if (_isOld(l1Timestamp)) revert OldMessageNotCovered(l1Timestamp);
    }

    /// @notice Reverts unless anyone may force a batch now.
    function _checkForceable(Cursor memory _c, bytes calldata _oldHeader) private view {
        // INVARIANT: a silent sequencer cannot stop the chain. One batch per interval is enough for that, and
        // leaves the returning sequencer L1 blocks in which nobody can take the next L2 block number before it.
        uint256 forceableAfter = uint256(_c.lastSequencerBatchAt) + sequencerTimeout;
        uint256 intervalEnd = uint256(_c.lastForcedBatchAt) + forcedBatchInterval;
        if (intervalEnd > forceableAfter) forceableAfter = intervalEnd;
        if (block.timestamp > forceableAfter) return;
        if (_oldHeader.length == 0) revert SequencerNotSilent(uint64(forceableAfter));

        // INVARIANT: a censoring sequencer cannot keep a message out for longer than `forceDelay`. The header must
        // be that of the first uncovered message: all before it are served. (Where there is none, the next
        // accumulator is zero, which no hash equals.)
        bytes32 acc = Accumulator.extend(messageAcc[_c.messageEnd], keccak256(_oldHeader));
        if (acc != messageAcc[uint256(_c.messageEnd) + 1]) revert MessageHeaderMismatch(_c.messageEnd);
        uint64 l1Timestamp = MessageHeader.l1Timestamp(_oldHeader);
        if (!_isOld(l1Timestamp)) revert MessageNotOld(l1Timestamp);
    }

    /// @notice Whether a message of this time must be covered.
    function _isOld(uint64 _l1Timestamp) private view returns (bool old_) {
        old_ = uint256(_l1Timestamp) + forceDelay < block.timestamp;
    }

    /// @notice Appends the L1-info message of a batch; the caller stores the cursor.
    function _appendInfo(Cursor memory _c) private returns (uint64 index_, bytes memory header_) {
        index_ = _c.messageCount;
        header_ = MessageHeader.encode(MessageKinds.L1_INFO, address(this), ChunkHash.hash(msg.data[:0]));
        _appendMessage(index_, header_);
        _c.messageCount = uint40(index_ + 1);
    }

    /// @notice Extends the queue's accumulator by message `_index`.
    function _appendMessage(uint64 _index, bytes memory _header) private returns (bytes32 acc_) {
        acc_ = Accumulator.extend(messageAcc[_index], keccak256(_header));
        messageAcc[uint256(_index) + 1] = acc_;
    }

    /// @notice Appends a batch and stores the cursor.
    function _appendBatch(
        Cursor memory _c,
        BatchHeader.Fields memory _batch,
        uint64 _infoIndex,
        bytes memory _infoHeader
    ) private {
        uint64 index = _c.batchCount;
        bytes memory header = BatchHeader.encode(_batch);
        bytes32 acc = Accumulator.extend(batchAcc[index], keccak256(header));
        batchAcc[uint256(index) + 1] = acc;

        _c.batchCount = uint40(index + 1);
        _c.lastBlock = uint56(_batch.firstBlock + _batch.blockCount - 1);
        _c.messageEnd = uint40(_batch.messageEnd);
        _cursor = _c;
        emit BatchAppended(index, acc, header, _infoIndex, _infoHeader);
    }
}
