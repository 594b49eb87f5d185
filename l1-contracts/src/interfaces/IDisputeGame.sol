// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IDisputeGame
/// @notice The dispute over one proposed output root.
/// @dev Constructor of the implementation: `constructor(uint64 maxClockDuration)`. Games are clones of it with
///      immutable arguments, created by the DisputeGameFactory.
interface IDisputeGame {
    /// @notice Where the game stands; the numbers are those that clients expect.
    enum GameStatus {
        IN_PROGRESS,
        CHALLENGER_WINS,
        DEFENDER_WINS
    }

    /// @notice The game was decided.
    event Resolved(GameStatus indexed status);
    /// @notice A credit was paid out.
    event CreditClaimed(address indexed recipient, uint256 amount);

    /// @notice The game is decided already.
    error AlreadyResolved();
    /// @notice Challengers still have time on their clock.
    error ClockNotExpired(uint64 expiresAt);
    /// @notice The recipient has nothing to claim.
    error NoCredit(address recipient);
    /// @notice The recipient did not accept the payment.
    error TransferFailed(address recipient);

    /// @notice Decides the game once the challengers' clock has expired. Anyone may call. The proposer's bond
    ///         becomes claimable.
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
    /// @notice When the game can be decided as things stand; when it was, if it is.
    function expectedResolution() external view returns (uint64);
    /// @notice Budget of each side's clock, in seconds.
    function maxClockDuration() external view returns (uint64);
    /// @notice Where the game stands.
    function status() external view returns (GameStatus);
    /// @notice The factory that created the game.
    function factory() external view returns (address);
    /// @notice The account that paid the bond.
    function proposer() external view returns (address);
    /// @notice The bond of the root claim, in wei.
    function bond() external view returns (uint256);
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
    /// @notice Id of the root claim: `keccak256(abi.encode(game, bytes32(0) parent, uint8(0) part, uint8(0) level,
    ///         bytes32(0) bootHash, uint64 anchorBlock, uint64 n, bytes32 anchorOutput, bytes32 vectorHash))`.
    function rootClaimId() external view returns (bytes32);
    /// @notice Content id of the game in the factory: `keccak256(abi.encode(uint32 gameType, uint64 l2Block,
    ///         bytes32 rootClaim, bytes32 batchAcc, uint64 anchorBlock, bytes32 anchorOutput, bytes32 vectorHash))`.
    function uuid() external view returns (bytes32);
    /// @notice What `recipient` can claim, in wei.
    function credit(address recipient) external view returns (uint256);
}
