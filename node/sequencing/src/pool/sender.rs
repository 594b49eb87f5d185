//! One sender's transactions.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::U256;

use super::{AccountState, PoolTx, ranked::Bid};

/// A sender's transactions by nonce. The first `run` of them follow on from the account's nonce without a gap, so they
/// can be executed; those behind are queued.
#[derive(Debug, Default)]
pub(super) struct SenderQueue {
    account: AccountState,
    transactions: BTreeMap<u64, Arc<PoolTx>>,
    run: u64,
    cost: U256,
    /// The least fee and the least tip of all of them.
    low: Option<(u128, u128)>,
    /// Under which bids the pool has the sender in its indices.
    pub(super) indexed: Indexed,
}

/// A sender's bids in the pool's indices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    /// The first pending transaction's.
    pub(super) head: Option<Bid>,
    /// The bid that decides whether the last transaction is evicted.
    pub(super) tail: Option<Tail>,
}

/// What a sender's last transaction is worth keeping. It counts no more than the worst before it, because it can't be
/// executed without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) queued: bool,
    pub(super) bid: Bid,
}

/// Transactions that changed between pending and queued.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) promoted: Vec<Arc<PoolTx>>,
    pub(super) demoted: Vec<Arc<PoolTx>>,
}

impl SenderQueue {
    pub(super) fn new(account: AccountState) -> Self {
        Self { account, ..Self::default() }
    }

    pub(super) const fn account(&self) -> &AccountState {
        &self.account
    }

    /// The first nonce that no pending transaction has.
    pub(super) const fn next_nonce(&self) -> u64 {
        self.account.nonce + self.run
    }

    /// What all of them can cost at most.
    pub(super) const fn cost(&self) -> U256 {
        self.cost
    }

    pub(super) fn len(&self) -> usize {
        self.transactions.len()
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Arc<PoolTx>> {
        self.transactions.get(&nonce)
    }

    pub(super) fn last(&self) -> Option<&Arc<PoolTx>> {
        self.transactions.last_key_value().map(|(_, tx)| tx)
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = &Arc<PoolTx>> {
        self.transactions.range(..self.next_nonce()).map(|(_, tx)| tx)
    }

    pub(super) fn queued(&self) -> impl Iterator<Item = &Arc<PoolTx>> {
        self.transactions.range(self.next_nonce()..).map(|(_, tx)| tx)
    }

    /// Puts in a transaction whose nonce is not below the account's. Returns the one it replaces.
    pub(super) fn insert(&mut self, tx: Arc<PoolTx>, moves: &mut Moves) -> Option<Arc<PoolTx>> {
        let nonce = tx.nonce();
        self.cost = self.cost.saturating_add(tx.cost());
        let old = self.transactions.insert(nonce, tx.clone());
        if let Some(old) = &old {
            self.cost = self.cost.saturating_sub(old.cost());
            self.find_low();
        } else {
            let (fee, tip) = self.low.unwrap_or((u128::MAX, u128::MAX));
            self.low = Some((fee.min(tx.max_fee()), tip.min(tx.max_tip())));
        }
        if nonce == self.next_nonce() {
            self.extend(moves);
        } else if nonce < self.next_nonce() {
            moves.promoted.push(tx);
        } else {
            moves.demoted.push(tx);
        }
        old
    }

    /// Takes out the transaction with this nonce; the pending ones behind it are queued.
    pub(super) fn remove(&mut self, nonce: u64, moves: &mut Moves) -> Option<Arc<PoolTx>> {
        let tx = self.transactions.remove(&nonce)?;
        self.cost = self.cost.saturating_sub(tx.cost());
        self.find_low();
        let end = self.next_nonce();
        if (self.account.nonce..end).contains(&nonce) {
            self.run = nonce - self.account.nonce;
            moves.demoted.extend(self.transactions.range(nonce..end).map(|(_, tx)| tx.clone()));
        }
        Some(tx)
    }

    /// Takes over a newer state of the account. Returns the transactions whose nonce is used up.
    pub(super) fn set_account(&mut self, account: AccountState, moves: &mut Moves) -> Vec<Arc<PoolTx>> {
        let (before, end) = (self.account.nonce, self.next_nonce());
        self.account = account;
        if account.nonce == before {
            return Vec::new();
        }
        let kept = self.transactions.split_off(&account.nonce);
        let used = std::mem::replace(&mut self.transactions, kept);
        for tx in used.values() {
            self.cost = self.cost.saturating_sub(tx.cost());
        }
        if !used.is_empty() {
            self.find_low();
        }
        if (before..=end).contains(&account.nonce) {
            self.run = end - account.nonce;
        } else {
            self.run = 0;
            if account.nonce < before {
                moves.demoted.extend(self.transactions.range(..end).map(|(_, tx)| tx.clone()));
            }
            self.extend(moves);
        }
        used.into_values().collect()
    }

    /// The bids to be indexed under.
    pub(super) fn bids(&self) -> Indexed {
        let head = (self.run > 0).then(|| self.transactions.first_key_value().map(|(_, tx)| tx.bid()));
        let tail = self.low.zip(self.last()).map(|((fee, tip), last)| Tail {
            queued: last.nonce() >= self.next_nonce(),
            bid: Bid { fee, tip, arrival: last.arrival() },
        });
        Indexed { head: head.flatten(), tail }
    }

    fn extend(&mut self, moves: &mut Moves) {
        let first = self.next_nonce();
        for (tx, nonce) in self.transactions.range(first..).map(|(_, tx)| tx).zip(first..) {
            if tx.nonce() != nonce {
                break;
            }
            self.run += 1;
            moves.promoted.push(tx.clone());
        }
    }

    fn find_low(&mut self) {
        self.low = self
            .transactions
            .values()
            .map(|tx| (tx.max_fee(), tx.max_tip()))
            .reduce(|low, tx| (low.0.min(tx.0), low.1.min(tx.1)));
    }
}
