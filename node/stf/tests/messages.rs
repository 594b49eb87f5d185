//! What queue messages do in a block: deposits, configuration, and those that nobody should have sent.
#![allow(clippy::unwrap_used)]

mod common;

use alloy_primitives::{Address, Bloom, U256};
use common::{COUNTER_CODE, Chain, Deposit, ETHER, Queue, REVERTING_CODE, sign, transfer};
use stf::{
    config::{GUARANTEE, MAX_BLOCK_GAS_LIMIT, MIN_BLOCK_GAS_LIMIT},
    derive::message_cursor,
    inbox::MessageKind,
};

const COUNTER: Address = Address::repeat_byte(0xc0);
const REVERTING: Address = Address::repeat_byte(0xfd);
const ALICE: Address = Address::repeat_byte(0xa1);

fn chain() -> Chain {
    Chain::new(&[(COUNTER, COUNTER_CODE), (REVERTING, REVERTING_CODE)])
}

#[test]
fn gas_limit_messages_are_clamped_and_the_last_one_counts() {
    for (limits, expected) in [
        (&[40_000_000u64][..], 40_000_000),
        (&[40_000_000, 50_000_000], 50_000_000),
        (&[0], MIN_BLOCK_GAS_LIMIT),
        (&[MIN_BLOCK_GAS_LIMIT - 1], MIN_BLOCK_GAS_LIMIT),
        (&[u64::MAX], MAX_BLOCK_GAS_LIMIT),
    ] {
        let mut chain = chain();
        let mut queue = Queue::default();
        limits.iter().for_each(|limit| queue.config(0, U256::from(*limit)));
        assert_eq!(chain.advance(&queue.messages, &[]).block.header.gas_limit, expected, "{limits:?}");
        assert_eq!(chain.advance(&[], &[]).block.header.gas_limit, expected, "and stays");
    }
}

#[test]
fn deposits_mint_whether_they_succeed_or_not() {
    let one = ETHER;
    for (name, deposit, succeeds) in [
        ("transfer", Deposit { value: one, ..Deposit::default() }, true),
        ("revert", Deposit { to: Some(REVERTING), value: one, ..Deposit::default() }, false),
        ("value over balance", Deposit { value: one * U256::from(9), ..Deposit::default() }, false),
        ("greatest value", Deposit { value: U256::MAX, ..Deposit::default() }, false),
        ("no gas", Deposit { gas_limit: 0, ..Deposit::default() }, false),
        ("too little gas", Deposit { gas_limit: 20_999, ..Deposit::default() }, false),
        ("creation that fails", Deposit { to: None, input: vec![0xfe], ..Deposit::default() }, false),
        ("creation", Deposit { to: None, input: vec![0x00], ..Deposit::default() }, true),
    ] {
        let mut chain = chain();
        let mut queue = Queue::default();
        queue.deposit(ALICE, Deposit { mint: one * U256::from(2), ..deposit.clone() });
        let built = chain.advance(&queue.messages, &[]);
        assert_eq!(built.block.receipts.len(), 2, "{name}");
        let receipt = built.block.receipts[1].as_deposit_receipt().unwrap();
        assert_eq!(receipt.inner.status.coerce_status(), succeeds, "{name}");
        assert_eq!((receipt.deposit_nonce, receipt.deposit_receipt_version), (Some(0), Some(1)), "{name}");
        let moved = if succeeds { deposit.value } else { U256::ZERO };
        assert_eq!(chain.balance(ALICE), one * U256::from(2) - moved, "{name}");
        assert_eq!(chain.account(ALICE).nonce, 1, "{name}");
    }
}

#[test]
fn the_greatest_mint_is_what_a_deposit_transaction_can_carry() {
    let mut chain = chain();
    let mut queue = Queue::default();
    for _ in 0..3 {
        queue.deposit(ALICE, Deposit { mint: U256::MAX, ..Deposit::default() });
    }
    chain.advance(&queue.messages, &[]);
    assert_eq!(chain.balance(ALICE), U256::from(u128::MAX) * U256::from(3));
}

#[test]
fn hostile_messages_mean_nothing_and_fail_nothing() {
    let mut chain = chain();
    let plain = chain.build(&[], &[]).block;
    let mut queue = Queue::default();
    let good = Deposit { mint: ETHER, ..Deposit::default() };
    for data in [vec![], vec![0; 92], vec![0xff; 93], vec![2; 200]] {
        queue.push(MessageKind::Deposit, ALICE, data);
    }
    queue.deposit(ALICE, Deposit { gas_limit: GUARANTEE + 1, ..good.clone() });
    queue.deposit(ALICE, Deposit { gas_limit: u64::MAX, ..good.clone() });
    queue.deposit_counted(ALICE, 99_999, good.clone());
    queue.deposit_counted(ALICE, 0, good.clone());
    for data in [vec![], vec![0; 32], vec![0; 34], vec![5; 33], vec![0xff; 33], vec![0; 5_000]] {
        queue.push(MessageKind::Config, ALICE, data);
    }
    let built = chain.build(&queue.messages, &[]);
    assert_eq!(built.block.transactions.len(), 1, "none of them is a transaction");
    assert_eq!(built.block.header.state_root, plain.header.state_root);
    assert_eq!(built.block.header.gas_limit, plain.header.gas_limit);
    assert_eq!(message_cursor(&built.block.header), Some(queue.messages.len() as u64));

    // Data behind a report's header, and a good deposit after all that.
    queue.push(MessageKind::L1Info, ALICE, vec![0xff; 100]);
    queue.deposit(ALICE, good);
    let built = chain.advance(&queue.messages, &[]);
    assert_eq!(built.block.transactions.len(), 2);
    assert_eq!(chain.balance(ALICE), ETHER);
}

#[test]
fn extreme_reports_and_fees_fail_nothing() {
    let mut chain = chain();
    let mut queue = Queue::default();
    queue.config(1, U256::MAX);
    queue.config(2, U256::MAX);
    queue.info();
    let header = &mut queue.messages[2].header;
    (header.l1_block_number, header.l1_timestamp) = (u64::MAX, u64::MAX);
    (header.base_fee, header.blob_base_fee) = (U256::MAX, U256::MAX);
    let built = chain.advance(&queue.messages, &[sign(1, transfer(0))]);
    assert!(built.outcomes[0].is_err(), "nobody can pay this");
    assert_eq!(chain.attributes().base_fee, U256::MAX);
    let built = chain.advance(&[], &[sign(1, transfer(0))]);
    assert!(built.outcomes[0].is_err());
}

#[test]
fn deposits_create_contracts_and_call_them() {
    let mut chain = chain();
    let mut queue = Queue::default();
    // Returns the counter's code.
    let mut init = vec![
        0x60,
        COUNTER_CODE.len() as u8,
        0x60,
        12,
        0x60,
        0,
        0x39,
        0x60,
        COUNTER_CODE.len() as u8,
        0x60,
        0,
        0xf3,
    ];
    init.extend_from_slice(COUNTER_CODE);
    queue.deposit(ALICE, Deposit { to: None, input: init, gas_limit: 1_000_000, ..Deposit::default() });
    let created = ALICE.create(0);
    queue.deposit(ALICE, Deposit { to: Some(created), input: vec![7; 40], ..Deposit::default() });
    let built = chain.advance(&queue.messages, &[]);
    assert!(chain.has_code(created));
    assert_eq!(chain.slot(created, U256::ZERO), U256::from(1));
    let logs = built.block.receipts[2].logs();
    assert_eq!((logs.len(), logs[0].address, &logs[0].data.data[..]), (1, created, &[7; 40][..]));
    assert_ne!(built.block.header.logs_bloom, Bloom::ZERO);
}
