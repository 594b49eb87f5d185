//! A reader of what the encoder writes, by the specification and with nothing of the encoder's: what it reads must be the
//! transactions that were encoded, byte by byte.

use std::io::Read;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxLegacy, transaction::SignerRecoverable},
    eips::{
        eip2718::Encodable2718,
        eip2930::{AccessList, AccessListItem},
    },
    primitives::{Address, Signature, TxKind, keccak256},
    rlp::{Decodable, Header},
    signers::{SignerSync, local::PrivateKeySigner},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::bench::workload::{Population, Workload};

const CHAIN: u64 = 42_069;

/// Bytes still to be read.
struct SpanReader<'a>(&'a [u8]);

impl<'a> SpanReader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn number(&mut self) -> u64 {
        let mut value = 0;
        for place in 0.. {
            let byte = self.take(1)[0];
            value += u64::from(byte % 128) * 128u64.pow(place);
            if byte < 128 {
                break;
            }
        }
        value
    }

    fn bits(&mut self, count: usize) -> Vec<bool> {
        let bytes = self.take(count.div_ceil(8));
        (0..count).map(|index| bytes[bytes.len() - 1 - index / 8] / (1 << (index % 8)) % 2 == 1).collect()
    }
}

/// What a span batch says.
#[derive(Debug)]
struct DecodedSpan {
    relative_timestamp: u64,
    origin: u64,
    parent_check: Vec<u8>,
    origin_check: Vec<u8>,
    new_origins: Vec<bool>,
    blocks: Vec<Vec<Bytes>>,
}

fn decompress(channel: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if channel[0] == 1 {
        brotli::Decompressor::new(&channel[1..], 4096).read_to_end(&mut plain).unwrap();
    } else {
        // RFC 1950: the low four bits of the first byte are 8.
        assert_eq!(channel[0] & 15, 8);
        flate2::read::ZlibDecoder::new(channel).read_to_end(&mut plain).unwrap();
    }
    plain
}

fn read(channel: &[u8]) -> DecodedSpan {
    let plain = decompress(channel);
    let mut rest = &plain[..];
    let batch = Bytes::decode(&mut rest).unwrap();
    assert!(rest.is_empty(), "more than one batch");
    assert_eq!(batch[0], 1);
    let mut reader = SpanReader(&batch[1..]);
    let (relative_timestamp, origin) = (reader.number(), reader.number());
    let (parent_check, origin_check) = (reader.take(20).to_vec(), reader.take(20).to_vec());
    let count = reader.number() as usize;
    let new_origins = reader.bits(count);
    let counts: Vec<usize> = (0..count).map(|_| reader.number() as usize).collect();
    let mut all = read_transactions(&mut reader, counts.iter().sum()).into_iter();
    assert!(reader.0.is_empty(), "bytes behind the batch");
    let blocks = counts.into_iter().map(|count| all.by_ref().take(count).collect()).collect();
    DecodedSpan { relative_timestamp, origin, parent_check, origin_check, new_origins, blocks }
}

fn read_transactions(reader: &mut SpanReader<'_>, count: usize) -> Vec<Bytes> {
    let (creations, parities) = (reader.bits(count), reader.bits(count));
    let signatures: Vec<[U256; 2]> =
        (0..count).map(|_| [0; 2].map(|_: u8| U256::from_be_slice(reader.take(32)))).collect();
    let tos: Vec<TxKind> = creations
        .iter()
        .map(|creation| match creation {
            true => TxKind::Create,
            false => TxKind::Call(Address::from_slice(reader.take(20))),
        })
        .collect();
    let datas: Vec<(u8, &[u8])> = (0..count)
        .map(|_| {
            let kind = if reader.0[0] < 0xc0 { reader.take(1)[0] } else { 0 };
            let mut rest = reader.0;
            let header = Header::decode(&mut rest).unwrap();
            assert!(header.list);
            reader.0 = &rest[header.payload_length..];
            (kind, &rest[..header.payload_length])
        })
        .collect();
    let nonces: Vec<u64> = (0..count).map(|_| reader.number()).collect();
    let gases: Vec<u64> = (0..count).map(|_| reader.number()).collect();
    let legacy = datas.iter().filter(|(kind, _)| *kind == 0).count();
    let mut protected = reader.bits(legacy).into_iter();
    let build = |index: usize| {
        let ([r, s], parity) = (signatures[index], parities[index]);
        let signature = Signature::new(r, s, parity);
        let (nonce, gas_limit, to) = (nonces[index], gases[index], tos[index]);
        let (kind, fields) = datas[index];
        let fields = &mut { fields };
        let value = U256::decode(fields).unwrap();
        let price = u128::decode(fields).unwrap();
        let raw: Bytes = match kind {
            0 => {
                let input = Bytes::decode(fields).unwrap();
                let chain_id = protected.next().unwrap().then_some(CHAIN);
                let gas_price = price;
                let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
                tx.into_signed(signature).encoded_2718().into()
            }
            1 => {
                let (input, access_list) =
                    (Bytes::decode(fields).unwrap(), AccessList::decode(fields).unwrap());
                let (chain_id, gas_price) = (CHAIN, price);
                let tx = TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
                tx.into_signed(signature).encoded_2718().into()
            }
            2 => {
                let max_fee_per_gas = u128::decode(fields).unwrap();
                let (input, access_list) =
                    (Bytes::decode(fields).unwrap(), AccessList::decode(fields).unwrap());
                let tx = TxEip1559 {
                    chain_id: CHAIN,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas: price,
                    to,
                    value,
                    access_list,
                    input,
                };
                tx.into_signed(signature).encoded_2718().into()
            }
            kind => panic!("a transaction of type {kind}"),
        };
        assert!(fields.is_empty(), "more fields than its type has");
        raw
    };
    (0..count).map(build).collect()
}

fn signed<T: SignableTransaction<Signature>>(rng: &mut StdRng, tx: T) -> Bytes
where
    alloy::consensus::Signed<T>: Encodable2718,
{
    let signer = PrivateKeySigner::from_bytes(&keccak256(rng.random::<[u8; 8]>())).unwrap();
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}

/// Transactions of each type that a span batch may hold, with and without what is optional.
fn every_type(rng: &mut StdRng) -> Vec<Bytes> {
    let mut all = Vec::new();
    for round in 0..12u64 {
        let to = if round % 3 == 0 { TxKind::Create } else { TxKind::Call(rng.random::<[u8; 20]>().into()) };
        let value = U256::from_be_bytes(rng.random::<[u8; 32]>()) >> (8 * rng.random_range(0..32));
        let input = Bytes::from(vec![rng.random(); rng.random_range(0..300)]);
        let (nonce, gas_limit) = (rng.random::<u64>() >> rng.random_range(0..64), rng.random::<u32>().into());
        let price = rng.random::<u128>() >> rng.random_range(0..128);
        let item =
            AccessListItem { address: Address::repeat_byte(5), storage_keys: vec![B256::repeat_byte(6); 2] };
        let access_list = AccessList(vec![item; round as usize % 4]);
        let chain_id = (round % 2 == 0).then_some(CHAIN);
        let legacy =
            TxLegacy { chain_id, nonce, gas_price: price, gas_limit, to, value, input: input.clone() };
        all.push(signed(rng, legacy));
        let (chain_id, gas_price) = (CHAIN, price);
        let list = TxEip2930 {
            chain_id,
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            access_list: access_list.clone(),
            input: input.clone(),
        };
        all.push(signed(rng, list));
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: price,
            max_priority_fee_per_gas: price / 3,
            to,
            value,
            access_list,
            input,
        };
        all.push(signed(rng, tx));
    }
    all
}

fn span(transactions: &[Bytes], per_block: usize) -> Span<'_> {
    let blocks = transactions
        .chunks(per_block)
        .enumerate()
        .map(|(index, transactions)| SpanBlock { new_origin: index % 5 == 1, transactions });
    let empty = SpanBlock { new_origin: true, transactions: &[] };
    Span {
        relative_timestamp: 123_456_789,
        origin: (20_000_000, keccak256(b"origin")),
        parent: keccak256(b"parent"),
        blocks: blocks.chain([empty]).collect(),
    }
}

#[test]
fn what_is_encoded_reads_back_byte_by_byte() {
    let mut rng = StdRng::seed_from_u64(1);
    let of = |workload, rng: &mut StdRng| Population::new(50, CHAIN).transactions(workload, 300, rng);
    let [transfers, tokens] = [Workload::Transfers, Workload::Erc20].map(|workload| of(workload, &mut rng));
    for transactions in [transfers, tokens, every_type(&mut rng)] {
        let span = span(&transactions, 7);
        for compressor in [Compressor::Zlib, Compressor::Brotli] {
            let found = read(&channel(&span, CHAIN, compressor).unwrap());
            assert_eq!((found.relative_timestamp, found.origin), (span.relative_timestamp, span.origin.0));
            assert_eq!(found.parent_check, span.parent[..20]);
            assert_eq!(found.origin_check, span.origin.1[..20]);
            let new_origins: Vec<bool> = span.blocks.iter().map(|block| block.new_origin).collect();
            assert_eq!(found.new_origins, new_origins);
            let blocks: Vec<&[Bytes]> = span.blocks.iter().map(|block| block.transactions).collect();
            assert_eq!(found.blocks, blocks);
            for (read, raw) in found.blocks.iter().flatten().zip(&transactions) {
                let signer =
                    |raw: &Bytes| TxEnvelope::decode_2718_exact(raw).unwrap().recover_signer().unwrap();
                assert_eq!(signer(read), signer(raw));
            }
        }
    }
}

#[test]
fn transactions_of_other_chains_have_no_place() {
    let transactions =
        Population::new(2, CHAIN + 1).transactions(Workload::Transfers, 1, &mut StdRng::seed_from_u64(1));
    assert!(channel(&span(&transactions, 1), CHAIN, Compressor::Zlib).is_err());
    assert!(channel(&span(&[Bytes::from_static(&[2, 0xc0])], 1), CHAIN, Compressor::Zlib).is_err());
}

#[test]
fn bits_are_an_integer_with_the_first_as_the_lowest() {
    let bits = |bits: &[usize], count: usize| {
        let mut out = Vec::new();
        bitlist(&mut out, (0..count).map(|index| bits.contains(&index)));
        out
    };
    assert_eq!(bits(&[], 0), [0u8; 0]);
    assert_eq!(bits(&[0], 1), [1]);
    assert_eq!(bits(&[0, 7], 8), [0x81]);
    // 256 + 2, in two bytes.
    assert_eq!(bits(&[1, 8], 9), [1, 2]);
}

/// Each blob holds the version byte and one frame; the frames' data is the channel.
#[test]
fn what_is_posted_are_frames_that_fit_blobs() {
    assert_eq!(BLOB_DATA, 130_044);
    for length in [1, 130_020, 130_021, 2 * 130_020, 780_000] {
        let bytes = vec![7; length];
        let frames: Vec<Vec<u8>> = bytes
            .chunks(130_044 - 24)
            .zip(0u16..)
            .map(|(data, number)| {
                let size = (data.len() as u32).to_be_bytes();
                [&[0][..], &[9; 16], &number.to_be_bytes(), &size, data, &[0]].concat()
            })
            .collect();
        assert!(frames.iter().all(|frame| frame.len() <= BLOB_DATA));
        assert_eq!(posted(&bytes), frames.concat().len());
    }
}
