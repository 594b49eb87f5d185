//! What the right values are.

use alloy::primitives::{B256, Bytes};
use rollup::interval::Interval;

use crate::game::{Claim, Level, Run, Subject};

/// The right values of one game: what follows from its anchor and its pinned batches.
///
/// An implementation never waits. It begins what takes long, and returns [`Unknown::Pending`] until the value is there. So
/// an answer that needs a run of the VM does not delay one that does not.
pub trait Truth {
    /// Output root of a block.
    fn output(&self, block: u64) -> Result<B256, Unknown>;

    /// Hash of the BootInfo of a block's run: the output root before the block, its number, the pinned `batchAcc` and the
    /// hash of the chain config.
    fn boot_hash(&self, block: u64) -> Result<B256, Unknown>;

    /// The VM's run over a block.
    fn run(&self, block: u64) -> Result<Run, Unknown>;

    /// State hashes in that run after the given numbers of steps, which ascend. A VM that has exited keeps its state, so
    /// every number of steps has one.
    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown>;

    /// Says how urgent an answer is that waits for the run over a block. Of what is asked for, the most urgent is computed
    /// first; what nobody hurries, last.
    fn hurry(&self, _block: u64, _urgency: Urgency) {}
}

/// How urgent an answer is; the least is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency {
    /// Whether only bonds and rewards hang on it, and not the outcome of a game.
    pub is_minor: bool,
    /// The first second at which it is too late.
    pub deadline: u64,
}

impl Urgency {
    /// Of what nobody waits for.
    pub const NONE: Self = Self { is_minor: true, deadline: u64::MAX };
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// It is being computed.
    #[error("being computed")]
    Pending,
    /// The block is not derived yet.
    #[error("block {0} is not derived from L1 yet")]
    NotDerived(u64),
    /// It cannot be computed: an operator must look at it.
    #[error("{0}")]
    Failed(String),
}

/// The right values at the ends of an interval's segments.
pub fn commitments(
    truth: &(impl Truth + ?Sized),
    level: Level,
    interval: Interval,
) -> Result<Vec<B256>, Unknown> {
    match level {
        Level::Blocks => interval.ends().map(|block| truth.output(block)).collect(),
        Level::Steps { block, .. } => {
            let ends: Vec<u64> = interval.ends().collect();
            truth.states(block, &ends)
        }
    }
}

/// A claim compared with the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Its agreed value is right, and so are all its commitments.
    Valid,
    /// Its agreed value is right, and this segment is the first whose commitment is wrong.
    FirstInvalid(u8),
    /// Its agreed value is wrong. Nothing can be proven against it; it falls with its parent.
    InvalidPrestate,
}

/// Compares a claim with the truth.
pub fn judge(truth: &(impl Truth + ?Sized), claim: &Claim) -> Result<Judgement, Unknown> {
    let agreed = match claim.level {
        Level::Blocks => truth.output(claim.interval.start)?,
        Level::Steps { block, boot_hash } => {
            // Without a run, which could not matter.
            if truth.boot_hash(block)? != boot_hash {
                return Ok(Judgement::InvalidPrestate);
            }
            match claim.interval.start {
                0 => truth.run(block)?.prestate,
                step => *truth.states(block, &[step])?.first().ok_or(Unknown::Pending)?,
            }
        }
    };
    if agreed != claim.agreed {
        return Ok(Judgement::InvalidPrestate);
    }
    let right = commitments(truth, claim.level, claim.interval)?;
    let differs = right.iter().zip(&claim.commitments).position(|(right, claimed)| right != claimed);
    Ok(match differs {
        // At most 16 segments.
        Some(segment) => Judgement::FirstInvalid(segment as u8),
        None => Judgement::Valid,
    })
}

/// The truth, with the data that proves it to the contract.
pub trait Prover: Truth + Send + Sync {
    /// The packed last state of the run over a block.
    fn last_state(&self, block: u64) -> Result<Bytes, Unknown>;

    /// The proof of the step after so many steps of that run.
    fn proof(&self, block: u64, step: u64) -> Result<Proof, Unknown>;
}

/// What the contract needs to check a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The packed state before it.
    pub state: Bytes,
    /// What the step reads.
    pub witness: Bytes,
}

/// The truth of every game.
pub trait Provers: Send + Sync {
    /// The truth of a game.
    fn prover(&self, subject: &Subject) -> Box<dyn Prover>;

    /// The truth of a game as far as it is known by now: whoever only looks lets nothing be computed.
    fn viewer(&self, subject: &Subject) -> Box<dyn Prover> {
        self.prover(subject)
    }

    /// Whether nothing is being computed, nor waits to be.
    fn is_idle(&self) -> bool {
        true
    }
}
