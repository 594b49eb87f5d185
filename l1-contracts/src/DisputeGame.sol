// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {GameArgs, GameArgsLib} from "./lib/GameArgs.sol";

/// @title DisputeGame
/// @notice The dispute over one proposed output root. It holds the bonds of its claims. Only the proposal is there
///         so far: nobody can attack it, so it resolves for the proposer when the challengers' clock has expired.
/// @dev A clone with immutable arguments: what the proposal says costs code, not storage, and the game's address
///      commits to it, so that after an L1 reorg nobody answers another claim at the same address.
contract DisputeGame is IDisputeGame {
    using GameArgsLib for GameArgs;

    /// @notice The type of the game.
    uint32 internal constant GAME_TYPE = 16;

    /// @inheritdoc IDisputeGame
    uint64 public immutable maxClockDuration;

    /// @inheritdoc IDisputeGame
    GameStatus public status;
    /// @inheritdoc IDisputeGame
    uint64 public resolvedAt;
    /// @inheritdoc IDisputeGame
    mapping(address recipient => uint256) public credit;

    /// @param _maxClockDuration Budget of each side's clock, in seconds.
    constructor(uint64 _maxClockDuration) {
        maxClockDuration = _maxClockDuration;
    }

    /// @inheritdoc IDisputeGame
    function resolve() external returns (GameStatus status_) {
        // INVARIANT: a game is decided once.
        if (status != GameStatus.IN_PROGRESS) revert AlreadyResolved();
        GameArgs memory args = _args();
        // INVARIANT: challengers get their whole time.
        uint64 expiresAt = args.createdAt + maxClockDuration;
        if (block.timestamp < expiresAt) revert ClockNotExpired(expiresAt);

        status_ = GameStatus.DEFENDER_WINS;
        status = status_;
        resolvedAt = uint64(block.timestamp);
        credit[args.proposer] += args.bond;
        emit Resolved(status_);
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
        return "0.1.0";
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
        return resolvedAt != 0 ? resolvedAt : _args().createdAt + maxClockDuration;
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
    function bond() external view returns (uint256) {
        return _args().bond;
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
    function rootClaimId() external view returns (bytes32) {
        GameArgs memory args = _args();
        return keccak256(
            abi.encode(
                address(this),
                bytes32(0),
                uint8(0),
                uint8(0),
                bytes32(0),
                args.anchorBlock,
                args.l2Block - args.anchorBlock,
                args.anchorOutput,
                args.vectorHash
            )
        );
    }

    /// @inheritdoc IDisputeGame
    function uuid() external view returns (bytes32) {
        return _args().uuid(GAME_TYPE);
    }

    /// @notice The immutable arguments behind this clone's code.
    function _args() private view returns (GameArgs memory args_) {
        args_ = GameArgsLib.decode(Clones.fetchCloneArgs(address(this)));
    }
}
