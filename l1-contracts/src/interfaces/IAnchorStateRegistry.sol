// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IAnchorStateRegistry
/// @notice Holds the newest final output root (the anchor), says which games count, and lets a guardian delay but
///         never decide.
/// @dev Constructor of the implementation: `constructor(address factory, address guardian, uint64 finalityDelay,
///      uint64 pauseDuration)`; behind its proxy `initialize` is called at once.
interface IAnchorStateRegistry {
    /// @notice The anchor moved forward.
    event AnchorUpdated(address indexed game, bytes32 root, uint64 l2Block);
    /// @notice The guardian excluded a game.
    event GameBlacklisted(address indexed game);
    /// @notice The guardian excluded all games created up to `timestamp`.
    event GamesRetired(uint64 timestamp);
    /// @notice The guardian paused withdrawals and the anchor until `expiresAt`.
    event Paused(uint64 expiresAt);
    /// @notice The guardian ended a pause early.
    event Unpaused();

    /// @notice Only the guardian may call.
    error NotGuardian(address caller);
    /// @notice Withdrawals and the anchor are paused.
    error WithdrawalsPaused(uint64 expiresAt);
    /// @notice There is no pause to end.
    error NotPaused();
    /// @notice A new pause needs an unpaused time of `pauseDuration` after the last one.
    error PauseTooSoon(uint64 allowedAt);
    /// @notice The guardian has excluded as many games as it may until `allowedAt`.
    error BlacklistCapReached(uint64 allowedAt);
    /// @notice The guardian may exclude all games again at `allowedAt`.
    error RetirementTooSoon(uint64 allowedAt);
    /// @notice The game was not created by the factory, or is blacklisted, or retired, or its machine broke before it was
    ///         decided.
    error GameNotProper(address game);
    /// @notice The game is not of the respected type.
    error GameNotRespected(address game);
    /// @notice The game is not decided, or not for long enough.
    error GameNotFinalized(address game);
    /// @notice The game was not decided for the proposer.
    error GameNotDefended(address game);
    /// @notice The anchor only moves forward.
    error AnchorNotNewer(uint64 anchorBlock, uint64 l2Block);

    /// @notice Sets the first anchor: output root and number of the L2 genesis block. Called once, with the deployment.
    function initialize(bytes32 genesisOutput, uint64 genesisBlock) external;
    /// @notice Makes a final game's claim the anchor. Anyone may call.
    function setAnchorState(address game) external;
    /// @notice Excludes a game for ever. Only the guardian; at most `MAX_BLACKLISTED` games in a period of
    ///         `BLACKLIST_PERIOD`, which begins with the first of them. Does nothing if the game is excluded already.
    function blacklistDisputeGame(address game) external;
    /// @notice Excludes all games created up to now for ever: an attacker can make more wrong ones than can be excluded one
    ///         by one. Only the guardian; once in `RETIREMENT_INTERVAL`.
    function retire() external;
    /// @notice Pauses withdrawals and the anchor for `pauseDuration`. Only the guardian; not during a pause and not
    ///         before the same time without one has passed.
    function pause() external;
    /// @notice Ends a pause early. Only the guardian.
    function unpause() external;

    /// @notice The anchor: output root and L2 block.
    function anchors() external view returns (bytes32 root, uint256 l2SequenceNumber);
    /// @notice The game that the anchor comes from, zero for genesis.
    function anchorGame() external view returns (address);
    /// @notice Whether the factory created the game, the guardian did not exclude it, by itself or with all others, and the
    ///         machine of its version did not break before it was decided.
    function isGameProper(address game) external view returns (bool);
    /// @notice Whether the game is of the type that counts.
    function isGameRespected(address game) external view returns (bool);
    /// @notice Whether the game was decided longer than the finality delay ago.
    function isGameFinalized(address game) external view returns (bool);
    /// @notice Whether the factory created the game.
    function isGameRegistered(address game) external view returns (bool);
    /// @notice Whether the game was created up to the last time that the guardian excluded all.
    function isGameRetired(address game) external view returns (bool);
    /// @notice Whether the machine of the game's version was shown to be broken, and the game was not decided while the machine
    ///         was known to be sound.
    function isGameSuspended(address game) external view returns (bool);
    /// @notice Whether the guardian excluded the game by itself.
    function isGameBlacklisted(address game) external view returns (bool);
    /// @notice Whether the game's claim can be relied on: proper, respected, final and decided for the proposer.
    function isGameClaimValid(address game) external view returns (bool);
    /// @notice Whether withdrawals and the anchor are paused now.
    function paused() external view returns (bool);
    /// @notice When the current or last pause ends or ended, 0 if there was none.
    function pausedUntil() external view returns (uint64);
    /// @notice Length of a pause, and least time between two, in seconds.
    function pauseDuration() external view returns (uint64);
    /// @notice When the guardian last excluded all games, 0 if never.
    function retirementTimestamp() external view returns (uint64);
    /// @notice Seconds in which the guardian may exclude `MAX_BLACKLISTED` games.
    function BLACKLIST_PERIOD() external view returns (uint64);
    /// @notice Most games that the guardian may exclude in a period.
    function MAX_BLACKLISTED() external view returns (uint64);
    /// @notice Least seconds between two times that the guardian excludes all games.
    function RETIREMENT_INTERVAL() external view returns (uint64);
    /// @notice The type of games that count, 16.
    function respectedGameType() external view returns (uint32);
    /// @notice Seconds between a game's decision and its finality.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);
    /// @notice The factory whose games count.
    function disputeGameFactory() external view returns (address);
    /// @notice The account that may blacklist games, retire all, and pause.
    function guardian() external view returns (address);
}
