//! What is known of a run of the VM, and how it stands in a file.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`]: the format and its version |
//! | 32 | memory root of the program |
//! | 8 | most steps of a run |
//! | 32 | boot hash |
//! | 8, 8 | block, number of pinned batches |
//! | 8, 32 | steps of the run, hash of its prestate |
//! | 337 | last state, packed |
//! | 4, then 40 each | states: step, hash |
//! | 4, then 349 and more each | proofs: step, packed state, length of the witness (4), witness |
//! | 32 | keccak256 of all before |
//!
//! Numbers are big-endian. A file is read only if all of it is as it was written, and of the same run of the same
//! program: otherwise the run is computed again.

use std::collections::BTreeMap;

use alloy::primitives::{B256, Bytes, keccak256};
use vm::{Image, STATE_LENGTH, State};

use super::id::TraceId;
use crate::{game::Run, truth::Proof};

const MAGIC: [u8; 8] = *b"RCTRACE1";

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    pub(super) run: Run,
    /// Packed.
    pub(super) last_state: Bytes,
    /// State hashes by steps.
    pub(super) states: BTreeMap<u64, B256>,
    /// Proofs by the steps before them.
    pub(super) proofs: BTreeMap<u64, Proof>,
}

impl TraceRecord {
    /// The run.
    pub const fn run(&self) -> Run {
        self.run
    }

    /// Its last state, packed.
    pub const fn last_state(&self) -> &Bytes {
        &self.last_state
    }

    /// Its value: the output root, or zero if it failed.
    pub fn value(&self) -> B256 {
        State::unpack(&self.last_state).map(|state| state.cpu.value()).unwrap_or_default()
    }

    /// State hashes after the given numbers of steps, if all are known.
    pub fn known(&self, steps: &[u64]) -> Option<Vec<B256>> {
        steps.iter().map(|step| self.states.get(&(*step).min(self.run.steps)).copied()).collect()
    }

    /// The proof of the step after so many, if it was made.
    pub fn proof(&self, step: u64) -> Option<&Proof> {
        self.proofs.get(&step)
    }

    /// The file.
    pub(super) fn encode(&self, trace: &TraceId) -> Vec<u8> {
        let mut out = header(trace);
        out.extend(self.run.steps.to_be_bytes());
        out.extend(self.run.prestate);
        out.extend(self.last_state.iter());
        out.extend((self.states.len() as u32).to_be_bytes());
        for (step, hash) in &self.states {
            out.extend(step.to_be_bytes());
            out.extend(hash);
        }
        out.extend((self.proofs.len() as u32).to_be_bytes());
        for (step, proof) in &self.proofs {
            out.extend(step.to_be_bytes());
            out.extend(proof.state.iter());
            out.extend((proof.witness.len() as u32).to_be_bytes());
            out.extend(proof.witness.iter());
        }
        let sum = keccak256(&out);
        out.extend(sum);
        out
    }

    /// Reads a file of this run; `None` if it is another's, or damaged.
    pub(super) fn decode(file: &[u8], image: &Image, trace: &TraceId) -> Option<Self> {
        let (content, sum) = file.split_last_chunk::<32>()?;
        if keccak256(content) != *sum {
            return None;
        }
        let rest = content.strip_prefix(header(trace).as_slice())?;
        let mut input = Input(rest);
        let steps = input.number()?;
        let prestate = input.hash()?;
        let last_state = Bytes::copy_from_slice(input.take(STATE_LENGTH)?);
        let mut states = BTreeMap::new();
        for _ in 0..input.count()? {
            states.insert(input.number()?, input.hash()?);
        }
        let mut proofs = BTreeMap::new();
        for _ in 0..input.count()? {
            let step = input.number()?;
            let state = Bytes::copy_from_slice(input.take(STATE_LENGTH)?);
            let length = input.count()? as usize;
            proofs.insert(step, Proof { state, witness: Bytes::copy_from_slice(input.take(length)?) });
        }
        let run = Run { boot_hash: trace.boot_hash, prestate, steps };
        let record = Self { run, last_state, states, proofs };
        (input.0.is_empty() && record.fits(image)).then_some(record)
    }

    /// Whether its parts are those of one run of the program.
    fn fits(&self, image: &Image) -> bool {
        let Run { boot_hash, prestate, steps } = self.run;
        let Some(last) = State::unpack(&self.last_state) else {
            return false;
        };
        prestate == image.start(boot_hash).hash()
            && last.cpu.step == steps
            && self.states.get(&0) == Some(&prestate)
            && self.states.get(&steps) == Some(&last.hash())
            && self.states.keys().all(|step| *step <= steps)
    }
}

fn header(trace: &TraceId) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(trace.rules.program_root);
    out.extend(trace.rules.max_steps.to_be_bytes());
    out.extend(trace.boot_hash);
    out.extend(trace.block.to_be_bytes());
    out.extend(trace.batch_count.to_be_bytes());
    out
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn count(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn hash(&mut self) -> Option<B256> {
        Some(B256::from_slice(self.take(32)?))
    }
}
