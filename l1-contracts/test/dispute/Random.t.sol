// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {Machine} from "./Machine.sol";
import {Model} from "./Model.sol";

/// @notice Random disputes with real moves: an honest party that answers within half an extension, against liars, copiers
///         and vandals who act at any moment, the last second included. Every outcome is held against the model.
contract RandomDisputesTest is Model {
    error FailedGame(uint256 seed, bytes reason);

    address private dave = account("dave");
    /// @notice Who plays honestly.
    address private honest = alice;
    uint256 private random;
    /// @notice The first block or step from which the liars of this game lie.
    uint64 private lieFrom;
    /// @notice How often each kind of move succeeded, or was refused.
    mapping(string kind => uint256) private count;
    mapping(bytes32 boot => bool) private trueBoots;

    function setUp() public {
        failMask = 127;
        deployDisputes();
        vm.deal(dave, 1_000_000 ether);
        vm.deal(bob, 1_000_000 ether);
        vm.deal(carol, 1_000_000 ether);
        vm.deal(alice, 1_000_000 ether);
        vm.deal(proposer, 1_000_000 ether);
        append(300);
    }

    /// @notice The next random number below `_below`.
    function next(uint256 _below) private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return (random >> 8) % _below;
    }

    // The honest party.

    /// @notice Whether what a claim starts from is true.
    function startsRight(Node storage _node) private returns (bool) {
        if (_node.claim.level == 0) return _node.claim.agreed == outputs[_node.claim.start];
        if (!trueBoots[_node.claim.bootHash]) return false;
        return _node.claim.agreed == valueAt(1, _node.claim.bootHash, _node.claim.start);
    }

    /// @notice The first part of a claim whose value is wrong; its number of parts if none is.
    function firstWrong(Node storage _node) private returns (uint8 part_) {
        bytes32[] memory right =
            truth(_node.claim.level, _node.claim.bootHash, _node.claim.start, _node.claim.length);
        while (part_ < right.length && _node.vector[part_] == right[part_]) ++part_;
    }

    function isRight(uint256 _claim) private returns (bool) {
        Node storage node = nodes()[_claim];
        return startsRight(node) && firstWrong(node) == node.vector.length;
    }

    /// @notice Whether a wrong claim has to be countered: the root; what attacks a right claim; and what would come before
    ///         a right claim that attacks the same.
    function matters(uint256 _claim) private returns (bool) {
        uint256 parent = entries()[_claim].parent;
        if (parent == NONE || isRight(parent)) return true;
        for (uint256 i = parent + 1; i < nodes().length; ++i) {
            bool sibling = entries()[i].parent == parent && entries()[i].part >= entries()[_claim].part;
            if (sibling && isRight(i)) return true;
        }
        return false;
    }

    /// @notice The honest party does what is to be done, whoever made the claims.
    function actHonestly() private {
        for (uint256 i = 0; i < nodes().length; ++i) {
            Node storage node = nodes()[i];
            if (!steppable(i) || !startsRight(node)) continue;
            uint8 part = firstWrong(node);
            if (part == node.vector.length || !matters(i)) continue;
            (uint64 start, uint64 length) = partOf(node.claim.start, node.claim.length, part);
            if (length == 1 && node.claim.level == 1) {
                step(honest, node, part);
                noteStep(i, part, honest);
                ++count["honest step"];
                continue;
            }
            Node memory expected = rightChild(node, part, start, length);
            if (indexOf(expected.id) != NONE) continue;
            vm.assertTrue(attackable(i), "the honest party is late");
            Node memory child = answer(honest, node, part);
            vm.assertEq(child.id, expected.id);
            noteClaim(child, i, honest);
            ++count[child.claim.level == node.claim.level ? "honest attack" : "honest attackBlock"];
        }
    }

    /// @notice The right answer to a part, as it would be made.
    function rightChild(Node memory _node, uint8 _part, uint64 _start, uint64 _length)
        private
        returns (Node memory)
    {
        if (_length > 1) {
            return childOf(_node, _part, truth(_node.claim.level, _node.claim.bootHash, _start, _length));
        }
        bytes32 boot = bootOf(_start + 1);
        uint64 steps = stepsOf(boot);
        return runOf(_node, _part, steps, truth(1, boot, 0, steps));
    }

    /// @notice Time passes. The honest party looks at the chain at least twice in an extension.
    function live(uint256 _seconds) private {
        while (_seconds != 0) {
            uint256 pause = _seconds < EXTENSION / 2 ? _seconds : EXTENSION / 2;
            pass(pause);
            actHonestly();
            _seconds -= pause;
        }
    }

    // Everybody else.

    /// @notice A vector for a claim over `_length` units from `_start`: true, lying from somewhere on, or noise.
    function anyVector(uint8 _level, bytes32 _boot, uint64 _start, uint64 _length)
        private
        returns (bytes32[] memory vector_)
    {
        bool known = _level == 0 ? _start + _length <= 300 : trueBoots[_boot];
        uint256 kind = next(8);
        vector_ = known ? truth(_level, _boot, _start, _length) : new bytes32[](partsOf(_length));
        if (kind == 0 && known) return vector_;
        if (kind == 1 || !known) return lie(vector_, 0, next(4));
        // The usual liar lies from his block or step on, and is consistent about it.
        uint64 from = kind < 6 ? lieFrom : uint64(next(_length)) + _start + 1;
        for (uint256 i = 0; i < vector_.length; ++i) {
            (uint64 start, uint64 length) = partOf(_start, _length, i);
            if (start + length >= from) vector_[i] = keccak256(abi.encode("lie", from, start + length));
        }
        // Some claim that the chain stops.
        if (_level == 0 && next(8) == 0) {
            for (uint256 i = next(vector_.length); i < vector_.length; ++i) {
                vector_[i] = 0;
            }
        }
    }

    /// @notice Somebody attacks a random part of a random claim, in a random way.
    function attackAnything() private {
        // Mostly one of the newest claims.
        uint256 claim =
            nodes().length - 1 - next(next(3) == 0 ? nodes().length : nodes().length < 4 ? nodes().length : 4);
        Node memory node = nodes()[claim];
        uint8 part = uint8(next(node.vector.length + (next(20) == 0 ? 1 : 0)));
        if (part < node.vector.length && next(2) == 0) part = liesIn(node, part);
        address player = [bob, carol, dave][next(3)];
        if (part == node.vector.length) {
            attackWith(player, claim, childOf(node, part - 1, new bytes32[](1)), "", true);
            return;
        }
        (uint64 start, uint64 length) = partOf(node.claim.start, node.claim.length, part);
        if (length > 1) {
            bytes32[] memory vector = anyVector(node.claim.level, node.claim.bootHash, start, length);
            attackWith(player, claim, childOf(node, part, vector), "", false);
        } else if (node.claim.level == 1) {
            stepAnything(player, claim, part);
        } else {
            runAnything(player, claim, part);
        }
    }

    /// @notice The part that the usual lie begins in, if the claim has it.
    function liesIn(Node memory _node, uint8 _part) private view returns (uint8) {
        for (uint8 i = 0; i < _node.vector.length; ++i) {
            (uint64 start, uint64 length) = partOf(_node.claim.start, _node.claim.length, i);
            if (start < lieFrom && lieFrom <= start + length) return i;
        }
        return _part;
    }

    /// @notice Somebody claims a run over a block: a true one, or one that ends elsewhere.
    function runAnything(address _player, uint256 _claim, uint8 _part) private {
        Node memory node = nodes()[_claim];
        Node memory part = childOf(node, _part, new bytes32[](0));
        bytes32 boot = keccak256(abi.encodePacked(part.claim.agreed, part.claim.start + 1, acc, CONFIG_HASH));
        uint64 steps = part.claim.agreed == 0 ? 5 : stepsOf(boot);
        bytes memory end;
        bytes32[] memory vector;
        if (next(4) == 0 && part.claim.agreed != 0) {
            end = Machine.pack(Machine.at(image, boot, steps));
            vector = truth(1, boot, 0, steps);
        } else {
            if (next(3) == 0) steps = uint64(next(300)) + 1;
            end = endState(steps, next(4) == 0 ? node.vector[_part] : keccak256(abi.encode("run", next(4))));
            vector = anyVector(1, boot, 0, steps);
            vector[vector.length - 1] = keccak256(end);
        }
        attackWith(_player, _claim, runOf(node, _part, steps, vector), end, false);
    }

    /// @notice Makes an attack, valid or with a defect, and holds the outcome against the rules.
    function attackWith(address _player, uint256 _claim, Node memory _child, bytes memory _end, bool _invalid)
        private
    {
        (bytes memory call_, uint256 bond, bool valid) = attempt(_claim, _child, _end, _invalid);
        vm.prank(_player);
        (bool success, bytes memory result) = address(game).call{value: bond}(call_);
        vm.assertEq(success, valid, "attack");
        if (!success) {
            ++count["refused attack"];
            return;
        }
        vm.assertEq(abi.decode(result, (bytes32)), _child.id);
        noteClaim(_child, _claim, _player);
        uint8 level = nodes()[_claim].claim.level;
        ++count[_child.claim.level != level ? "attackBlock" : level == 0 ? "attack on blocks" : "attack on steps"];
        if (isRight(nodes().length - 1)) ++count["copy"];
        if (used(_claim) + 2 >= CLOCK) ++count["last second"];
    }

    /// @notice The call of an attack, its value, and whether the rules allow it. Some calls get a defect.
    function attempt(uint256 _claim, Node memory _child, bytes memory _end, bool _invalid)
        private
        returns (bytes memory call_, uint256 bond_, bool valid_)
    {
        Node memory node = nodes()[_claim];
        bond_ = bondOf(entries()[_claim].depth + 1);
        valid_ = !_invalid && attackable(_claim) && indexOf(_child.id) == NONE && isAnAttack(node, _child, _end);
        uint256 defect = next(12);
        if (defect < 3) valid_ = false;
        if (defect == 0) bond_ = bond_ - 1 + 2 * next(2);
        if (defect == 1) _child.vector = new bytes32[](_child.vector.length + 1);
        if (defect == 2) node.vector = lie(node.vector, node.vector.length - 1, 5);
        if (_child.claim.level != node.claim.level) {
            call_ = runCall(node, _child, _end);
        } else {
            uint8 part = _invalid ? uint8(node.vector.length) : _child.claim.part;
            call_ = abi.encodeCall(IDisputeGame.attack, (node.claim, node.vector, part, _child.vector));
        }
    }

    /// @notice Whether values dispute what they attack, and may be claimed.
    function isAnAttack(Node memory _node, Node memory _child, bytes memory _end) private pure returns (bool) {
        bytes32 disputed = _node.vector[_child.claim.part];
        bytes32 agreed = _child.claim.part == 0 ? _node.claim.agreed : _node.vector[_child.claim.part - 1];
        if (_node.claim.level == 0 && agreed == 0) return false;
        if (_child.claim.level == 1 && _node.claim.level == 0) {
            // Ends are made by `endState` or true: they have exited, and hold their step count.
            bytes32 output = bytes32(slice(_end, 57, 89));
            bool failed = bytes8(slice(_end, 49, 57)) != 0;
            return (failed ? bytes32(0) : output) != disputed;
        }
        if (_child.vector[_child.vector.length - 1] == disputed) return false;
        if (_child.claim.level == 1) return true;
        for (uint256 i = 1; i < _child.vector.length; ++i) {
            if (_child.vector[i - 1] == 0 && _child.vector[i] != 0) return false;
        }
        return true;
    }

    /// @notice Somebody tries a step with the true state.
    function stepAnything(address _player, uint256 _claim, uint8 _part) private {
        Node memory node = nodes()[_claim];
        if (!trueBoots[node.claim.bootHash]) return;
        (uint64 start,) = partOf(node.claim.start, node.claim.length, _part);
        bytes32 before = valueAt(1, node.claim.bootHash, start);
        bytes32 after_ = valueAt(1, node.claim.bootHash, start + 1);
        bytes32 agreed = _part == 0 ? node.claim.agreed : node.vector[_part - 1];
        bool valid = steppable(_claim) && agreed == before && node.vector[_part] != after_;
        Machine.State memory state = Machine.at(image, node.claim.bootHash, start);
        bytes memory call_ = abi.encodeCall(
            IDisputeGame.step, (node.claim, node.vector, _part, Machine.pack(state), Machine.witness(state))
        );
        vm.prank(_player);
        (bool success,) = address(game).call(call_);
        vm.assertEq(success, valid, "step");
        if (success) noteStep(_claim, _part, _player);
        ++count[success ? "step" : "refused step"];
    }

    /// @notice Somebody decides a random claim.
    function decideAnything(uint256 _claim) private returns (bool) {
        Node memory node = nodes()[_claim];
        Verdict verdict = verdictNow(_claim);
        try game.decide(node.claim, hashOf(node.vector)) {
            vm.assertTrue(verdict != Verdict.OPEN, "decided");
            noteDecision(_claim, verdict);
            ++count[verdict == Verdict.UPHELD ? "upheld" : "refuted"];
            return true;
        } catch {
            vm.assertTrue(verdict == Verdict.OPEN, "not decided");
            ++count["refused decide"];
            return false;
        }
    }

    function settleAnything(uint256 _claim) private {
        bool valid = settleable(_claim);
        try game.settle(nodes()[_claim].id) {
            vm.assertTrue(valid, "settled");
            noteSettled(_claim);
            ++count["settled"];
        } catch {
            vm.assertFalse(valid, "not settled");
            ++count["refused settle"];
        }
    }

    /// @notice Pays somebody what the game owes him.
    function pay(address _account) private {
        uint256 due = owed[address(game)][_account];
        uint256 before = _account.balance;
        try game.claimCredit(_account) {
            vm.assertGt(due, 0);
            vm.assertEq(_account.balance, before + due, "paid");
            owed[address(game)][_account] = 0;
            ++count["paid"];
        } catch {
            vm.assertEq(due, 0, "not paid");
        }
    }

    // Games.

    /// @notice A proposal: right, or a lie from some block on, or wrong only inside.
    function openAny(uint64 _length) private {
        append(1);
        derive(batchAccumulator(batches.length), _length);
        for (uint64 i = 1; i <= _length && outputs[i - 1] != 0; ++i) {
            trueBoots[bootOf(i)] = true;
        }
        bytes32[] memory vector = truth(0, 0, 0, _length);
        lieFrom = uint64(next(_length)) + 1;
        uint256 kind = next(3);
        if (kind == 1 || outputs[_length] == 0) {
            for (uint256 i = 0; i < vector.length; ++i) {
                (uint64 start, uint64 length) = partOf(0, _length, i);
                if (start + length >= lieFrom || vector[i] == 0) {
                    vector[i] = keccak256(abi.encode("lie", lieFrom, start + length));
                }
            }
        } else if (kind == 2) {
            vector[next(vector.length)] = keccak256("inner lie");
        }
        noteRoot(open(_length, vector));
        ++count[isRight(0) ? "right proposal" : "wrong proposal"];
        if (outputs[_length] == 0) ++count["chain that stops"];
    }

    /// @notice One game, from its proposal to the last payment.
    function play(uint256 _seed) external {
        random = _seed;
        openAny(uint64([1, 2, 15, 16, 17, 33, 40, 255, 257][next(9)]));
        uint256 held = alice.balance;
        uint256 rounds = 10 + next(15);
        for (uint256 i = 0; i < rounds; ++i) {
            // A small lie may be about a step as well as about a block.
            if (next(4) == 0) lieFrom = uint64(next(260)) + 1;
            for (uint256 moves = next(4); moves != 0; --moves) {
                attackAnything();
            }
            if (next(3) == 0) decideAnything(next(nodes().length));
            if (next(4) == 0) settleAnything(next(nodes().length));
            if (next(6) == 0) pay([alice, bob, carol, dave, proposer][next(5)]);
            if (next(6) == 0) lastSecond(next(nodes().length));
            else live(next(2) == 0 ? next(60) : next(CLOCK / 8));
            assertSame(next(nodes().length));
        }
        live(1);
        finish();
        // The truth won, and nobody who told it lost a bond.
        vm.assertEq(uint8(game.status()), isRight(0) ? 2 : 1, "outcome");
        for (uint256 i = 0; i < nodes().length; ++i) {
            bool mine = entries()[i].claimant == honest || (i == 0 && isRight(0));
            if (mine) vm.assertEq(uint8(entries()[i].verdict), uint8(Verdict.UPHELD), "an honest claim lost");
        }
        vm.assertGe(alice.balance, held, "honesty must not cost a bond");
    }

    /// @notice Somebody waits for the last second in which a claim can be attacked, and attacks.
    function lastSecond(uint256 _claim) private {
        if (!attackable(_claim)) return;
        uint256 end = deadline(_claim) - 1;
        if (end > block.timestamp + 1) live(end - block.timestamp);
        for (uint256 i = 0; i < 3; ++i) {
            attackAnything();
        }
    }

    /// @notice Decides and settles everything as soon as it can be, and pays it out.
    function finish() private {
        uint256 limit = game.createdAt() + 2 * CLOCK;
        uint256 deepest = 0;
        for (uint256 i = 0; i < nodes().length; ++i) {
            if (entries()[i].depth > deepest) deepest = entries()[i].depth;
        }
        limit += deepest * BOUNDARY_EXTENSION;
        // Nobody was there to decide what could be decided while they played.
        if (limit < block.timestamp) limit = block.timestamp;
        uint256 open_ = 1;
        while (open_ != 0) {
            uint256 soonest = NONE;
            open_ = 0;
            for (uint256 i = nodes().length; i != 0; --i) {
                if (entries()[i - 1].verdict != Verdict.OPEN) continue;
                if (verdictNow(i - 1) != Verdict.OPEN && decideAnything(i - 1)) continue;
                ++open_;
                uint256 end = deadline(i - 1);
                if (end > block.timestamp && end < soonest) soonest = end;
            }
            if (open_ != 0 && soonest != NONE) vm.warp(soonest);
        }
        // However many claims there are, this bound holds.
        vm.assertLe(block.timestamp, limit, "duration");
        // Some bonds wait, and none longer than this.
        for (uint256 i = 0; i < nodes().length; ++i) {
            if (entries()[i].verdict == Verdict.REFUTED && !entries()[i].settled) settleAnything(i);
        }
        vm.warp(block.timestamp + EXTENSION);
        for (uint256 i = 0; i < nodes().length; ++i) {
            if (entries()[i].verdict == Verdict.REFUTED && !entries()[i].settled) settleAnything(i);
            assertSame(i);
        }
        address[5] memory all = [alice, bob, carol, dave, proposer];
        for (uint256 i = 0; i < 5; ++i) {
            pay(all[i]);
        }
        // Ether in = ether out + burned.
        vm.assertEq(address(game).balance, burned[address(game)], "ether");
    }

    /// forge-config: default.fuzz.runs = 24
    function testFuzz_dispute_truthWins(uint256 _seed) public {
        this.play(_seed);
    }

    /// @notice Enough games that every kind of move is made, so that the rules do not hold for want of moves.
    function test_disputes_truthWinsAndEverythingHappens() public {
        for (uint256 seed = 1; seed <= 100; ++seed) {
            try this.play(seed) {}
            catch (bytes memory reason) {
                revert FailedGame(seed, reason);
            }
        }
        string[18] memory kinds = [
            "attack on blocks",
            "attack on steps",
            "attackBlock",
            "step",
            "refused attack",
            "refused step",
            "refused decide",
            "refused settle",
            "honest attack",
            "honest attackBlock",
            "honest step",
            "upheld",
            "refuted",
            "settled",
            "paid",
            "copy",
            "right proposal",
            "wrong proposal"
        ];
        for (uint256 i = 0; i < kinds.length; ++i) {
            emit Count(kinds[i], count[kinds[i]]);
            vm.assertGt(count[kinds[i]], 4, kinds[i]);
        }
        vm.assertGt(count["last second"], 0, "last second");
        vm.assertGt(count["chain that stops"], 0, "chain that stops");
    }

    event Count(string kind, uint256 times);
}
