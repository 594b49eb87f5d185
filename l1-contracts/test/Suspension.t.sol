// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IAnchorStateRegistry} from "../src/interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../src/interfaces/IDisputeGameFactory.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {IRiscV} from "../src/interfaces/IRiscV.sol";
import {Governance} from "./Governance.t.sol";
import {Answering} from "./riscv/Repricing.t.sol";

/// @notice A later machine that allows for what broke the first one.
contract LaterMachine is IRiscV {
    function step(bytes calldata, bytes calldata) external pure returns (bytes32) {
        return 0;
    }

    function check(uint256) external pure {}

    function operations() external pure returns (uint256[] memory) {
        return new uint256[](1);
    }
}

/// @notice Calls from so deep, with so much gas, in one of several ways.
contract Caller {
    function call(address _target, bytes calldata _call, uint256 _depth, uint256 _gas, uint256 _how) external {
        if (_depth != 0) return this.call(_target, _call, _depth - 1, _gas, _how);
        if (_how == 0) _target.call{gas: _gas}(_call);
        else if (_how == 1) _target.delegatecall{gas: _gas}(_call);
        else if (_how == 2) _target.staticcall{gas: _gas}(_call);
        else _target.call(_call);
    }
}

/// @title SuspensionTest
/// @notice What happens when an L1 fork breaks the machine, and that nobody can pretend it has.
contract SuspensionTest is Governance {
    uint256 private constant PAIRING = 8;
    uint256 private constant ADDITION = 6;

    function setUp() public {
        deployGoverned();
        append(4096);
        pass(12);
        vm.deal(address(portal), 10 ether);
    }

    /// @notice An L1 fork: a pairing of five pairs costs more than four times as much, and 200,000.
    function breakMachine() internal {
        address dear = address(new Answering(abi.encode(1), 4 * 215_000 + 201_000));
        vm.mockFunction(address(uint160(PAIRING)), dear, new bytes(960));
    }

    function suspend() internal {
        breakMachine();
        implementation.suspend(PAIRING);
    }

    function standby() internal returns (DisputeGame) {
        IDisputeGame.Parameters memory parameters = gameParameters();
        parameters.riscV = address(new LaterMachine());
        return new DisputeGame(parameters);
    }

    // A sound machine.

    function test_suspend_soundMachine_reverts() public {
        uint256[] memory operations = riscV.operations();
        vm.assertEq(operations.length, 18);
        for (uint256 i = 0; i < operations.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputeGame.MachineSound.selector, operations[i]));
            implementation.suspend(operations[i]);
        }
    }

    /// @notice What is no precompile cannot be shown to fail.
    function testFuzz_suspend_unknownOperation_reverts(uint256 _op) public {
        if ((_op > 0 && _op < 18) || _op == 256) _op = 0;
        bytes memory reason = abi.encodeWithSelector(IRiscV.NotAPrecompile.selector, _op);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.NothingShown.selector, _op, reason));
        implementation.suspend(_op);
    }

    /// @notice Attack: call with just so little gas that the precompile would fail, from whatever depth, in whatever way.
    function testFuzz_suspend_soundMachine_neverSucceeds(uint256 _op, uint256 _gas, uint256 _depth, uint256 _how)
        public
    {
        uint256[] memory operations = riscV.operations();
        uint256 op = operations[_op % operations.length];
        Caller caller = new Caller();
        bytes memory call_ = abi.encodeCall(IDisputeGame.suspend, (op));
        uint256 gas = bound(_gas, 2000, 6_000_000);
        caller.call(address(implementation), call_, bound(_depth, 0, 200), gas, _how % 4);
        assertSound();
    }

    /// @notice Every amount of gas around what the check needs.
    function test_suspend_everyGas_neverSucceeds() public {
        bytes memory call_ = abi.encodeCall(IDisputeGame.suspend, (ADDITION));
        uint256 most = 300_000;
        for (uint256 gas = 25_000; gas < most; gas += 53) {
            (bool success,) = address(implementation).call{gas: gas}(call_);
            vm.assertFalse(success);
        }
        assertSound();
    }

    /// @notice From the deepest that a transaction can reach with all of its gas.
    function test_suspend_deepest_neverSucceeds() public {
        Caller caller = new Caller();
        bytes memory call_ = abi.encodeCall(IDisputeGame.suspend, (ADDITION));
        for (uint256 depth = 0; depth < 300; depth += 20) {
            try caller.call{gas: 16_777_216}(address(implementation), call_, depth, 0, 3) {} catch {}
        }
        assertSound();
    }

    function assertSound() internal view {
        (uint64 suspendedAt,) = implementation.health();
        vm.assertEq(suspendedAt, 0);
    }

    /// @notice A game is no version: what is known of the machine is known to all of them.
    function test_game_cannotBeCheckedOrSuspended() public {
        DisputeGame game = propose(100);
        bytes memory err =
            abi.encodeWithSelector(IDisputeGame.NotTheImplementation.selector, address(implementation));
        vm.expectRevert(err);
        game.recordCheck();
        breakMachine();
        vm.expectRevert(err);
        game.suspend(PAIRING);
        implementation.suspend(PAIRING);
        (uint64 suspendedAt,) = game.health();
        vm.assertEq(suspendedAt, block.timestamp);
    }

    function test_deployment_withBrokenMachine_reverts() public {
        IDisputeGame.Parameters memory parameters = gameParameters();
        breakMachine();
        vm.expectRevert(abi.encodeWithSelector(IRiscV.PrecompileFailed.selector, address(uint160(PAIRING))));
        new DisputeGame(parameters);
    }

    // A broken one.

    function test_suspend_brokenMachine() public {
        uint64 sound = uint64(block.timestamp);
        implementation.recordCheck();
        pass(100);
        breakMachine();
        vm.expectRevert(abi.encodeWithSelector(IRiscV.PrecompileFailed.selector, address(uint160(PAIRING))));
        implementation.recordCheck();
        // Another operation than the broken one shows nothing.
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.MachineSound.selector, ADDITION));
        implementation.suspend(ADDITION);
        vm.expectEmit(address(implementation));
        emit IDisputeGame.Suspended(PAIRING, sound);
        implementation.suspend(PAIRING);
        (uint64 suspendedAt, uint64 soundAt) = implementation.health();
        vm.assertEq(suspendedAt, block.timestamp);
        vm.assertEq(soundAt, sound);
        bytes memory err = abi.encodeWithSelector(IDisputeGame.MachineBroken.selector, suspendedAt);
        // It stays so, even if the next fork mends it.
        vm.clearMockedCalls();
        vm.expectRevert(err);
        implementation.suspend(PAIRING);
        vm.expectRevert(err);
        implementation.recordCheck();
    }

    /// @notice A missing precompile, and one with another answer.
    function test_suspend_otherFailures() public {
        uint256 snapshot = vm.snapshotState();
        vm.mockFunction(address(uint160(PAIRING)), address(new Answering("", 0)), new bytes(960));
        implementation.suspend(PAIRING);
        vm.revertToState(snapshot);
        vm.mockFunction(address(uint160(PAIRING)), address(new Answering(abi.encode(0), 0)), new bytes(960));
        implementation.suspend(PAIRING);
    }

    function test_suspended_gamesStop() public {
        bytes32[] memory vector = vectorOver(100);
        DisputeGame game = propose(100, vector);
        IDisputeGame.Claim memory root = rootOf(game);
        bytes32[] memory attack = vectorOver(16);
        uint256 bond = game.bondAt(1);
        vm.deal(attacker, 10 ether);
        vm.prank(attacker);
        game.attack{value: bond}(root, vector, 0, attack);
        pass(CLOCK + 1);
        suspend();
        bytes memory err = abi.encodeWithSelector(IDisputeGame.MachineBroken.selector, uint64(block.timestamp));
        bytes32 hash = keccak256(abi.encodePacked(attack));
        IDisputeGame.Claim memory child = IDisputeGame.Claim(game.rootClaimId(), 0, 0, 0, 0, 16, root.agreed);
        bytes32 id = keccak256(abi.encode(address(game), child, hash));
        vm.expectRevert(err);
        game.attack{value: bond}(root, vector, 1, attack);
        vm.expectRevert(err);
        game.attackBlock{value: bond}(root, vector, 1, 1, attack, "");
        vm.expectRevert(err);
        game.step(root, vector, 1, "", "");
        vm.expectRevert(err);
        game.decide(child, hash);
        vm.expectRevert(err);
        game.resolve();
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.NotSettleable.selector, id, IDisputeGame.ClaimStatus.OPEN)
        );
        game.settle(id);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.ImplementationSuspended.selector, address(implementation))
        );
        factory.propose{value: BOND}(address(implementation), 0, 100, vector, 1, 0, "");

        // Every bond goes back whole, once, and nothing is left.
        bytes32 rootId = game.rootClaimId();
        game.reclaim(rootId);
        game.reclaim(id);
        bytes32[2] memory ids = [rootId, id];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IDisputeGame.NotReclaimable.selector, ids[i], IDisputeGame.ClaimStatus.SETTLED
                )
            );
            game.reclaim(ids[i]);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.NotReclaimable.selector, bytes32("none"), IDisputeGame.ClaimStatus.NONE
            )
        );
        game.reclaim("none");
        game.claimCredit(proposer);
        game.claimCredit(attacker);
        vm.assertEq(attacker.balance, 10 ether);
        vm.assertEq(proposer.balance, 1000 ether);
        vm.assertEq(address(game).balance, 0);
    }

    /// @notice A root claim that an upheld attack countered, with the attack.
    function countered()
        private
        returns (DisputeGame game_, IDisputeGame.Claim memory child_, bytes32 vectorHash_)
    {
        bytes32[] memory vector = vectorOver(100);
        game_ = propose(100, vector);
        bytes32[] memory attack = vectorOver(16);
        vectorHash_ = keccak256(abi.encodePacked(attack));
        vm.deal(attacker, 10 ether);
        uint256 bond = game_.bondAt(1);
        IDisputeGame.Claim memory root = rootOf(game_);
        vm.prank(attacker);
        game_.attack{value: bond}(root, vector, 0, attack);
        pass(CLOCK + 1);
        child_ = IDisputeGame.Claim(game_.rootClaimId(), 0, 0, 0, 0, 16, game_.anchorOutput());
        game_.decide(child_, vectorHash_);
        vm.assertEq(game_.claimState(game_.rootClaimId()).holder, attacker);
    }

    function expectNotReclaimable(DisputeGame _game, bytes32 _id, IDisputeGame.ClaimStatus _status) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.NotReclaimable.selector, _id, _status));
        _game.reclaim(_id);
    }

    /// @notice A claim that was countered, perhaps by what the broken machine proved: its bond goes back as well.
    function test_suspended_claimsCounteredSinceGetTheirBonds() public {
        (DisputeGame game, IDisputeGame.Claim memory child, bytes32 hash) = countered();
        bytes32 rootId = game.rootClaimId();
        suspend();
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.MachineBroken.selector, uint64(block.timestamp)));
        game.settle(rootId);
        game.reclaim(rootId);
        game.claimCredit(proposer);
        vm.assertEq(proposer.balance, 1000 ether);
        // The upheld attack has its bond already.
        game.claimCredit(attacker);
        vm.assertEq(attacker.balance, 10 ether);
        vm.assertEq(address(game).balance, 0);
        bytes32 id = keccak256(abi.encode(address(game), child, hash));
        expectNotReclaimable(game, id, IDisputeGame.ClaimStatus.UPHELD);
    }

    /// @notice Attack: in the first block of the fork, prove false steps, resolve, and take the bonds, before anybody can
    ///         suspend the machine.
    function test_suspended_bondsOfTheFirstBlockAreStillThere() public {
        (DisputeGame game,,) = countered();
        bytes32 rootId = game.rootClaimId();
        game.resolve();
        uint256 until = block.timestamp + EXTENSION;
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.BondWaits.selector, until));
        game.settle(rootId);
        pass(EXTENSION - 1);
        suspend();
        game.reclaim(rootId);
        game.claimCredit(proposer);
        vm.assertEq(proposer.balance, 1000 ether);
    }

    /// @notice What was countered up to the last check stands: whoever lied before gets no bond back.
    function test_suspended_claimsCounteredBeforeTheCheckAreSettled() public {
        countersStand(false);
    }

    function test_suspended_claimsRefutedBeforeTheCheckAreSettled() public {
        countersStand(true);
    }

    function countersStand(bool _isResolved) private {
        (DisputeGame game,,) = countered();
        bytes32 rootId = game.rootClaimId();
        if (_isResolved) game.resolve();
        implementation.recordCheck();
        pass(1);
        suspend();
        IDisputeGame.ClaimStatus status =
            _isResolved ? IDisputeGame.ClaimStatus.REFUTED : IDisputeGame.ClaimStatus.COUNTERED;
        expectNotReclaimable(game, rootId, status);
        // Nothing is resolved any more, so it does not wait for that.
        game.settle(rootId);
        expectNotReclaimable(game, rootId, IDisputeGame.ClaimStatus.SETTLED);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.NotSettleable.selector, rootId, IDisputeGame.ClaimStatus.SETTLED)
        );
        game.settle(rootId);
        game.claimCredit(attacker);
        vm.assertEq(attacker.balance, 10 ether + BOND / 2);
    }

    /// @notice Attack: whoever lied lets a child of his own, which cannot win, be upheld behind the check.
    function test_suspended_aLaterCounterThatWinsNothingSavesNoBond() public {
        bytes32[] memory vector = vectorOver(100);
        DisputeGame game = propose(100, vector);
        bytes32[] memory attack = vectorOver(16);
        vm.deal(attacker, 10 ether);
        vm.deal(alice, 10 ether);
        uint256 bond = game.bondAt(1);
        IDisputeGame.Claim memory root = rootOf(game);
        vm.prank(attacker);
        game.attack{value: bond}(root, vector, 0, attack);
        pass(1 hours);
        vm.prank(alice);
        game.attack{value: bond}(root, vector, 3, attack);
        pass(CLOCK - 1 hours);
        bytes32 rootId = game.rootClaimId();
        bytes32 hash = keccak256(abi.encodePacked(attack));
        game.decide(IDisputeGame.Claim(rootId, 0, 0, 0, 0, 16, root.agreed), hash);
        implementation.recordCheck();
        pass(1 hours);
        game.decide(IDisputeGame.Claim(rootId, 3, 0, 0, 48, 16, vector[2]), hash);
        suspend();
        expectNotReclaimable(game, rootId, IDisputeGame.ClaimStatus.COUNTERED);
        game.settle(rootId);
        game.claimCredit(attacker);
        vm.assertEq(attacker.balance, 10 ether + BOND / 2);
    }

    function test_reclaim_soundMachine_reverts() public {
        DisputeGame game = propose(100);
        bytes32 id = game.rootClaimId();
        vm.expectRevert(IDisputeGame.MachineWorks.selector);
        game.reclaim(id);
        // A claim that stood unattacked has its bond back, and gets no second one.
        vm.warp(game.expectedResolution());
        game.resolve();
        suspend();
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.NotReclaimable.selector, id, IDisputeGame.ClaimStatus.OPEN)
        );
        game.reclaim(id);
    }

    /// @notice What was decided up to the last check stands, what was decided after it does not.
    function test_suspended_onlyWhatWasDecidedBeforeTheCheckCounts() public {
        uint256 i = initiate(bob, 1 ether, 0, "");
        uint256 j = initiate(bob, 2 ether, 0, "");
        DisputeGame before = proposeOutput();
        prove(i, newest());
        vm.warp(before.expectedResolution());
        before.resolve();
        implementation.recordCheck();
        pass(1);
        DisputeGame later = proposeOutput();
        prove(j, newest());
        vm.warp(later.expectedResolution());
        later.resolve();
        pass(FINALITY_DELAY + PROOF_MATURITY + 1);
        vm.assertTrue(registry.isGameClaimValid(address(later)));
        suspend();
        vm.assertFalse(registry.isGameSuspended(address(before)));
        vm.assertTrue(registry.isGameSuspended(address(later)));
        vm.assertTrue(registry.isGameClaimValid(address(before)));
        vm.assertFalse(registry.isGameClaimValid(address(later)) || registry.isGameProper(address(later)));
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.GameNotProper.selector, address(later)));
        registry.setAnchorState(address(later));
        registry.setAnchorState(address(before));
        finalize(i);
        expectFinalize(j, IPortal.OptimismPortal_InvalidRootClaim.selector);

        // Withdrawals go on with what takes over.
        DisputeGame next = standby();
        vm.prank(address(timelock));
        factory.setStandby(address(next));
        factory.activateStandby();
        implementation = next;
        lastProposed = uint64(later.l2SequenceNumber()) - 1;
        DisputeGame again = proposeOutput();
        vm.assertEq(again.implementation(), address(next));
        prove(j, newest());
        mature(again);
        finalize(j);
        vm.assertEq(bob.balance, 3 ether);
    }

    // What takes over.

    function test_standby_onlyWhenTheMachineIsBroken() public {
        DisputeGame next = standby();
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.ImplementationSound.selector, address(implementation))
        );
        factory.activateStandby();
        breakMachine();
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.ImplementationSound.selector, address(implementation))
        );
        factory.activateStandby();
        implementation.suspend(PAIRING);
        vm.expectRevert(IDisputeGameFactory.NoStandby.selector);
        factory.activateStandby();
        // Only what has passed the delay takes over.
        enact(address(factory), abi.encodeCall(factory.setStandby, (address(next))));
        factory.activateStandby();
        vm.assertEq(factory.gameImplementation(), address(next));
        vm.assertEq(factory.standbyImplementation(), address(0));
        implementation = next;
        propose(100);
    }

    /// @notice A standby with the same flaw does not take over.
    function test_standby_brokenAsWell_reverts() public {
        DisputeGame next = new DisputeGame(gameParameters());
        vm.prank(address(timelock));
        factory.setStandby(address(next));
        suspend();
        vm.expectRevert(abi.encodeWithSelector(IRiscV.PrecompileFailed.selector, address(uint160(PAIRING))));
        factory.activateStandby();
    }

    /// @notice A standby is held to the notice of changes as well.
    function test_standby_changesNoRulesTooSoon() public {
        IDisputeGame.Parameters memory parameters = gameParameters();
        parameters.riscV = address(new LaterMachine());
        parameters.newestActivation = uint64(block.timestamp) + 10 minutes;
        DisputeGame next = new DisputeGame(parameters);
        vm.prank(address(timelock));
        factory.setStandby(address(next));
        suspend();
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGameFactory.ActivationTooSoon.selector,
                parameters.newestActivation,
                uint64(block.timestamp) + MAX_DRIFT + 1 hours
            )
        );
        factory.activateStandby();
    }

    function test_recordCheck_gas() public {
        uint256 gas = gasleft();
        implementation.recordCheck();
        gas -= gasleft();
        vm.assertLe(gas, 5_000_000);
        // Within a transaction of L1 there is what the most expensive call must be given.
        implementation.recordCheck{gas: 10_000_000}();
    }

    function rootOf(DisputeGame _game) internal view returns (IDisputeGame.Claim memory root_) {
        root_.length = uint64(_game.l2SequenceNumber()) - _game.anchorBlock();
        (root_.start, root_.agreed) = (_game.anchorBlock(), _game.anchorOutput());
    }
}
