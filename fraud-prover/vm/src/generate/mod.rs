//! Hostile steps from a seed: states and memories that no honest run has, with the witness of the step that follows.
//!
//! For tests that compare implementations of the machine. Every instruction, call, accelerator and way to exit comes
//! up, on operands at the edges of what they may be; [`StepKind::all`] lists what a long enough series must hold.

mod blob;
mod inputs;
mod memory;
mod scenes;

use crate::{
    accel::{self, op},
    host::{BlobProof, Host},
    isa::{Form, Instruction, Op},
    machine_state::{A7, Cpu, State},
    reference::{self, Access, LEAF, PAGE, PreimageCache},
    witness::{StepWitness, prove},
};
use alloy_primitives::{B256, Bytes};
use blob::Blob;
use memory::{MemoryContent, Rest};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

/// What a step turned out to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// The machine had exited.
    Exited,
    /// The pc was no instruction's address.
    BadPc,
    /// The word was no instruction.
    Foreign,
    /// An instruction of the operation with this index in [`Op::ALL`]; whether it did what it can do besides the
    /// ordinary: branches are taken, loads and stores refused.
    Op(usize, bool),
    /// HALT; whether with an output.
    Halt(bool),
    /// PREIMAGE.
    Preimage,
    /// BLOB.
    Blob,
    /// ACCEL with this operation; whether it succeeded.
    Accel(u64, bool),
    /// ACCEL with this operation, on an input that is too dear.
    Dear(u64),
    /// The call with this number was refused for its arguments.
    Refused(u64),
    /// A call that doesn't exist.
    UnknownCall,
}

impl StepKind {
    /// Every kind that there is.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        let mut all = BTreeSet::from([
            Self::Exited,
            Self::BadPc,
            Self::Foreign,
            Self::Halt(false),
            Self::Halt(true),
            Self::Preimage,
            Self::Blob,
            Self::Dear(op::MODEXP),
            Self::Dear(op::BLAKE2F),
            Self::UnknownCall,
        ]);
        all.extend((0..4).map(Self::Refused));
        for (index, operation) in Op::ALL.iter().enumerate().filter(|(_, operation)| **operation != Op::Ecall)
        {
            all.insert(Self::Op(index, false));
            if matches!(operation.form(), Form::Branch | Form::Load | Form::Store) {
                all.insert(Self::Op(index, true));
            }
        }
        for operation in op::ALL {
            all.insert(Self::Accel(operation, true));
            // The others take any input, or answer a bad one with an empty output.
            if (op::BN254_ADD..=op::BLS_MAP_G2).contains(&operation) {
                all.insert(Self::Accel(operation, false));
            }
        }
        all
    }

    /// What the step of a witness does.
    #[must_use]
    pub fn of(step: &StepWitness) -> Self {
        let Some(State { cpu, .. }) = State::unpack(&step.state) else { return Self::Exited };
        if cpu.exited {
            return Self::Exited;
        }
        if step.access == Access::None {
            return Self::BadPc;
        }
        let at = (cpu.pc % LEAF) as usize;
        let word = step
            .witness
            .get(at..at + 4)
            .map_or(0, |word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let Some(Instruction { op, .. }) = Instruction::decode(word) else { return Self::Foreign };
        match (&step.access, cpu.x[A7]) {
            (Access::Output(output), _) => Self::Halt(output.is_some()),
            (Access::Preimage { .. }, _) => Self::Preimage,
            (Access::Blob { .. }, _) => Self::Blob,
            (Access::Page { op, accepted: false, .. }, _) => Self::Dear(*op),
            (Access::Page { op, .. }, _) => Self::Accel(*op, step.post.cpu.x[10] == 1),
            (_, call) if op == Op::Ecall => {
                if call < 4 {
                    Self::Refused(call)
                } else {
                    Self::UnknownCall
                }
            }
            _ => {
                let taken = op.form() == Form::Branch && step.post.cpu.pc != cpu.pc.wrapping_add(4);
                let index = Op::ALL.iter().position(|other| *other == op).unwrap_or_default();
                Self::Op(index, taken || step.post.cpu.exited)
            }
        }
    }
}

/// A state and a memory before a step.
struct Scene {
    cpu: Cpu,
    content: MemoryContent,
    outside: Outside,
}

/// What a scene's step may read from outside.
#[derive(Clone, Default)]
struct Outside {
    preimages: BTreeMap<B256, Bytes>,
    blobs: BTreeMap<B256, Blob>,
}

impl Host for Outside {
    fn preimage(&mut self, hash: &B256) -> Option<Bytes> {
        self.preimages.get(hash).cloned()
    }

    fn blob_element(&mut self, versioned_hash: &B256, index: u16) -> Option<B256> {
        Some(self.blobs.get(versioned_hash)?.element(index).into())
    }

    fn blob_proof(&mut self, versioned_hash: &B256, _: u16) -> Option<BlobProof> {
        let Blob { commitment, proof, .. } = self.blobs.get(versioned_hash)?;
        Some(BlobProof { commitment: *commitment, proof: *proof })
    }
}

/// A series of steps: the same for the same seed.
pub struct Generator {
    rng: StdRng,
    blobs: Vec<Blob>,
}

impl Generator {
    /// The series of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let blobs = (0..12).map(|_| Blob::new(&mut rng)).collect();
        Self { rng, blobs }
    }

    /// A step that calls an accelerator: an input made for it, in a state that calls it well.
    pub fn accelerator_step(&mut self, op: u64) -> StepWitness {
        let scene = self.accelerator(op);
        self.complete(scene)
    }

    /// An input of an accelerator: one that it takes, or one that is damaged.
    pub fn accelerator_input(&mut self, op: u64) -> Vec<u8> {
        inputs::input(&mut self.rng, op, &self.blobs)
    }

    fn complete(&self, mut scene: Scene) -> StepWitness {
        // Once to see what the step touches, then with a tree that knows just that.
        let mut cpu = scene.cpu.clone();
        let mut content = scene.content.clone();
        let mut cache = PreimageCache::default();
        let access = reference::step(&mut cpu, &mut content, &mut scene.outside, &mut cache);
        let access = access.unwrap_or_else(|error| panic!("a scene must be complete: {error}"));
        let leaf = |address: u32| address / LEAF as u32;
        let mut known = BTreeSet::new();
        if access != Access::None {
            known.insert(leaf(scene.cpu.pc as u32));
        }
        match &access {
            Access::None | Access::Fetch | Access::Output(None) => {}
            Access::Leaf(address) | Access::Output(Some(address)) => known.extend([leaf(*address)]),
            Access::Preimage { key, destination, .. } => known.extend([leaf(*key), leaf(*destination)]),
            Access::Blob { hash, destination, .. } => known.extend([leaf(*hash), leaf(*destination)]),
            Access::Page { page, .. } => known.extend(leaf(*page)..=leaf(page + (PAGE as u32 - 1))),
        }
        let tree = scene.content.tree(&known);
        let state = State { root: tree.root(), cpu: scene.cpu };
        let step = prove(&state, &tree, &mut scene.outside, &mut cache);
        step.unwrap_or_else(|error| panic!("a scene must be complete: {error}"))
    }
}

impl Iterator for Generator {
    type Item = StepWitness;

    /// The next step; there is always one.
    fn next(&mut self) -> Option<StepWitness> {
        let scene = match self.rng.random_range(0..100) {
            0..=59 => self.instruction(),
            60..=64 => self.word(),
            65..=67 => self.unfetchable(),
            68 => self.exited(),
            69..=72 => self.halt(),
            73..=82 => self.preimage(),
            83..=84 => self.blob(),
            85..=87 => self.any_call(),
            88..=96 => {
                let cheap = [op::KECCAK256, op::SHA256, op::RIPEMD160, op::IDENTITY];
                let op = cheap[self.rng.random_range(0..cheap.len())];
                self.accelerator(op)
            }
            _ => {
                let op = op::ALL[self.rng.random_range(0..op::ALL.len())];
                // Pairings and the like take a millisecond.
                if accel::cost(op, &[]).is_some_and(|cost| cost > 10_000) && self.rng.random_bool(0.7) {
                    self.accelerator(op::ECRECOVER)
                } else {
                    self.accelerator(op)
                }
            }
        };
        Some(self.complete(scene))
    }
}
