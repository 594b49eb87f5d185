//! The nonces of an account that calls hold, or have left behind, without I/O.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, U256};

use super::send_state::{Holder, SendState};

/// Which nonces are whose.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    slots: BTreeMap<u64, Slot>,
    /// Below it, all were seen in blocks.
    floor: u64,
    /// Below it, all are accounted for: used before the first look, or here, or told to be another's.
    accounted: Option<u64>,
    others: Option<Others>,
}

/// Transactions of somebody else that wait for blocks.
#[derive(Clone, Copy, Debug)]
struct Others {
    latest: u64,
    pending: u64,
    since: Instant,
}

#[derive(Debug)]
enum Slot {
    /// A call has it, whose newest version may cost so much.
    Flight { cost: U256 },
    /// A call that is gone has sent this, at that time.
    Left { state: Box<SendState>, at: Instant },
    /// A call gave it back without having sent anything, and later ones are out.
    Free,
}

/// What to do about the next nonce.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextNonce {
    /// This one is free, with what was sent under it before.
    Take(Box<SendState>),
    /// The endpoint counts fewer transactions in blocks than were seen there: it is behind, or there was a reorg.
    Lagging,
    /// Under this nonce, somebody else's transaction waits for a block; no block has taken any since then.
    Occupied { nonce: u64, since: Instant },
}

impl Nonces {
    /// The first nonce that no call holds, for a call; `latest` and `pending` are the account's next nonces without and
    /// with the endpoint's pool.
    pub(super) fn next(&mut self, latest: u64, pending: u64, call: B256) -> NextNonce {
        self.slots.retain(|nonce, slot| *nonce >= latest || matches!(slot, Slot::Flight { .. }));
        if latest < self.floor {
            return NextNonce::Lagging;
        }
        let nonce = self.first(latest);
        // What we know to have sent can be replaced at once.
        let ours = self.slots.contains_key(&nonce);
        if pending <= nonce || ours {
            return NextNonce::Take(Box::new(self.take(nonce, call)));
        }
        // Those of one account wait together: each call would else wait anew.
        let seen = self.others.filter(|seen| seen.latest == latest && nonce < seen.pending);
        let seen = seen.unwrap_or_else(|| Others { latest, pending, since: Instant::now() });
        self.others = Some(seen);
        NextNonce::Occupied { nonce, since: seen.since }
    }

    /// The first nonce that was used in a block since the last look, and that no call here has had. `latest` and `pending`
    /// are those of [`next`](Self::next).
    pub(super) fn foreign(&mut self, latest: u64, pending: u64) -> Option<u64> {
        let Some(accounted) = self.accounted else {
            // What waits may be from a process before this one.
            self.accounted = Some(latest.max(pending));
            return None;
        };
        self.accounted = Some(accounted.max(latest));
        (accounted < latest).then_some(accounted)
    }

    /// The same, whatever waits there.
    pub(super) fn next_whatever(&mut self, latest: u64, call: B256) -> SendState {
        self.floor = self.floor.min(latest);
        let nonce = self.first(latest);
        self.take(nonce, call)
    }

    /// The endpoint knows best how many are in blocks.
    pub(super) fn believe(&mut self, latest: u64) {
        self.floor = self.floor.min(latest);
    }

    fn first(&self, latest: u64) -> u64 {
        let held = |nonce: &u64| matches!(self.slots.get(nonce), Some(Slot::Flight { .. }));
        (latest..).find(|nonce| !held(nonce)).unwrap_or(latest)
    }

    fn take(&mut self, nonce: u64, call: B256) -> SendState {
        self.accounted = self.accounted.map(|accounted| accounted.max(nonce.saturating_add(1)));
        match self.slots.insert(nonce, Slot::Flight { cost: U256::ZERO }) {
            Some(Slot::Left { state, .. }) => state.taken_over(call),
            _ => SendState::new(nonce, call),
        }
    }

    /// Takes a nonce that a call has left, to get it out of the way; if it was left as long ago as that, so that those who
    /// wait for it do not all do so.
    pub(super) fn fill(&mut self, nonce: u64, age: Duration, call: B256) -> Option<SendState> {
        match self.slots.get(&nonce)? {
            Slot::Flight { .. } => None,
            Slot::Left { at, .. } if at.elapsed() < age => None,
            Slot::Left { .. } | Slot::Free => Some(self.take(nonce, call)),
        }
    }

    /// A call sends a version that may cost so much.
    pub(super) fn sending(&mut self, nonce: u64, cost: U256) {
        self.slots.insert(nonce, Slot::Flight { cost });
    }

    /// A call is gone.
    pub(super) fn release(&mut self, state: SendState) {
        let nonce = state.nonce;
        if state.is_over() {
            self.floor = self.floor.max(nonce.saturating_add(1));
            self.slots.remove(&nonce);
        } else if state.is_used() {
            self.slots.insert(nonce, Slot::Left { state: Box::new(state), at: Instant::now() });
        } else {
            self.slots.insert(nonce, Slot::Free);
            while let Some(last) = self.slots.last_entry().filter(|slot| matches!(slot.get(), Slot::Free)) {
                last.remove();
            }
        }
    }

    /// Whose a nonce is.
    pub(super) fn holder(&self, nonce: u64) -> Holder {
        match self.slots.get(&nonce) {
            Some(Slot::Flight { .. }) => Holder::Flight,
            Some(_) => Holder::Left,
            None => Holder::Nobody,
        }
    }

    /// What all that is on its way may cost, but for one nonce. What is in a block, by the account's next nonce, is paid.
    pub(super) fn committed(&self, latest: u64, but: u64) -> U256 {
        let costs =
            self.slots.range(latest..).filter(|(nonce, _)| **nonce != but).map(|(_, slot)| match slot {
                Slot::Flight { cost } => *cost,
                Slot::Left { state, .. } => state.cost,
                Slot::Free => U256::ZERO,
            });
        costs.fold(U256::ZERO, |sum, cost| sum.saturating_add(cost))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{fees::Fees, send_state::Sight},
        *,
    };

    const CALL: B256 = B256::repeat_byte(1);

    fn take(nonces: &mut Nonces, latest: u64, pending: u64) -> SendState {
        match nonces.next(latest, pending, CALL) {
            NextNonce::Take(state) => *state,
            other => panic!("{other:?}"),
        }
    }

    fn sent(nonces: &mut Nonces, latest: u64, pending: u64) -> SendState {
        let mut state = take(nonces, latest, pending);
        let cost = U256::from(100);
        state.sending(B256::with_last_byte(state.nonce as u8), Fees { max_fee: 5, tip: 1, blob: 0 }, cost);
        nonces.sending(state.nonce, cost);
        state
    }

    fn mined(mut state: SendState) -> SendState {
        let hash = state.newest();
        state.see(Sight::Receipt { hash, block: 1, head: 1 });
        state
    }

    #[test]
    fn nonces_are_handed_out_in_order() {
        let mut nonces = Nonces::default();
        let first = sent(&mut nonces, 4, 4);
        let second = sent(&mut nonces, 4, 5);
        // The pool may be behind.
        let third = sent(&mut nonces, 4, 4);
        assert_eq!([first.nonce, second.nonce, third.nonce], [4, 5, 6]);
        assert_eq!(nonces.committed(4, 5), U256::from(200));
        assert_eq!(nonces.committed(5, 5), U256::from(100), "the first is paid");
        nonces.release(mined(first));
        assert_eq!(take(&mut nonces, 5, 7).nonce, 7);
    }

    #[test]
    fn what_was_not_sent_is_given_back() {
        let mut nonces = Nonces::default();
        let first = take(&mut nonces, 4, 4);
        nonces.release(first);
        assert_eq!(nonces.holder(4), Holder::Nobody, "nothing is behind it");
        let first = take(&mut nonces, 4, 4);
        let second = sent(&mut nonces, 4, 4);
        nonces.release(first);
        assert_eq!(nonces.holder(4), Holder::Left, "it holds up the second");
        // The next call fills it, or whoever waits for it.
        let next = take(&mut nonces, 4, 4);
        assert_eq!((next.nonce, next.is_used()), (4, false));
        nonces.release(next);
        assert_eq!(nonces.fill(4, Duration::MAX, B256::ZERO).map(|state| state.nonce), Some(4));
        assert_eq!(nonces.fill(4, Duration::ZERO, B256::ZERO), None, "it is being filled");
        assert_eq!(nonces.fill(5, Duration::ZERO, B256::ZERO), None, "a call sees to it");
        nonces.release(second);
    }

    #[test]
    fn what_was_left_is_taken_over_at_once() {
        let mut nonces = Nonces::default();
        let first = sent(&mut nonces, 4, 4);
        let second = sent(&mut nonces, 4, 5);
        let fees = first.fees;
        nonces.release(first);
        assert_eq!(nonces.committed(4, 9), U256::from(200), "it may still be mined");
        assert_eq!(nonces.fill(4, Duration::MAX, B256::ZERO), None, "not right away");
        let over = take(&mut nonces, 4, 6);
        assert_eq!((over.nonce, over.fees), (4, fees));
        assert!(over.is_sent(), "it is the same call");
        nonces.release(over);
        // Unless a block has it.
        assert_eq!(take(&mut nonces, 5, 6).nonce, 6);
        assert_eq!(nonces.holder(4), Holder::Nobody);
        nonces.release(second);
    }

    #[test]
    fn others_are_told_from_ours() {
        let mut nonces = Nonces::default();
        let occupied = |nonces: &mut Nonces, latest, pending| match nonces.next(latest, pending, CALL) {
            NextNonce::Occupied { nonce, since } => (nonce, since),
            other => panic!("{other:?}"),
        };
        let (nonce, since) = occupied(&mut nonces, 4, 6);
        assert_eq!(nonce, 4);
        assert_eq!(nonces.next_whatever(4, CALL).nonce, 4);
        // Another's behind ours has waited as long.
        assert_eq!(occupied(&mut nonces, 4, 6), (5, since));
        assert_eq!(nonces.next_whatever(4, CALL).nonce, 5);
        assert_eq!(take(&mut nonces, 4, 6).nonce, 6);
        // But not one that came later, nor one that was next only now.
        let (nonce, later) = occupied(&mut nonces, 4, 9);
        assert!(nonce == 7 && later > since);
        let (nonce, last) = occupied(&mut nonces, 5, 9);
        assert!(nonce == 7 && last > later);
    }

    #[test]
    fn a_nonce_that_nobody_here_had_is_anothers() {
        let mut nonces = Nonces::default();
        // Two are from before.
        assert_eq!(nonces.foreign(4, 6), None);
        assert_eq!(nonces.foreign(6, 6), None);
        let first = sent(&mut nonces, 6, 6);
        nonces.release(mined(first));
        assert_eq!(nonces.foreign(7, 7), None, "our own");
        assert_eq!(nonces.foreign(9, 9), Some(7));
        assert_eq!(nonces.foreign(9, 9), None, "once");
        assert_eq!(nonces.foreign(5, 5), None, "an endpoint is behind");
        let last = sent(&mut nonces, 9, 9);
        assert_eq!(nonces.foreign(10, 10), None);
        nonces.release(last);
    }

    #[test]
    fn an_endpoint_that_is_behind_is_noticed() {
        let mut nonces = Nonces::default();
        let first = sent(&mut nonces, 4, 4);
        nonces.release(mined(first));
        assert_eq!(nonces.next(4, 4, CALL), NextNonce::Lagging);
        assert_eq!(take(&mut nonces, 5, 5).nonce, 5);
        // It was a reorg.
        nonces.believe(4);
        assert_eq!(take(&mut nonces, 4, 4).nonce, 4);
    }

    /// Calls that begin, end and are given up at random: no two hold the same nonce, none is skipped for good.
    #[test]
    fn no_nonce_is_held_twice_and_none_is_lost() {
        use rand::{Rng, SeedableRng, rngs::StdRng};
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        eprintln!("SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut nonces = Nonces::default();
        let mut flights: Vec<SendState> = Vec::new();
        let mut latest = 0;
        let mut steps = 0;
        while latest < 500 {
            steps += 1;
            assert!(steps < 100_000, "only {latest} were used");
            match rng.random_range(0..4) {
                0 | 1 if flights.len() < 16 => {
                    let state = if rng.random() {
                        sent(&mut nonces, latest, latest)
                    } else {
                        take(&mut nonces, latest, latest)
                    };
                    let (nonce, held) = (state.nonce, flights.len() as u64);
                    assert!(flights.iter().all(|flight| flight.nonce != nonce));
                    assert!((latest..=latest + held).contains(&nonce), "{nonce} leaves a gap above {latest}");
                    flights.push(state);
                }
                2 if !flights.is_empty() => {
                    let place = rng.random_range(0..flights.len());
                    nonces.release(flights.swap_remove(place));
                }
                // A block takes what is next, if it was sent.
                _ => {
                    let next = flights.iter().position(|flight| flight.nonce == latest && flight.is_sent());
                    if let Some(next) = next {
                        nonces.release(mined(flights.swap_remove(next)));
                        latest += 1;
                    }
                }
            }
        }
        for flight in flights {
            nonces.release(flight);
        }
        assert_eq!(take(&mut nonces, latest, latest).nonce, latest);
    }
}
