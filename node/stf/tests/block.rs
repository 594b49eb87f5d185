//! Blocks, executed over nothing but trie nodes.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use common::{
    BASE_FEE, COUNTER_CODE, Chain, Deposit, ETHER, GAS_LIMIT, Queue, REVERTING_CODE, address_of, encode,
    sign, transfer,
};
use op_alloy_consensus::TxDeposit;
use stf::{
    BlockError, ExtraData, InvalidTransaction, Transaction,
    inbox::MessageKind,
    message::l1_attributes_source_hash,
    output_root,
    predeploys::{
        BASE_FEE_VAULT, L1_ATTRIBUTES_DEPOSITOR, L1_FEE_VAULT, L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT,
        SEQUENCER_FEE_VAULT,
    },
};

const COUNTER: Address = Address::repeat_byte(0xc0);
const REVERTING: Address = Address::repeat_byte(0xfd);
const ALICE: Address = Address::repeat_byte(0xa1);

fn chain() -> Chain {
    Chain::new(&[(COUNTER, COUNTER_CODE), (REVERTING, REVERTING_CODE)])
}

#[test]
fn the_first_transaction_brings_the_newest_l1_report() {
    let mut chain = chain();
    let mut queue = Queue::default();
    queue.info();
    queue.info();
    let built = chain.advance(&queue.messages, &[]);
    let report = &queue.messages[1].header;
    let attributes = chain.attributes();
    assert_eq!((attributes.number, attributes.timestamp), (report.l1_block_number, report.l1_timestamp));
    assert_eq!((attributes.base_fee, attributes.blob_base_fee), (report.base_fee, report.blob_base_fee));
    assert_eq!((attributes.sequence_number, attributes.base_fee_scalar), (0, 1));
    let [tx] = &built.block.transactions[..] else { panic!("{:?}", built.block.transactions) };
    let deposit = tx.envelope().as_deposit().unwrap();
    assert_eq!((deposit.from, deposit.source_hash), (L1_ATTRIBUTES_DEPOSITOR, l1_attributes_source_hash(1)));

    chain.advance(&[], &[]);
    chain.advance(&[], &[]);
    assert_eq!(chain.attributes().sequence_number, 2, "blocks since the report");
    assert_eq!(chain.attributes().number, report.l1_block_number);
}

#[test]
fn header_fields_follow_the_rules() {
    let mut chain = chain();
    let genesis = chain.header.clone();
    let mut queue = Queue::default();
    queue.info();
    queue.deposit(ALICE, Deposit::default());
    let block = chain.advance(&queue.messages, &[]).block;
    let header = &block.header;
    assert_eq!(
        (header.number, header.parent_hash, header.timestamp),
        (1, genesis.hash_slow(), genesis.timestamp + 1)
    );
    let extra = ExtraData { message_cursor: 2, consumed_gas: queue.gas_end(), excess_gas: 0 };
    assert_eq!(ExtraData::of(header), Some(extra), "the queue index after the block, and what it counts");
    assert_eq!(header.mix_hash, queue.messages[0].header.prev_randao);
    assert_eq!(header.beneficiary, SEQUENCER_FEE_VAULT);
    assert_eq!(header.withdrawals_root, genesis.withdrawals_root);
    assert_eq!(header.base_fee_per_gas, Some(BASE_FEE), "the least");
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    let used = block.receipts.last().map(|receipt| receipt.cumulative_gas_used());
    assert_eq!(Some(header.gas_used), used);
    assert_eq!(block.hash, header.hash_slow());
    let slot = U256::from(0);
    assert_eq!(
        chain.slot(HISTORY_STORAGE_ADDRESS, slot),
        U256::from_be_bytes(genesis.hash_slow().0),
        "EIP-2935"
    );

    // The passer's stand-in counts calls, so a call moves its storage root.
    let call = TxEip1559 {
        to: TxKind::Call(L2_TO_L1_MESSAGE_PASSER),
        value: U256::ZERO,
        gas_limit: 100_000,
        ..transfer(0)
    };
    let next = chain.advance(&[], &[sign(1, call)]).block;
    assert_ne!(next.header.withdrawals_root, header.withdrawals_root);
    assert_eq!(next.header.extra_data, header.extra_data);
    assert_eq!(next.header.mix_hash, header.mix_hash, "as long as no report comes");
    assert_eq!(chain.slot(HISTORY_STORAGE_ADDRESS, U256::from(1)), U256::from_be_bytes(block.hash.0));
    let outputs = [output_root(header, block.hash), output_root(&next.header, next.hash)];
    assert_ne!(outputs[0], outputs[1]);
}

/// Candidates that cannot be in a block, whatever their content.
fn unfit() -> Vec<(&'static str, Result<Transaction, InvalidTransaction>)> {
    let recover = |bytes: Vec<u8>| Transaction::recover(bytes.into());
    let good = encode(1, transfer(0)).to_vec();
    let mut deposit = Vec::new();
    let minting = TxDeposit { from: ALICE, mint: u128::MAX, gas_limit: 100_000, ..TxDeposit::default() };
    minting.encode_2718(&mut deposit);
    let signature = |r: U256, s: U256| {
        let tx = transfer(0).into_signed(Signature::new(r, s, false));
        recover(tx.encoded_2718())
    };
    let half = U256::from_be_slice(&alloy_primitives::hex!(
        "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
    ));
    vec![
        ("nothing", recover(vec![])),
        ("noise", recover(vec![0xc0, 1, 2, 3])),
        ("cut", recover(good[..good.len() - 1].to_vec())),
        ("byte behind", recover([&good[..], &[0]].concat())),
        ("unknown type", recover([&[5], &good[1..]].concat())),
        ("blob", recover([&[3], &good[1..]].concat())),
        ("deposit", recover(deposit)),
        ("zero r", signature(U256::ZERO, U256::from(1))),
        ("great s", signature(U256::from(1), half + U256::from(1))),
        ("great r", signature(U256::MAX, U256::from(1))),
    ]
}

#[test]
fn invalid_transactions_leave_no_trace() {
    for (name, result) in unfit() {
        assert!(result.is_err(), "{name}");
    }
    let chain = chain();
    let poor = 77;
    let skipped = [
        ("nonce too high", sign(1, transfer(2))),
        ("nonce too low", sign(1, transfer(0))),
        ("no balance", sign(poor, transfer(0))),
        ("value over balance", sign(2, TxEip1559 { value: U256::MAX, ..transfer(0) })),
        (
            "fee below base fee",
            sign(2, TxEip1559 { max_fee_per_gas: 5, max_priority_fee_per_gas: 5, ..transfer(0) }),
        ),
        ("tip over fee", sign(2, TxEip1559 { max_priority_fee_per_gas: u128::MAX, ..transfer(0) })),
        ("another chain", sign(2, TxEip1559 { chain_id: 1, ..transfer(0) })),
        ("intrinsic gas", sign(2, TxEip1559 { gas_limit: 20_999, ..transfer(0) })),
        ("floor gas", sign(2, TxEip1559 { gas_limit: 23_000, input: vec![1; 100].into(), ..transfer(0) })),
        ("over the block's gas", sign(2, TxEip1559 { gas_limit: GAS_LIMIT, ..transfer(0) })),
        (
            "greatest gas",
            sign(2, TxEip1559 { gas_limit: u64::MAX, max_fee_per_gas: u128::MAX, ..transfer(0) }),
        ),
        (
            "init code too long",
            sign(
                2,
                TxEip1559 {
                    to: TxKind::Create,
                    gas_limit: 10_000_000,
                    input: vec![0; 49_153].into(),
                    ..transfer(0)
                },
            ),
        ),
        (
            "deposit",
            Transaction::deposit(TxDeposit { mint: u128::MAX, gas_limit: 50_000, ..TxDeposit::default() }),
        ),
    ];
    let good = [
        sign(1, transfer(0)),
        sign(2, TxEip1559 { to: TxKind::Call(COUNTER), gas_limit: 60_000, ..transfer(0) }),
    ];
    let mut queue = Queue::default();
    queue.info();
    queue.deposit(ALICE, Deposit { mint: ETHER, ..Deposit::default() });
    let expected = chain.build(&queue.messages, &good);
    assert!(expected.outcomes.iter().all(Result::is_ok), "{:?}", expected.outcomes);

    for (name, tx) in &skipped {
        let built = chain.build(&queue.messages, &[good[0].clone(), tx.clone(), good[1].clone()]);
        assert!(built.outcomes[1].is_err(), "{name}");
        assert_eq!(built.block.hash, expected.block.hash, "{name}");
    }
    let mut all = vec![good[0].clone()];
    all.extend(skipped.iter().map(|(_, tx)| tx.clone()));
    all.push(good[1].clone());
    all.extend(skipped.iter().map(|(_, tx)| tx.clone()));
    let built = chain.build(&queue.messages, &all);
    assert_eq!(built.block.hash, expected.block.hash);
    assert_eq!(built.block.transactions.len(), 4);
}

#[test]
fn fees_go_to_the_vaults_and_changed_parameters_count_at_once() {
    let mut chain = chain();
    let mut queue = Queue::default();
    queue.config(1, (U256::from(5_000_000) << 32) | U256::from(1_000_000));
    queue.config(2, (U256::from(3) << 64) | U256::from(12_345));
    queue.info();
    let sender = address_of(1);
    let before = chain.balance(sender);
    let built = chain.advance(&queue.messages, &[sign(1, transfer(0))]);
    assert_eq!(built.outcomes, [Ok(())]);
    let base_fee = U256::from(built.block.header.base_fee_per_gas.unwrap());
    let gas = U256::from(21_000);
    let tip = chain.balance(SEQUENCER_FEE_VAULT);
    assert_eq!(tip, gas * U256::from(1_000));
    assert_eq!(chain.balance(BASE_FEE_VAULT), gas * base_fee);
    // Jovian: gas × scalar × 100 + constant.
    let operator = gas * U256::from(300) + U256::from(12_345);
    assert_eq!(chain.balance(OPERATOR_FEE_VAULT), operator);
    // Fjord: the smallest transaction counts 100 bytes; scalars in millionths, sizes too.
    let report = &queue.messages[2].header;
    let price = U256::from(16) * U256::from(5_000_000) * report.base_fee
        + U256::from(1_000_000) * report.blob_base_fee;
    let l1 = U256::from(100_000_000) * price / U256::from(10).pow(U256::from(12));
    assert_eq!(chain.balance(L1_FEE_VAULT), l1);
    let paid = before - chain.balance(sender);
    assert_eq!(paid, U256::from(5) + tip + gas * base_fee + operator + l1);
}

#[test]
fn the_gas_of_the_block_is_what_user_transactions_get() {
    let chain = chain();
    // 32 bytes that burn all they are given.
    let burner = Address::repeat_byte(0xbe);
    let chain_with = Chain::new(&[(burner, &[0xfe]), (COUNTER, COUNTER_CODE), (REVERTING, REVERTING_CODE)]);
    let used = chain.build(&[], &[]).block.header.gas_used;
    let burn = |nonce: u64, gas_limit: u64| {
        let call = TxEip1559 { to: TxKind::Call(burner), value: U256::ZERO, gas_limit, ..transfer(nonce) };
        sign(1, call)
    };
    let rest = GAS_LIMIT - used - 15_000_000;
    let fits = chain_with.build(&[], &[burn(0, 15_000_000), burn(1, rest), sign(2, transfer(0))]);
    assert_eq!(fits.outcomes[..2], [Ok(()), Ok(())]);
    assert!(
        matches!(fits.outcomes[2], Err(InvalidTransaction::BlockGas { limit: 21_000, left: 0 })),
        "{:?}",
        fits.outcomes
    );
    assert_eq!(fits.block.header.gas_used, GAS_LIMIT);
    let over = chain_with.build(&[], &[burn(0, 15_000_000), burn(1, rest + 1), sign(2, transfer(0))]);
    assert!(over.outcomes[1].is_err());
    assert_eq!(over.outcomes[2], Ok(()));
}

/// Some blocks with something of everything.
fn busy(chain: &mut Chain, mut each: impl FnMut(&Chain, &[stf::Message], &[Transaction])) {
    let mut queue = Queue::default();
    for round in 0..8u64 {
        let start = queue.messages.len();
        queue.info();
        queue.deposit(ALICE, Deposit { mint: ETHER, value: U256::from(round), ..Deposit::default() });
        queue.deposit(ALICE, Deposit { to: Some(REVERTING), mint: U256::from(1), ..Deposit::default() });
        queue.push(MessageKind::Deposit, ALICE, vec![1, 2, 3]);
        let to = Address::from_word(keccak256(round.to_be_bytes()));
        let transactions = [
            sign(1, TxEip1559 { to: TxKind::Call(to), ..transfer(2 * round) }),
            sign(1, TxEip1559 { to: TxKind::Call(COUNTER), gas_limit: 80_000, ..transfer(2 * round + 1) }),
            sign(1, transfer(round)),
            // Creates an account that destroys itself in its creation: SELFDESTRUCT(caller).
            sign(
                2,
                TxEip1559 {
                    to: TxKind::Create,
                    gas_limit: 200_000,
                    input: Bytes::from_static(&[0x33, 0xff]),
                    ..transfer(round)
                },
            ),
        ];
        each(chain, &queue.messages[start..], &transactions);
        chain.advance(&queue.messages[start..], &transactions);
    }
    assert_eq!(chain.header.number, 8);
    assert_eq!(chain.cursor(), queue.messages.len() as u64);
    assert_eq!(chain.slot(COUNTER, U256::ZERO), U256::from(8));
}

#[test]
fn the_same_inputs_give_the_same_block_over_the_state_and_over_its_witness() {
    busy(&mut chain(), |chain, messages, transactions| {
        let first = chain.build(messages, transactions);
        let again = chain.build(messages, transactions);
        assert_eq!(first.block.hash, again.block.hash);
        let over_witness = chain.build_on(&first.read, messages, transactions).unwrap();
        assert_eq!(over_witness.block.header, first.block.header);
        assert_eq!(over_witness.block.changes, first.block.changes);
    });
}

/// A witness that lacks a node gives no block, as opposed to another one; and none of its nodes is there for nothing.
#[test]
fn a_lacking_witness_gives_no_block() {
    busy(&mut chain(), |chain, messages, transactions| {
        let read = chain.build(messages, transactions).read;
        for lacking in read.without_each() {
            let result = chain.build_on(&lacking, messages, transactions);
            assert!(matches!(result, Err(BlockError::Database(_))));
        }
    });
}

/// One that runs, one that creates, one that reverts, one that runs out of gas, and one that is not valid.
fn transactions() -> Vec<Transaction> {
    let to = |nonce, to| TxEip1559 { to: TxKind::Call(to), gas_limit: 200_000, ..transfer(nonce) };
    // `jumpdest, push 0, jump`
    let endless = TxEip1559 {
        to: TxKind::Create,
        input: [0x5b, 0x5f, 0x56].into(),
        value: U256::ZERO,
        gas_limit: 3_000_000,
        ..transfer(3)
    };
    let created = TxEip1559 { to: TxKind::Create, value: U256::ZERO, gas_limit: 100_000, ..transfer(4) };
    [transfer(0), to(1, COUNTER), to(2, REVERTING), endless, created, transfer(9)]
        .map(|tx| sign(1, tx))
        .into()
}

#[test]
fn a_block_is_the_same_however_often_it_was_asked_whether_to_stop() {
    let chain = chain();
    let plain = chain.build(&[], &transactions());
    let asked = Arc::new(AtomicU32::new(0));
    let watched = chain
        .build_by(&chain.world, &[], |builder| {
            let count = |asked: Arc<AtomicU32>| move || asked.fetch_add(1, Ordering::Relaxed) == u32::MAX;
            transactions().iter().map(|tx| builder.execute_unless(tx, count(asked.clone()))).collect()
        })
        .unwrap();
    assert_eq!(watched.outcomes, plain.outcomes);
    assert_eq!((watched.block.hash, watched.block.receipts), (plain.block.hash, plain.block.receipts));
    assert!(asked.load(Ordering::Relaxed) > 1000, "{asked:?}");
}

#[test]
fn a_transaction_that_was_stopped_leaves_no_trace() {
    let chain = chain();
    let (all, patient) = (transactions(), [0, 1, 2, 4, 5]);
    let without: Vec<_> = patient.map(|index| all[index].clone()).into();
    let without = chain.build(&[], &without);
    let stopped = chain
        .build_by(&chain.world, &[], |builder| {
            let mut outcomes = Vec::new();
            for (index, tx) in all.iter().enumerate() {
                let mut asked = 0;
                outcomes.push(builder.execute_unless(tx, move || {
                    asked += 1;
                    index == 3 && asked > 500
                })?);
            }
            Ok(outcomes)
        })
        .unwrap();
    assert_eq!(stopped.outcomes[3], Err(InvalidTransaction::Stopped));
    assert_eq!(patient.map(|index| stopped.outcomes[index].clone()).to_vec(), without.outcomes);
    assert_eq!(stopped.block.hash, without.block.hash);
}
