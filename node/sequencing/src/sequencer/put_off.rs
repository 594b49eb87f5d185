//! Transactions that were stopped because others waited.
//!
//! Gas bounds time badly: what gas buys of the slowest operations takes ten times as long as of the usual ones. So a
//! transaction that runs for long while others wait is stopped, and tried again a little later, when perhaps nobody does.
//! After some seconds it runs to its end, whoever waits: else whoever sends such transactions would take the sequencer's time
//! and never pay for it, and on a busy chain they would never be in a block.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256};

use crate::pool::{Pool, PoolTx};

/// From the first stop until a transaction runs to its end.
const DEADLINE: Duration = Duration::from_secs(5);

/// From the first stop to the second try; each further one waits twice as long, so there are six.
const FIRST_REST: Duration = Duration::from_millis(100);

/// How far a transaction may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    ToTheEnd,
    UnlessOthersWait,
    /// Not now.
    Later,
}

/// The transactions that were stopped, one a sender: those behind it wait for it anyhow.
#[derive(Debug, Default)]
pub(super) struct PutOff(BTreeMap<Address, Stopped>);

#[derive(Debug)]
struct Stopped {
    hash: B256,
    first: Instant,
    rest: Duration,
    next: Instant,
}

impl PutOff {
    /// How far this transaction may run now.
    pub(super) fn turn(&self, tx: &Arc<PoolTx>, now: Instant) -> Turn {
        match self.0.get(&tx.sender()).filter(|stopped| stopped.hash == tx.hash()) {
            None => Turn::UnlessOthersWait,
            Some(stopped) if now >= stopped.first + DEADLINE => Turn::ToTheEnd,
            Some(stopped) if now >= stopped.next => Turn::UnlessOthersWait,
            Some(_) => Turn::Later,
        }
    }

    /// This transaction was stopped.
    pub(super) fn add(&mut self, tx: &Arc<PoolTx>, now: Instant) {
        metrics::counter!("recourse_sequencer_put_off_total").increment(1);
        let known = self.0.get(&tx.sender()).filter(|stopped| stopped.hash == tx.hash());
        let (first, rest) = known.map_or((now, FIRST_REST), |stopped| (stopped.first, stopped.rest * 2));
        let next = (now + rest).min(first + DEADLINE);
        self.0.insert(tx.sender(), Stopped { hash: tx.hash(), first, rest, next });
    }

    /// Whether this sender's next transaction was stopped.
    pub(super) fn has(&self, sender: &Address) -> bool {
        self.0.contains_key(sender)
    }

    /// Forgets those that are in the pool no longer.
    pub(super) fn clean_up(&mut self, pool: &Pool) {
        self.0.retain(|_, stopped| pool.get(&stopped.hash).is_some());
    }

    /// Whether this sender's next transaction was stopped, and is not tried again yet.
    pub(super) fn rests(&self, sender: &Address, now: Instant) -> bool {
        self.0.get(sender).is_some_and(|stopped| stopped.next > now)
    }

    /// When the next of them is tried again.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.0.values().map(|stopped| stopped.next).filter(|next| *next > now).min()
    }
}
