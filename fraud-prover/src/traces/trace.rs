//! The VM's run over one block, and states anywhere in it.
//!
//! The first run goes through the block once and remembers the states at the ends of the segments of the whole run, with
//! snapshots. A deeper level asks for states inside one of these segments, and only that segment is run again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy::primitives::{B256, Bytes};
use db::Database;
use rollup::{
    interval::MAX_SEGMENTS,
    witness::{BlockWitness, BlockWitnessError, witness_of},
};
use stf::ChainConfig;
use vm::{Image, Machine, Preimages, RunError, Snapshot};

use crate::{game::Run, truth::Proof};

/// Stride at which the first run begins to remember states: 16^5 steps, some milliseconds.
const FIRST_STRIDE: u64 = 1 << 20;
/// Snapshots kept of one run. Each shares with the others what has not changed between them.
const SNAPSHOTS: usize = 96;

/// A run of the VM, by what decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceId {
    /// What the VM is started with.
    pub boot_hash: B256,
    /// The block.
    pub block: u64,
    /// Number of pinned batches.
    pub batch_count: u64,
}

/// Why a run has no states.
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
    #[error("the VM gives {machine} for block {block}, the node {node}")]
    Disagreement {
        /// The block.
        block: u64,
        /// The VM's value.
        machine: B256,
        /// The node's output root.
        node: B256,
    },
}

/// The run over one block, as far as it is known.
pub struct Tracer {
    image: Image,
    preimages: Preimages,
    block: u64,
    run: Run,
    last_state: Bytes,
    states: BTreeMap<u64, B256>,
    snapshots: BTreeMap<u64, Snapshot>,
    /// Steps of the snapshots, the oldest first.
    age: VecDeque<u64>,
}

impl Tracer {
    /// Runs the program over a block, at most `max_steps` steps.
    pub fn run(
        image: &Image,
        database: &Database,
        config: &ChainConfig,
        trace: TraceId,
        max_steps: u64,
    ) -> Result<Self, TraceError> {
        let TraceId { boot_hash, block, batch_count } = trace;
        let witness = witness_of(&database.read()?, config, block, batch_count)?;
        let found = witness.boot.hash();
        if found != boot_hash {
            return Err(TraceError::OtherBoot { block, expected: boot_hash, found });
        }
        let output = witness.output;
        let tracer = Self::over(image, witness, max_steps)?;
        match tracer.value() {
            value if value == output => Ok(tracer),
            machine => Err(TraceError::Disagreement { block, machine, node: output }),
        }
    }

    /// Runs the program over what a block reads.
    pub fn over(image: &Image, witness: BlockWitness, max_steps: u64) -> Result<Self, TraceError> {
        let (boot_hash, block) = (witness.boot.hash(), witness.boot.block);
        let preimages = Preimages::from(witness.preimages);
        let mut tracer = Self {
            image: image.clone(),
            preimages: preimages.clone(),
            block,
            run: Run { boot_hash, prestate: image.start(boot_hash).hash(), steps: 0 },
            last_state: Bytes::new(),
            states: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            age: VecDeque::new(),
        };
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
        tracer.run.steps = machine.cpu().step;
        tracer.last_state = Bytes::copy_from_slice(&machine.state().pack());
        Ok(tracer)
    }

    /// The run.
    pub const fn summary(&self) -> Run {
        self.run
    }

    /// Its last state, packed.
    pub const fn last_state(&self) -> &Bytes {
        &self.last_state
    }

    /// Its value: the output root, or zero if it failed.
    pub fn value(&self) -> B256 {
        vm::State::unpack(&self.last_state).map(|state| state.cpu.value()).unwrap_or_default()
    }

    /// State hashes after the given numbers of steps, if all are known.
    pub fn known(&self, steps: &[u64]) -> Option<Vec<B256>> {
        steps.iter().map(|step| self.states.get(&(*step).min(self.run.steps)).copied()).collect()
    }

    /// Finds the states after the given numbers of steps.
    pub fn find(&mut self, steps: &[u64]) -> Result<Vec<B256>, TraceError> {
        let wanted: BTreeSet<u64> = steps.iter().map(|step| (*step).min(self.run.steps)).collect();
        let missing: Vec<u64> = wanted.into_iter().filter(|step| !self.states.contains_key(step)).collect();
        if let Some(first) = missing.first() {
            let mut machine = self.machine_at(*first)?;
            for step in missing {
                machine.run_to(step).map_err(|error| TraceError::Machine { block: self.block, error })?;
                self.keep(step, &mut machine);
            }
        }
        let states = steps.iter().map(|step| self.states.get(&(*step).min(self.run.steps)).copied());
        Ok(states.flatten().collect())
    }

    /// Proves the step after so many.
    pub fn prove(&mut self, step: u64) -> Result<Proof, TraceError> {
        let wrap = |error| TraceError::Machine { block: self.block, error };
        let mut machine = self.machine_at(step)?;
        machine.run_to(step).map_err(wrap)?;
        let witness = machine.witness().map_err(wrap)?;
        Ok(Proof { state: Bytes::copy_from_slice(&witness.state), witness: witness.witness.into() })
    }

    /// A VM at the newest snapshot that is not behind a step.
    fn machine_at(&self, step: u64) -> Result<Machine<Preimages>, TraceError> {
        let wrap = |error| TraceError::Machine { block: self.block, error };
        let preimages = self.preimages.clone();
        match self.snapshots.range(..=step).next_back() {
            Some((_, snapshot)) => Machine::resume(snapshot, preimages).map_err(wrap),
            None => Machine::new(&self.image, self.run.boot_hash, preimages).map_err(wrap),
        }
    }

    fn keep(&mut self, step: u64, machine: &mut Machine<Preimages>) {
        let snapshot = machine.snapshot();
        self.states.insert(step, snapshot.state().hash());
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
