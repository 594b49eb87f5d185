//! Posting the sequencer's blocks to L1.
//!
//! The batcher keeps nothing. Each time it reads from the inbox where the batches end, checks that the local chain has
//! derived exactly these batches, and posts the local blocks after them. The inbox takes batches only in order and
//! only on the queue that they were built on, so that a batch can be posted neither twice nor on a reorganised L1; what
//! would be refused is not sent. If a batch is lost, its blocks are simply still to be posted.
//!
//! - `snapshot`: what the next batch depends on, read from L1 and the database.
//! - `plan`: what to do about it, decided from nothing else.

mod da;
mod error;
mod plan;
mod snapshot;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::{
    eips::BlockId,
    primitives::{Bytes, U256},
    providers::Provider,
    sol_types::{SolCall, SolInterface},
};
use bindings::{IInbox, ISystemConfig};
use db::Reader;
use stf::{
    ExtraData,
    inbox::{DaKind, MAX_BLOCKS_PER_BATCH},
};
use tracing::{debug, error, info};

use crate::{
    limits::MAX_PAYLOAD,
    task::{self, Task},
};
use da::{DaPrice, room};
use plan::{BatchPlan, Limits, NextBatch, plan};
use rollup::{
    blobs::{BlobSidecar, DaChoice},
    chain::Chain,
    inbox_rules::{ForcedEnd, PRICED_BACKLOG, gas_end},
    l1::{L1Error, Retry, SendError, TxManager, TxRequest},
    shutdown::Shutdown,
};
use snapshot::{BatchSnapshot, InboxView};

pub use error::PlanError;

const TARGET: &str = "node::batcher";

/// How to post batches.
#[derive(Clone, Copy, Debug)]
pub struct BatcherOptions {
    /// How long a block waits for others at most.
    pub interval: Duration,
    /// Where payloads are posted.
    pub da: DaChoice,
    /// Size of a payload that is worth posting at once, in bytes; by default, and at most, what fits a transaction.
    pub payload_size: Option<usize>,
    /// Most blocks in a batch.
    pub max_blocks: u64,
    /// Brotli quality, 0 to 11.
    pub quality: u8,
    /// How often to look for blocks to post; by default what suits the chain.
    pub poll_interval: Option<Duration>,
}

impl Default for BatcherOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(12),
            da: DaChoice::default(),
            payload_size: None,
            max_blocks: MAX_BLOCKS_PER_BATCH,
            quality: 9,
            poll_interval: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error(transparent)]
    L1(#[from] L1Error),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{}", explain(.0))]
    Send(SendError),
    #[error("the batch cannot be put into blobs: {0}")]
    Blobs(String),
    #[error("the thread that built a batch is gone")]
    Gone,
}

impl From<SendError> for BatchError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

/// The contract's own error says more than the endpoint's words.
fn explain(error: &SendError) -> String {
    match error.revert_data().map(|data| IInbox::IInboxErrors::abi_decode(data)) {
        Some(Ok(reason)) => format!("the inbox would refuse: {reason:?}"),
        _ => error.to_string(),
    }
}

/// The task that posts batches.
#[derive(Debug)]
pub struct Batcher {
    chain: Chain,
    txs: Arc<TxManager>,
    options: BatcherOptions,
    poll_interval: Duration,
    /// Where the newest batch was posted, or is to be.
    da_kind: DaKind,
    /// Whether a transaction may still wait in L1's pool: while it does, pools take no other kind from the account.
    da_is_fixed: bool,
    /// Whether the key was compared with the system configuration's.
    key_checked: bool,
    waiting: Waiting,
}

/// The blocks that wait to be posted.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    first: u64,
    since: Instant,
    /// Up to where the transactions' bytes are counted, and the block there.
    counted: (u64, alloy::primitives::B256),
    bytes: usize,
    /// Payload bytes for each byte of transactions, as last seen.
    ratio: f64,
}

impl Waiting {
    /// Bytes of the payload that holds them, about.
    fn payload(&self) -> usize {
        (self.bytes as f64 * self.ratio) as usize
    }
}

impl Task for Batcher {
    type Error = BatchError;

    const WHAT: &'static str = "posting batches";
    const FAILURES: &'static str = "recourse_batcher_failures_total";

    async fn step(&mut self) -> Result<(), BatchError> {
        if !self.key_checked {
            self.check_key().await?;
        }
        if !self.is_due()? {
            return Ok(());
        }
        let view = self.view().await?;
        if self.options.da == DaChoice::Auto && !self.da_is_fixed {
            self.choose_da(view.base_fee).await;
        }
        let (chain, at) = (self.chain.clone(), view.timestamp);
        let limits = Limits {
            payload_size: self.payload_size(),
            max_payload: MAX_PAYLOAD,
            max_blocks: self.options.max_blocks.min(view.allowance),
            quality: self.options.quality,
            ratio: self.waiting.ratio,
            force_delay: chain.config().chain.force_delay,
        };
        let planned = tokio::task::spawn_blocking(move || {
            let snapshot = BatchSnapshot::load(&chain, view, limits.max_blocks)?;
            plan(&snapshot, &limits)
        })
        .await;
        match planned.map_err(|_| BatchError::Gone)?? {
            BatchPlan::Wait(reason) => {
                debug!(target: TARGET, reason, "no batch now");
                Ok(())
            }
            BatchPlan::Post(batch) => self.post(*batch).await,
            BatchPlan::Force { old_header, end, reason } => self.force(old_header, end, reason, at).await,
        }
    }

    fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}

impl Batcher {
    /// A batcher of the local chain's blocks, that sends by `txs`.
    pub fn new(chain: Chain, txs: Arc<TxManager>, options: BatcherOptions) -> Self {
        let config = chain.config();
        // The sequencer confirms nothing where the newest batch is half as old as would let others force one: there must be
        // time for a second attempt before.
        let longest = Duration::from_secs(config.chain.force_delay.min(config.sequencer_timeout)) / 4;
        let options = BatcherOptions {
            interval: options.interval.min(longest),
            max_blocks: options.max_blocks.clamp(1, MAX_BLOCKS_PER_BATCH),
            ..options
        };
        Self {
            poll_interval: options.poll_interval.unwrap_or(txs.client().default_poll_interval()),
            waiting: Waiting {
                first: u64::MAX,
                since: Instant::now(),
                counted: (0, Default::default()),
                bytes: 0,
                ratio: 1.0,
            },
            da_kind: if options.da == DaChoice::Calldata { DaKind::Calldata } else { DaKind::Blobs },
            da_is_fixed: false,
            key_checked: false,
            chain,
            txs,
            options,
        }
    }

    /// Posts batches until told to end. One that is on its way then may still arrive, which does no harm.
    pub async fn run(self, shutdown: Shutdown) {
        task::run(self, shutdown).await;
    }

    /// Says if the key is not the one that posts this rollup's batches.
    async fn check_key(&mut self) -> Result<(), BatchError> {
        let system_config = self.chain.config().contracts.system_config;
        let client = self.txs.client();
        let batcher = client.view(system_config, ISystemConfig::batcherCall {}, BlockId::latest()).await?;
        if batcher != self.txs.address() {
            let key = self.txs.address();
            error!(target: TARGET, %key, %batcher, "the key is not the batcher that the system configuration names");
        }
        self.key_checked = true;
        Ok(())
    }

    /// Whether the blocks that wait are many, large or old enough to be posted.
    fn is_due(&mut self) -> Result<bool, BatchError> {
        let heads = self.chain.heads();
        let (first, last) = (heads.safe.number + 1, heads.unsafe_head.number);
        metrics::gauge!("recourse_batcher_waiting_blocks").set((last + 1).saturating_sub(first) as f64);
        if last < first {
            self.waiting.first = u64::MAX;
            return Ok(false);
        }
        let reader = self.chain.db().read().map_err(PlanError::from)?;
        let waiting = &mut self.waiting;
        let (counted, hash) = waiting.counted;
        let stands = reader.block_hash(counted).map_err(PlanError::from)? == Some(hash);
        if waiting.first != first || !stands || counted < first {
            if waiting.first != first {
                waiting.since = Instant::now();
            }
            *waiting = Waiting { first, bytes: 0, counted: (first - 1, hash), ..*waiting };
        }
        for body in reader.bodies(waiting.counted.0 + 1..=last).map_err(PlanError::from)? {
            let (number, body) = body.map_err(PlanError::from)?;
            let users = body.iter().filter(|tx| !tx.is_deposit());
            waiting.bytes += users.map(|tx| tx.raw.len()).sum::<usize>();
            waiting.counted.0 = number;
        }
        waiting.counted.1 =
            reader.block_hash(waiting.counted.0).map_err(PlanError::from)?.unwrap_or_default();
        let oldest = reader.header(first).map_err(PlanError::from)?.map_or(0, |header| header.timestamp);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Two clocks: the block's survives a restart, ours works where L1's time is not the world's.
        let age = now.saturating_sub(Duration::from_secs(oldest)).max(waiting.since.elapsed());
        Ok(last + 1 - first >= self.options.max_blocks
            || self.waiting.payload() >= self.payload_size()
            || age >= self.options.interval
            || self.unserved_gas(&reader)? > PRICED_BACKLOG)
    }

    /// Payload from which on a batch is posted at once, and which several blocks do not exceed.
    fn payload_size(&self) -> usize {
        let room = room(self.da_kind);
        self.options.payload_size.map_or(room, |size| size.clamp(1, room))
    }

    /// Chooses where the next batch is posted. Without an answer about fees it is where the last one was.
    async fn choose_da(&mut self, base_fee: u128) {
        match self.txs.client().provider().get_blob_base_fee().await {
            Ok(blob_base_fee) => {
                let price = DaPrice { base_fee, blob_base_fee };
                let kind = price.choose(self.da_kind, self.waiting.payload());
                if std::mem::replace(&mut self.da_kind, kind) != kind {
                    info!(target: TARGET, da = ?kind, base_fee, blob_base_fee, "batches are posted elsewhere from now on");
                }
            }
            Err(error) => debug!(target: TARGET, %error, "no blob base fee"),
        }
    }

    /// Gas of the messages that no batch covers.
    fn unserved_gas(&self, reader: &Reader) -> Result<u64, PlanError> {
        let safe = self.chain.heads().safe.number;
        let served = reader.header(safe)?.and_then(|header| ExtraData::of(&header)).unwrap_or_default();
        Ok(gas_end(reader, reader.message_count()?)?.saturating_sub(served.consumed_gas))
    }

    /// Where the batches end, in one L1 block.
    async fn view(&self) -> Result<InboxView, BatchError> {
        let inbox = self.chain.config().contracts.inbox;
        let client = self.txs.client();
        let head = client.head().await?;
        let at = BlockId::hash(head.hash);
        let (last_block, message_end, batches, allowance) = tokio::try_join!(
            client.view(inbox, IInbox::lastBlockCall {}, at),
            client.view(inbox, IInbox::messageEndCall {}, at),
            client.view(inbox, IInbox::batchCountCall {}, at),
            client.view(inbox, IInbox::blockAllowanceCall {}, at),
        )?;
        let count = U256::from(batches);
        let batch_acc = client.view(inbox, IInbox::batchAccCall { count }, at).await?;
        let (number, timestamp) = (head.number(), head.timestamp());
        let base_fee = head.base_fee();
        Ok(InboxView { number, timestamp, base_fee, allowance, last_block, message_end, batches, batch_acc })
    }

    async fn post(&mut self, batch: NextBatch) -> Result<(), BatchError> {
        let (first, blocks, bytes) = (batch.first_block, batch.block_count, batch.payload.len());
        if batch.raw_bytes > 0 {
            self.waiting.ratio = (bytes as f64 / batch.raw_bytes as f64).clamp(0.05, 1.1);
        }
        let request = self.request_of(batch).await?;
        let blobs = request.blobs.as_ref().map_or(0, |blobs| blobs.versioned_hashes().len());
        let sent = self.txs.send(request).await;
        self.fix_da(sent.as_ref().err());
        let receipt = sent?;
        metrics::counter!("recourse_batcher_batches_total").increment(1);
        metrics::counter!("recourse_batcher_blocks_total").increment(blocks);
        metrics::counter!("recourse_batcher_payload_bytes_total").increment(bytes as u64);
        metrics::counter!("recourse_batcher_blobs_total").increment(blobs as u64);
        metrics::counter!("recourse_batcher_l1_gas_total").increment(receipt.gas_used);
        let last = first + blocks - 1;
        let (tx, gas) = (receipt.transaction_hash, receipt.gas_used);
        info!(target: TARGET, first, last, bytes, blobs, %tx, gas, "posted a batch");
        Ok(())
    }

    /// After an attempt: whether the next batch must be posted where that one was, as it may wait in L1's pool still. Where the
    /// pool says that something else waits, which an earlier process has left, it is posted there.
    fn fix_da(&mut self, error: Option<&SendError>) {
        if self.options.da == DaChoice::Auto && error.is_some_and(SendError::is_other_kind) {
            self.da_kind = if self.da_kind == DaKind::Blobs { DaKind::Calldata } else { DaKind::Blobs };
        }
        self.da_is_fixed = error.is_some_and(|error| !matches!(error.retry(), Retry::Never));
    }

    /// The transaction that posts a batch.
    async fn request_of(&self, batch: NextBatch) -> Result<TxRequest, BatchError> {
        if self.da_kind != DaKind::Blobs {
            let call = IInbox::appendBatchCall {
                payload: batch.payload.into(),
                firstBlock: batch.first_block,
                blockCount: batch.block_count,
                messageEnd: batch.message_end,
                expectedMessageAcc: batch.message_acc,
                endMessageHeader: batch.end_header,
            };
            return Ok(self.request(call.abi_encode().into()));
        }
        let call = IInbox::appendBlobBatchCall {
            payloadLength: batch.payload.len() as u64,
            firstBlock: batch.first_block,
            blockCount: batch.block_count,
            messageEnd: batch.message_end,
            expectedMessageAcc: batch.message_acc,
            endMessageHeader: batch.end_header,
        };
        let proven = tokio::task::spawn_blocking(move || BlobSidecar::of(&batch.payload)).await;
        let blobs = proven.map_err(|_| BatchError::Gone)?;
        let blobs = blobs.map_err(|error| BatchError::Blobs(error.to_string()))?;
        Ok(TxRequest { blobs: Some(blobs), ..self.request(call.abi_encode().into()) })
    }

    /// No valid batch holds the local blocks: lets the inbox put default blocks in their place, so that the chain goes
    /// on. It only does so once messages are overdue or the batcher was silent for long.
    async fn force(
        &self,
        old_header: Bytes,
        end: ForcedEnd,
        reason: &'static str,
        at: u64,
    ) -> Result<(), BatchError> {
        let call = IInbox::forceBatchCall {
            oldMessageHeader: old_header,
            messageEnd: end.message_end,
            endMessageHeader: end.header,
        };
        match self.txs.send(self.request(call.abi_encode().into())).await {
            Ok(receipt) => {
                let tx = receipt.transaction_hash;
                error!(target: TARGET, reason, %tx, l1_time = at, "gave up local blocks by a forced batch");
                metrics::counter!("recourse_batcher_forced_total").increment(1);
                Ok(())
            }
            Err(SendError::WouldRevert { .. }) => Err(PlanError::Impossible(reason).into()),
            Err(error) => Err(error.into()),
        }
    }

    fn request(&self, data: Bytes) -> TxRequest {
        TxRequest { to: self.chain.config().contracts.inbox, data, ..TxRequest::default() }
    }
}
