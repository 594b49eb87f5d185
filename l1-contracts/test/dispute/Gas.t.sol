// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IMulticall3} from "../../src/interfaces/IMulticall3.sol";
import {Multicall3} from "../../src/periphery/Multicall3.sol";
import {Disputes} from "./Disputes.t.sol";
import {Machine} from "./Machine.sol";

/// @title DisputeGasTest
/// @notice Measures the moves of a dispute at its full depth, over 600 blocks and a run as long as a
///         block's can be, as whole transactions, calldata included. What the claims hold is noise, but for what the contract looks into.
/// forge-config: default.isolate = true
contract DisputeGasTest is Disputes {
    /// @notice About what the worst block takes (see `MAX_STEPS` in `testnet`).
    uint64 private constant STEPS = 1 << 36;
    uint256 private constant LEVELS = 12;

    Multicall3 private multicall;
    Node[] private nodes;
    IMulticall3.Call3[] private calls;
    uint256 private transactions;
    uint256 private gasUsed;
    uint256 private worst;

    function setUp() public {
        deployDisputes();
        vm.fee(0);
        multicall = new Multicall3();
        // The first of everything costs more; what is measured is a running rollup.
        deposit("first");
        append(600);
        acc = batchAccumulator(batches.length);
        nodes.push(open(600, lie(new bytes32[](3), 0, 1)));
    }

    function measured(string memory _name) private returns (uint256 gas_) {
        gas_ = vm.snapshotGasLastCall("transactions", _name);
    }

    function last() private view returns (Node memory) {
        return nodes[nodes.length - 1];
    }

    /// @notice Plays down to the deepest claim; `_name` pays for every second one, and is measured.
    function play(address _honest, address _other, bool _honestFirst, string memory _side) private {
        while (nodes.length < LEVELS) {
            uint256 depth = nodes.length;
            bool honest = _honestFirst == (depth % 2 == 1);
            address player = honest ? _honest : _other;
            // A part in the middle: the first claim has three.
            uint8 part = depth == 1 ? 1 : 7;
            bytes32[] memory vector = lie(new bytes32[](16), 0, depth);
            string memory name =
                depth == 1 ? "attack, the first, 3 parts" : depth < 3 ? "attack, blocks" : "attack, steps";
            if (depth == 3) {
                bytes memory end = endState(STEPS, keccak256("output"));
                vector[15] = keccak256(end);
                Node memory run = runOf(last(), part, STEPS, vector);
                send(player, last(), runCall(last(), run, end));
                nodes.push(run);
                name = "attackBlock";
            } else {
                // The deepest claim's first values are true, so that a step of it can be proven.
                if (depth == LEVELS - 1) vector[6] = keccak256(Machine.pack(Machine.at(image, "boot", 20)));
                nodes.push(attack(player, last(), part, vector));
            }
            uint256 gas = honest || depth < 4 ? measured(name) : 0;
            worst = gas > worst ? gas : worst;
            if (honest) (transactions, gasUsed) = (transactions + 1, gasUsed + gas);
            pass(1 hours);
        }
        vm.assertEq(last().claim.length, 16, _side);
    }

    /// @notice Decides everything in one transaction; settles it and claims the credit in another, when bonds have waited.
    function finish(address _honest, string memory _decided, string memory _paid) private {
        for (uint256 i = 0; i < LEVELS; ++i) {
            Node memory node = nodes[LEVELS - 1 - i];
            push(abi.encodeCall(IDisputeGame.decide, (node.claim, hashOf(node.vector))));
        }
        send(_honest, _decided);
        pass(EXTENSION);
        for (uint256 i = 0; i < LEVELS; ++i) {
            bytes32 id = nodes[i].id;
            if (game.claimState(id).status != IDisputeGame.ClaimStatus.REFUTED) continue;
            push(abi.encodeCall(IDisputeGame.settle, (id)));
        }
        push(abi.encodeCall(IDisputeGame.claimCredit, (_honest)));
        send(_honest, _paid);
        vm.assertEq(game.credit(_honest), 0);
    }

    function send(address _honest, string memory _name) private {
        vm.prank(_honest, _honest);
        multicall.aggregate3(calls);
        (transactions, gasUsed) = (transactions + 1, gasUsed + measured(_name));
        delete calls;
    }

    function push(bytes memory _call) private {
        calls.push(IMulticall3.Call3(address(game), false, _call));
    }

    function test_gas_challengerWins() public {
        uint256 before = bob.balance;
        play(bob, proposer, true, "challenger");
        pass(10 days);
        finish(bob, "decide, 12 levels", "settle and claim, 12 levels");
        vm.assertEq(uint8(game.status()), uint8(IDisputeGame.GameStatus.CHALLENGER_WINS));
        vm.assertGt(bob.balance, before);
        check();
    }

    function test_gas_proposerWins() public {
        play(proposer, bob, false, "proposer");
        Node memory leaf = last();
        bytes memory state = Machine.pack(Machine.at(image, "boot", 20));
        bytes memory witness = Machine.witness(Machine.at(image, "boot", 20));
        vm.prank(proposer, proposer);
        game.step(leaf.claim, leaf.vector, 7, state, witness);
        (transactions, gasUsed) = (transactions + 1, gasUsed + measured("step in a game, ALU"));
        pass(10 days);
        finish(proposer, "decide, 12 levels, step", "settle and claim, 12 levels, step");
        vm.assertEq(uint8(game.status()), uint8(IDisputeGame.GameStatus.DEFENDER_WINS));
        check();
    }

    /// @notice The targets for the honest side.
    function check() private view {
        vm.assertLe(worst, 115_000, "attack");
        vm.assertLe(transactions, 12);
        vm.assertLe(gasUsed, 2_000_000);
    }

    /// @notice The most expensive attack: the first one, with the greatest vectors.
    function test_gas_firstAttack() public {
        Node memory root = open(256, lie(new bytes32[](16), 0, 1));
        pass(12);
        attack(bob, root, 7, lie(new bytes32[](16), 0, 2));
        vm.assertLe(measured("attack, the first, 16 parts"), 115_000);
    }

    function test_gas_singleMoves() public {
        Node memory child = attack(bob, last(), 1, lie(new bytes32[](16), 0, 1));
        pass(CLOCK);
        bytes32 hash = hashOf(child.vector);
        vm.prank(carol, carol);
        game.decide(child.claim, hash);
        measured("decide, un-countered");
        hash = hashOf(nodes[0].vector);
        vm.prank(carol, carol);
        game.decide(nodes[0].claim, hash);
        measured("decide, root, countered");
        pass(EXTENSION);
        vm.prank(carol, carol);
        game.settle(nodes[0].id);
        measured("settle");
    }
}
