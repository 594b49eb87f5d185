//! Filters: what a client polls for.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{B256, U128},
    rpc::types::{FilterBlockOption, FilterChanges},
};
use parking_lot::Mutex;

use super::{
    RpcError,
    answer::AnswerText,
    block_follower::{BlockFollower, Change},
    budget::{Budget, Scope},
    context::Rpc,
    log_filter::LogFilter,
    logs::{Logs, block_logs, check_filter},
    peers::{Peer, Work},
    transaction::RpcTransaction,
    waiting::NewTransactions,
    work,
};

/// A filter that is not polled for this long is gone.
pub(crate) const EXPIRY: Duration = Duration::from_secs(300);

/// Most filters at a time.
const MAX_FILTERS: usize = 4096;

/// Most filters of one address: nobody can take all.
pub(crate) const MAX_PEER_FILTERS: usize = 256;

/// Most bytes that all filters take.
const FILTER_MEMORY: usize = 32 << 20;

/// Bytes that a filter takes besides the addresses and topics that it looks for.
const FILTER: usize = 1 << 10;

/// Most whole transactions in the answer to one poll.
const MAX_TRANSACTIONS: usize = 1_000;

/// Bytes that a whole transaction takes in an answer, besides its input.
const TRANSACTION: usize = 2 << 10;

/// Bytes of an address or a topic.
const ALTERNATIVE: usize = 64;

/// All filters, and the methods on them.
pub(crate) struct Filters {
    rpc: Arc<Rpc>,
    memory: Arc<Budget>,
    by_id: Mutex<HashMap<U128, Entry>>,
}

#[derive(Debug)]
struct Entry {
    polled: Instant,
    /// Who made it.
    peer: Arc<Peer>,
    /// What it takes.
    _memory: Budget,
    /// Taken out while it is polled.
    kind: Arc<Mutex<Kind>>,
}

#[derive(Debug)]
enum Kind {
    Logs {
        filter: Box<LogFilter>,
        follower: BlockFollower,
    },
    Blocks(BlockFollower),
    Transactions {
        waiting: NewTransactions,
        /// Whole ones are answered, not their hashes.
        full: bool,
    },
}

impl Kind {
    fn weight(&self) -> usize {
        match self {
            Self::Logs { filter, .. } => {
                let topics: usize = filter.topics.iter().map(|topic| topic.len()).sum();
                FILTER + ALTERNATIVE * (filter.address.len() + topics)
            }
            Self::Blocks(_) | Self::Transactions { .. } => FILTER,
        }
    }
}

/// What a poll gives.
type Changes = FilterChanges<RpcTransaction>;

impl Filters {
    /// No filters yet.
    pub(crate) fn new(rpc: Arc<Rpc>) -> Self {
        Self { rpc, memory: Arc::new(Budget::new(Scope::Filters, FILTER_MEMORY)), by_id: Mutex::default() }
    }

    fn add(&self, kind: Kind) -> Result<U128, RpcError> {
        let peer = work::current().peer;
        let memory = self.memory.within(Scope::Filters, FILTER_MEMORY);
        memory.take(kind.weight())?;
        let mut filters = self.by_id.lock();
        filters.retain(|_, entry| entry.polled.elapsed() < EXPIRY);
        if filters.len() >= MAX_FILTERS {
            return Err(RpcError::Limit(format!("too many filters: {MAX_FILTERS} are in use")));
        }
        if filters.values().filter(|entry| Arc::ptr_eq(&entry.peer, &peer)).count() >= MAX_PEER_FILTERS {
            return Err(RpcError::Limit(format!(
                "too many filters: one address may have {MAX_PEER_FILTERS}"
            )));
        }
        // Not to be guessed: a filter can be polled and removed by everybody who knows its id.
        let id = U128::from(u128::from_be_bytes(B256::random()[..16].try_into().unwrap_or_default()));
        let kind = Arc::new(Mutex::new(kind));
        filters.insert(id, Entry { polled: Instant::now(), peer, _memory: memory, kind });
        Ok(id)
    }

    fn get(&self, id: &U128) -> Result<Arc<Mutex<Kind>>, RpcError> {
        let mut filters = self.by_id.lock();
        let entry = filters.get_mut(id).filter(|entry| entry.polled.elapsed() < EXPIRY);
        let entry = entry.ok_or_else(|| RpcError::refused("filter not found"))?;
        entry.polled = Instant::now();
        Ok(entry.kind.clone())
    }

    fn remove(&self, id: &U128) -> bool {
        self.by_id.lock().remove(id).is_some()
    }
}

impl Filters {
    pub(crate) async fn new_filter(self: Arc<Self>, filter: LogFilter) -> Result<U128, RpcError> {
        check_filter(&filter)?;
        if filter.block_option.as_block_hash().is_none() {
            filter
                .block_option
                .ensure_valid_block_range()
                .map_err(|error| RpcError::invalid(error.to_string()))?;
        }
        let follower = BlockFollower::new(&self.rpc);
        self.add(Kind::Logs { filter: Box::new(filter), follower })
    }

    pub(crate) async fn new_block_filter(self: Arc<Self>) -> Result<U128, RpcError> {
        self.add(Kind::Blocks(BlockFollower::new(&self.rpc)))
    }

    pub(crate) async fn new_pending_transaction_filter(
        self: Arc<Self>,
        full: Option<bool>,
    ) -> Result<U128, RpcError> {
        let waiting = self.rpc.new_transactions();
        self.add(Kind::Transactions { waiting, full: full.unwrap_or_default() })
    }

    pub(crate) async fn uninstall_filter(self: Arc<Self>, id: U128) -> Result<bool, RpcError> {
        Ok(self.remove(&id))
    }

    pub(crate) async fn filter_changes(self: Arc<Self>, id: U128) -> Result<AnswerText, RpcError> {
        let kind = self.get(&id)?;
        self.rpc
            .clone()
            .answer(Work::Light, move |rpc| match &mut *kind.lock() {
                Kind::Logs { filter, follower } => {
                    let mut logs = Logs::default();
                    follower.drain(rpc, |change| {
                        let (block, removed) = match &change {
                            Change::New(block) => (block, false),
                            Change::Gone(block) => (block, true),
                        };
                        if in_range(rpc, filter, block.number()) {
                            let found = block_logs(block, filter, removed);
                            // What does not fit into this answer waits for the next.
                            if !logs.is_empty() && !logs.have_room(&found) {
                                return Some(change);
                            }
                            logs.add(found);
                        }
                        None
                    })?;
                    Ok(if logs.is_empty() { Changes::Empty } else { Changes::Logs(logs.into()) })
                }
                Kind::Blocks(follower) => {
                    let mut new = Vec::new();
                    follower.drain(rpc, |change| {
                        if let Change::New(block) = change {
                            new.push(block.hash);
                        }
                        None
                    })?;
                    Ok(hashes(new))
                }
                Kind::Transactions { waiting, full: false } => {
                    Ok(hashes(std::iter::from_fn(|| waiting.try_next().map(|tx| tx.hash())).collect()))
                }
                Kind::Transactions { waiting, full: true } => {
                    let budget = work::current().budget;
                    let mut new = Vec::new();
                    // What does not fit into this answer waits for the next.
                    while new.len() < MAX_TRANSACTIONS
                        && let Some(tx) = waiting.try_next()
                    {
                        budget.take(TRANSACTION + 3 * tx.encoded().len())?;
                        new.push(RpcTransaction::pending(&tx));
                    }
                    Ok(if new.is_empty() { Changes::Empty } else { Changes::Transactions(new) })
                }
            })
            .await
    }

    pub(crate) async fn filter_logs(self: Arc<Self>, id: U128) -> Result<AnswerText, RpcError> {
        let kind = self.get(&id)?;
        let filter = match &*kind.lock() {
            Kind::Logs { filter, .. } => (**filter).clone(),
            _ => return Err(RpcError::refused("filter not found")),
        };
        self.rpc.clone().logs_so_far(filter).await
    }
}

/// Whether the blocks that a filter names include this one. A filter for logs to come has no range, or an open one.
fn in_range(rpc: &Rpc, filter: &LogFilter, number: u64) -> bool {
    match filter.block_option {
        FilterBlockOption::AtBlockHash(_) => false,
        FilterBlockOption::Range { from_block, to_block } => {
            let from = from_block.and_then(|block| block.as_number()).unwrap_or(0);
            let to = to_block.filter(|block| !block.is_latest() && !block.is_pending());
            from <= number && to.is_none_or(|to| number <= rpc.number(to))
        }
    }
}

fn hashes(hashes: Vec<B256>) -> Changes {
    if hashes.is_empty() { Changes::Empty } else { Changes::Hashes(hashes) }
}
