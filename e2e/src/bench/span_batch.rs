//! The same blocks as an OP Stack chain's batcher would post them: span batches, in channels, in frames, in blobs.
//!
//! Written from the OP Stack's specification (`ethereum-optimism/specs` at
//! `fd72cf797df6778fca67177c5335563bc602757c`): `protocol/delta/span-batches.md`, section "Span batch format";
//! `protocol/derivation.md`, sections "Batcher Transaction Format", "Frame Format" and "Channel Format";
//! `protocol/fjord/derivation.md`, section "Brotli Channel Compression"; `protocol/ecotone/derivation.md`, section
//! "Blob Encoding".
//!
//! What is compressed is one RLP string, `0x01 ‖ prefix ‖ payload`. Where a batcher has a choice, it is the one with
//! the fewest bytes: a channel holds one span batch, nothing is flushed before its end, and each blob holds one frame,
//! as large as fits.

use std::io::Write;

use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{B256, Bytes, U256},
    rlp::{Encodable, encode_list},
};
use anyhow::{Context, Result, bail};
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::ZlibEncoder};

/// Version of a span batch in the batch format.
const BATCH_VERSION: u8 = 1;

/// First byte of a channel that is compressed with Brotli.
const CHANNEL_BROTLI: u8 = 1;

/// The window that op-batcher's Brotli takes by default.
const BROTLI_WINDOW: i32 = 22;

/// What a blob holds, less its version and the data's length.
pub(super) const BLOB_DATA: usize = (4 * 31 + 3) * 1024 - 4;

/// Bytes of a frame besides its data, and the version byte before it.
const FRAME: usize = 1 + 16 + 2 + 4 + 1;

/// Bytes of a hash in the prefix.
const CHECK: usize = 20;

/// A block of a span.
#[derive(Clone, Debug)]
pub(super) struct SpanBlock<'a> {
    /// Whether its L1 origin is another one than that of the block before.
    pub(super) new_origin: bool,
    /// Its transactions, but for deposits.
    pub(super) transactions: &'a [Bytes],
}

/// Blocks that follow one another, a block time apart.
#[derive(Clone, Debug)]
pub(super) struct Span<'a> {
    /// Seconds from the L2 genesis to the first block.
    pub(super) relative_timestamp: u64,
    /// The last block's L1 origin.
    pub(super) origin: (u64, B256),
    /// The hash of the block before.
    pub(super) parent: B256,
    /// The blocks.
    pub(super) blocks: Vec<SpanBlock<'a>>,
}

/// How a channel is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compressor {
    /// op-batcher's "zlib", at its best.
    Zlib,
    /// op-batcher's "brotli-10".
    Brotli,
}

impl Compressor {
    /// Quality of "brotli-10", the best that op-batcher offers but one.
    pub(super) const BROTLI_QUALITY: u8 = 10;

    /// As op-batcher names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Brotli => "brotli-10",
        }
    }
}

/// Bytes that a channel takes in blobs, with its frames.
pub(super) fn posted(channel: &[u8]) -> usize {
    channel.len() + channel.len().div_ceil(BLOB_DATA - FRAME) * FRAME
}

/// The channel of a span, compressed.
pub(super) fn channel(span: &Span<'_>, chain_id: u64, compressor: Compressor) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    batch(span, chain_id)?.as_slice().encode(&mut plain);
    match compressor {
        Compressor::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&plain)?;
            Ok(encoder.finish()?)
        }
        Compressor::Brotli => {
            let params = BrotliEncoderParams {
                quality: i32::from(Compressor::BROTLI_QUALITY),
                lgwin: BROTLI_WINDOW,
                ..BrotliEncoderParams::default()
            };
            let mut out = vec![CHANNEL_BROTLI];
            brotli::BrotliCompress(&mut plain.as_slice(), &mut out, &params)?;
            Ok(out)
        }
    }
}

/// A span as a batch, before it is an RLP string.
fn batch(span: &Span<'_>, chain_id: u64) -> Result<Vec<u8>> {
    let mut out = vec![BATCH_VERSION];
    uvarint(&mut out, span.relative_timestamp);
    uvarint(&mut out, span.origin.0);
    out.extend_from_slice(&span.parent[..CHECK]);
    out.extend_from_slice(&span.origin.1[..CHECK]);
    uvarint(&mut out, span.blocks.len() as u64);
    bitlist(&mut out, span.blocks.iter().map(|block| block.new_origin));
    for block in &span.blocks {
        uvarint(&mut out, block.transactions.len() as u64);
    }
    let decode = |raw: &Bytes| TxEnvelope::decode_2718_exact(raw).context("not a transaction");
    let all = span.blocks.iter().flat_map(|block| block.transactions);
    let all: Vec<TxEnvelope> = all.map(decode).collect::<Result<_>>()?;
    transactions(&mut out, &all, chain_id)?;
    Ok(out)
}

/// The transactions of all blocks, column by column.
fn transactions(out: &mut Vec<u8>, all: &[TxEnvelope], chain_id: u64) -> Result<()> {
    if all.iter().any(|tx| tx.chain_id().is_some_and(|id| id != chain_id)) {
        bail!("a transaction of another chain");
    }
    bitlist(out, all.iter().map(|tx| tx.to().is_none()));
    bitlist(out, all.iter().map(|tx| tx.signature().v()));
    for tx in all {
        out.extend_from_slice(&tx.signature().r().to_be_bytes::<32>());
        out.extend_from_slice(&tx.signature().s().to_be_bytes::<32>());
    }
    for to in all.iter().filter_map(|tx| tx.to()) {
        out.extend_from_slice(to.as_slice());
    }
    for tx in all {
        data(out, tx)?;
    }
    for tx in all {
        uvarint(out, tx.nonce());
    }
    for tx in all {
        uvarint(out, tx.gas_limit());
    }
    // Whether a legacy transaction has a chain id (EIP-155).
    bitlist(out, all.iter().filter(|tx| tx.is_legacy()).map(|tx| tx.chain_id().is_some()));
    Ok(())
}

/// What of a transaction has no fixed length, as RLP behind the type's byte.
fn data(out: &mut Vec<u8>, tx: &TxEnvelope) -> Result<()> {
    match tx {
        TxEnvelope::Legacy(signed) => {
            let tx = signed.tx();
            list(out, &[&tx.value, &U256::from(tx.gas_price), &tx.input]);
        }
        TxEnvelope::Eip2930(signed) => {
            let tx = signed.tx();
            out.push(1);
            list(out, &[&tx.value, &U256::from(tx.gas_price), &tx.input, &tx.access_list]);
        }
        TxEnvelope::Eip1559(signed) => {
            let tx = signed.tx();
            let (tip, fee) = (U256::from(tx.max_priority_fee_per_gas), U256::from(tx.max_fee_per_gas));
            out.push(2);
            list(out, &[&tx.value, &tip, &fee, &tx.input, &tx.access_list]);
        }
        _ => bail!("no peer for transactions of type {}", tx.tx_type()),
    }
    Ok(())
}

fn list(out: &mut Vec<u8>, fields: &[&dyn Encodable]) {
    encode_list::<_, dyn Encodable>(fields, out);
}

fn uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bits as a big-endian integer of as many whole bytes as they take, the first bit its lowest.
fn bitlist(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    let mut bytes = Vec::new();
    for (index, bit) in bits.enumerate() {
        if index % 8 == 0 {
            bytes.push(0);
        }
        bytes[index / 8] |= u8::from(bit) << (index % 8);
    }
    out.extend(bytes.iter().rev());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
