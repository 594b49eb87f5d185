use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use alloy::primitives::{Address, map::AddressSet};

use super::{Pool, PoolTx, inner::Inner, ranked::Walk};

/// Senders among whom the best by the byte is chosen: more than fit a block that L1 bounds.
const WINDOW: usize = 1024;

/// The pending transactions, best first: by effective tip, among equals by arrival, of each sender in the order of
/// nonces. Nothing is copied beforehand and the pool's lock is held for one step at a time, so that transactions can
/// come meanwhile; those that rank below the current one are still found.
///
/// While L1 takes fewer bytes than there are, it is bytes that they pay for: of the senders with the best tips, the one comes
/// first who pays most for a byte.
///
/// Transactions stay in the pool until the chain's next block shows that they are included.
#[derive(Debug)]
pub struct Best {
    pool: Pool,
    base_fee: u128,
    position: Walk,
    /// Senders whose first transaction was handed out.
    started: AddressSet,
    excluded: AddressSet,
    /// The next transaction of senders who had their turn.
    following: BinaryHeap<Candidate>,
    last: Option<(Address, u64)>,
    by_byte: bool,
    /// The transactions that come next while they are chosen by the byte, the best last.
    window: Vec<Arc<PoolTx>>,
}

#[derive(Debug)]
struct Candidate {
    tip: u128,
    arrival: Reverse<u64>,
    tx: Arc<PoolTx>,
}

impl Candidate {
    const fn rank(&self) -> (u128, Reverse<u64>) {
        (self.tip, self.arrival)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl Best {
    pub(super) fn new(pool: Pool, by_byte: bool) -> Self {
        let base_fee = pool.next_block().base_fee.into();
        Self {
            pool,
            base_fee,
            position: Walk::default(),
            started: Default::default(),
            excluded: Default::default(),
            following: BinaryHeap::new(),
            last: None,
            by_byte,
            window: Vec::new(),
        }
    }

    /// Leaves out a sender from here on: one of its transactions did not make it into the block, so those behind it
    /// can't, either.
    pub fn exclude(&mut self, sender: Address) {
        self.excluded.insert(sender);
    }

    /// Whether another sender's transaction comes after the one that was handed out last, but for senders that do not count.
    pub fn has_others(&self, mut is_ignored: impl FnMut(&Address) -> bool) -> bool {
        self.window.iter().any(|tx| !is_ignored(&tx.sender()))
            || self.following.iter().any(|next| !is_ignored(&next.tx.sender()))
            || self
                .pool
                .lock()
                .has_head(self.position, |sender| self.started.contains(sender) || is_ignored(sender))
    }
}

impl Iterator for Best {
    type Item = Arc<PoolTx>;

    fn next(&mut self) -> Option<Arc<PoolTx>> {
        let pool = self.pool.clone();
        let inner = pool.lock();
        if let Some((sender, nonce)) = self.last.take()
            && !self.excluded.contains(&sender)
            && let Some(tx) = inner.pending(&sender, nonce + 1)
            && let Some(tip) = tx.bid().effective_tip(self.base_fee)
        {
            self.following.push(Candidate { tip, arrival: Reverse(tx.arrival()), tx: tx.clone() });
        }
        let tx = if self.by_byte { self.densest(&inner)? } else { self.best_tip(&inner)? };
        self.last = Some((tx.sender(), tx.nonce()));
        Some(tx)
    }
}

impl Best {
    /// The next by its tip: of a sender who had no turn yet, or of one who had.
    fn best_tip(&mut self, inner: &Inner) -> Option<Arc<PoolTx>> {
        let head = loop {
            match inner.head(&self.position) {
                Some((step, _)) if self.started.contains(&step.sender) => self.position.pass(&step),
                head => break head,
            }
        };
        let following = self.following.peek().map(Candidate::rank);
        match head {
            Some((step, tx)) if following.is_none_or(|rank| (step.tip, Reverse(step.arrival)) > rank) => {
                self.position.pass(&step);
                self.started.insert(step.sender);
                Some(tx.clone())
            }
            _ => Some(self.following.pop()?.tx),
        }
    }

    /// The next by its tip for a byte, among as many as are compared at a time: one of each sender.
    fn densest(&mut self, inner: &Inner) -> Option<Arc<PoolTx>> {
        if self.window.is_empty() {
            while self.window.len() < WINDOW
                && let Some(tx) = self.best_tip(inner)
            {
                self.window.push(tx);
            }
            let base_fee = self.base_fee;
            self.window.sort_by_cached_key(|tx| {
                let tip = tx.bid().effective_tip(base_fee).unwrap_or(0);
                (tx.tip_per_byte(tip), Reverse(tx.arrival()))
            });
        }
        self.window.pop()
    }
}
