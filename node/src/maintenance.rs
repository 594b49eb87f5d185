//! Housekeeping of the database: flushing it, and dropping history that is not kept.

use std::time::Duration;

use crate::{
    chain::{Chain, ChainError},
    shutdown::Shutdown,
};

/// Time between flushes: what a power cut, as opposed to a kill, may cost at most.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Records that one step of pruning looks at, so that block production waits a few milliseconds at most.
const PRUNE_BUDGET: usize = 5_000;

/// Flushes and prunes until shutdown, and flushes once more. `retain` is the number of blocks below the head whose
/// state stays readable; `None`: all.
pub async fn run(chain: Chain, retain: Option<u64>, mut shutdown: Shutdown) -> Result<(), ChainError> {
    loop {
        let stop = tokio::select! {
            () = shutdown.wait() => true,
            () = tokio::time::sleep(FLUSH_INTERVAL) => false,
        };
        let chain = chain.clone();
        let work = tokio::task::spawn_blocking(move || step(&chain, retain));
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

fn step(chain: &Chain, retain: Option<u64>) -> Result<(), ChainError> {
    chain.db().sync()?;
    let heads = chain.heads();
    metrics::gauge!("recourse_unsafe_head").set(heads.unsafe_head.number as f64);
    metrics::gauge!("recourse_safe_head").set(heads.safe.number as f64);
    metrics::gauge!("recourse_finalized_head").set(heads.finalized.number as f64);
    metrics::gauge!("recourse_l1_cursor").set(heads.l1 as f64);
    metrics::gauge!("recourse_database_bytes").set(chain.db().used_bytes()? as f64);
    if let Some(retain) = retain {
        // Never past what L1 may still take back.
        let below = heads.unsafe_head.number.saturating_sub(retain).min(heads.finalized.number);
        chain.prune(below, PRUNE_BUDGET)?;
    }
    Ok(())
}
