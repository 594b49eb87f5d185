// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Disputes} from "./Disputes.t.sol";

/// @title Model
/// @notice The rules of the game once more, the obvious way: lists of claims that are searched through for every question,
///         and nothing remembered that can be looked up. Any number of games, one at a time.
abstract contract Model is Disputes {
    uint256 internal constant NONE = type(uint256).max;

    struct Entry {
        uint256 parent;
        uint8 part;
        address claimant;
        uint256 created;
        uint256 clock;
        uint256 depth;
        Verdict verdict;
        uint256 decidedAs;
        uint256 decidedAt;
        bool settled;
        Proof proof;
    }

    struct Proof {
        address stepper;
        uint8 part;
        uint256 at;
    }

    enum Verdict {
        OPEN,
        UPHELD,
        REFUTED
    }

    Node[][] private _nodes;
    Entry[][] private _entries;
    /// @notice Index of each claim.
    mapping(bytes32 id => uint256) private _index;
    /// @notice What the game owes.
    mapping(address game => mapping(address account => uint256)) internal owed;
    /// @notice What was burned in the game.
    mapping(address game => uint256) internal burned;
    uint256 private _decisions;

    function nodes() internal view returns (Node[] storage) {
        return _nodes[_nodes.length - 1];
    }

    function entries() internal view returns (Entry[] storage) {
        return _entries[_entries.length - 1];
    }

    function indexOf(bytes32 _id) internal view returns (uint256) {
        uint256 count = nodes().length;
        uint256 index = _index[_id];
        return index < count && nodes()[index].id == _id ? index : NONE;
    }

    // Questions.

    /// @notice Time that the side that may attack a claim has used up.
    function used(uint256 _claim) internal view returns (uint256) {
        Entry storage entry = entries()[_claim];
        uint256 before = entry.parent == NONE ? 0 : entries()[entry.parent].clock;
        return before + block.timestamp - entry.created;
    }

    /// @notice The first second in which a claim cannot be attacked.
    function deadline(uint256 _claim) internal view returns (uint256) {
        Entry storage entry = entries()[_claim];
        return entry.created + CLOCK - (entry.parent == NONE ? 0 : entries()[entry.parent].clock);
    }

    /// @notice Whether a child was upheld or a step proven.
    function countered(uint256 _claim) internal view returns (bool) {
        return winner(_claim) != address(0);
    }

    /// @notice Who gets the bond of a countered claim, as things stand; zero if it is not countered.
    function winner(uint256 _claim) internal view returns (address winner_) {
        Entry[] storage all = entries();
        Proof storage proof = all[_claim].proof;
        uint256[3] memory best = [NONE, NONE, NONE];
        if (proof.stepper != address(0)) (winner_, best) = (proof.stepper, [uint256(proof.part), proof.at, 0]);
        for (uint256 i = _claim + 1; i < all.length; ++i) {
            if (all[i].parent != _claim || all[i].verdict != Verdict.UPHELD) continue;
            uint256[3] memory key = [uint256(all[i].part), all[i].created, all[i].decidedAs];
            if (!_less(key, best)) continue;
            (winner_, best) = (all[i].claimant, key);
        }
    }

    function _less(uint256[3] memory _a, uint256[3] memory _b) private pure returns (bool) {
        for (uint256 i = 0; i < 3; ++i) {
            if (_a[i] != _b[i]) return _a[i] < _b[i];
        }
        return false;
    }

    /// @notice Number of undecided children.
    function openChildren(uint256 _claim) internal view returns (uint256 count_) {
        Entry[] storage all = entries();
        for (uint256 i = _claim + 1; i < all.length; ++i) {
            if (all[i].parent == _claim && all[i].verdict == Verdict.OPEN) ++count_;
        }
    }

    /// @notice Whether a claim takes attacks.
    function attackable(uint256 _claim) internal view returns (bool) {
        return steppable(_claim) && used(_claim) < CLOCK;
    }

    /// @notice Whether a claim takes steps.
    function steppable(uint256 _claim) internal view returns (bool) {
        return entries()[_claim].verdict == Verdict.OPEN && !countered(_claim);
    }

    /// @notice How a claim would be decided now; OPEN: not at all.
    function verdictNow(uint256 _claim) internal view returns (Verdict) {
        if (entries()[_claim].verdict != Verdict.OPEN) return Verdict.OPEN;
        if (countered(_claim)) return Verdict.REFUTED;
        return used(_claim) >= CLOCK && openChildren(_claim) == 0 ? Verdict.UPHELD : Verdict.OPEN;
    }

    /// @notice When a countered claim was last stepped, or one of its children decided.
    function movedAt(uint256 _claim) internal view returns (uint256 at_) {
        Entry[] storage all = entries();
        at_ = all[_claim].proof.at;
        for (uint256 i = _claim + 1; i < all.length; ++i) {
            if (all[i].parent == _claim && all[i].decidedAt > at_) at_ = all[i].decidedAt;
        }
    }

    /// @notice Whether a claim's bond can be given away now.
    function settleable(uint256 _claim) internal view returns (bool) {
        Entry storage entry = entries()[_claim];
        if (entry.verdict != Verdict.REFUTED || entry.settled || openChildren(_claim) != 0) return false;
        return block.timestamp >= movedAt(_claim) + EXTENSION;
    }

    function bondOf(uint256 _depth) internal pure returns (uint256 bond_) {
        bond_ = BOND;
        for (uint256 i = 0; i < _depth; ++i) {
            bond_ = bond_ * BOND_DECAY / 256;
        }
        if (bond_ < LEAF_BOND) bond_ = LEAF_BOND;
    }

    // What happened.

    function noteRoot(Node memory _node) internal {
        _nodes.push();
        _entries.push();
        _note(_node, NONE, proposer);
    }

    function noteClaim(Node memory _node, uint256 _parent, address _claimant) internal {
        _note(_node, _parent, _claimant);
        Entry storage entry = entries()[entries().length - 1];
        entry.depth = entries()[_parent].depth + 1;
        // Its clock: what the attacker's side has used up, but some time is always left for its next move.
        entry.clock = used(_parent);
        bool fromBlock = nodes()[_parent].claim.level == 0;
        bool near = _node.claim.level == 1 ? fromBlock : _node.claim.length <= 256;
        uint256 most = CLOCK - (near ? BOUNDARY_EXTENSION : EXTENSION);
        if (entry.clock > most) entry.clock = most;
    }

    function _note(Node memory _node, uint256 _parent, address _claimant) private {
        _index[_node.id] = nodes().length;
        nodes().push(_node);
        Entry storage entry = entries().push();
        (entry.parent, entry.part, entry.claimant) = (_parent, _node.claim.part, _claimant);
        entry.created = block.timestamp;
    }

    function noteStep(uint256 _claim, uint8 _part, address _stepper) internal {
        entries()[_claim].proof = Proof(_stepper, _part, block.timestamp);
    }

    function noteDecision(uint256 _claim, Verdict _verdict) internal {
        Entry storage entry = entries()[_claim];
        // Every claim is decided once.
        vm.assertEq(uint8(entry.verdict), uint8(Verdict.OPEN), "decided twice");
        entry.verdict = _verdict;
        (entry.decidedAs, entry.decidedAt) = (++_decisions, block.timestamp);
        if (_verdict == Verdict.UPHELD) owed[address(game)][entry.claimant] += bondOf(entry.depth);
    }

    function noteSettled(uint256 _claim) internal {
        Entry storage entry = entries()[_claim];
        entry.settled = true;
        uint256 bond = bondOf(entry.depth);
        owed[address(game)][winner(_claim)] += bond / 2;
        burned[address(game)] += bond - bond / 2;
    }

    // The contract against it.

    /// @notice Compares what the contract knows of a claim.
    function assertSame(uint256 _claim) internal view {
        Entry storage entry = entries()[_claim];
        bytes32 id = nodes()[_claim].id;
        bool isCountered = countered(_claim);
        vm.assertEq(game.claimState(id).depth, entry.depth, "depth");
        vm.assertEq(game.claimState(id).clock, entry.clock, "clock");
        vm.assertEq(game.claimState(id).openChildren, openChildren(_claim), "open children");
        vm.assertEq(game.claimState(id).holder, isCountered ? winner(_claim) : entry.claimant, "holder");
        uint8 status = 1;
        if (entry.verdict == Verdict.UPHELD) status = 3;
        else if (entry.settled) status = 5;
        else if (entry.verdict == Verdict.REFUTED) status = 4;
        else if (isCountered) status = 2;
        vm.assertEq(uint8(game.claimState(id).status), status, "status");
    }
}
