// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Inbox} from "../src/Inbox.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {System} from "./System.t.sol";

/// @notice Calls the Inbox on behalf of its caller.
contract Relay {
    function run(address _target, bytes calldata _data) external {
        (bool success, bytes memory answer) = _target.call(_data);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}

contract InboxTest is System {
    function setUp() public {
        deploy();
    }

    function appendRaw(uint64 _first, uint64 _blocks, uint64 _end, bytes32 _expected, bytes memory _header)
        internal
    {
        vm.prank(batcher, batcher);
        inbox.appendBatch("payload", _first, _blocks, _end, _expected, _header);
    }

    function expect(bytes memory _error) internal {
        vm.expectRevert(_error);
    }

    // Deployment and the queue.

    function test_constructor_setsParameters() public view {
        vm.assertEq(inbox.portal(), address(portal));
        vm.assertEq(inbox.systemConfig(), address(config));
        vm.assertEq(inbox.forceDelay(), FORCE_DELAY);
        vm.assertEq(inbox.sequencerTimeout(), SEQUENCER_TIMEOUT);
        vm.assertEq(inbox.forcedBatchInterval(), FORCED_INTERVAL);
        vm.assertEq(inbox.forceDelayBlocks(), 150);
        vm.assertEq(inbox.sequencerTimeoutBlocks(), 75);
        vm.assertEq(inbox.lastSequencerBatchAt(), START);
        vm.assertEq(inbox.lastSequencerBatchBlock(), 20_000_000);
        vm.assertEq(inbox.blockAllowance(), 60_000);
        vm.assertEq(inbox.lastBlock(), 0);
        assertSynced();
    }

    function test_constructor_shortTimeout_shortensForcedInterval() public {
        vm.assertEq(new Inbox(alice, alice, 10, 5).forcedBatchInterval(), 5);
    }

    function test_constructor_limitsInBlocks_areRoundedUp() public {
        Inbox other = new Inbox(alice, alice, 49, 24);
        vm.assertEq(other.forceDelayBlocks(), 3);
        vm.assertEq(other.sequencerTimeoutBlocks(), 1);
    }

    function test_storage_countersSharePackedSlot() public {
        deposit("");
        append(7);
        pass(SEQUENCER_TIMEOUT + 1);
        force("");
        uint256 word = uint256(vm.load(address(inbox), 0));
        vm.assertEq(uint40(word), inbox.messageCount());
        vm.assertEq(uint40(word >> 40), inbox.batchCount());
        vm.assertEq(uint40(word >> 80), inbox.messageEnd());
        vm.assertEq(uint56(word >> 120), inbox.lastBlock());
        vm.assertEq(uint40(word >> 176), inbox.lastSequencerBatchAt());
        vm.assertEq(uint40(word >> 216), inbox.lastForcedBatchAt());
        vm.assertEq(inbox.lastForcedBatchAt(), block.timestamp);
    }

    function test_storage_metersSharePackedSlot() public {
        deposit("");
        append(7);
        deposit("");
        uint256 word = uint256(vm.load(address(inbox), bytes32(uint256(1))));
        vm.assertEq(uint64(word), inbox.queueGas());
        vm.assertEq(inbox.queueGas(), 2_021_000);
        vm.assertEq(uint64(word >> 64), inbox.servedGas());
        vm.assertEq(inbox.servedGas(), 1_000_000);
        vm.assertEq(uint32(word >> 128), inbox.blockAllowance());
        vm.assertEq(uint64(word >> 160), inbox.lastSequencerBatchBlock());
        vm.assertEq(word >> 224, 0);
    }

    function test_enqueue_byStranger_reverts() public {
        expect(abi.encodeWithSelector(IInbox.NotMessageSource.selector, address(this), uint8(1)));
        inbox.enqueue(1, alice, 21_000, "");
    }

    function test_enqueue_otherSourcesKind_reverts() public {
        expect(abi.encodeWithSelector(IInbox.NotMessageSource.selector, address(portal), uint8(2)));
        vm.prank(address(portal));
        inbox.enqueue(2, alice, 21_000, "");
        expect(abi.encodeWithSelector(IInbox.NotMessageSource.selector, address(config), uint8(1)));
        vm.prank(address(config));
        inbox.enqueue(1, alice, 21_000, "");
        expect(abi.encodeWithSelector(IInbox.NotMessageSource.selector, address(portal), uint8(0)));
        vm.prank(address(portal));
        inbox.enqueue(0, alice, 21_000, "");
    }

    function test_enqueue_emitsHeaderAndReturnsAccumulator() public {
        bytes memory data = noise(5000, 1);
        messages.push(messageHeader(1, alice, 21_000, data));
        vm.assertEq(messages[0].length, 182);
        bytes32 acc = messageAccumulator(1);
        vm.expectEmit(address(inbox));
        emit IInbox.MessageEnqueued(0, acc, messages[0], data);
        vm.prank(address(portal));
        (uint64 index, bytes32 returned, uint64 unservedGas) = inbox.enqueue(1, alice, 21_000, data);
        vm.assertEq(index, 0);
        vm.assertEq(returned, acc);
        vm.assertEq(unservedGas, 0);
        assertSynced();
    }

    function test_enqueue_returnsUnservedGasBefore() public {
        deposit(3_000_000, "");
        vm.prank(address(portal));
        (,, uint64 before) = inbox.enqueue(1, alice, 5_000_000, "");
        vm.assertEq(before, 3_000_000);
        vm.prank(batcher, batcher);
        inbox.appendBatch("", 1, 1, 1, bytes32(0), messages[0]);
        vm.prank(address(portal));
        (,, before) = inbox.enqueue(1, alice, 21_000, "");
        vm.assertEq(before, 5_021_000);
    }

    function test_enqueue_gasOutOfBounds_reverts() public {
        uint64[3] memory amounts = [20_999, 10_000_001, type(uint64).max];
        for (uint256 i = 0; i < amounts.length; ++i) {
            expect(abi.encodeWithSelector(IInbox.MessageGasOutOfBounds.selector, amounts[i]));
            vm.prank(address(portal));
            inbox.enqueue(1, alice, amounts[i], "");
        }
        vm.prank(address(portal));
        inbox.enqueue(1, alice, 10_000_000, "");
    }

    function testFuzz_enqueue_matchesReference(
        bytes[] memory _data,
        address _sender,
        uint256 _fee,
        bytes32 _randao
    ) public {
        for (uint256 i = 0; i < _data.length && i < 8; ++i) {
            vm.fee(bound(_fee, 0, type(uint32).max) + i);
            vm.prevrandao(_randao);
            pass(i);
            messages.push(messageHeader(1, _sender, 21_000, _data[i]));
            vm.prank(address(portal));
            inbox.enqueue(1, _sender, 21_000, _data[i]);
        }
        assertSynced();
    }

    // Batches.

    function test_appendBatch_emitsHeaders() public {
        deposit("first");
        pass(12);
        bytes memory payload = noise(9000, 2);
        bytes memory info = infoHeader();
        bytes memory header = batchHeader(payload, false, 1, 10, 1);
        vm.assertEq(header.length, 122);
        bytes32 acc = keccak256(bytes.concat(bytes32(0), keccak256(header)));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(0, acc, header, 1, info);
        append(payload, 10, 1, "");
        vm.assertEq(inbox.lastBlock(), 10);
        vm.assertEq(inbox.messageEnd(), 1);
        vm.assertEq(inbox.lastSequencerBatchAt(), block.timestamp);
        assertSynced();
    }

    function test_appendBatch_emptyPayload_succeeds() public {
        append("", 1, 0, "");
        assertSynced();
    }

    function test_appendBatch_byStranger_reverts() public {
        expect(abi.encodeWithSelector(IInbox.NotBatcher.selector, alice));
        vm.prank(alice, alice);
        inbox.appendBatch("", 1, 1, 0, bytes32(0), "");
    }

    function test_appendBatch_byFormerBatcher_reverts() public {
        vm.prank(owner);
        config.setBatcher(alice);
        expect(abi.encodeWithSelector(IInbox.NotBatcher.selector, batcher));
        appendRaw(1, 1, 0, bytes32(0), "");
    }

    function test_appendBatch_fromContract_reverts() public {
        Relay relay = new Relay();
        vm.prank(owner);
        config.setBatcher(address(relay));
        expect(abi.encodeWithSelector(IInbox.NotTopLevelCall.selector));
        vm.prank(alice, alice);
        relay.run(address(inbox), abi.encodeCall(inbox.appendBatch, ("", 1, 1, 0, bytes32(0), "")));
    }

    function test_appendBatch_fromDelegatedAccount_reverts() public {
        vm.etch(batcher, bytes.concat(hex"ef0100", bytes20(address(new Relay()))));
        expect(abi.encodeWithSelector(IInbox.NotTopLevelCall.selector));
        appendRaw(1, 1, 0, bytes32(0), "");
    }

    function test_appendBatch_gapOrOverlap_reverts() public {
        append(5);
        expect(abi.encodeWithSelector(IInbox.UnexpectedFirstBlock.selector, uint64(6), uint64(5)));
        appendRaw(5, 1, 0, bytes32(0), messages[0]);
        expect(abi.encodeWithSelector(IInbox.UnexpectedFirstBlock.selector, uint64(6), uint64(7)));
        appendRaw(7, 1, 0, bytes32(0), messages[0]);
    }

    function test_appendBatch_blockCountOutOfBounds_reverts() public {
        expect(abi.encodeWithSelector(IInbox.InvalidBlockCount.selector, uint64(0)));
        appendRaw(1, 0, 0, bytes32(0), "");
        uint64 most = inbox.MAX_BLOCKS_PER_BATCH();
        vm.assertEq(most, 4096);
        expect(abi.encodeWithSelector(IInbox.InvalidBlockCount.selector, most + 1));
        appendRaw(1, most + 1, 0, bytes32(0), "");
        append(most);
        vm.assertEq(inbox.lastBlock(), most);
    }

    function test_appendBatch_expectedMessageAcc_isChecked() public {
        deposit("");
        bytes32 acc = inbox.messageAcc(1);
        bytes32 other = keccak256("other L1");
        expect(abi.encodeWithSelector(IInbox.MessageAccMismatch.selector, other, acc));
        appendRaw(1, 1, 1, other, "");
        appendRaw(1, 1, 1, acc, "");
    }

    // The message end.

    function test_appendBatch_messageEndDecreases_reverts() public {
        deposit("");
        append(1);
        expect(abi.encodeWithSelector(IInbox.MessageEndDecreased.selector, uint64(1), uint64(0)));
        appendRaw(2, 1, 0, bytes32(0), messages[0]);
    }

    function test_appendBatch_messageEndBeyondQueue_reverts() public {
        // Its own L1-info message does not exist yet.
        expect(abi.encodeWithSelector(IInbox.MessageEndBeyondQueue.selector, uint64(0), uint64(1)));
        appendRaw(1, 1, 1, bytes32(0), "");
        expect(abi.encodeWithSelector(IInbox.MessageEndBeyondQueue.selector, uint64(0), type(uint64).max));
        appendRaw(1, 1, type(uint64).max, bytes32(0), "");
    }

    function test_appendBatch_atForceDelay_succeeds() public {
        deposit("");
        pass(FORCE_DELAY);
        append("", 1, 0, messages[0]);
        vm.assertEq(inbox.messageEnd(), 0);
        assertSynced();
    }

    function test_appendBatch_afterForceDelay_reverts() public {
        deposit("");
        pass(FORCE_DELAY + 1);
        expect(abi.encodeWithSelector(IInbox.OldMessageNotCovered.selector, START));
        appendRaw(1, 1, 0, bytes32(0), messages[0]);
        append(1);
    }

    function test_appendBatch_otherYoungHeader_reverts() public {
        deposit("a");
        pass(FORCE_DELAY + 1);
        deposit("b");
        deposit("c");
        // Message 2 is young, but says nothing about message 0.
        expect(abi.encodeWithSelector(IInbox.MessageHeaderMismatch.selector, uint64(0)));
        appendRaw(1, 1, 0, bytes32(0), messages[2]);
        expect(abi.encodeWithSelector(IInbox.MessageHeaderMismatch.selector, uint64(0)));
        appendRaw(1, 1, 0, bytes32(0), "");
        // Message 1 is young, so the batch may end before it.
        append("", 1, 1, messages[1]);
    }

    function test_appendBatch_newestConsumedHeader_provesYouth() public {
        deposit("a");
        pass(10);
        deposit("b");
        // The batcher means to consume the whole queue; a deposit slips in before its transaction.
        deposit("unexpected");
        append("", 1, 2, messages[1]);
        vm.assertEq(inbox.messageEnd(), 2);
        assertSynced();
    }

    function test_appendBatch_oldNewestConsumedHeader_reverts() public {
        deposit("a");
        pass(FORCE_DELAY + 1);
        deposit("b");
        expect(abi.encodeWithSelector(IInbox.OldMessageNotCovered.selector, START));
        appendRaw(1, 1, 1, bytes32(0), messages[0]);
        append("", 1, 1, messages[1]);
    }

    /// @notice Whatever the queue and the choice of `messageEnd`, a batch is accepted exactly if the end neither
    ///         decreases nor exceeds the queue, and covers what is old.
    function testFuzz_appendBatch_messageEndRule(uint16[] memory _gaps, uint64 _end, uint16 _wait, bool _previous)
        public
    {
        uint256[] memory times = new uint256[](_gaps.length < 6 ? _gaps.length : 6);
        for (uint256 i = 0; i < times.length; ++i) {
            pass(_gaps[i] % FORCE_DELAY);
            times[i] = block.timestamp;
            deposit("");
        }
        pass(_wait % (2 * FORCE_DELAY));
        _end = uint64(bound(_end, 0, times.length + 1));

        bytes memory young;
        bool allowed = _end <= times.length;
        if (_end < times.length) {
            bool previous = _previous && _end != 0;
            young = messages[previous ? _end - 1 : _end];
            allowed = times[previous ? _end - 1 : _end] + FORCE_DELAY >= block.timestamp;
        }
        if (!allowed) vm.expectRevert();
        appendRaw(1, 1, _end, bytes32(0), young);
        if (allowed && _end < times.length) vm.assertGe(times[_end] + FORCE_DELAY, block.timestamp);
    }
}
