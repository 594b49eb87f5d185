// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "./interfaces/IRiscV.sol";
import {Accelerator} from "./lib/riscv/Accelerator.sol";
import {Alu} from "./lib/riscv/Alu.sol";
import {Instruction} from "./lib/riscv/Instruction.sol";
import {KnownAnswers} from "./lib/riscv/KnownAnswers.sol";
import {Kzg} from "./lib/riscv/Kzg.sol";
import {Leaf} from "./lib/riscv/Leaf.sol";
import {MachineState, MachineStateLib} from "./lib/riscv/MachineState.sol";
import {MemoryProof} from "./lib/riscv/MemoryProof.sol";
import {Preimage} from "./lib/riscv/Preimage.sol";
import {Witness, WitnessLib} from "./lib/riscv/Witness.sol";

/// @title RiscV
/// @notice The fault proof VM: one step of it as a pure function of calldata, by the table in
///         `fraud-prover/vm/README.md`, whose terms this contract uses.
/// @dev Functions that execute something return whether it is legal. Where it is not, they have changed nothing but
///      the witness's position, and the VM exits with code 2.
contract RiscV is IRiscV {
    using MemoryProof for Witness;

    // Opcodes.
    uint256 private constant LOAD = 0x03;
    uint256 private constant FENCE = 0x0f;
    uint256 private constant OP_IMM = 0x13;
    uint256 private constant AUIPC = 0x17;
    uint256 private constant OP_IMM_32 = 0x1b;
    uint256 private constant STORE = 0x23;
    uint256 private constant OP = 0x33;
    uint256 private constant LUI = 0x37;
    uint256 private constant OP_32 = 0x3b;
    uint256 private constant BRANCH = 0x63;
    uint256 private constant JALR = 0x67;
    uint256 private constant JAL = 0x6f;

    /// @notice The whole word of an environment call.
    uint256 private constant ECALL = 0x00000073;

    // Environment calls.
    uint256 private constant HALT = 0;
    uint256 private constant PREIMAGE = 1;
    uint256 private constant BLOB = 2;
    uint256 private constant ACCEL = 3;

    // Registers of an environment call.
    uint256 private constant A0 = 10;
    uint256 private constant A1 = 11;
    uint256 private constant A2 = 12;
    uint256 private constant A7 = 17;

    /// @notice Exit code of a VM that did something illegal.
    uint256 private constant EXIT_ILLEGAL = 2;
    /// @notice Bytes of an instruction.
    uint256 private constant INSTRUCTION_SIZE = 4;

    /// @notice Checks the chain's precompiles.
    constructor() {
        for (uint256 i = 0; i < KnownAnswers.COUNT; ++i) {
            KnownAnswers.check(KnownAnswers.operation(i));
        }
    }

    /// @inheritdoc IRiscV
    function check(uint256 _op) external view {
        KnownAnswers.check(_op);
    }

    /// @inheritdoc IRiscV
    function operations() external pure returns (uint256[] memory operations_) {
        operations_ = new uint256[](KnownAnswers.COUNT);
        for (uint256 i = 0; i < KnownAnswers.COUNT; ++i) {
            operations_[i] = KnownAnswers.operation(i);
        }
    }

    /// @inheritdoc IRiscV
    function step(bytes calldata _state, bytes calldata _witness) external view returns (bytes32 postStateHash_) {
        MachineState state = MachineStateLib.load(_state);
        Witness memory witness = WitnessLib.open(_witness);
        if (!state.exited()) {
            state.countStep();
            if (!_execute(state, witness)) state.exit(EXIT_ILLEGAL, 0);
        }
        witness.close();
        postStateHash_ = state.hash();
    }

    /// @notice Fetches the instruction at pc and executes it.
    function _execute(MachineState _state, Witness memory _witness) private view returns (bool legal_) {
        uint256 pc = _state.pc();
        if (!MemoryProof.isAccessible(pc, INSTRUCTION_SIZE)) return false;
        (bytes32 leaf,) = _witness.readLeaf(_state.memoryRoot(), pc);
        Instruction instruction = Instruction.wrap(Leaf.get(leaf, pc, INSTRUCTION_SIZE));

        // Those that set pc themselves.
        uint256 opcode = instruction.opcode();
        if (opcode == BRANCH) return _branch(_state, instruction, pc);
        if (opcode == JAL || opcode == JALR) return _jump(_state, instruction, opcode, pc);
        if (instruction.word() == ECALL) return _environmentCall(_state, _witness);

        if (opcode == LOAD) legal_ = _load(_state, _witness, instruction);
        else if (opcode == STORE) legal_ = _store(_state, _witness, instruction);
        else if (opcode == FENCE) legal_ = instruction.funct3() == 0;
        else legal_ = _compute(_state, instruction, opcode, pc);
        if (legal_) _goTo(_state, pc, INSTRUCTION_SIZE);
    }

    /// @notice Executes an instruction whose only effect is a register's new value.
    function _compute(MachineState _state, Instruction _instruction, uint256 _opcode, uint256 _pc)
        private
        pure
        returns (bool legal_)
    {
        uint256 value;
        uint256 a = _state.register(_instruction.rs1());
        uint256 funct3 = _instruction.funct3();
        if (_opcode == OP_IMM) {
            (legal_, value) = Alu.opImm(funct3, _instruction.funct12(), a, _instruction.immI());
        } else if (_opcode == OP) {
            (legal_, value) = Alu.op(_instruction.funct7(), funct3, a, _state.register(_instruction.rs2()));
        } else if (_opcode == OP_IMM_32) {
            (legal_, value) = Alu.opImm32(funct3, _instruction.funct12(), a, _instruction.immI());
        } else if (_opcode == OP_32) {
            uint256 rs2 = _instruction.rs2();
            (legal_, value) = Alu.op32(_instruction.funct7(), funct3, rs2, a, _state.register(rs2));
        } else if (_opcode == LUI) {
            (legal_, value) = (true, _instruction.immU());
        } else if (_opcode == AUIPC) {
            unchecked {
                (legal_, value) = (true, _pc + _instruction.immU());
            }
        }
        if (legal_) _state.setRegister(_instruction.rd(), value);
    }

    /// @notice Executes a conditional branch.
    function _branch(MachineState _state, Instruction _instruction, uint256 _pc)
        private
        pure
        returns (bool legal_)
    {
        bool taken;
        (legal_, taken) = Alu.isTaken(
            _instruction.funct3(), _state.register(_instruction.rs1()), _state.register(_instruction.rs2())
        );
        if (legal_) _goTo(_state, _pc, taken ? _instruction.immB() : INSTRUCTION_SIZE);
    }

    /// @notice Executes JAL or JALR.
    function _jump(MachineState _state, Instruction _instruction, uint256 _opcode, uint256 _pc)
        private
        pure
        returns (bool legal_)
    {
        if (_opcode == JAL) {
            _goTo(_state, _pc, _instruction.immJ());
        } else {
            if (_instruction.funct3() != 0) return false;
            unchecked {
                uint256 target = _state.register(_instruction.rs1()) + _instruction.immI();
                _state.setPc(target & ~uint256(1));
            }
        }
        // After rs1 was read, which may be the same register.
        _state.setRegister(_instruction.rd(), _pc + INSTRUCTION_SIZE);
        return true;
    }

    /// @notice Executes a load. The lower two bits of funct3 are log₂ of the size, the upper one tells unsigned loads.
    function _load(MachineState _state, Witness memory _witness, Instruction _instruction)
        private
        pure
        returns (bool legal_)
    {
        uint256 funct3 = _instruction.funct3();
        if (funct3 == 7) return false;
        uint256 size = 1 << (funct3 & 3);
        uint256 pointer = _address(_state.register(_instruction.rs1()), _instruction.immI());
        if (!MemoryProof.isAccessible(pointer, size)) return false;

        (bytes32 leaf,) = _witness.readLeaf(_state.memoryRoot(), pointer);
        uint256 value = Leaf.get(leaf, pointer, size);
        if (funct3 < 4) value = Leaf.signExtend(value, size);
        _state.setRegister(_instruction.rd(), value);
        return true;
    }

    /// @notice Executes a store. funct3 is log₂ of the size.
    function _store(MachineState _state, Witness memory _witness, Instruction _instruction)
        private
        pure
        returns (bool legal_)
    {
        uint256 funct3 = _instruction.funct3();
        if (funct3 > 3) return false;
        uint256 size = 1 << funct3;
        uint256 pointer = _address(_state.register(_instruction.rs1()), _instruction.immS());
        if (!MemoryProof.isAccessible(pointer, size)) return false;

        (bytes32 leaf, uint256 branch) = _witness.readLeaf(_state.memoryRoot(), pointer);
        leaf = Leaf.set(leaf, pointer, size, _state.register(_instruction.rs2()));
        _state.setMemoryRoot(MemoryProof.withLeaf(leaf, pointer, branch));
        return true;
    }

    /// @notice Executes an ECALL.
    function _environmentCall(MachineState _state, Witness memory _witness) private view returns (bool legal_) {
        uint256 number = _state.register(A7);
        // The only one that leaves pc where it is.
        if (number == HALT) return _halt(_state, _witness);

        if (number == PREIMAGE) legal_ = _preimage(_state, _witness);
        else if (number == BLOB) legal_ = _blob(_state, _witness);
        else if (number == ACCEL) legal_ = _accel(_state, _witness);
        if (legal_) _goTo(_state, _state.pc(), INSTRUCTION_SIZE);
    }

    /// @notice HALT: exits with code a0; the output is the leaf at a1, or zero if a1 is 0.
    function _halt(MachineState _state, Witness memory _witness) private pure returns (bool legal_) {
        uint256 pointer = _state.register(A1);
        bytes32 output;
        if (pointer != 0) {
            if (!MemoryProof.isAccessible(pointer, MemoryProof.LEAF_SIZE)) return false;
            (output,) = _witness.readLeaf(_state.memoryRoot(), pointer);
        }
        _state.exit(_state.register(A0), output);
        return true;
    }

    /// @notice PREIMAGE: the leaf at a1 becomes the 32 bytes at a2 of the preimage of the leaf at a0, a0 its length.
    function _preimage(MachineState _state, Witness memory _witness) private pure returns (bool legal_) {
        (uint256 source, uint256 destination) = (_state.register(A0), _state.register(A1));
        if (!_areLeaves(source, destination)) return false;

        bytes32 root = _state.memoryRoot();
        (bytes32 key,) = _witness.readLeaf(root, source);
        (, uint256 branch) = _witness.readLeaf(root, destination);
        (uint256 preimage, uint256 length) = _witness.takeRest();
        Preimage.check(key, preimage, length);
        bytes32 part = Preimage.part(preimage, length, _state.register(A2));
        _state.setMemoryRoot(MemoryProof.withLeaf(part, destination, branch));
        _state.setRegister(A0, length);
        return true;
    }

    /// @notice BLOB: the leaf at a1 becomes field element a2 of the blob whose versioned hash is the leaf at a0.
    function _blob(MachineState _state, Witness memory _witness) private view returns (bool legal_) {
        (uint256 source, uint256 destination) = (_state.register(A0), _state.register(A1));
        uint256 index = _state.register(A2);
        if (!_areLeaves(source, destination) || index >= Kzg.ELEMENTS) return false;

        bytes32 root = _state.memoryRoot();
        (bytes32 versionedHash,) = _witness.readLeaf(root, source);
        (, uint256 branch) = _witness.readLeaf(root, destination);
        uint256 opening = _witness.take(Kzg.OPENING_LENGTH);
        bytes32 element = Kzg.check(versionedHash, index, opening);
        _state.setMemoryRoot(MemoryProof.withLeaf(element, destination, branch));
        return true;
    }

    /// @notice ACCEL: runs operation a0 on the first a2 bytes of the page at a1. a0 tells success, a1 the output's
    ///         length.
    function _accel(MachineState _state, Witness memory _witness) private view returns (bool legal_) {
        (uint256 op, uint256 pointer, uint256 length) =
            (_state.register(A0), _state.register(A1), _state.register(A2));
        if (
            !Accelerator.isKnown(op) || !MemoryProof.isAccessible(pointer, MemoryProof.PAGE_SIZE)
                || length > MemoryProof.PAGE_SIZE
        ) return false;

        (uint256 page, uint256 branch) = _witness.readPage(_state.memoryRoot(), pointer);
        uint256 cost = Accelerator.cost(op, page, length);
        if (cost > Accelerator.MAX_GAS) return false;
        (bool success, uint256 outputLength) = Accelerator.run(op, page, length, cost);
        if (success) _state.setMemoryRoot(MemoryProof.withPage(page, pointer, branch));
        _state.setRegister(A0, success ? 1 : 0);
        _state.setRegister(A1, outputLength);
        return true;
    }

    /// @notice Whether both addresses are leaf pointers.
    function _areLeaves(uint256 _a, uint256 _b) private pure returns (bool leaves_) {
        leaves_ = MemoryProof.isAccessible(_a, MemoryProof.LEAF_SIZE)
            && MemoryProof.isAccessible(_b, MemoryProof.LEAF_SIZE);
    }

    /// @notice Sets pc to a place relative to the instruction.
    function _goTo(MachineState _state, uint256 _pc, uint256 _offset) private pure {
        unchecked {
            _state.setPc(_pc + _offset);
        }
    }

    /// @notice The address of a load or store: base plus offset, 64 bits.
    function _address(uint256 _base, uint256 _offset) private pure returns (uint256 address_) {
        unchecked {
            address_ = (_base + _offset) & type(uint64).max;
        }
    }
}
