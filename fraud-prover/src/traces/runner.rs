//! Runs of the VM in the background.
//!
//! One thread works through what is asked for, the most urgent first. Whoever asks gets what is there, or is told that it
//! is being computed; [`VmRunner::changed`] says when asking again is worth it. What was found is also on disk, so that
//! neither a restart nor a VM that was dropped for its memory begins anew.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use parking_lot::{Condvar, Mutex};
use rollup::{
    chain::Chain,
    witness::{BlockWitness, BlockWitnessError, witness_of},
};
use stf::output_root;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};
use vm::{Image, RunError};

use super::{
    disagreement::{Disagreement, Disagreements, OpenDisagreement},
    id::TraceId,
    record::TraceRecord,
    slots::{Job, TraceSlots, Wanted},
    store::{self, TraceStore},
    trace::{TraceError, Tracer},
};
use crate::{
    game::{Run, RunRules, Subject},
    truth::{Proof, Unknown, Urgency},
};

const TARGET: &str = "challenger::machine";
/// Folders in the challenger's.
const TRACES: &str = "traces";
const DISAGREEMENTS: &str = "disagreements";

/// What the VM has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Time that it ran.
    pub time: Duration,
    /// Blocks that were run as a whole.
    pub runs: u64,
}

/// Where the runner gets what blocks read.
pub(super) trait Blocks: Send {
    /// What a run reads, and what the node's state transition makes of it.
    fn witness(&self, trace: &TraceId) -> Result<BlockWitness, TraceError>;

    /// The output root that the node has for a block.
    fn output(&self, block: u64) -> Result<B256, TraceError>;
}

impl Blocks for Chain {
    fn witness(&self, trace: &TraceId) -> Result<BlockWitness, TraceError> {
        let TraceId { block, batch_count, rules, .. } = *trace;
        // An older version of the game knows the rules up to its time.
        let config = self.config().chain.version(rules.config_hash);
        let config = config.ok_or(TraceError::UnknownConfig { hash: rules.config_hash })?;
        Ok(witness_of(&self.db().read()?, &config, block, batch_count)?)
    }

    fn output(&self, block: u64) -> Result<B256, TraceError> {
        let header = self.db().read()?.header(block)?;
        let header = header.ok_or(BlockWitnessError::Missing { what: "header", number: block })?;
        Ok(output_root(&header, header.hash()))
    }
}

/// Runs of the VM, computed in the background.
pub struct VmRunner {
    shared: Arc<Shared>,
    folder: PathBuf,
}

struct Shared {
    slots: Mutex<TraceSlots>,
    /// Something was asked for, or the runner is dropped.
    wake: Condvar,
    changes: watch::Sender<u64>,
    spent: Mutex<Spent>,
    disagreements: Disagreements,
}

impl VmRunner {
    /// A runner for the blocks of a chain, by these programs: one for each version of the game that there may be games of. It
    /// keeps what it found, and disagreements of VM and node, below `folder`. The thread ends when this is dropped.
    pub fn new(chain: Chain, programs: Vec<Image>, folder: &Path) -> io::Result<Arc<Self>> {
        Self::over(chain, programs, folder)
    }

    pub(super) fn over(
        blocks: impl Blocks + 'static,
        programs: Vec<Image>,
        folder: &Path,
    ) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            slots: Mutex::default(),
            wake: Condvar::new(),
            changes: watch::channel(0).0,
            spent: Mutex::default(),
            disagreements: Disagreements::new(folder.join(DISAGREEMENTS)),
        });
        let folder = folder.join(TRACES);
        let store = TraceStore::new(folder.clone());
        let mut worker = Worker { blocks, programs, store, shared: shared.clone() };
        std::thread::Builder::new().name("machine".into()).spawn(move || worker.work())?;
        Ok(Arc::new(Self { shared, folder }))
    }

    /// Changes when something was computed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// What it has cost so far.
    pub fn spent(&self) -> Spent {
        *self.shared.spent.lock()
    }

    /// The disagreements of VM and node that nobody has looked at yet.
    pub fn disagreements(&self) -> Vec<OpenDisagreement> {
        self.shared.disagreements.open()
    }

    /// Forgets all runs, also those on disk, that none of these games can ask for.
    pub fn keep_only(&self, games: &[Subject]) {
        self.shared.slots.lock().retain(|trace| trace.is_of_any(games));
        if let Err(error) = store::keep_only(&self.folder, games) {
            warn!(target: TARGET, %error, "cannot delete runs of games that are over");
        }
    }

    /// Says how urgent an answer is that waits for a run.
    pub fn hurry(&self, trace: &TraceId, urgency: Urgency) {
        self.shared.slots.lock().hurry(trace, urgency);
    }

    /// The run over a block.
    pub fn run(&self, trace: TraceId) -> Result<Run, Unknown> {
        self.ask(trace, &Wanted::Run, |record| Some(record.run()))
    }

    /// The packed last state of a run.
    pub fn last_state(&self, trace: TraceId) -> Result<Bytes, Unknown> {
        self.ask(trace, &Wanted::Run, |record| Some(record.last_state().clone()))
    }

    /// State hashes in a run.
    pub fn states(&self, trace: TraceId, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        self.ask(trace, &Wanted::States(steps.to_vec()), |record| record.known(steps))
    }

    /// The proof of the step after so many.
    pub fn proof(&self, trace: TraceId, step: u64) -> Result<Proof, Unknown> {
        self.ask(trace, &Wanted::Proof(step), |record| record.proof(step).cloned())
    }

    /// What is known of a run by now. Nothing is computed for it.
    pub fn known<T>(
        &self,
        trace: &TraceId,
        answer: impl FnOnce(&TraceRecord) -> Option<T>,
    ) -> Result<T, Unknown> {
        self.shared.slots.lock().known(trace, answer)
    }

    /// Whether nothing is being computed, nor waits to be.
    pub fn is_idle(&self) -> bool {
        self.shared.slots.lock().is_idle()
    }

    fn ask<T>(
        &self,
        trace: TraceId,
        wanted: &Wanted,
        answer: impl FnOnce(&TraceRecord) -> Option<T>,
    ) -> Result<T, Unknown> {
        let stands = self.shared.disagreements.has(&trace.boot_hash);
        let found = self.shared.slots.lock().ask(trace, wanted, Instant::now(), stands, answer);
        if matches!(found, Err(Unknown::Pending)) {
            self.shared.wake.notify_one();
        }
        found
    }
}

impl Drop for VmRunner {
    fn drop(&mut self) {
        self.shared.slots.lock().is_stopped = true;
        self.shared.wake.notify_one();
    }
}

struct Worker<B> {
    blocks: B,
    programs: Vec<Image>,
    store: TraceStore,
    shared: Arc<Shared>,
}

/// What a job came to.
struct Computed {
    record: TraceRecord,
    tracer: Option<Tracer>,
    /// The block was run as a whole.
    is_new: bool,
}

impl<B: Blocks> Worker<B> {
    fn work(&mut self) {
        while let Some((job, tracer, record)) = self.next() {
            let started = Instant::now();
            let done = self.compute(tracer, record, &job);
            let took = started.elapsed();
            let is_new = done.as_ref().is_ok_and(|computed| computed.is_new);
            let result = match done {
                Ok(Computed { record, tracer, is_new }) => {
                    if is_new {
                        let (block, steps) = (job.trace.block, record.run().steps);
                        info!(target: TARGET, block, steps, ?took, "ran a block in the VM");
                    }
                    let weighed = tracer.map(|tracer| {
                        let bytes = tracer.memory();
                        (tracer, bytes)
                    });
                    Ok((record, weighed))
                }
                Err(error) => {
                    error!(target: TARGET, block = job.trace.block, %error, "the VM failed");
                    metrics::counter!("recourse_challenger_machine_failures_total").increment(1);
                    Err(error.to_string())
                }
            };
            self.shared.slots.lock().done(&job, result, Instant::now());
            let mut spent = self.shared.spent.lock();
            spent.time += took;
            spent.runs += u64::from(is_new);
            metrics::gauge!("recourse_challenger_machine_seconds").set(spent.time.as_secs_f64());
            drop(spent);
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }

    /// Waits for something to do; `None`: the runner was dropped.
    fn next(&self) -> Option<(Job, Option<Tracer>, Option<TraceRecord>)> {
        let mut slots = self.shared.slots.lock();
        loop {
            if slots.is_stopped {
                return None;
            }
            if let Some(job) = slots.next() {
                let (tracer, record) = slots.take(&job.trace);
                return Some((job, tracer, record));
            }
            self.shared.wake.wait(&mut slots);
        }
    }

    fn compute(
        &mut self,
        tracer: Option<Tracer>,
        record: Option<TraceRecord>,
        job: &Job,
    ) -> Result<Computed, TraceError> {
        let record = match record {
            Some(record) => Some(record),
            None => self.load(&job.trace)?,
        };
        let is_new = record.is_none();
        let mut tracer = match (tracer, record) {
            (tracer, Some(record)) if job.wanted.is_in(&record) => {
                return Ok(Computed { record, tracer, is_new });
            }
            (Some(tracer), _) => tracer,
            (None, Some(record)) => {
                Tracer::resume(self.program(&job.trace.rules)?, self.witness(&job.trace)?, record)
            }
            (None, None) => {
                let tracer = self.run(&job.trace)?;
                // Kept before anything else is done with it.
                self.store.save(&job.trace, tracer.record());
                tracer
            }
        };
        if job.wanted.is_in(tracer.record()) {
            return Ok(Computed { record: tracer.record().clone(), tracer: Some(tracer), is_new });
        }
        match &job.wanted {
            Wanted::Run => {}
            Wanted::States(steps) => drop(tracer.find(steps)?),
            Wanted::Proof(step) => drop(tracer.prove(*step)?),
        }
        self.store.save(&job.trace, tracer.record());
        Ok(Computed { record: tracer.record().clone(), tracer: Some(tracer), is_new })
    }

    /// What an earlier process, or this one, has found out about a run. If it is not what the node has, it is not taken:
    /// the run itself must show that.
    fn load(&self, trace: &TraceId) -> Result<Option<TraceRecord>, TraceError> {
        let Some(record) = self.store.load(self.program(&trace.rules)?, trace) else {
            return Ok(None);
        };
        let is_agreed = record.value() == self.blocks.output(trace.block)?;
        debug!(target: TARGET, block = trace.block, is_agreed, "a run was on disk");
        if is_agreed {
            self.shared.disagreements.settle(&trace.boot_hash);
        }
        Ok(is_agreed.then_some(record))
    }

    /// The program of a version of the game.
    fn program(&self, rules: &RunRules) -> Result<&Image, TraceError> {
        let is_it = |image: &&Image| {
            image.root() == rules.program_root && u64::from(image.entry()) == rules.program_entry
        };
        self.programs.iter().find(is_it).ok_or(TraceError::NoProgram { root: rules.program_root })
    }

    fn witness(&self, trace: &TraceId) -> Result<BlockWitness, TraceError> {
        let witness = self.blocks.witness(trace)?;
        let (expected, found) = (trace.boot_hash, witness.boot.hash());
        if found != expected {
            return Err(TraceError::OtherBoot { block: trace.block, expected, found });
        }
        Ok(witness)
    }

    /// Runs a block as a whole. What differs from the node's is run once more before it counts: a bit of memory may have
    /// flipped, or L1 was reorganised between witness and output.
    fn run(&self, trace: &TraceId) -> Result<Tracer, TraceError> {
        let tried = match self.run_once(trace)? {
            Ok(tracer) => Ok(tracer),
            Err((first, _)) => {
                warn!(target: TARGET, block = trace.block, error = %first, "VM and node differ: the block is run again");
                self.run_once(trace)?
            }
        };
        let (found, witness) = match tried {
            Ok(tracer) => {
                self.shared.disagreements.settle(&trace.boot_hash);
                return Ok(tracer);
            }
            Err(disagreement) => disagreement,
        };
        self.shared.disagreements.add(&found, &trace.rules, &witness);
        Err(TraceError::Disagreement(Box::new(found)))
    }

    /// Runs a block as a whole, and compares its value with the node's.
    fn run_once(&self, trace: &TraceId) -> Result<Result<Tracer, (Disagreement, BlockWitness)>, TraceError> {
        let (witness, node) = (self.witness(trace)?, self.blocks.output(trace.block)?);
        let again = witness.output;
        let program = self.program(&trace.rules)?;
        let (machine, tracer) = match Tracer::over(program, witness.clone(), trace.rules.max_steps) {
            Ok(tracer) => (Ok(tracer.record().value()), Some(tracer)),
            // It reads what the node does not.
            Err(TraceError::Machine { error: error @ RunError::Host(_), .. }) => {
                (Err(error.to_string()), None)
            }
            Err(error) => return Err(error),
        };
        if let Some(tracer) = tracer
            && machine == Ok(node)
            && again == node
        {
            return Ok(Ok(tracer));
        }
        let TraceId { boot_hash, block, .. } = *trace;
        Ok(Err((Disagreement { block, boot_hash, machine, node, again }, witness)))
    }
}
