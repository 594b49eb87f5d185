//! Runs of the VM in the background.
//!
//! One thread works through what is asked for, in order. Whoever asks gets what is there, or is told that it is being
//! computed; [`VmRunner::changed`] says when asking again is worth it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use parking_lot::Mutex;
use rollup::chain::Chain;
use tokio::sync::watch;
use tracing::{error, info};
use vm::Image;

use super::trace::{TraceError, TraceId, Tracer};
use crate::{
    game::Run,
    truth::{Proof, Unknown},
};

const TARGET: &str = "challenger::machine";
/// Runs that are kept, unless more are in use; the one that was not asked for longest goes first.
const TRACES: usize = 6;
/// A run that was asked for so lately is in use. The strategy asks for what it needs at every look: if one of these went,
/// it would be run again at once, and another would go for it.
const IN_USE: Duration = Duration::from_secs(60);
/// A failure is reported for so long, then tried again.
const RETRY: Duration = Duration::from_secs(15);

/// What the VM has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Time that it ran.
    pub time: Duration,
    /// Blocks that were run as a whole.
    pub runs: u64,
}

/// Runs of the VM, computed in the background.
pub struct VmRunner {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
}

struct Shared {
    traces: Mutex<BTreeMap<TraceId, Slot>>,
    changes: watch::Sender<u64>,
    spent: Mutex<Spent>,
}

struct Slot {
    used: Instant,
    /// What is being computed.
    asked: Vec<Wanted>,
    tracer: Option<Tracer>,
    proofs: BTreeMap<u64, Proof>,
    failed: Option<(Instant, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Run,
    States(Vec<u64>),
    Proof(u64),
}

struct Job {
    trace: TraceId,
    wanted: Wanted,
}

impl VmRunner {
    /// VmRunner for blocks of a chain. The thread ends when this is dropped.
    pub fn new(chain: Chain, image: Image, max_steps: u64) -> std::io::Result<Arc<Self>> {
        let (jobs, queue) = mpsc::channel();
        let shared = Arc::new(Shared {
            traces: Mutex::default(),
            changes: watch::channel(0).0,
            spent: Mutex::default(),
        });
        let worker = Worker { chain, image, max_steps, shared: shared.clone() };
        std::thread::Builder::new().name("machine".into()).spawn(move || worker.work(&queue))?;
        Ok(Arc::new(Self { shared, jobs }))
    }

    /// Changes when something was computed.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// What it has cost so far.
    pub fn spent(&self) -> Spent {
        *self.shared.spent.lock()
    }

    /// The run over a block.
    pub fn run(&self, trace: TraceId) -> Result<Run, Unknown> {
        self.ask(trace, &Wanted::Run, |slot| slot.tracer.as_ref().map(Tracer::summary))
    }

    /// The packed last state of a run.
    pub fn last_state(&self, trace: TraceId) -> Result<Bytes, Unknown> {
        self.ask(trace, &Wanted::Run, |slot| slot.tracer.as_ref().map(|tracer| tracer.last_state().clone()))
    }

    /// State hashes in a run.
    pub fn states(&self, trace: TraceId, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        let wanted = Wanted::States(steps.to_vec());
        self.ask(trace, &wanted, |slot| slot.tracer.as_ref().and_then(|tracer| tracer.known(steps)))
    }

    /// The proof of the step after so many.
    pub fn proof(&self, trace: TraceId, step: u64) -> Result<Proof, Unknown> {
        self.ask(trace, &Wanted::Proof(step), |slot| slot.proofs.get(&step).cloned())
    }

    fn ask<T>(
        &self,
        trace: TraceId,
        wanted: &Wanted,
        answer: impl FnOnce(&Slot) -> Option<T>,
    ) -> Result<T, Unknown> {
        let mut traces = self.shared.traces.lock();
        if !traces.contains_key(&trace) && traces.len() >= TRACES {
            let idle =
                traces.iter().filter(|(_, slot)| slot.asked.is_empty() && slot.used.elapsed() > IN_USE);
            if let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(trace, _)| *trace) {
                traces.remove(&oldest);
            }
        }
        let slot = traces.entry(trace).or_insert_with(|| Slot {
            used: Instant::now(),
            asked: Vec::new(),
            tracer: None,
            proofs: BTreeMap::new(),
            failed: None,
        });
        slot.used = Instant::now();
        if let Some(answer) = answer(slot) {
            return Ok(answer);
        }
        if let Some((at, reason)) = &slot.failed {
            if at.elapsed() < RETRY {
                return Err(Unknown::Failed(reason.clone()));
            }
            slot.failed = None;
        }
        if !slot.asked.contains(wanted) {
            slot.asked.push(wanted.clone());
            let job = Job { trace, wanted: wanted.clone() };
            if self.jobs.send(job).is_err() {
                return Err(Unknown::Failed("the VM's thread is gone".into()));
            }
        }
        Err(Unknown::Pending)
    }
}

struct Worker {
    chain: Chain,
    image: Image,
    max_steps: u64,
    shared: Arc<Shared>,
}

impl Worker {
    fn work(&self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            let started = Instant::now();
            // Taken out while it is worked on, so that others can ask meanwhile.
            let tracer = self.shared.traces.lock().get_mut(&job.trace).and_then(|slot| slot.tracer.take());
            let is_new = tracer.is_none();
            let done = self.compute(tracer, &job);
            let took = started.elapsed();
            let mut traces = self.shared.traces.lock();
            if let Some(slot) = traces.get_mut(&job.trace) {
                slot.asked.retain(|wanted| *wanted != job.wanted);
                match done {
                    Ok((tracer, proof)) => {
                        if is_new {
                            let (block, steps) = (job.trace.block, tracer.summary().steps);
                            info!(target: TARGET, block, steps, ?took, "ran a block in the VM");
                        }
                        slot.tracer = Some(tracer);
                        if let (Wanted::Proof(step), Some(proof)) = (&job.wanted, proof) {
                            slot.proofs.insert(*step, proof);
                        }
                    }
                    Err(error) => {
                        error!(target: TARGET, block = job.trace.block, %error, "the VM failed");
                        metrics::counter!("recourse_challenger_machine_failures_total").increment(1);
                        slot.failed = Some((Instant::now(), error.to_string()));
                    }
                }
            }
            drop(traces);
            let mut spent = self.shared.spent.lock();
            spent.time += took;
            spent.runs += u64::from(is_new);
            metrics::gauge!("recourse_challenger_machine_seconds").set(spent.time.as_secs_f64());
            drop(spent);
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }

    fn compute(&self, tracer: Option<Tracer>, job: &Job) -> Result<(Tracer, Option<Proof>), TraceError> {
        let mut tracer = match tracer {
            Some(tracer) => tracer,
            None => {
                let config = &self.chain.config().chain;
                Tracer::run(&self.image, self.chain.db(), config, job.trace, self.max_steps)?
            }
        };
        let proof = match &job.wanted {
            Wanted::Run => None,
            Wanted::States(steps) => {
                tracer.find(steps)?;
                None
            }
            Wanted::Proof(step) => Some(tracer.prove(*step)?),
        };
        Ok((tracer, proof))
    }
}
