//! Random programs: the fast interpreter against the reference, and every step's witness against the verifier.

use crate::{
    Image, Machine, Segment,
    asm::ECALL,
    host::Host,
    isa::{Form, Instruction, Op},
    verify,
};
use alloy_primitives::{B256, Bytes, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Where the code is, and in the same page data that is stored to.
const CODE: u32 = 0x1_0000;
/// Data next to each end of memory, and in its middle.
const REGIONS: [u64; 4] = [0, CODE as u64, 0x8000_0000, 0xffff_e000];

/// A host without preimages, in which every blob has elements.
#[derive(Clone, Copy)]
struct EveryBlob;

impl Host for EveryBlob {
    fn preimage(&mut self, _: &B256) -> Option<Bytes> {
        None
    }
    fn blob_element(&mut self, hash: &B256, index: u16) -> Option<B256> {
        Some(keccak256((hash, B256::left_padding_from(&index.to_be_bytes())).0))
    }
    fn blob_proof(&mut self, _: &B256, _: u16) -> Option<crate::BlobProof> {
        None
    }
}

/// A number that is likely to matter.
fn operand(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..6) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << rng.random_range(0..64),
        3 => u64::from(rng.random::<u32>()),
        4 => REGIONS[rng.random_range(0..REGIONS.len())] + rng.random_range(0..0x400) * 8,
        _ => rng.random(),
    }
}

fn instruction(rng: &mut StdRng, length: i32) -> u32 {
    let op = match rng.random_range(0..10) {
        // Words that may be anything, ECALLs among them.
        0 if rng.random_bool(0.05) => return rng.random(),
        0 if rng.random_bool(0.3) => return ECALL,
        1..=4 => Op::ALL[rng.random_range(0..Op::ALL.len())],
        5 => [Op::Ld, Op::Sd, Op::Sw, Op::Lw, Op::Sb][rng.random_range(0..5)],
        _ => [Op::Addi, Op::Add, Op::Sub, Op::Xor, Op::Slli, Op::Srli, Op::Bne, Op::Bltu]
            [rng.random_range(0..8)],
    };
    // Some registers are kept for addresses: programs that always miss say little.
    let any = |rng: &mut StdRng| rng.random_range(0..16u8);
    let (rd, rs1, rs2) = (any(rng), any(rng), any(rng));
    let far = rng.random_bool(0.02);
    let imm = match op.form() {
        Form::Jump | Form::Branch if !far => rng.random_range(-length / 4..length / 4) * 4,
        Form::Jump | Form::Branch => rng.random_range(-2048..2048) * 2,
        Form::Load | Form::Store if !far => rng.random_range(-16..64) * 8,
        _ => rng.random(),
    };
    let base = 16 + rng.random_range(0..REGIONS.len() as u8);
    match op.form() {
        Form::Load if !far => Instruction { op, rd, rs1: base, rs2, imm }.encode(),
        Form::Store if !far => Instruction { op, rd, rs1: base, rs2, imm }.encode(),
        _ if op == Op::Jalr && !far => Instruction { op, rd, rs1: 17, rs2: 0, imm: imm & 0x7fc }.encode(),
        _ => Instruction { op, rd, rs1, rs2, imm }.encode(),
    }
}

fn program(rng: &mut StdRng) -> Image {
    let length = rng.random_range(20..300);
    let mut code: Vec<u8> = (0..length).flat_map(|_| instruction(rng, length).to_le_bytes()).collect();
    code.extend((0..64).flat_map(|_| operand(rng).to_le_bytes()));
    let data: Vec<u8> = (0..256).flat_map(|_| operand(rng).to_le_bytes()).collect();
    let segment =
        |address: u64, bytes| Segment { address: address as u32, bytes, length: 2048, executable: false };
    let mut segments = vec![Segment {
        address: CODE,
        bytes: &code,
        // Sometimes the data behind the code counts as code too, or the code's end as none.
        length: code.len() as u64,
        executable: rng.random_bool(0.9),
    }];
    segments.extend([0, 0x8000_0000, 0xffff_e000, 0xffff_f800].map(|address| segment(address, &data[..])));
    Image::new(&segments, CODE).unwrap()
}

fn machine(rng: &mut StdRng, image: &Image) -> Machine<EveryBlob> {
    let mut machine = Machine::new(image, B256::ZERO, EveryBlob).unwrap();
    for register in 1..32 {
        machine.cpu_mut().x[register] = operand(rng);
    }
    for (i, region) in REGIONS.iter().enumerate() {
        machine.cpu_mut().x[16 + i] = region + rng.random_range(0..0x40) * 8;
    }
    machine
}

#[test]
fn fast_reference_and_verifier_agree() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut steps, mut rewritten, mut exits) = (0, 0, 0);
    for round in 0..1500 {
        let image = program(&mut rng);
        // The preimages of what a program is likely to find at its pointers: none. But asking must not differ.
        let mut fast = machine(&mut rng, &image);
        let start = fast.snapshot();
        let mut plain = Machine::resume(&start, EveryBlob).unwrap();
        let length = rng.random_range(1..3000);
        let result = fast.run(length);
        // The same, step by step. Where the host lacks something, both stop at the same step.
        let mut expected = Ok(());
        while expected.is_ok() && !plain.cpu().exited && plain.cpu().step < length {
            expected = plain.step_plainly();
        }
        assert_eq!(
            format!("{:?}", result.as_ref().map(|_| ())),
            format!("{expected:?}"),
            "seed {seed} round {round}"
        );
        assert_eq!(fast.state(), plain.state(), "seed {seed} round {round} length {length}");
        steps += fast.cpu().step;
        rewritten += u32::from(plain.has_own_code());
        exits += u32::from(fast.cpu().exited);
        // Again in pieces, through snapshots, with a witness at each piece's end.
        let mut machine = Machine::resume(&start, EveryBlob).unwrap();
        let end = fast.cpu().step;
        while machine.cpu().step < end {
            let to = rng.random_range(machine.cpu().step..end) + 1;
            machine.run_to(to).unwrap();
            machine = Machine::resume(&machine.snapshot(), EveryBlob).unwrap();
            if let Ok(witness) = machine.witness() {
                assert_eq!(witness.pre_hash(), machine.state().hash());
                assert_eq!(
                    verify(&witness.state, &witness.witness),
                    Ok(witness.post_hash()),
                    "seed {seed} round {round} step {to}"
                );
                let mut next = Machine::resume(&machine.snapshot(), EveryBlob).unwrap();
                next.run_to(to + 1).unwrap();
                assert_eq!(next.state(), witness.post, "seed {seed} round {round} step {to}");
            }
        }
        assert_eq!(machine.state(), fast.state(), "seed {seed} round {round}");
    }
    println!("{steps} steps, {rewritten} programs rewrote themselves, {exits} exited");
    assert!(steps > 50_000 && rewritten > 20 && exits > 100 && exits < 1500);
}
