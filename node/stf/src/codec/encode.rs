//! Writing payloads: the batcher's side.

use alloy_consensus::Transaction;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Bytes, TxKind, U256};
use brotli::enc::BrotliEncoderParams;
use op_alloy_consensus::OpTxEnvelope;
use std::{collections::HashMap, io};

use super::{
    BlockSpec, Columns, FLAG_CREATE, FLAG_PARITY, KIND_EIP1559, KIND_LEGACY, KIND_LEGACY_UNPROTECTED,
    KIND_RAW, MAX_DECOMPRESSED_SIZE, MAX_TRANSACTIONS, VALUE_IN_FULL, VERSION,
};
use crate::inbox::MAX_BLOCKS_PER_BATCH;

/// Brotli's window: 4 MiB, as much as a payload decompresses to at most.
const WINDOW_BITS: i32 = 22;

/// Why block specs do not make a payload.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// More blocks than a batch may have.
    #[error("{0} blocks, at most {MAX_BLOCKS_PER_BATCH} allowed")]
    TooManyBlocks(usize),
    /// More transactions than a payload may have.
    #[error("{0} transactions, at most {MAX_TRANSACTIONS} allowed")]
    TooManyTransactions(usize),
    /// They would decompress to more than [`MAX_DECOMPRESSED_SIZE`].
    #[error("payload of {0} bytes before compression, at most {MAX_DECOMPRESSED_SIZE} allowed")]
    TooLarge(usize),
    /// The compressor failed.
    #[error("compression failed: {0}")]
    Compression(io::Error),
}

impl From<io::Error> for EncodeError {
    fn from(error: io::Error) -> Self {
        Self::Compression(error)
    }
}

/// Encodes block specs. `quality` is Brotli's, 0 to 11: what is left to compress is small, 9 is a good choice.
pub fn encode(specs: &[BlockSpec], chain_id: u64, quality: u8) -> Result<Vec<u8>, EncodeError> {
    if specs.len() as u64 > MAX_BLOCKS_PER_BATCH {
        return Err(EncodeError::TooManyBlocks(specs.len()));
    }
    let transactions = specs.iter().map(|spec| spec.transactions.len()).sum();
    if transactions > MAX_TRANSACTIONS {
        return Err(EncodeError::TooManyTransactions(transactions));
    }
    let plain = encode_plain(specs, chain_id);
    if plain.len() > MAX_DECOMPRESSED_SIZE {
        return Err(EncodeError::TooLarge(plain.len()));
    }
    let params = BrotliEncoderParams {
        quality: i32::from(quality.min(11)),
        lgwin: WINDOW_BITS,
        size_hint: plain.len(),
        ..BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut plain.as_slice(), &mut out, &params)?;
    Ok(out)
}

pub(super) fn encode_plain(specs: &[BlockSpec], chain_id: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    varint(&mut out, specs.len() as u128);
    let mut previous = 0u64;
    for spec in specs {
        let difference = spec.timestamp.wrapping_sub(previous) as i64;
        varint(&mut out, u128::from(((difference << 1) ^ (difference >> 63)) as u64));
        previous = spec.timestamp;
    }
    for spec in specs {
        varint(&mut out, spec.messages.into());
    }
    for spec in specs {
        varint(&mut out, spec.transactions.len() as u128);
    }
    let mut rows = Vec::new();
    let mut raw = Vec::new();
    for tx in specs.iter().flat_map(|spec| &spec.transactions) {
        match columns(tx, chain_id) {
            Some(row) => {
                let flags = row.kind
                    | if row.parity { FLAG_PARITY } else { 0 }
                    | if row.to.is_create() { FLAG_CREATE } else { 0 };
                out.push(flags);
                rows.push(row);
            }
            None => {
                out.push(KIND_RAW);
                raw.push(tx);
            }
        }
    }
    write_rows(&mut out, &rows);
    for tx in &raw {
        varint(&mut out, tx.len() as u128);
    }
    for tx in &raw {
        out.extend_from_slice(tx);
    }
    out
}

fn write_rows(out: &mut Vec<u8>, rows: &[Columns]) {
    for row in rows {
        varint(out, row.nonce.into());
    }
    for row in rows {
        varint(out, row.gas_limit.into());
    }
    for row in rows {
        varint(out, row.fee);
    }
    for row in rows.iter().filter(|row| row.kind == KIND_EIP1559) {
        varint(out, row.tip);
    }
    let mut known = HashMap::new();
    for row in rows {
        let TxKind::Call(to) = row.to else { continue };
        let next = known.len() as u128 + 1;
        let index = *known.entry(to).or_insert(next);
        if index == next {
            out.push(0);
            out.extend_from_slice(to.as_slice());
        } else {
            varint(out, index);
        }
    }
    for row in rows {
        write_value(out, row.value);
    }
    for row in rows {
        varint(out, row.input.len() as u128);
    }
    for row in rows {
        out.extend_from_slice(&row.r.to_be_bytes::<32>());
    }
    for row in rows {
        out.extend_from_slice(&row.s.to_be_bytes::<32>());
    }
    for row in rows {
        out.extend_from_slice(&row.input);
    }
}

/// The columns of a transaction, if they give it back byte by byte.
fn columns(tx: &Bytes, chain_id: u64) -> Option<Columns> {
    let build = |kind, fee, tip, envelope: &OpTxEnvelope, signature: &alloy_primitives::Signature| Columns {
        kind,
        parity: signature.v(),
        nonce: envelope.nonce(),
        gas_limit: envelope.gas_limit(),
        fee,
        tip,
        to: envelope.kind(),
        value: envelope.value(),
        input: envelope.input().clone(),
        r: signature.r(),
        s: signature.s(),
    };
    let envelope = OpTxEnvelope::decode_2718_exact(tx).ok()?;
    let make = || match &envelope {
        OpTxEnvelope::Legacy(signed) => {
            let kind = match signed.tx().chain_id {
                None => KIND_LEGACY_UNPROTECTED,
                Some(id) if id == chain_id => KIND_LEGACY,
                Some(_) => return None,
            };
            Some(build(kind, signed.tx().gas_price, 0, &envelope, signed.signature()))
        }
        OpTxEnvelope::Eip1559(signed) if signed.tx().access_list.is_empty() => {
            let tx = signed.tx();
            let (fee, tip) = (tx.max_fee_per_gas, tx.max_priority_fee_per_gas);
            (tx.chain_id == chain_id).then(|| build(KIND_EIP1559, fee, tip, &envelope, signed.signature()))
        }
        _ => None,
    };
    (make()?.envelope(chain_id) == *tx).then(make)?
}

fn varint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_value(out: &mut Vec<u8>, value: U256) {
    let ten = U256::from(10);
    let (mut mantissa, mut exponent) = (value, 0u8);
    while !mantissa.is_zero() {
        let (quotient, remainder) = mantissa.div_rem(ten);
        if !remainder.is_zero() {
            break;
        }
        mantissa = quotient;
        exponent += 1;
    }
    match u128::try_from(mantissa) {
        Ok(mantissa) => {
            out.push(exponent);
            varint(out, mantissa);
        }
        Err(_) => {
            out.push(VALUE_IN_FULL);
            out.extend_from_slice(&value.to_be_bytes::<32>());
        }
    }
}
