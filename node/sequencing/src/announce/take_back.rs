//! After a power cut: what was announced and is not in the database comes back from the log.

use alloy::primitives::B256;
use rollup::chain::{Chain, ChainError, FeedBlock, ImportOutcome};

use super::{AnnounceError, AnnounceLog, Announced};

/// Blocks that are taken back together.
const RUN: usize = 64;

/// How far the chain has all that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// It has everything that can still be had.
    Done {
        /// Blocks that stood on something which L1 has replaced, or come out differently: they are gone for good.
        void: u64,
    },
    /// A block can't be taken back before more of L1 is known.
    Waits {
        /// The block.
        number: u64,
        /// For what it waits.
        what: &'static str,
    },
}

/// Brings blocks of the log that the chain lacks into it. Blocks that stand on something else than the chain has, because
/// L1 has replaced it, are left out, with all that stand on them.
pub fn take_back(chain: &Chain, log: &AnnounceLog) -> Result<TakenBack, AnnounceError> {
    let announced = log.above(chain.heads().safe.number);
    let (mut taken, mut void) = (0, 0);
    let mut left = &announced[..];
    loop {
        left = &left[known(chain, left)?..];
        let Some(first) = left.first() else { break };
        let number = first.number;
        match hash(chain, number.saturating_sub(1))? {
            Some(before) if before == first.parent => {}
            // What it stands on is void, too, or comes from L1.
            None if void == 0 => return Ok(TakenBack::Waits { number, what: "the block before it" }),
            _ => {
                void += 1;
                left = &left[1..];
                continue;
            }
        }
        let run = run(log, left)?;
        let outcome = chain.import_unsafe(&run)?;
        // Those of the run before the one that does not fit are in the chain now.
        let fitting = known(chain, &left[..run.len()])?;
        taken += fitting as u64;
        left = &left[fitting..];
        let number = number + fitting as u64;
        let what = match outcome {
            ImportOutcome::Appended | ImportOutcome::Known if fitting > 0 => continue,
            ImportOutcome::Mismatch { expected, found } => {
                tracing::error!(
                    target: "node::announce", number, announced = %expected, executed = %found,
                    "an announced block comes out differently: it is lost, with those after it"
                );
                void += 1;
                left = left.get(1..).unwrap_or_default();
                continue;
            }
            ImportOutcome::NeedsMessages { .. } => "messages from L1",
            ImportOutcome::Deriving => "an L1 block to be applied",
            _ => "the block before it",
        };
        return Ok(TakenBack::Waits { number, what });
    }
    if taken > 0 {
        tracing::info!(target: "node::announce", blocks = taken, "announced blocks taken back from the log");
    }
    Ok(TakenBack::Done { void })
}

fn hash(chain: &Chain, number: u64) -> Result<Option<B256>, ChainError> {
    Ok(chain.db().read()?.block_hash(number)?)
}

/// How many of these blocks, from the first on, the chain has, or has safe ones in place of.
fn known(chain: &Chain, blocks: &[Announced]) -> Result<usize, ChainError> {
    let reader = chain.db().read()?;
    let safe = reader.safe()?.unwrap_or(0);
    for (index, block) in blocks.iter().enumerate() {
        if block.number > safe && reader.block_hash(block.number)? != Some(block.hash) {
            return Ok(index);
        }
    }
    Ok(blocks.len())
}

/// The first of these blocks, as far as each stands on the one before.
fn run(log: &AnnounceLog, blocks: &[Announced]) -> Result<Vec<FeedBlock>, AnnounceError> {
    let mut run: Vec<FeedBlock> = Vec::new();
    for block in blocks.iter().take(RUN) {
        if run.last().is_some_and(|last| last.hash != block.parent) {
            break;
        }
        run.push(log.feed_block(block)?);
    }
    Ok(run)
}
