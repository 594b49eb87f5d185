// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Inbox} from "../src/Inbox.sol";
import {Consumption} from "./Consumption.sol";
import {System} from "./System.t.sol";

/// @notice Drives the Inbox at random, keeps a model of it, and holds every outcome against the model's rules; L2
///         executes every batch. Any revert here is a failed test.
contract InboxHandler is Consumption {
    /// @notice What the model knows of each message.
    struct Known {
        uint256 time;
        uint256 number;
        uint64 gasEnd;
    }

    Known[] public known;
    uint64 public modelEnd;
    uint64 public modelBlock;
    uint64 public modelAllowance = 60_000;
    uint256 public sequencerAt;
    uint256 public sequencerAtBlock;
    uint256 public forcedAt;
    mapping(string => uint256) public calls;

    constructor() {
        deploy();
        (sequencerAt, sequencerAtBlock) = (block.timestamp, block.number);
    }

    function wait(uint256 _seconds) external {
        pass(bound(_seconds, 0, FORCE_DELAY / 2));
    }

    /// @notice L1 stands still, or nearly so.
    function standStill(uint256 _seconds, uint256 _blocks) external {
        vm.warp(block.timestamp + bound(_seconds, 0, FORCE_DELAY / 2));
        vm.roll(block.number + bound(_blocks, 0, 20));
    }

    function depositSome(uint256 _length, uint64 _gas, uint256 _seed) external {
        bytes memory data = noise(bound(_length, 0, 5000), _seed);
        _gas = uint64(bound(_gas, 21_000 + 40 * data.length, 10_000_000));
        deposit(_gas, data);
        learn(_gas);
    }

    function floodSome(uint64 _gas, uint256 _count) external {
        _gas = uint64(bound(_gas, 21_000, 10_000_000));
        for (uint256 i = bound(_count, 1, 12); i > 0; --i) {
            flood(_gas, 1);
            learn(_gas);
        }
    }

    function changeConfig(uint64 _gasLimit) external {
        _gasLimit = uint64(bound(_gasLimit, config.MIN_GAS_LIMIT(), config.MAX_GAS_LIMIT()));
        messages.push(messageHeader(2, address(config), 21_000, abi.encodePacked(uint8(0), uint256(_gasLimit))));
        vm.prank(owner);
        config.setGasLimit(_gasLimit);
        learn(21_000);
    }

    function appendSome(uint256 _blocks, uint256 _end, uint256 _shown, uint256 _seed) external {
        // Mostly few blocks, so that gas and blocks are in each other's way.
        uint64 blocks = uint64(_blocks % 4 == 0 ? bound(_blocks, 0, 4100) : bound(_blocks, 0, 12));
        uint64 end = uint64(bound(_end, modelEnd > 0 ? modelEnd - 1 : 0, messages.length + 1));
        bool valid = blocks >= 1 && blocks <= 4096 && blocks <= allowance();
        valid = valid && end >= modelEnd && end <= messages.length;
        bytes memory header;
        if (end < messages.length) {
            // The header of the next message, of the last one, or of any.
            uint256 shown = _shown % 3 == 0 && end > 0 ? end - 1 : end;
            if (_shown % 8 == 7) shown = (_shown / 8) % messages.length;
            header = messages[shown];
            bool full = shown == end && blocks == (allowance() < 4096 ? allowance() : 4096)
                && known[end].gasEnd > gasTo(modelEnd) + G * blocks;
            valid = valid && (shown == end || shown + 1 == end) && (full || !isOld(shown));
            if (full && isOld(shown)) ++calls["full"];
        }
        valid = valid && gasTo(end) <= gasTo(modelEnd) + G * blocks;
        if (!valid) {
            uint64 first = inbox.lastBlock() + 1;
            vm.prank(batcher, batcher);
            (bool success,) =
                address(inbox).call(abi.encodeCall(Inbox.appendBatch, ("", first, blocks, end, 0, header)));
            vm.assertFalse(success, "invalid batch accepted");
            ++calls["rejected"];
            return;
        }
        modelAllowance = allowance() - blocks;
        vm.assertTrue(tryAppend(blocks, end, header, _seed), "valid batch refused");
        learn(21_000);
        (modelEnd, modelBlock) = (end, modelBlock + blocks);
        (sequencerAt, sequencerAtBlock) = (block.timestamp, block.number);
        ++calls["appended"];
    }

    function forceSome(bool _show) external {
        bool silent = block.timestamp > sequencerAt + SEQUENCER_TIMEOUT
            && block.timestamp > forcedAt + FORCED_INTERVAL && block.number > sequencerAtBlock + 75;
        bool old = modelEnd < known.length && isOld(modelEnd);
        bytes memory shown = _show && modelEnd < messages.length ? messages[modelEnd] : bytes("");
        (uint64 blocks, uint64 end) = forcedRange();
        if (!silent && !(old && shown.length != 0)) {
            bytes memory header = end < messages.length ? messages[end] : bytes("");
            (bool success,) = address(inbox).call(abi.encodeCall(Inbox.forceBatch, (shown, end, header)));
            vm.assertFalse(success, "invalid forced batch accepted");
            return;
        }
        modelAllowance = allowance() > blocks ? allowance() - blocks : 0;
        forceAndExecute(shown);
        learn(21_000);
        (modelEnd, modelBlock, forcedAt) = (end, modelBlock + blocks, block.timestamp);
        ++calls["forced"];
    }

    /// @notice Writes down the newest message.
    function learn(uint64 _gas) private {
        known.push(Known(block.timestamp, block.number, gasTo(known.length) + _gas));
    }

    /// @notice Gas of the first messages.
    function gasTo(uint256 _count) private view returns (uint64) {
        return _count == 0 || _count > known.length ? 0 : known[_count - 1].gasEnd;
    }

    function isOld(uint256 _index) private view returns (bool) {
        return known[_index].time + FORCE_DELAY < block.timestamp && known[_index].number + 150 < block.number;
    }

    function allowance() private view returns (uint64) {
        uint256 newest = sequencerAt > forcedAt ? sequencerAt : forcedAt;
        uint256 sum = modelAllowance + 100 * (block.timestamp - newest);
        return uint64(sum < 60_000 ? sum : 60_000);
    }

    /// @notice The whole state against the model.
    function check() external view {
        assertSynced();
        vm.assertEq(inbox.messageEnd(), modelEnd);
        vm.assertEq(inbox.lastBlock(), modelBlock);
        vm.assertEq(inbox.lastSequencerBatchAt(), sequencerAt);
        vm.assertEq(inbox.lastForcedBatchAt(), forcedAt);
        vm.assertEq(inbox.lastSequencerBatchBlock(), sequencerAtBlock);
        vm.assertEq(inbox.queueGas(), gasTo(known.length));
        vm.assertEq(inbox.servedGas(), gasTo(modelEnd));
        vm.assertEq(inbox.blockAllowance(), allowance());
        vm.assertEq(inbox.messageEnd(), l2Cursor, "what is covered is executed");
    }

    /// @notice Every stored accumulator against the model: none is ever rewritten.
    function checkHistory() external view {
        bytes32 acc;
        for (uint256 i = 0; i < messages.length; ++i) {
            vm.assertEq(inbox.messageAcc(i), acc);
            acc = keccak256(bytes.concat(acc, keccak256(messages[i])));
        }
        acc = 0;
        uint64 next = 1;
        for (uint256 i = 0; i < batches.length; ++i) {
            vm.assertEq(inbox.batchAcc(i), acc);
            acc = keccak256(bytes.concat(acc, keccak256(batches[i])));
            vm.assertEq(uint64(bytes8(bytes32(slice(batches[i], 42, 50)))), next, "batches are contiguous");
            next += uint64(bytes8(bytes32(slice(batches[i], 50, 58))));
        }
        vm.assertEq(inbox.lastBlock() + 1, next);
    }
}

contract InboxInvariants is System {
    InboxHandler private handler;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new InboxHandler();
    }

    function targetContracts() external view returns (address[] memory targets_) {
        targets_ = new address[](1);
        targets_[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors_) {
        selectors_ = new FuzzSelector[](1);
        bytes4[] memory actions = new bytes4[](9);
        actions[0] = handler.wait.selector;
        actions[1] = handler.depositSome.selector;
        actions[2] = handler.changeConfig.selector;
        actions[3] = handler.appendSome.selector;
        actions[4] = handler.forceSome.selector;
        actions[5] = handler.appendSome.selector;
        actions[6] = handler.appendSome.selector;
        actions[7] = handler.floodSome.selector;
        actions[8] = handler.standStill.selector;
        selectors_[0] = FuzzSelector(address(handler), actions);
    }

    function invariant_inboxFollowsModel() public view {
        handler.check();
    }

    function afterInvariant() public view {
        handler.checkHistory();
    }

    /// @notice A run of the handler that meets every case, so that the invariants cannot hold vacuously.
    function test_handler_reachesEveryCase() public {
        handler.depositSome(100, 1_000_000, 1);
        handler.changeConfig(40_000_000);
        handler.appendSome(3, 0, 1, 100);
        handler.appendSome(0, 0, 1, 100);
        handler.floodSome(10_000_000, 12);
        handler.floodSome(10_000_000, 12);
        // Too much for one block, then what one block can do.
        handler.appendSome(1, 10, 1, 1);
        handler.appendSome(1, 3, 1, 1);
        handler.wait(FORCE_DELAY / 2);
        handler.wait(FORCE_DELAY / 2);
        handler.wait(1);
        handler.forceSome(true);
        handler.wait(FORCED_INTERVAL + 1);
        handler.forceSome(false);
        handler.appendSome(12, 30, 1, 1);
        handler.standStill(FORCE_DELAY / 2, 0);
        handler.standStill(FORCE_DELAY / 2, 0);
        handler.forceSome(true);
        vm.assertEq(handler.calls("appended"), 3);
        vm.assertEq(handler.calls("rejected"), 2);
        vm.assertEq(handler.calls("forced"), 2);
        handler.check();
        handler.checkHistory();
    }
}
