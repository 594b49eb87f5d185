// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Disputes} from "./Disputes.t.sol";
import {Machine} from "./Machine.sol";

/// @notice From a block to a proven step: attacks on blocks, and steps, with real runs.
contract StepsTest is Disputes {
    uint64 private constant LIMIT = 1000;

    /// @notice A wrong proposal over 4 blocks: the values of the blocks from 3 on are wrong.
    Node private root;
    bytes32 private boot;
    uint64 private steps;

    function setUp() public {
        deployDisputes();
        append(600);
        derive(batchAccumulator(1), 4);
        vm.assertTrue(outputs[4] != 0);
        root = open(4, lie(truth(0, 0, 0, 4), 2, 1));
        boot = bootOf(3);
        steps = stepsOf(boot);
        // Parts of 16 steps: the second claim of a dispute over the run is about single steps.
        vm.assertTrue(steps > 16 && steps <= 256 && steps % 16 > 1);
        pass(100);
    }

    function gameParameters() internal override returns (IDisputeGame.Parameters memory parameters_) {
        parameters_ = super.gameParameters();
        parameters_.maxSteps = LIMIT;
    }

    /// @notice A call by bob with the right bond that must revert with `_error`.
    function refused(Node memory _node, bytes memory _call, bytes memory _error) private {
        uint256 bond = game.bondAt(game.claimState(_node.id).depth + 1);
        vm.expectRevert(_error);
        vm.prank(bob);
        (bool success,) = address(game).call{value: bond}(_call);
        vm.assertTrue(success);
    }

    /// @notice A claim about block 3's run that ends in `_end`; its other values are noise.
    function runEndingIn(uint64 _steps, bytes memory _end) private view returns (Node memory run_) {
        bytes32[] memory vector = lie(new bytes32[](partsOf(_steps)), 0, _steps);
        vector[vector.length - 1] = keccak256(_end);
        run_ = runOf(root, 2, _steps, vector);
    }

    function refusedRun(uint64 _steps, bytes memory _end, bytes memory _error) private {
        refused(root, runCall(root, runEndingIn(_steps, _end), _end), _error);
    }

    /// @notice A last state with every field that a game looks at.
    function state(uint64 _step, uint8 _exited, uint64 _code, bytes32 _output)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(keccak256("memory"), uint64(44), _step, _exited, _code, _output, new bytes(248));
    }

    // Attacks on blocks.

    function test_attackBlock_startsWhereTheMachineStarts() public {
        Node memory run = answer(bob, root, 2);
        vm.assertEq(run.claim.level, 1);
        vm.assertEq(run.claim.start, 0);
        vm.assertEq(run.claim.length, steps);
        bytes32 expected = keccak256(abi.encodePacked(outputs[2], uint64(3), batchAccumulator(1), CONFIG_HASH));
        vm.assertEq(run.claim.bootHash, expected);
        vm.assertEq(game.bootHash(outputs[2], 3), expected);
        vm.assertEq(run.claim.agreed, keccak256(Machine.pack(Machine.start(image, expected))));
        vm.assertEq(game.startState(expected), run.claim.agreed);
        vm.assertEq(game.claimState(run.id).depth, 1);
    }

    function test_attackBlock_ofSeveralBlocks_reverts() public {
        Node memory wide = open(40, lie(new bytes32[](3), 0, 1));
        bytes memory end = endState(5, "output");
        bytes32[] memory vector = lie(new bytes32[](5), 0, 1);
        vector[4] = keccak256(end);
        bytes memory err = abi.encodeWithSelector(IDisputeGame.WrongPart.selector, 0, 16);
        refused(wide, runCall(wide, runOf(wide, 0, 5, vector), end), err);
    }

    function test_attackBlock_onARun_reverts() public {
        bytes memory end = endState(5, "output");
        Node memory run = attackBlock(bob, root, 2, 5, runEndingIn(5, end).vector, end);
        bytes memory err = abi.encodeWithSelector(IDisputeGame.WrongPart.selector, 1, 1);
        refused(run, runCall(run, runOf(run, 2, 5, runEndingIn(5, end).vector), end), err);
    }

    function test_attackBlock_wrongStepCount_reverts() public {
        bytes4 selector = IDisputeGame.WrongStepCount.selector;
        refused(
            root,
            runCall(root, runOf(root, 2, 0, new bytes32[](0)), ""),
            abi.encodeWithSelector(selector, LIMIT, 0)
        );
        refusedRun(LIMIT + 1, endState(LIMIT + 1, "output"), abi.encodeWithSelector(selector, LIMIT, LIMIT + 1));
    }

    function test_attackBlock_wrongVectorLength_reverts() public {
        bytes memory end = endState(40, "output");
        Node memory run = runEndingIn(40, end);
        run.vector = lie(new bytes32[](4), 0, 1);
        run.vector[3] = keccak256(end);
        bytes memory err = abi.encodeWithSelector(IDisputeGame.WrongVectorLength.selector, 3, 4);
        refused(root, runCall(root, run, end), err);
    }

    function test_attackBlock_otherLastState_reverts() public {
        bytes memory end = endState(40, "output");
        Node memory run = runEndingIn(40, end);
        bytes memory other = endState(40, "other");
        bytes4 selector = IDisputeGame.WrongState.selector;
        refused(
            root, runCall(root, run, other), abi.encodeWithSelector(selector, keccak256(end), keccak256(other))
        );
        // A state of another length is no state, even if its hash is in the vector.
        bytes memory long = bytes.concat(end, hex"00");
        refusedRun(40, long, abi.encodeWithSelector(selector, keccak256(long), keccak256(long)));
        bytes memory short = slice(end, 0, 336);
        refusedRun(40, short, abi.encodeWithSelector(selector, keccak256(short), keccak256(short)));
        refusedRun(40, "", abi.encodeWithSelector(selector, keccak256(""), keccak256("")));
    }

    function test_attackBlock_whereNoRunEnds_reverts() public {
        bytes4 selector = IDisputeGame.NotAnEnd.selector;
        // The step count must be that of the claim.
        refusedRun(40, state(39, 1, 0, "output"), abi.encodeWithSelector(selector, 39, true));
        refusedRun(40, state(41, 1, 0, "output"), abi.encodeWithSelector(selector, 41, true));
        refusedRun(LIMIT, state(40, 1, 0, "output"), abi.encodeWithSelector(selector, 40, true));
        // It must have exited, and a flag that is neither 0 nor 1 does not say so.
        refusedRun(40, state(40, 0, 0, "output"), abi.encodeWithSelector(selector, 40, false));
        refusedRun(40, state(40, 2, 0, "output"), abi.encodeWithSelector(selector, 40, false));
        refusedRun(LIMIT - 1, state(LIMIT - 1, 0, 0, 0), abi.encodeWithSelector(selector, LIMIT - 1, false));
        refusedRun(LIMIT, state(LIMIT - 1, 0, 0, 0), abi.encodeWithSelector(selector, LIMIT - 1, false));
    }

    function test_attackBlock_atTheLimit_isAFailure() public {
        // A run that has not exited has no output, whatever its state holds.
        bytes memory end = state(LIMIT, 0, 0, root.vector[2]);
        attackBlock(bob, root, 2, LIMIT, runEndingIn(LIMIT, end).vector, end);
    }

    function test_attackBlock_value() public {
        // The disputed output itself, claimed by a run.
        bytes memory end = state(40, 1, 0, root.vector[2]);
        refusedRun(40, end, abi.encodeWithSelector(IDisputeGame.SameValue.selector, root.vector[2]));
        // With an exit code, the run has failed: its value is zero.
        end = state(40, 1, 2, root.vector[2]);
        attackBlock(bob, root, 2, 40, runEndingIn(40, end).vector, end);
        end = state(50, 1, 1 << 63, root.vector[2]);
        attackBlock(bob, root, 2, 50, runEndingIn(50, end).vector, end);
        // Any other output disputes.
        end = state(60, 1, 0, "other");
        attackBlock(bob, root, 2, 60, runEndingIn(60, end).vector, end);
    }

    function test_attackBlock_failureAgainstFailure_reverts() public {
        Node memory wide = open(40, lie(new bytes32[](3), 0, 7));
        bytes32[] memory failing = lie(new bytes32[](16), 0, 1);
        failing[15] = 0;
        Node memory child = attack(bob, wide, 0, failing);
        bytes32[] memory run = new bytes32[](1);
        bytes[3] memory ends = [state(1, 1, 0, 0), state(1, 1, 7, "output"), state(1, 1, 2, 0)];
        for (uint256 i = 0; i < 3; ++i) {
            run[0] = keccak256(ends[i]);
            refused(
                child,
                runCall(child, runOf(child, 15, 1, run), ends[i]),
                abi.encodeWithSelector(IDisputeGame.SameValue.selector, bytes32(0))
            );
        }
        ends[0] = state(1, 1, 0, "output");
        run[0] = keccak256(ends[0]);
        attackBlock(carol, child, 15, 1, run, ends[0]);
    }

    // Steps.

    /// @notice The right claim about block 3's run, and a lie about it from step `_from` on, by carol, down to the part of
    ///         single steps that holds step `_from`.
    function downTo(uint64 _from) private returns (Node memory leaf_, uint8 part_) {
        leaf_ = answer(bob, root, 2);
        address player = carol;
        while (true) {
            uint64 length;
            (part_, length) = find(leaf_, _from);
            if (length == 1) return (leaf_, part_);
            bytes32[] memory vector = lieOver(leaf_, part_, player == carol ? _from : type(uint64).max);
            leaf_ = attack(player, leaf_, part_, vector);
            player = player == carol ? bob : carol;
        }
    }

    /// @notice The part that holds unit `_unit`, and its length.
    function find(Node memory _node, uint64 _unit) private pure returns (uint8 part_, uint64 length_) {
        while (true) {
            uint64 start;
            (start, length_) = partOf(_node.claim.start, _node.claim.length, part_);
            if (start + length_ >= _unit) return (part_, length_);
            ++part_;
        }
    }

    /// @notice The vector over a part, wrong from unit `_from` on.
    function lieOver(Node memory _node, uint8 _part, uint64 _from) private returns (bytes32[] memory vector_) {
        (uint64 start, uint64 length) = partOf(_node.claim.start, _node.claim.length, _part);
        vector_ = truth(1, boot, start, length);
        for (uint8 i = 0; i < vector_.length; ++i) {
            (uint64 at, uint64 size) = partOf(start, length, i);
            if (at + size >= _from) vector_[i] = keccak256(abi.encode("lie", at + size));
        }
    }

    function test_step_first_last_and_between() public {
        uint64[4] memory places = [uint64(1), 7, steps - 1, steps];
        for (uint256 i = 0; i < 4; ++i) {
            root = open(4, lie(truth(0, 0, 0, 4), 2, 10 + i));
            (Node memory leaf, uint8 part) = downTo(places[i]);
            vm.assertEq(game.claimState(leaf.id).holder, carol);
            vm.expectEmit(address(game));
            emit IDisputeGame.Stepped(leaf.id, alice, part);
            step(alice, leaf, part);
            assertStatus(leaf, IDisputeGame.ClaimStatus.COUNTERED);
            IDisputeGame.ClaimState memory state_ = game.claimState(leaf.id);
            vm.assertEq(state_.holder, alice);
            vm.assertEq(state_.part, part);
        }
    }

    /// @notice A run claimed by carol over single steps, wrong from step 4 on: 12 steps.
    function shortRun() private returns (Node memory run_) {
        bytes memory end = endState(12, "output");
        bytes32[] memory vector = new bytes32[](12);
        for (uint64 i = 0; i < 12; ++i) {
            vector[i] = i < 3 ? valueAt(1, boot, i + 1) : keccak256(abi.encode(i));
        }
        vector[11] = keccak256(end);
        run_ = attackBlock(carol, root, 2, 12, vector, end);
    }

    function test_step_right_reverts() public {
        Node memory run = shortRun();
        for (uint8 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputeGame.StepIsRight.selector, run.vector[i]));
            this.stepExternal(run, i);
        }
        this.stepExternal(run, 3);
    }

    function stepExternal(Node calldata _node, uint8 _part) external {
        step(alice, _node, _part);
    }

    function test_step_fromOtherState_reverts() public {
        Node memory run = shortRun();
        // The state before part 3 is agreed; that before part 4 has a hash that no state is known for.
        bytes memory packed = Machine.pack(Machine.at(image, boot, 4));
        bytes memory witness = Machine.witness(Machine.at(image, boot, 4));
        bytes4 selector = IDisputeGame.WrongState.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, run.vector[2], keccak256(packed)));
        game.step(run.claim, run.vector, 3, packed, witness);
        vm.expectRevert(abi.encodeWithSelector(selector, run.vector[3], keccak256(packed)));
        game.step(run.claim, run.vector, 4, packed, witness);
        // The first part starts from the machine's start state.
        vm.expectRevert(abi.encodeWithSelector(selector, run.claim.agreed, keccak256(packed)));
        game.step(run.claim, run.vector, 0, packed, witness);
    }

    function test_step_badWitness_reverts() public {
        Node memory run = shortRun();
        bytes memory packed = Machine.pack(Machine.at(image, boot, 3));
        bytes memory witness = Machine.witness(Machine.at(image, boot, 3));
        vm.expectRevert();
        game.step(run.claim, run.vector, 3, packed, "");
        vm.expectRevert();
        game.step(run.claim, run.vector, 3, packed, bytes.concat(witness, hex"00"));
        witness[5] ^= 0x01;
        vm.expectRevert();
        game.step(run.claim, run.vector, 3, packed, witness);
        assertStatus(run, IDisputeGame.ClaimStatus.OPEN);
        // Nor is any amount of gas enough to make a step count that does not.
        witness[5] ^= 0x01;
        for (uint256 i = 1; i < 60; ++i) {
            try game.step{gas: i * 2000}(run.claim, run.vector, 2, "", "") {
                revert("a right step counted as wrong");
            } catch {}
        }
        vm.expectPartialRevert(IRiscV.WrongWitnessLength.selector);
        game.step(run.claim, run.vector, 3, packed, slice(witness, 0, 895));
    }

    function test_step_ofOtherParts_reverts() public {
        // On blocks, and where the part has several steps.
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.WrongPart.selector, 0, 1));
        game.step(root.claim, root.vector, 0, "", "");
        Node memory run = answer(bob, root, 2);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.WrongPart.selector, 1, 16));
        game.step(run.claim, run.vector, 0, "", "");
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.PartOutOfRange.selector, run.vector.length, 16));
        game.step(run.claim, run.vector, 16, "", "");
    }

    function test_step_atShortLastPart() public {
        // 17 steps have a part of 16 and one of a single step, which no attack can dispute.
        bytes memory end = endState(17, "output");
        bytes32[] memory vector = new bytes32[](2);
        (vector[0], vector[1]) = (valueAt(1, boot, 16), keccak256(end));
        Node memory run = attackBlock(carol, root, 2, 17, vector, end);
        bytes memory call_ = abi.encodeCall(IDisputeGame.attack, (run.claim, run.vector, 1, new bytes32[](1)));
        refused(run, call_, abi.encodeWithSelector(IDisputeGame.WrongPart.selector, 1, 1));
        step(bob, run, 1);
        assertStatus(run, IDisputeGame.ClaimStatus.COUNTERED);
    }

    function test_step_closesTheClaim() public {
        Node memory run = shortRun();
        step(bob, run, 3);
        bytes memory closed =
            abi.encodeWithSelector(IDisputeGame.ClaimClosed.selector, run.id, IDisputeGame.ClaimStatus.COUNTERED);
        vm.expectRevert(closed);
        this.stepExternal(run, 3);
        decide(run);
        assertStatus(run, IDisputeGame.ClaimStatus.REFUTED);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.ClaimClosed.selector, run.id, IDisputeGame.ClaimStatus.REFUTED)
        );
        this.stepExternal(run, 3);
        pass(EXTENSION);
        game.settle(run.id);
        vm.assertEq(game.credit(bob), game.bondAt(1) / 2);
    }

    function test_step_afterTheClock_countsUntilDecided() public {
        Node memory run = shortRun();
        pass(2 * CLOCK);
        step(bob, run, 3);
        decide(run);
        assertStatus(run, IDisputeGame.ClaimStatus.REFUTED);
        // Where it was decided before, it comes too late.
        root = open(4, lie(truth(0, 0, 0, 4), 2, 2));
        run = shortRun();
        pass(2 * CLOCK);
        decide(run);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.ClaimClosed.selector, run.id, IDisputeGame.ClaimStatus.UPHELD)
        );
        this.stepExternal(run, 3);
    }

    function test_step_afterExit_staysWhereItIs() public {
        // A run that claims one more state after its exit: the machine stays, so the claim's last step is wrong.
        bytes32[] memory trace = traceOf(boot);
        bytes memory last = Machine.pack(Machine.at(image, boot, steps));
        vm.assertEq(keccak256(last), trace[steps]);
        bytes memory end = endState(steps + 1, "output");
        bytes32[] memory vector = truth(1, boot, 0, steps + 1);
        vector[vector.length - 1] = keccak256(end);
        Node memory run = attackBlock(carol, root, 2, steps + 1, vector, end);
        // The last part has two steps or more: the right answer holds the exit twice.
        uint8 part = uint8(vector.length - 1);
        (uint64 start, uint64 length) = partOf(0, steps + 1, part);
        vector = truth(1, boot, start, length);
        Node memory right = attack(bob, run, part, vector);
        vm.assertEq(vector[vector.length - 1], vector[vector.length - 2]);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.StepIsRight.selector, trace[steps]));
        game.step(right.claim, vector, uint8(length - 1), last, "");
        // A wrong answer to it falls by the step from the exit.
        vector[vector.length - 1] = keccak256("moved on");
        Node memory wrong = attack(carol, run, part, vector);
        game.step(wrong.claim, vector, uint8(length - 1), last, "");
        assertStatus(wrong, IDisputeGame.ClaimStatus.COUNTERED);
    }
}
