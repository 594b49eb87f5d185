//! Housekeeping of the database: flushing it, and dropping history that is not kept.

use std::time::{Duration, Instant};

use alloy::eips::BlockId;
use bindings::IAnchorStateRegistry;

use crate::{
    chain::{Chain, ChainError},
    l1::L1Client,
    shutdown::Shutdown,
};

/// Time between flushes: what a power cut, as opposed to a kill, may cost at most.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Records that one step of pruning looks at, so that block production waits a few milliseconds at most.
const PRUNE_BUDGET: usize = 5_000;

/// Time between questions to L1 for the anchor. It moves once a proposal is final: every hour or so.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(60);

/// The oldest block whose state anybody may still need: disputes start from the anchor, and whatever was withdrawn up to
/// it can be proven against a later output, too.
#[derive(Debug)]
struct Anchor {
    client: L1Client,
    /// Its block, once L1 said so. Nothing is pruned before.
    block: Option<u64>,
    asked: Option<Instant>,
}

impl Anchor {
    async fn refresh(&mut self, chain: &Chain) {
        if self.asked.is_some_and(|asked| asked.elapsed() < ANCHOR_INTERVAL) {
            return;
        }
        self.asked = Some(Instant::now());
        let registry = chain.config().contracts.anchor_state_registry;
        let call = IAnchorStateRegistry::anchorsCall {};
        match self.client.view(registry, call, BlockId::latest()).await {
            Ok(anchor) => self.block = Some(anchor.l2SequenceNumber.saturating_to()),
            // The anchor never moves back: what was known stays a bound.
            Err(error) => tracing::debug!(target: "node::maintenance", %error, "L1 does not say the anchor"),
        }
    }
}

/// Flushes and prunes until shutdown, and flushes once more. `retain` is the number of blocks below the head whose
/// state stays readable, besides those from the anchor on; `None`: all.
pub async fn run(
    chain: Chain,
    client: L1Client,
    retain: Option<u64>,
    mut shutdown: Shutdown,
) -> Result<(), ChainError> {
    let mut anchor = Anchor { client, block: None, asked: None };
    loop {
        let stop = tokio::select! {
            () = shutdown.wait() => true,
            () = tokio::time::sleep(FLUSH_INTERVAL) => false,
        };
        if retain.is_some() && !stop {
            tokio::select! {
                () = shutdown.wait() => {}
                () = anchor.refresh(&chain) => {}
            }
        }
        let chain = chain.clone();
        // Blocks to keep, and the anchor: without either, all stays.
        let prune = retain.zip(anchor.block);
        let work = tokio::task::spawn_blocking(move || step(&chain, prune));
        // A panic in there is the only other outcome, and ends the process like one here.
        match work.await {
            Ok(outcome) => outcome?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
        if stop {
            return Ok(());
        }
    }
}

fn step(chain: &Chain, prune: Option<(u64, u64)>) -> Result<(), ChainError> {
    chain.db().sync()?;
    let heads = chain.heads();
    metrics::gauge!("recourse_unsafe_head").set(heads.unsafe_head.number as f64);
    metrics::gauge!("recourse_safe_head").set(heads.safe.number as f64);
    metrics::gauge!("recourse_finalized_head").set(heads.finalized.number as f64);
    metrics::gauge!("recourse_l1_cursor").set(heads.l1 as f64);
    metrics::gauge!("recourse_database_bytes").set(chain.db().used_bytes()? as f64);
    if let Some((retain, anchor)) = prune {
        // Never past what L1 may still take back, nor past what disputes and withdrawals need.
        let below = heads.unsafe_head.number.saturating_sub(retain).min(heads.finalized.number).min(anchor);
        chain.prune(below, PRUNE_BUDGET)?;
    }
    Ok(())
}
