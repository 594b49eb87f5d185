//! Instructions as words: the inverse of decoding, for tests and generated programs.

use crate::isa::{Form, Instruction, Op};

impl Instruction {
    /// The word that encodes the instruction. Fields that its form does not use are ignored; immediates are cut to
    /// the bits that there are for them.
    #[must_use]
    pub const fn encode(&self) -> u32 {
        let (rd, rs1, rs2) =
            ((self.rd as u32 & 31) << 7, (self.rs1 as u32 & 31) << 15, (self.rs2 as u32 & 31) << 20);
        let imm = self.imm as u32;
        fixed(self.op)
            | match self.op.form() {
                Form::Upper => rd | imm & !0xfff,
                Form::Jump => {
                    rd | (imm >> 20 & 1) << 31
                        | (imm >> 1 & 0x3ff) << 21
                        | (imm >> 11 & 1) << 20
                        | imm & 0xff000
                }
                Form::Branch => {
                    let high = (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25;
                    rs1 | rs2 | high | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7
                }
                Form::Load | Form::Immediate => rd | rs1 | imm << 20,
                Form::Store => rs1 | rs2 | imm >> 5 << 25 | (imm & 31) << 7,
                Form::Shift => rd | rs1 | (imm & 63) << 20,
                Form::ShiftWord => rd | rs1 | (imm & 31) << 20,
                Form::Unary => rd | rs1,
                Form::Register => rd | rs1 | rs2,
                Form::Bare => 0,
            }
    }
}

/// The bits that an operation fixes.
const fn fixed(op: Op) -> u32 {
    use Op::*;
    /// Opcode, funct3, and the bits from 25 on.
    const fn word(opcode: u32, funct3: u32, funct7: u32) -> u32 {
        opcode | funct3 << 12 | funct7 << 25
    }
    /// Opcode, funct3, and the bits from 20 on.
    const fn unary(opcode: u32, funct3: u32, field: u32) -> u32 {
        opcode | funct3 << 12 | field << 20
    }
    match op {
        Lui => 0x37,
        Auipc => 0x17,
        Jal => 0x6f,
        Jalr => 0x67,
        Beq => word(0x63, 0, 0),
        Bne => word(0x63, 1, 0),
        Blt => word(0x63, 4, 0),
        Bge => word(0x63, 5, 0),
        Bltu => word(0x63, 6, 0),
        Bgeu => word(0x63, 7, 0),
        Lb => word(0x03, 0, 0),
        Lh => word(0x03, 1, 0),
        Lw => word(0x03, 2, 0),
        Ld => word(0x03, 3, 0),
        Lbu => word(0x03, 4, 0),
        Lhu => word(0x03, 5, 0),
        Lwu => word(0x03, 6, 0),
        Sb => word(0x23, 0, 0),
        Sh => word(0x23, 1, 0),
        Sw => word(0x23, 2, 0),
        Sd => word(0x23, 3, 0),
        Addi => word(0x13, 0, 0),
        Slti => word(0x13, 2, 0),
        Sltiu => word(0x13, 3, 0),
        Xori => word(0x13, 4, 0),
        Ori => word(0x13, 6, 0),
        Andi => word(0x13, 7, 0),
        Slli => word(0x13, 1, 0),
        Srli => word(0x13, 5, 0),
        Srai => word(0x13, 5, 0x20),
        Rori => word(0x13, 5, 0x30),
        Clz => unary(0x13, 1, 0x600),
        Ctz => unary(0x13, 1, 0x601),
        Cpop => unary(0x13, 1, 0x602),
        SextB => unary(0x13, 1, 0x604),
        SextH => unary(0x13, 1, 0x605),
        OrcB => unary(0x13, 5, 0x287),
        Rev8 => unary(0x13, 5, 0x6b8),
        Addiw => word(0x1b, 0, 0),
        Slliw => word(0x1b, 1, 0),
        Srliw => word(0x1b, 5, 0),
        Sraiw => word(0x1b, 5, 0x20),
        Roriw => word(0x1b, 5, 0x30),
        SlliUw => word(0x1b, 1, 0x04),
        Clzw => unary(0x1b, 1, 0x600),
        Ctzw => unary(0x1b, 1, 0x601),
        Cpopw => unary(0x1b, 1, 0x602),
        Add => word(0x33, 0, 0),
        Sub => word(0x33, 0, 0x20),
        Sll => word(0x33, 1, 0),
        Slt => word(0x33, 2, 0),
        Sltu => word(0x33, 3, 0),
        Xor => word(0x33, 4, 0),
        Srl => word(0x33, 5, 0),
        Sra => word(0x33, 5, 0x20),
        Or => word(0x33, 6, 0),
        And => word(0x33, 7, 0),
        Mul => word(0x33, 0, 1),
        Mulh => word(0x33, 1, 1),
        Mulhsu => word(0x33, 2, 1),
        Mulhu => word(0x33, 3, 1),
        Div => word(0x33, 4, 1),
        Divu => word(0x33, 5, 1),
        Rem => word(0x33, 6, 1),
        Remu => word(0x33, 7, 1),
        Sh1add => word(0x33, 2, 0x10),
        Sh2add => word(0x33, 4, 0x10),
        Sh3add => word(0x33, 6, 0x10),
        Andn => word(0x33, 7, 0x20),
        Orn => word(0x33, 6, 0x20),
        Xnor => word(0x33, 4, 0x20),
        Min => word(0x33, 4, 5),
        Minu => word(0x33, 5, 5),
        Max => word(0x33, 6, 5),
        Maxu => word(0x33, 7, 5),
        Rol => word(0x33, 1, 0x30),
        Ror => word(0x33, 5, 0x30),
        Addw => word(0x3b, 0, 0),
        Subw => word(0x3b, 0, 0x20),
        Sllw => word(0x3b, 1, 0),
        Srlw => word(0x3b, 5, 0),
        Sraw => word(0x3b, 5, 0x20),
        Mulw => word(0x3b, 0, 1),
        Divw => word(0x3b, 4, 1),
        Divuw => word(0x3b, 5, 1),
        Remw => word(0x3b, 6, 1),
        Remuw => word(0x3b, 7, 1),
        AddUw => word(0x3b, 0, 4),
        Sh1addUw => word(0x3b, 2, 0x10),
        Sh2addUw => word(0x3b, 4, 0x10),
        Sh3addUw => word(0x3b, 6, 0x10),
        Rolw => word(0x3b, 1, 0x30),
        Rorw => word(0x3b, 5, 0x30),
        ZextH => word(0x3b, 4, 4),
        Fence => 0x0f,
        Ecall => 0x73,
    }
}

/// An operation of three registers.
#[must_use]
pub const fn r(op: Op, rd: u8, rs1: u8, rs2: u8) -> u32 {
    Instruction { op, rd, rs1, rs2, imm: 0 }.encode()
}

/// An operation of a register and an immediate: arithmetic, loads, JALR.
#[must_use]
pub const fn i(op: Op, rd: u8, rs1: u8, imm: i32) -> u32 {
    Instruction { op, rd, rs1, rs2: 0, imm }.encode()
}

/// A store of `rs2` to `rs1 + imm`, or a branch by `imm` bytes.
#[must_use]
pub const fn s(op: Op, rs1: u8, rs2: u8, imm: i32) -> u32 {
    Instruction { op, rd: 0, rs1, rs2, imm }.encode()
}

/// LUI and AUIPC (an immediate whose low 12 bits are zero), JAL.
#[must_use]
pub const fn u(op: Op, rd: u8, imm: i32) -> u32 {
    Instruction { op, rd, rs1: 0, rs2: 0, imm }.encode()
}

/// ECALL.
pub const ECALL: u32 = crate::isa::ECALL;

/// The fewest words that put a constant into a register.
#[must_use]
pub fn li(rd: u8, value: u64) -> Vec<u32> {
    let signed = value as i64;
    if let Ok(imm) = i16::try_from(signed)
        && (-2048..2048).contains(&imm)
    {
        return vec![i(Op::Addi, rd, 0, imm.into())];
    }
    let low = (value << 52) as i64 >> 52;
    if i32::try_from(signed).is_ok() {
        // LUI's and ADDIW's wrap-around make up for each other at the top of the range.
        let high = (signed as i32).wrapping_sub(low as i32);
        let mut words = vec![u(Op::Lui, rd, high)];
        if low != 0 {
            words.push(i(Op::Addiw, rd, rd, low as i32));
        }
        return words;
    }
    let mut words = li(rd, (signed.wrapping_sub(low) >> 12) as u64);
    words.push(i(Op::Slli, rd, rd, 12));
    if low != 0 {
        words.push(i(Op::Addi, rd, rd, low as i32));
    }
    words
}
