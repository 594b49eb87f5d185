// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RiscV} from "../../src/RiscV.sol";
import {Base} from "../Base.t.sol";
import {SparseMemory} from "./SparseMemory.sol";

/// @notice A machine in the open.
struct Machine {
    SparseMemory ram;
    uint64 pc;
    uint64 steps;
    uint8 exited;
    uint64 exitCode;
    bytes32 output;
    uint64[32] x;
}

/// @title MachineTest
/// @notice Builds machines, packs them, and compares steps with what they should be.
abstract contract MachineTest is Base {
    uint64 internal constant PC = 0x10_0000;
    uint64 internal constant MAX = type(uint64).max;

    uint256 internal constant A0 = 10;
    uint256 internal constant A1 = 11;
    uint256 internal constant A2 = 12;
    uint256 internal constant A7 = 17;

    RiscV internal riscv;

    function setUp() public virtual {
        riscv = new RiscV();
    }

    /// @notice A machine about to execute `_word`, with noise in all registers and in a few places of memory.
    function machine(uint32 _word) internal pure returns (Machine memory machine_) {
        machine_.pc = PC;
        machine_.steps = 1_000_000_007;
        for (uint256 i = 1; i < 32; ++i) {
            machine_.x[i] = uint64(uint256(keccak256(abi.encode("register", i))));
        }
        machine_.ram.setLeaf(0, keccak256("first leaf"));
        machine_.ram.setLeaf(PC, keccak256("code leaf"));
        machine_.ram.setLeaf(PC + 32, keccak256("its sibling"));
        machine_.ram.setLeaf(0xffff_ffe0, keccak256("last leaf"));
        machine_.ram.writeNumber(PC, 4, _word);
    }

    /// @notice The packed state.
    function pack(Machine memory _machine) internal pure returns (bytes memory state_) {
        state_ = bytes.concat(
            abi.encodePacked(_machine.ram.root(), _machine.pc, _machine.steps, _machine.exited, _machine.exitCode),
            _machine.output,
            new bytes(31 * 8)
        );
        for (uint256 i = 1; i < 32; ++i) {
            poke(state_, i, _machine.x[i]);
        }
        require(state_.length == 337, "a state has 337 bytes");
    }

    /// @notice Sets a register in a packed state.
    function poke(bytes memory _state, uint256 _register, uint64 _value) internal pure {
        require(_state.length == 337 && _register > 0 && _register < 32, "no register in a state");
        assembly ("memory-safe") {
            // The number's last byte, and the 24 bytes before it, which stay.
            let end := add(_state, add(89, mul(_register, 8)))
            mstore(end, or(shl(64, shr(64, mload(end))), _value))
        }
    }

    /// @notice A copy that shares nothing.
    function clone(Machine memory _machine) internal pure returns (Machine memory copy_) {
        copy_.ram = _machine.ram.clone();
        copy_.pc = _machine.pc;
        copy_.steps = _machine.steps;
        copy_.exited = _machine.exited;
        copy_.exitCode = _machine.exitCode;
        copy_.output = _machine.output;
        for (uint256 i = 0; i < 32; ++i) {
            copy_.x[i] = _machine.x[i];
        }
    }

    /// @notice The machine after an ordinary instruction without other effects.
    function next(Machine memory _machine) internal pure returns (Machine memory next_) {
        next_ = clone(_machine);
        unchecked {
            next_.pc += 4;
            next_.steps += 1;
        }
    }

    /// @notice The machine after an exit.
    function exit(Machine memory _machine, uint64 _code, bytes32 _output)
        internal
        pure
        returns (Machine memory exited_)
    {
        exited_ = clone(_machine);
        unchecked {
            exited_.steps += 1;
        }
        exited_.exited = 1;
        exited_.exitCode = _code;
        exited_.output = _output;
    }

    /// @notice Witness of the instruction.
    function code(Machine memory _machine) internal pure returns (bytes memory witness_) {
        witness_ = _machine.ram.proof(_machine.pc);
    }

    /// @notice Witness of the instruction and of the leaf at an address.
    function code(Machine memory _machine, uint256 _address) internal pure returns (bytes memory witness_) {
        witness_ = bytes.concat(code(_machine), _machine.ram.proof(_address));
    }

    /// @notice Checks that a step leads from one machine to the other.
    function check(Machine memory _before, bytes memory _witness, Machine memory _after, string memory _what)
        internal
        view
    {
        vm.assertEq(riscv.step(pack(_before), _witness), keccak256(pack(_after)), _what);
    }

    /// @notice Checks a step whose only effect is a new value of a register.
    function checkRegister(
        Machine memory _before,
        bytes memory _witness,
        uint256 _rd,
        uint64 _value,
        string memory _what
    ) internal view {
        Machine memory post = next(_before);
        if (_rd != 0) post.x[_rd] = _value;
        check(_before, _witness, post, _what);
    }

    /// @notice Checks that a step exits with code 2.
    function checkIllegal(Machine memory _before, bytes memory _witness, string memory _what) internal view {
        check(_before, _witness, exit(_before, 2, 0), _what);
    }

    /// @notice Checks that a step is refused with exactly this error.
    function checkRefused(bytes memory _state, bytes memory _witness, bytes memory _error) internal {
        vm.expectRevert(_error);
        riscv.step(_state, _witness);
    }

    /// @notice Checks that a step is refused, for whatever reason.
    function checkAnyRefusal(bytes memory _state, bytes memory _witness, string memory _what) internal view {
        try riscv.step(_state, _witness) {
            vm.assertTrue(false, _what);
        } catch {}
    }
}
