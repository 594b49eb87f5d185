// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AnchorStateRegistry} from "../src/AnchorStateRegistry.sol";
import {DisputeGame} from "../src/DisputeGame.sol";
import {DisputeGameFactory} from "../src/DisputeGameFactory.sol";
import {Inbox} from "../src/Inbox.sol";
import {Portal} from "../src/Portal.sol";
import {SystemConfig} from "../src/SystemConfig.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../src/interfaces/IDisputeGameFactory.sol";
import {ITimelock} from "../src/interfaces/ITimelock.sol";
import {Governance, Operation} from "./Governance.t.sol";

/// @notice What an owner would like to put behind the Portal.
contract Thief {
    function take(address payable _to) external {
        _to.transfer(address(this).balance);
    }
}

/// @title UpgradesTest
/// @notice The Timelock, and versions of the game.
contract UpgradesTest is Governance {
    function setUp() public {
        deployGoverned();
        append(4096);
        pass(12);
        vm.deal(address(portal), 10 ether);
    }

    /// @notice A new version of the game, with another program and a change of L2's rules at a time.
    function newVersion(string memory _program, uint64 _activation) internal returns (DisputeGame) {
        IDisputeGame.Parameters memory parameters = gameParameters();
        parameters.programRoot = keccak256(bytes(_program));
        parameters.newestActivation = _activation;
        return new DisputeGame(parameters);
    }

    // The Timelock.

    function test_upgrade_needsDelayAndThenAnyoneExecutes() public {
        Operation memory op = upgrade(address(portal), address(new Thief()));
        vm.expectRevert();
        vm.prank(alice);
        governor.scheduleBatch(op.targets, op.values, op.payloads, 0, op.salt, UPGRADE_DELAY);
        // Nor for less than the delay, nor for more: an owner could else schedule for all fortnights to come at once.
        uint256[3] memory wrong = [UPGRADE_DELAY - 1, UPGRADE_DELAY + 1, UPGRADE_DELAY + 14 days];
        for (uint256 i = 0; i < wrong.length; ++i) {
            bytes memory err = abi.encodeWithSelector(ITimelock.NotTheDelay.selector, UPGRADE_DELAY, wrong[i]);
            vm.expectRevert(err);
            vm.prank(owner);
            governor.scheduleBatch(op.targets, op.values, op.payloads, 0, op.salt, wrong[i]);
            vm.expectRevert(err);
            vm.prank(owner);
            timelock.schedule(op.targets[0], 0, op.payloads[0], 0, op.salt, wrong[i]);
        }

        uint256 due = block.timestamp + UPGRADE_DELAY;
        bytes32 id = schedule(op);
        vm.assertEq(governor.getTimestamp(id), due);
        vm.warp(due - 1);
        vm.assertFalse(tryExecute(op));
        vm.warp(due);
        execute(op);
        Thief(address(portal)).take(payable(alice));
        vm.assertEq(address(portal).balance, 0);
    }

    function test_timelock_dueForLongIsDead() public {
        Operation memory op = upgrade(address(portal), address(new Thief()));
        uint256 due = block.timestamp + UPGRADE_DELAY;
        bytes32 id = schedule(op);
        vm.warp(due + governor.GRACE_PERIOD() + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ITimelock.OperationExpired.selector, id, due + governor.GRACE_PERIOD())
        );
        execute(op);
        vm.warp(due + governor.GRACE_PERIOD());
        execute(op);
        vm.warp(due + 10 * governor.GRACE_PERIOD());
        // Once done it stays done.
        vm.assertFalse(tryExecute(op));
    }

    /// @notice Nobody can shorten the delay, not even with an operation that waited for it.
    function test_timelock_delayIsFixed() public {
        vm.expectRevert(ITimelock.DelayIsFixed.selector);
        vm.prank(owner);
        timelock.updateDelay(0);
        Operation memory op = operation(address(governor), abi.encodeCall(timelock.updateDelay, (0)));
        schedule(op);
        pass(UPGRADE_DELAY);
        vm.assertFalse(tryExecute(op));
        op = operation(address(governor), abi.encodeCall(timelock.updateDelay, (2 * UPGRADE_DELAY)));
        schedule(op);
        pass(UPGRADE_DELAY);
        vm.assertFalse(tryExecute(op));
        vm.assertEq(governor.getMinDelay(), UPGRADE_DELAY);
    }

    function test_timelock_ownerHasNoOtherPower() public {
        vm.assertFalse(governor.hasRole(governor.DEFAULT_ADMIN_ROLE(), owner));
        vm.assertTrue(governor.hasRole(governor.DEFAULT_ADMIN_ROLE(), address(governor)));
        bytes32 role = governor.PROPOSER_ROLE();
        vm.expectRevert();
        vm.prank(owner);
        timelock.grantRole(role, alice);
        // A cancelled operation is not executed.
        Operation memory op = upgrade(address(portal), address(new Thief()));
        bytes32 id = schedule(op);
        vm.prank(owner);
        governor.cancel(id);
        pass(UPGRADE_DELAY);
        vm.assertFalse(tryExecute(op));
    }

    /// @notice Nobody initializes anything a second time, in a proxy or behind it.
    function test_initialize_onlyOnce() public {
        address[4] memory proxies = [address(inbox), address(config), address(registry), address(factory)];
        bytes[4] memory calls = [
            abi.encodeCall(Inbox.initialize, ()),
            systemConfigCall(),
            abi.encodeCall(AnchorStateRegistry.initialize, (keccak256("mine"), 5)),
            abi.encodeCall(DisputeGameFactory.initialize, (address(implementation), address(0)))
        ];
        for (uint256 i = 0; i < 4; ++i) {
            address behind = address(uint160(uint256(vm.load(proxies[i], IMPLEMENTATION_SLOT))));
            for (uint256 j = 0; j < 2; ++j) {
                vm.prank(owner);
                (bool success, bytes memory answer) = (j == 0 ? proxies[i] : behind).call(calls[i]);
                vm.assertFalse(success);
                vm.assertEq(answer, abi.encodePacked(Initializable.InvalidInitialization.selector));
            }
        }
    }

    // Versions of the game.

    function test_setImplementation_onlyGovernor() public {
        DisputeGame next = newVersion("next", 0);
        address[3] memory others = [owner, guardian, alice];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory err = abi.encodeWithSelector(IDisputeGameFactory.NotGovernor.selector, others[i]);
            vm.expectRevert(err);
            vm.prank(others[i]);
            factory.setImplementation(address(next));
            vm.expectRevert(err);
            vm.prank(others[i]);
            factory.setStandby(address(next));
        }
    }

    /// @notice Old games end under their rules, and proofs against them stay good; new ones have the new rules.
    function test_newVersion_gamesInFlightKeepTheirs() public {
        uint256 i = initiate(bob, 1 ether, 0, "");
        DisputeGame next = newVersion("next", 0);
        Operation memory op =
            operation(address(factory), abi.encodeCall(factory.setImplementation, (address(next))));
        schedule(op);
        pass(UPGRADE_DELAY - 1 hours);
        DisputeGame old = proposeOutput();
        prove(i, newest());
        pass(1 hours);
        vm.expectEmit(address(factory));
        emit IDisputeGameFactory.ImplementationSet(address(next));
        execute(op);

        vm.assertEq(old.implementation(), address(implementation));
        vm.assertEq(old.parameters().programRoot, keccak256("program"));
        mature(old);
        finalize(i);
        vm.assertEq(bob.balance, 1 ether);

        // A proposal for the old rules, on its way while they changed, does not become one under the new.
        bytes32[] memory vector = vectorOver(2000);
        uint64 count = uint64(batches.length);
        bytes32 acc = inbox.batchAcc(count);
        bytes memory last = batches[count - 1];
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGameFactory.ImplementationChanged.selector, address(next), address(implementation)
            )
        );
        vm.prank(proposer);
        factory.propose{value: BOND}(address(implementation), 0, 2000, vector, count, acc, last);
        implementation = next;
        DisputeGame fresh = propose(2000, vector);
        vm.assertEq(fresh.implementation(), address(next));
        vm.assertEq(fresh.parameters().programRoot, keccak256("next"));
        vm.assertEq(registry.isGameProper(address(fresh)), true);
    }

    /// @notice A standby of before may have the fault that a new version mends: it does not outlive the version.
    function test_newVersion_takesTheStandbyAway() public {
        DisputeGame standby = newVersion("standby", 0);
        DisputeGame next = newVersion("next", 0);
        enact(address(factory), abi.encodeCall(factory.setStandby, (address(standby))));
        vm.assertEq(factory.standbyImplementation(), address(standby));
        enact(address(factory), abi.encodeCall(factory.setImplementation, (address(next))));
        vm.assertEq(factory.standbyImplementation(), address(0));
    }

    /// @notice The same claim under another version is another game: it can be made again.
    function test_newVersion_sameClaimCanBeMadeAgain() public {
        DisputeGame old = propose(2000);
        DisputeGame next = newVersion("next", 0);
        enact(address(factory), abi.encodeCall(factory.setImplementation, (address(next))));
        implementation = next;
        DisputeGame again = propose(2000);
        vm.assertTrue(old.uuid() != again.uuid());
        vm.assertEq(factory.gameByUuid(old.uuid()), address(old));
        vm.assertEq(factory.gameByUuid(again.uuid()), address(again));
    }

    function test_setImplementation_takesImplementationsOnly() public {
        address[3] memory wrong = [alice, address(propose(100)), address(0)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert();
            vm.prank(address(timelock));
            factory.setImplementation(wrong[i]);
        }
    }

    /// @notice A change of rules must be in force before L1 can know a block that it concerns.
    function test_activation_needsNotice() public {
        uint64 notice = MAX_DRIFT + 1 hours;
        vm.assertEq(factory.activationNotice(), notice);
        uint64 activation = uint64(block.timestamp) + 10 days;
        DisputeGame next = newVersion("next", activation);
        vm.warp(activation - notice + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.ActivationTooSoon.selector, activation, activation + 1)
        );
        vm.prank(address(timelock));
        factory.setImplementation(address(next));
        vm.warp(activation - notice);
        vm.prank(address(timelock));
        factory.setImplementation(address(next));

        // With the same rules a version can follow at any time; without the change it cannot, once that is near.
        vm.warp(activation);
        DisputeGame same = newVersion("same rules", activation);
        vm.prank(address(timelock));
        factory.setImplementation(address(same));
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGameFactory.ActivationTooSoon.selector, activation, uint64(block.timestamp) + notice
            )
        );
        vm.prank(address(timelock));
        factory.setImplementation(address(implementation));
    }
}
