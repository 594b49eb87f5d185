//! What a replica has passed on to the sequencer, until it is in a block here.
//!
//! The sequencer alone decides what it takes. This only remembers what it took, so that whoever sent a transaction
//! through a replica finds it there, too: nothing is refused because of what is known here.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, map::B256Map};
use parking_lot::Mutex;
use stf::Transaction;
use tokio::sync::broadcast;

/// Most transactions that are remembered: as many as wait behind a gap in the sequencer's pool. The oldest go first.
const MAX_TRANSACTIONS: usize = 16_384;

/// Most bytes of all of them: a quarter of the sequencer's pool, for it is one of several ways to it.
const MAX_BYTES: usize = 64 << 20;

/// How long a transaction is remembered at most: as long as the sequencer's pool keeps one behind a gap.
const LIFETIME: Duration = Duration::from_secs(3 * 60 * 60);

/// A transaction that is in no block here for this long is asked for at the sequencer, and then again.
pub(super) const ASK_AFTER: Duration = Duration::from_secs(60);

/// Most transactions that are asked for in one round, so that a full store does not burden the sequencer.
const ASKED_AT_ONCE: usize = 64;

/// New transactions that a slow subscriber may be behind.
const BUFFER: usize = 4096;

/// The transactions that were passed on.
#[derive(Debug)]
pub(crate) struct Sent {
    kept: Mutex<Kept>,
    new: broadcast::Sender<Arc<Transaction>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By sender and nonce: the sequencer has one transaction for each, the newest that it took.
    entries: BTreeMap<(Address, u64), Entry>,
    by_hash: B256Map<(Address, u64)>,
    by_arrival: BTreeMap<u64, (Address, u64)>,
    arrivals: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    tx: Arc<Transaction>,
    hash: B256,
    arrival: u64,
    since: Instant,
    /// When the sequencer was last known to have it.
    confirmed: Instant,
}

impl Default for Sent {
    fn default() -> Self {
        Self { kept: Mutex::default(), new: broadcast::channel(BUFFER).0 }
    }
}

impl Sent {
    /// Remembers a transaction that the sequencer has; false if it is known already.
    pub(crate) fn insert(&self, tx: Arc<Transaction>, now: Instant) -> bool {
        self.kept.lock().insert(tx, now)
    }

    /// Tells subscribers of a new transaction.
    pub(crate) fn announce(&self, tx: Arc<Transaction>) {
        // An error means that nobody listens.
        let _ = self.new.send(tx);
    }

    /// Follows new transactions.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Transaction>> {
        self.new.subscribe()
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<Transaction>> {
        let kept = self.kept.lock();
        Some(kept.entries.get(kept.by_hash.get(hash)?)?.tx.clone())
    }

    pub(crate) fn remove(&self, hash: &B256) {
        let mut kept = self.kept.lock();
        if let Some(key) = kept.by_hash.get(hash).copied() {
            kept.remove(&key);
        }
    }

    /// Forgets what a sender can't send any more, given the account's nonce.
    pub(crate) fn used(&self, sender: Address, nonce: u64) {
        let mut kept = self.kept.lock();
        let used: Vec<_> = kept.entries.range((sender, 0)..(sender, nonce)).map(|(key, _)| *key).collect();
        for key in used {
            kept.remove(&key);
        }
    }

    /// Those of these senders of whom something is remembered; all, if none are given.
    pub(crate) fn senders(&self, among: Option<&[Address]>) -> Vec<Address> {
        let kept = self.kept.lock();
        match among {
            Some(among) => {
                let of = |sender: &&Address| {
                    kept.entries.range((**sender, 0)..=(**sender, u64::MAX)).next().is_some()
                };
                among.iter().filter(of).copied().collect()
            }
            None => {
                let mut senders: Vec<_> = kept.entries.keys().map(|(sender, _)| *sender).collect();
                senders.dedup();
                senders
            }
        }
    }

    /// All transactions, or one sender's, in order of senders and nonces.
    pub(crate) fn list(&self, sender: Option<Address>) -> Vec<Arc<Transaction>> {
        let kept = self.kept.lock();
        let range = match sender {
            Some(sender) => (sender, 0)..=(sender, u64::MAX),
            None => (Address::ZERO, 0)..=(Address::repeat_byte(0xff), u64::MAX),
        };
        kept.entries.range(range).map(|(_, entry)| entry.tx.clone()).collect()
    }

    /// Forgets what is too old, and returns what to ask the sequencer for now. What is returned counts as asked for.
    pub(crate) fn due(&self, now: Instant) -> Vec<B256> {
        let mut kept = self.kept.lock();
        let age = |since: Instant| now.saturating_duration_since(since);
        let old: Vec<_> = kept
            .entries
            .iter()
            .filter(|(_, entry)| age(entry.since) > LIFETIME)
            .map(|(key, _)| *key)
            .collect();
        for key in old {
            kept.remove(&key);
        }
        let due = kept.entries.values_mut().filter(|entry| age(entry.confirmed) >= ASK_AFTER);
        // Those first that have waited longest, so that each has its turn however many there are.
        let mut due: Vec<&mut Entry> = due.collect();
        due.sort_unstable_by_key(|entry| (entry.confirmed, entry.arrival));
        due.into_iter()
            .take(ASKED_AT_ONCE)
            .map(|entry| {
                entry.confirmed = now;
                entry.hash
            })
            .collect()
    }
}

impl Kept {
    fn insert(&mut self, tx: Arc<Transaction>, now: Instant) -> bool {
        let hash = tx.hash();
        if self.by_hash.contains_key(&hash) {
            return false;
        }
        let key = (tx.sender(), alloy::consensus::Transaction::nonce(tx.envelope()));
        self.remove(&key);
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.bytes += tx.encoded().len();
        self.by_hash.insert(hash, key);
        self.by_arrival.insert(arrival, key);
        self.entries.insert(key, Entry { tx, hash, arrival, since: now, confirmed: now });
        while self.entries.len() > MAX_TRANSACTIONS || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.by_arrival.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(&oldest);
        }
        true
    }

    fn remove(&mut self, key: &(Address, u64)) {
        let Some(entry) = self.entries.remove(key) else { return };
        self.by_hash.remove(&entry.hash);
        self.by_arrival.remove(&entry.arrival);
        self.bytes -= entry.tx.encoded().len();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy::primitives::Bytes;

    use super::*;
    use rollup::testing::{key, transaction, transfer};

    fn tx(from: u8, nonce: u64) -> Arc<Transaction> {
        Arc::new(Transaction::recover(transaction(from, transfer(nonce))).unwrap())
    }

    #[test]
    fn the_newest_transaction_of_a_nonce_counts() {
        let (sent, now) = (Sent::default(), Instant::now());
        let mut dearer = transfer(0);
        dearer.max_fee_per_gas *= 2;
        let (old, new) = (tx(0, 0), Arc::new(Transaction::recover(transaction(0, dearer)).unwrap()));
        assert!(sent.insert(old.clone(), now) && sent.insert(new.clone(), now));
        assert!(!sent.insert(new.clone(), now));
        assert!(sent.get(&old.hash()).is_none() && sent.get(&new.hash()).is_some());
        assert_eq!(sent.list(None).len(), 1);
    }

    #[test]
    fn used_nonces_are_forgotten_and_others_are_not() {
        let (sent, now) = (Sent::default(), Instant::now());
        for nonce in 0..4 {
            sent.insert(tx(0, nonce), now);
            sent.insert(tx(1, nonce), now);
        }
        let (first, second) = (key(0).address(), key(1).address());
        sent.used(first, 3);
        assert_eq!((sent.list(Some(first)).len(), sent.list(Some(second)).len()), (1, 4));
        sent.used(first, u64::MAX);
        assert_eq!(sent.senders(None), [second]);
        assert_eq!(sent.senders(Some(&[first, second])), [second]);
    }

    #[test]
    fn what_waits_long_is_asked_for_again_and_again_and_given_up_at_last() {
        let (sent, now) = (Sent::default(), Instant::now());
        sent.insert(tx(0, 0), now);
        assert!(sent.due(now).is_empty());
        let hash = tx(0, 0).hash();
        assert_eq!(sent.due(now + ASK_AFTER), [hash]);
        assert!(sent.due(now + ASK_AFTER).is_empty());
        assert_eq!(sent.due(now + ASK_AFTER * 2), [hash]);
        assert!(sent.due(now + LIFETIME + ASK_AFTER).is_empty());
        assert!(sent.list(None).is_empty());
    }

    #[test]
    fn number_and_bytes_are_bounded_and_the_oldest_go_first() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        let large = |nonce| {
            let input = Bytes::from(vec![1; MAX_BYTES / 3]);
            let tx = alloy::consensus::TxEip1559 { input, ..transfer(nonce) };
            Arc::new(Transaction::recover(transaction(0, tx)).unwrap())
        };
        let all = [large(0), large(1), large(2)];
        for tx in &all {
            assert!(kept.insert(tx.clone(), now));
            assert!(kept.bytes <= MAX_BYTES);
        }
        assert!(!kept.by_hash.contains_key(&all[0].hash()));
        assert_eq!((kept.entries.len(), kept.by_hash.len(), kept.by_arrival.len()), (2, 2, 2));

        let mut kept = Kept::default();
        let one = tx(0, 0);
        // Signatures take their time: many senders of one transaction are as good as many transactions.
        for index in 0..=MAX_TRANSACTIONS as u64 {
            let sender = Address::left_padding_from(&index.to_be_bytes());
            let tx = Transaction::with_sender(one.encoded().clone(), sender).unwrap();
            kept.by_hash.clear();
            kept.insert(Arc::new(tx), now);
        }
        assert_eq!(kept.entries.len(), MAX_TRANSACTIONS);
        assert!(!kept.entries.contains_key(&(Address::ZERO, 0)));
    }
}
