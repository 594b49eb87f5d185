//! How fast the pool is. Shown, not judged: `cargo test --release -p node pool::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

const SENDERS: u64 = 10_000;
const ROUNDS: u64 = 5;

#[test]
#[ignore = "a measurement"]
fn submit_order_and_include() {
    let (pool, state) = pool();
    (0..SENDERS).for_each(|index| state.set(user(index), 0, 1000));
    let transactions: Vec<_> = (0..ROUNDS)
        .flat_map(|nonce| {
            (0..SENDERS).map(move |index| {
                let tip = u128::from((index * 7919 + nonce) % 1000);
                from(user(index), transfer(nonce, 5 * GWEI, tip))
            })
        })
        .collect();
    let count = transactions.len() as f64;
    let report = |what: &str, start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        println!("{what}: {:.0}/s, {:.2} µs each", count / seconds, seconds * 1e6 / count);
    };
    let start = Instant::now();
    for transaction in transactions {
        pool.submit_recovered(transaction).unwrap();
    }
    report("submit without recovery", start);
    let start = Instant::now();
    assert_eq!(pool.best().count() as f64, count);
    report("hand out in order", start);
    let senders: Vec<_> = (0..SENDERS).map(user).collect();
    let start = Instant::now();
    for nonce in 1..=ROUNDS {
        (0..SENDERS).for_each(|index| state.set(user(index), nonce, 1000));
        pool.refresh(&senders);
    }
    report("include", start);
    assert_eq!(pool.status().pending, 0);
}
