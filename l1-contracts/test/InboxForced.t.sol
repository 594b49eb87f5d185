// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {System} from "./System.t.sol";

/// @title InboxForcedTest
/// @notice Forced inclusion: who may force a batch, when, and what it covers.
contract InboxForcedTest is System {
    function setUp() public {
        deploy();
    }

    function notSilent(uint256 _after, uint256 _afterBlock) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IInbox.SequencerNotSilent.selector, uint64(_after), uint64(_afterBlock));
    }

    function mismatch(uint64 _index) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IInbox.MessageHeaderMismatch.selector, _index);
    }

    /// @notice Lets L1 go on by seconds and blocks that have nothing to do with each other.
    function passExactly(uint256 _seconds, uint256 _blocks) internal {
        vm.warp(block.timestamp + _seconds);
        vm.roll(block.number + _blocks);
    }

    // When.

    function test_forceBatch_silentSequencer_coversAll() public {
        deposit("a");
        deposit("b");
        pass(SEQUENCER_TIMEOUT + 1);
        bytes memory header = batchHeader("", true, 1, 1, 2);
        bytes32 acc = keccak256(bytes.concat(bytes32(0), keccak256(header)));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(0, acc, header, 2, infoHeader());
        force("");
        // Its own L1-info message is left, as with every batch.
        vm.assertEq(inbox.messageEnd(), 2);
        vm.assertEq(inbox.messageCount(), 3);
        vm.assertEq(inbox.servedGas(), 2_000_000);
        vm.assertEq(inbox.queueGas(), 2_021_000);
        vm.assertEq(inbox.lastBlock(), 1);
        vm.assertEq(inbox.lastSequencerBatchAt(), START);
        assertSynced();
    }

    function test_forceBatch_emptyQueue_makesOneBlock() public {
        pass(SEQUENCER_TIMEOUT + 1);
        force("");
        vm.assertEq(inbox.lastBlock(), 1);
        vm.assertEq(inbox.messageEnd(), 0);
        assertSynced();
    }

    function test_forceBatch_atTimeout_reverts() public {
        passExactly(SEQUENCER_TIMEOUT, 76);
        vm.expectRevert(notSilent(START + SEQUENCER_TIMEOUT, 20_000_075));
        inbox.forceBatch("", 0, "");
        passExactly(1, 0);
        force("");
    }

    /// @notice L1 stood still: its clock went on, but there was no block for a batch.
    function test_forceBatch_atTimeoutInBlocks_reverts() public {
        passExactly(10 * SEQUENCER_TIMEOUT, 75);
        vm.expectRevert(notSilent(START + SEQUENCER_TIMEOUT, 20_000_075));
        inbox.forceBatch("", 0, "");
        passExactly(0, 1);
        force("");
    }

    function test_forceBatch_afterBatch_timeoutStartsAgain() public {
        pass(SEQUENCER_TIMEOUT);
        append(1);
        uint256 number = block.number;
        pass(SEQUENCER_TIMEOUT);
        vm.expectRevert(notSilent(block.timestamp, number + 75));
        inbox.forceBatch("", 0, "");
        pass(1);
        force("");
    }

    function test_forceBatch_twiceInInterval_reverts() public {
        pass(SEQUENCER_TIMEOUT + 1);
        force("");
        pass(FORCED_INTERVAL);
        vm.expectRevert(notSilent(block.timestamp, 20_000_075));
        inbox.forceBatch("", 0, "");
        pass(1);
        force("");
        // Forced batches do not count as a sign of life; the sequencer's do.
        pass(1);
        append(3);
        bytes memory silentLater = notSilent(block.timestamp + SEQUENCER_TIMEOUT, block.number + 75);
        pass(FORCED_INTERVAL + 1);
        vm.expectRevert(silentLater);
        inbox.forceBatch("", 0, "");
        assertSynced();
    }

    function test_forceBatch_oldMessage_succeeds() public {
        deposit("censored");
        for (uint256 i = 0; i < 4; ++i) {
            pass(FORCE_DELAY / 4);
            append("", 1, 0, messages[0]);
        }
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageNotOld.selector, START));
        inbox.forceBatch(messages[0], 0, "");
        pass(1);
        force(messages[0]);
        vm.assertEq(inbox.messageEnd(), 5);
        assertSynced();
    }

    function test_forceBatch_oldInSecondsOnly_reverts() public {
        deposit("");
        passExactly(FORCE_DELAY - 1, 75);
        append("", 1, 0, messages[0]);
        passExactly(2, 75);
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageNotOld.selector, START));
        inbox.forceBatch(messages[0], 0, "");
        passExactly(0, 1);
        force(messages[0]);
    }

    function test_forceBatch_oldButConsumedMessage_reverts() public {
        deposit("");
        append(1);
        pass(FORCE_DELAY - 10);
        append("", 1, 1, messages[1]);
        pass(11);
        // Message 0 is old, but consumed; message 1 is what counts.
        vm.expectRevert(mismatch(1));
        inbox.forceBatch(messages[0], 0, "");
        force(messages[1]);
    }

    function test_forceBatch_noMessageLeft_reverts() public {
        pass(SEQUENCER_TIMEOUT + 1);
        force("");
        pass(FORCE_DELAY);
        force("");
        // Message 1, the second batch's own, is young and the last one.
        vm.expectRevert(mismatch(1));
        inbox.forceBatch(messages[0], 0, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageNotOld.selector, uint64(block.timestamp)));
        inbox.forceBatch(messages[1], 0, "");
    }

    function test_appendBatch_afterForcedBatch_continues() public {
        append(3);
        pass(SEQUENCER_TIMEOUT + 1);
        force("");
        vm.expectRevert(abi.encodeWithSelector(IInbox.UnexpectedFirstBlock.selector, uint64(5), uint64(4)));
        vm.prank(batcher, batcher);
        inbox.appendBatch("", 4, 1, 2, bytes32(0), "");
        append(2);
        vm.assertEq(inbox.lastBlock(), 6);
        assertSynced();
    }

    // What.

    function test_forceBatch_blocksFollowBacklog() public {
        uint64[6] memory gas = [uint64(21_000), 9_979_000, 21_000, 10_000_000, 9_979_000, 21_000];
        uint64[6] memory blocks = [uint64(1), 1, 2, 3, 3, 4];
        uint64 last = 0;
        for (uint256 i = 0; i < gas.length; ++i) {
            // All messages so far, with the last batch's L1-info message among them.
            uint256 snapshot = vm.snapshotState();
            for (uint256 j = 0; j <= i; ++j) {
                flood(gas[j], 1);
            }
            pass(SEQUENCER_TIMEOUT + 1);
            force("");
            last = inbox.lastBlock();
            vm.assertEq(last, blocks[i]);
            vm.assertEq(inbox.messageEnd(), i + 1);
            assertSynced();
            vm.revertToState(snapshot);
        }
    }

    function test_forceBatch_sixteenBlocks_areTheMost() public {
        flood(10_000_000, 16);
        pass(SEQUENCER_TIMEOUT + 1);
        uint256 snapshot = vm.snapshotState();
        force("");
        vm.assertEq(inbox.lastBlock(), 16);
        vm.assertEq(inbox.messageEnd(), 16);
        vm.assertEq(inbox.servedGas(), inbox.queueGas() - 21_000);
        vm.revertToState(snapshot);
        flood(21_000, 1);
        force("");
        vm.assertEq(inbox.lastBlock(), 16);
        vm.assertEq(inbox.messageEnd(), 16);
        vm.assertEq(inbox.servedGas(), 160_000_000);
        assertSynced();
    }

    function test_forceBatch_wrongEnd_reverts() public {
        flood(9_000_000, 20);
        pass(SEQUENCER_TIMEOUT + 1);
        // 17 messages have room in 160,000,000 gas, and the 18th has not.
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.WrongForcedEnd.selector, uint64(160_000_000), uint64(144_000_000), uint64(153_000_000)
            )
        );
        inbox.forceBatch("", 16, messages[16]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.WrongForcedEnd.selector, uint64(160_000_000), uint64(162_000_000), uint64(171_000_000)
            )
        );
        inbox.forceBatch("", 18, messages[18]);
        vm.expectRevert(mismatch(17));
        inbox.forceBatch("", 17, messages[16]);
        vm.expectRevert(mismatch(20));
        inbox.forceBatch("", 20, "");
        inbox.forceBatch("", 17, messages[17]);
        vm.assertEq(inbox.messageEnd(), 17);
        vm.assertEq(inbox.servedGas(), 153_000_000);
    }

    /// @notice A message that ends exactly where the room ends is covered.
    function test_forceBatch_endAtTheBrim() public {
        flood(10_000_000, 20);
        pass(SEQUENCER_TIMEOUT + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInbox.WrongForcedEnd.selector, uint64(160_000_000), uint64(150_000_000), uint64(160_000_000)
            )
        );
        inbox.forceBatch("", 15, messages[15]);
        inbox.forceBatch("", 16, messages[16]);
        vm.assertEq(inbox.servedGas(), 160_000_000);
    }

    /// @notice Attack: a deposit just before each forced batch, so that the message end which it names is no longer the
    ///         queue's. It would keep anyone from forcing for the price of deposits.
    function test_forceBatch_depositSlipsIn_succeeds() public {
        deposit("a");
        pass(SEQUENCER_TIMEOUT + 1);
        uint64 end = inbox.messageCount();
        deposit("slips in");
        inbox.forceBatch("", end, "");
        vm.assertEq(inbox.messageEnd(), 2);
    }

    /// @notice The same where not everything fits: the end does not depend on what comes behind it.
    function test_forceBatch_depositSlipsInBehindBacklog_succeeds() public {
        flood(10_000_000, 17);
        pass(SEQUENCER_TIMEOUT + 1);
        flood(10_000_000, 1);
        inbox.forceBatch("", 16, messages[16]);
        vm.assertEq(inbox.messageEnd(), 16);
    }

    function testFuzz_forceBatch_coversAllItMay(uint64[] memory _gas, uint256 _scale) public {
        uint64 most = uint64(bound(_scale, 21_000, 10_000_000));
        for (uint256 i = 0; i < _gas.length && i < 60; ++i) {
            flood(uint64(bound(_gas[i], 21_000, most)), 1);
        }
        pass(SEQUENCER_TIMEOUT + 1);
        uint64 before = inbox.servedGas();
        force("");
        uint64 blocks = inbox.lastBlock();
        uint64 served = inbox.servedGas() - before;
        vm.assertLe(served, blocks * 10_000_000);
        // All of it, or all but less than a message.
        bool all = inbox.messageEnd() == messages.length - 1;
        vm.assertTrue(all || (blocks == 16 && served > 150_000_000));
        vm.assertTrue(blocks == 1 || served > (blocks - 1) * 10_000_000);
        assertSynced();
    }
}
