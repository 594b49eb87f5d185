//! The codec gives back what it was given, whatever that is; and refuses everything else.
#![allow(clippy::unwrap_used)]

mod fuzz;
mod size;

use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy, crypto::secp256k1::sign_message,
};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{env, ops::Range};

use super::{
    BlockSpec, DecodeError, MAX_DECOMPRESSED_SIZE, MAX_TRANSACTIONS, decode,
    decode::decode_plain,
    encode,
    encode::{EncodeError, encode_plain},
};
use crate::{Transaction, config::MAX_BLOCK_GAS_LIMIT, inbox::MAX_BLOCKS_PER_BATCH};

const CHAIN_ID: u64 = 42_069;
const ALL: Range<usize> = 0..usize::MAX;

/// A generator that says its seed, which `STF_SEED` sets.
fn generator() -> StdRng {
    let seed = env::var("STF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("STF_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// How often to repeat a test of random cases: this often, times `STF_ROUNDS`.
fn rounds(base: usize) -> usize {
    base * env::var("STF_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// A number whose length is as random as its digits.
fn number(rng: &mut StdRng) -> u64 {
    rng.random::<u64>() >> rng.random_range(0..64)
}

fn value(rng: &mut StdRng) -> U256 {
    match rng.random_range(0..6) {
        0 => U256::ZERO,
        1 => U256::from(number(rng)),
        2 => {
            U256::from(rng.random_range(1..1000u32)) * U256::from(10).pow(U256::from(rng.random_range(0..70)))
        }
        3 => U256::from(u128::MAX) + U256::from(rng.random_range(0..2u8)),
        4 => U256::MAX - U256::from(rng.random_range(0..10u8)),
        _ => U256::from_be_bytes(rng.random::<[u8; 32]>()),
    }
}

fn kind(rng: &mut StdRng) -> TxKind {
    match rng.random_range(0..4) {
        0 => TxKind::Create,
        1 => TxKind::Call(rng.random::<[u8; 20]>().into()),
        _ => TxKind::Call(Address::repeat_byte(rng.random_range(0..8))),
    }
}

fn bytes(rng: &mut StdRng, most: usize) -> Bytes {
    let mut bytes = vec![0; rng.random_range(0..=most)];
    rng.fill(&mut bytes[..]);
    bytes.into()
}

fn access_list(rng: &mut StdRng) -> AccessList {
    let item = |rng: &mut StdRng| AccessListItem {
        address: rng.random::<[u8; 20]>().into(),
        storage_keys: (0..rng.random_range(0..3)).map(|_| B256::from(rng.random::<[u8; 32]>())).collect(),
    };
    AccessList((0..rng.random_range(1..4)).map(|_| item(rng)).collect())
}

/// Signs, mostly: sometimes the signature is any two numbers.
fn signed<T>(rng: &mut StdRng, tx: T) -> Bytes
where
    T: SignableTransaction<Signature>,
    Signed<T>: Encodable2718,
{
    let key = B256::from(rng.random::<[u8; 32]>());
    let signature = match rng.random_range(0..4) {
        0 => Signature::new(value(rng), value(rng), rng.random()),
        _ => sign_message(key, tx.signature_hash()).unwrap_or_else(|_| Signature::test_signature()),
    };
    tx.into_signed(signature).encoded_2718().into()
}

fn eip1559(rng: &mut StdRng) -> TxEip1559 {
    TxEip1559 {
        chain_id: if rng.random_ratio(1, 10) { number(rng) } else { CHAIN_ID },
        nonce: number(rng),
        gas_limit: number(rng),
        max_fee_per_gas: rng.random::<u128>() >> rng.random_range(0..128),
        max_priority_fee_per_gas: rng.random::<u128>() >> rng.random_range(0..128),
        to: kind(rng),
        value: value(rng),
        access_list: if rng.random_ratio(1, 4) { access_list(rng) } else { AccessList::default() },
        input: bytes(rng, 200),
    }
}

/// Any transaction of any type, or bytes that are none.
fn transaction(rng: &mut StdRng) -> Bytes {
    match rng.random_range(0..9) {
        0..=2 => {
            let chain_id = [None, Some(CHAIN_ID), Some(number(rng) >> 2)][rng.random_range(0..3)];
            let tx = TxLegacy {
                chain_id,
                nonce: number(rng),
                gas_price: number(rng).into(),
                gas_limit: number(rng),
                to: kind(rng),
                value: value(rng),
                input: bytes(rng, 200),
            };
            signed(rng, tx)
        }
        3..=4 => {
            let tx = eip1559(rng);
            signed(rng, tx)
        }
        5 => {
            let tx = TxEip2930 {
                chain_id: CHAIN_ID,
                nonce: number(rng),
                gas_price: number(rng).into(),
                gas_limit: number(rng),
                to: kind(rng),
                value: value(rng),
                access_list: access_list(rng),
                input: bytes(rng, 200),
            };
            signed(rng, tx)
        }
        6 => {
            let authorization = Authorization {
                chain_id: U256::from(CHAIN_ID),
                address: Address::repeat_byte(7),
                nonce: number(rng),
            };
            let tx = TxEip7702 {
                chain_id: CHAIN_ID,
                nonce: number(rng),
                gas_limit: number(rng),
                max_fee_per_gas: number(rng).into(),
                max_priority_fee_per_gas: number(rng).into(),
                to: Address::repeat_byte(3),
                value: value(rng),
                access_list: AccessList::default(),
                authorization_list: vec![authorization.into_signed(Signature::test_signature())],
                input: bytes(rng, 50),
            };
            signed(rng, tx)
        }
        7 => bytes(rng, 120),
        _ => {
            // One byte off from a transaction, or cut, or longer.
            let mut near = transaction(rng).to_vec();
            match rng.random_range(0..3) {
                0 => near.push(rng.random()),
                1 => near.truncate(rng.random_range(0..=near.len())),
                _ if near.is_empty() => {}
                _ => {
                    let at = rng.random_range(0..near.len());
                    near[at] ^= 1 << rng.random_range(0..8);
                }
            }
            near.into()
        }
    }
}

fn specs(rng: &mut StdRng, most_blocks: usize, most_transactions: usize) -> Vec<BlockSpec> {
    let mut specs = Vec::new();
    for _ in 0..rng.random_range(0..=most_blocks) {
        let count = rng.random_range(0..=most_transactions);
        specs.push(BlockSpec {
            timestamp: if rng.random() { number(rng) } else { 1_700_000_000 + number(rng) % 100 },
            messages: number(rng),
            transactions: (0..count).map(|_| transaction(rng)).collect(),
        });
    }
    specs
}

#[test]
fn specs_survive_byte_by_byte() {
    let mut rng = generator();
    for round in 0..rounds(2_000) {
        let specs = specs(&mut rng, 6, 12);
        let plain = encode_plain(&specs, CHAIN_ID);
        assert_eq!(decode_plain(&plain, CHAIN_ID, ALL).unwrap(), specs);
        if round % 8 == 0 {
            let payload = encode(&specs, CHAIN_ID, rng.random_range(0..=11)).unwrap();
            assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), specs);
        }
    }
}

#[test]
fn transactions_that_would_be_valid_travel_in_columns() {
    let mut rng = generator();
    for _ in 0..200 {
        let mut tx = eip1559(&mut rng);
        (tx.chain_id, tx.access_list) = (CHAIN_ID, AccessList::default());
        let key = B256::from(rng.random::<[u8; 32]>());
        let signature = sign_message(key, tx.signature_hash()).unwrap();
        let encoded: Bytes = tx.into_signed(signature).encoded_2718().into();
        assert!(Transaction::recover(encoded.clone()).is_ok());
        let plain =
            encode_plain(&[BlockSpec { transactions: vec![encoded], ..BlockSpec::default() }], CHAIN_ID);
        // version, block count, timestamp, messages, transactions, then the kind.
        assert_eq!(plain[5] & 3, 2, "travels raw");
    }
}

#[test]
fn what_is_wanted_decides_only_what_is_built() {
    let mut rng = generator();
    for _ in 0..rounds(2_000) {
        let specs = specs(&mut rng, 6, 8);
        let mut plain = encode_plain(&specs, CHAIN_ID);
        let start = rng.random_range(0..8);
        let wanted = start..start + rng.random_range(0..4);
        let decoded = decode_plain(&plain, CHAIN_ID, wanted.clone()).unwrap();
        assert_eq!(decoded.len(), specs.len());
        for (index, (found, spec)) in decoded.iter().zip(&specs).enumerate() {
            let transactions = if wanted.contains(&index) { &spec.transactions[..] } else { &[] };
            assert_eq!((found.timestamp, found.messages), (spec.timestamp, spec.messages));
            assert_eq!(found.transactions, transactions);
        }
        let at = rng.random_range(0..plain.len());
        plain[at] = rng.random();
        let (all, some) = (decode_plain(&plain, CHAIN_ID, ALL), decode_plain(&plain, CHAIN_ID, wanted));
        assert_eq!(all.as_ref().map(Vec::len), some.as_ref().map(Vec::len));
    }
}

#[test]
fn no_blocks_and_empty_blocks_are_payloads() {
    for specs in
        [vec![], vec![BlockSpec::default(); 3], vec![BlockSpec::default(); MAX_BLOCKS_PER_BATCH as usize]]
    {
        let payload = encode(&specs, CHAIN_ID, 9).unwrap();
        assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), specs);
    }
}

#[test]
fn more_transactions_than_signatures_fit_do_not_decode() {
    let with = |count: usize| {
        [BlockSpec { transactions: vec![Bytes::from_static(&[2]); count], ..BlockSpec::default() }]
    };
    let most = with(MAX_TRANSACTIONS);
    let payload = encode(&most, CHAIN_ID, 9).unwrap();
    assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), most);
    let more = with(MAX_TRANSACTIONS + 1);
    assert!(matches!(encode(&more, CHAIN_ID, 9), Err(EncodeError::TooManyTransactions(_))));
    let plain = encode_plain(&more, CHAIN_ID);
    assert_eq!(decode_plain(&plain, CHAIN_ID, ALL), Err(DecodeError::Range("transaction count")));
}

#[test]
fn the_largest_payload_decodes_and_a_larger_one_does_not() {
    let with = |length: usize| {
        let raw = Bytes::from(vec![3; length]);
        [BlockSpec { transactions: vec![raw], ..BlockSpec::default() }]
    };
    let frame = encode_plain(&with(MAX_DECOMPRESSED_SIZE), CHAIN_ID).len() - MAX_DECOMPRESSED_SIZE;
    let largest = with(MAX_DECOMPRESSED_SIZE - frame);
    for quality in [0, 1, 5, 9, 11] {
        let payload = encode(&largest, CHAIN_ID, quality).unwrap();
        assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), largest);
    }
    let larger = with(MAX_DECOMPRESSED_SIZE - frame + 1);
    assert!(
        matches!(encode(&larger, CHAIN_ID, 9), Err(EncodeError::TooLarge(size)) if size == MAX_DECOMPRESSED_SIZE + 1)
    );
}

#[test]
fn the_chain_id_is_the_chains_own() {
    let mut rng = generator();
    let mut tx = eip1559(&mut rng);
    (tx.chain_id, tx.access_list) = (CHAIN_ID, AccessList::default());
    let specs = [BlockSpec { transactions: vec![signed(&mut rng, tx)], ..BlockSpec::default() }];
    let payload = encode(&specs, CHAIN_ID, 9).unwrap();
    assert_eq!(decode(&payload, CHAIN_ID, ALL).unwrap(), specs);
    assert_ne!(decode(&payload, CHAIN_ID + 1, ALL).unwrap(), specs);
}
