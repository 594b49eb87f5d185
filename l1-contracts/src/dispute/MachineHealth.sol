// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IRiscV} from "../interfaces/IRiscV.sol";

/// @title MachineHealth
/// @notice The step verifier of a version of the dispute game, and whether it can still be relied on. An L1 fork that
///         changes a precompile beyond what the verifier allows for breaks it: then it proves wrong steps, and right ones
///         no more. Anyone can show that, which stops all games of the version, for ever and in both directions.
/// @dev What is known of the machine stands in the storage of the implementation; its clones ask there.
abstract contract MachineHealth is IDisputeGame {
    /// @notice Length of `PrecompileFailed`, encoded.
    uint256 private constant FAILURE_LENGTH = 36;

    /// @notice The step verifier.
    address internal immutable _riscV;
    /// @notice The implementation itself: for a clone, what it is a clone of.
    address internal immutable _implementation;

    /// @notice When the machine was shown to be broken, 0 if it was not. Only in the implementation.
    uint64 private _suspendedAt;
    /// @notice When it was last known to be sound. Only in the implementation.
    uint64 private _soundAt;

    /// @param _verifier The step verifier.
    constructor(address _verifier) {
        // INVARIANT: there is a verifier, and no version starts with a broken one.
        if (_verifier.code.length == 0) revert BadParameter("riscV");
        _riscV = _verifier;
        _implementation = address(this);
        _check(_verifier);
    }

    /// @inheritdoc IDisputeGame
    function recordCheck() external {
        _checkIsImplementation();
        _checkSound();
        _check(_riscV);
        emit CheckRecorded(_soundAt);
    }

    /// @inheritdoc IDisputeGame
    function suspend(uint256 _op) external {
        _checkIsImplementation();
        _checkSound();
        try IRiscV(_riscV).check(_op) {
            revert MachineSound(_op);
        } catch (bytes memory reason) {
            // SAFETY: whoever calls chooses the gas. Too little of it ends in another error, or in none (empty data). Only
            // the verifier's own word counts, which it gives after a call that had all the gas it may need.
            if (reason.length != FAILURE_LENGTH || bytes4(reason) != IRiscV.PrecompileFailed.selector) {
                revert NothingShown(_op, reason);
            }
        }
        _suspendedAt = uint64(block.timestamp);
        emit Suspended(_op, _soundAt);
    }

    /// @inheritdoc IDisputeGame
    function implementation() external view returns (address) {
        return _implementation;
    }

    /// @inheritdoc IDisputeGame
    function health() public view returns (uint64 suspendedAt_, uint64 soundAt_) {
        if (address(this) != _implementation) return IDisputeGame(_implementation).health();
        (suspendedAt_, soundAt_) = (_suspendedAt, _soundAt);
    }

    /// @notice Reverts once the machine was shown to be broken.
    function _checkSound() internal view {
        (uint64 suspendedAt,) = health();
        if (suspendedAt != 0) revert MachineBroken(suspendedAt);
    }

    /// @notice Runs all known answers, and keeps that they were right. Reverts if one is not.
    function _check(address _verifier) private {
        uint256[] memory operations = IRiscV(_verifier).operations();
        for (uint256 i = 0; i < operations.length; ++i) {
            IRiscV(_verifier).check(operations[i]);
        }
        _soundAt = uint64(block.timestamp);
    }

    /// @notice Reverts unless this is the implementation, not one of its clones.
    function _checkIsImplementation() private view {
        // INVARIANT: what is known of the machine is known to all games of the version.
        if (address(this) != _implementation) revert NotTheImplementation(_implementation);
    }
}
