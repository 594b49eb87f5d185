// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";

/// @notice A VM's packed state in memory, by its position.
type MachineState is uint256;

using MachineStateLib for MachineState global;

/// @title MachineStateLib
/// @notice The packed state of the VM, 337 bytes, integers big-endian:
///
///         | offset | bytes | field |
///         |---|---|---|
///         | 0 | 32 | memory root |
///         | 32 | 8 | pc |
///         | 40 | 8 | step |
///         | 48 | 1 | exited, 0 or 1 |
///         | 49 | 8 | exit code |
///         | 57 | 32 | output |
///         | 89 | 248 | x1 … x31 |
///
///         Numbers that are written keep their low 64 bits, so that callers may compute with wider ones.
library MachineStateLib {
    /// @notice Length of a packed state.
    uint256 internal constant LENGTH = 337;

    uint256 private constant PC_AT = 32;
    uint256 private constant STEP_AT = 40;
    uint256 private constant EXITED_AT = 48;
    uint256 private constant EXIT_CODE_AT = 49;
    uint256 private constant OUTPUT_AT = 57;
    /// @notice Where x0 would stand. It is not stored: there the output ends.
    uint256 private constant X0_AT = 81;
    /// @notice Memory that a state takes. Fields are read as whole words, and that of x31 ends past the state.
    uint256 private constant ALLOCATED = 384;

    /// @notice Copies a packed state into memory. Reverts if no VM can be in it.
    function load(bytes calldata _packed) internal pure returns (MachineState state_) {
        // INVARIANT: a state hash stands for one state. (Hashes of other strings could otherwise be taken for it.)
        if (_packed.length != LENGTH) revert IRiscV.WrongStateLength(LENGTH, _packed.length);
        assembly ("memory-safe") {
            state_ := mload(0x40)
            mstore(0x40, add(state_, ALLOCATED))
            calldatacopy(state_, _packed.offset, LENGTH)
        }
        uint256 flag = _byte(state_, EXITED_AT);
        if (flag > 1) revert IRiscV.ImpossibleExitedFlag(flag);
    }

    /// @notice The state hash.
    function hash(MachineState _state) internal pure returns (bytes32 hash_) {
        assembly ("memory-safe") {
            hash_ := keccak256(_state, LENGTH)
        }
    }

    /// @notice Root of the memory tree.
    function memoryRoot(MachineState _state) internal pure returns (bytes32 root_) {
        assembly ("memory-safe") {
            root_ := mload(_state)
        }
    }

    /// @notice Replaces the root of the memory tree.
    function setMemoryRoot(MachineState _state, bytes32 _root) internal pure {
        assembly ("memory-safe") {
            mstore(_state, _root)
        }
    }

    /// @notice Address of the next instruction, any 64-bit number.
    function pc(MachineState _state) internal pure returns (uint256 pc_) {
        pc_ = _number(_state, PC_AT);
    }

    /// @notice Sets the address of the next instruction.
    function setPc(MachineState _state, uint256 _pc) internal pure {
        _setNumber(_state, PC_AT, _pc);
    }

    /// @notice Adds one to the step count.
    function countStep(MachineState _state) internal pure {
        unchecked {
            _setNumber(_state, STEP_AT, _number(_state, STEP_AT) + 1);
        }
    }

    /// @notice Whether the machine has exited.
    function exited(MachineState _state) internal pure returns (bool exited_) {
        exited_ = _byte(_state, EXITED_AT) != 0;
    }

    /// @notice Exits the machine.
    function exit(MachineState _state, uint256 _code, bytes32 _output) internal pure {
        assembly ("memory-safe") {
            mstore8(add(_state, EXITED_AT), 1)
            mstore(add(_state, OUTPUT_AT), _output)
        }
        _setNumber(_state, EXIT_CODE_AT, _code);
    }

    /// @notice The register x`_index` (0 to 31). x0 is zero.
    function register(MachineState _state, uint256 _index) internal pure returns (uint256 value_) {
        if (_index == 0) return 0;
        unchecked {
            value_ = _number(_state, X0_AT + 8 * _index);
        }
    }

    /// @notice Sets the register x`_index` (0 to 31). x0 stays zero.
    function setRegister(MachineState _state, uint256 _index, uint256 _value) internal pure {
        if (_index == 0) return;
        unchecked {
            _setNumber(_state, X0_AT + 8 * _index, _value);
        }
    }

    /// @notice The byte at an offset.
    function _byte(MachineState _state, uint256 _at) private pure returns (uint256 value_) {
        assembly ("memory-safe") {
            value_ := byte(0, mload(add(_state, _at)))
        }
    }

    /// @notice The 64-bit number at an offset.
    function _number(MachineState _state, uint256 _at) private pure returns (uint256 value_) {
        assembly ("memory-safe") {
            value_ := shr(192, mload(add(_state, _at)))
        }
    }

    /// @notice Sets the 64-bit number at an offset to the low 64 bits of `_value`.
    function _setNumber(MachineState _state, uint256 _at, uint256 _value) private pure {
        assembly ("memory-safe") {
            let at := add(_state, _at)
            mstore(at, or(shl(192, _value), shr(64, shl(64, mload(at)))))
        }
    }
}
