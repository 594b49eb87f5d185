// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice An instruction, 32 bits.
type Instruction is uint256;

using InstructionLib for Instruction global;

/// @title InstructionLib
/// @notice The fields of an instruction. Immediates are sign-extended to 256 bits.
library InstructionLib {
    function word(Instruction _instruction) internal pure returns (uint256 word_) {
        word_ = Instruction.unwrap(_instruction);
    }

    function opcode(Instruction _instruction) internal pure returns (uint256 opcode_) {
        opcode_ = word(_instruction) & 0x7f;
    }

    function rd(Instruction _instruction) internal pure returns (uint256 rd_) {
        rd_ = (word(_instruction) >> 7) & 0x1f;
    }

    function funct3(Instruction _instruction) internal pure returns (uint256 funct3_) {
        funct3_ = (word(_instruction) >> 12) & 0x7;
    }

    function rs1(Instruction _instruction) internal pure returns (uint256 rs1_) {
        rs1_ = (word(_instruction) >> 15) & 0x1f;
    }

    function rs2(Instruction _instruction) internal pure returns (uint256 rs2_) {
        rs2_ = (word(_instruction) >> 20) & 0x1f;
    }

    function funct7(Instruction _instruction) internal pure returns (uint256 funct7_) {
        funct7_ = word(_instruction) >> 25;
    }

    /// @notice The upper twelve bits as they stand.
    function funct12(Instruction _instruction) internal pure returns (uint256 funct12_) {
        funct12_ = word(_instruction) >> 20;
    }

    /// @notice Immediate of computations, loads and JALR: bits 31 to 20.
    function immI(Instruction _instruction) internal pure returns (uint256 imm_) {
        imm_ = _signExtend(word(_instruction) >> 20, 12);
    }

    /// @notice Immediate of stores: bits 31 to 25, 11 to 7.
    function immS(Instruction _instruction) internal pure returns (uint256 imm_) {
        imm_ = _signExtend((funct7(_instruction) << 5) | rd(_instruction), 12);
    }

    /// @notice Immediate of branches, even: bits 31, 7, 30 to 25, 11 to 8.
    function immB(Instruction _instruction) internal pure returns (uint256 imm_) {
        uint256 w = word(_instruction);
        imm_ = ((w >> 31) << 12) | (((w >> 7) & 0x1) << 11) | (((w >> 25) & 0x3f) << 5) | (((w >> 8) & 0xf) << 1);
        imm_ = _signExtend(imm_, 13);
    }

    /// @notice Immediate of LUI and AUIPC, a multiple of 4,096: bits 31 to 12.
    function immU(Instruction _instruction) internal pure returns (uint256 imm_) {
        imm_ = _signExtend(word(_instruction) & 0xfffff000, 32);
    }

    /// @notice Immediate of JAL, even: bits 31, 19 to 12, 20, 30 to 21.
    function immJ(Instruction _instruction) internal pure returns (uint256 imm_) {
        uint256 w = word(_instruction);
        imm_ = ((w >> 31) << 20) | (w & 0xff000) | (((w >> 20) & 0x1) << 11) | (((w >> 21) & 0x3ff) << 1);
        imm_ = _signExtend(imm_, 21);
    }

    /// @notice Copies the highest of `_bits` bits to all above.
    function _signExtend(uint256 _value, uint256 _bits) private pure returns (uint256 extended_) {
        unchecked {
            uint256 sign = 1 << (_bits - 1);
            extended_ = (_value ^ sign) - sign;
        }
    }
}
