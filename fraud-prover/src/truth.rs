//! What the right values are.

use alloy::primitives::{B256, Bytes};
use rollup::interval::Interval;

use crate::game::{Claim, Level, Run, Subject};

/// The right values of one game: what follows from its agreed start and its pinned batches.
///
/// An implementation never waits: what takes long is begun, and is [`Unknown::Pending`] until it is there. So an answer
/// that needs a run of the machine does not hold up one that does not.
pub trait Truth {
    /// Output root of a block.
    fn output(&self, block: u64) -> Result<B256, Unknown>;

    /// What the machine is started with to run a block: a hash of the output before it, its number, the pinned batches
    /// and the chain's configuration.
    fn boot_hash(&self, block: u64) -> Result<B256, Unknown>;

    /// The machine's run over a block.
    fn run(&self, block: u64) -> Result<Run, Unknown>;

    /// State hashes in that run after the given numbers of steps, which ascend. A machine that has exited stays as it
    /// is, so every number of steps has a state.
    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown>;
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
    /// It cannot be computed. Somebody should look at it.
    #[error("{0}")]
    Failed(String),
}

/// The right values at the ends of an interval's parts.
pub fn vector(truth: &(impl Truth + ?Sized), level: Level, interval: Interval) -> Result<Vec<B256>, Unknown> {
    match level {
        Level::Blocks => interval.ends().map(|block| truth.output(block)).collect(),
        Level::Steps { block, .. } => {
            let ends: Vec<u64> = interval.ends().collect();
            truth.states(block, &ends)
        }
    }
}

/// What a claim is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It starts from the right value, and so are all of its values.
    Right,
    /// It starts from the right value, but the value at the end of this part is wrong, the first that is.
    WrongFrom(u8),
    /// It starts from a wrong value, so that nothing can be proven against it: only by its parent it can be beaten.
    WrongStart,
}

/// Compares a claim with the truth.
pub fn judge(truth: &(impl Truth + ?Sized), claim: &Claim) -> Result<Judgement, Unknown> {
    let start = match claim.level {
        Level::Blocks => truth.output(claim.interval.start)?,
        Level::Steps { block, boot_hash } => {
            // Spares a run that could not matter.
            if truth.boot_hash(block)? != boot_hash {
                return Ok(Judgement::WrongStart);
            }
            match claim.interval.start {
                0 => truth.run(block)?.start,
                step => *truth.states(block, &[step])?.first().ok_or(Unknown::Pending)?,
            }
        }
    };
    if start != claim.start {
        return Ok(Judgement::WrongStart);
    }
    let right = vector(truth, claim.level, claim.interval)?;
    let differs = right.iter().zip(&claim.vector).position(|(right, claimed)| right != claimed);
    Ok(match differs {
        // At most 16 parts.
        Some(part) => Judgement::WrongFrom(part as u8),
        None => Judgement::Right,
    })
}

/// The truth, with what shows it to the contract.
pub trait Prover: Truth + Send + Sync {
    /// The packed last state of the run over a block.
    fn last_state(&self, block: u64) -> Result<Bytes, Unknown>;

    /// The proof of the step after so many steps of that run.
    fn proof(&self, block: u64, step: u64) -> Result<Proof, Unknown>;
}

/// What proves a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The packed state before it.
    pub state: Bytes,
    /// What the step reads.
    pub witness: Bytes,
}

/// Gives each game its truth.
pub trait Provers: Send + Sync {
    /// The truth of a game.
    fn prover(&self, subject: &Subject) -> Box<dyn Prover>;
}
