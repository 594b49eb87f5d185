//! The batch payload: block specs, column by column, compressed with Brotli (RFC 7932).
//!
//! A payload is one Brotli stream (window up to 16 MiB, not the large-window extension). Decompressed it holds,
//! with `varint` for LEB128 and lists written one column after the other:
//!
//! ```text
//! version: u8 = 1
//! blocks: varint, at most 4,096 (MAX_BLOCKS_PER_BATCH)
//! timestamp[blocks]: zigzag varint, difference to the spec before (the first: to 0), modulo 2^64
//! messages[blocks]: varint
//! transactions[blocks]: varint                              n = their sum, at most 16,384 (MAX_TRANSACTIONS)
//! kind[n]: u8   bits 0..2: 0 legacy without chain id · 1 legacy · 2 EIP-1559 without access list · 3 raw
//!               bit 2: y parity · bit 3: contract creation · other bits zero; a raw transaction has no flags
//! for the m that are not raw, in order:
//!   nonce[m]: varint · gas[m]: varint · fee[m]: varint · tip[of EIP-1559]: varint
//!   to[of calls]: varint, 0: a new address (20 bytes follow), k: the k-th new address before
//!   value[m]: u8 e, then varint v: the value is v·10^e; e = 255: 32 bytes big-endian
//!   data length[m]: varint
//!   r[m]: 32 bytes · s[m]: 32 bytes
//!   data: bytes
//! raw length[of raw]: varint
//! raw: bytes
//! end
//! ```
//!
//! Columns put alike next to alike, so that what is left of a transfer is little more than its signature. A
//! transaction that these columns would not give back byte by byte travels raw. A chain id is the chain's own.
//!
//! [`decode`] is total: anything else is a [`DecodeError`], and then all blocks of the batch are default blocks.

mod decode;
#[cfg(feature = "std")]
mod encode;
mod error;
mod inflate;
mod source;

use alloc::vec::Vec;
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, Signature, TxKind, U256};

pub use decode::{decode, decode_from};
#[cfg(feature = "std")]
pub use encode::{EncodeError, encode};
pub use error::DecodeError;
pub use source::PayloadSource;

/// Largest decompressed payload in bytes. Five times the largest payload is more than transactions compress by; it
/// bounds what a decompression bomb can cost node and guest.
pub const MAX_DECOMPRESSED_SIZE: usize = 4 << 20;

/// Most transactions of a payload. An honest one holds no more than 12,288, because a signature takes 64 bytes that do
/// not compress; repeated transactions do, and each would cost every node a signature recovery.
pub const MAX_TRANSACTIONS: usize = 16_384;

/// The payload version this code reads and writes.
const VERSION: u8 = 1;

/// The decoder takes what is no other kind for this.
#[cfg(feature = "std")]
const KIND_LEGACY_UNPROTECTED: u8 = 0;
const KIND_LEGACY: u8 = 1;
const KIND_EIP1559: u8 = 2;
const KIND_RAW: u8 = 3;
const KIND_MASK: u8 = 3;
const FLAG_PARITY: u8 = 4;
const FLAG_CREATE: u8 = 8;

/// Exponent byte that announces a value in full.
const VALUE_IN_FULL: u8 = 255;

/// What the sequencer says of one block. Everything in it is a claim: derivation bounds the numbers, and
/// invalid transactions are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockSpec {
    /// Wanted timestamp, in seconds.
    pub timestamp: u64,
    /// Number of queue messages to consume.
    pub messages: u64,
    /// EIP-2718 encoded transactions.
    pub transactions: Vec<Bytes>,
}

/// A transaction that travels in columns.
struct Columns {
    kind: u8,
    parity: bool,
    nonce: u64,
    gas_limit: u64,
    /// Gas price, or the maximum fee of EIP-1559.
    fee: u128,
    /// Maximum priority fee of EIP-1559.
    tip: u128,
    to: TxKind,
    value: U256,
    input: Bytes,
    r: U256,
    s: U256,
}

impl Columns {
    /// The EIP-2718 encoding of the transaction.
    fn envelope(self, chain_id: u64) -> Bytes {
        let signature = Signature::new(self.r, self.s, self.parity);
        let mut out = Vec::with_capacity(128 + self.input.len());
        match self.kind {
            KIND_EIP1559 => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce: self.nonce,
                    gas_limit: self.gas_limit,
                    max_fee_per_gas: self.fee,
                    max_priority_fee_per_gas: self.tip,
                    to: self.to,
                    value: self.value,
                    access_list: Default::default(),
                    input: self.input,
                };
                encode_signed(tx, signature, &mut out);
            }
            kind => {
                let tx = TxLegacy {
                    chain_id: (kind == KIND_LEGACY).then_some(chain_id),
                    nonce: self.nonce,
                    gas_price: self.fee,
                    gas_limit: self.gas_limit,
                    to: self.to,
                    value: self.value,
                    input: self.input,
                };
                encode_signed(tx, signature, &mut out);
            }
        }
        out.into()
    }
}

fn encode_signed<T>(tx: T, signature: Signature, out: &mut Vec<u8>)
where
    T: SignableTransaction<Signature>,
    Signed<T>: Encodable2718,
{
    Signed::new_unhashed(tx, signature).encode_2718(out);
}

#[cfg(all(test, feature = "std"))]
mod tests;
