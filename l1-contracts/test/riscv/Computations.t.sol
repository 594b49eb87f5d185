// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assembler} from "./Assembler.sol";
import {Machine, MachineTest} from "./MachineTest.sol";
import {Reference} from "./Reference.sol";

/// @title ComputationsTest
/// @notice Instructions that compute a register, and which words are instructions at all. Words and legal fields are
///         those of another assembler (`test/vectors/riscv.json`), results those of `Reference`.
contract ComputationsTest is MachineTest {
    string internal vectors;

    /// @notice Operands at which something changes.
    uint64[] internal edges = [
        uint64(0),
        1,
        31,
        32,
        63,
        0x80,
        0x8000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0xffff_ffff_8000_0000,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        0xffff_ffff_ffff_ffff,
        0x0123_4567_89ab_cdef,
        0xfedc_ba98_0076_5400
    ];

    function setUp() public override {
        super.setUp();
        vectors = vm.readFile("test/vectors/riscv.json");
    }

    function test_registers_edgeOperands() public view {
        string[] memory names = vm.parseJsonStringArray(vectors, ".registerNames");
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".registerWords");
        vm.assertEq(names.length, 57);
        uint64[] memory operands = edges;
        for (uint256 i = 0; i < names.length; ++i) {
            for (uint256 j = 0; j < operands.length; ++j) {
                this.checkComputations(uint32(words[i]), names[i], operands[j], operands, operands);
            }
        }
    }

    function testFuzz_registers_anyOperands(uint64 _a, uint64 _b, uint256 _row) public view {
        string[] memory names = vm.parseJsonStringArray(vectors, ".registerNames");
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".registerWords");
        _row %= names.length;
        this.checkComputations(uint32(words[_row]), names[_row], _a, list(_b), list(_b));
    }

    function test_immediates_edgeOperands() public view {
        string[] memory names = vm.parseJsonStringArray(vectors, ".immediateNames");
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".immediateWords");
        uint256[] memory operands = vm.parseJsonUintArray(vectors, ".immediateOperands");
        vm.assertEq(names.length, 97);
        for (uint256 i = 0; i < names.length; ++i) {
            for (uint256 j = 0; j < edges.length; ++j) {
                // x2 is not read: whatever stands in it, the second operand is the immediate.
                this.checkComputations(
                    uint32(words[i]), names[i], edges[j], list(edges[j]), list(uint64(operands[i]))
                );
            }
        }
    }

    function test_lui_auipc() public view {
        uint256[5] memory upper = [uint256(0), 1, 0x7ffff, 0x80000, 0xfffff];
        for (uint256 i = 0; i < upper.length; ++i) {
            // 20 bits above 12, extended from 32 bits.
            int256 imm = int256(upper[i] * 4096);
            if (upper[i] >= 0x80000) imm -= 2 ** 32;
            Machine memory pre = machine(Assembler.lui(5, upper[i]));
            checkRegister(pre, code(pre), 5, Reference.wrap(imm), "lui");
            pre = machine(Assembler.auipc(5, upper[i]));
            checkRegister(pre, code(pre), 5, Reference.wrap(int256(uint256(PC)) + imm), "auipc");
        }
    }

    function test_everyRegister_isReadAndWritten() public view {
        for (uint256 i = 0; i < 32; ++i) {
            Machine memory pre = machine(Assembler.addi(i, i, 1));
            checkRegister(pre, code(pre), i, uint64(uint256(pre.x[i]) + 1), "rd = rs1");
            pre = machine(Assembler.r(0x33, 0, 0, 31 - i, 0, i));
            checkRegister(pre, code(pre), 31 - i, pre.x[i], "rd = x0 + rs2");
        }
    }

    function test_x0_staysZero() public view {
        uint32[7] memory words = [
            Assembler.addi(0, 1, 5),
            Assembler.r(0x33, 0, 0, 0, 1, 2),
            Assembler.r(0x3b, 0, 0, 0, 1, 2),
            Assembler.i(0x1b, 0, 0, 1, 7),
            Assembler.lui(0, 0x12345),
            Assembler.auipc(0, 0x12345),
            Assembler.r(0x33, 4, 1, 0, 1, 0)
        ];
        for (uint256 i = 0; i < words.length; ++i) {
            Machine memory pre = machine(words[i]);
            // x0 would stand where the output ends, which a running state carries along.
            pre.output = keccak256("carried along");
            check(pre, code(pre), next(pre), "x0");
        }
    }

    function test_fence_hasNoEffect() public view {
        for (uint256 i = 0; i < 16; ++i) {
            uint32 word = uint32(uint256(keccak256(abi.encode("fence", i)))) & 0xffff8f80 | 0x0f;
            Machine memory pre = machine(word);
            check(pre, code(pre), next(pre), "fence");
            for (uint32 funct3 = 1; funct3 < 8; ++funct3) {
                pre = machine(word | funct3 << 12);
                checkIllegal(pre, code(pre), "not a fence");
            }
        }
    }

    function test_assembler_matchesLlvm() public view {
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".encodedWords");
        uint32[28] memory ours = [
            Assembler.load(0, 5, 6, -2048),
            Assembler.load(1, 5, 31, 2047),
            Assembler.load(2, 1, 2, 1),
            Assembler.load(3, 31, 1, 0),
            Assembler.load(4, 5, 6, 5),
            Assembler.load(5, 5, 6, 6),
            Assembler.load(6, 5, 6, -1),
            Assembler.store(0, 7, 8, -2048),
            Assembler.store(1, 7, 8, 2047),
            Assembler.store(2, 31, 1, 33),
            Assembler.store(3, 1, 31, -33),
            Assembler.branch(0, 1, 2, 4094),
            Assembler.branch(1, 3, 4, -4096),
            Assembler.branch(4, 5, 6, 2048),
            Assembler.branch(5, 31, 1, -2),
            Assembler.branch(6, 9, 10, 32),
            Assembler.branch(7, 11, 12, 1366),
            Assembler.jal(1, 1_048_574),
            Assembler.jal(31, -1_048_576),
            Assembler.jal(0, 2048),
            Assembler.jal(5, 698_026),
            Assembler.jalr(1, 2, -2048),
            Assembler.jalr(31, 1, 2047),
            Assembler.lui(7, 0xfffff),
            Assembler.lui(7, 0x12345),
            Assembler.auipc(8, 0x80000),
            0x0ff0000f,
            Assembler.ECALL
        ];
        vm.assertEq(words.length, ours.length);
        for (uint256 i = 0; i < ours.length; ++i) {
            vm.assertEq(ours[i], words[i]);
        }
    }

    // Which words are instructions.

    function test_opcodes_othersAreIllegal() public view {
        uint256[13] memory known =
            [uint256(0x37), 0x17, 0x6f, 0x67, 0x63, 0x03, 0x23, 0x13, 0x1b, 0x33, 0x3b, 0x0f, 0x73];
        for (uint32 opcode = 0; opcode < 128; ++opcode) {
            bool isKnown = false;
            for (uint256 i = 0; i < known.length; ++i) {
                if (known[i] == opcode) isKnown = true;
            }
            if (isKnown) continue;
            this.checkLegality(opcode | 3 << 7 | 1 << 15 | 2 << 20, 1 << 12, 0);
        }
    }

    function test_system_onlyEcall() public view {
        // EBREAK, MRET, WFI, CSR accesses, and ECALL with any bit more.
        uint32[5] memory words = [uint32(0x0010_0073), 0x3020_0073, 0x1050_0073, 0xc000_2573, 0x3050_9073];
        for (uint256 i = 0; i < words.length; ++i) {
            Machine memory pre = machine(words[i]);
            checkIllegal(pre, code(pre), "system");
        }
        for (uint256 i = 7; i < 32; ++i) {
            Machine memory pre = machine(uint32(0x73 | 1 << i));
            pre.x[A7] = 0;
            pre.x[A1] = 0;
            checkIllegal(pre, code(pre), "ecall with another bit");
        }
    }

    function test_funct7_onlyKnown() public view {
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".registerWords");
        uint32[2] memory opcodes = [uint32(0x33), 0x3b];
        for (uint256 i = 0; i < 2; ++i) {
            for (uint32 funct7 = 0; funct7 < 128; ++funct7) {
                uint256 legal = 0;
                // x2 is the second register, so ZEXT.H (x0) is not among the words that this makes.
                uint32 first = opcodes[i] | 3 << 7 | 1 << 15 | 2 << 20 | funct7 << 25;
                for (uint32 funct3 = 0; funct3 < 8; ++funct3) {
                    for (uint256 j = 0; j < words.length; ++j) {
                        if (words[j] == first | funct3 << 12) legal |= 1 << funct3;
                    }
                }
                this.checkLegality(first, 1 << 12, legal);
            }
        }
    }

    function test_funct12_onlyKnown() public view {
        uint256[] memory opcodes = vm.parseJsonUintArray(vectors, ".legalOpcodes");
        uint256[] memory funct3s = vm.parseJsonUintArray(vectors, ".legalFunct3s");
        uint256[] memory first = vm.parseJsonUintArray(vectors, ".legalFirst");
        uint256[] memory last = vm.parseJsonUintArray(vectors, ".legalLast");
        // Every field where some are illegal, and a part of them where all are alike.
        uint32[2] memory all = [uint32(0x13), 0x1b];
        for (uint256 i = 0; i < 2; ++i) {
            for (uint32 funct3 = 0; funct3 < 8; ++funct3) {
                uint32 stride = funct3 == 1 || funct3 == 5 ? 8 : 248;
                for (uint32 funct12 = 0; funct12 < 4096; funct12 += stride) {
                    uint256 legal = 0;
                    for (uint256 j = 0; j < opcodes.length; ++j) {
                        if (opcodes[j] != all[i] || funct3s[j] != funct3) continue;
                        for (uint256 k = 0; k < 8; ++k) {
                            if (first[j] <= funct12 + k && funct12 + k <= last[j]) legal |= 1 << k;
                        }
                    }
                    this.checkLegality(all[i] | 3 << 7 | funct3 << 12 | 1 << 15 | funct12 << 20, 1 << 20, legal);
                }
            }
        }
    }

    function test_funct3_onlyKnown() public view {
        uint32[5] memory opcodes = [uint32(0x03), 0x23, 0x63, 0x67, 0x0f];
        // Bit by bit, those that exist.
        uint256[5] memory legal = [uint256(0x7f), 0x0f, 0xf3, 0x01, 0x01];
        for (uint256 i = 0; i < opcodes.length; ++i) {
            for (uint32 funct3 = 0; funct3 < 8; ++funct3) {
                if (legal[i] >> funct3 & 1 != 0) continue;
                Machine memory pre = machine(opcodes[i] | 8 << 7 | funct3 << 12 | 1 << 15 | 2 << 20);
                pre.x[1] = 64;
                checkIllegal(pre, code(pre), "funct3");
            }
        }
    }

    /// @notice Checks of eight words whether they are executed or exit the machine. (External, as are others that run
    ///         often: memory is free again after the call.)
    /// @param _first The first word; each is the one before it plus `_difference`.
    /// @param _legal Its lowest bit says whether the first is executed, and so on.
    function checkLegality(uint32 _first, uint32 _difference, uint256 _legal) external view {
        // All eight stand in one leaf.
        Machine memory pre;
        for (uint32 i = 0; i < 8; ++i) {
            pre.ram.writeNumber(PC + 4 * i, 4, _first + i * _difference);
        }
        pre.pc = PC;
        bytes memory witness = code(pre);
        (bytes memory before, bytes memory illegal) = (pack(pre), pack(exit(pre, 2, 0)));
        for (uint256 i = 0; i < 8; ++i) {
            // The last byte of pc.
            before[39] = bytes1(uint8(4 * i));
            illegal[39] = before[39];
            vm.assertTrue((riscv.step(before, witness) != keccak256(illegal)) == (_legal >> i & 1 != 0));
        }
    }

    /// @notice Checks `x3 = name(x1, x2)` for one value of x1 and several of x2.
    /// @param _x2 Values of x2.
    /// @param _operands What the second operand is then.
    function checkComputations(
        uint32 _word,
        string memory _name,
        uint64 _a,
        uint64[] calldata _x2,
        uint64[] calldata _operands
    ) external view {
        Machine memory pre = machine(_word);
        bytes memory witness = code(pre);
        (bytes memory before, bytes memory expected) = (pack(pre), pack(next(pre)));
        poke(before, 1, _a);
        poke(expected, 1, _a);
        for (uint256 i = 0; i < _x2.length; ++i) {
            poke(before, 2, _x2[i]);
            poke(expected, 2, _x2[i]);
            poke(expected, 3, Reference.result(_name, _a, _operands[i]));
            vm.assertEq(riscv.step(before, witness), keccak256(expected), _name);
        }
    }

    /// @notice A list of one.
    function list(uint64 _value) internal pure returns (uint64[] memory list_) {
        list_ = new uint64[](1);
        list_[0] = _value;
    }
}
