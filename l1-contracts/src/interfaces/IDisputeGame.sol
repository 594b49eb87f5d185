// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IDisputeGame
/// @notice The dispute over one proposed output root: a tree of claims with their bonds. Anyone may make any move.
/// @dev Constructor of the implementation: `constructor(Parameters parameters)`. Games are clones of it with
///      immutable arguments, created by the DisputeGameFactory.
///
///      A claim covers the units `(start, start + length]`, L2 blocks on level 0 and machine steps on level 1. It
///      agrees with a value before them and claims a value at the end of each part (its vector): output roots on level
///      0, hashes of machine states on level 1. Its id is
///      `keccak256(abi.encode(address game, bytes32 parent, uint8 part, uint8 level, bytes32 bootHash, uint64 start,
///      uint64 length, bytes32 agreed, bytes32 vectorHash))`, where `vectorHash` is the keccak256 of the vector's
///      elements, concatenated. Only a record of each claim is stored: callers give claim and vector again, as the
///      events hold them.
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
        /// It can be attacked while its attackers' clock runs, and stepped until it is decided.
        OPEN,
        /// A child was upheld or a step succeeded: it takes no more attacks and steps, and can be decided at once.
        COUNTERED,
        /// Decided un-countered; its bond was returned.
        UPHELD,
        /// Decided countered; its bond waits for `settle`.
        REFUTED,
        /// Decided countered, and its bond was given to whom it is due.
        SETTLED
    }

    /// @notice What a claim says, but for its vector.
    /// @param parent Id of the claim that it attacks, zero for the root claim.
    /// @param part Part of the parent whose value it disputes, from 0.
    /// @param level 0: L2 blocks and output roots; 1: steps of the machine and state hashes.
    /// @param bootHash Level 1: what the machine was started with; zero on level 0.
    /// @param start The agreed unit: an L2 block number on level 0, a number of steps on level 1.
    /// @param length Number of blocks or steps that it covers, at least 1.
    /// @param agreed The agreed value after unit `start`.
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
    /// @param holder Whom its bond is due to as things stand: the claimant while nothing counters it, then the
    ///        left-most of its upheld children and steps (lowest part, then earliest).
    /// @param part Part of its parent that the claim disputes; once countered, its own part that `holder` disputed.
    /// @param createdAt When the claim was made, in seconds; once countered, when `holder` made the countering move.
    /// @param clock Time that the claimant's side had used up when the claim was made, in seconds.
    /// @param openChildren Number of its children that are not decided.
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
    /// @param programRoot Memory root of the program image.
    /// @param programEntry The program's first pc.
    /// @param maxSteps Most steps of a run; a run that has not exited by then has the value zero.
    /// @param configHash Hash of the chain config, part of every boot.
    /// @param maxClockDuration Budget of each side's clock, in seconds.
    /// @param clockExtension Least time that a new claim's side has left for its next move, in seconds.
    /// @param boundaryExtension The same where that move may need a run of the machine, in seconds.
    /// @param rootBond Bond of the root claim, in wei.
    /// @param leafBond Least bond of a claim, in wei.
    /// @param bondDecay Each level's bond as a share of the one above, in 256ths.
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
    }

    /// @notice A claim was made by an attack on another. (The root claim is in the factory's `Proposed`.)
    /// @param id Id of the claim.
    /// @param claimant Who made it and paid the bond.
    /// @param claim What it says, but for its vector.
    /// @param vector Claimed values at the ends of its parts.
    /// @param createdAt When it was made, in seconds.
    /// @param clock Time that its side has used up, in seconds.
    event Attacked(
        bytes32 indexed id, address indexed claimant, Claim claim, bytes32[] vector, uint64 createdAt, uint64 clock
    );
    /// @notice A step of a claim was proven wrong.
    /// @param id Id of the claim.
    /// @param stepper Who proved it.
    /// @param part The part of the claim whose value is not the successor of the one before.
    event Stepped(bytes32 indexed id, address indexed stepper, uint8 part);
    /// @notice A claim was decided. If it was upheld, its bond became claimable.
    /// @param id Id of the claim.
    /// @param upheld Whether nothing countered it.
    event Decided(bytes32 indexed id, bool upheld);
    /// @notice The bond of a countered claim was given away.
    /// @param id Id of the claim.
    /// @param winner Who gets the reward.
    /// @param reward Part of the bond that the winner can claim, in wei.
    /// @param burned Part of the bond that nobody gets, in wei.
    event Settled(bytes32 indexed id, address indexed winner, uint256 reward, uint256 burned);
    /// @notice The game was decided.
    event Resolved(GameStatus indexed status);
    /// @notice A credit was paid out.
    event CreditClaimed(address indexed recipient, uint256 amount);

    /// @notice There is no such claim: what the caller says about it or its vector is wrong.
    error ClaimNotFound(bytes32 id);
    /// @notice The claim is countered or decided already.
    error ClaimClosed(bytes32 id, ClaimStatus status);
    /// @notice The same claim was made already, by whomever.
    error DuplicateClaim(bytes32 id);
    /// @notice The claim has no such part.
    error PartOutOfRange(uint256 parts, uint256 part);
    /// @notice The part is of another size or level than this move is for: `attack` takes parts of several units,
    ///         `attackBlock` parts of one block, `step` parts of one machine step.
    error WrongPart(uint8 level, uint64 length);
    /// @notice A failed run is final: nothing follows from the value zero, so there is nothing to dispute behind it.
    error NothingAfterFailure();
    /// @notice The vector must have one element for each part of the interval.
    error WrongVectorLength(uint256 expected, uint256 actual);
    /// @notice A vector of outputs cannot have another value after a zero.
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
    /// @notice The attackers' time is used up.
    error ClockExpired(uint64 expiredAt);
    /// @notice The attackers still have time on their clock.
    error ClockNotExpired(uint64 expiresAt);
    /// @notice Children of the claim are not decided yet.
    error ChildrenOpen(uint256 count);
    /// @notice Only the bond of a claim that was decided countered can be settled, once.
    error NotSettleable(bytes32 id, ClaimStatus status);
    /// @notice The game is decided already.
    error AlreadyResolved();
    /// @notice The recipient has nothing to claim.
    error NoCredit(address recipient);
    /// @notice The recipient did not accept the payment.
    error TransferFailed(address recipient);
    /// @notice A parameter given to the constructor is impossible; `name` says which.
    error BadParameter(bytes32 name);

    /// @notice Disputes the value at the end of part `part` of a claim, where the part has more than one unit, agreeing
    ///         with the value before it. Anyone may call, paying exactly the bond of a claim one level below, while the
    ///         claim is open and its attackers' clock runs.
    /// @param claim The attacked claim.
    /// @param vector Its vector.
    /// @param part The disputed part.
    /// @param attackVector The new claim's values at the ends of the part's own parts. The last one must differ from
    ///        `vector[part]`. On level 0, only zeros may follow a zero.
    /// @return id Id of the new claim.
    function attack(Claim calldata claim, bytes32[] calldata vector, uint8 part, bytes32[] calldata attackVector)
        external
        payable
        returns (bytes32 id);

    /// @notice Disputes the output of part `part` of a level-0 claim, where the part is one block, by a level-1 claim
    ///         about the machine's run over that block. The contract computes the start state. Otherwise as `attack`.
    /// @param claim The attacked claim.
    /// @param vector Its vector.
    /// @param part The disputed part.
    /// @param steps Number of steps of the run: those until it exits, or `maxSteps`.
    /// @param attackVector Hashes of the machine's states at the ends of the parts of `(0, steps]`.
    /// @param lastState The packed state (337 bytes) whose hash is the last element; its value must differ from
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

    /// @notice Proves that the value at the end of part `part` of a level-1 claim, where the part is one step, is not
    ///         the successor of the value before it. Counts like a child that is upheld at once. Anyone may call, without
    ///         a bond, while the claim is open.
    /// @param claim The claim.
    /// @param vector Its vector.
    /// @param part The wrong part.
    /// @param state The packed state (337 bytes) before the step.
    /// @param witness What the machine reads in the step.
    function step(
        Claim calldata claim,
        bytes32[] calldata vector,
        uint8 part,
        bytes calldata state,
        bytes calldata witness
    ) external;

    /// @notice Decides a claim, and tells its parent. Countered: at once. Un-countered: when the attackers' clock has
    ///         expired and all children are decided (countered, that is). Anyone may call.
    /// @param claim The claim; the root claim too, which decides the game.
    /// @param vectorHash Hash of its vector.
    function decide(Claim calldata claim, bytes32 vectorHash) external;
    /// @notice Gives the bond of a claim that was decided countered to the left-most of its upheld children and steps,
    ///         but for the half that is burned. All its children must be decided. Anyone may call.
    function settle(bytes32 id) external;
    /// @notice Decides the root claim, and so the game. The same as `decide` of the root claim. Anyone may call.
    /// @return status The outcome.
    function resolve() external returns (GameStatus status);
    /// @notice Pays `recipient` what the game owes it. Anyone may call.
    function claimCredit(address recipient) external;

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
    /// @notice When the game was decided, 0 while it is open.
    function resolvedAt() external view returns (uint64);
    /// @notice An estimate of when the game can be decided if nobody attacks any more; when it was, if it is. Exact
    ///         while the root claim was not attacked.
    function expectedResolution() external view returns (uint64);
    /// @notice Whether `resolve` would succeed now.
    function resolvable() external view returns (bool);
    /// @notice Budget of each side's clock, in seconds.
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
    /// @notice Hash of the root claim's vector: keccak256 of its elements, concatenated.
    function vectorHash() external view returns (bytes32);
    /// @notice Id of the root claim: `part`, `level`, `parent` and `bootHash` are zero.
    function rootClaimId() external view returns (bytes32);
    /// @notice What the game knows of a claim; all zero if there is no such claim.
    function claimState(bytes32 id) external view returns (ClaimState memory state);
    /// @notice Content id of the game in the factory: `keccak256(abi.encode(uint32 gameType, uint64 l2Block,
    ///         bytes32 rootClaim, bytes32 batchAcc, uint64 anchorBlock, bytes32 anchorOutput, bytes32 vectorHash))`.
    function uuid() external view returns (bytes32);
    /// @notice What `recipient` can claim, in wei.
    function credit(address recipient) external view returns (uint256);
    /// @notice The constants of the deployment.
    function parameters() external view returns (Parameters memory);
    /// @notice What the machine is started with to compute L2 block `l2Block` of this game from the output before it:
    ///         `keccak256(agreed (32) ‖ l2Block (8) ‖ batchAcc (32) ‖ configHash (32))`.
    function bootHash(bytes32 agreed, uint64 l2Block) external view returns (bytes32);
    /// @notice Hash of the machine's state before its first step, when started with `boot`.
    function startState(bytes32 boot) external view returns (bytes32);
}
