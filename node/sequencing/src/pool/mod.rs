//! The sequencer's transaction pool: user transactions that are not in a block yet.
//!
//! ```text
//! rpc ── submit(raw) ──▶ checks ──▶ pending, by what they pay ──▶ Best ──▶ block builder
//!                          │            ▲ the gap is closed
//!                          └──────▶ queued, nonce still to come
//! chain events ── apply ──▶ included ones go; those of blocks that a reorg dropped come back
//! ```
//!
//! # Rules
//!
//! - Decoding and recovery of the sender come first and outside of any lock, so that callers share them between threads.
//!   Then follows what geth checks, with geth's texts ([`PoolError`]).
//! - A sender's transactions are *pending* as far as they follow on from the account's nonce, and *queued* behind the
//!   first gap. Together they must not cost more than the balance, L1 data and operator fee included.
//! - Another transaction with the same nonce takes the place of the first if it pays 10 % more, in both fees.
//! - Room is bounded: per sender, in bytes, in number, and for queued ones again, which also expire. Where something
//!   must go, it is the last transaction of the sender who pays least, and a sender counts as paying what the worst
//!   of its transactions pays: a good one can't protect a bad one before it. Queued ones go first.
//! - Order is by effective tip at the next block's base fee, then by arrival; a sender's own in order of nonces.
//!
//! # Cost
//!
//! A submission takes one read of the sender's account and a handful of tree operations, whatever the pool holds.
//! A block costs one account read per sender in it, and one move for each transaction whose tip the new base fee
//! begins, or ceases, to cut into. Only a reorg looks at all senders.
//!
//! # What is lost when the process ends
//!
//! The pool itself: it lives in memory only, and wallets send again. Nothing that was included: that is in the database.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use parking_lot::{Mutex, MutexGuard};
use stf::Transaction;
use tokio::sync::{Notify, broadcast};

use crate::limits::MAX_BLOCK_BYTES;
use rollup::chain::{Chain, ChainBlock, ChainEvent};

mod best;
mod condition;
mod error;
mod inner;
mod ranked;
mod sender;
mod state_source;
#[cfg(test)]
mod tests;
mod transaction;
mod validate;

pub use best::Best;
pub use condition::{ConditionError, ConditionState, MAX_CONDITION_COST, TxCondition};
pub use error::{Congestion, PoolError};
pub use state_source::{AccountState, NextBlock, StateSource};
pub use transaction::PoolTx;

use condition::KnownConditions;
use inner::Inner;

/// New pending transactions that a slow subscriber may be behind.
const PENDING_BUFFER: usize = 4096;

/// How often a submission reads the account again because a block came in between.
const READ_ATTEMPTS: usize = 3;

/// The pool's limits.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Most transactions.
    pub max_transactions: usize,
    /// Most queued transactions among them.
    pub max_queued: usize,
    /// Most bytes of all transactions together.
    pub max_bytes: usize,
    /// Most bytes of one transaction.
    pub max_transaction_size: usize,
    /// Most transactions per sender once the pool is half full.
    pub account_limit: usize,
    /// Most transactions per sender before that.
    pub account_burst: usize,
    /// Senders that have the burst limit at all times.
    pub locals: HashSet<Address>,
    /// What a replacement must pay more, in percent.
    pub replacement_percent: u128,
    /// The least maximum fee, in percent of the next block's base fee.
    pub min_fee_percent: u8,
    /// The least maximum priority fee.
    pub min_tip: u128,
    /// How long a queued transaction waits.
    pub queued_lifetime: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_transactions: 65_536,
            max_queued: 16_384,
            max_bytes: 256 << 20,
            max_transaction_size: MAX_BLOCK_BYTES,
            account_limit: 64,
            account_burst: 4096,
            locals: HashSet::new(),
            replacement_percent: 10,
            min_fee_percent: 50,
            min_tip: 0,
            queued_lifetime: Duration::from_secs(3 * 60 * 60),
        }
    }
}

impl PoolOptions {
    /// How many transactions a sender may have, given how many there are.
    fn limit_of(&self, sender: &Address, pooled: usize) -> usize {
        if pooled < self.max_transactions / 2 || self.locals.contains(sender) {
            self.account_burst
        } else {
            self.account_limit
        }
    }
}

/// The transaction pool. Clones share it.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    chain_id: u64,
    options: PoolOptions,
    state: Box<dyn StateSource>,
    inner: Mutex<Inner>,
    /// Why nothing is taken now, if it is not.
    congestion: Mutex<Option<Congestion>>,
    /// Whether blocks carry only as many bytes as L1 takes.
    short_of_bytes: AtomicBool,
    arrivals: AtomicU64,
    conditions: Mutex<KnownConditions>,
    pending: broadcast::Sender<Arc<PoolTx>>,
    wake: Notify,
}

/// The pool's transactions by sender, in order of nonces.
#[derive(Clone, Debug, Default)]
pub struct PoolContent {
    /// Those that can be executed.
    pub pending: BTreeMap<Address, Vec<Arc<PoolTx>>>,
    /// Those that wait for another nonce.
    pub queued: BTreeMap<Address, Vec<Arc<PoolTx>>>,
}

/// How many transactions there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Those that can be executed.
    pub pending: usize,
    /// Those that wait for another nonce.
    pub queued: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Pool {
    /// An empty pool over a chain's state.
    pub fn new(chain: &Chain, options: PoolOptions) -> Result<Self, PoolError> {
        Self::with_state(chain.config().chain.chain_id, Box::new(chain.clone()), options)
    }

    fn with_state(
        chain_id: u64,
        state: Box<dyn StateSource>,
        options: PoolOptions,
    ) -> Result<Self, PoolError> {
        let next = state.next_block().map_err(PoolError::State)?;
        Ok(Self(Arc::new(Shared {
            chain_id,
            options,
            state,
            inner: Mutex::new(Inner::new(next)),
            congestion: Mutex::default(),
            short_of_bytes: AtomicBool::default(),
            arrivals: AtomicU64::new(0),
            conditions: Mutex::default(),
            pending: broadcast::channel(PENDING_BUFFER).0,
            wake: Notify::new(),
        })))
    }

    /// Takes no transactions while more waits for L1 than it takes in time. Whether that is new.
    pub fn set_congestion(&self, congestion: Option<Congestion>) -> bool {
        let before = std::mem::replace(&mut *self.0.congestion.lock(), congestion);
        before.is_some() != congestion.is_some()
    }

    /// Whether the newest block carried only as many bytes as L1 takes, and left some out: transactions compete for bytes.
    pub fn set_short_of_bytes(&self, is_short: bool) {
        self.0.short_of_bytes.store(is_short, Ordering::Relaxed);
    }

    /// Whether there is no room for all in the next blocks, as L1 takes no more.
    pub fn is_short_of_bytes(&self) -> bool {
        self.0.short_of_bytes.load(Ordering::Relaxed) || self.0.congestion.lock().is_some()
    }

    /// Takes a transaction as `eth_sendRawTransaction` brings it; returns its hash. Takes some 50 µs, nearly all of it
    /// for the signature and without a lock: call it from as many threads as there are.
    pub fn submit(&self, raw: Bytes) -> Result<B256, PoolError> {
        self.submit_raw(raw, None)
    }

    /// Takes a transaction that must be in no block in which a condition does not hold. Whoever builds blocks asks
    /// [`PoolTx::condition`]. Should a block with it be dropped, it comes back with its condition.
    pub fn submit_conditional(&self, raw: Bytes, condition: TxCondition) -> Result<B256, PoolError> {
        self.submit_raw(raw, Some(Arc::new(condition)))
    }

    fn submit_raw(&self, raw: Bytes, condition: Option<Arc<TxCondition>>) -> Result<B256, PoolError> {
        let open = || match *self.0.congestion.lock() {
            Some(congestion) => Err(PoolError::Congested(congestion)),
            None => self.0.state.has_room().then_some(()).ok_or(PoolError::NoDiskRoom),
        };
        let result = open()
            .and_then(|()| self.recover(raw))
            .and_then(|transaction| self.submit_with(transaction, condition));
        match &result {
            Ok(_) => metrics::counter!("recourse_pool_submitted_total").increment(1),
            Err(error) => {
                metrics::counter!("recourse_pool_rejected_total", "reason" => error.reason()).increment(1);
            }
        }
        result
    }

    fn recover(&self, raw: Bytes) -> Result<Transaction, PoolError> {
        validate::check_encoding(&raw, &self.0.options)?;
        // What is here already need not be recovered again.
        let hash = keccak256(&raw);
        if self.lock().get(&hash).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        Ok(Transaction::recover(raw)?)
    }

    /// Takes a transaction whose sender is recovered.
    pub fn submit_recovered(&self, transaction: Transaction) -> Result<B256, PoolError> {
        self.submit_with(transaction, None)
    }

    fn submit_with(
        &self,
        transaction: Transaction,
        condition: Option<Arc<TxCondition>>,
    ) -> Result<B256, PoolError> {
        let (mut generation, next) = {
            let inner = self.lock();
            (inner.generation, inner.next.clone())
        };
        let least_gas = validate::check(&transaction, self.0.chain_id, &next, &self.0.options)?;
        let arrival = self.0.arrivals.fetch_add(1, Ordering::Relaxed);
        let tx = PoolTx::new(transaction, &next.fees, next.rules, arrival, least_gas);
        if let Some(condition) = &condition {
            self.0.conditions.lock().insert(tx.hash(), condition.clone());
        }
        let tx = Arc::new(tx.with_condition(condition));
        let mut account = self.account(tx.sender())?;
        for _ in 0..READ_ATTEMPTS {
            let mut inner = self.lock();
            if inner.generation == generation {
                let promoted = inner.insert(tx.clone(), account, &self.0.options)?;
                drop(inner);
                self.announce(promoted);
                return Ok(tx.hash());
            }
            // A block came between reading the account and getting here.
            generation = inner.generation;
            drop(inner);
            account = self.account(tx.sender())?;
        }
        let mut inner = self.lock();
        let account = self.account(tx.sender())?;
        let promoted = inner.insert(tx.clone(), account, &self.0.options)?;
        drop(inner);
        self.announce(promoted);
        Ok(tx.hash())
    }

    /// The sender's account in the newest state, if it may send at all.
    fn account(&self, sender: Address) -> Result<AccountState, PoolError> {
        let accounts = self.0.state.accounts(&[sender]).map_err(PoolError::State)?;
        let account = accounts.first().copied().unwrap_or_default();
        validate::check_sender(sender, &account)?;
        Ok(account)
    }

    fn announce(&self, promoted: Vec<Arc<PoolTx>>) {
        if promoted.is_empty() {
            return;
        }
        for tx in promoted {
            // An error means that nobody listens.
            let _ = self.0.pending.send(tx);
        }
        self.0.wake.notify_one();
    }

    /// Takes over a change of the chain. To be called for every event, in order.
    pub fn apply(&self, event: &ChainEvent) {
        match event {
            ChainEvent::Block(block) => {
                let mut senders: Vec<_> = block.transactions.iter().map(Transaction::sender).collect();
                senders.sort_unstable();
                senders.dedup();
                self.refresh(&senders);
            }
            ChainEvent::Reorg { dropped, .. } => {
                self.resync();
                self.restore(dropped);
            }
        }
    }

    /// Puts back the users' transactions of blocks that are no longer part of the chain.
    fn restore(&self, dropped: &[Arc<ChainBlock>]) {
        let users = dropped.iter().flat_map(|block| &block.transactions);
        for transaction in users.filter(|transaction| !transaction.envelope().is_deposit()) {
            let condition = self.0.conditions.lock().get(&transaction.hash());
            if let Err(error) = self.submit_with(transaction.clone(), condition) {
                tracing::debug!(target: "node::pool", hash = %transaction.hash(), %error, "not restored");
            }
        }
    }

    /// Reads everything again: the chain changed in a way that is not known.
    pub fn resync(&self) {
        let senders: Vec<_> = self.lock().senders().map(|(address, _)| *address).collect();
        self.refresh(&senders);
    }

    /// Reads the state of the next block, and of those of these senders who have transactions here.
    pub fn refresh(&self, senders: &[Address]) {
        // From here on nothing that was read before is put in, so that every sender who is here by now either is
        // read below or was read after the change.
        let known: Vec<_> = {
            let mut inner = self.lock();
            inner.generation += 1;
            senders.iter().filter(|sender| inner.sender(sender).is_some()).copied().collect()
        };
        let read = || Ok::<_, String>((self.0.state.next_block()?, self.0.state.accounts(&known)?));
        let (next, accounts) = match read() {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(target: "node::pool", %error, "cannot read the newest state");
                return;
            }
        };
        let status = {
            let mut inner = self.lock();
            inner.set_next(next);
            for (sender, account) in known.into_iter().zip(accounts) {
                inner.set_account(sender, account);
            }
            inner.expire(Instant::now(), self.0.options.queued_lifetime);
            // What lost its predecessor is queued now.
            inner.make_room(&self.0.options);
            status(&inner)
        };
        metrics::gauge!("recourse_pool_transactions", "kind" => "pending").set(status.pending as f64);
        metrics::gauge!("recourse_pool_transactions", "kind" => "queued").set(status.queued as f64);
        metrics::gauge!("recourse_pool_bytes").set(status.bytes as f64);
    }

    /// Drops a transaction that can't be executed; those of its sender behind it are queued.
    pub fn discard(&self, hash: &B256) -> bool {
        let mut inner = self.lock();
        let found = inner.remove(hash).is_some();
        inner.make_room(&self.0.options);
        found
    }

    /// The pending transactions for the next block, best first.
    pub fn best(&self) -> Best {
        Best::new(self.clone(), self.is_short_of_bytes())
    }

    /// Whether some transaction can be executed in the next block, but for those of senders that do not count.
    pub fn has_pending(&self, is_ignored: impl FnMut(&Address) -> bool) -> bool {
        self.lock().has_head(Default::default(), is_ignored)
    }

    /// How many transactions have come so far, those included that were refused.
    pub fn arrivals(&self) -> u64 {
        self.0.arrivals.load(Ordering::Relaxed)
    }

    /// Returns when a transaction has become pending since the last time it returned. For one waiter.
    pub async fn wait(&self) {
        self.0.wake.notified().await;
    }

    /// What the pool takes for the next block's base fee, gas limit and fees.
    pub fn next_block(&self) -> Arc<NextBlock> {
        self.lock().next.clone()
    }

    /// A transaction by its hash.
    pub fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        self.lock().get(hash).cloned()
    }

    /// The nonce after a sender's pending transactions; `None` if it has none here: then it is the state's.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.lock().sender(sender).map(|sender| sender.next_nonce())
    }

    /// Follows transactions as they become pending.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<PoolTx>> {
        self.0.pending.subscribe()
    }

    /// How many transactions there are.
    pub fn status(&self) -> PoolStatus {
        status(&self.lock())
    }

    /// All transactions. Takes time that grows with their number.
    pub fn content(&self) -> PoolContent {
        let inner = self.lock();
        let mut content = PoolContent::default();
        for (address, sender) in inner.senders() {
            content.add(*address, sender);
        }
        content
    }

    /// One sender's transactions.
    pub fn content_from(&self, address: &Address) -> PoolContent {
        let inner = self.lock();
        let mut content = PoolContent::default();
        if let Some(sender) = inner.sender(address) {
            content.add(*address, sender);
        }
        content
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock()
    }
}

impl PoolContent {
    fn add(&mut self, address: Address, sender: &sender::SenderQueue) {
        let lists = [
            (&mut self.pending, sender.pending().cloned().collect::<Vec<_>>()),
            (&mut self.queued, sender.queued().cloned().collect()),
        ];
        for (map, list) in lists {
            if !list.is_empty() {
                map.insert(address, list);
            }
        }
    }
}

fn status(inner: &Inner) -> PoolStatus {
    let queued = inner.queued_len();
    PoolStatus { pending: inner.len() - queued, queued, bytes: inner.bytes() }
}
