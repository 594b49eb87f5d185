// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Inbox} from "../src/Inbox.sol";
import {System} from "./System.t.sol";

/// @notice Drives the Inbox at random, keeps a model of it, and holds every outcome against the model's rules. Any
///         revert here is a failed test.
contract InboxHandler is System {
    /// @notice What the model knows of each message and batch.
    uint256[] public times;
    uint64 public modelEnd;
    uint64 public modelBlock;
    uint256 public sequencerAt;
    uint256 public forcedAt;
    mapping(string => uint256) public calls;

    constructor() {
        deploy();
        sequencerAt = block.timestamp;
    }

    function wait(uint256 _seconds) external {
        pass(bound(_seconds, 0, FORCE_DELAY / 2));
    }

    function depositSome(uint256 _length, uint256 _seed) external {
        deposit(noise(bound(_length, 0, 5000), _seed));
        times.push(block.timestamp);
    }

    function changeConfig(uint64 _gasLimit) external {
        _gasLimit = uint64(bound(_gasLimit, config.MIN_GAS_LIMIT(), config.MAX_GAS_LIMIT()));
        messages.push(messageHeader(2, address(config), abi.encodePacked(uint8(0), uint256(_gasLimit))));
        vm.prank(owner);
        config.setGasLimit(_gasLimit);
        times.push(block.timestamp);
    }

    function appendSome(uint256 _blocks, uint256 _end, bool _previous, uint256 _length) external {
        uint64 blocks = uint64(bound(_blocks, 0, 4100));
        uint64 end = uint64(bound(_end, modelEnd > 0 ? modelEnd - 1 : 0, messages.length + 1));
        bool valid = blocks >= 1 && blocks <= 4096 && end >= modelEnd && end <= messages.length;
        bytes memory young;
        if (end < messages.length) {
            uint256 shown = _previous && end > 0 ? end - 1 : end;
            young = messages[shown];
            valid = valid && times[shown] + FORCE_DELAY >= block.timestamp;
        }
        if (!valid) {
            uint64 first = inbox.lastBlock() + 1;
            vm.prank(batcher, batcher);
            (bool success,) =
                address(inbox).call(abi.encodeCall(Inbox.appendBatch, ("", first, blocks, end, 0, young)));
            vm.assertFalse(success, "invalid batch accepted");
            ++calls["rejected"];
            return;
        }
        append(noise(bound(_length, 0, 9000), _length), blocks, end, young);
        for (uint256 i = end; i < times.length; ++i) {
            vm.assertGe(times[i] + FORCE_DELAY, block.timestamp);
        }
        times.push(block.timestamp);
        (modelEnd, modelBlock, sequencerAt) = (end, modelBlock + blocks, block.timestamp);
        ++calls["appended"];
    }

    function forceSome(bool _show) external {
        bool silent =
            block.timestamp > sequencerAt + SEQUENCER_TIMEOUT && block.timestamp > forcedAt + FORCED_INTERVAL;
        bool old = modelEnd < times.length && times[modelEnd] + FORCE_DELAY < block.timestamp;
        bytes memory shown = _show && modelEnd < messages.length ? messages[modelEnd] : bytes("");
        if (!silent && !(old && shown.length != 0)) {
            (bool success,) = address(inbox).call(abi.encodeCall(Inbox.forceBatch, (shown)));
            vm.assertFalse(success, "invalid forced batch accepted");
            return;
        }
        force(shown);
        times.push(block.timestamp);
        (modelEnd, modelBlock, forcedAt) = (uint64(messages.length), modelBlock + 1, block.timestamp);
        ++calls["forced"];
    }

    /// @notice The whole state against the model.
    function check() external view {
        assertSynced();
        vm.assertEq(inbox.messageEnd(), modelEnd);
        vm.assertEq(inbox.lastBlock(), modelBlock);
        vm.assertEq(inbox.lastSequencerBatchAt(), sequencerAt);
        vm.assertEq(inbox.lastForcedBatchAt(), forcedAt);
        vm.assertLe(inbox.messageEnd(), inbox.messageCount());
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
            vm.assertEq(uint64(bytes8(bytes32(slice(batches[i], 41, 49)))), next, "batches are contiguous");
            next += uint64(bytes8(bytes32(slice(batches[i], 49, 57))));
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
        bytes4[] memory actions = new bytes4[](6);
        actions[0] = handler.wait.selector;
        actions[1] = handler.depositSome.selector;
        actions[2] = handler.changeConfig.selector;
        actions[3] = handler.appendSome.selector;
        actions[4] = handler.forceSome.selector;
        actions[5] = handler.appendSome.selector;
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
        handler.depositSome(100, 1);
        handler.changeConfig(40_000_000);
        handler.appendSome(3, 0, false, 100);
        handler.appendSome(0, 0, false, 100);
        handler.wait(FORCE_DELAY / 2);
        handler.wait(1);
        handler.forceSome(false);
        vm.assertEq(handler.calls("appended"), 1);
        vm.assertEq(handler.calls("rejected"), 1);
        vm.assertEq(handler.calls("forced"), 1);
        handler.check();
        handler.checkHistory();
    }
}
