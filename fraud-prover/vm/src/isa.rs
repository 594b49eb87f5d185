//! The instruction table: from a 32-bit word to an operation and its operands.

/// Defines [`Op`], one variant for each instruction of the table.
macro_rules! operations {
    ($($name:ident)*) => {
        /// An instruction's operation. The name is the assembler's.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Op { $($name,)* }

        impl Op {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

operations! {
    Lui Auipc Jal Jalr
    Beq Bne Blt Bge Bltu Bgeu
    Lb Lh Lw Ld Lbu Lhu Lwu
    Sb Sh Sw Sd
    Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Rori
    Clz Ctz Cpop SextB SextH OrcB Rev8
    Addiw Slliw Srliw Sraiw Roriw SlliUw Clzw Ctzw Cpopw
    Add Sub Sll Slt Sltu Xor Srl Sra Or And
    Mul Mulh Mulhsu Mulhu Div Divu Rem Remu
    Sh1add Sh2add Sh3add Andn Orn Xnor Min Minu Max Maxu Rol Ror
    Addw Subw Sllw Srlw Sraw Mulw Divw Divuw Remw Remuw
    AddUw Sh1addUw Sh2addUw Sh3addUw Rolw Rorw ZextH
    Fence Ecall
}

/// Which fields of an instruction an operation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// rd, upper immediate: LUI, AUIPC.
    Upper,
    /// rd, jump offset: JAL.
    Jump,
    /// rs1, rs2, branch offset.
    Branch,
    /// rd, rs1, offset: loads.
    Load,
    /// rs1 (address), rs2 (value), offset.
    Store,
    /// rd, rs1, 12-bit immediate; JALR too.
    Immediate,
    /// rd, rs1, 6-bit shift amount.
    Shift,
    /// rd, rs1, 5-bit shift amount.
    ShiftWord,
    /// rd, rs1: operations of one register.
    Unary,
    /// rd, rs1, rs2.
    Register,
    /// Nothing: FENCE, ECALL.
    Bare,
}

/// A decoded instruction. Fields that its form does not use are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Destination register.
    pub rd: u8,
    /// First source register.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Immediate, sign-extended: offset, constant (of LUI and AUIPC with its low 12 bits zero) or shift amount.
    pub imm: i32,
}

impl Instruction {
    /// The instruction that a word encodes; `None` if it is not in the table.
    #[must_use]
    pub const fn decode(word: u32) -> Option<Self> {
        let Some(op) = operation(word) else { return None };
        let (rd, rs1, rs2) = ((word >> 7 & 31) as u8, (word >> 15 & 31) as u8, (word >> 20 & 31) as u8);
        let signed = word as i32;
        Some(match op.form() {
            Form::Upper => Self { op, rd, rs1: 0, rs2: 0, imm: signed & !0xfff },
            Form::Jump => {
                let imm = signed >> 31 << 20 | signed & 0xff000 | signed >> 9 & 0x800 | signed >> 20 & 0x7fe;
                Self { op, rd, rs1: 0, rs2: 0, imm }
            }
            Form::Branch => {
                let imm =
                    signed >> 31 << 12 | signed << 4 & 0x800 | signed >> 20 & 0x7e0 | signed >> 7 & 0x1e;
                Self { op, rd: 0, rs1, rs2, imm }
            }
            Form::Load | Form::Immediate => Self { op, rd, rs1, rs2: 0, imm: signed >> 20 },
            Form::Store => Self { op, rd: 0, rs1, rs2, imm: signed >> 25 << 5 | signed >> 7 & 31 },
            Form::Shift => Self { op, rd, rs1, rs2: 0, imm: signed >> 20 & 63 },
            Form::ShiftWord => Self { op, rd, rs1, rs2: 0, imm: signed >> 20 & 31 },
            Form::Unary => Self { op, rd, rs1, rs2: 0, imm: 0 },
            Form::Register => Self { op, rd, rs1, rs2, imm: 0 },
            Form::Bare => Self { op, rd: 0, rs1: 0, rs2: 0, imm: 0 },
        })
    }
}

/// Opcodes: the lowest seven bits.
mod opcode {
    pub(super) const LOAD: u32 = 0x03;
    pub(super) const FENCE: u32 = 0x0f;
    pub(super) const IMMEDIATE: u32 = 0x13;
    pub(super) const AUIPC: u32 = 0x17;
    pub(super) const IMMEDIATE_WORD: u32 = 0x1b;
    pub(super) const STORE: u32 = 0x23;
    pub(super) const REGISTER: u32 = 0x33;
    pub(super) const LUI: u32 = 0x37;
    pub(super) const REGISTER_WORD: u32 = 0x3b;
    pub(super) const BRANCH: u32 = 0x63;
    pub(super) const JALR: u32 = 0x67;
    pub(super) const JAL: u32 = 0x6f;
}

/// The one word that is an ECALL.
pub(crate) const ECALL: u32 = 0x73;

const fn operation(word: u32) -> Option<Op> {
    let funct3 = word >> 12 & 7;
    let funct7 = word >> 25;
    Some(match word & 0x7f {
        opcode::LUI => Op::Lui,
        opcode::AUIPC => Op::Auipc,
        opcode::JAL => Op::Jal,
        opcode::JALR if funct3 == 0 => Op::Jalr,
        opcode::FENCE if funct3 == 0 => Op::Fence,
        opcode::BRANCH => match funct3 {
            0 => Op::Beq,
            1 => Op::Bne,
            4 => Op::Blt,
            5 => Op::Bge,
            6 => Op::Bltu,
            7 => Op::Bgeu,
            _ => return None,
        },
        opcode::LOAD => match funct3 {
            0 => Op::Lb,
            1 => Op::Lh,
            2 => Op::Lw,
            3 => Op::Ld,
            4 => Op::Lbu,
            5 => Op::Lhu,
            6 => Op::Lwu,
            _ => return None,
        },
        opcode::STORE => match funct3 {
            0 => Op::Sb,
            1 => Op::Sh,
            2 => Op::Sw,
            3 => Op::Sd,
            _ => return None,
        },
        opcode::IMMEDIATE => match (funct3, funct7 >> 1, word >> 20) {
            (0, ..) => Op::Addi,
            (2, ..) => Op::Slti,
            (3, ..) => Op::Sltiu,
            (4, ..) => Op::Xori,
            (6, ..) => Op::Ori,
            (7, ..) => Op::Andi,
            (1, 0x00, _) => Op::Slli,
            (5, 0x00, _) => Op::Srli,
            (5, 0x10, _) => Op::Srai,
            (5, 0x18, _) => Op::Rori,
            (1, _, 0x600) => Op::Clz,
            (1, _, 0x601) => Op::Ctz,
            (1, _, 0x602) => Op::Cpop,
            (1, _, 0x604) => Op::SextB,
            (1, _, 0x605) => Op::SextH,
            (5, _, 0x287) => Op::OrcB,
            (5, _, 0x6b8) => Op::Rev8,
            _ => return None,
        },
        opcode::IMMEDIATE_WORD => match (funct3, funct7, word >> 20) {
            (0, ..) => Op::Addiw,
            (1, 0x00, _) => Op::Slliw,
            (5, 0x00, _) => Op::Srliw,
            (5, 0x20, _) => Op::Sraiw,
            (5, 0x30, _) => Op::Roriw,
            (1, 0x04 | 0x05, _) => Op::SlliUw,
            (1, _, 0x600) => Op::Clzw,
            (1, _, 0x601) => Op::Ctzw,
            (1, _, 0x602) => Op::Cpopw,
            _ => return None,
        },
        opcode::REGISTER => match (funct7, funct3) {
            (0x00, 0) => Op::Add,
            (0x20, 0) => Op::Sub,
            (0x00, 1) => Op::Sll,
            (0x00, 2) => Op::Slt,
            (0x00, 3) => Op::Sltu,
            (0x00, 4) => Op::Xor,
            (0x00, 5) => Op::Srl,
            (0x20, 5) => Op::Sra,
            (0x00, 6) => Op::Or,
            (0x00, 7) => Op::And,
            (0x01, 0) => Op::Mul,
            (0x01, 1) => Op::Mulh,
            (0x01, 2) => Op::Mulhsu,
            (0x01, 3) => Op::Mulhu,
            (0x01, 4) => Op::Div,
            (0x01, 5) => Op::Divu,
            (0x01, 6) => Op::Rem,
            (0x01, 7) => Op::Remu,
            (0x10, 2) => Op::Sh1add,
            (0x10, 4) => Op::Sh2add,
            (0x10, 6) => Op::Sh3add,
            (0x20, 7) => Op::Andn,
            (0x20, 6) => Op::Orn,
            (0x20, 4) => Op::Xnor,
            (0x05, 4) => Op::Min,
            (0x05, 5) => Op::Minu,
            (0x05, 6) => Op::Max,
            (0x05, 7) => Op::Maxu,
            (0x30, 1) => Op::Rol,
            (0x30, 5) => Op::Ror,
            _ => return None,
        },
        opcode::REGISTER_WORD => match (funct7, funct3) {
            (0x00, 0) => Op::Addw,
            (0x20, 0) => Op::Subw,
            (0x00, 1) => Op::Sllw,
            (0x00, 5) => Op::Srlw,
            (0x20, 5) => Op::Sraw,
            (0x01, 0) => Op::Mulw,
            (0x01, 4) => Op::Divw,
            (0x01, 5) => Op::Divuw,
            (0x01, 6) => Op::Remw,
            (0x01, 7) => Op::Remuw,
            (0x04, 0) => Op::AddUw,
            (0x10, 2) => Op::Sh1addUw,
            (0x10, 4) => Op::Sh2addUw,
            (0x10, 6) => Op::Sh3addUw,
            (0x30, 1) => Op::Rolw,
            (0x30, 5) => Op::Rorw,
            (0x04, 4) if word >> 20 & 31 == 0 => Op::ZextH,
            _ => return None,
        },
        _ if word == ECALL => Op::Ecall,
        _ => return None,
    })
}

impl Op {
    /// Which fields its instructions use.
    #[must_use]
    pub const fn form(self) -> Form {
        use Op::*;
        match self {
            Lui | Auipc => Form::Upper,
            Jal => Form::Jump,
            Beq | Bne | Blt | Bge | Bltu | Bgeu => Form::Branch,
            Lb | Lh | Lw | Ld | Lbu | Lhu | Lwu => Form::Load,
            Sb | Sh | Sw | Sd => Form::Store,
            Jalr | Addi | Slti | Sltiu | Xori | Ori | Andi | Addiw => Form::Immediate,
            Slli | Srli | Srai | Rori | SlliUw => Form::Shift,
            Slliw | Srliw | Sraiw | Roriw => Form::ShiftWord,
            Clz | Ctz | Cpop | SextB | SextH | OrcB | Rev8 | Clzw | Ctzw | Cpopw | ZextH => Form::Unary,
            Fence | Ecall => Form::Bare,
            _ => Form::Register,
        }
    }

    /// The result of an operation of registers and immediates, of `a` = rs1 and `b` = rs2 or the sign-extended
    /// immediate. Zero for operations that compute nothing (jumps, loads, stores, ECALL).
    ///
    /// Inlined where the operation is known, so that only its own arm is left.
    #[inline(always)]
    #[must_use]
    pub const fn compute(self, a: u64, b: u64) -> u64 {
        use Op::*;
        const fn word(value: u32) -> u64 {
            value as i32 as i64 as u64
        }
        let (sa, sb) = (a as i64, b as i64);
        let (wa, wb) = (a as u32, b as u32);
        // Shift amounts are taken modulo the width: `wrapping_shl` does just that.
        match self {
            Addi | Add => a.wrapping_add(b),
            Sub => a.wrapping_sub(b),
            Slti | Slt => (sa < sb) as u64,
            Sltiu | Sltu => (a < b) as u64,
            Xori | Xor => a ^ b,
            Ori | Or => a | b,
            Andi | And => a & b,
            Slli | Sll => a.wrapping_shl(wb),
            Srli | Srl => a.wrapping_shr(wb),
            Srai | Sra => sa.wrapping_shr(wb) as u64,
            Rori | Ror => a.rotate_right(wb & 63),
            Rol => a.rotate_left(wb & 63),
            Addiw | Addw => word(wa.wrapping_add(wb)),
            Subw => word(wa.wrapping_sub(wb)),
            Slliw | Sllw => word(wa.wrapping_shl(wb)),
            Srliw | Srlw => word(wa.wrapping_shr(wb)),
            Sraiw | Sraw => (wa as i32).wrapping_shr(wb) as i64 as u64,
            Roriw | Rorw => word(wa.rotate_right(wb & 31)),
            Rolw => word(wa.rotate_left(wb & 31)),
            Clz => a.leading_zeros() as u64,
            Ctz => a.trailing_zeros() as u64,
            Cpop => a.count_ones() as u64,
            Clzw => wa.leading_zeros() as u64,
            Ctzw => wa.trailing_zeros() as u64,
            Cpopw => wa.count_ones() as u64,
            SextB => a as i8 as i64 as u64,
            SextH => a as i16 as i64 as u64,
            ZextH => a as u16 as u64,
            Rev8 => a.swap_bytes(),
            OrcB => {
                // The highest bit of each byte says whether the byte is not zero; it is then spread over the byte.
                const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
                let any = (((a & LOW) + LOW) | a) & !LOW;
                (any >> 7).wrapping_mul(0xff)
            }
            SlliUw => (wa as u64).wrapping_shl(wb),
            AddUw => b.wrapping_add(wa as u64),
            Sh1add => b.wrapping_add(a << 1),
            Sh2add => b.wrapping_add(a << 2),
            Sh3add => b.wrapping_add(a << 3),
            Sh1addUw => b.wrapping_add((wa as u64) << 1),
            Sh2addUw => b.wrapping_add((wa as u64) << 2),
            Sh3addUw => b.wrapping_add((wa as u64) << 3),
            Andn => a & !b,
            Orn => a | !b,
            Xnor => !(a ^ b),
            Min => (if sa < sb { sa } else { sb }) as u64,
            Max => (if sa < sb { sb } else { sa }) as u64,
            Minu => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Maxu => {
                if a < b {
                    b
                } else {
                    a
                }
            }
            Mul => a.wrapping_mul(b),
            Mulh => (((sa as i128) * (sb as i128)) >> 64) as u64,
            Mulhsu => (((sa as i128) * (b as i128)) >> 64) as u64,
            Mulhu => (((a as u128) * (b as u128)) >> 64) as u64,
            Mulw => word(wa.wrapping_mul(wb)),
            // By zero, a quotient has all bits set, and a remainder is the dividend. The signed overflow, of the
            // least number by -1, wraps around.
            Div if b == 0 => u64::MAX,
            Div => sa.wrapping_div(sb) as u64,
            Divu if b == 0 => u64::MAX,
            Divu => a / b,
            Rem if b == 0 => a,
            Rem => sa.wrapping_rem(sb) as u64,
            Remu if b == 0 => a,
            Remu => a % b,
            Divw if wb == 0 => u64::MAX,
            Divw => word((wa as i32).wrapping_div(wb as i32) as u32),
            Divuw if wb == 0 => u64::MAX,
            Divuw => word(wa / wb),
            Remw | Remuw if wb == 0 => word(wa),
            Remw => word((wa as i32).wrapping_rem(wb as i32) as u32),
            Remuw => word(wa % wb),
            Lui | Auipc | Jal | Jalr | Beq | Bne | Blt | Bge | Bltu | Bgeu => 0,
            Lb | Lh | Lw | Ld | Lbu | Lhu | Lwu | Sb | Sh | Sw | Sd | Fence | Ecall => 0,
        }
    }

    /// Whether a branch is taken; `false` for anything else.
    #[inline(always)]
    #[must_use]
    pub const fn taken(self, a: u64, b: u64) -> bool {
        match self {
            Self::Beq => a == b,
            Self::Bne => a != b,
            Self::Blt => (a as i64) < b as i64,
            Self::Bge => a as i64 >= b as i64,
            Self::Bltu => a < b,
            Self::Bgeu => a >= b,
            _ => false,
        }
    }

    /// Bytes that a load or store moves; 0 for anything else.
    #[inline(always)]
    #[must_use]
    pub const fn width(self) -> u64 {
        match self {
            Self::Lb | Self::Lbu | Self::Sb => 1,
            Self::Lh | Self::Lhu | Self::Sh => 2,
            Self::Lw | Self::Lwu | Self::Sw => 4,
            Self::Ld | Self::Sd => 8,
            _ => 0,
        }
    }

    /// What a load puts into its register, of the `width` bytes at its address as a little-endian number.
    #[inline(always)]
    #[must_use]
    pub const fn extend(self, value: u64) -> u64 {
        match self {
            Self::Lb => value as i8 as i64 as u64,
            Self::Lh => value as i16 as i64 as u64,
            Self::Lw => value as i32 as i64 as u64,
            _ => value,
        }
    }
}
