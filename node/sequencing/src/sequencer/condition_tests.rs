//! Transactions under conditions, as blocks are filled.

#![allow(clippy::unwrap_used)]

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, TxKind, U256, bytes, keccak256},
};
use rollup::{
    chain::{BuildPlan, Chain, ChainEvent},
    testing::{self, transaction, transfer},
};

use super::{FillOutcome, PutOff, SequencerOptions, fill};
use crate::pool::{Pool, PoolOptions, TxCondition};

/// Runtime: adds one to slot 0.
const COUNTER: &[u8] = &[0x5f, 0x54, 0x60, 1, 0x01, 0x5f, 0x55, 0x00];

struct Filled {
    outcome: FillOutcome,
    hashes: Vec<B256>,
}

fn build(chain: &Chain, pool: &Pool) -> Filled {
    let timestamp = chain.heads().unsafe_head.timestamp;
    let plan = BuildPlan { timestamp, max_messages: 0, message_l1_limit: 0 };
    let (mut put_off, options) = (PutOff::default(), SequencerOptions::default());
    let (block, outcome) =
        chain.build(plan, |builder| fill(builder, pool, &mut put_off, &options, usize::MAX)).unwrap();
    pool.apply(&ChainEvent::Block(block.clone()));
    for (tx, _) in &outcome.invalid {
        pool.discard(&tx.hash());
    }
    Filled { outcome, hashes: block.transactions.iter().skip(1).map(|tx| tx.hash()).collect() }
}

fn call(nonce: u64, to: Address, tip: u128) -> TxEip1559 {
    TxEip1559 {
        gas_limit: 100_000,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        value: U256::ZERO,
        ..transfer(nonce)
    }
}

#[test]
fn a_condition_that_a_transaction_before_it_breaks_keeps_a_transaction_out() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(4, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    // PUSH1 length DUP1 PUSH1 9 PUSH0 CODECOPY PUSH0 RETURN
    let init = bytes!("60088060095f395ff3");
    let input = [&init[..], COUNTER].concat().into();
    let create =
        TxEip1559 { gas_limit: 200_000, to: TxKind::Create, value: U256::ZERO, input, ..transfer(0) };
    pool.submit(transaction(0, create)).unwrap();
    build(&chain, &pool);
    let contract = testing::key(0).address().create(0);
    let slot_is = |value: u8| -> TxCondition {
        let value = B256::with_last_byte(value);
        let text = format!(r#"{{"knownAccounts":{{"{contract}":{{"{}":"{value}"}}}}}}"#, B256::ZERO);
        TxCondition::new(serde_json::from_str(&text).unwrap()).unwrap()
    };
    // The one that counts pays more, so it comes first.
    let counting = pool.submit(transaction(1, call(0, contract, 500))).unwrap();
    let late = pool.submit_conditional(transaction(2, call(0, contract, 100)), slot_is(0)).unwrap();
    let follows = pool.submit_conditional(transaction(3, call(0, contract, 50)), slot_is(1)).unwrap();
    let filled = build(&chain, &pool);
    assert_eq!(filled.hashes, [counting, follows]);
    let invalid: Vec<_> =
        filled.outcome.invalid.iter().map(|(tx, why)| (tx.hash(), why.to_string())).collect();
    assert_eq!(invalid.len(), 1);
    assert!(invalid[0].0 == late && invalid[0].1.contains("slot value constraint"), "{invalid:?}");
    assert!(pool.get(&late).is_none());

    // A root is that of the state before the block; a number passes.
    let reader = chain.db().read().unwrap();
    let root = reader.state_at(2).unwrap().account(&keccak256(contract)).unwrap().unwrap().storage_root;
    let condition = |text: &str| TxCondition::new(serde_json::from_str(text).unwrap()).unwrap();
    let root_is = condition(&format!(r#"{{"knownAccounts":{{"{contract}":"{root}"}}}}"#));
    let rooted = pool.submit_conditional(transaction(2, call(0, contract, 100)), root_is.clone()).unwrap();
    assert_eq!(build(&chain, &pool).hashes, [rooted]);
    pool.submit_conditional(transaction(2, call(1, contract, 100)), root_is).unwrap();
    pool.submit_conditional(transaction(3, call(1, contract, 100)), condition(r#"{"blockNumberMax":"0x3"}"#))
        .unwrap();
    let early = pool
        .submit_conditional(transaction(1, call(1, contract, 100)), condition(r#"{"blockNumberMin":"0x5"}"#))
        .unwrap();
    let filled = build(&chain, &pool);
    assert_eq!((filled.hashes, filled.outcome.invalid.len()), (Vec::new(), 2));
    assert_eq!(build(&chain, &pool).hashes, [early], "in its time");
}

#[test]
fn what_comes_back_from_a_dropped_block_has_its_condition() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(2, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let condition = TxCondition::new(serde_json::from_str(r#"{"blockNumberMax":"0x1"}"#).unwrap()).unwrap();
    let hash = pool.submit_conditional(transaction(0, transfer(0)), condition.clone()).unwrap();
    let mut events = chain.subscribe();
    assert_eq!(build(&chain, &pool).hashes, [hash]);
    let Ok(ChainEvent::Block(block)) = events.try_recv() else { panic!("no block") };
    // As if the block were gone: another pool over another chain, which has nothing but genesis.
    let other = tempfile::tempdir().unwrap();
    let empty = testing::open(other.path(), &testing::config(2, 0));
    let pool = Pool::new(&empty, PoolOptions::default()).unwrap();
    pool.submit_conditional(transaction(0, transfer(0)), condition).unwrap();
    pool.discard(&hash);
    let to = empty.heads().unsafe_head;
    pool.apply(&ChainEvent::Reorg { to, dropped: vec![block].into() });
    assert!(pool.get(&hash).unwrap().condition().is_some());
}
