//! Runs of blocks, which are executed ahead of the database, against the same blocks one by one.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use common::{Node, config, sign, user};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{
    chain::{BuildPlan, FeedBlock, ImportOutcome},
    testing,
};
use stf::Transaction;

/// Stores the hashes of the last two blocks at the slot that the input names, and the one after.
const HASHES: &[u8] = &hex!("6001430340 5f3555 6002430340 5f35600101 55 00");
/// Creates, always at the same address, a contract that writes a slot and destroys itself.
const PHOENIX: &[u8] = &hex!("66 6007600555 33ff 5f52 5f60076019 5ff5 50 00");
/// What `PHOENIX` creates.
const ASHES: &[u8] = &hex!("6007600555 33ff");

/// Code that deploys a runtime of less than 256 bytes.
fn deploy(runtime: &[u8]) -> Bytes {
    [&[0x60, runtime.len() as u8][..], &hex!("80 6009 5f39 5ff3"), runtime].concat().into()
}

/// Blocks in which code is deployed and called in the next one, hashes of blocks just built are read, an account with
/// ether becomes a contract that goes at once, and slots are written again and again.
fn blocks(sequencer: &Node, count: usize, rng: &mut StdRng) -> Vec<FeedBlock> {
    let sender = user(0).address();
    let (hashes, phoenix) = (sender.create(0), sender.create(1));
    let ashes = phoenix.create2(B256::ZERO, keccak256(ASHES));
    let mut nonce = 0;
    (0..count)
        .map(|number| {
            let calls: Vec<(TxKind, u64, Bytes)> = match number {
                0 => vec![(TxKind::Create, 0, deploy(HASHES)), (TxKind::Create, 0, deploy(PHOENIX))],
                _ => (0..rng.random_range(0..5))
                    .map(|_| match rng.random_range(0..4) {
                        0 => (TxKind::Call(phoenix), 0, Bytes::new()),
                        1 => (TxKind::Call(ashes), 5, Bytes::new()),
                        2 => (TxKind::Call(Address::random_with(rng)), 1, Bytes::new()),
                        _ => {
                            let slot = U256::from(rng.random_range(0..20u64));
                            (TxKind::Call(hashes), 0, slot.to_be_bytes_vec().into())
                        }
                    })
                    .collect(),
            };
            let transactions: Vec<Transaction> = calls
                .into_iter()
                .map(|(to, value, input)| {
                    nonce += 1;
                    Transaction::recover(sign(0, nonce - 1, to, value, input)).unwrap()
                })
                .collect();
            let plan = BuildPlan { timestamp: 1_000_100, max_messages: 0, message_l1_limit: 0 };
            let (block, ()) = sequencer
                .chain
                .build(plan, |builder| {
                    for transaction in &transactions {
                        builder.execute(transaction).unwrap().unwrap();
                    }
                })
                .unwrap();
            assert!(
                block.receipts.iter().all(|receipt| receipt.as_receipt().unwrap().status.coerce_status())
            );
            testing::feed_block(&sequencer.chain, block.header.number)
        })
        .collect()
}

#[test]
fn a_run_leaves_what_its_blocks_leave_one_by_one() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let config = config();
    let (sequencer, one_by_one, at_once, in_parts) =
        (Node::new(&config), Node::new(&config), Node::new(&config), Node::new(&config));
    // More than are executed ahead at a time.
    let feed = blocks(&sequencer, 150, rng);
    for block in &feed {
        let outcome = one_by_one.chain.import_unsafe(std::slice::from_ref(block)).unwrap();
        assert_eq!(outcome, ImportOutcome::Appended);
    }
    assert_eq!(at_once.chain.import_unsafe(&feed).unwrap(), ImportOutcome::Appended);
    let mut left = &feed[..];
    while !left.is_empty() {
        let (part, rest) = left.split_at(rng.random_range(1..=left.len().min(9)));
        assert_eq!(in_parts.chain.import_unsafe(part).unwrap(), ImportOutcome::Appended);
        left = rest;
    }
    let expected = one_by_one.chain.db().read().unwrap();
    for node in [&at_once, &in_parts] {
        assert_eq!(node.head(), sequencer.head());
        let reader = node.chain.db().read().unwrap();
        for number in 0..=150 {
            assert_eq!(reader.block_hash(number).unwrap(), expected.block_hash(number).unwrap());
            assert_eq!(reader.receipts(number).unwrap(), expected.receipts(number).unwrap());
            let (state, other) = (reader.state_at(number).unwrap(), expected.state_at(number).unwrap());
            let account = keccak256(user(0).address().create(0));
            for slot in 0..20u64 {
                let slot = keccak256(U256::from(slot).to_be_bytes::<32>());
                assert_eq!(state.storage(&account, &slot).unwrap(), other.storage(&account, &slot).unwrap());
                let root = reader.header(number).unwrap().unwrap().state_root;
                let by_trie = stf::StateTrie::new(root).slot(&state, &account, &slot).unwrap();
                assert_eq!(by_trie, other.storage(&account, &slot).unwrap(), "block {number}");
            }
        }
    }
}

#[test]
fn of_a_run_with_a_wrong_block_those_before_it_count() {
    let config = config();
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    let mut feed = blocks(&sequencer, 30, &mut StdRng::seed_from_u64(3));
    let right = std::mem::replace(&mut feed[20].hash, B256::repeat_byte(1));
    let outcome = replica.chain.import_unsafe(&feed).unwrap();
    assert_eq!(outcome, ImportOutcome::Mismatch { expected: B256::repeat_byte(1), found: right });
    assert_eq!(replica.head(), (20, feed[19].hash));
    feed[20].hash = right;
    // The run begins with blocks that are here already.
    assert_eq!(replica.chain.import_unsafe(&feed).unwrap(), ImportOutcome::Appended);
    assert_eq!(replica.head(), sequencer.head());
    // A message that this node has not seen.
    let mut next = feed[29].clone();
    next.number = 31;
    let mut after = next.clone();
    (next.spec.messages, after.number) = (1, 32);
    let outcome = replica.chain.import_unsafe(&[next, after]).unwrap();
    assert_eq!(outcome, ImportOutcome::NeedsMessages { have: 0, need: 1 });
    assert_eq!(replica.head(), sequencer.head());
}
