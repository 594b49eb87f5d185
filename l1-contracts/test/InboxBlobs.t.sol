// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {Relay} from "./Inbox.t.sol";
import {System} from "./System.t.sol";

/// @notice Batches in blobs.
contract InboxBlobsTest is System {
    function setUp() public {
        deploy();
    }

    /// @notice The versioned hashes of so many blobs, which the next transactions carry.
    function carry(uint256 _count) internal returns (bytes32[] memory hashes_) {
        hashes_ = new bytes32[](_count);
        for (uint256 i = 0; i < _count; ++i) {
            hashes_[i] = bytes32(uint256(keccak256(abi.encode("blob", i))) >> 8) | bytes32(uint256(1) << 248);
        }
        vm.blobhashes(hashes_);
    }

    function appendBlobs(uint64 _length) internal {
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(_length, 1, 10, 0, bytes32(0), messages.length == 0 ? bytes("") : messages[0]);
    }

    function expectHeader(uint64 _length, bytes32 _dataHash) internal {
        bytes memory info = infoHeader();
        bytes memory header = abi.encodePacked(
            uint8(1),
            uint8(2),
            _dataHash,
            _length,
            uint64(1),
            uint64(10),
            uint64(0),
            bytes32(0),
            uint64(0),
            uint64(block.number),
            uint64(block.timestamp)
        );
        bytes32 acc = keccak256(bytes.concat(bytes32(0), keccak256(header)));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(0, acc, header, uint64(messages.length), info);
    }

    function test_appendBlobBatch_commitsToEveryBlob() public {
        for (uint256 count = 1; count <= 6; ++count) {
            uint256 state = vm.snapshotState();
            bytes32[] memory hashes = carry(count);
            expectHeader(5, keccak256(abi.encodePacked(hashes)));
            appendBlobs(5);
            vm.assertEq(inbox.lastBlock(), 10);
            vm.revertToState(state);
        }
    }

    function test_appendBlobBatch_withoutBlobs_reverts() public {
        carry(0);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InvalidBlobCount.selector, 0));
        appendBlobs(0);
    }

    function test_appendBlobBatch_sevenBlobs_reverts() public {
        carry(7);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InvalidBlobCount.selector, 7));
        appendBlobs(0);
    }

    function test_appendBlobBatch_payloadFillsBlobs_succeeds() public {
        bytes32[] memory hashes = carry(2);
        expectHeader(2 * 130_048, keccak256(abi.encodePacked(hashes)));
        appendBlobs(2 * 130_048);
    }

    function test_appendBlobBatch_payloadBeyondBlobs_reverts() public {
        carry(2);
        vm.expectRevert(abi.encodeWithSelector(IInbox.PayloadBeyondBlobs.selector, 260_096, 260_097));
        appendBlobs(2 * 130_048 + 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.PayloadBeyondBlobs.selector, 260_096, type(uint64).max));
        appendBlobs(type(uint64).max);
    }

    function test_appendBlobBatch_byStranger_reverts() public {
        carry(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotBatcher.selector, alice));
        vm.prank(alice, alice);
        inbox.appendBlobBatch(1, 1, 1, 0, bytes32(0), "");
    }

    function test_appendBlobBatch_fromContract_reverts() public {
        carry(1);
        Relay relay = new Relay();
        vm.prank(owner);
        config.setBatcher(address(relay));
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotTopLevelCall.selector));
        vm.prank(alice, alice);
        relay.run(address(inbox), abi.encodeCall(inbox.appendBlobBatch, (1, 1, 1, 0, bytes32(0), "")));
    }

    function test_appendBlobBatch_followsTheRulesOfBatches() public {
        carry(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.UnexpectedFirstBlock.selector, 1, 2));
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(1, 2, 1, 0, bytes32(0), "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.InvalidBlockCount.selector, 4097));
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(1, 1, 4097, 0, bytes32(0), "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageEndBeyondQueue.selector, 0, 1));
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(1, 1, 1, 1, bytes32(0), "");
        deposit("first");
        bytes memory header = messages[0];
        bytes32 acc = inbox.messageAcc(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.MessageAccMismatch.selector, bytes32(uint256(9)), acc));
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(1, 1, 1, 1, bytes32(uint256(9)), "");
        pass(FORCE_DELAY + 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.OldMessageNotCovered.selector, START));
        vm.prank(batcher, batcher);
        inbox.appendBlobBatch(1, 1, 1, 0, bytes32(0), header);
    }
}
