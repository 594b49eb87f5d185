//! Care for the database: flushing it, without which a power cut would lose more than was said, and housekeeping, which
//! may fail: measuring it, dropping history that is not kept, and making the index of logs.

use std::time::{Duration, Instant};

use alloy::eips::BlockId;
use anyhow::{Result, anyhow};
use bindings::IAnchorStateRegistry;
use db::LogIndexer;

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

/// Part of the time that housekeeping of one kind works for while there is work, one in so many: it takes turns with block
/// production, and the disk is that of both.
const SHARE: u32 = 3;

/// Records that one step of pruning looks at, so that block production waits a few milliseconds at most.
const PRUNE_BUDGET: usize = 5_000;

/// Time between questions to L1 for the anchor. It moves once a proposal is final: every hour or so.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(60);

/// Bytes that the disk must have left for transactions to be taken. A pool that is full has 256 MiB of them, which become
/// some 800 MB of blocks, receipts and state.
const LEAST_ROOM: u64 = 1 << 30;

/// What a process does for its database besides keeping it.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// The number of blocks below the head whose state stays readable, besides those from the anchor on; `None`: all.
    pub retain: Option<u64>,
    /// The number of blocks below the head whose transactions and receipts are kept, besides those from the anchor on;
    /// `None`: all.
    pub retain_receipts: Option<u64>,
    /// Bytes that the disk must have left for transactions to be taken.
    pub least_room: u64,
    /// Whether there is an index of logs: who serves JSON-RPC wants one.
    pub index_logs: bool,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self { retain: None, retain_receipts: None, least_room: LEAST_ROOM, index_logs: false }
    }
}

/// Starts what every process with a chain needs.
pub fn start(tasks: &mut Tasks, chain: &Chain, client: &L1Client, upkeep: Upkeep, shutdown: &Shutdown) {
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
    let (measured, stop) = (chain.clone(), shutdown.clone());
    tasks.housekeeping("measuring", move || keep_measured(measured.clone(), upkeep.least_room, stop.clone()));
    if upkeep.retain.is_some() || upkeep.retain_receipts.is_some() {
        let (chain, client, stop) = (chain.clone(), client.clone(), shutdown.clone());
        tasks.housekeeping("pruning", move || {
            keep_pruned(chain.clone(), Anchor::new(client.clone()), upkeep, stop.clone())
        });
    }
    if upkeep.index_logs {
        let (chain, stop) = (chain.clone(), shutdown.clone());
        tasks.housekeeping("indexing logs", move || keep_logs_indexed(chain.clone(), stop.clone()));
    }
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
    const fn new(client: L1Client) -> Self {
        Self { client, block: None, asked: None }
    }

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

/// Waits for the next round of housekeeping. False: it is shutdown.
async fn next_round(shutdown: &mut Shutdown) -> bool {
    tokio::select! {
        () = shutdown.wait() => false,
        () = tokio::time::sleep(HOUSEKEEPING_INTERVAL) => true,
    }
}

/// Does a piece of work after the other, on threads of their own, until one says that there is no more, or shutdown.
async fn work_off<E: Send + 'static>(
    shutdown: &mut Shutdown,
    mut step: impl FnMut() -> Result<bool, E> + Send + 'static,
) -> Result<(), E> {
    loop {
        let start = Instant::now();
        let (back, more) = blocking(move || {
            let more = step();
            (step, more)
        })
        .await;
        if !more? {
            return Ok(());
        }
        step = back;
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = tokio::time::sleep(start.elapsed() * (SHARE - 1)) => {}
        }
    }
}

async fn keep_measured(chain: Chain, least_room: u64, mut shutdown: Shutdown) -> Result<()> {
    let mut failures = Failures::of_housekeeping("measuring");
    loop {
        measure_room(&chain, least_room);
        failures.note(measure(&chain));
        if !next_round(&mut shutdown).await {
            return Ok(());
        }
    }
}

/// Sees whether the disk is nearly full, and tells when that changes.
fn measure_room(chain: &Chain, least: u64) {
    let had_room = chain.db().has_room();
    let Some(room) = chain.db().measure_room(least) else { return };
    let path = chain.db().path().display();
    match (had_room, chain.db().has_room()) {
        (true, false) => tracing::warn!(
            target: "node::maintenance", room, least, %path,
            "the disk is nearly full: a sequencer takes no transactions until there is room",
        ),
        (false, true) => {
            tracing::info!(target: "node::maintenance", room, %path, "there is room on the disk again")
        }
        _ => {}
    }
    metrics::gauge!("recourse_disk_room_bytes").set(room as f64);
    metrics::gauge!("recourse_disk_low").set(u8::from(!chain.db().has_room()));
}

async fn keep_pruned(chain: Chain, mut anchor: Anchor, upkeep: Upkeep, mut shutdown: Shutdown) -> Result<()> {
    let mut failures = Failures::of_housekeeping("pruning");
    while next_round(&mut shutdown).await {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = anchor.refresh(&chain) => {}
        }
        let Some(anchor) = anchor.block else { continue };
        let chain = chain.clone();
        failures.note(work_off(&mut shutdown, move || prune(&chain, upkeep, anchor)).await);
    }
    Ok(())
}

async fn keep_logs_indexed(chain: Chain, mut shutdown: Shutdown) -> Result<()> {
    let mut failures = Failures::of_housekeeping("indexing logs");
    while next_round(&mut shutdown).await {
        // It takes room, for a while twice; what is left is for blocks.
        if !chain.db().has_room() {
            continue;
        }
        let (chain, mut indexer) = (chain.clone(), LogIndexer::default());
        failures.note(work_off(&mut shutdown, move || chain.index_logs(&mut indexer)).await);
    }
    Ok(())
}

fn measure(chain: &Chain) -> Result<(), db::Error> {
    let heads = chain.heads();
    metrics::gauge!("recourse_unsafe_head").set(heads.unsafe_head.number as f64);
    metrics::gauge!("recourse_safe_head").set(heads.safe.number as f64);
    metrics::gauge!("recourse_finalized_head").set(heads.finalized.number as f64);
    metrics::gauge!("recourse_l1_cursor").set(heads.l1 as f64);
    metrics::gauge!("recourse_database_bytes").set(chain.db().used_bytes()? as f64);
    metrics::gauge!("recourse_log_index_end").set(chain.db().read()?.log_index_end()? as f64);
    Ok(())
}

/// Does a step; returns whether there is more to do.
fn prune(chain: &Chain, upkeep: Upkeep, anchor: u64) -> Result<bool, ChainError> {
    let heads = chain.heads();
    // Never past what L1 may still take back, nor past what disputes and withdrawals need.
    let bound = heads.finalized.number.min(anchor);
    let below = |retain: u64| heads.unsafe_head.number.saturating_sub(retain).min(bound);
    let mut more = false;
    if let Some(retain) = upkeep.retain {
        more |= !chain.prune(below(retain), PRUNE_BUDGET)?;
    }
    if let Some(retain) = upkeep.retain_receipts {
        more |= !chain.prune_blocks(below(retain), PRUNE_BUDGET)?;
    }
    Ok(more)
}
