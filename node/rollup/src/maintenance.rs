//! Care for the database: flushing it, without which a power cut would lose more than was said, and housekeeping, which
//! may fail: measuring it, and dropping history that is not kept.

use std::time::{Duration, Instant};

use alloy::eips::BlockId;
use anyhow::{Result, anyhow};
use bindings::IAnchorStateRegistry;

use crate::{
    chain::{Chain, ChainError},
    failures::Failures,
    l1::L1Client,
    shutdown::Shutdown,
    tasks::Tasks,
};

/// Time between flushes: what a power cut, as opposed to a kill, may cost at most.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Time between rounds of housekeeping.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(1);

/// Records that one step of pruning looks at, so that block production waits a few milliseconds at most.
const PRUNE_BUDGET: usize = 5_000;

/// Time between questions to L1 for the anchor. It moves once a proposal is final: every hour or so.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(60);

/// Starts what every process with a chain needs. `retain` is the number of blocks below the head whose state stays
/// readable, besides those from the anchor on; `None`: all.
pub fn start(tasks: &mut Tasks, chain: &Chain, client: &L1Client, retain: Option<u64>, shutdown: &Shutdown) {
    let (kept, stop) = (chain.clone(), shutdown.clone());
    tasks.essential("the chain", "nothing new can be kept", async move {
        let mut stop = stop;
        tokio::select! {
            failure = kept.failed() => Err(anyhow!("{failure}")),
            () = stop.wait() => Ok(()),
        }
    });
    let (kept, stop) = (chain.clone(), shutdown.clone());
    tasks.essential("flushing the database", "a power cut loses what was said to be safe", async move {
        Ok(flush(kept, stop).await?)
    });
    let (chain, client, shutdown) = (chain.clone(), client.clone(), shutdown.clone());
    tasks.housekeeping("housekeeping", move || {
        let (chain, client, shutdown) = (chain.clone(), client.clone(), shutdown.clone());
        async move { keep_house(chain, client, retain, shutdown).await }
    });
}

/// Runs something that blocks, on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // A panic in there is the only other outcome, and counts as one here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Flushes until shutdown, and once more.
async fn flush(chain: Chain, mut shutdown: Shutdown) -> Result<(), db::Error> {
    let mut failures = Failures::of_housekeeping("a flush of the database");
    loop {
        let stop = tokio::select! {
            () = shutdown.wait() => true,
            () = tokio::time::sleep(FLUSH_INTERVAL) => false,
        };
        let chain = chain.clone();
        let flushed = blocking(move || chain.db().sync().and_then(|()| chain.db().check())).await;
        match flushed {
            Err(error) if stop || error.is_fatal() => return Err(error),
            flushed => failures.note(flushed),
        }
        if stop {
            return Ok(());
        }
    }
}

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

/// Measures and prunes until shutdown.
async fn keep_house(
    chain: Chain,
    client: L1Client,
    retain: Option<u64>,
    mut shutdown: Shutdown,
) -> Result<()> {
    let mut anchor = Anchor { client, block: None, asked: None };
    let (mut measuring, mut pruning) =
        (Failures::of_housekeeping("measuring"), Failures::of_housekeeping("pruning"));
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = tokio::time::sleep(HOUSEKEEPING_INTERVAL) => {}
        }
        measuring.note(measure(&chain));
        if let Some(retain) = retain {
            tokio::select! {
                () = shutdown.wait() => return Ok(()),
                () = anchor.refresh(&chain) => {}
            }
            if let Some(anchor) = anchor.block {
                let chain = chain.clone();
                pruning.note(blocking(move || prune(&chain, retain, anchor)).await);
            }
        }
    }
}

fn measure(chain: &Chain) -> Result<(), db::Error> {
    let heads = chain.heads();
    metrics::gauge!("recourse_unsafe_head").set(heads.unsafe_head.number as f64);
    metrics::gauge!("recourse_safe_head").set(heads.safe.number as f64);
    metrics::gauge!("recourse_finalized_head").set(heads.finalized.number as f64);
    metrics::gauge!("recourse_l1_cursor").set(heads.l1 as f64);
    metrics::gauge!("recourse_database_bytes").set(chain.db().used_bytes()? as f64);
    Ok(())
}

fn prune(chain: &Chain, retain: u64, anchor: u64) -> Result<(), ChainError> {
    let heads = chain.heads();
    // Never past what L1 may still take back, nor past what disputes and withdrawals need.
    let below = heads.unsafe_head.number.saturating_sub(retain).min(heads.finalized.number).min(anchor);
    chain.prune(below, PRUNE_BUDGET)?;
    Ok(())
}
