//! What nodes read from L1, from peers and from files.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use rollup::{RollupConfig, chain::FeedBlock, testing};
use sequencing::feed;
use stf::{
    BatchHeader, BlockSpec, Message, MessageHeader, Transaction,
    codec::{MAX_DECOMPRESSED_SIZE, decode, encode},
    derive::block_specs,
    inbox::{DaKind, MessageKind, accumulate, chunk_hash},
    message::{ConfigUpdate, deposit_transaction},
};

use super::{join, split};
use crate::proving::{Catalogue, Kind};

const CHAIN: u64 = testing::CHAIN_ID;
const EVERY: std::ops::Range<usize> = 0..usize::MAX;

/// Some blocks as a batch holds them.
pub(super) fn specs() -> Vec<BlockSpec> {
    let transfers =
        |from, count| (0..count).map(|nonce| testing::transaction(from, testing::transfer(nonce))).collect();
    vec![
        BlockSpec { timestamp: 1_700_000_000, messages: 2, transactions: transfers(0, 3) },
        BlockSpec { timestamp: 1_700_000_000, messages: 0, transactions: Vec::new() },
        BlockSpec { timestamp: 1_700_000_012, messages: 952, transactions: transfers(1, 1) },
        BlockSpec {
            timestamp: u64::MAX,
            messages: u64::MAX,
            transactions: vec![Bytes::from_static(b"no transaction"), Bytes::new()],
        },
    ]
}

/// What decodes must encode, and decode to the same; any number of blocks gets that many specs.
pub(super) fn payload(bytes: &[u8]) -> bool {
    let header = |blocks| BatchHeader {
        da_kind: DaKind::Calldata,
        data_hash: chunk_hash(bytes),
        payload_length: bytes.len() as u64,
        first_block: 1,
        block_count: blocks,
        message_end: 0,
        message_acc: B256::ZERO,
        message_gas_end: 0,
        l1_block_number: 1,
        l1_timestamp: 1,
    };
    let config = testing::chain_config();
    for blocks in [1, 4] {
        assert_eq!(block_specs(&config, &header(blocks), bytes, EVERY).len() as u64, blocks);
    }
    let Ok(specs) = decode(bytes, CHAIN, EVERY) else { return false };
    // The encoder is not the only one that may have written this: another encoding may be too long.
    if let Ok(again) = encode(&specs, CHAIN, 1) {
        assert_eq!(decode(&again, CHAIN, EVERY).as_ref(), Ok(&specs));
    } else {
        let size: usize = specs.iter().flat_map(|spec| &spec.transactions).map(|tx| tx.len()).sum();
        assert!(size + specs.len() > MAX_DECOMPRESSED_SIZE / 16, "a small payload must encode");
    }
    true
}

pub(super) fn payload_seeds() -> Vec<Vec<u8>> {
    let specs = specs();
    let encoded = [0, 5, 11].map(|quality| encode(&specs, CHAIN, quality));
    let empty = encode(&[BlockSpec { timestamp: 0, messages: 0, transactions: Vec::new() }], CHAIN, 9);
    encoded.into_iter().chain([empty]).map(|payload| payload.expect("it fits")).collect()
}

/// What is a transaction keeps its bytes and its hash, and is the same when it is read back from a database.
pub(super) fn transaction(bytes: &[u8]) -> bool {
    let raw = Bytes::copy_from_slice(bytes);
    let Ok(transaction) = Transaction::recover(raw.clone()) else { return false };
    assert_eq!(transaction.encoded(), &raw);
    assert_eq!(transaction.hash(), keccak256(bytes));
    let stored = Transaction::stored(raw, transaction.sender()).expect("it was one before");
    assert_eq!((stored.hash(), stored.sender()), (transaction.hash(), transaction.sender()));
    let _ = (transaction.max_cost(), transaction.to_evm());
    true
}

pub(super) fn transaction_seeds() -> Vec<Vec<u8>> {
    let types = Catalogue::new(CHAIN).and_then(|mut catalogue| catalogue.transactions(Kind::Types));
    types.expect("a catalogue").into_iter().map(Into::into).collect()
}

/// Headers that decode must encode to the same bytes; data of a message is a deposit, a change, or refused.
pub(super) fn inbox(bytes: &[u8]) -> bool {
    let pieces = split(bytes);
    let piece = |index: usize| pieces.get(index).copied().unwrap_or_default();
    let mut valid = 0;
    if let Ok(header) = MessageHeader::decode(piece(0)) {
        valid += 1;
        assert_eq!(header.encode()[..], *piece(0));
        let message = Message { header, data: piece(1).to_vec(), acc: B256::ZERO };
        if let Ok(deposit) = deposit_transaction(&message) {
            let _ = Transaction::deposit(deposit).to_evm();
        }
    }
    let _ = ConfigUpdate::decode(piece(1));
    if let Ok(header) = BatchHeader::decode(piece(2)) {
        valid += 1;
        assert_eq!(header.encode()[..], *piece(2));
        let _ = (header.last_block(), header.contains(header.first_block));
    }
    valid == 2
}

pub(super) fn inbox_seeds() -> Vec<Vec<u8>> {
    let batch = BatchHeader {
        da_kind: DaKind::Calldata,
        data_hash: chunk_hash(&[1, 2, 3]),
        payload_length: 3,
        first_block: 7,
        block_count: 512,
        message_end: 9,
        message_acc: accumulate(B256::ZERO, &[1]),
        message_gas_end: 189_000,
        l1_block_number: 5,
        l1_timestamp: 60,
    };
    let deposit = [
        Address::repeat_byte(9).as_slice(),
        &U256::from(5).to_be_bytes::<32>(),
        &U256::from(4).to_be_bytes::<32>(),
        &100_000u64.to_be_bytes(),
        &[0],
        b"data",
    ]
    .concat();
    let change = [&[1u8][..], &U256::from(40_000_000).to_be_bytes::<32>()].concat();
    let kinds =
        [(MessageKind::Deposit, deposit), (MessageKind::Config, change), (MessageKind::L1Info, Vec::new())];
    let seed = |(kind, data): (MessageKind, Vec<u8>)| {
        let header = MessageHeader {
            kind,
            sender: Address::repeat_byte(1),
            l1_block_number: 5,
            l1_timestamp: 60,
            gas: 100_000,
            gas_end: 189_000,
            base_fee: U256::from(7),
            blob_base_fee: U256::MAX,
            prev_randao: B256::repeat_byte(3),
            data_hash: chunk_hash(&data),
        };
        join([&header.encode()[..], &data, &batch.encode()])
    };
    kinds.into_iter().map(seed).collect()
}

/// A message that decodes is exactly what the sequencer would have written.
pub(super) fn feed(bytes: &[u8]) -> bool {
    let Some(block) = feed::decode(&Bytes::copy_from_slice(bytes)) else { return false };
    assert_eq!(feed::encode(&block).as_deref(), Some(bytes));
    true
}

pub(super) fn feed_seeds() -> Vec<Vec<u8>> {
    let block = |(number, spec)| FeedBlock { number, hash: B256::repeat_byte(4), spec };
    (1..).zip(specs()).map(block).map(|block| feed::encode(&block).expect("it fits")).collect()
}

/// A configuration that is read can be written and read again, and its genesis block computed.
pub(super) fn config(bytes: &[u8]) -> bool {
    let Ok(config) = serde_json::from_slice::<RollupConfig>(bytes) else { return false };
    let _ = config.genesis.block(&mut ());
    let text = serde_json::to_vec(&config).expect("it can be written");
    let again: RollupConfig = serde_json::from_slice(&text).expect("it can be read again");
    assert_eq!(again, config);
    assert_eq!(again.hash(), config.hash());
    true
}

pub(super) fn config_seeds() -> Vec<Vec<u8>> {
    let config = testing::rollup(testing::genesis(2, 1_000_000));
    serde_json::to_vec(&*config).into_iter().collect()
}
