// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IDisputeGame
/// @notice The dispute over one proposed output root: a tree of claims with their bonds. Anyone may make any move.
/// @dev Constructor of the implementation: `constructor(Parameters parameters)`. Games are clones of it with
///      immutable arguments, created by the DisputeGameFactory. An implementation is a version of the game: its
///      constants, and whether its machine can be relied on.
///
///      A claim covers the interval `(start, start + length]`: L2 blocks on level 0, steps of the fault proof VM on level
///      1. It agrees with the value before the interval and claims a value at the end of each of its segments, its
///      commitments: output roots on level 0, hashes of VM states on level 1. In names, `part` is a segment, `vector` the
///      commitments, `decide` resolves a claim, and `settle` distributes a bond. A claim's id is
///      `keccak256(abi.encode(address game, bytes32 parent, uint8 part, uint8 level, bytes32 bootHash, uint64 start,
///      uint64 length, bytes32 agreed, bytes32 vectorHash))`, where `vectorHash` is the keccak256 of the commitments,
///      concatenated. Only a record of each claim is stored: callers give claim and commitments again, as the events hold
///      them.
interface IDisputeGame {
    /// @notice Where the game stands; the numbers are those that clients expect.
    enum GameStatus {
        IN_PROGRESS,
        CHALLENGER_WINS,
        DEFENDER_WINS
    }

    /// @notice Where a claim stands. It only moves down one of the two lists: OPEN, UPHELD or OPEN, COUNTERED, REFUTED,
    ///         SETTLED.
    enum ClaimStatus {
        /// There is no such claim.
        NONE,
        /// It can be attacked while its attackers' clock runs, and stepped until it is resolved.
        OPEN,
        /// A child was upheld or a step succeeded: it takes no more attacks and steps, and can be resolved at once.
        COUNTERED,
        /// Resolved un-countered; its bond was returned.
        UPHELD,
        /// Resolved countered; its bond is not distributed yet.
        REFUTED,
        /// Resolved countered, and its bond was distributed.
        SETTLED
    }

    /// @notice What a claim says, without its commitments.
    /// @param parent Id of the claim that it attacks, zero for the root claim.
    /// @param part Segment of the parent whose value it disputes, from 0.
    /// @param level 0: L2 blocks and output roots; 1: steps of the VM and state hashes.
    /// @param bootHash Level 1: hash of the run's BootInfo; zero on level 0.
    /// @param start Where the interval begins: the agreed block's number on level 0, a number of steps on level 1.
    /// @param length Number of blocks or steps that it covers, at least 1.
    /// @param agreed The agreed value after block or step `start`.
    struct Claim {
        bytes32 parent;
        uint8 part;
        uint8 level;
        bytes32 bootHash;
        uint64 start;
        uint64 length;
        bytes32 agreed;
    }

    /// @notice What the game knows of a claim.
    /// @param status Where it stands.
    /// @param depth Number of claims above it; its bond is `bondAt(depth)`.
    /// @param holder The account that would get the bond now: the claimant while nothing counters the claim, then the
    ///        left-most of its upheld children and steps (lowest segment, then earliest).
    /// @param part Segment of its parent that the claim disputes; once countered, its own segment that `holder` disputed.
    /// @param createdAt When the claim was made, in seconds; once countered, when `holder` made the countering move.
    /// @param clock Time that the claimant's side had used up when the claim was made, in seconds.
    /// @param openChildren Number of its children that are not resolved.
    struct ClaimState {
        ClaimStatus status;
        uint8 depth;
        address holder;
        uint8 part;
        uint64 createdAt;
        uint64 clock;
        uint32 openChildren;
    }

    /// @notice The constants of all games of a deployment.
    /// @param riscV The step verifier (IRiscV).
    /// @param programRoot Memory root of the fault proof program.
    /// @param programEntry The program's first pc.
    /// @param maxSteps Most steps of a run; a run that has not exited by then has the value zero.
    /// @param configHash Hash of the chain config, part of every BootInfo.
    /// @param maxClockDuration Time that each side has in a game, in seconds.
    /// @param clockExtension Least time that a new claim's side has left for its next move, in seconds.
    /// @param boundaryExtension The same where that move may need a run of the VM, in seconds.
    /// @param rootBond Bond of the root claim, in wei.
    /// @param leafBond Least bond of a claim, in wei.
    /// @param bondDecay Each level's bond as a share of the one above, in 256ths.
    /// @param newestActivation L2 timestamp of the last change of rules in the chain config, 0 if there is none.
    struct Parameters {
        address riscV;
        bytes32 programRoot;
        uint64 programEntry;
        uint64 maxSteps;
        bytes32 configHash;
        uint64 maxClockDuration;
        uint64 clockExtension;
        uint64 boundaryExtension;
        uint128 rootBond;
        uint128 leafBond;
        uint16 bondDecay;
        uint64 newestActivation;
    }

    /// @notice A claim was made by an attack on another. (The root claim is in the factory's `Proposed`.)
    /// @param id Id of the claim.
    /// @param claimant Who made it and paid the bond.
    /// @param claim What it says, without its commitments.
    /// @param vector Its commitments.
    /// @param createdAt When it was made, in seconds.
    /// @param clock Time that its side has used up, in seconds.
    event Attacked(
        bytes32 indexed id, address indexed claimant, Claim claim, bytes32[] vector, uint64 createdAt, uint64 clock
    );
    /// @notice A step of a claim was proven wrong.
    /// @param id Id of the claim.
    /// @param stepper Who proved it.
    /// @param part The segment of the claim whose value is not the successor of the one before.
    event Stepped(bytes32 indexed id, address indexed stepper, uint8 part);
    /// @notice A claim was resolved. If it was upheld, its bond became claimable.
    /// @param id Id of the claim.
    /// @param upheld Whether nothing countered it.
    event Decided(bytes32 indexed id, bool upheld);
    /// @notice The bond of a refuted claim was distributed.
    /// @param id Id of the claim.
    /// @param winner Who gets the reward.
    /// @param reward Part of the bond that the winner can claim, in wei.
    /// @param burned Part of the bond that nobody gets, in wei.
    event Settled(bytes32 indexed id, address indexed winner, uint256 reward, uint256 burned);
    /// @notice The game was resolved.
    event Resolved(GameStatus indexed status);
    /// @notice A credit was paid out.
    event CreditClaimed(address indexed recipient, uint256 amount);

    /// @notice The machine was checked, and is sound.
    event CheckRecorded(uint64 soundAt);
    /// @notice The machine was shown to be broken: all games of this version have stopped.
    /// @param op The operation that fails.
    /// @param soundAt Games that were decided up to then count.
    event Suspended(uint256 indexed op, uint64 soundAt);
    /// @notice A bond was given back, because the machine is broken.
    event Reclaimed(bytes32 indexed id, address indexed claimant, uint256 amount);

    /// @notice The machine was shown to be broken: there are no more moves, only bonds to take back.
    error MachineBroken(uint64 suspendedAt);
    /// @notice The machine was not shown to be broken: bonds go their usual way.
    error MachineWorks();
    /// @notice The operation gives the answers that it should.
    error MachineSound(uint256 op);
    /// @notice The check ended neither well nor with `PrecompileFailed`, as with too little gas: that shows nothing.
    error NothingShown(uint256 op, bytes reason);
    /// @notice This is for the implementation, not for one of its clones.
    error NotTheImplementation(address implementation);
    /// @notice Somebody has the bond already, or there is no such claim.
    error NotReclaimable(bytes32 id, ClaimStatus status);
    /// @notice There is no such claim: what the caller says about it or its commitments is wrong.
    error ClaimNotFound(bytes32 id);
    /// @notice The claim is countered or resolved already.
    error ClaimClosed(bytes32 id, ClaimStatus status);
    /// @notice The same claim was made already, by whomever.
    error DuplicateClaim(bytes32 id);
    /// @notice The claim has no such segment.
    error PartOutOfRange(uint256 parts, uint256 part);
    /// @notice The segment is of another size or level than this move is for: `attack` takes segments of more than one
    ///         block or step, `attackBlock` those of one block, `step` those of one step.
    error WrongPart(uint8 level, uint64 length);
    /// @notice A failed run is final: nothing follows from the value zero, so there is nothing to dispute behind it.
    error NothingAfterFailure();
    /// @notice There must be one commitment for each segment of the interval.
    error WrongVectorLength(uint256 expected, uint256 actual);
    /// @notice Commitments to outputs cannot have another value after a zero.
    error ValueAfterFailure(uint256 index);
    /// @notice The attack claims the value that it disputes.
    error SameValue(bytes32 value);
    /// @notice A run has between 1 and `maxSteps` steps.
    error WrongStepCount(uint64 maxSteps, uint64 steps);
    /// @notice The given state is not that of the given hash.
    error WrongState(bytes32 expected, bytes32 actual);
    /// @notice The opened state is not one at which a run of that many steps ends: its step count must be that number,
    ///         and it must have exited unless that number is `maxSteps`.
    error NotAnEnd(uint64 step, bool exited);
    /// @notice The value follows from the one before: the step is right.
    error StepIsRight(bytes32 value);
    /// @notice The bond must be paid exactly.
    error WrongBond(uint256 expected, uint256 actual);
    /// @notice The attackers' clock has run out.
    error ClockExpired(uint64 expiredAt);
    /// @notice The attackers still have time on their clock.
    error ClockNotExpired(uint64 expiresAt);
    /// @notice Children of the claim are not resolved yet.
    error ChildrenOpen(uint256 count);
    /// @notice Only the bond of a refuted claim can be distributed, once.
    error NotSettleable(bytes32 id, ClaimStatus status);
    /// @notice The bond of a claim waits until then, so that a broken machine can be suspended first.
    error BondWaits(uint64 until);
    /// @notice The game is resolved already.
    error AlreadyResolved();
    /// @notice The recipient has nothing to claim.
    error NoCredit(address recipient);
    /// @notice The recipient did not accept the payment.
    error TransferFailed(address recipient);
    /// @notice A parameter given to the constructor is impossible; `name` says which.
    error BadParameter(bytes32 name);

    /// @notice Disputes the value at the end of segment `part` of a claim, where the segment has more than one block or
    ///         step, agreeing with the value before it. Anyone may call, paying exactly the bond of a claim one level
    ///         below, while the claim is open and its attackers' clock runs.
    /// @param claim The attacked claim.
    /// @param vector Its commitments.
    /// @param part The disputed segment.
    /// @param attackVector The new claim's commitments. The last one must differ from `vector[part]`. On level 0, only
    ///        zeros may follow a zero.
    /// @return id Id of the new claim.
    function attack(Claim calldata claim, bytes32[] calldata vector, uint8 part, bytes32[] calldata attackVector)
        external
        payable
        returns (bytes32 id);

    /// @notice Disputes the output of segment `part` of a level-0 claim, where the segment is one block, by a level-1 claim
    ///         about the VM's run over that block. The contract computes the prestate. Otherwise as `attack`.
    /// @param claim The attacked claim.
    /// @param vector Its commitments.
    /// @param part The disputed segment.
    /// @param steps Number of steps of the run: those until it exits, or `maxSteps`.
    /// @param attackVector The new claim's commitments: hashes of the VM's states at the ends of the segments of
    ///        `(0, steps]`.
    /// @param lastState The packed state (337 bytes) whose hash is the last commitment; its value must differ from
    ///        `vector[part]`, its step count must be `steps`, and it must have exited unless `steps` is `maxSteps`.
    /// @return id Id of the new claim.
    function attackBlock(
        Claim calldata claim,
        bytes32[] calldata vector,
        uint8 part,
        uint64 steps,
        bytes32[] calldata attackVector,
        bytes calldata lastState
    ) external payable returns (bytes32 id);

    /// @notice Proves that the value at the end of segment `part` of a level-1 claim, where the segment is one step, is not
    ///         the successor of the value before it. Counts like a child that is upheld at once. Anyone may call, without
    ///         a bond, while the claim is open.
    /// @param claim The claim.
    /// @param vector Its commitments.
    /// @param part The disputed segment.
    /// @param state The packed state (337 bytes) before the step.
    /// @param witness What the VM reads in the step.
    function step(
        Claim calldata claim,
        bytes32[] calldata vector,
        uint8 part,
        bytes calldata state,
        bytes calldata witness
    ) external;

    /// @notice Resolves a claim, and tells its parent. Countered: at once. Un-countered: when the attackers' clock has
    ///         expired and all children are resolved (countered, that is). Anyone may call.
    /// @param claim The claim; the root claim too, which resolves the game.
    /// @param vectorHash Hash of its commitments.
    function decide(Claim calldata claim, bytes32 vectorHash) external;
    /// @notice Distributes the bond of a refuted claim: half goes to the left-most of its upheld children and steps, half
    ///         is burned. All its children must be resolved, and the least time for a move (`clockExtension`) must have
    ///         passed since it was countered and the last of them was resolved: time to suspend a machine that proves false
    ///         steps. If the machine is broken, bonds that were won up to the last recorded check are distributed as things
    ///         stand. Anyone may call.
    function settle(bytes32 id) external;
    /// @notice Resolves the root claim, and so the game. The same as `decide` of the root claim. Anyone may call.
    /// @return status The outcome.
    function resolve() external returns (GameStatus status);
    /// @notice Gives the bond of a claim that is not settled or upheld back to who paid it, whole, if the machine is broken:
    ///         of one that is open, or whose winner became that after the last recorded check. Anyone may call.
    function reclaim(bytes32 id) external;
    /// @notice Pays `recipient` what the game owes it. Anyone may call.
    function claimCredit(address recipient) external;
    /// @notice Runs all known answers of the machine and records that it is sound: games that were decided before count, even
    ///         if it breaks later. Only in the implementation. Anyone may call, with some 7 million gas.
    function recordCheck() external;
    /// @notice Stops all games of this version, if the machine gives a wrong answer to a known input of operation `op`. Only in
    ///         the implementation. Anyone may call.
    function suspend(uint256 op) external;

    /// @notice The type of the game, 16.
    function gameType() external pure returns (uint32);
    /// @notice Semantic version.
    function version() external pure returns (string memory);
    /// @notice The claimed L2 block.
    function l2SequenceNumber() external view returns (uint256);
    /// @notice The claimed L2 block.
    function l2BlockNumber() external view returns (uint256);
    /// @notice The claimed output root.
    function rootClaim() external view returns (bytes32);
    /// @notice The ABI-encoded L2 block number.
    function extraData() external view returns (bytes memory);
    /// @notice When the game was created.
    function createdAt() external view returns (uint64);
    /// @notice When the game was resolved, 0 while it is open.
    function resolvedAt() external view returns (uint64);
    /// @notice An estimate of when the game can be resolved if nobody attacks any more; when it was, if it is. Exact
    ///         while the root claim was not attacked.
    function expectedResolution() external view returns (uint64);
    /// @notice Whether `resolve` would succeed now.
    function resolvable() external view returns (bool);
    /// @notice Time that each side has in a game, in seconds.
    function maxClockDuration() external view returns (uint64);
    /// @notice Where the game stands.
    function status() external view returns (GameStatus);
    /// @notice The factory that created the game.
    function factory() external view returns (address);
    /// @notice The account that paid the bond.
    function proposer() external view returns (address);
    /// @notice The bond of the root claim, in wei: `bondAt(0)`.
    function bond() external view returns (uint256);
    /// @notice The bond of a claim with `depth` claims above it, in wei.
    function bondAt(uint256 depth) external view returns (uint256);
    /// @notice The L2 block from which the claim starts.
    function anchorBlock() external view returns (uint64);
    /// @notice The agreed output root of that block.
    function anchorOutput() external view returns (bytes32);
    /// @notice Number of pinned batches.
    function batchCount() external view returns (uint64);
    /// @notice Accumulator over the pinned batches: all inputs of the disputed blocks.
    function batchAcc() external view returns (bytes32);
    /// @notice Hash of the root claim's commitments: keccak256 of them, concatenated.
    function vectorHash() external view returns (bytes32);
    /// @notice Id of the root claim: `part`, `level`, `parent` and `bootHash` are zero.
    function rootClaimId() external view returns (bytes32);
    /// @notice What the game knows of a claim; all zero if there is no such claim.
    function claimState(bytes32 id) external view returns (ClaimState memory state);
    /// @notice Content id of the game in the factory: `keccak256(abi.encode(uint32 gameType, address implementation,
    ///         uint64 l2Block, bytes32 rootClaim, bytes32 batchAcc, uint64 anchorBlock, bytes32 anchorOutput, bytes32 vectorHash))`.
    function uuid() external view returns (bytes32);
    /// @notice The version of the game: what this is a clone of.
    function implementation() external view returns (address);
    /// @notice When the machine was shown to be broken, 0 if it was not; and when it was last known to be sound.
    function health() external view returns (uint64 suspendedAt, uint64 soundAt);
    /// @notice What `recipient` can claim, in wei.
    function credit(address recipient) external view returns (uint256);
    /// @notice The constants of the deployment.
    function parameters() external view returns (Parameters memory);
    /// @notice Hash of the BootInfo of the run over L2 block `l2Block` of this game, from the output before it:
    ///         `keccak256(agreed (32) ‖ l2Block (8) ‖ batchAcc (32) ‖ configHash (32))`.
    function bootHash(bytes32 agreed, uint64 l2Block) external view returns (bytes32);
    /// @notice The prestate of a run: hash of the VM's state before its first step, when started with `boot`.
    function startState(bytes32 boot) external view returns (bytes32);
}
