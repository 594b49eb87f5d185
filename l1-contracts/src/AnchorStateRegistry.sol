// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";

/// @title AnchorStateRegistry
/// @notice Holds the anchor and says which games count. The guardian can exclude some games, or now and then all so far,
///         and pause for a while; it can neither confirm an output nor move funds, nor keep up any of this for ever.
contract AnchorStateRegistry is IAnchorStateRegistry, Initializable {
    /// @inheritdoc IAnchorStateRegistry
    uint32 public constant respectedGameType = 16;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public constant BLACKLIST_PERIOD = 7 days;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public constant MAX_BLACKLISTED = 5;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public constant RETIREMENT_INTERVAL = 30 days;

    /// @inheritdoc IAnchorStateRegistry
    address public immutable disputeGameFactory;
    /// @inheritdoc IAnchorStateRegistry
    address public immutable guardian;
    /// @inheritdoc IAnchorStateRegistry
    uint256 public immutable disputeGameFinalityDelaySeconds;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public immutable pauseDuration;

    bytes32 private _anchorRoot;
    uint64 private _anchorBlock;
    /// @inheritdoc IAnchorStateRegistry
    address public anchorGame;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public pausedUntil;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public retirementTimestamp;
    /// @notice When the present period of blacklisting began, and how many games were excluded in it.
    uint64 private _periodStart;
    uint64 private _blacklistedInPeriod;
    /// @inheritdoc IAnchorStateRegistry
    mapping(address game => bool) public isGameBlacklisted;

    /// @param _factory The factory whose games count.
    /// @param _guardian The account that may blacklist games, retire all, and pause.
    /// @param _finalityDelay Seconds between a game's decision and its finality.
    /// @param _pauseDuration Length of a pause, and least time between two, in seconds.
    constructor(address _factory, address _guardian, uint64 _finalityDelay, uint64 _pauseDuration) {
        disputeGameFactory = _factory;
        guardian = _guardian;
        disputeGameFinalityDelaySeconds = _finalityDelay;
        pauseDuration = _pauseDuration;
        _disableInitializers();
    }

    /// @notice Lets only the guardian through.
    modifier onlyGuardian() {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        _;
    }

    /// @inheritdoc IAnchorStateRegistry
    function initialize(bytes32 _genesisOutput, uint64 _genesisBlock) external initializer {
        _anchorRoot = _genesisOutput;
        _anchorBlock = _genesisBlock;
    }

    /// @inheritdoc IAnchorStateRegistry
    function setAnchorState(address _game) external {
        // INVARIANT: while something may be wrong, no new output becomes agreed.
        if (paused()) revert WithdrawalsPaused(pausedUntil);
        // INVARIANT: the anchor is an output that every challenger had the whole time to dispute, from a game that
        // plays by our rules, and that the guardian had the air gap to exclude.
        if (!isGameProper(_game)) revert GameNotProper(_game);
        if (!isGameRespected(_game)) revert GameNotRespected(_game);
        if (!isGameFinalized(_game)) revert GameNotFinalized(_game);
        if (!_isDefended(_game)) revert GameNotDefended(_game);
        // INVARIANT: the anchor only moves forward, so that no dispute grows longer.
        uint64 l2Block = uint64(IDisputeGame(_game).l2SequenceNumber());
        if (l2Block <= _anchorBlock) revert AnchorNotNewer(_anchorBlock, l2Block);

        _anchorRoot = IDisputeGame(_game).rootClaim();
        _anchorBlock = l2Block;
        anchorGame = _game;
        emit AnchorUpdated(_game, _anchorRoot, l2Block);
    }

    /// @inheritdoc IAnchorStateRegistry
    function blacklistDisputeGame(address _game) external onlyGuardian {
        if (isGameBlacklisted[_game]) return;
        // INVARIANT: the guardian cannot exclude every game for ever, and so stop withdrawals: anyone can propose more
        // games than this. Where there are more wrong ones, `retire` excludes them all.
        uint64 periodEnd = _periodStart + BLACKLIST_PERIOD;
        if (block.timestamp >= periodEnd) (_periodStart, _blacklistedInPeriod) = (uint64(block.timestamp), 0);
        if (_blacklistedInPeriod == MAX_BLACKLISTED) revert BlacklistCapReached(periodEnd);
        ++_blacklistedInPeriod;
        isGameBlacklisted[_game] = true;
        emit GameBlacklisted(_game);
    }

    /// @inheritdoc IAnchorStateRegistry
    function retire() external onlyGuardian {
        // INVARIANT: between two times lies enough for a game that is disputed to the end, the air gap, a pause and the
        // delay of a withdrawal's proof. (There was none yet if `retirementTimestamp` is zero.)
        uint64 allowedAt = retirementTimestamp == 0 ? 0 : retirementTimestamp + RETIREMENT_INTERVAL;
        if (block.timestamp < allowedAt) revert RetirementTooSoon(allowedAt);
        retirementTimestamp = uint64(block.timestamp);
        emit GamesRetired(retirementTimestamp);
    }

    /// @inheritdoc IAnchorStateRegistry
    function pause() external onlyGuardian {
        // INVARIANT: a pause ends by itself and cannot be extended: a lost or hostile guardian key delays
        // withdrawals, but half of all time is without a pause. (There was no pause yet if `pausedUntil` is zero.)
        uint64 allowedAt = pausedUntil == 0 ? 0 : pausedUntil + pauseDuration;
        if (block.timestamp < allowedAt) revert PauseTooSoon(allowedAt);
        pausedUntil = uint64(block.timestamp) + pauseDuration;
        emit Paused(pausedUntil);
    }

    /// @inheritdoc IAnchorStateRegistry
    function unpause() external onlyGuardian {
        if (!paused()) revert NotPaused();
        pausedUntil = uint64(block.timestamp);
        emit Unpaused();
    }

    /// @inheritdoc IAnchorStateRegistry
    function anchors() external view returns (bytes32 root_, uint256 l2SequenceNumber_) {
        (root_, l2SequenceNumber_) = (_anchorRoot, _anchorBlock);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameClaimValid(address _game) external view returns (bool) {
        return isGameProper(_game) && isGameRespected(_game) && isGameFinalized(_game) && _isDefended(_game);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameProper(address _game) public view returns (bool) {
        return isGameRegistered(_game) && !isGameBlacklisted[_game] && !_isRetired(_game) && !_isSuspended(_game);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameSuspended(address _game) public view returns (bool) {
        return isGameRegistered(_game) && _isSuspended(_game);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRetired(address _game) public view returns (bool) {
        return isGameRegistered(_game) && _isRetired(_game);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRespected(address _game) public view returns (bool) {
        return isGameRegistered(_game) && IDisputeGame(_game).gameType() == respectedGameType;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameFinalized(address _game) public view returns (bool) {
        if (!isGameRegistered(_game)) return false;
        uint256 resolvedAt = IDisputeGame(_game).resolvedAt();
        return resolvedAt != 0 && block.timestamp > resolvedAt + disputeGameFinalityDelaySeconds;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRegistered(address _game) public view returns (bool) {
        // SAFETY: the address may be anything, so it is called at a low level. What it answers is not believed: the
        // factory says which game has that id.
        (bool success, bytes memory answer) = _game.staticcall(abi.encodeCall(IDisputeGame.uuid, ()));
        if (!success || answer.length != 32) return false;
        return IDisputeGameFactory(disputeGameFactory).gameByUuid(bytes32(answer)) == _game && _game != address(0);
    }

    /// @inheritdoc IAnchorStateRegistry
    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }

    /// @notice Whether a registered game was created up to the last retirement.
    function _isRetired(address _game) private view returns (bool) {
        return IDisputeGame(_game).createdAt() <= retirementTimestamp;
    }

    /// @notice Whether a registered game is of a version whose machine broke before the game was decided, as far as is known.
    function _isSuspended(address _game) private view returns (bool) {
        (uint64 suspendedAt, uint64 soundAt) = IDisputeGame(_game).health();
        if (suspendedAt == 0) return false;
        // INVARIANT: what was decided while the machine was known to be sound stands.
        uint64 resolvedAt = IDisputeGame(_game).resolvedAt();
        return resolvedAt == 0 || resolvedAt > soundAt;
    }

    /// @notice Whether a registered game was decided for the proposer.
    function _isDefended(address _game) private view returns (bool) {
        return IDisputeGame(_game).status() == IDisputeGame.GameStatus.DEFENDER_WINS;
    }
}
