//! Decoding, against words that LLVM's assembler (14.0.6) has made.

use crate::isa::{Form, Instruction, Op};

/// Word, operation, rd, rs1, rs2, immediate.
#[rustfmt::skip]
const ASSEMBLED: &[(u32, Op, u8, u8, u8, i32)] = &[
    (0xffff_f537, Op::Lui, 10, 0, 0, -4096), // lui a0, 0xfffff
    (0x8000_0317, Op::Auipc, 6, 0, 0, -2147483648), // auipc t1, 0x80000
    (0x800f_f0ef, Op::Jal, 1, 0, 0, -4096), // jal ra, -4096
    (0x7fe0_006f, Op::Jal, 0, 0, 0, 2046), // jal x0, 2046
    (0x8002_80e7, Op::Jalr, 1, 5, 0, -2048), // jalr ra, -2048(t0)
    (0x80b5_0063, Op::Beq, 0, 10, 11, -4096), // beq a0, a1, -4096
    (0x7eb5_1fe3, Op::Bne, 0, 10, 11, 4094), // bne a0, a1, 4094
    (0x0094_4463, Op::Blt, 0, 8, 9, 8), // blt s0, s1, 8
    (0xfe94_5ce3, Op::Bge, 0, 8, 9, -8), // bge s0, s1, -8
    (0x01ff_6863, Op::Bltu, 0, 30, 31, 16), // bltu t5, t6, 16
    (0x01ff_70e3, Op::Bgeu, 0, 30, 31, 2048), // bgeu t5, t6, 2048
    (0xfff5_8503, Op::Lb, 10, 11, 0, -1), // lb a0, -1(a1)
    (0x7fe5_9503, Op::Lh, 10, 11, 0, 2046), // lh a0, 2046(a1)
    (0x0045_a503, Op::Lw, 10, 11, 0, 4), // lw a0, 4(a1)
    (0x8005_b503, Op::Ld, 10, 11, 0, -2048), // ld a0, -2048(a1)
    (0x7ff5_c503, Op::Lbu, 10, 11, 0, 2047), // lbu a0, 2047(a1)
    (0x0005_d503, Op::Lhu, 10, 11, 0, 0), // lhu a0, 0(a1)
    (0x0085_e503, Op::Lwu, 10, 11, 0, 8), // lwu a0, 8(a1)
    (0xfea5_8fa3, Op::Sb, 0, 11, 10, -1), // sb a0, -1(a1)
    (0x7ec6_9f23, Op::Sh, 0, 13, 12, 2046), // sh a2, 2046(a3)
    (0x80e7_a023, Op::Sw, 0, 15, 14, -2048), // sw a4, -2048(a5)
    (0x01f1_3fa3, Op::Sd, 0, 2, 31, 31), // sd t6, 31(sp)
    (0x800f_0f93, Op::Addi, 31, 30, 0, -2048), // addi x31, x30, -2048
    (0x7ff5_a513, Op::Slti, 10, 11, 0, 2047), // slti a0, a1, 2047
    (0xfff5_b513, Op::Sltiu, 10, 11, 0, -1), // sltiu a0, a1, -1
    (0xfff5_c513, Op::Xori, 10, 11, 0, -1), // xori a0, a1, -1
    (0x0015_e513, Op::Ori, 10, 11, 0, 1), // ori a0, a1, 1
    (0x0ff5_f513, Op::Andi, 10, 11, 0, 255), // andi a0, a1, 255
    (0x03f5_9513, Op::Slli, 10, 11, 0, 63), // slli a0, a1, 63
    (0x0205_d513, Op::Srli, 10, 11, 0, 32), // srli a0, a1, 32
    (0x4215_d513, Op::Srai, 10, 11, 0, 33), // srai a0, a1, 33
    (0x63f5_d513, Op::Rori, 10, 11, 0, 63), // rori a0, a1, 63
    (0x6005_9513, Op::Clz, 10, 11, 0, 0), // clz a0, a1
    (0x6015_9513, Op::Ctz, 10, 11, 0, 0), // ctz a0, a1
    (0x6025_9513, Op::Cpop, 10, 11, 0, 0), // cpop a0, a1
    (0x6045_9513, Op::SextB, 10, 11, 0, 0), // sext.b a0, a1
    (0x6055_9513, Op::SextH, 10, 11, 0, 0), // sext.h a0, a1
    (0x2875_d513, Op::OrcB, 10, 11, 0, 0), // orc.b a0, a1
    (0x6b85_d513, Op::Rev8, 10, 11, 0, 0), // rev8 a0, a1
    (0xffb5_851b, Op::Addiw, 10, 11, 0, -5), // addiw a0, a1, -5
    (0x01f5_951b, Op::Slliw, 10, 11, 0, 31), // slliw a0, a1, 31
    (0x01e5_d51b, Op::Srliw, 10, 11, 0, 30), // srliw a0, a1, 30
    (0x41d5_d51b, Op::Sraiw, 10, 11, 0, 29), // sraiw a0, a1, 29
    (0x61c5_d51b, Op::Roriw, 10, 11, 0, 28), // roriw a0, a1, 28
    (0x0bf5_951b, Op::SlliUw, 10, 11, 0, 63), // slli.uw a0, a1, 63
    (0x6005_951b, Op::Clzw, 10, 11, 0, 0), // clzw a0, a1
    (0x6015_951b, Op::Ctzw, 10, 11, 0, 0), // ctzw a0, a1
    (0x6025_951b, Op::Cpopw, 10, 11, 0, 0), // cpopw a0, a1
    (0x00c5_8533, Op::Add, 10, 11, 12, 0), // add a0, a1, a2
    (0x40c5_8533, Op::Sub, 10, 11, 12, 0), // sub a0, a1, a2
    (0x00c5_9533, Op::Sll, 10, 11, 12, 0), // sll a0, a1, a2
    (0x00c5_a533, Op::Slt, 10, 11, 12, 0), // slt a0, a1, a2
    (0x00c5_b533, Op::Sltu, 10, 11, 12, 0), // sltu a0, a1, a2
    (0x00c5_c533, Op::Xor, 10, 11, 12, 0), // xor a0, a1, a2
    (0x00c5_d533, Op::Srl, 10, 11, 12, 0), // srl a0, a1, a2
    (0x40c5_d533, Op::Sra, 10, 11, 12, 0), // sra a0, a1, a2
    (0x00c5_e533, Op::Or, 10, 11, 12, 0), // or a0, a1, a2
    (0x00c5_f533, Op::And, 10, 11, 12, 0), // and a0, a1, a2
    (0x02c5_8533, Op::Mul, 10, 11, 12, 0), // mul a0, a1, a2
    (0x02c5_9533, Op::Mulh, 10, 11, 12, 0), // mulh a0, a1, a2
    (0x02c5_a533, Op::Mulhsu, 10, 11, 12, 0), // mulhsu a0, a1, a2
    (0x02c5_b533, Op::Mulhu, 10, 11, 12, 0), // mulhu a0, a1, a2
    (0x02c5_c533, Op::Div, 10, 11, 12, 0), // div a0, a1, a2
    (0x02c5_d533, Op::Divu, 10, 11, 12, 0), // divu a0, a1, a2
    (0x02c5_e533, Op::Rem, 10, 11, 12, 0), // rem a0, a1, a2
    (0x02c5_f533, Op::Remu, 10, 11, 12, 0), // remu a0, a1, a2
    (0x20c5_a533, Op::Sh1add, 10, 11, 12, 0), // sh1add a0, a1, a2
    (0x20c5_c533, Op::Sh2add, 10, 11, 12, 0), // sh2add a0, a1, a2
    (0x20c5_e533, Op::Sh3add, 10, 11, 12, 0), // sh3add a0, a1, a2
    (0x40c5_f533, Op::Andn, 10, 11, 12, 0), // andn a0, a1, a2
    (0x40c5_e533, Op::Orn, 10, 11, 12, 0), // orn a0, a1, a2
    (0x40c5_c533, Op::Xnor, 10, 11, 12, 0), // xnor a0, a1, a2
    (0x0ac5_c533, Op::Min, 10, 11, 12, 0), // min a0, a1, a2
    (0x0ac5_d533, Op::Minu, 10, 11, 12, 0), // minu a0, a1, a2
    (0x0ac5_e533, Op::Max, 10, 11, 12, 0), // max a0, a1, a2
    (0x0ac5_f533, Op::Maxu, 10, 11, 12, 0), // maxu a0, a1, a2
    (0x60c5_9533, Op::Rol, 10, 11, 12, 0), // rol a0, a1, a2
    (0x60c5_d533, Op::Ror, 10, 11, 12, 0), // ror a0, a1, a2
    (0x00c5_853b, Op::Addw, 10, 11, 12, 0), // addw a0, a1, a2
    (0x40c5_853b, Op::Subw, 10, 11, 12, 0), // subw a0, a1, a2
    (0x00c5_953b, Op::Sllw, 10, 11, 12, 0), // sllw a0, a1, a2
    (0x00c5_d53b, Op::Srlw, 10, 11, 12, 0), // srlw a0, a1, a2
    (0x40c5_d53b, Op::Sraw, 10, 11, 12, 0), // sraw a0, a1, a2
    (0x02c5_853b, Op::Mulw, 10, 11, 12, 0), // mulw a0, a1, a2
    (0x02c5_c53b, Op::Divw, 10, 11, 12, 0), // divw a0, a1, a2
    (0x02c5_d53b, Op::Divuw, 10, 11, 12, 0), // divuw a0, a1, a2
    (0x02c5_e53b, Op::Remw, 10, 11, 12, 0), // remw a0, a1, a2
    (0x02c5_f53b, Op::Remuw, 10, 11, 12, 0), // remuw a0, a1, a2
    (0x08c5_853b, Op::AddUw, 10, 11, 12, 0), // add.uw a0, a1, a2
    (0x20c5_a53b, Op::Sh1addUw, 10, 11, 12, 0), // sh1add.uw a0, a1, a2
    (0x20c5_c53b, Op::Sh2addUw, 10, 11, 12, 0), // sh2add.uw a0, a1, a2
    (0x20c5_e53b, Op::Sh3addUw, 10, 11, 12, 0), // sh3add.uw a0, a1, a2
    (0x60c5_953b, Op::Rolw, 10, 11, 12, 0), // rolw a0, a1, a2
    (0x60c5_d53b, Op::Rorw, 10, 11, 12, 0), // rorw a0, a1, a2
    (0x0805_c53b, Op::ZextH, 10, 11, 0, 0), // zext.h a0, a1
    (0x0ff0_000f, Op::Fence, 0, 0, 0, 0), // fence
    (0x0000_0073, Op::Ecall, 0, 0, 0, 0), // ecall
];

#[test]
fn decodes_what_an_assembler_encodes() {
    for &(word, op, rd, rs1, rs2, imm) in ASSEMBLED {
        let instruction = Instruction { op, rd, rs1, rs2, imm };
        assert_eq!(Instruction::decode(word), Some(instruction), "{word:08x}");
        if op != Op::Fence {
            assert_eq!(instruction.encode(), word, "{instruction:?}");
        }
    }
    for op in Op::ALL {
        assert!(ASSEMBLED.iter().any(|(_, assembled, ..)| assembled == op), "{op:?} is missing");
    }
}

/// Of all words, exactly those decode that encode something: whatever field an instruction fixes, it must match.
#[test]
fn no_other_word_decodes() {
    // Registers and immediates don't decide anything but where they are a field that is fixed, so a few of their
    // values stand for all: with them, every opcode, funct3 and funct7.
    let mut known = 0;
    for opcode in 0..128u32 {
        for funct3 in 0..8 {
            for funct7 in 0..128 {
                for (rd, rs1, rs2) in (0..32).map(|rs2| (3, 4, rs2)).chain([(0, 0, 0), (1, 0, 0), (0, 1, 0)])
                {
                    let word = opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
                    let Some(instruction) = Instruction::decode(word) else { continue };
                    known += 1;
                    if instruction.op == Op::Fence {
                        assert_eq!((opcode, funct3), (0x0f, 0));
                    } else {
                        assert_eq!(instruction.encode(), word, "{instruction:?}");
                    }
                    assert!(instruction.op.form() != Form::Bare || instruction.rd == 0);
                }
            }
        }
    }
    assert!(known > 100_000);
}
