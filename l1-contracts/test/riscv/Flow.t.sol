// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Assembler} from "./Assembler.sol";
import {Machine, MachineTest} from "./MachineTest.sol";
import {Reference} from "./Reference.sol";

/// @title FlowTest
/// @notice Fetching, branches, jumps, loads and stores.
contract FlowTest is MachineTest {
    uint256 internal constant MEMORY_END = 1 << 32;

    // Fetching.

    function test_fetch_everySlotOfALeaf() public view {
        for (uint64 pc = PC; pc < PC + 64; pc += 4) {
            Machine memory pre = machine(0);
            pre.pc = pc;
            pre.ram.writeNumber(pc, 4, Assembler.addi(1, 0, int64(pc - PC)));
            checkRegister(pre, code(pre), 1, pc - PC, "slot");
        }
    }

    function test_fetch_lastInstructionOfMemory() public view {
        Machine memory pre = machine(0);
        pre.pc = uint64(MEMORY_END - 4);
        pre.ram.writeNumber(pre.pc, 4, Assembler.addi(1, 0, 9));
        Machine memory post = next(pre);
        post.x[1] = 9;
        vm.assertEq(uint256(post.pc), MEMORY_END);
        check(pre, code(pre), post, "last instruction");
        // The next one cannot be fetched.
        checkIllegal(post, "", "behind the last instruction");
    }

    function test_fetch_badPc_exits() public view {
        uint64[7] memory pcs = [PC + 1, PC + 2, PC + 3, uint64(MEMORY_END), uint64(MEMORY_END) + PC, MAX, MAX - 3];
        for (uint256 i = 0; i < pcs.length; ++i) {
            Machine memory pre = machine(Assembler.addi(1, 0, 1));
            pre.pc = pcs[i];
            checkIllegal(pre, "", "bad pc");
        }
    }

    function test_stepCount_wraps() public view {
        Machine memory pre = machine(Assembler.addi(0, 0, 0));
        pre.steps = MAX;
        Machine memory post = next(pre);
        vm.assertEq(uint256(post.steps), 0);
        check(pre, code(pre), post, "step count");
    }

    function test_exited_stepsToItself() public view {
        uint64[4] memory codes = [uint64(0), 1, 2, MAX];
        for (uint256 i = 0; i < codes.length; ++i) {
            Machine memory pre = machine(Assembler.addi(1, 1, 1));
            pre.exited = 1;
            pre.exitCode = codes[i];
            pre.output = keccak256("output");
            check(pre, "", pre, "exited");
        }
    }

    function test_running_resultIsCarriedAlong() public view {
        Machine memory pre = machine(Assembler.addi(1, 0, 1));
        pre.exitCode = 77;
        pre.output = keccak256("output");
        checkRegister(pre, code(pre), 1, 1, "carried along");
        // Until an exit sets both.
        pre = machine(0);
        pre.exitCode = 77;
        pre.output = keccak256("output");
        checkIllegal(pre, code(pre), "overwritten");
    }

    // Branches and jumps.

    function test_branches_takenAndNot() public view {
        uint64[7] memory values = [uint64(0), 1, 5, 1 << 63, (1 << 63) - 1, MAX, MAX - 1];
        uint256[6] memory funct3s = [uint256(0), 1, 4, 5, 6, 7];
        int256[4] memory offsets = [int256(-4096), 4094, -2, 1366];
        for (uint256 i = 0; i < funct3s.length; ++i) {
            for (uint256 j = 0; j < values.length; ++j) {
                for (uint256 k = 0; k < values.length; ++k) {
                    checkBranch(funct3s[i], values[j], values[k], offsets[(i + j + k) % 4]);
                }
            }
        }
    }

    function test_branch_wrapsPc() public view {
        Machine memory pre = machine(0);
        pre.pc = 0;
        pre.ram.writeNumber(0, 4, Assembler.branch(0, 1, 1, -4));
        Machine memory post = next(pre);
        post.pc = MAX - 3;
        check(pre, code(pre), post, "wrapped");
    }

    function test_jal() public view {
        int256[6] memory offsets = [int256(-1_048_576), 1_048_574, 2, -2, 0, 698_026];
        for (uint256 i = 0; i < offsets.length; ++i) {
            for (uint256 rd = 0; rd < 2; ++rd) {
                Machine memory pre = machine(Assembler.jal(rd, offsets[i]));
                checkJump(pre, rd, Reference.wrap(int256(uint256(PC)) + offsets[i]));
            }
        }
    }

    function test_jalr() public view {
        int256[5] memory offsets = [int256(0), 1, -1, -2048, 2047];
        uint64[5] memory bases = [uint64(0), 0x1234_5678, 0x1234_5679, MAX, 1 << 63];
        for (uint256 i = 0; i < offsets.length; ++i) {
            for (uint256 j = 0; j < bases.length; ++j) {
                uint64 target = Reference.wrap(int256(uint256(bases[j])) + offsets[i]);
                if (target % 2 == 1) --target;
                // The last one is its own link register.
                for (uint256 rd = 0; rd < 3; ++rd) {
                    Machine memory pre = machine(Assembler.jalr(rd, 2, offsets[i]));
                    pre.x[2] = bases[j];
                    checkJump(pre, rd, target);
                }
            }
        }
    }

    function test_jalr_fromX0() public view {
        checkJump(machine(Assembler.jalr(1, 0, -2)), 1, MAX - 1);
    }

    function test_jump_linkBehindMemory() public view {
        Machine memory pre = machine(0);
        pre.pc = uint64(MEMORY_END - 4);
        pre.ram.writeNumber(pre.pc, 4, Assembler.jal(1, -8));
        checkJump(pre, 1, uint64(MEMORY_END - 12));
    }

    // Loads and stores.

    function test_load_everySizeAndPlace() public view {
        for (uint256 funct3 = 0; funct3 < 7; ++funct3) {
            uint256 size = 1 << (funct3 % 4);
            for (uint64 place = 0; place < 32; place += uint64(size)) {
                checkLoad(funct3, 0x2000 + place, keccak256(abi.encode("content", funct3, place)));
                // All bits set, and none but the sign of the highest byte.
                checkLoad(funct3, 0x2000 + place, bytes32(type(uint256).max));
                checkLoad(funct3, 0x2000 + place, bytes32(uint256(0x80) << (8 * (31 - (place + size - 1)))));
            }
        }
    }

    function test_load_zeroMemory() public view {
        Machine memory pre = machine(Assembler.load(3, 5, 6, 0));
        pre.x[6] = 0xabc0_0000;
        checkRegister(pre, code(pre, 0xabc0_0000), 5, 0, "zero");
    }

    function test_load_intoX0_needsProof() public view {
        Machine memory pre = machine(Assembler.load(2, 0, 6, 0));
        pre.x[6] = 0x2000;
        checkRegister(pre, code(pre, 0x2000), 0, 0, "x0");
        checkAnyRefusal(pack(pre), code(pre), "no proof of what x0 does not get");
    }

    function test_load_intoItsBase() public view {
        Machine memory pre = machine(Assembler.load(3, 6, 6, 8));
        pre.x[6] = 0x2000;
        pre.ram.writeNumber(0x2008, 8, 0x1122334455667788);
        checkRegister(pre, code(pre, 0x2008), 6, 0x1122334455667788, "base");
    }

    function test_load_itsOwnCode() public view {
        Machine memory pre = machine(Assembler.load(6, 5, 6, 0));
        pre.x[6] = PC;
        checkRegister(pre, code(pre, PC), 5, Assembler.load(6, 5, 6, 0), "code");
    }

    function test_store_everySizeAndPlace() public view {
        for (uint256 funct3 = 0; funct3 < 4; ++funct3) {
            for (uint64 place = 0; place < 32; place += uint64(1 << funct3)) {
                checkStore(funct3, 0x2000 + place, uint64(uint256(keccak256(abi.encode(funct3, place)))));
            }
        }
    }

    function test_store_edgesOfMemory() public view {
        checkStore(0, uint64(MEMORY_END - 1), 0x77);
        checkStore(3, uint64(MEMORY_END - 8), 0x0102030405060708);
        checkStore(3, 0, 0x0102030405060708);
    }

    function test_store_x0() public view {
        Machine memory pre = machine(Assembler.store(3, 0, 6, 0));
        pre.x[6] = 0;
        Machine memory post = next(pre);
        post.ram.writeNumber(0, 8, 0);
        check(pre, code(pre, 0), post, "zero");
    }

    function test_store_overItself() public view {
        Machine memory pre = machine(Assembler.store(2, 7, 6, -4));
        pre.x[6] = PC + 4;
        pre.x[7] = Assembler.jal(3, 64);
        Machine memory post = next(pre);
        post.ram.writeNumber(PC, 4, Assembler.jal(3, 64));
        check(pre, code(pre, PC), post, "own word");
    }

    function test_store_overTheNextInstruction_isFetched() public view {
        Machine memory pre = machine(Assembler.store(2, 7, 6, 4));
        pre.x[6] = PC;
        pre.x[7] = Assembler.addi(1, 0, 42);
        Machine memory post = next(pre);
        post.ram.writeNumber(PC + 4, 4, Assembler.addi(1, 0, 42));
        check(pre, code(pre, PC + 4), post, "store");
        checkRegister(post, code(post), 1, 42, "what was stored");
    }

    function test_access_misaligned_exits() public view {
        for (uint256 log = 1; log < 4; ++log) {
            for (uint64 off = 1; off < 1 << log; ++off) {
                checkBadAccess(log, 0x2000, int64(off));
                checkBadAccess(log, 0x2000 - off, 0);
            }
        }
    }

    function test_access_outOfRange_exits() public view {
        for (uint256 log = 0; log < 4; ++log) {
            checkBadAccess(log, uint64(MEMORY_END), 0);
            checkBadAccess(log, uint64(MEMORY_END - 8), 8);
            checkBadAccess(log, uint64(MEMORY_END) + 0x2000, 0);
            checkBadAccess(log, 0, -8);
            checkBadAccess(log, MAX - 7, 0);
            checkBadAccess(log, 1 << 63, 0);
        }
    }

    function test_access_wrapsAround() public view {
        Machine memory pre = machine(Assembler.load(3, 5, 6, 2040));
        pre.x[6] = MAX - 2039;
        pre.ram.writeNumber(0, 8, 4711);
        checkRegister(pre, code(pre, 0), 5, 4711, "wrapped");
    }

    /// @notice Checks a branch from x1 and x2.
    function checkBranch(uint256 _funct3, uint64 _a, uint64 _b, int256 _offset) internal view {
        (int256 a, int256 b) = (int256(uint256(_a)), int256(uint256(_b)));
        // BLT and BGE compare signed numbers.
        if (_funct3 == 4 || _funct3 == 5) (a, b) = (Reference.signed(_a), Reference.signed(_b));
        bool holds = _funct3 < 2 ? a == b : a < b;
        // Odd ones are the opposites.
        if (_funct3 % 2 == 1) holds = !holds;

        Machine memory pre = machine(Assembler.branch(_funct3, 1, 2, _offset));
        (pre.x[1], pre.x[2]) = (_a, _b);
        Machine memory post = next(pre);
        if (holds) post.pc = Reference.wrap(int256(uint256(PC)) + _offset);
        check(pre, code(pre), post, "branch");
    }

    /// @notice Checks a jump.
    function checkJump(Machine memory _pre, uint256 _rd, uint64 _target) internal view {
        Machine memory post = next(_pre);
        if (_rd != 0) post.x[_rd] = post.pc;
        post.pc = _target;
        check(_pre, code(_pre), post, "jump");
    }

    /// @notice Checks a load from a leaf with this content.
    function checkLoad(uint256 _funct3, uint64 _address, bytes32 _content) internal view {
        uint256 size = 1 << (_funct3 % 4);
        int256 value = 0;
        for (uint256 i = 0; i < size; ++i) {
            value += int256(uint256(uint8(_content[_address % 32 + i])) * 256 ** i);
        }
        if (_funct3 < 4 && value >= int256(256 ** size / 2)) value -= int256(256 ** size);

        int256 imm = int256(uint256(keccak256(abi.encode(_address)))) % 2048;
        Machine memory pre = machine(Assembler.load(_funct3, 5, 6, imm));
        pre.x[6] = Reference.wrap(int256(uint256(_address)) - imm);
        pre.ram.setLeaf(_address, _content);
        checkRegister(pre, code(pre, _address), 5, Reference.wrap(value), "load");
    }

    /// @notice Checks a store.
    function checkStore(uint256 _funct3, uint64 _address, uint64 _value) internal view {
        int256 imm = int256(uint256(keccak256(abi.encode(_address)))) % 2048;
        Machine memory pre = machine(Assembler.store(_funct3, 7, 6, imm));
        pre.x[6] = Reference.wrap(int256(uint256(_address)) - imm);
        pre.x[7] = _value;
        pre.ram.setLeaf(_address, keccak256("content"));
        Machine memory post = next(pre);
        post.ram.writeNumber(_address, 1 << _funct3, _value);
        check(pre, code(pre, _address), post, "store");
    }

    /// @notice Checks that loads and stores of a size exit, and that the instruction is all they have looked at.
    function checkBadAccess(uint256 _log, uint64 _base, int256 _imm) internal view {
        Machine memory pre = machine(Assembler.load(_log, 5, 6, _imm));
        pre.x[6] = _base;
        checkIllegal(pre, code(pre), "signed load");
        if (_log < 3) {
            pre = machine(Assembler.load(_log + 4, 5, 6, _imm));
            pre.x[6] = _base;
            checkIllegal(pre, code(pre), "unsigned load");
        }
        pre = machine(Assembler.store(_log, 5, 6, _imm));
        pre.x[6] = _base;
        checkIllegal(pre, code(pre), "store");
    }
}
