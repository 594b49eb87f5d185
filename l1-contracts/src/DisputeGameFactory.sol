// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {Accumulator} from "./lib/Accumulator.sol";
import {GameArgs, GameArgsLib} from "./lib/GameArgs.sol";
import {BatchHeader} from "./lib/Headers.sol";
import {Interval} from "./lib/Interval.sol";

/// @title DisputeGameFactory
/// @notice Takes proposals of L2 outputs and creates one dispute game for each, of the version that is in force. A game
///         keeps the version that it was created with. The factory holds no funds: the bond goes to the game.
contract DisputeGameFactory is IDisputeGameFactory, Initializable {
    using GameArgsLib for GameArgs;

    /// @inheritdoc IDisputeGameFactory
    uint32 public constant GAME_TYPE = 16;

    /// @notice Seconds by which a change of rules is in force on L1 before L1 knows the first block that it concerns, besides
    ///         the drift of L2's clock: longer than a reorg.
    uint64 private constant LEAST_NOTICE = 1 hours;

    /// @inheritdoc IDisputeGameFactory
    address public immutable anchorStateRegistry;
    /// @inheritdoc IDisputeGameFactory
    address public immutable inbox;
    /// @inheritdoc IDisputeGameFactory
    address public immutable governor;
    /// @inheritdoc IDisputeGameFactory
    uint64 public immutable activationNotice;

    /// @inheritdoc IDisputeGameFactory
    address public gameImplementation;
    /// @inheritdoc IDisputeGameFactory
    address public standbyImplementation;
    /// @notice `uint32 gameType ‖ uint64 timestamp ‖ address game` of every game.
    bytes32[] private _games;
    /// @inheritdoc IDisputeGameFactory
    mapping(bytes32 uuid => address) public gameByUuid;

    /// @param _anchorStateRegistry Source of the anchor; it must know this contract as its factory.
    /// @param _inbox Source of the batches.
    /// @param _governor Who may change the version of new games: the Timelock, or nobody (zero).
    /// @param _maxDrift How far L2's timestamps may run ahead of L1's, in seconds.
    constructor(address _anchorStateRegistry, address _inbox, address _governor, uint64 _maxDrift) {
        anchorStateRegistry = _anchorStateRegistry;
        inbox = _inbox;
        governor = _governor;
        activationNotice = _maxDrift + LEAST_NOTICE;
        _disableInitializers();
    }

    /// @notice Lets only the governor through.
    modifier onlyGovernor() {
        if (msg.sender != governor) revert NotGovernor(msg.sender);
        _;
    }

    /// @inheritdoc IDisputeGameFactory
    function initialize(address _implementation, address _standby) external initializer {
        _setImplementation(_implementation);
        _setStandby(_standby);
    }

    /// @inheritdoc IDisputeGameFactory
    function setImplementation(address _implementation) external onlyGovernor {
        _checkNotice(_implementation);
        _setImplementation(_implementation);
        // SAFETY: a standby of before may have the fault that this version mends, or lack the rules that it brings.
        _setStandby(address(0));
    }

    /// @inheritdoc IDisputeGameFactory
    function setStandby(address _standby) external onlyGovernor {
        _setStandby(_standby);
    }

    /// @inheritdoc IDisputeGameFactory
    function activateStandby() external {
        // INVARIANT: nobody chooses between two versions that work.
        if (!_isSuspended(gameImplementation)) revert ImplementationSound(gameImplementation);
        address standby = standbyImplementation;
        if (standby == address(0)) revert NoStandby();
        // INVARIANT: what takes over has passed the governor's delay, and works on L1 as it is now.
        IDisputeGame(standby).recordCheck();
        _checkNotice(standby);
        _setImplementation(standby);
        _setStandby(address(0));
    }

    /// @inheritdoc IDisputeGameFactory
    function propose(
        address _implementation,
        uint64 _anchorBlock,
        uint64 _l2Block,
        bytes32[] calldata _vector,
        uint64 _batchCount,
        bytes32 _batchAcc,
        bytes calldata _lastBatchHeader
    ) external payable returns (address game_) {
        // INVARIANT: every root claim has the same stake, no more (it would be lost) and no less.
        uint256 bond_ = bond();
        if (msg.value != bond_) revert WrongBond(bond_, msg.value);
        // INVARIANT: a proposal is disputed by the rules that its proposer knew, and by none that cannot be relied on.
        if (_implementation != gameImplementation) {
            revert ImplementationChanged(gameImplementation, _implementation);
        }
        if (_isSuspended(_implementation)) revert ImplementationSuspended(_implementation);
        GameArgs memory args;
        args.anchorBlock = _anchorBlock;
        args.anchorOutput = _anchorOutput(_anchorBlock);
        // INVARIANT: a claim is about at least one block past what is agreed.
        if (_l2Block <= _anchorBlock) revert BlockNotAfterAnchor(_anchorBlock, _l2Block);
        _checkVector(_l2Block - _anchorBlock, _vector);
        _checkPin(_l2Block, _batchCount, _batchAcc, _lastBatchHeader);

        args.factory = address(this);
        args.createdAt = uint64(block.timestamp);
        args.proposer = msg.sender;
        args.l2Block = _l2Block;
        args.batchCount = _batchCount;
        args.rootClaim = _vector[_vector.length - 1];
        args.batchAcc = _batchAcc;
        args.vectorHash = keccak256(abi.encodePacked(_vector));
        game_ = _create(args);
        _emitProposed(game_, args, _vector);
    }

    /// @inheritdoc IDisputeGameFactory
    function gameCount() external view returns (uint256) {
        return _games.length;
    }

    /// @inheritdoc IDisputeGameFactory
    function gameAtIndex(uint256 _index)
        external
        view
        returns (uint32 gameType_, uint64 timestamp_, address game_)
    {
        bytes32 metadata = _games[_index];
        gameType_ = GAME_TYPE;
        (timestamp_, game_) = _unpack(metadata);
    }

    /// @inheritdoc IDisputeGameFactory
    function findLatestGames(uint32 _gameType, uint256 _start, uint256 _n)
        external
        view
        returns (GameSearchResult[] memory games_)
    {
        // All games have the same type: either all match or none.
        if (_gameType != GAME_TYPE || _start >= _games.length) return games_;
        uint256 count = _n < _start + 1 ? _n : _start + 1;
        games_ = new GameSearchResult[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 metadata = _games[_start - i];
            (uint64 timestamp, address game) = _unpack(metadata);
            games_[i] = GameSearchResult({
                index: _start - i,
                metadata: metadata,
                timestamp: timestamp,
                rootClaim: IDisputeGame(game).rootClaim(),
                extraData: IDisputeGame(game).extraData()
            });
        }
    }

    /// @inheritdoc IDisputeGameFactory
    function bond() public view returns (uint256) {
        // INVARIANT: the bond that is asked for is the bond that a game returns.
        return IDisputeGame(gameImplementation).bond();
    }

    /// @inheritdoc IDisputeGameFactory
    function stride(uint64 _n) external pure returns (uint64) {
        return Interval.stride(_n);
    }

    /// @inheritdoc IDisputeGameFactory
    function parts(uint64 _n) external pure returns (uint64) {
        return Interval.segments(_n);
    }

    /// @notice Puts a version in force.
    function _setImplementation(address _implementation) private {
        _checkVersion(_implementation);
        gameImplementation = _implementation;
        emit ImplementationSet(_implementation);
    }

    /// @notice Sets what takes over when the machine breaks; zero for nothing.
    function _setStandby(address _standby) private {
        if (_standby != address(0)) _checkVersion(_standby);
        standbyImplementation = _standby;
        emit StandbySet(_standby);
    }

    /// @notice Reverts unless this is an implementation of the game, and its machine works as far as is known.
    function _checkVersion(address _implementation) private view {
        // INVARIANT: there is always code that games can be clones of. A game is no such code, although it looks like it.
        if (_implementation.code.length == 0 || IDisputeGame(_implementation).implementation() != _implementation)
        {
            revert NotAnImplementation(_implementation);
        }
        if (_isSuspended(_implementation)) revert ImplementationSuspended(_implementation);
    }

    /// @notice Reverts if a version changes the rules of blocks that may be on L1 already, or soon.
    function _checkNotice(address _implementation) private view {
        uint64 activation = _newestActivation(_implementation);
        uint64 current = _newestActivation(gameImplementation);
        if (activation == current) return;
        // INVARIANT: before a block is on L1, all games agree on its rules. So no two nodes can derive it differently, and
        // no proposal of it is disputed by other rules than it was computed with. It does not matter whether the version
        // adds the activation or takes it back.
        uint64 first = activation > current ? activation : current;
        if (first < block.timestamp + activationNotice) {
            revert ActivationTooSoon(first, uint64(block.timestamp) + activationNotice);
        }
    }

    /// @notice The last change of rules that a version knows.
    function _newestActivation(address _implementation) private view returns (uint64 activation_) {
        activation_ = IDisputeGame(_implementation).parameters().newestActivation;
    }

    /// @notice Whether a version's machine was shown to be broken.
    function _isSuspended(address _implementation) private view returns (bool suspended_) {
        (uint64 suspendedAt,) = IDisputeGame(_implementation).health();
        suspended_ = suspendedAt != 0;
    }

    /// @notice The current anchor's output. Reverts unless the anchor's block is `_block`.
    function _anchorOutput(uint64 _block) private view returns (bytes32 output_) {
        uint256 current;
        (output_, current) = IAnchorStateRegistry(anchorStateRegistry).anchors();
        // SAFETY: anyone can move the anchor just before a pending proposal. If that then started from the new
        // anchor with an equal number of segments, its honest values would claim the outputs of other blocks than they
        // were made for, and whoever moved the anchor could win its bond in a dispute.
        if (current != _block) revert AnchorMoved(uint64(current), _block);
    }

    /// @notice Reverts unless there is one commitment, not zero, for each segment of `_n` blocks.
    function _checkVector(uint64 _n, bytes32[] calldata _vector) private pure {
        // INVARIANT: the segments follow from the interval alone, so that every segment of every claim can be disputed.
        uint256 expected = Interval.segments(_n);
        if (_vector.length != expected) revert WrongVectorLength(expected, _vector.length);
        // INVARIANT: zero, the value of a run that failed, cannot be claimed: a failing block stops the chain but
        // never forges it.
        for (uint256 i = 0; i < expected; ++i) {
            if (_vector[i] == 0) revert ZeroValue(i);
        }
    }

    /// @notice Reverts unless the pinned batches are the Inbox's and hold the claimed block.
    function _checkPin(uint64 _l2Block, uint64 _batchCount, bytes32 _batchAcc, bytes calldata _header)
        private
        view
    {
        // INVARIANT: the claim is about the inputs that its proposer saw; on a reorged L1 it does not exist.
        bytes32 acc = IInbox(inbox).batchAcc(_batchCount);
        if (acc != _batchAcc) revert WrongBatchAcc(acc, _batchAcc);
        // INVARIANT: the inputs of every disputed block are reachable from the pinned accumulator. (An accumulator
        // of zero stands for no batch, or for one that does not exist yet.)
        if (acc == 0) revert WrongBatchHeader();
        bytes32 previous = IInbox(inbox).batchAcc(_batchCount - 1);
        if (Accumulator.extend(previous, keccak256(_header)) != acc) revert WrongBatchHeader();
        uint64 lastPinnedBlock = BatchHeader.lastBlock(_header);
        if (_l2Block > lastPinnedBlock) revert BlockNotCovered(lastPinnedBlock, _l2Block);
    }

    /// @notice Creates and lists a game, and gives it the bond.
    function _create(GameArgs memory _args) private returns (address game_) {
        // INVARIANT: one claim, one game. Otherwise a claim would have to be disputed as often as it is made.
        bytes32 uuid = _args.uuid(GAME_TYPE, gameImplementation);
        address existing = gameByUuid[uuid];
        if (existing != address(0)) revert DuplicateGame(existing);

        game_ = Clones.cloneDeterministicWithImmutableArgs(gameImplementation, _args.encode(), uuid, msg.value);
        gameByUuid[uuid] = game_;
        _games.push(bytes32((uint256(GAME_TYPE) << 224) | (uint256(_args.createdAt) << 160) | uint160(game_)));
    }

    /// @notice Reports a new game.
    function _emitProposed(address _game, GameArgs memory _args, bytes32[] calldata _vector) private {
        emit Proposed(
            _games.length - 1,
            _game,
            _args.proposer,
            _args.l2Block,
            _args.rootClaim,
            _args.anchorBlock,
            _args.anchorOutput,
            _vector,
            _args.batchCount,
            _args.batchAcc,
            gameImplementation
        );
    }

    /// @notice Timestamp and address in a game's metadata.
    function _unpack(bytes32 _metadata) private pure returns (uint64 timestamp_, address game_) {
        timestamp_ = uint64(uint256(_metadata) >> 160);
        game_ = address(uint160(uint256(_metadata)));
    }
}
