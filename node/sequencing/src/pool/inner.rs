//! Everything that the pool's lock protects.

use std::{
    collections::{BTreeMap, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map},
};

use super::{
    AccountState, NextBlock, PoolError, PoolOptions, PoolTx,
    ranked::{Ranked, Step, Walk},
    sender::{Moves, SenderQueue},
};

/// The pool's content and its indices. Nothing here takes time that grows with the number of transactions, but for
/// what the names say otherwise.
#[derive(Debug)]
pub(super) struct Inner {
    /// Counts changes of the chain: what was read from the state before one is not to be trusted after it.
    pub(super) generation: u64,
    pub(super) next: Arc<NextBlock>,
    senders: AddressMap<SenderQueue>,
    by_hash: B256Map<Arc<PoolTx>>,
    heads: Ranked,
    pending_tails: Ranked,
    queued_tails: Ranked,
    /// The queued transactions by arrival.
    queued: BTreeMap<u64, Arc<PoolTx>>,
    bytes: usize,
}

impl Inner {
    pub(super) fn new(next: NextBlock) -> Self {
        let mut inner = Self {
            generation: 0,
            next: Arc::new(next),
            senders: Default::default(),
            by_hash: Default::default(),
            heads: Ranked::default(),
            pending_tails: Ranked::default(),
            queued_tails: Ranked::default(),
            queued: BTreeMap::new(),
            bytes: 0,
        };
        inner.set_base_fee();
        inner
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn queued_len(&self) -> usize {
        self.queued.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, hash: &B256) -> Option<&Arc<PoolTx>> {
        self.by_hash.get(hash)
    }

    pub(super) fn sender(&self, address: &Address) -> Option<&SenderQueue> {
        self.senders.get(address)
    }

    pub(super) fn senders(&self) -> impl Iterator<Item = (&Address, &SenderQueue)> {
        self.senders.iter()
    }

    /// A transaction that can be executed once all before it are.
    pub(super) fn pending(&self, sender: &Address, nonce: u64) -> Option<&Arc<PoolTx>> {
        let sender = self.senders.get(sender)?;
        sender.get(nonce).filter(|_| nonce < sender.next_nonce())
    }

    /// The best sender behind a position, with its first transaction.
    pub(super) fn head(&self, position: &Walk) -> Option<(Step, &Arc<PoolTx>)> {
        let step = self.heads.after(position)?;
        let sender = self.senders.get(&step.sender)?;
        Some((step, sender.get(sender.account().nonce)?))
    }

    /// Whether there is a sender behind a position, but for those that do not count.
    pub(super) fn has_head(&self, mut position: Walk, mut is_ignored: impl FnMut(&Address) -> bool) -> bool {
        while let Some((step, _)) = self.head(&position) {
            if !is_ignored(&step.sender) {
                return true;
            }
            position.pass(&step);
        }
        false
    }

    pub(super) fn set_next(&mut self, next: NextBlock) {
        self.next = Arc::new(next);
        self.set_base_fee();
    }

    fn set_base_fee(&mut self) {
        let base_fee = self.next.base_fee.into();
        self.heads.set_base_fee(base_fee);
        self.pending_tails.set_base_fee(base_fee);
        self.queued_tails.set_base_fee(base_fee);
    }

    /// Puts in a checked transaction by the rules of nonce, balance, replacement and room. Returns what became
    /// pending by it.
    pub(super) fn insert(
        &mut self,
        tx: Arc<PoolTx>,
        account: AccountState,
        options: &PoolOptions,
    ) -> Result<Vec<Arc<PoolTx>>, PoolError> {
        if self.by_hash.contains_key(&tx.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        let (address, nonce) = (tx.sender(), tx.nonce());
        self.set_account(address, account);
        if nonce < account.nonce {
            return Err(PoolError::NonceTooLow { next: account.nonce, nonce });
        }
        let old = self.check_sender(&tx, &account, options)?;
        let mut moves = Moves::default();
        let sender = self.senders.entry(address).or_insert_with(|| SenderQueue::new(account));
        sender.insert(tx.clone(), &mut moves);
        if let Some(old) = old {
            self.forget(&old);
        }
        self.bytes += tx.size();
        self.by_hash.insert(tx.hash(), tx.clone());
        self.reindex(address, &moves);
        if self.make_room(options) {
            if !self.by_hash.contains_key(&tx.hash()) {
                return Err(PoolError::Full);
            }
            moves.promoted.retain(|tx| self.by_hash.contains_key(&tx.hash()));
        }
        Ok(moves.promoted)
    }

    /// The rules that look at the sender's other transactions. Returns the one to be replaced.
    fn check_sender(
        &self,
        tx: &PoolTx,
        account: &AccountState,
        options: &PoolOptions,
    ) -> Result<Option<Arc<PoolTx>>, PoolError> {
        let sender = self.senders.get(&tx.sender());
        let old = sender.and_then(|sender| sender.get(tx.nonce()));
        if let Some(old) = old
            && !tx.outbids(old, options.replacement_percent)
        {
            return Err(PoolError::ReplacementUnderpriced);
        }
        let (balance, cost) = (account.balance, tx.cost());
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        let queued = sender.map_or(U256::ZERO, |sender| {
            sender.cost().saturating_sub(old.map_or(U256::ZERO, |old| old.cost()))
        });
        if queued.saturating_add(cost) > balance {
            return Err(PoolError::InsufficientFundsForAll { balance, queued, cost });
        }
        let pooled = sender.map_or(0, SenderQueue::len);
        let limit = options.limit_of(&tx.sender(), self.len());
        if old.is_none() && pooled >= limit {
            return Err(PoolError::AccountLimit { pooled, limit });
        }
        Ok(old.cloned())
    }

    /// Takes out the transaction with this hash.
    pub(super) fn remove(&mut self, hash: &B256) -> Option<Arc<PoolTx>> {
        let tx = self.by_hash.get(hash)?.clone();
        let address = tx.sender();
        let mut moves = Moves::default();
        self.senders.get_mut(&address)?.remove(tx.nonce(), &mut moves);
        self.forget(&tx);
        self.reindex(address, &moves);
        Some(tx)
    }

    /// Takes over a newer state of a sender; transactions whose nonce is used up go.
    pub(super) fn set_account(&mut self, address: Address, account: AccountState) {
        let Some(sender) = self.senders.get_mut(&address) else { return };
        let mut moves = Moves::default();
        for tx in sender.set_account(account, &mut moves) {
            self.forget(&tx);
        }
        self.reindex(address, &moves);
    }

    /// Drops queued transactions that came before `now - lifetime`.
    pub(super) fn expire(&mut self, now: Instant, lifetime: Duration) -> usize {
        let mut count = 0;
        while let Some((_, oldest)) = self.queued.first_key_value() {
            if now.saturating_duration_since(oldest.since()) < lifetime {
                break;
            }
            let hash = oldest.hash();
            self.remove(&hash);
            count += 1;
        }
        count
    }

    /// Evicts what pays least until everything fits; queued transactions first. Returns whether it had to.
    pub(super) fn make_room(&mut self, options: &PoolOptions) -> bool {
        let mut evicted = false;
        loop {
            let full = self.len() > options.max_transactions || self.bytes > options.max_bytes;
            let queue_full = self.queued.len() > options.max_queued;
            let victim = if full || queue_full { self.queued_tails.worst() } else { None };
            let victim = victim.or_else(|| if full { self.pending_tails.worst() } else { None });
            let last = victim.and_then(|address| Some(self.senders.get(&address)?.last()?.hash()));
            let Some(hash) = last else { return evicted };
            self.remove(&hash);
            evicted = true;
            metrics::counter!("recourse_pool_evicted_total").increment(1);
        }
    }

    /// Drops what the pool knows of a transaction apart from its sender's list.
    fn forget(&mut self, tx: &PoolTx) {
        if self.by_hash.remove(&tx.hash()).is_some() {
            self.bytes -= tx.size();
        }
        self.queued.remove(&tx.arrival());
    }

    /// Brings the indices up to date after a change of a sender.
    fn reindex(&mut self, address: Address, moves: &Moves) {
        // A transaction may have been queued on the way to being pending.
        for tx in &moves.demoted {
            self.queued.insert(tx.arrival(), tx.clone());
        }
        for tx in &moves.promoted {
            self.queued.remove(&tx.arrival());
        }
        let Entry::Occupied(mut entry) = self.senders.entry(address) else { return };
        let sender = entry.get_mut();
        let (old, new) = (sender.indexed, sender.bids());
        sender.indexed = new;
        if sender.len() == 0 {
            entry.remove();
        }
        if old.head != new.head {
            old.head.inspect(|bid| self.heads.remove(bid));
            new.head.inspect(|bid| self.heads.insert(address, *bid));
        }
        if old.tail != new.tail {
            if let Some(tail) = old.tail {
                self.tails(tail.queued).remove(&tail.bid);
            }
            if let Some(tail) = new.tail {
                self.tails(tail.queued).insert(address, tail.bid);
            }
        }
    }

    const fn tails(&mut self, queued: bool) -> &mut Ranked {
        if queued { &mut self.queued_tails } else { &mut self.pending_tails }
    }

    /// Checks everything against everything. For tests.
    #[cfg(test)]
    pub(super) fn check(&self, options: &PoolOptions) {
        let mut transactions = 0;
        let mut bytes = 0;
        let mut queued = Vec::new();
        for (address, sender) in &self.senders {
            assert!(sender.len() > 0, "a sender without transactions stays");
            assert_eq!(sender.indexed, sender.bids());
            let all: Vec<_> = sender.pending().chain(sender.queued()).collect();
            assert_eq!(all.len(), sender.len());
            let cost = all.iter().fold(U256::ZERO, |sum, tx| sum + tx.cost());
            assert_eq!(cost, sender.cost());
            for (tx, nonce) in sender.pending().zip(sender.account().nonce..) {
                assert_eq!(tx.nonce(), nonce);
            }
            assert!(sender.get(sender.next_nonce()).is_none());
            queued.extend(sender.queued().map(|tx| tx.arrival()));
            for tx in all {
                assert_eq!(tx.sender(), *address);
                assert!(self.by_hash.contains_key(&tx.hash()));
                bytes += tx.size();
                transactions += 1;
            }
        }
        queued.sort_unstable();
        assert_eq!(queued, self.queued.keys().copied().collect::<Vec<_>>());
        assert_eq!(transactions, self.by_hash.len());
        assert_eq!(bytes, self.bytes);
        let indexed = |of: fn(&super::sender::Indexed) -> bool| {
            self.senders.values().filter(|s| of(&s.indexed)).count()
        };
        assert_eq!(self.heads.len(), indexed(|i| i.head.is_some()));
        assert_eq!(self.queued_tails.len(), indexed(|i| i.tail.is_some_and(|tail| tail.queued)));
        assert_eq!(self.pending_tails.len(), indexed(|i| i.tail.is_some_and(|tail| !tail.queued)));
        assert!(transactions <= options.max_transactions);
        assert!(queued.len() <= options.max_queued);
        assert!(bytes <= options.max_bytes);
    }
}
