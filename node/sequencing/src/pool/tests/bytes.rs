//! The order while L1 takes fewer bytes than there are.

use super::*;

#[test]
fn while_l1_takes_too_few_bytes_the_best_tip_for_a_byte_comes_first() {
    let (pool, state) = pool();
    (0..4).for_each(|index| state.set(user(index), 0, 1));
    // A long one with the best tip: its gas grows with its bytes, but by less than that of the bytes of a transfer.
    let long = TxEip1559 { input: vec![1; 10_000].into(), gas_limit: 1_000_000, ..transfer(0, 5 * GWEI, 30) };
    pool.submit_recovered(from(user(0), long)).unwrap();
    // A high limit of gas pays for nothing.
    let boasting = TxEip1559 { gas_limit: 10_000_000, ..transfer(0, 5 * GWEI, 10) };
    pool.submit_recovered(from(user(1), boasting)).unwrap();
    (0..3).for_each(|nonce| send(&pool, user(2), nonce, 5 * GWEI, 20).unwrap());
    send(&pool, user(3), 0, 5 * GWEI, 9).unwrap();
    let by_tip = [(user(0), 0), (user(2), 0), (user(2), 1), (user(2), 2), (user(1), 0), (user(3), 0)];
    assert_eq!(order(&pool), by_tip);
    pool.set_short_of_bytes(true);
    // One of each sender at a time; then what follows.
    let by_byte = [(user(2), 0), (user(1), 0), (user(3), 0), (user(0), 0), (user(2), 1), (user(2), 2)];
    assert_eq!(order(&pool), by_byte);
    let mut best = pool.best();
    assert_eq!(best.next().unwrap().sender(), user(2));
    best.exclude(user(2));
    assert_eq!(best.map(|tx| tx.sender()).collect::<Vec<_>>(), [user(1), user(3), user(0)]);
    pool.set_short_of_bytes(false);
    assert_eq!(order(&pool), by_tip);
}
