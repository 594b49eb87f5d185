// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {Governance, Operation} from "./Governance.t.sol";
import {Thief} from "./Upgrades.t.sol";

/// @title ExitTest
/// @notice Attack: owner, guardian, batcher and proposer want a user's funds, and do all that they can to keep him in until
///         their upgrade is due. Main-network values, played in steps of half a day.
contract ExitTest is Governance {
    uint64 private constant DISPUTE_CLOCK = 84 hours;

    /// @notice A game of the user's, and how far the attack on it is.
    struct Attempt {
        DisputeGame game;
        bytes32[] vector;
        IDisputeGame.Claim attack;
        bytes32[] attackVector;
        IDisputeGame.Claim answer;
        bytes32[] answerVector;
        bool attacked;
        bool answered;
    }

    Attempt[] private attempts;
    address private user = account("user");

    function setUp() public {
        deployGoverned();
        append(4096);
        pass(12);
        vm.deal(address(portal), 10 ether);
        vm.deal(user, 100 ether);
        vm.deal(attacker, 1000 ether);
    }

    function delays() internal pure override returns (Delays memory) {
        return Delays(12 hours, 6 hours, 84 hours, 7 days, 7 days);
    }

    function gameParameters() internal override returns (IDisputeGame.Parameters memory parameters_) {
        parameters_ = super.gameParameters();
        parameters_.maxClockDuration = DISPUTE_CLOCK;
    }

    /// @notice Half the proof is that the attacks were real: every game was attacked, or excluded before.
    function test_exit_beforeUpgrade_againstAllRoles() public {
        vm.assertLe(play(true), 33 days);
        vm.assertTrue(attempts.length > 20 && attempts[0].attacked && attempts[10].attacked);
        vm.assertTrue(registry.isGameBlacklisted(address(attempts[0].game)));
        vm.assertTrue(registry.retirementTimestamp() != 0 && registry.pausedUntil() != 0);
    }

    /// @notice What the guardian can do without disputes.
    function test_exit_undisputed() public {
        vm.assertLe(play(false), 33 days);
    }

    /// @notice Plays the exit. Returns how long it took from the day on which the upgrade was scheduled.
    function play(bool _disputed) private returns (uint256 taken_) {
        uint256 start = block.timestamp;
        Operation memory theft = upgrade(address(portal), address(new Thief()));
        schedule(theft);
        // From here on the batcher posts nothing. The user sees it after a day, and forces his withdrawal in.
        pass(1 days);
        bytes memory oldest = messages[inbox.messageEnd()];
        deposit("");
        pass(12 hours + 1);
        force(oldest);
        uint256 w = initiate(user, user, 1 ether, 0, "");

        for (uint256 tick = 0; !portal.finalizedWithdrawals(hashOf(w)); ++tick) {
            vm.assertLt(block.timestamp, start + UPGRADE_DELAY);
            vm.assertFalse(tryExecute(theft));
            if (tick % 2 == 0) attempt(w);
            pass(12 hours - 1);
            if (_disputed) lastSecondAttacks();
            pass(1);
            answers();
            pass(1);
            guardianDoesAll();
            finalizeAny(w);
        }
        vm.assertEq(user.balance / 1 ether, 100 - attempts.length + 1);
        taken_ = block.timestamp - start;
        vm.assertLt(taken_, UPGRADE_DELAY);
        // Then the others may have what is left.
        vm.warp(start + UPGRADE_DELAY);
        execute(theft);
    }

    /// @notice The user proposes the output himself, and proves his withdrawal against it.
    function attempt(uint256 _w) private {
        uint64 l2Block = uint64(1000 + attempts.length);
        (, uint256 anchor) = registry.anchors();
        bytes32[] memory vector = vectorOver(l2Block - uint64(anchor));
        vector[vector.length - 1] = outputRootOf(withdrawals.length);
        uint64 count = uint64(batches.length);
        bytes32 acc = inbox.batchAcc(count);
        bytes memory last = batches[count - 1];
        vm.prank(user);
        address game = factory.propose{value: BOND}(
            address(implementation), uint64(anchor), l2Block, vector, count, acc, last
        );
        known[game] = withdrawals.length;
        Attempt storage a = attempts.push();
        a.game = DisputeGame(game);
        a.vector = vector;
        bytes memory call_ = proveCall(withdrawals[_w], newest());
        address prover = submitter(attempts.length - 1);
        vm.prank(prover, prover);
        (bool success,) = address(portal).call(call_);
        // In a pause he proves later, here not at all: a later game has to do.
        vm.assertTrue(success || portal.paused());
    }

    /// @notice The proposer and his friends attack every game of the user's in its last second.
    function lastSecondAttacks() private {
        for (uint256 i = 0; i < attempts.length; ++i) {
            Attempt storage a = attempts[i];
            uint256 deadline = a.game.createdAt() + DISPUTE_CLOCK;
            if (a.attacked || block.timestamp + 12 hours < deadline || block.timestamp >= deadline) continue;
            a.attacked = true;
            uint64 anchor = a.game.anchorBlock();
            uint64 length = uint64(a.game.l2SequenceNumber()) - anchor;
            IDisputeGame.Claim memory root = IDisputeGame.Claim(0, 0, 0, 0, anchor, length, a.game.anchorOutput());
            uint64 part = factory.stride(length);
            bytes32[] memory lie = vectorOver(part);
            lie[lie.length - 1] = keccak256("lie");
            a.attackVector = lie;
            a.attack = IDisputeGame.Claim(a.game.rootClaimId(), 0, 0, 0, anchor, part, root.agreed);
            uint256 bond = a.game.bondAt(1);
            vm.prank(attacker);
            a.game.attack{value: bond}(root, a.vector, 0, lie);
        }
    }

    /// @notice The user answers attacks, and resolves what he can.
    function answers() private {
        for (uint256 i = 0; i < attempts.length; ++i) {
            Attempt storage a = attempts[i];
            if (a.game.resolvedAt() != 0) continue;
            if (a.attacked && !a.answered) {
                a.answered = true;
                uint64 part = factory.stride(a.attack.length);
                bytes32[] memory truth = vectorOver(part);
                truth[truth.length - 1] = keccak256("truth");
                bytes32 id =
                    keccak256(abi.encode(address(a.game), a.attack, keccak256(abi.encodePacked(a.attackVector))));
                a.answer = IDisputeGame.Claim(id, 0, 0, 0, a.attack.start, part, a.attack.agreed);
                a.answerVector = truth;
                uint256 bond = a.game.bondAt(2);
                vm.deal(address(this), bond);
                a.game.attack{value: bond}(a.attack, a.attackVector, 0, truth);
            } else if (a.answered) {
                try a.game.decide(a.answer, keccak256(abi.encodePacked(a.answerVector))) {
                    a.game.decide(a.attack, keccak256(abi.encodePacked(a.attackVector)));
                } catch {}
            }
            try a.game.resolve() {
                vm.assertEq(uint8(a.game.status()), uint8(IDisputeGame.GameStatus.DEFENDER_WINS));
            } catch {}
        }
    }

    /// @notice The guardian excludes what is about to count, one by one or all at once, and pauses.
    function guardianDoesAll() private {
        for (uint256 i = 0; i < attempts.length; ++i) {
            address game = address(attempts[i].game);
            uint64 resolvedAt = attempts[i].game.resolvedAt();
            if (resolvedAt == 0 || block.timestamp + 12 hours < resolvedAt + 84 hours) continue;
            if (!registry.isGameProper(game)) continue;
            tryGuardian(abi.encodeCall(registry.blacklistDisputeGame, (game)));
            if (registry.isGameProper(game)) tryGuardian(abi.encodeCall(registry.retire, ()));
            if (registry.isGameProper(game)) tryGuardian(abi.encodeCall(registry.pause, ()));
        }
    }

    function tryGuardian(bytes memory _call) private {
        vm.prank(guardian);
        (bool success,) = address(registry).call(_call);
        success;
    }

    /// @notice Pays the withdrawal by any proof that counts.
    function finalizeAny(uint256 _w) private {
        for (uint256 i = 0; i < attempts.length && !portal.finalizedWithdrawals(hashOf(_w)); ++i) {
            bytes memory call_ = abi.encodeCall(
                IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[_w], submitter(i))
            );
            (bool success,) = address(portal).call(call_);
            success;
        }
    }

    function submitter(uint256 _n) private pure returns (address) {
        return address(uint160(0x10000 + _n));
    }
}
