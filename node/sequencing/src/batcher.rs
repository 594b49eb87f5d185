//! Posting the sequencer's blocks to L1.
//!
//! The batcher keeps nothing. Each time it reads from the inbox where the batches end, checks that the local chain has
//! derived exactly these batches, and posts the local blocks after them. The inbox takes batches only in order and
//! only on the queue that they were built on, so that a batch can be posted neither twice nor on a reorganised L1; what
//! would be refused is not sent. If a batch is lost, its blocks are simply still to be posted. Several may be on their way.
//!
//! - `waiting`: whether it is time for a batch.
//! - `flights`: the batches on their way.
//! - `snapshot`: what the next batch depends on, read from L1 and the database.
//! - `plan`: what to do about it, decided from nothing else; `fit`: how many blocks a batch takes.
//! - `da`: in calldata or in blobs, and what that costs.

mod da;
mod error;
mod fit;
mod flights;
mod plan;
mod snapshot;
mod waiting;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    primitives::{Bytes, U256},
    providers::Provider,
    sol_types::{SolCall, SolInterface},
};
use bindings::{IInbox, ISystemConfig};
use stf::{
    blob::{BLOB_ROOM, MAX_BLOBS},
    inbox::{DaKind, MAX_BLOCKS_PER_BATCH},
};
use tracing::{debug, error, info};

use crate::{
    limits::MAX_PAYLOAD,
    task::{self, Stepped, Task},
};
use da::{DaPrice, L1Rules, gas_limit, other, room};
use fit::Limits;
use flights::{BatchPart, Flights};
use plan::{BatchPlan, NextBatch, plan};
use rollup::{
    blobs::{BlobSidecar, DaChoice},
    chain::Chain,
    inbox_rules::ForcedEnd,
    l1::{L1Error, Retry, SendError, TxManager, TxRequest},
    shutdown::Shutdown,
};
use snapshot::{BatchSnapshot, InboxView};
use waiting::{Due, DueRules, Waiting};

pub use error::PlanError;

const TARGET: &str = "node::batcher";

/// How often to ask L1 for its limits: forks come weeks apart, and are known long before.
const RULES_PAUSE: Duration = Duration::from_secs(3600);

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
    #[error("what built or sent a batch is gone")]
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
    /// Most blobs of a batch, by L1's rules, and when these were asked for.
    blobs: (usize, Option<Instant>),
    /// Whether the key was compared with the system configuration's.
    key_checked: bool,
    waiting: Waiting,
    flights: Flights,
}

impl Task for Batcher {
    type Error = BatchError;

    const WHAT: &'static str = "posting batches";
    const FAILURES: &'static str = "recourse_batcher_failures_total";

    async fn step(&mut self) -> Result<Stepped, BatchError> {
        if !self.key_checked {
            self.check_key().await?;
        }
        if self.da_kind == DaKind::Blobs && self.blobs.1.is_none_or(|asked| asked.elapsed() >= RULES_PAUSE) {
            self.read_rules().await;
        }
        let settled = self.flights.settle().await;
        self.fix_da(settled.as_ref().err());
        let has_landed = settled?;
        self.go_on().await?;
        Ok(if has_landed || self.flights.is_empty() { Stepped::Well } else { Stepped::Open })
    }

    fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}

impl Batcher {
    /// Posts the next batch, if it is time for one.
    async fn go_on(&mut self) -> Result<(), BatchError> {
        let safe = self.chain.heads().safe.number;
        self.flights.follow(&self.chain.db().read().map_err(PlanError::from)?, safe)?;
        let due = self.due(safe)?;
        if due == Due::No && self.flights.is_empty() {
            return Ok(());
        }
        let view = self.view().await?;
        let has_lost = self.flights.compare(&view);
        if has_lost || due == Due::No || self.flights.is_full() || self.flights.is_starting() {
            return Ok(());
        }
        let may_choose = self.options.da == DaChoice::Auto && !self.da_is_fixed;
        if may_choose && !self.choose_da(view.base_fee).await {
            debug!(target: TARGET, "no batch of the other kind before those on their way are in blocks");
            return Ok(());
        }
        match self.plan(view).await? {
            BatchPlan::Post(batch) => {
                self.waiting.encoded(batch.payload.len(), batch.raw_bytes);
                // The estimate was too high; it is better now.
                if due == Due::IfFull && batch.has_room && self.waiting.payload() < self.payload_size() {
                    return Ok(());
                }
                self.post(*batch, &view).await
            }
            // What is on its way may be all that is missing.
            BatchPlan::Force { reason, .. } if !self.flights.is_empty() => {
                debug!(target: TARGET, reason, "no batch before those on their way are on L1");
                Ok(())
            }
            BatchPlan::Force { old_header, end, reason } => {
                self.force(old_header, end, reason, view.timestamp).await
            }
            BatchPlan::Wait(reason) => {
                debug!(target: TARGET, reason, "no batch now");
                Ok(())
            }
        }
    }

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
            waiting: Waiting::new(),
            flights: Flights::default(),
            da_kind: if options.da == DaChoice::Calldata { DaKind::Calldata } else { DaKind::Blobs },
            da_is_fixed: false,
            blobs: (MAX_BLOBS, None),
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

    /// Whether it is time for a batch of the blocks after those on their way, which begin behind `safe`.
    fn due(&mut self, safe: u64) -> Result<Due, BatchError> {
        let rules = DueRules {
            blocks: self.options.max_blocks,
            payload: self.payload_size(),
            age: (!self.flights.is_waiting()).then_some(self.options.interval),
        };
        Ok(self.waiting.due(&self.chain, self.flights.end().unwrap_or(safe), &rules)?)
    }

    /// What to do, as the inbox is.
    async fn plan(&self, view: InboxView) -> Result<BatchPlan, BatchError> {
        let (chain, course) = (self.chain.clone(), self.flights.course());
        let limits = Limits {
            payload_size: self.payload_size(),
            blob_room: (self.da_kind == DaKind::Blobs).then_some(BLOB_ROOM),
            max_payload: MAX_PAYLOAD,
            max_blocks: self.options.max_blocks,
            quality: self.options.quality,
            ratio: self.waiting.ratio,
            force_delay: chain.config().chain.force_delay,
        };
        let planned = tokio::task::spawn_blocking(move || {
            let snapshot = BatchSnapshot::load(&chain, view, course, limits.max_blocks)?;
            plan(&snapshot, &limits)
        });
        Ok(planned.await.map_err(|_| BatchError::Gone)??)
    }

    /// Payload from which on a batch is posted at once, and which several blocks do not exceed.
    fn payload_size(&self) -> usize {
        let room = room(self.da_kind, self.blobs.0);
        self.options.payload_size.map_or(room, |size| size.clamp(1, room))
    }

    /// Asks for L1's limits. Where the endpoint does not tell, those of the inbox count.
    async fn read_rules(&mut self) {
        let asked: Result<L1Rules, _> =
            self.txs.client().provider().raw_request("eth_config".into(), ()).await;
        match asked {
            Ok(rules) => self.blobs.0 = rules.blobs(),
            Err(error) => debug!(target: TARGET, %error, "no limits of L1"),
        }
        self.blobs.1 = Some(Instant::now());
    }

    /// Chooses where the next batch is posted; without an answer about fees it is where the last one was. Whether it can be
    /// posted there now: pools take one kind of transaction from an account at a time.
    async fn choose_da(&mut self, base_fee: u128) -> bool {
        let blob_base_fee = match self.txs.client().provider().get_blob_base_fee().await {
            Ok(blob_base_fee) => blob_base_fee,
            Err(error) => {
                debug!(target: TARGET, %error, "no blob base fee");
                return true;
            }
        };
        let kind = DaPrice { base_fee, blob_base_fee }.choose(self.da_kind, self.waiting.payload());
        if kind == self.da_kind {
            return true;
        }
        if self.flights.is_waiting() {
            return false;
        }
        info!(target: TARGET, da = ?kind, base_fee, blob_base_fee, "batches are posted elsewhere from now on");
        self.da_kind = kind;
        true
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

    async fn post(&mut self, batch: NextBatch, view: &InboxView) -> Result<(), BatchError> {
        let part = BatchPart {
            first: batch.first_block,
            last: batch.first_block + batch.block_count - 1,
            hash: batch.last_hash,
            message_end: batch.message_end,
            bytes: batch.payload.len(),
        };
        let mut request = self.request_of(batch).await?;
        if part.first != view.last_block + 1 {
            // The inbox, as it is, would refuse it: nothing can be asked.
            request.gas_limit = Some(gas_limit(request.data.len()));
        }
        self.da_is_fixed = false;
        self.flights.launch(self.txs.clone(), part, request);
        Ok(())
    }

    /// After a failure: whether the next batch must be posted where that one was, as it may wait in L1's pool still. Where the
    /// pool says that something else waits, which an earlier process has left, it is posted there.
    fn fix_da(&mut self, error: Option<&BatchError>) {
        let error = match error {
            Some(BatchError::Send(error)) => Some(error),
            _ => None,
        };
        if self.options.da == DaChoice::Auto && error.is_some_and(SendError::is_other_kind) {
            self.da_kind = other(self.da_kind);
        }
        if let Some(error) = error {
            self.da_is_fixed = !matches!(error.retry(), Retry::Never);
        }
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
