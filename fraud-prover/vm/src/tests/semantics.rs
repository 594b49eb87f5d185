//! What instructions compute, against a table of its own: expected values are written out, from the RISC-V
//! specification (M: division by zero and overflow) and the definitions of Zba and Zbb.

use crate::{
    Image, Machine, Segment,
    asm::{i, r, u},
    isa::{Form, Op},
    verify,
};
use alloy_primitives::B256;

const MIN: u64 = 1 << 63;
const MAX: u64 = MIN - 1;
const ALL: u64 = u64::MAX;
const MIN32: u64 = 0xffff_ffff_8000_0000;

/// Operation, rs1, rs2 or immediate, result.
#[rustfmt::skip]
const RESULTS: &[(Op, u64, u64, u64)] = &[
    (Op::Add, ALL, 1, 0), (Op::Add, MAX, 1, MIN), (Op::Sub, 0, 1, ALL), (Op::Sub, MIN, 1, MAX),
    (Op::Sll, 1, 63, MIN), (Op::Sll, 1, 64, 1), (Op::Sll, 3, ALL, MIN), (Op::Srl, MIN, 63, 1), (Op::Srl, MIN, 64, MIN),
    (Op::Sra, MIN, 63, ALL), (Op::Sra, MAX, 62, 1), (Op::Sra, MIN, 0x1_0000_0041, 0xc000_0000_0000_0000),
    (Op::Slt, MIN, MAX, 1), (Op::Slt, MAX, MIN, 0), (Op::Slt, 5, 5, 0),
    (Op::Sltu, MIN, MAX, 0), (Op::Sltu, 0, ALL, 1), (Op::Sltu, ALL, ALL, 0),
    (Op::Xor, 0b1100, 0b1010, 0b0110), (Op::Or, 0b1100, 0b1010, 0b1110), (Op::And, 0b1100, 0b1010, 0b1000),
    (Op::Mul, MIN, ALL, MIN), (Op::Mul, 0x1_0000_0001, 0x1_0000_0001, 0x2_0000_0001),
    (Op::Mulh, MIN, MIN, 1 << 62), (Op::Mulh, ALL, 1, ALL), (Op::Mulh, ALL, ALL, 0),
    (Op::Mulhsu, ALL, ALL, ALL), (Op::Mulhsu, MIN, ALL, MIN), (Op::Mulhsu, MAX, ALL, MAX - 1), (Op::Mulhsu, 1, ALL, 0),
    (Op::Mulhu, ALL, ALL, ALL - 1), (Op::Mulhu, MIN, 2, 1),
    (Op::Div, 7, 0, ALL), (Op::Div, MIN, ALL, MIN), (Op::Div, (-7i64) as u64, 2, (-3i64) as u64), (Op::Div, MIN, 0, ALL),
    (Op::Divu, 7, 0, ALL), (Op::Divu, MIN, ALL, 0), (Op::Divu, ALL, 2, MAX),
    (Op::Rem, 7, 0, 7), (Op::Rem, MIN, ALL, 0), (Op::Rem, (-7i64) as u64, 2, ALL), (Op::Rem, 7, (-2i64) as u64, 1),
    (Op::Remu, 7, 0, 7), (Op::Remu, MIN, ALL, MIN), (Op::Remu, ALL, 10, 5),
    (Op::Sh1add, MIN, 5, 5), (Op::Sh2add, 3, ALL, 11), (Op::Sh3add, 1 << 61, 1, 1),
    (Op::Andn, 0b1100, 0b1010, 0b0100), (Op::Orn, 0, 1, ALL - 1), (Op::Xnor, 0b1100, 0b1010, !0b0110),
    (Op::Min, MIN, 0, MIN), (Op::Minu, MIN, 0, 0), (Op::Max, MIN, 0, 0), (Op::Maxu, MIN, 0, MIN), (Op::Min, 4, 4, 4),
    (Op::Rol, MIN | 1, 1, 3), (Op::Rol, 1, 64, 1), (Op::Ror, 3, 1, MIN | 1), (Op::Ror, 1, 65, MIN),
    (Op::Addw, 0x7fff_ffff, 1, MIN32), (Op::Addw, 0xdead_0000_0000_0001, 1, 2), (Op::Subw, MIN32, 1, 0x7fff_ffff),
    (Op::Sllw, 1, 31, MIN32), (Op::Sllw, 1, 32, 1), (Op::Srlw, 0xff_8000_0000, 31, 1), (Op::Srlw, 0x8000_0000, 32, MIN32),
    (Op::Sraw, 0x8000_0000, 31, ALL), (Op::Sraw, MAX, 35, 0xffff_ffff_ffff_ffff), (Op::Sraw, 0x4000_0000, 30, 1),
    (Op::Mulw, 0x8000_0000, ALL, MIN32), (Op::Mulw, 0x1_0001, 0x1_0001, 0x2_0001),
    (Op::Divw, 7, 0, ALL), (Op::Divw, 7, 1 << 32, ALL), (Op::Divw, MIN32, ALL, MIN32), (Op::Divw, 0xffff_fff9, 2, (-3i64) as u64),
    (Op::Divuw, 7, 0, ALL), (Op::Divuw, ALL, 1, ALL), (Op::Divuw, 0xffff_ffff, 2, 0x7fff_ffff),
    (Op::Remw, 0x8000_0001, 0, 0xffff_ffff_8000_0001), (Op::Remw, MIN32, ALL, 0), (Op::Remw, 0xffff_fff9, 2, ALL),
    (Op::Remuw, 0x8000_0001, 0, 0xffff_ffff_8000_0001), (Op::Remuw, 0xffff_ffff, 16, 15), (Op::Remuw, 5, 1 << 32, 5),
    (Op::AddUw, ALL, 1, 0x1_0000_0000), (Op::Sh1addUw, ALL, 1, 0x1_ffff_ffff), (Op::Sh2addUw, MIN32, 0, 0x2_0000_0000),
    (Op::Sh3addUw, 0xffff_ffff, ALL, 0x7_ffff_fff7),
    (Op::Rolw, 0x8000_0001, 1, 3), (Op::Rolw, 0x4000_0000, 33, MIN32), (Op::Rorw, 1, 1, MIN32), (Op::Rorw, ALL, 7, ALL),
    (Op::Addi, 0, ALL, ALL), (Op::Addi, MAX, 2047, MIN + 2046), (Op::Slti, ALL, 0, 1), (Op::Slti, 0, (-2048i64) as u64, 0),
    (Op::Sltiu, 0, ALL, 1), (Op::Sltiu, ALL, ALL, 0), (Op::Sltiu, 0, 1, 1), (Op::Xori, 5, ALL, !5), (Op::Ori, 0, (-2048i64) as u64, (-2048i64) as u64),
    (Op::Andi, ALL, 255, 255), (Op::Slli, 1, 63, MIN), (Op::Srli, ALL, 60, 15), (Op::Srai, MIN, 63, ALL), (Op::Rori, 1, 1, MIN),
    (Op::Rori, 5, 0, 5), (Op::Addiw, 0x7fff_ffff, 1, MIN32), (Op::Addiw, 0x1_0000_0000, 0, 0), (Op::Slliw, 3, 31, MIN32),
    (Op::Srliw, ALL, 1, 0x7fff_ffff), (Op::Srliw, 0x8000_0000, 0, MIN32), (Op::Sraiw, 0x8000_0000, 31, ALL), (Op::Roriw, 1, 1, MIN32),
    (Op::SlliUw, ALL, 1, 0x1_ffff_fffe), (Op::SlliUw, ALL, 63, MIN), (Op::SlliUw, MIN32, 32, MIN),
    (Op::Clz, 0, 0, 64), (Op::Clz, 1, 0, 63), (Op::Clz, MIN, 0, 0), (Op::Ctz, 0, 0, 64), (Op::Ctz, MIN, 0, 63),
    (Op::Cpop, ALL, 0, 64), (Op::Cpop, 0, 0, 0), (Op::Clzw, 0xf_0000_0000, 0, 32), (Op::Clzw, 1, 0, 31),
    (Op::Ctzw, 0xf_0000_0000, 0, 32), (Op::Ctzw, 0x8000_0000, 0, 31), (Op::Cpopw, ALL, 0, 32),
    (Op::SextB, 0x180, 0, (-128i64) as u64), (Op::SextB, 0xf7f, 0, 127), (Op::SextH, 0x1_8000, 0, (-32768i64) as u64),
    (Op::SextH, 0x7fff, 0, 0x7fff), (Op::ZextH, ALL, 0, 0xffff),
    (Op::OrcB, 0x0100_8000_00ff_0010, 0, 0xff00_ff00_00ff_00ff), (Op::OrcB, 0x0000_0080_0100_0000, 0, 0x0000_00ff_ff00_0000),
    (Op::Rev8, 0x0102_0304_0506_0708, 0, 0x0807_0605_0403_0201),
];

fn image(code: &[u32]) -> Image {
    let bytes = code.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    Image::new(&[Segment { address: 0, bytes: &bytes, length: bytes.len() as u64, executable: true }], 0)
        .unwrap()
}

/// Runs one instruction on x5 = `a` and x6 = `b`, with all three implementations; gives x7.
fn execute(word: u32, a: u64, b: u64) -> u64 {
    // Loads of both registers first; then many words, so that the fast interpreter takes part.
    let mut code = vec![i(Op::Ld, 5, 0, 1024), i(Op::Ld, 6, 0, 1032), word];
    code.resize(256, i(Op::Addi, 0, 0, 0));
    code.extend([a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32]);
    let image = image(&code);
    let mut plain = Machine::new(&image, B256::ZERO, ()).unwrap();
    plain.run_to(2).unwrap();
    let witness = plain.witness().unwrap();
    assert_eq!(verify(&witness.state, &witness.witness), Ok(witness.post_hash()), "{word:08x} {a:x} {b:x}");
    let mut fast = Machine::new(&image, B256::ZERO, ()).unwrap();
    fast.run_to(100_000).unwrap();
    assert_eq!(fast.cpu().x[7], witness.post.cpu.x[7], "{word:08x} {a:x} {b:x}");
    witness.post.cpu.x[7]
}

#[test]
fn results() {
    for &(op, a, b, expected) in RESULTS {
        let word = match op.form() {
            Form::Register => r(op, 7, 5, 6),
            _ => i(op, 7, 5, b as i32),
        };
        assert_eq!(execute(word, a, b), expected, "{op:?} {a:#x} {b:#x}");
    }
    for op in Op::ALL {
        let computes = matches!(
            op.form(),
            Form::Register | Form::Immediate | Form::Shift | Form::ShiftWord | Form::Unary
        );
        assert!(
            !computes || *op == Op::Jalr || RESULTS.iter().any(|(tested, ..)| tested == op),
            "{op:?} is missing"
        );
    }
}

#[test]
fn upper_immediates() {
    assert_eq!(execute(u(Op::Lui, 7, i32::MIN), 0, 0), MIN32);
    assert_eq!(execute(u(Op::Lui, 7, 0x7fff_f000), 0, 0), 0x7fff_f000);
    assert_eq!(execute(u(Op::Auipc, 7, i32::MIN), 0, 0), MIN32 + 8);
    assert_eq!(execute(u(Op::Auipc, 7, 0x1000), 0, 0), 0x1008);
}
