//! Senders in the order of what they pay, while the base fee moves underneath them.

use std::{cmp::Reverse, collections::BTreeMap, ops::Bound};

use alloy::primitives::Address;

/// What a transaction offers. The tip is never above the fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bid {
    /// Maximum fee per gas.
    pub(super) fee: u128,
    /// Maximum priority fee per gas.
    pub(super) tip: u128,
    /// When it came: unique, and the older comes first among equals.
    pub(super) arrival: u64,
}

impl Bid {
    /// What the sequencer gets per gas at a base fee; `None` if the fee does not cover the base fee.
    pub(super) fn effective_tip(&self, base_fee: u128) -> Option<u128> {
        self.fee.checked_sub(base_fee).map(|rest| rest.min(self.tip))
    }

    /// The highest base fee at which the whole tip is still paid.
    fn slack(&self) -> u128 {
        self.fee.saturating_sub(self.tip)
    }
}

/// An order: the better amount first, then the older.
type Key = (Reverse<u128>, u64);

/// Senders ordered by the effective tip of one bid each.
///
/// A bid pays either its tip in full, or what the base fee leaves of its fee. Within each of the two groups the order
/// does not depend on the base fee, so that a change of it only moves the bids between the old and the new base fee
/// from one group to the other.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    base_fee: u128,
    /// Bids that pay their tip in full, by tip.
    full: BTreeMap<Key, Address>,
    /// Bids that pay what is left of their fee, by fee.
    capped: BTreeMap<Key, Address>,
    /// All bids by slack, then arrival.
    by_slack: BTreeMap<(u128, u64), (Address, Bid)>,
}

/// How far a walk through a [`Ranked`] has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    full: Option<Key>,
    capped: Option<Key>,
}

/// The next sender of a walk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) sender: Address,
    pub(super) tip: u128,
    pub(super) arrival: u64,
    capped: bool,
    key: Key,
}

impl Walk {
    /// Steps over it.
    pub(super) fn pass(&mut self, step: &Step) {
        let side = if step.capped { &mut self.capped } else { &mut self.full };
        *side = Some(step.key);
    }
}

impl Ranked {
    /// How many bids there are. For tests.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.full.len() + self.capped.len(), self.by_slack.len());
        self.by_slack.len()
    }

    fn side(&mut self, bid: &Bid) -> (&mut BTreeMap<Key, Address>, Key) {
        if bid.slack() >= self.base_fee {
            (&mut self.full, (Reverse(bid.tip), bid.arrival))
        } else {
            (&mut self.capped, (Reverse(bid.fee), bid.arrival))
        }
    }

    pub(super) fn insert(&mut self, sender: Address, bid: Bid) {
        let (side, key) = self.side(&bid);
        side.insert(key, sender);
        self.by_slack.insert((bid.slack(), bid.arrival), (sender, bid));
    }

    pub(super) fn remove(&mut self, bid: &Bid) {
        let (side, key) = self.side(bid);
        side.remove(&key);
        self.by_slack.remove(&(bid.slack(), bid.arrival));
    }

    pub(super) fn set_base_fee(&mut self, base_fee: u128) {
        let (low, high) = (self.base_fee.min(base_fee), self.base_fee.max(base_fee));
        if low == high {
            return;
        }
        let moving: Vec<_> = self.by_slack.range((low, 0)..(high, 0)).map(|(_, entry)| *entry).collect();
        for (_, bid) in &moving {
            let (side, key) = self.side(bid);
            side.remove(&key);
        }
        self.base_fee = base_fee;
        for (sender, bid) in moving {
            let (side, key) = self.side(&bid);
            side.insert(key, sender);
        }
    }

    /// The best sender after a position whose bid covers the base fee.
    pub(super) fn after(&self, position: &Walk) -> Option<Step> {
        let full = next(&self.full, position.full).map(|(key, sender)| Step {
            sender,
            tip: key.0.0,
            arrival: key.1,
            capped: false,
            key,
        });
        let capped = next(&self.capped, position.capped).and_then(|(key, sender)| {
            let tip = key.0.0.checked_sub(self.base_fee)?;
            Some(Step { sender, tip, arrival: key.1, capped: true, key })
        });
        match (full, capped) {
            (Some(full), Some(capped)) => {
                let rank = |step: &Step| (Reverse(step.tip), step.arrival);
                Some(if rank(&full) < rank(&capped) { full } else { capped })
            }
            (full, capped) => full.or(capped),
        }
    }

    /// The sender who pays least; among equals, the last to come.
    pub(super) fn worst(&self) -> Option<Address> {
        match (self.full.last_key_value(), self.capped.last_key_value()) {
            (Some((full, a)), Some((capped, b))) => {
                let full = (Some(full.0.0), Reverse(full.1));
                let capped = (capped.0.0.checked_sub(self.base_fee), Reverse(capped.1));
                Some(if full < capped { *a } else { *b })
            }
            (full, capped) => full.or(capped).map(|(_, sender)| *sender),
        }
    }
}

fn next(side: &BTreeMap<Key, Address>, after: Option<Key>) -> Option<(Key, Address)> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    side.range((start, Bound::Unbounded)).next().map(|(key, sender)| (*key, *sender))
}
