// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IAnchorStateRegistry} from "../src/interfaces/IAnchorStateRegistry.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {Withdrawals} from "./Withdrawals.sol";

/// @title GuardianTest
/// @notice Bounds of what the guardian can exclude, and what it cannot do even with all of its powers.
contract GuardianTest is Withdrawals {
    function setUp() public {
        deploy();
        append(4096);
        pass(12);
        vm.deal(address(portal), 10 ether);
    }

    function blacklist(address _game) internal {
        vm.prank(guardian);
        registry.blacklistDisputeGame(_game);
    }

    /// @notice Calls as the guardian; whether it may.
    function tryGuardian(bytes memory _call) internal returns (bool success_) {
        vm.prank(guardian);
        (success_,) = address(registry).call(_call);
    }

    function test_blacklist_capInPeriod() public {
        uint256 start = block.timestamp;
        for (uint160 i = 1; i <= 5; ++i) {
            blacklist(address(i));
            pass(1 days);
        }
        // One that is excluded already counts no more.
        blacklist(address(1));
        bytes memory err =
            abi.encodeWithSelector(IAnchorStateRegistry.BlacklistCapReached.selector, uint64(start + 7 days));
        vm.expectRevert(err);
        blacklist(address(6));
        vm.warp(start + 7 days - 1);
        vm.expectRevert(err);
        blacklist(address(6));
        vm.assertFalse(registry.isGameBlacklisted(address(6)));
        vm.warp(start + 7 days);
        for (uint160 i = 6; i <= 10; ++i) {
            blacklist(address(i));
        }
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorStateRegistry.BlacklistCapReached.selector, uint64(start + 14 days))
        );
        blacklist(address(11));
    }

    function test_retire_excludesAllSoFar() public {
        DisputeGame old = propose(100);
        pass(1);
        DisputeGame same = propose(200);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.GamesRetired(uint64(block.timestamp));
        vm.prank(guardian);
        registry.retire();
        vm.assertEq(registry.retirementTimestamp(), block.timestamp);
        pass(1);
        DisputeGame next = propose(300);
        vm.assertTrue(registry.isGameRetired(address(old)) && registry.isGameRetired(address(same)));
        vm.assertFalse(registry.isGameRetired(address(next)));
        vm.assertFalse(registry.isGameProper(address(old)) || registry.isGameProper(address(same)));
        vm.assertTrue(registry.isGameProper(address(next)));
        vm.warp(next.expectedResolution());
        old.resolve();
        next.resolve();
        pass(FINALITY_DELAY + 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.GameNotProper.selector, address(old)));
        registry.setAnchorState(address(old));
        vm.assertFalse(registry.isGameClaimValid(address(old)));
        registry.setAnchorState(address(next));
        // The bond is beyond the guardian's reach.
        old.claimCredit(proposer);
    }

    function test_retire_again_needsInterval() public {
        vm.prank(guardian);
        registry.retire();
        uint64 allowed = uint64(block.timestamp) + 30 days;
        vm.warp(allowed - 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.RetirementTooSoon.selector, allowed));
        vm.prank(guardian);
        registry.retire();
        vm.warp(allowed);
        vm.prank(guardian);
        registry.retire();
    }

    /// @notice A withdrawal that was proven against a retired game is not paid; proven again, it is.
    function test_retire_stopsProvenWithdrawal() public {
        uint256 i = initiate(bob, 1 ether, 0, "");
        DisputeGame game = proposeOutput();
        prove(i, newest());
        mature(game);
        vm.prank(guardian);
        registry.retire();
        expectFinalize(i, IPortal.OptimismPortal_InvalidRootClaim.selector);
        expectProve(i, newest(), IPortal.OptimismPortal_ImproperDisputeGame.selector);
        pass(1);
        game = proposeOutput();
        prove(i, newest());
        mature(game);
        finalize(i);
        vm.assertEq(bob.balance, 1 ether);
    }

    /// @notice Attack: the guardian keeps every root from counting, for ever. Here it uses all that it has, as soon as it
    ///         may, always against the games that are nearest to count: excludes games, retires all, pauses. Somebody
    ///         proposes once a day, and proves his withdrawal each time. It is paid within 30 days, in every of four
    ///         such times, whatever the guardian begins with.
    function test_guardian_cannotFreezeWithdrawals() public {
        address[] memory games = new address[](200);
        uint256 count = 0;
        for (uint256 round = 0; round < 4; ++round) {
            uint256 i = initiate(bob, 1 ether, 0, "");
            uint256 start = block.timestamp;
            uint256 first = count;
            while (!portal.finalizedWithdrawals(hashOf(i))) {
                games[count++] = address(proposeOutput());
                proveAs(submitter(count), i);
                if (round % 2 == 0) tryGuardian(abi.encodeCall(registry.retire, ()));
                pass(1 days);
                for (uint256 j = first; j < count; ++j) {
                    DisputeGame game = DisputeGame(games[j]);
                    if (game.resolvedAt() == 0 && block.timestamp >= game.expectedResolution()) game.resolve();
                    // It would count, or is about to.
                    if (game.resolvedAt() == 0 || !registry.isGameProper(games[j])) continue;
                    tryGuardian(abi.encodeCall(registry.blacklistDisputeGame, (games[j])));
                }
                if (round != 1) tryGuardian(abi.encodeCall(registry.retire, ()));
                tryGuardian(abi.encodeCall(registry.pause, ()));
                for (uint256 j = first; j < count && !portal.finalizedWithdrawals(hashOf(i)); ++j) {
                    finalizeBy(submitter(j + 1), i);
                }
            }
            vm.assertLe(block.timestamp - start, 30 days);
        }
        vm.assertEq(bob.balance, 4 ether);
    }

    function submitter(uint256 _n) internal pure returns (address) {
        return address(uint160(0x10000 + _n));
    }

    /// @notice Proves against the newest game, if the portal is not paused.
    function proveAs(address _submitter, uint256 _index) internal {
        bytes memory call_ = proveCall(withdrawals[_index], newest());
        vm.prank(_submitter, _submitter);
        (bool success,) = address(portal).call(call_);
        vm.assertTrue(success || portal.paused());
    }

    function finalizeBy(address _submitter, uint256 _index) internal returns (bool success_) {
        IPortal.WithdrawalTransaction memory w = withdrawals[_index];
        vm.prank(alice, alice);
        (success_,) = address(portal)
            .call(abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (w, _submitter)));
    }
}
