//! Scenes: states in which a step of a certain sort follows.

use super::{Generator, MemoryContent, Outside, Rest, Scene};
use crate::{
    asm,
    isa::{Form, Instruction, Op},
    machine_state::{A0, A7, Cpu},
    reference::{LEAF, PAGE},
};
use alloy_primitives::{B256, Bytes, keccak256};
use rand::{Rng, rngs::StdRng};

/// Longest preimage: what one step on L1 must take.
const MAX_PREIMAGE: usize = 24_576;

/// A number at some edge.
fn operand(rng: &mut StdRng) -> u64 {
    let near = |rng: &mut StdRng, n: u64| n.wrapping_add(rng.random_range(0..5)).wrapping_sub(2);
    match rng.random_range(0..9) {
        0 => near(rng, 0),
        1 => near(rng, 1 << 63),
        2 => near(rng, 1 << 31),
        3 => near(rng, 1 << 32),
        4 => (1u64 << rng.random_range(0..64)).wrapping_sub(rng.random_range(0..2)),
        5 => i64::from(rng.random::<i32>()) as u64,
        6 => rng.random::<u64>() >> rng.random_range(0..64),
        7 => rng.random_range(0..100),
        _ => rng.random(),
    }
}

/// An address of memory, often one at its ends.
fn address(rng: &mut StdRng) -> u32 {
    match rng.random_range(0..5) {
        0 => rng.random_range(0..128),
        1 => u32::MAX - rng.random_range(0..128),
        2 => (1 << 31) - 64 + rng.random_range(0..128),
        _ => rng.random(),
    }
}

/// A pointer that should be a multiple of `unit`: most are, others are off, or beyond memory.
fn pointer(rng: &mut StdRng, unit: u64) -> u64 {
    let good = u64::from(address(rng)) & !(unit - 1);
    match rng.random_range(0..16) {
        0 => good + rng.random_range(1..unit),
        1 => good + (1 << rng.random_range(32..64)),
        2 => operand(rng),
        3 => (1 << 32) - unit,
        4 => 1 << 32,
        _ => good,
    }
}

impl Generator {
    /// Any state, about to fetch a word that it can.
    fn any(&mut self, word: u32) -> Scene {
        let rng = &mut self.rng;
        let mut cpu = Cpu {
            x: [0; 32],
            pc: (address(rng) & !3).into(),
            step: if rng.random_bool(0.02) {
                u64::MAX - rng.random_range(0..2)
            } else {
                rng.random::<u64>() >> 20
            },
            exited: false,
            // Not zero in states that no run has.
            exit_code: if rng.random_bool(0.05) { rng.random() } else { 0 },
            output: if rng.random_bool(0.05) { B256::new(rng.random()) } else { B256::ZERO },
        };
        cpu.x[1..].fill_with(|| operand(rng));
        let rest = if rng.random_bool(0.2) { Rest::Zero } else { Rest::Noise(rng.random()) };
        let mut content = MemoryContent::new(rest);
        content.write(cpu.pc as u32, &word.to_le_bytes());
        Scene { cpu, content, outside: Outside::default() }
    }

    /// An instruction of the table; loads and stores mostly hit.
    pub(super) fn instruction(&mut self) -> Scene {
        let rng = &mut self.rng;
        let op = Op::ALL[rng.random_range(0..Op::ALL.len() - 1)];
        let imm =
            if rng.random_bool(0.3) { [0, -1, 1, -2048, 2047][rng.random_range(0..5)] } else { rng.random() };
        let register = |rng: &mut StdRng| if rng.random_bool(0.1) { 0 } else { rng.random_range(0..32u8) };
        let (rd, rs1, mut rs2) = (register(rng), register(rng), register(rng));
        if rng.random_bool(0.1) {
            rs2 = rs1;
        }
        let mut word = Instruction { op, rd, rs1, rs2, imm }.encode();
        if op == Op::Fence {
            // All its other fields are ignored.
            word |= rng.random::<u32>() & !0x707f;
        }
        let mut scene = self.any(word);
        let rng = &mut self.rng;
        if matches!(op.form(), Form::Load | Form::Store) && rs1 != 0 && rng.random_bool(0.85) {
            let imm = Instruction::decode(word).map_or(0, |instruction| instruction.imm);
            let address = if rng.random_bool(0.1) {
                // The leaf of the instruction itself.
                scene.cpu.pc & !31 | rng.random_range(0..32)
            } else {
                address(rng).into()
            };
            let address = if rng.random_bool(0.9) { address & !(op.width() - 1) } else { address };
            let beyond = if rng.random_bool(0.05) { 1 << rng.random_range(32..64) } else { 0 };
            scene.cpu.x[usize::from(rs1)] = (address + beyond).wrapping_sub(i64::from(imm) as u64);
        }
        if op.form() == Form::Branch && rng.random_bool(0.3) {
            scene.cpu.x[usize::from(rs2)] = scene.cpu.x[usize::from(rs1)];
            scene.cpu.x[0] = 0;
        }
        scene
    }

    /// Any word, or one that differs from an instruction in a bit.
    pub(super) fn word(&mut self) -> Scene {
        let rng = &mut self.rng;
        let op = Op::ALL[rng.random_range(0..Op::ALL.len())];
        let near =
            Instruction { op, rd: rng.random(), rs1: rng.random(), rs2: rng.random(), imm: rng.random() };
        let word = match rng.random_range(0..4) {
            0 => rng.random(),
            // CSR instructions, EBREAK, and other words next to ECALL.
            1 => 0x73 | 1 << rng.random_range(7..32),
            _ => near.encode() ^ 1 << rng.random_range(0..32),
        };
        let mut scene = self.any(word);
        // In case the word is an ECALL: one that exists not.
        scene.cpu.x[A7] = scene.cpu.x[A7].max(4);
        scene
    }

    /// A pc that can't be fetched from, or only just.
    pub(super) fn unfetchable(&mut self) -> Scene {
        let mut scene = self.any(asm::ECALL);
        let rng = &mut self.rng;
        scene.cpu.x[A7] = 4;
        scene.cpu.pc = match rng.random_range(0..5) {
            0 => 1 << 32,
            1 => u64::from(address(rng)) | rng.random_range(1..4),
            2 => u64::MAX - rng.random_range(0..8),
            3 => (1 << 32) - 4,
            _ => u64::from(address(rng) & !3) + (1 << rng.random_range(32..64)),
        };
        scene
    }

    pub(super) fn exited(&mut self) -> Scene {
        let mut scene = self.any(asm::ECALL);
        let rng = &mut self.rng;
        scene.cpu.exited = true;
        scene.cpu.exit_code = operand(rng);
        scene.cpu.pc = operand(rng);
        scene.cpu.output = B256::new(rng.random());
        scene
    }

    /// A state that makes a call with these arguments.
    fn call(&mut self, number: u64, arguments: [u64; 3]) -> Scene {
        let mut scene = self.any(asm::ECALL);
        scene.cpu.x[A7] = number;
        scene.cpu.x[A0..A0 + 3].copy_from_slice(&arguments);
        scene
    }

    pub(super) fn halt(&mut self) -> Scene {
        let rng = &mut self.rng;
        let code = if rng.random_bool(0.5) { 0 } else { operand(rng) };
        let output = if rng.random_bool(0.2) { 0 } else { pointer(rng, LEAF) };
        self.call(0, [code, output, 0])
    }

    pub(super) fn preimage(&mut self) -> Scene {
        let rng = &mut self.rng;
        let length = match rng.random_range(0..40) {
            0 => MAX_PREIMAGE,
            1..=3 => rng.random_range(0..MAX_PREIMAGE),
            4..=10 => [0, 1, 31, 32, 33, 135, 136, 137][rng.random_range(0..8)],
            _ => rng.random_range(0..600),
        };
        let preimage: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        let offset = match rng.random_range(0..6) {
            0 => operand(rng),
            1 => (length as u64).wrapping_add(rng.random_range(0..4)).wrapping_sub(2),
            2 => u64::MAX - rng.random_range(0..40),
            _ => rng.random_range(0..=length as u64),
        };
        let (key, destination) = (pointer(rng, LEAF), pointer(rng, LEAF));
        let same = rng.random_bool(0.1);
        let mut scene = self.call(1, [key, if same { key } else { destination }, offset]);
        let hash = keccak256(&preimage);
        self.place_leaf(&mut scene, key, hash);
        scene.outside.preimages.insert(hash, Bytes::from(preimage));
        scene
    }

    pub(super) fn blob(&mut self) -> Scene {
        let rng = &mut self.rng;
        let index = if rng.random_bool(0.15) { operand(rng) } else { rng.random_range(0..4096) };
        let (key, destination) = (pointer(rng, LEAF), pointer(rng, LEAF));
        let blob = self.blobs[rng.random_range(0..self.blobs.len())].clone();
        let mut scene = self.call(2, [key, destination, index]);
        self.place_leaf(&mut scene, key, blob.versioned_hash);
        scene.outside.blobs.insert(blob.versioned_hash, blob);
        scene
    }

    /// Calls with arguments that are probably refused, among them calls that don't exist.
    pub(super) fn any_call(&mut self) -> Scene {
        let rng = &mut self.rng;
        let number = if rng.random_bool(0.5) { rng.random_range(0..6) } else { operand(rng) };
        let mut arguments = [operand(rng), pointer(rng, PAGE) | 1, operand(rng)];
        if number == 3 && rng.random_bool(0.7) {
            // One thing wrong: the operation, the page, or the length.
            arguments = match rng.random_range(0..3) {
                0 => [[18, 255, 257, u64::MAX, 1 << 8 | 1 << 32][rng.random_range(0..5)], 0, 0],
                1 => [0, pointer(rng, PAGE) | rng.random_range(1..PAGE), 0],
                _ => [0, 0, [1025, u64::MAX, 1 << 32][rng.random_range(0..3)]],
            };
        }
        self.call(number, arguments)
    }

    pub(super) fn accelerator(&mut self, op: u64) -> Scene {
        let input = self.accelerator_input(op);
        let page = pointer(&mut self.rng, PAGE);
        let mut scene = self.call(3, [op, page, input.len() as u64]);
        if let Some(page) = u32::try_from(page).ok().filter(|page| page % PAGE as u32 == 0) {
            // The instruction may lie in the page, and then is a part of the input.
            if page == scene.cpu.pc as u32 & !(PAGE as u32 - 1) {
                scene.cpu.pc ^= PAGE;
                scene.content.write(scene.cpu.pc as u32, &asm::ECALL.to_le_bytes());
            }
            scene.content.write(page, &input);
        }
        scene
    }

    /// Puts a leaf at a pointer, if it is one, and the instruction out of its way.
    fn place_leaf(&mut self, scene: &mut Scene, pointer: u64, leaf: B256) {
        let Some(address) = u32::try_from(pointer).ok().filter(|address| address % LEAF as u32 == 0) else {
            return;
        };
        if scene.cpu.pc as u32 / LEAF as u32 == address / LEAF as u32 {
            scene.cpu.pc ^= LEAF;
            scene.content.write(scene.cpu.pc as u32, &asm::ECALL.to_le_bytes());
        }
        scene.content.write(address, &leaf[..]);
    }
}
