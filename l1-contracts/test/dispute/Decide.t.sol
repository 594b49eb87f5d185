// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../../src/DisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {Disputes} from "./Disputes.t.sol";

/// @notice A claimant that cannot be paid.
contract Refuser {
    function attack(
        DisputeGame _game,
        IDisputeGame.Claim calldata _claim,
        bytes32[] calldata _vector,
        uint8 _part,
        bytes32[] calldata _attack
    ) external payable {
        _game.attack{value: msg.value}(_claim, _vector, _part, _attack);
    }
}

/// @notice Deciding and settling.
contract DecideTest is Disputes {
    /// @notice A proposal over 256 blocks, 16 parts of 16. Here nobody knows what is right.
    Node private root;

    function setUp() public {
        deployDisputes();
        append(600);
        acc = batchAccumulator(1);
        root = open(256, lie(new bytes32[](16), 0, 1));
        pass(100);
    }

    function child(address _player, Node memory _node, uint8 _part, uint256 _seed) private returns (Node memory) {
        (, uint64 length) = partOf(_node.claim.start, _node.claim.length, _part);
        return attack(_player, _node, _part, lie(new bytes32[](partsOf(length)), 0, _seed));
    }

    /// @notice A claim about a run of one step.
    function run(address _player, Node memory _node, uint8 _part, uint256 _seed) private returns (Node memory) {
        bytes memory end = endState(1, bytes32(_seed));
        bytes32[] memory vector = new bytes32[](1);
        vector[0] = keccak256(end);
        return attackBlock(_player, _node, _part, 1, vector, end);
    }

    function closed(Node memory _node) private view returns (bytes memory) {
        return abi.encodeWithSelector(IDisputeGame.ClaimClosed.selector, _node.id, statusOf(_node));
    }

    function decideExternal(Node calldata _node) external {
        decide(_node);
    }

    function refused(Node memory _node, bytes memory _error) private {
        vm.expectRevert(_error);
        this.decideExternal(_node);
    }

    function test_decide_notFound_reverts() public {
        Node memory wrong = childOf(root, 3, new bytes32[](16));
        refused(wrong, abi.encodeWithSelector(IDisputeGame.ClaimNotFound.selector, wrong.id));
        wrong = root;
        wrong.claim.length = 255;
        refused(wrong, abi.encodeWithSelector(IDisputeGame.ClaimNotFound.selector, idOf(wrong)));
    }

    function test_decide_beforeTheClock_reverts() public {
        Node memory one = child(bob, root, 3, 1);
        uint64 expiry = uint64(block.timestamp) + CLOCK;
        refused(one, abi.encodeWithSelector(IDisputeGame.ClockNotExpired.selector, expiry));
        vm.warp(expiry - 1);
        refused(one, abi.encodeWithSelector(IDisputeGame.ClockNotExpired.selector, expiry));
        vm.warp(expiry);
        vm.expectEmit(address(game));
        emit IDisputeGame.Decided(one.id, true);
        decide(one);
        assertStatus(one, IDisputeGame.ClaimStatus.UPHELD);
        vm.assertEq(game.credit(bob), game.bondAt(1));
    }

    function test_decide_sameSecondAsAttack_isExclusive() public {
        // Whenever an attack is possible, a decision is not, and the other way round.
        Node memory one = child(bob, root, 3, 1);
        pass(1000);
        Node memory two = run(carol, one, 0, 1);
        uint64 expiry = uint64(block.timestamp) + CLOCK - 100; // bob's side used 100 seconds
        vm.warp(expiry - 1);
        refused(two, abi.encodeWithSelector(IDisputeGame.ClockNotExpired.selector, expiry));
        vm.warp(expiry);
        decide(two);
    }

    function test_decide_withOpenChild_reverts() public {
        Node memory one = child(bob, root, 3, 1);
        vm.warp(block.timestamp + CLOCK - 1);
        Node memory two = run(carol, one, 0, 1);
        vm.warp(block.timestamp + CLOCK - 101);
        refused(one, abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        refused(root, abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        vm.warp(block.timestamp + 1);
        decide(two);
        // The child stands, so its parent falls at once, and the root stands: it has no other.
        assertStatus(one, IDisputeGame.ClaimStatus.COUNTERED);
        refused(root, abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        vm.expectEmit(address(game));
        emit IDisputeGame.Decided(one.id, false);
        decide(one);
        assertStatus(one, IDisputeGame.ClaimStatus.REFUTED);
        vm.expectEmit(address(game));
        emit IDisputeGame.Resolved(IDisputeGame.GameStatus.DEFENDER_WINS);
        decide(root);
        assertStatus(root, IDisputeGame.ClaimStatus.UPHELD);
        vm.assertEq(uint8(game.status()), 2);
        vm.assertEq(game.resolvedAt(), block.timestamp);
        vm.assertEq(game.credit(proposer), BOND);
    }

    function test_decide_twice_reverts() public {
        Node memory one = child(bob, root, 3, 1);
        pass(CLOCK);
        decide(one);
        refused(one, closed(one));
        decide(root);
        refused(root, abi.encodeWithSelector(IDisputeGame.AlreadyResolved.selector));
        vm.expectRevert(IDisputeGame.AlreadyResolved.selector);
        game.resolve();
        pass(EXTENSION);
        game.settle(root.id);
        refused(root, abi.encodeWithSelector(IDisputeGame.AlreadyResolved.selector));
    }

    function test_decide_rootOnce_ifNeverAttacked() public {
        pass(CLOCK);
        vm.assertTrue(game.resolvable());
        decide(root);
        assertStatus(root, IDisputeGame.ClaimStatus.UPHELD);
        vm.assertFalse(game.resolvable());
        refused(root, abi.encodeWithSelector(IDisputeGame.AlreadyResolved.selector));
        vm.expectRevert(IDisputeGame.AlreadyResolved.selector);
        game.resolve();
        vm.assertEq(game.credit(proposer), BOND);
        // Nor can it be attacked any more.
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.ClockExpired.selector, game.createdAt() + CLOCK));
        this.childExternal(root, 3);
    }

    function childExternal(Node calldata _node, uint8 _part) external {
        child(bob, _node, _part, 99);
    }

    function test_resolve_followsTheRootClaim() public {
        vm.assertEq(game.expectedResolution(), game.createdAt() + CLOCK);
        Node memory one = child(bob, root, 3, 1);
        vm.assertEq(game.expectedResolution(), game.createdAt() + 2 * CLOCK);
        vm.warp(game.createdAt() + CLOCK);
        vm.assertFalse(game.resolvable());
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        game.resolve();
        pass(100);
        decide(one);
        vm.assertTrue(game.resolvable());
        vm.assertEq(game.expectedResolution(), block.timestamp);
        vm.expectEmit(address(game));
        emit IDisputeGame.Resolved(IDisputeGame.GameStatus.CHALLENGER_WINS);
        vm.assertEq(uint8(game.resolve()), 1);
        vm.assertEq(game.credit(proposer), 0);
        vm.assertFalse(game.resolvable());
        vm.assertEq(game.expectedResolution(), block.timestamp);
    }

    function test_decide_counteredClaim_takesNoAttack() public {
        Node memory one = child(bob, root, 3, 1);
        Node memory other = child(carol, root, 5, 2);
        vm.warp(block.timestamp + CLOCK - 1000);
        Node memory late = child(alice, root, 2, 3); // its attackers have a whole clock
        vm.warp(block.timestamp + 1000);
        decide(one);
        vm.expectRevert(closed(root));
        this.childExternal(root, 3);
        decide(root);
        vm.expectRevert(closed(root));
        this.childExternal(root, 3);
        // The others are played to their end, for the bonds.
        run(bob, late, 1, 7);
        decide(other);
        assertStatus(other, IDisputeGame.ClaimStatus.UPHELD);
        vm.assertEq(game.claimState(root.id).openChildren, 1);
    }

    // Settling.

    function test_settle_before_reverts() public {
        bytes4 selector = IDisputeGame.NotSettleable.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, root.id, IDisputeGame.ClaimStatus.OPEN));
        game.settle(root.id);
        vm.expectRevert(abi.encodeWithSelector(selector, bytes32("x"), IDisputeGame.ClaimStatus.NONE));
        game.settle("x");
        Node memory one = child(bob, root, 3, 1);
        Node memory other = child(bob, root, 4, 1);
        pass(CLOCK);
        decide(one);
        vm.expectRevert(abi.encodeWithSelector(selector, root.id, IDisputeGame.ClaimStatus.COUNTERED));
        game.settle(root.id);
        vm.expectRevert(abi.encodeWithSelector(selector, one.id, IDisputeGame.ClaimStatus.UPHELD));
        game.settle(one.id);
        decide(root);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        game.settle(root.id);
        decide(other);
        // The last counter counts, and there is time to suspend the machine behind it.
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BondWaits.selector, block.timestamp + EXTENSION));
        game.settle(root.id);
        pass(EXTENSION - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BondWaits.selector, block.timestamp + 1));
        game.settle(root.id);
        pass(1);
        vm.expectEmit(address(game));
        emit IDisputeGame.Settled(root.id, bob, BOND / 2, BOND / 2);
        vm.prank(alice);
        game.settle(root.id);
        vm.expectRevert(abi.encodeWithSelector(selector, root.id, IDisputeGame.ClaimStatus.SETTLED));
        game.settle(root.id);
        vm.assertEq(game.credit(bob), 2 * game.bondAt(1) + BOND / 2);
    }

    function test_settle_leftMost() public {
        // By part first: the later and the last decided wins.
        Node memory one = child(bob, root, 5, 1);
        pass(10);
        Node memory two = child(carol, root, 4, 2);
        pass(CLOCK);
        decide(one);
        vm.assertEq(game.claimState(root.id).holder, bob);
        decide(root);
        decide(two);
        vm.assertEq(game.claimState(root.id).holder, carol);
        vm.assertEq(game.claimState(root.id).part, 4);
        pass(EXTENSION);
        game.settle(root.id);
        vm.assertEq(game.credit(carol), game.bondAt(1) + BOND / 2);
        vm.assertEq(game.credit(bob), game.bondAt(1));
    }

    function test_settle_earliest() public {
        // At the same part by time: the first wins, in whatever order they are decided.
        for (uint256 i = 0; i < 2; ++i) {
            root = open(256, lie(new bytes32[](16), 0, 2 + i));
            Node memory one = child(bob, root, 4, 1);
            pass(1);
            Node memory two = child(carol, root, 4, 2);
            pass(CLOCK);
            decide(i == 0 ? one : two);
            decide(i == 0 ? two : one);
            vm.assertEq(game.claimState(root.id).holder, bob);
        }
        // In the same second, by the first decision.
        root = open(256, lie(new bytes32[](16), 0, 4));
        Node memory first = child(bob, root, 4, 1);
        Node memory second = child(carol, root, 4, 2);
        pass(CLOCK);
        decide(second);
        decide(first);
        vm.assertEq(game.claimState(root.id).holder, carol);
    }

    function test_settle_onlyUpheldChildrenCount() public {
        Node memory low = child(bob, root, 1, 1);
        Node memory high = child(carol, root, 9, 2);
        run(proposer, low, 0, 1);
        pass(CLOCK);
        Node memory answer_ = runNode(low);
        decide(answer_);
        decide(low);
        decide(high);
        decide(root);
        pass(EXTENSION);
        game.settle(low.id);
        game.settle(root.id);
        vm.assertEq(game.credit(bob), 0);
        vm.assertEq(game.credit(carol), game.bondAt(1) + BOND / 2);
        vm.assertEq(game.credit(proposer), game.bondAt(2) + game.bondAt(1) / 2);
        // What is burned stays.
        game.claimCredit(carol);
        game.claimCredit(proposer);
        vm.assertEq(address(game).balance, BOND / 2 + game.bondAt(1) / 2);
    }

    /// @notice Attack: where a claim is countered long ago, and its left-most child hangs on one step, prove a false one in the
    ///         first block of a fork that breaks the machine, and take the bond at once.
    function test_settle_waitsBehindTheLastChild_alsoIfItFell() public {
        Node memory low = child(bob, root, 1, 1);
        Node memory high = child(carol, root, 9, 2);
        pass(CLOCK - 1000);
        run(proposer, low, 0, 1);
        pass(1000);
        decide(high);
        decide(root);
        pass(EXTENSION);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.ChildrenOpen.selector, 1));
        game.settle(root.id);
        pass(CLOCK);
        decide(runNode(low));
        decide(low);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BondWaits.selector, block.timestamp + EXTENSION));
        game.settle(root.id);
        pass(EXTENSION);
        game.settle(root.id);
        vm.assertEq(game.credit(carol), game.bondAt(1) + BOND / 2);
    }

    /// @notice The claim that `run(_, _node, 0, 1)` made.
    function runNode(Node memory _node) private view returns (Node memory) {
        bytes32[] memory vector = new bytes32[](1);
        vector[0] = keccak256(endState(1, bytes32(uint256(1))));
        return runOf(_node, 0, 1, vector);
    }

    function test_settle_recipientThatReverts_holdsNobodyUp() public {
        Refuser refuser = new Refuser();
        bytes32[] memory vector = lie(new bytes32[](16), 0, 1);
        refuser.attack{value: game.bondAt(1)}(game, root.claim, root.vector, 3, vector);
        Node memory one = childOf(root, 3, vector);
        Node memory other = child(bob, root, 4, 1);
        pass(CLOCK);
        decide(one);
        decide(other);
        decide(root);
        pass(EXTENSION);
        game.settle(root.id);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.TransferFailed.selector, address(refuser)));
        game.claimCredit(address(refuser));
        uint256 before = bob.balance;
        game.claimCredit(bob);
        vm.assertEq(bob.balance, before + game.bondAt(1));
        vm.assertEq(game.credit(address(refuser)), game.bondAt(1) + BOND / 2);
    }

    function test_receive_plainEther_reverts() public {
        vm.prank(alice);
        (bool success,) = address(game).call{value: 1}("");
        vm.assertFalse(success);
    }

    /// @notice However many children a claim has, deciding it and them costs the same.
    function test_decide_manyChildren_costsTheSame() public {
        Node[] memory children = new Node[](200);
        for (uint256 i = 0; i < 200; ++i) {
            children[i] = child(bob, root, uint8(i % 16), i);
        }
        pass(CLOCK);
        uint256 least = type(uint256).max;
        uint256 most = 0;
        for (uint256 i = 0; i < 200; ++i) {
            uint256 start = gasleft();
            decide(children[i]);
            uint256 used = start - gasleft();
            // The first writes what the others only change.
            if (i == 0) continue;
            if (used < least) least = used;
            if (used > most) most = used;
        }
        vm.assertLe(most, least + 10_000);
        uint256 left = gasleft();
        decide(root);
        pass(EXTENSION);
        game.settle(root.id);
        vm.assertLe(left - gasleft(), 100_000);
    }

    // Constants.

    function test_constructor_badParameters_revert() public {
        IDisputeGame.Parameters memory good = gameParameters();
        new DisputeGame(good);
        bytes32[7] memory names = [
            bytes32("riscV"),
            "maxSteps",
            "maxClockDuration",
            "boundaryExtension",
            "clockExtension",
            "leafBond",
            "bondDecay"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            IDisputeGame.Parameters memory bad = abi.decode(abi.encode(good), (IDisputeGame.Parameters));
            if (i == 0) bad.riscV = alice;
            if (i == 1) bad.maxSteps = 0;
            if (i == 2) bad.maxClockDuration = 1 << 24;
            if (i == 3) bad.boundaryExtension = CLOCK;
            if (i == 4) bad.clockExtension = BOUNDARY_EXTENSION + 1;
            if (i == 5) bad.leafBond = uint128(BOND + 1);
            if (i == 6) bad.bondDecay = 256;
            vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BadParameter.selector, names[i]));
            new DisputeGame(bad);
        }
    }

    function test_parameters_asDeployed() public {
        vm.assertEq(
            keccak256(abi.encode(game.parameters())), keccak256(abi.encode(gameParameters())), "parameters"
        );
        vm.assertEq(factory.bond(), game.bondAt(0));
        vm.assertEq(game.bond(), BOND);
    }

    /// @notice The bonds of one side, on the longest path over 600 blocks, stay below 5 ETH.
    function test_bonds_fallFromRootToLeaf() public view {
        uint256 expected = BOND;
        uint256[2] memory sums;
        for (uint256 depth = 0; depth < 12; ++depth) {
            uint256 bond = game.bondAt(depth);
            vm.assertEq(bond, expected < LEAF_BOND ? LEAF_BOND : expected);
            if (depth > 0 && bond != LEAF_BOND) vm.assertLt(bond, game.bondAt(depth - 1));
            sums[depth % 2] += bond;
            expected = expected * BOND_DECAY / 256;
        }
        vm.assertLt(sums[0], 5 ether);
        vm.assertLt(sums[1], sums[0]);
        // However deep: a leaf's bond, twice what the most expensive answer costs at 57 gwei.
        vm.assertEq(game.bondAt(25), LEAF_BOND);
        vm.assertEq(game.bondAt(type(uint256).max), LEAF_BOND);
        vm.assertGe(LEAF_BOND, 2 * 1_750_000 * 57 gwei);
    }
}
