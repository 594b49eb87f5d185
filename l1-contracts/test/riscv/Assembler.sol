// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Assembler
/// @notice Encodes instructions by the formats of the RISC-V specification. Immediates are given as numbers; what
///         does not fit is cut off.
library Assembler {
    uint32 internal constant ECALL = 0x73;

    /// @notice Format R.
    function r(uint256 _opcode, uint256 _funct3, uint256 _funct7, uint256 _rd, uint256 _rs1, uint256 _rs2)
        internal
        pure
        returns (uint32 word_)
    {
        word_ = uint32(_funct7 << 25 | _rs2 << 20 | _rs1 << 15 | _funct3 << 12 | _rd << 7 | _opcode);
    }

    /// @notice Format I.
    function i(uint256 _opcode, uint256 _funct3, uint256 _rd, uint256 _rs1, int256 _imm)
        internal
        pure
        returns (uint32 word_)
    {
        word_ = uint32(_bits(_imm, 0, 12) << 20 | _rs1 << 15 | _funct3 << 12 | _rd << 7 | _opcode);
    }

    function lui(uint256 _rd, uint256 _imm20) internal pure returns (uint32 word_) {
        word_ = uint32(_imm20 << 12 | _rd << 7 | 0x37);
    }

    function auipc(uint256 _rd, uint256 _imm20) internal pure returns (uint32 word_) {
        word_ = uint32(_imm20 << 12 | _rd << 7 | 0x17);
    }

    function addi(uint256 _rd, uint256 _rs1, int256 _imm) internal pure returns (uint32 word_) {
        word_ = i(0x13, 0, _rd, _rs1, _imm);
    }

    /// @notice `rd = memory[rs1 + imm]`; funct3 says how.
    function load(uint256 _funct3, uint256 _rd, uint256 _rs1, int256 _imm) internal pure returns (uint32 word_) {
        word_ = i(0x03, _funct3, _rd, _rs1, _imm);
    }

    /// @notice `memory[rs1 + imm] = rs2`; funct3 says how.
    function store(uint256 _funct3, uint256 _rs2, uint256 _rs1, int256 _imm) internal pure returns (uint32 word_) {
        word_ = uint32(
            _bits(_imm, 5, 7) << 25 | _rs2 << 20 | _rs1 << 15 | _funct3 << 12 | _bits(_imm, 0, 5) << 7 | 0x23
        );
    }

    function branch(uint256 _funct3, uint256 _rs1, uint256 _rs2, int256 _offset)
        internal
        pure
        returns (uint32 word_)
    {
        uint256 high = _bits(_offset, 12, 1) << 31 | _bits(_offset, 5, 6) << 25;
        uint256 low = _bits(_offset, 1, 4) << 8 | _bits(_offset, 11, 1) << 7;
        word_ = uint32(high | _rs2 << 20 | _rs1 << 15 | _funct3 << 12 | low | 0x63);
    }

    function jal(uint256 _rd, int256 _offset) internal pure returns (uint32 word_) {
        uint256 imm = _bits(_offset, 20, 1) << 31 | _bits(_offset, 1, 10) << 21 | _bits(_offset, 11, 1) << 20
            | _bits(_offset, 12, 8) << 12;
        word_ = uint32(imm | _rd << 7 | 0x6f);
    }

    function jalr(uint256 _rd, uint256 _rs1, int256 _imm) internal pure returns (uint32 word_) {
        word_ = i(0x67, 0, _rd, _rs1, _imm);
    }

    /// @notice Bits `_from` to `_from + _count - 1`.
    function _bits(int256 _value, uint256 _from, uint256 _count) private pure returns (uint256 bits_) {
        bits_ = uint256(_value >> _from) & ((1 << _count) - 1);
    }
}
