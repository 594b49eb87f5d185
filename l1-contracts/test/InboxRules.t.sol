// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {Consumption} from "./Consumption.sol";

/// @title InboxRulesTest
/// @notice The rules that bind the sequencer: what is covered is executed, blocks are bounded against time.
contract InboxRulesTest is Consumption {
    function setUp() public {
        deploy();
    }

    function expectAppend(uint64 _blocks, uint64 _end, bytes memory _header, bytes memory _error) internal {
        uint64 first = inbox.lastBlock() + 1;
        vm.expectRevert(_error);
        vm.prank(batcher, batcher);
        inbox.appendBatch("", first, _blocks, _end, bytes32(0), _header);
    }

    function beyond(uint64 _most, uint64 _actual) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IInbox.MessageGasBeyondBlocks.selector, _most, _actual);
    }

    function notCovered(uint256 _time) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IInbox.OldMessageNotCovered.selector, uint64(_time));
    }

    function exceeded(uint64 _allowance, uint64 _blocks) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IInbox.BlockAllowanceExceeded.selector, _allowance, _blocks);
    }

    // Attacks.

    /// @notice Attack: prepaid deposits, and batches of one block that cover them all, hold up a deposit behind them for
    ///         weeks, and nobody can force it because it is covered.
    function test_backlog_doesNotHoldUpDeposit() public {
        flood(10_000_000, 40);
        uint256 enqueued = block.timestamp;
        deposit(100_000, "victim");
        uint64 victim = uint64(messages.length) - 1;
        expectAppend(1, victim + 1, "", beyond(10_000_000, 400_100_000));
        expectAppend(40, victim + 1, "", beyond(400_000_000, 400_100_000));
        // While the deposit is young, a batch may cover as little as it likes.
        while (block.timestamp + SEQUENCER_TIMEOUT <= enqueued + FORCE_DELAY) {
            pass(SEQUENCER_TIMEOUT);
            vm.assertTrue(tryAppend(1, l2Cursor + 1, messages[l2Cursor + 1], 0));
        }
        pass(1);
        // Then no batch that leaves it behind is taken, and everyone can bring it in, at once.
        expectAppend(1, l2Cursor + 1, messages[l2Cursor + 1], notCovered(enqueued));
        expectAppend(1, victim + 1, messages[victim + 1], beyond(30_000_000, 400_100_000));
        vm.assertEq(block.timestamp, enqueued + FORCE_DELAY + 1);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertLe(l2Cursor, victim);
            forceAndExecute(messages[l2Cursor]);
        }
        vm.assertGt(l2Cursor, victim);
        assertSynced();
    }

    /// @notice The sequencer itself can cover such a backlog, with as many blocks as it needs.
    function test_backlog_coveredByEnoughBlocks_isExecuted() public {
        flood(10_000_000, 40);
        deposit(100_000, "victim");
        pass(FORCE_DELAY + 1);
        vm.assertTrue(tryAppend(41, 41, "", 0));
        vm.assertEq(l2Cursor, 41);
    }

    /// @notice Attack: empty batches of 4,096 blocks, 39 in one L1 block, outrun every challenger.
    function test_emptyBatches_areBounded() public {
        uint64 taken = 0;
        for (uint256 i = 0; i < 39; ++i) {
            if (tryAppend(4096, uint64(messages.length), "", 0)) taken += 4096;
        }
        vm.assertEq(taken, 14 * 4096);
        vm.assertEq(inbox.blockAllowance(), 60_000 - taken);
        expectAppend(4096, uint64(messages.length), "", exceeded(2656, 4096));
        // From then on, a hundred each second.
        for (uint256 i = 0; i < 100; ++i) {
            pass(12);
            while (inbox.blockAllowance() >= 400) append(400);
        }
        vm.assertLe(inbox.lastBlock(), 60_000 + 100 * 1200);
        vm.assertGt(inbox.lastBlock(), 60_000 + 99 * 1200);
    }

    /// @notice After a forced batch over a backlog, the batcher's next batch need not cover more than its blocks do.
    function test_batchAfterForcedBatch_continuesAtCursor() public {
        append(1);
        flood(10_000_000, 25);
        pass(SEQUENCER_TIMEOUT + 1);
        forceAndExecute("");
        vm.assertEq(l2Cursor, 16);
        vm.assertEq(inbox.messageEnd(), 16);
        vm.assertTrue(tryAppend(1, 17, messages[17], 0));
        vm.assertTrue(tryAppend(2, 18, messages[18], 0));
        assertSynced();
    }

    // What a batch covers.

    function test_appendBatch_gasAtBlocks_succeeds() public {
        flood(10_000_000, 2);
        flood(21_000, 1);
        expectAppend(2, 3, "", beyond(20_000_000, 20_021_000));
        expectAppend(1, 2, messages[2], beyond(10_000_000, 20_000_000));
        expectAppend(1, 2, messages[1], beyond(10_000_000, 20_000_000));
        vm.assertTrue(tryAppend(2, 2, messages[2], 0));
        vm.assertEq(inbox.servedGas(), 20_000_000);
    }

    /// @notice Both headers say the same of the gas, as the queue's end does.
    function test_appendBatch_everyProof_givesSameGas() public {
        deposit(1_000_000, "a");
        deposit(2_000_000, "b");
        deposit(4_000_000, "c");
        bytes[2] memory shown = [messages[2], messages[1]];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 snapshot = vm.snapshotState();
            append("", 1, 2, shown[i]);
            vm.assertEq(inbox.servedGas(), 3_000_000);
            assertSynced();
            vm.revertToState(snapshot);
        }
        append("", 1, 3, "");
        vm.assertEq(inbox.servedGas(), 7_000_000);
        assertSynced();
    }

    /// @notice Batches that cover nothing new save no gas for later ones.
    function test_appendBatch_unusedGas_isLost() public {
        append("", 100, 0, "");
        flood(10_000_000, 2);
        expectAppend(1, 3, "", beyond(10_000_000, 20_021_000));
        expectAppend(1, 2, messages[2], beyond(10_000_000, 10_021_000));
        vm.assertTrue(tryAppend(1, 1, messages[1], 0));
    }

    /// @notice An old message may stay behind a batch with as many blocks as there may be, if they are full.
    function test_appendBatch_fullBatch_mayLeaveOldMessages() public {
        flood(10_000_000, 10);
        pass(FORCE_DELAY + 1);
        setAllowance(3);
        expectAppend(2, 2, messages[2], notCovered(START));
        // Room for a third message.
        expectAppend(3, 2, messages[2], notCovered(START));
        // The message before says nothing about what comes next.
        expectAppend(3, 3, messages[2], notCovered(START));
        vm.assertTrue(tryAppend(3, 3, messages[3], 0));
        // Twelve seconds later there may be more blocks, and none stays behind.
        pass(12);
        expectAppend(3, 6, messages[6], notCovered(START));
        vm.assertTrue(tryAppend(8, 11, "", 0));
        assertSynced();
    }

    /// @notice Sets what is left of the allowance in this second.
    function setAllowance(uint256 _blocks) private {
        uint256 meters = uint256(vm.load(address(inbox), bytes32(uint256(1))));
        meters &= ~(uint256(type(uint32).max) << 128);
        vm.store(address(inbox), bytes32(uint256(1)), bytes32(meters | (_blocks << 128)));
        uint256 counters = uint256(vm.load(address(inbox), 0)) & ~(uint256(type(uint40).max) << 176);
        vm.store(address(inbox), 0, bytes32(counters | (block.timestamp << 176)));
        vm.assertEq(inbox.blockAllowance(), _blocks);
    }

    function test_appendBatch_most4096Blocks_mayLeaveOldMessages() public {
        flood(10_000_000, 4100);
        pass(FORCE_DELAY + 1);
        expectAppend(4095, 4095, messages[4095], notCovered(START));
        expectAppend(4096, 4095, messages[4095], notCovered(START));
        append("", 4096, 4096, messages[4096]);
        vm.assertEq(inbox.servedGas(), 40_960_000_000);
        append("", 5, 4100, messages[4100]);
    }

    /// @notice What stood still with L1 is not late.
    function test_appendBatch_oldInSecondsOnly_mayStayBehind() public {
        deposit("");
        vm.warp(block.timestamp + 10 * FORCE_DELAY);
        vm.roll(block.number + 150);
        uint256 snapshot = vm.snapshotState();
        append("", 1, 0, messages[0]);
        vm.revertToState(snapshot);
        vm.roll(block.number + 1);
        expectAppend(1, 0, messages[0], notCovered(START));
    }

    // Blocks against time.

    function test_allowance_growsByTheSecond() public {
        for (uint256 i = 0; i < 15; ++i) {
            append(4000);
        }
        vm.assertEq(inbox.blockAllowance(), 0);
        expectAppend(1, uint64(messages.length), "", exceeded(0, 1));
        vm.warp(block.timestamp + 3);
        vm.assertEq(inbox.blockAllowance(), 300);
        expectAppend(301, uint64(messages.length), "", exceeded(300, 301));
        append(200);
        vm.assertEq(inbox.blockAllowance(), 100);
        vm.warp(block.timestamp + 1);
        append(200);
        vm.assertEq(inbox.blockAllowance(), 0);
        vm.warp(block.timestamp + 599);
        vm.assertEq(inbox.blockAllowance(), 59_900);
        vm.warp(block.timestamp + 365 days);
        vm.assertEq(inbox.blockAllowance(), 60_000);
    }

    /// @notice Forced batches are taken without an allowance, and use up what there is.
    function test_allowance_forcedBatches_needNoneAndUseIt() public {
        flood(10_000_000, 64);
        pass(FORCE_DELAY + 1);
        force(messages[0]);
        vm.assertEq(inbox.blockAllowance(), 60_000 - 16);
        setAllowance(17);
        force(messages[16]);
        vm.assertEq(inbox.blockAllowance(), 1);
        force(messages[32]);
        vm.assertEq(inbox.blockAllowance(), 0);
        force(messages[48]);
        vm.assertEq(inbox.blockAllowance(), 0);
        // Time counts from the newest batch, whoever appended it.
        vm.warp(block.timestamp + 2);
        vm.assertEq(inbox.blockAllowance(), 200);
    }

    // L2's rule.

    /// @notice Whatever a batcher's blocks ask for, they execute all that a batch covers. Here it has as few blocks as the
    ///         Inbox takes.
    function testFuzz_consume_executesWhatIsCovered(uint64[] memory _gas, uint256 _seed) public pure {
        uint64[] memory ends = gasEnds(_gas, G, type(uint256).max);
        uint256[] memory asked = new uint256[](fewestBlocks(ends));
        for (uint256 i = 0; i < asked.length; ++i) {
            asked[i] = uint256(keccak256(abi.encode(_seed, i))) % (1 + _seed % 4);
        }
        uint256[] memory cursors = consume(ends, asked, 1);
        vm.assertEq(cursors[asked.length - 1], ends.length - 1);
    }

    /// @notice The same for all queues of up to six messages of four sizes, and all that blocks can ask for.
    function test_consume_executesWhatIsCovered_exhaustively() public pure {
        uint64[4] memory sizes = [uint64(21_000), 5_000_000, 5_000_001, 10_000_000];
        uint256 seen = 0;
        for (uint256 queue = 0; queue < 4 ** 6; ++queue) {
            uint64[] memory ends = new uint64[](7);
            for (uint256 i = 0; i < 6; ++i) {
                ends[i + 1] = ends[i] + sizes[(queue >> (2 * i)) & 3];
            }
            uint256[] memory asked = new uint256[](fewestBlocks(ends));
            // Each block but the last, which takes all, asks for none or one.
            for (uint256 choice = 0; choice < 1 << (asked.length - 1); ++choice) {
                for (uint256 i = 0; i < asked.length; ++i) {
                    asked[i] = (choice >> i) & 1;
                }
                vm.assertEq(consume(ends, asked, 1)[asked.length - 1], 6);
                ++seen;
            }
        }
        vm.assertGt(seen, 4 ** 6);
    }

    /// @notice The fewest blocks with which the Inbox takes a batch.
    function fewestBlocks(uint64[] memory _ends) private pure returns (uint256 blocks_) {
        blocks_ = 1;
        while (_ends[_ends.length - 1] > blocks_ * G) ++blocks_;
    }

    /// @notice However an honest sequencer's blocks are put into batches, they take what it built them with.
    function testFuzz_consume_partitionsGiveHonestBlocks(
        uint64[] memory _gas,
        uint256[] memory _asked,
        uint256 _seed
    ) public pure {
        vm.assume(_asked.length != 0);
        uint64[] memory ends = gasEnds(_gas, G, type(uint256).max);
        // An honest block takes up to 10,000,000 gas, and what it likes of that.
        uint256[] memory honest = new uint256[](_asked.length);
        uint256 at = 0;
        for (uint256 i = 0; i < _asked.length; ++i) {
            uint256 start = at;
            uint256 most = _asked[i] % 5;
            while (at + 1 < ends.length && at - start < most && ends[at + 1] - ends[start] <= G) ++at;
            honest[i] = at - start;
        }
        (uint256 first, uint256 cursor) = (0, 0);
        for (uint256 i = 0; i < honest.length; ++i) {
            cursor += honest[i];
            if (i + 1 < honest.length && (_seed >> (i % 256)) & 1 == 0) continue;
            checkPartition(ends, honest, first, i + 1, cursor);
            first = i + 1;
        }
    }

    /// @notice Checks the batch of blocks `[_first, _last)`, which covers messages up to `_end`.
    function checkPartition(
        uint64[] memory _ends,
        uint256[] memory _honest,
        uint256 _first,
        uint256 _last,
        uint256 _end
    ) private pure {
        uint256 start = _end;
        uint256[] memory asked = new uint256[](_last - _first);
        for (uint256 i = 0; i < asked.length; ++i) {
            asked[i] = _honest[_first + i];
            start -= asked[i];
        }
        uint64[] memory ends = new uint64[](_end - start + 1);
        for (uint256 i = 0; i < ends.length; ++i) {
            ends[i] = _ends[start + i];
        }
        vm.assertLe(ends[ends.length - 1] - ends[0], asked.length * G, "the contract takes it");
        uint256[] memory cursors = consume(ends, asked, 1);
        uint256 at = 0;
        for (uint256 i = 0; i < asked.length; ++i) {
            at += asked[i];
            vm.assertEq(cursors[i], at, "as built");
        }
    }

    /// @notice The rule's number is the only one: with more, not all is executed; with less, honest blocks change.
    function test_consume_otherSlack_breaks() public pure {
        uint64[] memory ends = new uint64[](4);
        (ends[1], ends[2], ends[3]) = (G, 2 * G, 3 * G);
        uint256[] memory none = new uint256[](3);
        vm.assertEq(consume(ends, none, 1)[2], 3);
        vm.assertEq(consume(ends, none, 2)[2], 2, "not all");
        uint256[] memory honest = new uint256[](3);
        (honest[0], honest[1], honest[2]) = (1, 1, 1);
        vm.assertEq(consume(ends, honest, 1)[0], 1);
        vm.assertEq(consume(ends, honest, 0)[0], 2, "not as built");
    }

    /// @notice Gas before each message and after the last one, all in `_total`.
    function gasEnds(uint64[] memory _gas, uint64 _most, uint256 _total)
        private
        pure
        returns (uint64[] memory ends_)
    {
        uint256 count = 0;
        uint64 sum = 0;
        uint64[] memory all = new uint64[](_gas.length + 1);
        for (uint256 i = 0; i < _gas.length; ++i) {
            // Half of them as large as can be.
            uint64 gas = _gas[i] % 2 == 0 ? _most : uint64(bound(_gas[i], 21_000, _most));
            if (sum + gas > _total) break;
            sum += gas;
            all[++count] = sum;
        }
        ends_ = new uint64[](count + 1);
        for (uint256 i = 0; i <= count; ++i) {
            ends_[i] = all[i];
        }
    }

    // The promise.

    /// @notice Whatever the batcher posts and whoever has filled the queue before it, a deposit is executed right after
    ///         `forceDelay`, by as many forced batches as 150,000,000 goes into the gas before its end, and one more.
    function testFuzz_deposit_isExecutedInTime(uint256 _backlog, uint64 _gas, uint256[8] memory _acts) public {
        _backlog = bound(_backlog, 0, 60);
        _gas = uint64(bound(_gas, 21_000, 10_000_000));
        flood(_gas, _backlog);
        deposit(100_000, "victim");
        uint64 victim = uint64(messages.length) - 1;
        uint256 late = block.timestamp + FORCE_DELAY + 1;
        for (uint256 i = 0; i < 8 && block.timestamp < late; ++i) {
            hostile(_acts[i]);
            uint256 step = (_acts[i] >> 200) % (FORCE_DELAY / 4);
            pass(block.timestamp + step > late ? late - block.timestamp : step);
        }
        if (block.timestamp < late) pass(late - block.timestamp);
        if (l2Cursor > victim) return;
        uint256 most = (gasBefore(victim + 1) - gasBefore(l2Cursor)) / 150_000_000 + 1;
        for (uint256 i = 0; i < most && l2Cursor <= victim; ++i) {
            forceAndExecute(messages[l2Cursor]);
            // The batcher cannot undo it.
            if (l2Cursor <= victim) hostile(_acts[i % 8]);
        }
        vm.assertGt(l2Cursor, victim);
        vm.assertEq(block.timestamp, late);
    }

    /// @notice A batch of a batcher that covers as it likes; where a message is old, the Inbox takes it only if it leaves
    ///         none behind. (4,096 blocks are more than enough for the queues here.)
    function hostile(uint256 _act) private {
        uint64 blocks = uint64(1 + _act % 5);
        uint64 end = l2Cursor + uint64((_act >> 64) % (messages.length - l2Cursor + 1));
        bytes memory header = end < messages.length ? messages[end] : bytes("");
        if (!tryAppend(blocks, end, header, _act >> 128)) return;
        for (uint64 i = l2Cursor; i < messages.length; ++i) {
            uint64 time = uint64(bytes8(bytes32(slice(messages[i], 30, 38))));
            vm.assertGe(time + FORCE_DELAY, block.timestamp, "none is old");
        }
    }
}
