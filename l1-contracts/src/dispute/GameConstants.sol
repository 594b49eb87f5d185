// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {BondSchedule} from "../lib/BondSchedule.sol";
import {ClaimRecordLib} from "../lib/ClaimRecord.sol";
import {Duration} from "../lib/Clock.sol";
import {MachineHealth} from "./MachineHealth.sol";

/// @title GameConstants
/// @notice What all games of a version have in common.
abstract contract GameConstants is MachineHealth {
    bytes32 internal immutable _programRoot;
    uint64 internal immutable _programEntry;
    uint64 internal immutable _maxSteps;
    bytes32 internal immutable _configHash;
    Duration internal immutable _maxClockDuration;
    Duration internal immutable _extension;
    Duration internal immutable _boundaryExtension;
    uint128 internal immutable _rootBond;
    uint128 internal immutable _leafBond;
    uint16 internal immutable _bondDecay;
    uint64 internal immutable _newestActivation;

    /// @param _parameters The constants of all games.
    constructor(Parameters memory _parameters) MachineHealth(_parameters.riscV) {
        // INVARIANT: a run can be claimed, and a step of it checked.
        if (_parameters.maxSteps == 0) revert BadParameter("maxSteps");
        // INVARIANT: clocks fit their field, and an extension gives time without giving more than there is.
        if (_parameters.maxClockDuration >= ClaimRecordLib.MAX_CLOCK) revert BadParameter("maxClockDuration");
        if (_parameters.boundaryExtension >= _parameters.maxClockDuration) {
            revert BadParameter("boundaryExtension");
        }
        if (_parameters.clockExtension > _parameters.boundaryExtension) revert BadParameter("clockExtension");
        // INVARIANT: bonds fall from the root to the leaf.
        if (_parameters.leafBond > _parameters.rootBond) revert BadParameter("leafBond");
        if (_parameters.bondDecay >= BondSchedule.ONE) revert BadParameter("bondDecay");
        _programRoot = _parameters.programRoot;
        _programEntry = _parameters.programEntry;
        _maxSteps = _parameters.maxSteps;
        _configHash = _parameters.configHash;
        _maxClockDuration = Duration.wrap(_parameters.maxClockDuration);
        _extension = Duration.wrap(_parameters.clockExtension);
        _boundaryExtension = Duration.wrap(_parameters.boundaryExtension);
        _rootBond = _parameters.rootBond;
        _leafBond = _parameters.leafBond;
        _bondDecay = _parameters.bondDecay;
        _newestActivation = _parameters.newestActivation;
    }

    /// @inheritdoc IDisputeGame
    function maxClockDuration() external view returns (uint64) {
        return Duration.unwrap(_maxClockDuration);
    }

    /// @inheritdoc IDisputeGame
    function bond() external view returns (uint256) {
        return _rootBond;
    }

    /// @inheritdoc IDisputeGame
    function bondAt(uint256 _depth) public view returns (uint256) {
        return BondSchedule.bondAt(_depth, _rootBond, _leafBond, _bondDecay);
    }

    /// @inheritdoc IDisputeGame
    function parameters() external view returns (Parameters memory parameters_) {
        parameters_ = Parameters({
            riscV: _riscV,
            programRoot: _programRoot,
            programEntry: _programEntry,
            maxSteps: _maxSteps,
            configHash: _configHash,
            maxClockDuration: Duration.unwrap(_maxClockDuration),
            clockExtension: Duration.unwrap(_extension),
            boundaryExtension: Duration.unwrap(_boundaryExtension),
            rootBond: _rootBond,
            leafBond: _leafBond,
            bondDecay: _bondDecay,
            newestActivation: _newestActivation
        });
    }
}
