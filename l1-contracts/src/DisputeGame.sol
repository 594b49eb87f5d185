// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {GameConstants} from "./dispute/GameConstants.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IRiscV} from "./interfaces/IRiscV.sol";
import {BondSchedule} from "./lib/BondSchedule.sol";
import {ClaimRecord, ClaimRecordLib} from "./lib/ClaimRecord.sol";
import {Clock, Duration, Timestamp} from "./lib/Clock.sol";
import {GameArgs, GameArgsLib} from "./lib/GameArgs.sol";
import {Interval} from "./lib/Interval.sol";
import {Run} from "./lib/Run.sol";
import {Vector} from "./lib/Vector.sol";

/// @title DisputeGame
/// @notice The dispute over one proposed output root. It holds the bonds of its claims, one storage slot for each claim,
///         and what it owes. No move costs more the more claims there are, none waits for a certain account, and the only
///         calls out are to the step verifier (without effects) and to the recipient of a payment (last).
/// @dev A clone with immutable arguments: what the proposal says costs code, not storage, and the game's address
///      commits to it, so that after an L1 reorg nobody answers another claim at the same address.
contract DisputeGame is GameConstants {
    using GameArgsLib for GameArgs;
    using ClaimRecordLib for ClaimRecord;
    using Vector for bytes32[];

    /// @notice A segment of a claim that can be disputed now.
    struct Target {
        bytes32 id;
        uint64 start;
        uint64 length;
        bytes32 agreed;
    }

    /// @notice What is kept of a countered claim besides its record.
    /// @param claimant Who made it.
    /// @param wonAt When its bond's winner was last another one.
    /// @param movedAt When anything below it was last resolved or proven that may decide who wins its bond.
    struct Countered {
        address claimant;
        uint48 wonAt;
        uint48 movedAt;
    }

    /// @notice The type of the game.
    uint32 internal constant GAME_TYPE = 16;
    /// @notice Levels of claims.
    uint8 internal constant BLOCKS = 0;
    uint8 internal constant STEPS = 1;
    /// @notice Greatest length of a block-level claim to whose children's segments, or to whose own, single blocks belong:
    ///         whoever made it may have to answer with a run of the VM next.
    uint64 internal constant NEAR_BOUNDARY = Interval.MAX_SEGMENTS * Interval.MAX_SEGMENTS;

    /// @inheritdoc IDisputeGame
    GameStatus public status;
    /// @inheritdoc IDisputeGame
    uint64 public resolvedAt;
    /// @inheritdoc IDisputeGame
    mapping(address recipient => uint256) public credit;
    /// @notice What is stored of each claim (ClaimRecordLib). The root claim's record is written with its first child.
    mapping(bytes32 id => uint256) private _records;
    /// @notice Of claims that were countered: their records are about the winner since.
    mapping(bytes32 id => Countered) private _countered;

    /// @param _parameters The constants of all games.
    constructor(Parameters memory _parameters) GameConstants(_parameters) {}

    /// @inheritdoc IDisputeGame
    function attack(
        Claim calldata _claim,
        bytes32[] calldata _vector,
        uint8 _part,
        bytes32[] calldata _attackVector
    ) external payable returns (bytes32 id_) {
        (Target memory target, ClaimRecord memory record) = _target(_claim, _vector, _part);
        // INVARIANT: single blocks are disputed by a run of the VM, single steps by a proof.
        if (target.length < 2) revert WrongPart(_claim.level, target.length);
        bytes32 value = _last(target.length, _attackVector);
        // INVARIANT: an attack disputes something: a valid claim has no right child.
        if (value == _vector[_part]) revert SameValue(value);
        if (_claim.level == BLOCKS) _checkOutputs(target.agreed, _attackVector);
        Claim memory child =
            Claim(target.id, _part, _claim.level, _claim.bootHash, target.start, target.length, target.agreed);
        id_ = _add(_claim, record, child, _attackVector);
    }

    /// @inheritdoc IDisputeGame
    function attackBlock(
        Claim calldata _claim,
        bytes32[] calldata _vector,
        uint8 _part,
        uint64 _steps,
        bytes32[] calldata _attackVector,
        bytes calldata _lastState
    ) external payable returns (bytes32 id_) {
        (Target memory target, ClaimRecord memory record) = _target(_claim, _vector, _part);
        if (_claim.level != BLOCKS || target.length != 1) revert WrongPart(_claim.level, target.length);
        if (target.agreed == 0) revert NothingAfterFailure();
        if (_steps == 0 || _steps > _maxSteps) revert WrongStepCount(_maxSteps, _steps);
        bytes32 value = _checkEnd(_lastState, _last(_steps, _attackVector), _steps);
        // INVARIANT: the run that is claimed disputes the output.
        if (value == _vector[_part]) revert SameValue(value);
        bytes32 boot = bootHash(target.agreed, target.start + 1);
        Claim memory child = Claim(target.id, _part, STEPS, boot, 0, _steps, startState(boot));
        id_ = _add(_claim, record, child, _attackVector);
    }

    /// @inheritdoc IDisputeGame
    function step(
        Claim calldata _claim,
        bytes32[] calldata _vector,
        uint8 _part,
        bytes calldata _state,
        bytes calldata _witness
    ) external {
        (Target memory target, ClaimRecord memory record) = _target(_claim, _vector, _part);
        if (_claim.level != STEPS || target.length != 1) revert WrongPart(_claim.level, target.length);
        bytes32 hash = keccak256(_state);
        if (hash != target.agreed) revert WrongState(target.agreed, hash);
        // SAFETY: the verifier reverts unless the witness is exactly what the step reads, so its result is the only one.
        bytes32 next = IRiscV(_riscV).step(_state, _witness);
        if (next == _vector[_part]) revert StepIsRight(next);
        _counter(target.id, record, _part, _now(), msg.sender);
        emit Stepped(target.id, msg.sender, _part);
    }

    /// @inheritdoc IDisputeGame
    function decide(Claim calldata _claim, bytes32 _vectorHash) external {
        _resolveClaim(_claimId(_claim, _vectorHash), _claim.parent, _claim.part);
    }

    /// @inheritdoc IDisputeGame
    function resolve() external returns (GameStatus status_) {
        _resolveClaim(rootClaimId(), 0, 0);
        status_ = status;
    }

    /// @inheritdoc IDisputeGame
    function settle(bytes32 _id) external {
        ClaimRecord memory record = _record(_id);
        (uint64 suspendedAt, uint64 soundAt) = health();
        Countered memory countered = _countered[_id];
        if (suspendedAt == 0) {
            // INVARIANT: a bond is distributed once, and only that of a refuted claim.
            if (record.status != ClaimStatus.REFUTED) revert NotSettleable(_id, record.status);
            // INVARIANT: the holder is the left-most winner. A countered claim takes no new children, so this only waits
            // for resolutions whose time comes.
            if (record.openChildren != 0) revert ChildrenOpen(record.openChildren);
            // SAFETY: from the first block of an L1 fork that breaks the machine, anybody can prove false steps. There is
            // time to suspend it before they move a bond.
            uint64 waitsUntil = countered.movedAt + Duration.unwrap(_extension);
            if (block.timestamp < waitsUntil) revert BondWaits(waitsUntil);
        } else {
            // What was countered while the machine worked is settled as things stand: nothing is resolved any more.
            if (!_isClosing(record.status)) revert NotSettleable(_id, record.status);
            if (countered.wonAt > soundAt) revert MachineBroken(suspendedAt);
        }
        record.status = ClaimStatus.SETTLED;
        _records[_id] = record.pack();
        (uint256 reward, uint256 burned) = BondSchedule.split(bondAt(record.depth));
        // What is burned stays here: nothing can move it.
        credit[record.holder] += reward;
        emit Settled(_id, record.holder, reward, burned);
    }

    /// @inheritdoc IDisputeGame
    function reclaim(bytes32 _id) external {
        (uint64 suspendedAt, uint64 soundAt) = health();
        if (suspendedAt == 0) revert MachineWorks();
        ClaimRecord memory record = _record(_id);
        address claimant = record.holder;
        if (_isClosing(record.status)) {
            // INVARIANT: what the machine proved while it worked stands; what it proved since moves no bond.
            Countered memory countered = _countered[_id];
            if (countered.wonAt <= soundAt) revert NotReclaimable(_id, record.status);
            claimant = countered.claimant;
        } else if (record.status != ClaimStatus.OPEN || (resolvedAt != 0 && _id == rootClaimId())) {
            // INVARIANT: a bond is given back once. (A root claim that nobody attacked stays open when it is upheld.)
            revert NotReclaimable(_id, record.status);
        }
        uint256 amount = bondAt(record.depth);
        record.status = ClaimStatus.SETTLED;
        _records[_id] = record.pack();
        credit[claimant] += amount;
        emit Reclaimed(_id, claimant, amount);
    }

    /// @inheritdoc IDisputeGame
    function claimCredit(address _recipient) external {
        uint256 amount = credit[_recipient];
        if (amount == 0) revert NoCredit(_recipient);
        // SAFETY: the credit is gone before the call, so that the recipient cannot claim it again from inside it.
        credit[_recipient] = 0;
        emit CreditClaimed(_recipient, amount);
        (bool success,) = _recipient.call{value: amount}("");
        if (!success) revert TransferFailed(_recipient);
    }

    /// @inheritdoc IDisputeGame
    function gameType() external pure returns (uint32) {
        return GAME_TYPE;
    }

    /// @inheritdoc IDisputeGame
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IDisputeGame
    function l2SequenceNumber() external view returns (uint256) {
        return _args().l2Block;
    }

    /// @inheritdoc IDisputeGame
    function l2BlockNumber() external view returns (uint256) {
        return _args().l2Block;
    }

    /// @inheritdoc IDisputeGame
    function rootClaim() external view returns (bytes32) {
        return _args().rootClaim;
    }

    /// @inheritdoc IDisputeGame
    function extraData() external view returns (bytes memory) {
        return abi.encode(_args().l2Block);
    }

    /// @inheritdoc IDisputeGame
    function createdAt() external view returns (uint64) {
        return _args().createdAt;
    }

    /// @inheritdoc IDisputeGame
    function expectedResolution() external view returns (uint64) {
        if (resolvedAt != 0) return resolvedAt;
        ClaimRecord memory root = _record(rootClaimId());
        uint64 duration = Duration.unwrap(_maxClockDuration);
        if (root.status == ClaimStatus.COUNTERED) return uint64(block.timestamp);
        // Each attack on the root claim is resolved at the latest when a whole clock has passed after it.
        return _args().createdAt + (root.openChildren == 0 ? duration : 2 * duration);
    }

    /// @inheritdoc IDisputeGame
    function resolvable() external view returns (bool) {
        ClaimRecord memory root = _record(rootClaimId());
        if (resolvedAt != 0) return false;
        return root.status == ClaimStatus.COUNTERED
            || (root.status == ClaimStatus.OPEN && root.openChildren == 0 && Clock.isOver(_deadline(0, root)));
    }

    /// @inheritdoc IDisputeGame
    function factory() external view returns (address) {
        return _args().factory;
    }

    /// @inheritdoc IDisputeGame
    function proposer() external view returns (address) {
        return _args().proposer;
    }

    /// @inheritdoc IDisputeGame
    function anchorBlock() external view returns (uint64) {
        return _args().anchorBlock;
    }

    /// @inheritdoc IDisputeGame
    function anchorOutput() external view returns (bytes32) {
        return _args().anchorOutput;
    }

    /// @inheritdoc IDisputeGame
    function batchCount() external view returns (uint64) {
        return _args().batchCount;
    }

    /// @inheritdoc IDisputeGame
    function batchAcc() external view returns (bytes32) {
        return _args().batchAcc;
    }

    /// @inheritdoc IDisputeGame
    function vectorHash() external view returns (bytes32) {
        return _args().vectorHash;
    }

    /// @inheritdoc IDisputeGame
    function rootClaimId() public view returns (bytes32) {
        return _rootId(_args());
    }

    /// @inheritdoc IDisputeGame
    function claimState(bytes32 _id) external view returns (ClaimState memory state_) {
        ClaimRecord memory record = _record(_id);
        // A root claim that nobody attacked is never stored, and stands when the game is resolved.
        if (record.status == ClaimStatus.OPEN && resolvedAt != 0 && _id == rootClaimId()) {
            record.status = ClaimStatus.UPHELD;
        }
        state_ = ClaimState({
            status: record.status,
            depth: record.depth,
            holder: record.holder,
            part: record.segment,
            createdAt: Timestamp.unwrap(record.created),
            clock: Duration.unwrap(record.elapsed),
            openChildren: record.openChildren
        });
    }

    /// @inheritdoc IDisputeGame
    function uuid() external view returns (bytes32) {
        return _args().uuid(GAME_TYPE, _implementation);
    }

    /// @inheritdoc IDisputeGame
    function bootHash(bytes32 _agreed, uint64 _l2Block) public view returns (bytes32) {
        return keccak256(abi.encodePacked(_agreed, _l2Block, _args().batchAcc, _configHash));
    }

    /// @inheritdoc IDisputeGame
    function startState(bytes32 _boot) public view returns (bytes32) {
        return Run.start(_programRoot, _programEntry, _boot);
    }

    /// @notice The immutable arguments behind this clone's code.
    function _args() private view returns (GameArgs memory args_) {
        args_ = GameArgsLib.decode(Clones.fetchCloneArgs(address(this)));
    }

    /// @notice Id of the root claim.
    function _rootId(GameArgs memory _game) private view returns (bytes32 id_) {
        Claim memory root =
            Claim(0, 0, BLOCKS, 0, _game.anchorBlock, _game.l2Block - _game.anchorBlock, _game.anchorOutput);
        id_ = _claimId(root, _game.vectorHash);
    }

    /// @notice Id of a claim.
    function _claimId(Claim memory _claim, bytes32 _vectorHash) private view returns (bytes32 id_) {
        id_ = keccak256(abi.encode(address(this), _claim, _vectorHash));
    }

    /// @notice The present time.
    function _now() private view returns (Timestamp now_) {
        now_ = Timestamp.wrap(uint64(block.timestamp));
    }

    /// @notice What is stored of a claim. The root claim is stored with its first child. Until then it counts as open
    ///         here, also when the game is resolved: its clock is over then, so that it cannot be attacked.
    function _record(bytes32 _id) private view returns (ClaimRecord memory record_) {
        uint256 word = _records[_id];
        if (word != 0) return ClaimRecordLib.unpack(word);
        GameArgs memory args = _args();
        if (_id == _rootId(args)) {
            record_.status = ClaimStatus.OPEN;
            record_.holder = args.proposer;
            record_.created = Timestamp.wrap(args.createdAt);
        }
    }

    /// @notice Whether a claim is countered, resolved or not, and its bond still here.
    function _isClosing(ClaimStatus _status) private pure returns (bool closing_) {
        closing_ = _status == ClaimStatus.COUNTERED || _status == ClaimStatus.REFUTED;
    }

    /// @notice When the time to attack a claim is over.
    function _deadline(bytes32 _parent, ClaimRecord memory _claim) private view returns (Timestamp deadline_) {
        // The root claim has no parent, and as a parent its elapsed time is zero, stored or not.
        Duration parentElapsed = _parent == 0 ? Duration.wrap(0) : ClaimRecordLib.elapsed(_records[_parent]);
        deadline_ = Clock.deadline(_claim.created, parentElapsed, _maxClockDuration);
    }

    /// @notice Finds a segment that a move is about. Reverts unless the claim exists, is open and has that segment.
    function _target(Claim calldata _claim, bytes32[] calldata _vector, uint8 _part)
        private
        view
        returns (Target memory target_, ClaimRecord memory record_)
    {
        _checkSound();
        target_.id = keccak256(abi.encode(address(this), _claim, _vector.hash()));
        record_ = _record(target_.id);
        // INVARIANT: what is said about a claim was checked when it was made: its id commits to all of it.
        if (record_.status == ClaimStatus.NONE) revert ClaimNotFound(target_.id);
        // INVARIANT: a resolution is final. A claim that is countered already takes no more children either, so that nobody
        // can come between the winner and the bond.
        if (record_.status != ClaimStatus.OPEN) revert ClaimClosed(target_.id, record_.status);
        if (_part >= _vector.length) revert PartOutOfRange(_vector.length, _part);
        uint64 offset;
        (offset, target_.length) = Interval.segment(_claim.length, _part);
        target_.start = _claim.start + offset;
        target_.agreed = _part == 0 ? _claim.agreed : _vector[_part - 1];
    }

    /// @notice The last commitment. Reverts unless there is one for each segment of an interval of `_length`.
    function _last(uint64 _length, bytes32[] calldata _vector) private pure returns (bytes32 value_) {
        // INVARIANT: the segments follow from the interval alone, so that every segment of every claim can be disputed.
        uint256 expected = Interval.segments(_length);
        if (_vector.length != expected) revert WrongVectorLength(expected, _vector.length);
        value_ = _vector[expected - 1];
    }

    /// @notice Reverts unless outputs are such that every wrong one of them can be disputed.
    function _checkOutputs(bytes32 _agreed, bytes32[] calldata _outputs) private pure {
        // INVARIANT: no claim starts from a failure. Nobody could run the VM from there; and what follows a failure
        // is known: if the first zero is right, so are the rest; if it is wrong, its segment is the first invalid one.
        if (_agreed == 0) revert NothingAfterFailure();
        for (uint256 i = _outputs.firstZero(); i < _outputs.length; ++i) {
            if (_outputs[i] != 0) revert ValueAfterFailure(i);
        }
    }

    /// @notice Reads the last state of a claimed run; reverts unless a run can end there.
    /// @return value_ Value of the run.
    function _checkEnd(bytes calldata _state, bytes32 _hash, uint64 _steps) private view returns (bytes32 value_) {
        bytes32 hash = keccak256(_state);
        if (hash != _hash || _state.length != Run.STATE_SIZE) revert WrongState(_hash, hash);
        uint64 at;
        bool exited;
        (at, exited, value_) = Run.end(_state);
        // INVARIANT: a run has one length, so that the same run cannot be claimed twice; and it is not cut short, so that
        // a slow block does not count as a failed one.
        if (at != _steps || (!exited && _steps != _maxSteps)) revert NotAnEnd(at, exited);
    }

    /// @notice Adds a claim that attacks another.
    /// @param _parent The attacked claim, with its record.
    /// @param _child The new claim.
    /// @param _vector Its commitments.
    function _add(
        Claim calldata _parent,
        ClaimRecord memory _parentRecord,
        Claim memory _child,
        bytes32[] calldata _vector
    ) private returns (bytes32 id_) {
        // INVARIANT: every claim of a depth has the same stake: an answer costs less than what it answers.
        ClaimRecord memory record;
        record.depth = _parentRecord.depth + 1;
        uint256 bond_ = bondAt(record.depth);
        if (msg.value != bond_) revert WrongBond(bond_, msg.value);
        // INVARIANT: a side that has used up its time makes no more claims. From then on its opponents can resolve.
        Timestamp deadline = _deadline(_parent.parent, _parentRecord);
        if (Clock.isOver(deadline)) revert ClockExpired(Timestamp.unwrap(deadline));
        // INVARIANT: the same claim is made once; otherwise the same answer would have to be given, and paid, again.
        id_ = _claimId(_child, _vector.hash());
        if (_records[id_] != 0) revert DuplicateClaim(id_);

        record.status = ClaimStatus.OPEN;
        record.holder = msg.sender;
        record.created = _now();
        record.segment = _child.part;
        record.elapsed = Clock.ofAttack(deadline, _maxClockDuration, _extensionOf(_parent, _child));
        _records[id_] = record.pack();
        _parentRecord.openChildren += 1;
        _records[_child.parent] = _parentRecord.pack();
        emit Attacked(id_, msg.sender, _child, _vector, uint64(block.timestamp), Duration.unwrap(record.elapsed));
    }

    /// @notice Least time that the side of a new claim has left for its next move. That is the longer extension if
    ///         that move may need a run of the VM: to attack a single block, or to answer such an attack; and, for
    ///         others of that side, to answer what attacks theirs.
    function _extensionOf(Claim calldata _parent, Claim memory _child) private view returns (Duration extension_) {
        bool near = _child.level == BLOCKS ? _child.length <= NEAR_BOUNDARY : _parent.level == BLOCKS;
        extension_ = near ? _boundaryExtension : _extension;
    }

    /// @notice Records that a move counters a claim.
    function _counter(bytes32 _id, ClaimRecord memory _record_, uint8 _part, Timestamp _created, address _holder)
        private
    {
        // INVARIANT: who made a claim stays known, so that a bond can go back.
        Countered memory countered = _countered[_id];
        if (_record_.status == ClaimStatus.OPEN) countered.claimant = _record_.holder;
        countered.movedAt = uint48(block.timestamp);
        if (_record_.counter(_part, _created, _holder)) countered.wonAt = countered.movedAt;
        _countered[_id] = countered;
        _records[_id] = _record_.pack();
    }

    /// @notice Resolves a claim and tells its parent.
    /// @param _id The claim.
    /// @param _parent Its parent, zero for the root claim.
    /// @param _part The segment of the parent that it disputes.
    function _resolveClaim(bytes32 _id, bytes32 _parent, uint8 _part) private {
        _checkSound();
        ClaimRecord memory record = _record(_id);
        if (record.status == ClaimStatus.NONE) revert ClaimNotFound(_id);
        // INVARIANT: a game is resolved once.
        if (_parent == 0 && status != GameStatus.IN_PROGRESS) revert AlreadyResolved();
        bool upheld = record.status == ClaimStatus.OPEN;
        if (upheld) {
            // INVARIANT: attackers get their whole time.
            Timestamp deadline = _deadline(_parent, record);
            if (!Clock.isOver(deadline)) revert ClockNotExpired(Timestamp.unwrap(deadline));
            // INVARIANT: an attack in time counts, however long it takes to resolve it.
            if (record.openChildren != 0) revert ChildrenOpen(record.openChildren);
            record.status = ClaimStatus.UPHELD;
            credit[record.holder] += bondAt(record.depth);
        } else {
            // INVARIANT: a claim is resolved once.
            if (record.status != ClaimStatus.COUNTERED) revert ClaimClosed(_id, record.status);
            record.status = ClaimStatus.REFUTED;
        }
        if (_records[_id] != 0) _records[_id] = record.pack(); // not a root claim that nobody attacked
        emit Decided(_id, upheld);

        if (_parent == 0) {
            status = upheld ? GameStatus.DEFENDER_WINS : GameStatus.CHALLENGER_WINS;
            resolvedAt = uint64(block.timestamp);
            emit Resolved(status);
            return;
        }
        ClaimRecord memory parent = ClaimRecordLib.unpack(_records[_parent]);
        parent.openChildren -= 1;
        if (upheld) return _counter(_parent, parent, _part, record.created, record.holder);
        // SAFETY: the false step that refuted this one may have taken the bond from its winner.
        if (parent.status != ClaimStatus.OPEN) _countered[_parent].movedAt = uint48(block.timestamp);
        _records[_parent] = parent.pack();
    }
}
