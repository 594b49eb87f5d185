//! Random submissions, blocks and reorgs, against a pool that sorts lists.

use std::collections::{BTreeMap, HashMap};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::*;

const USERS: u64 = 12;
const STEPS: usize = 3000;

/// A transaction of the model.
#[derive(Clone, Debug)]
struct Entry {
    fee: u128,
    tip: u128,
    arrival: u64,
}

/// The rules, said the slow way.
#[derive(Default)]
struct Model {
    senders: BTreeMap<Address, BTreeMap<u64, Entry>>,
    nonces: HashMap<Address, u64>,
    arrivals: u64,
}

impl Model {
    fn nonce(&self, sender: &Address) -> u64 {
        self.nonces.get(sender).copied().unwrap_or(0)
    }

    fn next_nonce(&self, sender: &Address) -> u64 {
        let first = self.nonce(sender);
        let Some(transactions) = self.senders.get(sender) else { return first };
        (first..).find(|nonce| !transactions.contains_key(nonce)).unwrap()
    }

    fn count(&self, queued: bool) -> usize {
        self.senders
            .iter()
            .map(|(sender, transactions)| {
                let next = self.next_nonce(sender);
                transactions.keys().filter(|nonce| (**nonce >= next) == queued).count()
            })
            .sum()
    }

    fn submit(
        &mut self,
        sender: Address,
        nonce: u64,
        fee: u128,
        tip: u128,
        base_fee: u128,
        options: &PoolOptions,
    ) -> Result<(), &'static str> {
        let arrival = self.arrivals;
        self.arrivals += 1;
        if nonce < self.nonce(&sender) {
            return Err("nonce_too_low");
        }
        let pooled = self.count(false) + self.count(true);
        let transactions = self.senders.entry(sender).or_default();
        match transactions.get(&nonce) {
            Some(old) if old.fee == fee && old.tip == tip => return Err("known"),
            Some(old) if fee <= old.fee || fee * 10 < old.fee * 11 => return Err("replacement"),
            Some(old) if tip <= old.tip || tip * 10 < old.tip * 11 => return Err("replacement"),
            Some(_) => {}
            None => {
                let half = pooled >= options.max_transactions / 2;
                let limit = if half { options.account_limit } else { options.account_burst };
                if transactions.len() >= limit {
                    return Err("account_limit");
                }
            }
        }
        transactions.insert(nonce, Entry { fee, tip, arrival });
        self.make_room(base_fee, options);
        let kept = self.senders[&sender].get(&nonce).is_some_and(|entry| entry.arrival == arrival);
        kept.then_some(()).ok_or("full")
    }

    fn make_room(&mut self, base_fee: u128, options: &PoolOptions) {
        while let Some(sender) = self.victim(base_fee, options) {
            self.senders.get_mut(&sender).unwrap().pop_last();
        }
    }

    /// Whose last transaction must go.
    fn victim(&self, base_fee: u128, options: &PoolOptions) -> Option<Address> {
        let full = self.count(false) + self.count(true) > options.max_transactions;
        let queue_full = self.count(true) > options.max_queued;
        if !full && !queue_full {
            return None;
        }
        let worst = |queued: bool| {
            let tails = self.senders.iter().filter_map(|(sender, transactions)| {
                let (nonce, last) = transactions.last_key_value()?;
                ((*nonce >= self.next_nonce(sender)) == queued).then(|| {
                    let tips =
                        transactions.values().map(|tx| tx.fee.checked_sub(base_fee).map(|r| r.min(tx.tip)));
                    // Among those that do not pay the base fee, the one that is furthest from it is the worst.
                    let fee = transactions.values().map(|tx| tx.fee).min().unwrap();
                    let tip = tips.min().unwrap();
                    let fee = if tip.is_none() { fee } else { 0 };
                    (tip, fee, std::cmp::Reverse(last.arrival), *sender)
                })
            });
            tails.min().map(|(.., sender)| sender)
        };
        worst(true).or_else(|| full.then(|| worst(false)).flatten())
    }

    fn order(&self, base_fee: u128) -> Vec<(Address, u64)> {
        let mut next: BTreeMap<_, _> =
            self.senders.keys().map(|sender| (*sender, self.nonce(sender))).collect();
        let mut order = Vec::new();
        loop {
            let best = next
                .iter()
                .filter_map(|(sender, nonce)| {
                    let tx = self.senders[sender].get(nonce)?;
                    let tip = tx.fee.checked_sub(base_fee)?.min(tx.tip);
                    Some((tip, std::cmp::Reverse(tx.arrival), *sender, *nonce))
                })
                .max();
            let Some((_, _, sender, nonce)) = best else { return order };
            order.push((sender, nonce));
            next.insert(sender, nonce + 1);
        }
    }

    fn set_nonce(&mut self, sender: Address, nonce: u64) {
        self.nonces.insert(sender, nonce);
        if let Some(transactions) = self.senders.get_mut(&sender) {
            *transactions = transactions.split_off(&nonce);
        }
    }
}

fn run(seed: u64, outcomes: &mut HashMap<&'static str, usize>) {
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let options = PoolOptions {
        max_transactions: rng.random_range(8..60),
        max_queued: rng.random_range(3..20),
        account_limit: 6,
        account_burst: 12,
        ..PoolOptions::default()
    };
    let (pool, state) = pool_with(options.clone());
    (0..USERS).for_each(|index| state.set(user(index), 0, 1_000_000));
    let mut model = Model::default();
    let mut base_fee = u128::from(BASE_FEE);
    for _ in 0..STEPS {
        match rng.random_range(0..20) {
            0 => {
                base_fee = u128::from(BASE_FEE) * rng.random_range(80..=120) / 100;
                state.set_base_fee(base_fee as u64);
                pool.refresh(&[]);
            }
            1 => {
                // A block with the best few.
                let order = model.order(base_fee);
                let included = &order[..rng.random_range(0..=order.len().min(8))];
                for (sender, nonce) in included {
                    model.set_nonce(*sender, nonce + 1);
                    state.set(*sender, nonce + 1, 1_000_000);
                }
                let senders: Vec<_> = included.iter().map(|(sender, _)| *sender).collect();
                pool.refresh(&senders);
            }
            2 if rng.random_bool(0.3) => {
                for index in 0..USERS {
                    let nonce = model.nonce(&user(index)).saturating_sub(rng.random_range(0..3));
                    model.set_nonce(user(index), nonce);
                    state.set(user(index), nonce, 1_000_000);
                }
                pool.resync();
            }
            3 => {
                let all: Vec<_> = model
                    .senders
                    .iter()
                    .flat_map(|(sender, transactions)| transactions.keys().map(|nonce| (*sender, *nonce)))
                    .collect();
                if let Some((sender, nonce)) = all.choose(&mut rng) {
                    model.senders.get_mut(sender).unwrap().remove(nonce);
                    let content = pool.content_from(sender);
                    let mut lists = content.pending.values().chain(content.queued.values()).flatten();
                    let tx = lists.find(|tx| tx.nonce() == *nonce).unwrap();
                    assert!(pool.discard(&tx.hash()));
                }
            }
            _ => {
                let sender = user(rng.random_range(0..USERS));
                let offset = rng.random_range(0..12);
                let around = if rng.random_bool(0.7) { model.next_nonce(&sender) } else { offset };
                let nonce = if rng.random_bool(0.2) { model.nonce(&sender) + offset } else { around };
                let mut fee = u128::from(BASE_FEE) * rng.random_range(70..200) / 100;
                let mut tip = fee * rng.random_range(0..=10) / 10;
                let there = model.senders.get(&sender).and_then(|transactions| transactions.get(&nonce));
                if let Some(same) = there.filter(|_| rng.random_bool(0.1)) {
                    (fee, tip) = (same.fee, same.tip);
                }
                let expected = model.submit(sender, nonce, fee, tip, base_fee, &options);
                let found = pool.submit_recovered(from(sender, transfer(nonce, fee, tip)));
                let found = found.map(|_| ()).map_err(|error| error.reason());
                assert_eq!(found, expected);
                *outcomes.entry(expected.err().unwrap_or("taken")).or_default() += 1;
            }
        }
        model.make_room(base_fee, &options);
        pool.check();
        let status = pool.status();
        assert_eq!((status.pending, status.queued), (model.count(false), model.count(true)));
        assert_eq!(order(&pool), model.order(base_fee));
    }
}

#[test]
fn the_pool_does_what_the_slow_model_does() {
    let mut outcomes = HashMap::new();
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    match seed {
        Some(seed) => run(seed, &mut outcomes),
        None => {
            let first = rand::rng().random_range(0..u64::MAX / 2);
            (first..first + 8).for_each(|seed| run(seed, &mut outcomes));
            for outcome in ["taken", "full", "known", "replacement", "nonce_too_low", "account_limit"] {
                assert!(outcomes.contains_key(outcome), "never {outcome}: {outcomes:?}");
            }
        }
    }
}
