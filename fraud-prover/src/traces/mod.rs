//! The truth of a game from what this process has: output roots from the replica's database, and states of the VM
//! by running the fault proof program over a block's witness.

mod contract;
mod disagreement;
mod id;
mod record;
mod runner;
mod slots;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod trace;

use std::sync::Arc;

use alloy::primitives::{B256, Bytes};
use db::Reader;
use rollup::chain::Chain;
use stf::{BootInfo, output_root};

use crate::{
    game::{Run, Subject},
    truth::{Proof, Prover, Provers, Truth, Unknown, Urgency},
};

pub use contract::{ContractError, step_in_process};
pub use disagreement::{Disagreement, DisagreementFile, DisagreementFileError, OpenDisagreement};
pub use id::TraceId;
pub use record::TraceRecord;
pub use runner::{Spent, VmRunner};
pub use trace::{TraceError, Tracer};

/// The truth of any game, by an embedded replica.
#[derive(Clone)]
pub struct ReplicaProvers {
    chain: Chain,
    runner: Arc<VmRunner>,
}

impl ReplicaProvers {
    /// Truth from a chain that follows L1, and a VM for its blocks.
    pub const fn new(chain: Chain, runner: Arc<VmRunner>) -> Self {
        Self { chain, runner }
    }

    /// The truth of one game.
    pub fn of(&self, subject: &Subject) -> ReplicaProver {
        ReplicaProver { provers: self.clone(), subject: subject.clone(), only_looks: false }
    }
}

impl Provers for ReplicaProvers {
    fn prover(&self, subject: &Subject) -> Box<dyn Prover> {
        Box::new(self.of(subject))
    }

    fn viewer(&self, subject: &Subject) -> Box<dyn Prover> {
        Box::new(ReplicaProver { only_looks: true, ..self.of(subject) })
    }

    fn is_idle(&self) -> bool {
        self.runner.is_idle()
    }
}

/// The truth of one game, by an embedded replica.
pub struct ReplicaProver {
    provers: ReplicaProvers,
    subject: Subject,
    /// It lets nothing be computed.
    only_looks: bool,
}

impl ReplicaProver {
    /// A snapshot of the database in which the pinned batches are what the game says; and the newest block of theirs
    /// that is derived.
    fn reader(&self) -> Result<(Reader, u64), Unknown> {
        let reader = self.provers.chain.db().read().map_err(failed)?;
        let last = self.subject.batch_count.checked_sub(1);
        let last = last.ok_or_else(|| Unknown::Failed("a game that pins no batch".into()))?;
        let target = self.subject.blocks.end();
        // Another accumulator: the replica or the events have not followed an L1 reorg yet.
        let batch = reader.batch(last).map_err(failed)?.filter(|batch| batch.acc == self.subject.batch_acc);
        let batch = batch.ok_or(Unknown::NotDerived(target))?;
        let safe = reader.safe().map_err(failed)?.unwrap_or(0);
        Ok((reader, batch.last_block.min(safe)))
    }

    /// What the run over a block starts from.
    fn boot(&self, block: u64) -> Result<BootInfo, Unknown> {
        let before = block.checked_sub(1).ok_or_else(|| Unknown::Failed("no block before block 0".into()))?;
        Ok(BootInfo {
            agreed_output: self.output(before)?,
            block,
            batch_acc: self.subject.batch_acc,
            config_hash: self.subject.rules.config_hash,
        })
    }

    fn trace(&self, block: u64) -> Result<TraceId, Unknown> {
        // The block itself must be derived, so that its state and its inputs are here.
        self.output(block)?;
        Ok(TraceId {
            boot_hash: self.boot(block)?.hash(),
            block,
            batch_count: self.subject.batch_count,
            rules: self.subject.rules,
        })
    }
}

impl Truth for ReplicaProver {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        let (reader, derived) = self.reader()?;
        if block > derived {
            return Err(Unknown::NotDerived(block));
        }
        let header = reader.header(block).map_err(failed)?.ok_or(Unknown::NotDerived(block))?;
        Ok(output_root(&header, header.hash()))
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        Ok(self.boot(block)?.hash())
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        let trace = self.trace(block)?;
        match self.only_looks {
            true => self.provers.runner.known(&trace, |record| Some(record.run())),
            false => self.provers.runner.run(trace),
        }
    }

    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        let trace = self.trace(block)?;
        match self.only_looks {
            true => self.provers.runner.known(&trace, |record| record.known(steps)),
            false => self.provers.runner.states(trace, steps),
        }
    }

    fn hurry(&self, block: u64, urgency: Urgency) {
        if self.only_looks {
            return;
        }
        // Nothing was asked of a run that has no name yet.
        if let Ok(trace) = self.trace(block) {
            self.provers.runner.hurry(&trace, urgency);
        }
    }
}

impl Prover for ReplicaProver {
    fn last_state(&self, block: u64) -> Result<Bytes, Unknown> {
        let trace = self.trace(block)?;
        match self.only_looks {
            true => self.provers.runner.known(&trace, |record| Some(record.last_state().clone())),
            false => self.provers.runner.last_state(trace),
        }
    }

    fn proof(&self, block: u64, step: u64) -> Result<Proof, Unknown> {
        let trace = self.trace(block)?;
        match self.only_looks {
            true => self.provers.runner.known(&trace, |record| record.proof(step).cloned()),
            false => self.provers.runner.proof(trace, step),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Unknown {
    Unknown::Failed(error.to_string())
}
