// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {System} from "./System.t.sol";

/// @title GasTest
/// @notice Measures whole L1 transactions, calldata included, and holds them against `gas/transactions.json`.
/// forge-config: default.isolate = true
contract GasTest is System {
    function setUp() public {
        deploy();
        // Forge runs isolated transactions at a base fee of zero.
        vm.fee(0);
        // The first of everything costs more; what is measured is a running rollup.
        deposit("first");
        append(10);
        propose(1);
        pass(12);
    }

    function measured(string memory _name) internal {
        vm.snapshotGasLastCall("transactions", _name);
    }

    /// @notice Appends a batch that leaves one message to the next.
    function batchOf(uint256 _length, string memory _name) internal {
        bytes memory payload = noise(_length, 7);
        bytes memory young = messages[messages.length - 1];
        bytes32 acc = inbox.messageAcc(messages.length - 1);
        uint64 end = uint64(messages.length - 1);
        vm.prank(batcher, batcher);
        inbox.appendBatch(payload, 11, 100, end, acc, young);
        measured(_name);
    }

    function test_gas_appendBatch() public {
        batchOf(0, "appendBatch, no payload");
    }

    function test_gas_appendBatch10KB() public {
        batchOf(10_000, "appendBatch, 10 KB");
    }

    function test_gas_appendBatch80KB() public {
        batchOf(80_000, "appendBatch, 80 KB");
    }

    function test_gas_forceBatch() public {
        pass(SEQUENCER_TIMEOUT);
        vm.prank(alice, alice);
        inbox.forceBatch("", 0, "");
        measured("forceBatch, silent sequencer");
    }

    function test_gas_forceBatchOldMessage() public {
        bytes memory old = messages[1];
        pass(FORCE_DELAY - 13);
        append("payload", 1, 1, old);
        pass(2);
        vm.prank(alice, alice);
        inbox.forceBatch(old, 0, "");
        measured("forceBatch, old message");
    }

    function test_gas_forceBatchBacklog() public {
        flood(10_000_000, 20);
        pass(SEQUENCER_TIMEOUT);
        (, uint64 end) = forcedRange();
        vm.prank(alice, alice);
        inbox.forceBatch("", end, messages[end]);
        measured("forceBatch, 16 blocks, messages left");
    }

    function test_gas_depositEth() public {
        vm.prank(alice, alice);
        portal.depositTransaction{value: 1 ether}(alice, 1 ether, 100_000, false, "");
        measured("depositTransaction, ETH, 100k L2 gas");
    }

    function test_gas_depositCall() public {
        vm.prank(alice, alice);
        portal.depositTransaction(alice, 0, 1_000_000, false, noise(1000, 3));
        measured("depositTransaction, 1 KB, 1M L2 gas");
    }

    /// @notice The most expensive deposits, behind a backlog of any length: L1 takes 16,777,216 gas (EIP-7825).
    function test_gas_depositMostExpensive() public {
        flood(10_000_000, 100);
        vm.prank(alice, alice);
        portal.depositTransaction(alice, 0, 10_000_000, false, "");
        vm.assertLe(
            vm.snapshotGasLastCall("transactions", "depositTransaction, 10M L2 gas, flooded queue"), 1 << 24
        );
        vm.prank(alice, alice);
        portal.depositTransaction(alice, 0, 10_000_000, false, noise(100_000, 3));
        uint256 gas =
            vm.snapshotGasLastCall("transactions", "depositTransaction, 100 KB, 10M L2 gas, flooded queue");
        vm.assertLe(gas, 1 << 24);
        vm.prank(alice, alice);
        portal.depositTransaction(alice, 0, 9_000_000, false, noise(120_000, 3));
        gas = vm.snapshotGasLastCall("transactions", "depositTransaction, 120 KB, 9M L2 gas, flooded queue");
        vm.assertLe(gas, 1 << 24);
    }

    function test_gas_setGasLimit() public {
        vm.prank(owner, owner);
        config.setGasLimit(40_000_000);
        measured("setGasLimit");
    }

    function test_gas_propose() public {
        bytes32[] memory vector = vectorOver(10);
        bytes32 acc = inbox.batchAcc(1);
        bytes memory last = batches[0];
        vm.prank(proposer, proposer);
        factory.propose{value: BOND}(address(implementation), 0, 10, vector, 1, acc, last);
        measured("propose, 10 parts");
    }

    function test_gas_resolve() public {
        (,, address game) = factory.gameAtIndex(0);
        pass(CLOCK);
        DisputeGame(game).resolve();
        measured("resolve");
        DisputeGame(game).claimCredit(proposer);
        measured("claimCredit");
        pass(FINALITY_DELAY + 1);
        registry.setAnchorState(game);
        measured("setAnchorState");
    }
}
