// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IDisputeGameFactory
/// @notice Takes proposals of L2 outputs and creates one dispute game for each.
/// @dev Constructor of the implementation: `constructor(address anchorStateRegistry, address inbox, address governor,
///      uint64 maxDrift)`; behind its proxy `initialize` is called at once.
interface IDisputeGameFactory {
    /// @notice One found game, as clients expect it.
    /// @param index Index of the game in the factory.
    /// @param metadata `uint32 gameType ‖ uint64 timestamp ‖ address game`.
    /// @param timestamp When the game was created.
    /// @param rootClaim The proposed output root.
    /// @param extraData The ABI-encoded L2 block number.
    struct GameSearchResult {
        uint256 index;
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    /// @notice A game was created. Carries everything that an honest party needs to check the claim.
    /// @param index Index of the game.
    /// @param game Address of the game.
    /// @param proposer The account that pays and gets back the bond.
    /// @param l2Block The claimed L2 block.
    /// @param rootClaim The claimed output root of that block: the last of `vector`.
    /// @param anchorBlock The L2 block from which the claim starts.
    /// @param anchorOutput The agreed output root of that block.
    /// @param vector The root claim's commitments: output roots at the ends of the interval's segments.
    /// @param batchCount Number of batches that the claim pins.
    /// @param batchAcc Accumulator over those batches.
    /// @param implementation The version of the game.
    event Proposed(
        uint256 indexed index,
        address indexed game,
        address indexed proposer,
        uint64 l2Block,
        bytes32 rootClaim,
        uint64 anchorBlock,
        bytes32 anchorOutput,
        bytes32[] vector,
        uint64 batchCount,
        bytes32 batchAcc,
        address implementation
    );
    /// @notice New games are of this version from now on.
    event ImplementationSet(address indexed implementation);
    /// @notice This version takes over if the machine of the one in force breaks; zero: none does.
    event StandbySet(address indexed standby);

    /// @notice Only the governor may call.
    error NotGovernor(address caller);
    /// @notice The proposal names another version than the one in force: look whether the new one agrees with the claim,
    ///         and make it again.
    error ImplementationChanged(address expected, address actual);
    /// @notice The version's machine was shown to be broken.
    error ImplementationSuspended(address implementation);
    /// @notice The version in force works: there is nothing to take over.
    error ImplementationSound(address implementation);
    /// @notice There is no version to take over.
    error NoStandby();
    /// @notice There is no implementation of a dispute game at this address.
    error NotAnImplementation(address implementation);
    /// @notice The version changes the rules of blocks too soon.
    /// @param activation First L2 timestamp whose rules it changes.
    /// @param earliest Earliest one that it may change now.
    error ActivationTooSoon(uint64 activation, uint64 earliest);
    /// @notice The claim starts from another block than the anchor's, as it does when the anchor moved after the
    ///         claim was made: make it again from the present one.
    /// @param expected The present anchor's block.
    /// @param actual The block that the caller named.
    error AnchorMoved(uint64 expected, uint64 actual);
    /// @notice The claimed block must lie past the anchor.
    error BlockNotAfterAnchor(uint64 anchorBlock, uint64 l2Block);
    /// @notice There must be one commitment for each segment of the interval.
    error WrongVectorLength(uint256 expected, uint256 actual);
    /// @notice No value of a claim may be zero: zero is the value of a failed run.
    error ZeroValue(uint256 index);
    /// @notice The pinned accumulator is not that of the Inbox.
    error WrongBatchAcc(bytes32 expected, bytes32 actual);
    /// @notice The given header is not that of the last pinned batch.
    error WrongBatchHeader();
    /// @notice The pinned batches do not hold the claimed block.
    error BlockNotCovered(uint64 lastPinnedBlock, uint64 l2Block);
    /// @notice The bond must be paid exactly.
    error WrongBond(uint256 expected, uint256 actual);
    /// @notice The same claim exists already.
    error DuplicateGame(address game);

    /// @notice Proposes an output root, starting from the current anchor. Anyone may call, paying exactly `bond()`.
    /// @param implementation The version of the game by which the claim can be disputed, which must be the one in force.
    /// @param anchorBlock The L2 block from which the claim starts, which must be the current anchor's: a proposal
    ///        built on an earlier anchor reverts.
    /// @param l2Block The claimed L2 block.
    /// @param vector The root claim's commitments: output roots at the ends of the segments of `(anchorBlock, l2Block]`.
    ///        The last one is the claim about `l2Block`.
    /// @param batchCount Number of batches to pin.
    /// @param batchAcc Accumulator over those batches; a proposal built on a reorged L1 reverts.
    /// @param lastBatchHeader Packed header of batch `batchCount - 1`, which must reach `l2Block`.
    /// @return game The new game.
    function propose(
        address implementation,
        uint64 anchorBlock,
        uint64 l2Block,
        bytes32[] calldata vector,
        uint64 batchCount,
        bytes32 batchAcc,
        bytes calldata lastBatchHeader
    ) external payable returns (address game);

    /// @notice Sets the first version, and what would take over from it, or zero. Called once, with the deployment.
    function initialize(address implementation, address standby) external;
    /// @notice Puts another version in force for new games. A change of L2's rules in it must be at least `activationNotice`
    ///         ahead. It takes the standby away, which was made for the version of before: set another in the same
    ///         operation. Only the governor.
    function setImplementation(address implementation) external;
    /// @notice Sets the version that takes over if the machine of the one in force breaks; zero for none. Only the governor.
    function setStandby(address standby) external;
    /// @notice Puts the standby in force, if the machine of the present version was shown to be broken and the standby's gives
    ///         all known answers now. Anyone may call, with some 8 million gas.
    function activateStandby() external;

    /// @notice The version of new games: what they are clones of.
    function gameImplementation() external view returns (address);
    /// @notice The version that takes over if the machine of the present one breaks, zero if none does.
    function standbyImplementation() external view returns (address);
    /// @notice Who may change the versions: the Timelock, or zero if nobody may.
    function governor() external view returns (address);
    /// @notice Seconds by which a change of L2's rules must be ahead when it comes into force: more than L2's clock may run
    ///         ahead of L1's.
    function activationNotice() external view returns (uint64);
    /// @notice Source of the anchor.
    function anchorStateRegistry() external view returns (address);
    /// @notice Source of the batches.
    function inbox() external view returns (address);
    /// @notice Bond of a root claim, in wei: that of the present version.
    function bond() external view returns (uint256);
    /// @notice The type of all games, 16.
    function GAME_TYPE() external view returns (uint32);
    /// @notice Number of games.
    function gameCount() external view returns (uint256);
    /// @notice The game at `index`; reverts out of range.
    function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address game);
    /// @notice The game with this content id (`IDisputeGame.uuid`), zero if there is none.
    function gameByUuid(bytes32 uuid) external view returns (address game);
    /// @notice The newest games of a type, searching backwards from index `start`; empty if `start` is out of range.
    /// @param gameType Type to search.
    /// @param start Index of the first game to look at.
    /// @param n Most games to return.
    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory games);
    /// @notice Size of each segment (but the last) of an interval of `n` blocks: the largest power of 16 strictly below
    ///         `n`, at least 1.
    function stride(uint64 n) external pure returns (uint64);
    /// @notice Number of segments of an interval of `n` blocks, at most 16. A claim about it has as many
    ///         commitments.
    function parts(uint64 n) external pure returns (uint64);
}
