// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {Disputes} from "./Disputes.t.sol";
import {Machine} from "./Machine.sol";

/// @notice Attacks on either level, and what they are refused for.
contract AttackTest is Disputes {
    /// @notice A wrong proposal over 40 blocks: parts of 16, 16 and 8.
    Node private root;

    function setUp() public {
        deployDisputes();
        append(600);
        derive(batchAccumulator(1), 40);
        vm.assertTrue(outputs[40] != 0);
        root = open(40, lie(truth(0, 0, 0, 40), 1, 1));
        pass(100);
    }

    /// @notice Who makes refused calls.
    address private caller = bob;

    /// @notice A call with the right bond that must revert with `_error`.
    function refused(Node memory _node, bytes memory _call, bytes memory _error) private {
        uint256 bond = game.bondAt(game.claimState(_node.id).depth + 1);
        vm.expectRevert(_error);
        vm.prank(caller);
        (bool success,) = address(game).call{value: bond}(_call);
        vm.assertTrue(success);
    }

    function attackCall(Node memory _node, uint8 _part, bytes32[] memory _vector)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IDisputeGame.attack, (_node.claim, _node.vector, _part, _vector));
    }

    function err(bytes4 _selector, uint256 _a, uint256 _b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(_selector, _a, _b);
    }

    // On blocks.

    function test_attack_addsChild() public {
        bytes32[] memory vector = truth(0, 0, 16, 16);
        Node memory child = childOf(root, 1, vector);
        uint256 held = address(game).balance;
        uint256 bond = BOND * BOND_DECAY / 256;
        vm.expectEmit(address(game));
        emit IDisputeGame.Attacked(child.id, bob, child.claim, vector, uint64(block.timestamp), 100);
        attack(bob, root, 1, vector);

        vm.assertEq(child.claim.start, 16);
        vm.assertEq(child.claim.length, 16);
        vm.assertEq(child.claim.agreed, outputs[16]);
        vm.assertEq(address(game).balance, held + bond);
        IDisputeGame.ClaimState memory state = game.claimState(child.id);
        vm.assertEq(uint8(state.status), uint8(IDisputeGame.ClaimStatus.OPEN));
        vm.assertEq(state.depth, 1);
        vm.assertEq(state.holder, bob);
        vm.assertEq(state.part, 1);
        vm.assertEq(state.createdAt, block.timestamp);
        vm.assertEq(state.clock, 100);
        vm.assertEq(state.openChildren, 0);
        state = game.claimState(root.id);
        vm.assertEq(uint8(state.status), uint8(IDisputeGame.ClaimStatus.OPEN));
        vm.assertEq(state.holder, proposer);
        vm.assertEq(state.createdAt, block.timestamp - 100);
        vm.assertEq(state.openChildren, 1);
    }

    function test_claimState_beforeAnyAttack_isTheProposal() public view {
        IDisputeGame.ClaimState memory state = game.claimState(root.id);
        vm.assertEq(root.id, game.rootClaimId());
        vm.assertEq(uint8(state.status), uint8(IDisputeGame.ClaimStatus.OPEN));
        vm.assertEq(state.holder, proposer);
        vm.assertEq(state.createdAt, game.createdAt());
        vm.assertEq(state.clock, 0);
        vm.assertEq(uint8(game.claimState(keccak256("other")).status), 0);
    }

    function test_attack_shortLastPart() public {
        Node memory child = attack(bob, root, 2, lie(new bytes32[](8), 0, 1));
        vm.assertEq(child.claim.start, 32);
        vm.assertEq(child.claim.length, 8);
        vm.assertEq(child.claim.agreed, root.vector[1]);
    }

    function test_attack_onAnAttack_alternates() public {
        Node memory child = attack(bob, root, 1, truth(0, 0, 16, 16));
        Node memory other = attack(carol, root, 2, truth(0, 0, 32, 8));
        vm.assertEq(game.claimState(root.id).openChildren, 2);
        // Anyone may attack anything, himself too.
        runAttack(bob, child, 3, endState(1, keccak256("other")));
        runAttack(proposer, other, 0, endState(1, keccak256("other")));
        vm.assertEq(game.claimState(child.id).openChildren, 1);
    }

    /// @notice A claim about a run of one step.
    function runAttack(address _player, Node memory _node, uint8 _part, bytes memory _end)
        private
        returns (Node memory)
    {
        bytes32[] memory vector = new bytes32[](1);
        vector[0] = keccak256(_end);
        return attackBlock(_player, _node, _part, 1, vector, _end);
    }

    function test_attack_otherContent_reverts() public {
        bytes32[] memory vector = truth(0, 0, 16, 16);
        Node memory node = root;
        for (uint256 i = 0; i < 9; ++i) {
            Node memory wrong = abi.decode(abi.encode(node), (Node));
            if (i == 0) wrong.claim.parent = "other";
            if (i == 1) wrong.claim.part = 1;
            if (i == 2) wrong.claim.level = 1;
            if (i == 3) wrong.claim.bootHash = "other";
            if (i == 4) wrong.claim.start = 1;
            if (i == 5) wrong.claim.length = 41;
            if (i == 6) wrong.claim.agreed = "other";
            if (i == 7) wrong.vector[0] = "other";
            if (i == 8) wrong.vector = new bytes32[](2);
            bytes memory err_ = abi.encodeWithSelector(IDisputeGame.ClaimNotFound.selector, idOf(wrong));
            refused(node, attackCall(wrong, 1, vector), err_);
        }
        // A claim of another game is no claim of this one.
        open(40, lie(root.vector, 1, 2));
        bytes memory notFound = abi.encodeWithSelector(IDisputeGame.ClaimNotFound.selector, idOf(root));
        refused(root, attackCall(root, 1, vector), notFound);
    }

    function test_attack_noSuchPart_reverts() public {
        bytes32[] memory vector = truth(0, 0, 16, 16);
        refused(root, attackCall(root, 3, vector), err(IDisputeGame.PartOutOfRange.selector, 3, 3));
        refused(root, attackCall(root, 255, vector), err(IDisputeGame.PartOutOfRange.selector, 3, 255));
    }

    function test_attack_oneBlock_reverts() public {
        Node memory child = attack(bob, root, 1, truth(0, 0, 16, 16));
        refused(child, attackCall(child, 0, new bytes32[](1)), err(IDisputeGame.WrongPart.selector, 0, 1));
    }

    function test_attack_wrongVectorLength_reverts() public {
        bytes4 selector = IDisputeGame.WrongVectorLength.selector;
        refused(root, attackCall(root, 1, new bytes32[](0)), err(selector, 16, 0));
        refused(root, attackCall(root, 1, lie(new bytes32[](15), 0, 1)), err(selector, 16, 15));
        refused(root, attackCall(root, 1, lie(new bytes32[](17), 0, 1)), err(selector, 16, 17));
        refused(root, attackCall(root, 2, lie(new bytes32[](16), 0, 1)), err(selector, 8, 16));
    }

    function test_attack_sameValue_reverts() public {
        bytes32[] memory vector = truth(0, 0, 16, 16);
        vector[15] = root.vector[1];
        refused(
            root, attackCall(root, 1, vector), abi.encodeWithSelector(IDisputeGame.SameValue.selector, vector[15])
        );
        // The value is compared at the disputed part, not at another.
        vector[15] = root.vector[2];
        attack(bob, root, 1, vector);
    }

    function test_attack_wrongBond_reverts() public {
        bytes memory call_ = attackCall(root, 1, truth(0, 0, 16, 16));
        uint256 bond = game.bondAt(1);
        uint256[4] memory values = [uint256(0), bond - 1, bond + 1, BOND];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(err(IDisputeGame.WrongBond.selector, bond, values[i]));
            vm.prank(bob);
            (bool success,) = address(game).call{value: values[i]}(call_);
            vm.assertTrue(success);
        }
    }

    function test_attack_twice_reverts() public {
        bytes32[] memory vector = truth(0, 0, 16, 16);
        Node memory child = attack(bob, root, 1, vector);
        bytes memory duplicate = abi.encodeWithSelector(IDisputeGame.DuplicateClaim.selector, child.id);
        refused(root, attackCall(root, 1, vector), duplicate);
        // By whomever, whenever.
        pass(100);
        caller = carol;
        refused(root, attackCall(root, 1, vector), duplicate);
        // Another value anywhere makes another claim.
        vector[3] = "other";
        attack(carol, root, 1, vector);
        vm.assertEq(game.claimState(root.id).openChildren, 2);
    }

    function test_attack_afterFailure() public {
        // Zeros may only be followed by zeros.
        bytes32[] memory vector = truth(0, 0, 16, 16);
        for (uint256 i = 0; i < 15; ++i) {
            bytes32 value = vector[i];
            vector[i] = 0;
            refused(
                root,
                attackCall(root, 1, vector),
                abi.encodeWithSelector(IDisputeGame.ValueAfterFailure.selector, i + 1)
            );
            vector[i] = value;
        }
        for (uint256 i = 5; i < 16; ++i) {
            vector[i] = 0;
        }
        Node memory child = attack(bob, root, 1, vector);

        // The first zero can be disputed, what follows it cannot.
        bytes memory end = endState(1, keccak256("output"));
        runAttack(carol, child, 5, end);
        bytes32[] memory run = new bytes32[](1);
        run[0] = keccak256(end);
        refused(
            child,
            runCall(child, runOf(child, 6, 1, run), end),
            abi.encodeWithSelector(IDisputeGame.NothingAfterFailure.selector)
        );
    }

    function test_attack_partsBehindFailure_revert() public {
        // A claim over 512 blocks whose parts fail from the second on.
        Node memory wide = open(600, lie(new bytes32[](3), 0, 1));
        bytes32[] memory vector = lie(new bytes32[](16), 0, 1);
        for (uint256 i = 1; i < 16; ++i) {
            vector[i] = 0;
        }
        Node memory child = attack(bob, wide, 0, vector);
        attack(carol, child, 1, lie(new bytes32[](16), 0, 1));
        refused(
            child,
            attackCall(child, 2, lie(new bytes32[](16), 0, 1)),
            abi.encodeWithSelector(IDisputeGame.NothingAfterFailure.selector)
        );
    }

    // The clock.

    function test_attack_atExpiredClock_reverts() public {
        uint64 expiry = game.createdAt() + CLOCK;
        bytes32[] memory vector = truth(0, 0, 16, 16);
        vm.warp(expiry);
        bytes memory expired = abi.encodeWithSelector(IDisputeGame.ClockExpired.selector, expiry);
        refused(root, attackCall(root, 1, vector), expired);
        vm.warp(expiry + 1000);
        refused(root, attackCall(root, 1, vector), expired);
        vm.warp(expiry - 1);
        attack(bob, root, 1, vector);
    }

    function test_attack_clocks() public {
        // Each claim's clock is that of its grandparent and the time since its parent was made.
        Node memory wide = open(600, lie(new bytes32[](3), 0, 1));
        pass(1000);
        Node memory one = attack(bob, wide, 0, lie(new bytes32[](16), 0, 1)); // bob's side: 1000
        vm.assertEq(game.claimState(one.id).clock, 1000);
        pass(200);
        Node memory two = attack(carol, one, 3, lie(new bytes32[](16), 0, 2)); // the proposer's side: 200
        vm.assertEq(game.claimState(two.id).clock, 200);
        pass(30);
        Node memory three = runAttack(bob, two, 3, endState(1, "three"));
        vm.assertEq(game.claimState(three.id).clock, 1030);
        // Another branch has its own clocks.
        Node memory other = attack(bob, wide, 1, lie(new bytes32[](16), 0, 3));
        vm.assertEq(game.claimState(other.id).clock, 1230);
    }

    function test_attack_lastSecond_leavesExtension() public {
        Node memory wide = open(600, lie(new bytes32[](3), 0, 1));
        vm.warp(game.createdAt() + CLOCK - 1);
        // A claim of 256 blocks: its side may have to run the machine in its next move.
        Node memory near = attack(bob, wide, 1, lie(new bytes32[](16), 0, 1));
        vm.assertEq(game.claimState(near.id).clock, CLOCK - BOUNDARY_EXTENSION);
        // The proposer's side has all its time; one second before it ends bob's has the extension to answer.
        uint64 created = uint64(block.timestamp);
        vm.warp(created + CLOCK - 1);
        Node memory two = attack(carol, near, 3, lie(new bytes32[](16), 0, 2));
        vm.assertEq(game.claimState(two.id).clock, CLOCK - BOUNDARY_EXTENSION);
        vm.warp(block.timestamp + BOUNDARY_EXTENSION - 1);
        Node memory run = runAttack(bob, two, 3, endState(1, "three"));
        vm.assertEq(game.claimState(run.id).clock, CLOCK - BOUNDARY_EXTENSION);
        // Bob's side keeps at least the extension in every answer; without one it runs out.
        bytes32[] memory late = new bytes32[](1);
        bytes memory end = endState(1, "late");
        late[0] = keccak256(end);
        vm.warp(block.timestamp + 1);
        refused(
            two,
            runCall(two, runOf(two, 4, 1, late), end),
            abi.encodeWithSelector(IDisputeGame.ClockExpired.selector, uint64(block.timestamp))
        );
    }

    function test_attack_farFromBoundary_leavesShortExtension() public {
        append(4096);
        acc = batchAccumulator(2);
        Node memory wide = open(4600, lie(new bytes32[](2), 0, 1));
        vm.warp(game.createdAt() + CLOCK - 1);
        Node memory far = attack(bob, wide, 0, lie(new bytes32[](16), 0, 1)); // 4,096 blocks
        vm.assertEq(game.claimState(far.id).clock, CLOCK - EXTENSION);
        vm.warp(block.timestamp + CLOCK - 1);
        Node memory near = attack(carol, far, 0, lie(new bytes32[](16), 0, 1)); // 256 blocks
        vm.assertEq(game.claimState(near.id).clock, CLOCK - BOUNDARY_EXTENSION);
    }

    function test_attack_onSteps_extensions() public {
        Node memory child = attack(bob, root, 1, truth(0, 0, 16, 16));
        bytes memory end = endState(1000, "output");
        bytes32[] memory vector = lie(new bytes32[](4), 0, 1);
        vector[3] = keccak256(end);
        vm.warp(block.timestamp + CLOCK - 1);
        Node memory run = attackBlock(carol, child, 2, 1000, vector, end);
        vm.assertEq(game.claimState(run.id).clock, CLOCK - BOUNDARY_EXTENSION);
        vm.warp(block.timestamp + CLOCK - 100 - 1);
        Node memory deeper = attack(bob, run, 2, lie(new bytes32[](16), 0, 1));
        vm.assertEq(game.claimState(deeper.id).clock, CLOCK - EXTENSION);
    }
}
