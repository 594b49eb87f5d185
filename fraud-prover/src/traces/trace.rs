//! The VM's run over one block, and states anywhere in it.
//!
//! The first run goes through the block once and remembers the states at the ends of the segments of the whole run, with
//! snapshots. A deeper level asks for states inside one of these segments, and only that segment is run again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy::primitives::{B256, Bytes};
use rollup::{
    interval::MAX_SEGMENTS,
    witness::{BlockWitness, BlockWitnessError},
};
use vm::{Image, Machine, Preimages, RunError, Snapshot};

use super::{disagreement::Disagreement, record::TraceRecord};
use crate::{game::Run, truth::Proof};

/// Stride at which the first run begins to remember states: 16^5 steps, some milliseconds.
const FIRST_STRIDE: u64 = 1 << 20;
/// Snapshots kept of one run. Each shares with the others what has not changed between them.
const SNAPSHOTS: usize = 96;
/// What a page of 4 KiB of a snapshot takes: itself and the hashes above its 128 leaves.
const PAGE_MEMORY: usize = 2 * 4096;

/// Why the states of a run are not known.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// What the block reads could not be collected.
    #[error(transparent)]
    Witness(#[from] BlockWitnessError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The VM could not go on.
    #[error("block {block}: {error}")]
    Machine {
        /// The block.
        block: u64,
        /// The reason.
        error: RunError,
    },
    /// There is no program for the version of the game.
    #[error(
        "the fault proof program with the root {root} is not here: give it with --program, besides the others"
    )]
    NoProgram {
        /// Memory root of the program.
        root: B256,
    },
    /// `rollup.json` has another history than the version of the game.
    #[error(
        "the game is about a chain config with the hash {hash}, which rollup.json has neither now nor had before"
    )]
    UnknownConfig {
        /// Hash of the config.
        hash: B256,
    },
    /// The database has another chain than the game.
    #[error("block {block} starts from {found} here, not from {expected}")]
    OtherBoot {
        /// The block.
        block: u64,
        /// By the game.
        expected: B256,
        /// By the database.
        found: B256,
    },
    /// The VM and the node disagree: the fault proof program is not the node's state transition.
    #[error("the fault proof VM and the node disagree: {0}")]
    Disagreement(Box<Disagreement>),
}

/// The run over one block, as far as it is known, and the VM to find out more.
pub struct Tracer {
    image: Image,
    preimages: Preimages,
    block: u64,
    record: TraceRecord,
    snapshots: BTreeMap<u64, Snapshot>,
    /// Steps of the snapshots, the oldest first.
    age: VecDeque<u64>,
    /// What preimages and blobs take, in bytes.
    preimage_bytes: usize,
}

impl Tracer {
    /// Goes on from what is known of a run over what a block reads. Nothing is run until something is asked for.
    pub fn resume(image: &Image, witness: BlockWitness, record: TraceRecord) -> Self {
        let read = witness.preimages.values().chain(witness.blobs.values());
        let preimage_bytes = read.map(|bytes| bytes.len()).sum();
        Self {
            image: image.clone(),
            preimages: Preimages::from(witness.preimages).with_blobs(witness.blobs),
            block: witness.boot.block,
            record,
            snapshots: BTreeMap::new(),
            age: VecDeque::new(),
            preimage_bytes,
        }
    }

    /// Runs the program over what a block reads.
    pub fn over(image: &Image, witness: BlockWitness, max_steps: u64) -> Result<Self, TraceError> {
        let (boot_hash, block) = (witness.boot.hash(), witness.boot.block);
        let record = TraceRecord {
            run: Run { boot_hash, prestate: image.start(boot_hash).hash(), steps: 0 },
            last_state: Bytes::new(),
            states: BTreeMap::new(),
            proofs: BTreeMap::new(),
        };
        let mut tracer = Self::resume(image, witness, record);
        let preimages = tracer.preimages.clone();
        let wrap = |error| TraceError::Machine { block, error };
        let mut machine = Machine::new(image, boot_hash, preimages).map_err(wrap)?;
        tracer.keep(0, &mut machine);
        let mut stride = FIRST_STRIDE;
        loop {
            let at = machine.cpu().step;
            // All segments of a run of this length are known: from here on it is longer, and cut into longer ones.
            if at == stride.saturating_mul(MAX_SEGMENTS) {
                stride = at;
                tracer.forget_between(stride);
            }
            machine.run_to(at.saturating_add(stride).min(max_steps)).map_err(wrap)?;
            tracer.keep(machine.cpu().step, &mut machine);
            if machine.cpu().exited || machine.cpu().step >= max_steps {
                break;
            }
        }
        tracer.record.run.steps = machine.cpu().step;
        tracer.record.last_state = Bytes::copy_from_slice(&machine.state().pack());
        Ok(tracer)
    }

    /// The run.
    pub const fn summary(&self) -> Run {
        self.record.run
    }

    /// What is known of it.
    pub const fn record(&self) -> &TraceRecord {
        &self.record
    }

    /// Memory that it takes, in bytes, beside the program's: preimages and snapshots.
    pub fn memory(&self) -> usize {
        let mut before = None;
        let mut pages = 0;
        for snapshot in self.snapshots.values() {
            pages += snapshot.pages_beyond(before);
            before = Some(snapshot);
        }
        self.preimage_bytes + pages * PAGE_MEMORY
    }

    /// Finds the states after the given numbers of steps.
    pub fn find(&mut self, steps: &[u64]) -> Result<Vec<B256>, TraceError> {
        let last = self.record.run.steps;
        let wanted: BTreeSet<u64> = steps.iter().map(|step| (*step).min(last)).collect();
        let known = &self.record.states;
        let missing: Vec<u64> = wanted.into_iter().filter(|step| !known.contains_key(step)).collect();
        if let Some(first) = missing.first() {
            let mut machine = self.machine_at(*first)?;
            for step in missing {
                machine.run_to(step).map_err(|error| TraceError::Machine { block: self.block, error })?;
                self.keep(step, &mut machine);
            }
        }
        Ok(self.record.known(steps).unwrap_or_default())
    }

    /// Proves the step after so many.
    pub fn prove(&mut self, step: u64) -> Result<Proof, TraceError> {
        if let Some(proof) = self.record.proof(step) {
            return Ok(proof.clone());
        }
        let wrap = |error| TraceError::Machine { block: self.block, error };
        let mut machine = self.machine_at(step)?;
        machine.run_to(step).map_err(wrap)?;
        let witness = machine.witness().map_err(wrap)?;
        let proof = Proof { state: Bytes::copy_from_slice(&witness.state), witness: witness.witness.into() };
        self.record.proofs.insert(step, proof.clone());
        Ok(proof)
    }

    /// A VM at the newest snapshot that is not behind a step.
    fn machine_at(&self, step: u64) -> Result<Machine<Preimages>, TraceError> {
        let wrap = |error| TraceError::Machine { block: self.block, error };
        let preimages = self.preimages.clone();
        match self.snapshots.range(..=step).next_back() {
            Some((_, snapshot)) => Machine::resume(snapshot, preimages).map_err(wrap),
            None => Machine::new(&self.image, self.record.run.boot_hash, preimages).map_err(wrap),
        }
    }

    fn keep(&mut self, step: u64, machine: &mut Machine<Preimages>) {
        let snapshot = machine.snapshot();
        self.record.states.insert(step, snapshot.state().hash());
        if self.snapshots.insert(step, snapshot).is_none() {
            self.age.push_back(step);
        }
        if self.age.len() > SNAPSHOTS
            && let Some(oldest) = self.age.pop_front()
        {
            self.snapshots.remove(&oldest);
        }
    }

    /// Forgets the snapshots that are not at multiples of the stride. What was hashed stays known.
    fn forget_between(&mut self, stride: u64) {
        self.snapshots.retain(|step, _| step.is_multiple_of(stride));
        self.age.retain(|step| step.is_multiple_of(stride));
    }
}
