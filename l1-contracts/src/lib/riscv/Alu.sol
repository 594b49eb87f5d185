// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bits} from "./Bits.sol";

/// @title Alu
/// @notice Computations of RV64I, M, Zba and Zbb. Operands are below 2^64; only the low 64 bits of a result count.
///         `legal_` is false if there is no such instruction.
library Alu {
    uint256 private constant MASK_32 = 0xffffffff;
    uint256 private constant ONES = type(uint256).max;

    /// @notice Opcode 0x33: two registers.
    function op(uint256 _funct7, uint256 _funct3, uint256 _a, uint256 _b)
        internal
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            if (_funct7 == 0x00) return (true, _base(_funct3, _a, _b));
            if (_funct7 == 0x01) return (true, _multiply(_funct3, _a, _b));
            if (_funct7 == 0x20) {
                if (_funct3 == 0) return (true, _a - _b); // SUB
                if (_funct3 == 4) return (true, ~(_a ^ _b)); // XNOR
                if (_funct3 == 5) return (true, _sra(_a, _b)); // SRA
                if (_funct3 == 6) return (true, _a | ~_b); // ORN
                if (_funct3 == 7) return (true, _a & ~_b); // ANDN
            } else if (_funct7 == 0x10) {
                return _shiftAdd(_funct3, _a, _b);
            } else if (_funct7 == 0x05) {
                if (_funct3 == 4) return (true, _less(_a, _b) ? _a : _b); // MIN
                if (_funct3 == 5) return (true, _a < _b ? _a : _b); // MINU
                if (_funct3 == 6) return (true, _less(_a, _b) ? _b : _a); // MAX
                if (_funct3 == 7) return (true, _a < _b ? _b : _a); // MAXU
            } else if (_funct7 == 0x30) {
                if (_funct3 == 1) return (true, _ror(_a, 64 - (_b & 63))); // ROL
                if (_funct3 == 5) return (true, _ror(_a, _b & 63)); // ROR
            }
        }
    }

    /// @notice Opcode 0x3b: two registers, of which the low halves are computed with; results are sign-extended.
    /// @param _rs2 Index of the second register.
    function op32(uint256 _funct7, uint256 _funct3, uint256 _rs2, uint256 _a, uint256 _b)
        internal
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            if (_funct7 == 0x00) {
                if (_funct3 == 0) return (true, _extend(_a + _b)); // ADDW
                if (_funct3 == 1) return (true, _extend(_a << (_b & 31))); // SLLW
                if (_funct3 == 5) return (true, _extend((_a & MASK_32) >> (_b & 31))); // SRLW
            } else if (_funct7 == 0x20) {
                if (_funct3 == 0) return (true, _extend(_a - _b)); // SUBW
                if (_funct3 == 5) return (true, _sraw(_a, _b)); // SRAW
            } else if (_funct7 == 0x01) {
                return _multiply32(_funct3, _a, _b);
            } else if (_funct7 == 0x04) {
                if (_funct3 == 0) return (true, (_a & MASK_32) + _b); // ADD.UW
                if (_funct3 == 4 && _rs2 == 0) return (true, _a & 0xffff); // ZEXT.H
            } else if (_funct7 == 0x10) {
                return _shiftAdd(_funct3, _a & MASK_32, _b); // SH1ADD.UW, SH2ADD.UW, SH3ADD.UW
            } else if (_funct7 == 0x30) {
                if (_funct3 == 1) return (true, _rorw(_a, 32 - (_b & 31))); // ROLW
                if (_funct3 == 5) return (true, _rorw(_a, _b & 31)); // RORW
            }
        }
    }

    /// @notice Opcode 0x13: a register and an immediate.
    /// @param _funct12 The immediate's field.
    /// @param _imm The immediate, sign-extended.
    function opImm(uint256 _funct3, uint256 _funct12, uint256 _a, uint256 _imm)
        internal
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            // Shifts hold a 6-bit amount, and what they are in the six bits above.
            if (_funct3 == 1) {
                if (_funct12 >> 6 == 0x00) return (true, _a << _funct12); // SLLI
                return _unary(_funct12, _a);
            }
            if (_funct3 == 5) {
                uint256 amount = _funct12 & 63;
                if (_funct12 >> 6 == 0x00) return (true, _a >> amount); // SRLI
                if (_funct12 >> 6 == 0x10) return (true, _sra(_a, amount)); // SRAI
                if (_funct12 >> 6 == 0x18) return (true, _ror(_a, amount)); // RORI
                if (_funct12 == 0x287) return (true, Bits.orCombineBytes(_a)); // ORC.B
                if (_funct12 == 0x6b8) return (true, Bits.reverseBytes(_a)); // REV8
                return (false, 0);
            }
            // ADDI, SLTI, SLTIU, XORI, ORI, ANDI.
            return (true, _base(_funct3, _a, _imm & type(uint64).max));
        }
    }

    /// @notice Opcode 0x1b: a register, of which the low half is computed with, and an immediate.
    /// @param _funct12 The immediate's field.
    /// @param _imm The immediate, sign-extended.
    function opImm32(uint256 _funct3, uint256 _funct12, uint256 _a, uint256 _imm)
        internal
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            if (_funct3 == 0) return (true, _extend(_a + _imm)); // ADDIW
            // Shifts hold a 5-bit amount, and what they are in the seven bits above; SLLI.UW is the exception.
            uint256 amount = _funct12 & 31;
            if (_funct3 == 1) {
                if (_funct12 >> 5 == 0x00) return (true, _extend(_a << amount)); // SLLIW
                if (_funct12 >> 6 == 0x02) return (true, (_a & MASK_32) << (_funct12 & 63)); // SLLI.UW
                if (_funct12 == 0x600) return (true, 32 - Bits.bitLength(_a & MASK_32)); // CLZW
                if (_funct12 == 0x601) return (true, Bits.trailingZeroes(_a & MASK_32, 32)); // CTZW
                if (_funct12 == 0x602) return (true, Bits.count(_a & MASK_32)); // CPOPW
            } else if (_funct3 == 5) {
                if (_funct12 >> 5 == 0x00) return (true, _extend((_a & MASK_32) >> amount)); // SRLIW
                if (_funct12 >> 5 == 0x20) return (true, _sraw(_a, amount)); // SRAIW
                if (_funct12 >> 5 == 0x30) return (true, _rorw(_a, amount)); // RORIW
            }
        }
    }

    /// @notice Whether a branch (funct3 of opcode 0x63) is taken.
    function isTaken(uint256 _funct3, uint256 _a, uint256 _b) internal pure returns (bool legal_, bool taken_) {
        if (_funct3 == 0) return (true, _a == _b); // BEQ
        if (_funct3 == 1) return (true, _a != _b); // BNE
        if (_funct3 == 4) return (true, _less(_a, _b)); // BLT
        if (_funct3 == 5) return (true, !_less(_a, _b)); // BGE
        if (_funct3 == 6) return (true, _a < _b); // BLTU
        if (_funct3 == 7) return (true, _a >= _b); // BGEU
    }

    /// @notice The computations of RV64I by funct3.
    function _base(uint256 _funct3, uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        unchecked {
            if (_funct3 == 0) return _a + _b; // ADD
            if (_funct3 == 7) return _a & _b; // AND
            if (_funct3 == 6) return _a | _b; // OR
            if (_funct3 == 4) return _a ^ _b; // XOR
            if (_funct3 == 3) return _a < _b ? 1 : 0; // SLTU
            if (_funct3 == 2) return _less(_a, _b) ? 1 : 0; // SLT
            if (_funct3 == 1) return _a << (_b & 63); // SLL
            return _a >> (_b & 63); // SRL
        }
    }

    /// @notice The computations of M by funct3.
    function _multiply(uint256 _funct3, uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        unchecked {
            if (_funct3 == 0) return _a * _b; // MUL
            // Products of sign-extended operands are exact in 256 bits, as two's complement.
            if (_funct3 == 1) return (_signed(_a) * _signed(_b)) >> 64; // MULH
            if (_funct3 == 2) return (_signed(_a) * _b) >> 64; // MULHSU
            if (_funct3 == 3) return (_a * _b) >> 64; // MULHU
            if (_funct3 == 4) return _divide(_signed(_a), _signed(_b)); // DIV
            if (_funct3 == 5) return _b == 0 ? ONES : _a / _b; // DIVU
            if (_funct3 == 6) return _remainder(_signed(_a), _signed(_b)); // REM
            return _b == 0 ? _a : _a % _b; // REMU
        }
    }

    /// @notice The computations of M on low halves by funct3.
    function _multiply32(uint256 _funct3, uint256 _a, uint256 _b)
        private
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            if (_funct3 == 0) return (true, _extend(_a * _b)); // MULW
            if (_funct3 == 4) return (true, _extend(_divide(_extend(_a), _extend(_b)))); // DIVW
            if (_funct3 == 6) return (true, _extend(_remainder(_extend(_a), _extend(_b)))); // REMW
            _a &= MASK_32;
            _b &= MASK_32;
            if (_funct3 == 5) return (true, _extend(_b == 0 ? ONES : _a / _b)); // DIVUW
            if (_funct3 == 7) return (true, _extend(_b == 0 ? _a : _a % _b)); // REMUW
        }
    }

    /// @notice SH1ADD, SH2ADD, SH3ADD: funct3 is twice the shift.
    function _shiftAdd(uint256 _funct3, uint256 _a, uint256 _b)
        private
        pure
        returns (bool legal_, uint256 value_)
    {
        unchecked {
            if (_funct3 == 2 || _funct3 == 4 || _funct3 == 6) return (true, (_a << (_funct3 >> 1)) + _b);
        }
    }

    /// @notice Computations of Zbb with one operand, by their field in place of an immediate.
    function _unary(uint256 _funct12, uint256 _a) private pure returns (bool legal_, uint256 value_) {
        unchecked {
            if (_funct12 == 0x600) return (true, 64 - Bits.bitLength(_a)); // CLZ
            if (_funct12 == 0x601) return (true, Bits.trailingZeroes(_a, 64)); // CTZ
            if (_funct12 == 0x602) return (true, Bits.count(_a)); // CPOP
            if (_funct12 == 0x604) return (true, uint256(int256(int8(uint8(_a))))); // SEXT.B
            if (_funct12 == 0x605) return (true, uint256(int256(int16(uint16(_a))))); // SEXT.H
        }
    }

    /// @notice Signed division. Division by zero gives all ones; the one overflow, -2^63 / -1, is 2^63 here, whose
    ///         low 64 bits are what the specification asks for.
    function _divide(uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        unchecked {
            if (_b == 0) return ONES;
            return uint256(int256(_a) / int256(_b));
        }
    }

    /// @notice Signed remainder, with the dividend's sign. That of a division by zero is the dividend.
    function _remainder(uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        unchecked {
            if (_b == 0) return _a;
            return uint256(int256(_a) % int256(_b));
        }
    }

    /// @notice Whether `_a < _b` as signed 64-bit numbers.
    function _less(uint256 _a, uint256 _b) private pure returns (bool less_) {
        less_ = int64(uint64(_a)) < int64(uint64(_b));
    }

    /// @notice Arithmetic shift to the right by the low six bits of `_b`.
    function _sra(uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        value_ = uint256(int256(_signed(_a)) >> (_b & 63));
    }

    /// @notice Arithmetic shift of the low half to the right by the low five bits of `_b`.
    function _sraw(uint256 _a, uint256 _b) private pure returns (uint256 value_) {
        value_ = uint256(int256(_extend(_a)) >> (_b & 31));
    }

    /// @notice Rotation to the right by 0 to 64 bits.
    function _ror(uint256 _a, uint256 _amount) private pure returns (uint256 value_) {
        unchecked {
            value_ = (_a >> _amount) | (_a << (64 - _amount));
        }
    }

    /// @notice Rotation of the low half to the right by 0 to 32 bits.
    function _rorw(uint256 _a, uint256 _amount) private pure returns (uint256 value_) {
        unchecked {
            _a &= MASK_32;
            value_ = _extend((_a >> _amount) | (_a << (32 - _amount)));
        }
    }

    /// @notice A 64-bit number, sign-extended to 256 bits.
    function _signed(uint256 _a) private pure returns (uint256 value_) {
        value_ = uint256(int256(int64(uint64(_a))));
    }

    /// @notice The low half, sign-extended to 256 bits.
    function _extend(uint256 _a) private pure returns (uint256 value_) {
        value_ = uint256(int256(int32(uint32(_a))));
    }
}
