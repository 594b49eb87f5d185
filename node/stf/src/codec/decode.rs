//! Reading payloads. Nothing is allocated before the bytes that justify it have been seen.

use alloc::vec::Vec;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use core::ops::Range;

use super::{
    BlockSpec, Columns, FLAG_CREATE, FLAG_PARITY, KIND_EIP1559, KIND_MASK, KIND_RAW, MAX_DECOMPRESSED_SIZE,
    MAX_TRANSACTIONS, VALUE_IN_FULL, VERSION, error::DecodeError, inflate::inflate, source::PayloadSource,
};
use crate::inbox::MAX_BLOCKS_PER_BATCH;

/// Decodes a payload. Blocks outside `wanted` (by position in the payload) come without their transactions, which
/// saves the guest the work; whether the payload decodes does not depend on `wanted`.
pub fn decode(
    mut payload: &[u8],
    chain_id: u64,
    wanted: Range<usize>,
) -> Result<Vec<BlockSpec>, DecodeError> {
    let Ok(decoded) = decode_from(&mut payload, chain_id, wanted);
    decoded
}

/// The same, of a payload that is still to be read.
///
/// # Errors
/// The source's; what is wrong with the payload itself is the result inside.
pub fn decode_from<P: PayloadSource>(
    payload: &mut P,
    chain_id: u64,
    wanted: Range<usize>,
) -> Result<Result<Vec<BlockSpec>, DecodeError>, P::Error> {
    let plain = inflate(payload, MAX_DECOMPRESSED_SIZE)?;
    Ok(plain.and_then(|plain| decode_plain(&plain, chain_id, wanted)))
}

/// Decodes what a payload decompresses to.
pub(super) fn decode_plain(
    plain: &[u8],
    chain_id: u64,
    wanted: Range<usize>,
) -> Result<Vec<BlockSpec>, DecodeError> {
    let mut cursor = Cursor(plain);
    match cursor.byte()? {
        VERSION => {}
        found => return Err(DecodeError::Version(found)),
    }
    let blocks = cursor.count()?;
    if blocks as u64 > MAX_BLOCKS_PER_BATCH {
        return Err(DecodeError::Range("block count"));
    }
    let mut specs = Vec::with_capacity(blocks);
    let mut timestamp = 0u64;
    for _ in 0..blocks {
        let zigzag = cursor.u64()?;
        timestamp = timestamp.wrapping_add((zigzag >> 1) ^ (zigzag & 1).wrapping_neg());
        specs.push(BlockSpec { timestamp, ..BlockSpec::default() });
    }
    for spec in &mut specs {
        spec.messages = cursor.u64()?;
    }
    let mut total = 0usize;
    let mut counts = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        let count = cursor.count()?;
        total = total.saturating_add(count);
        counts.push(count);
    }
    if total > MAX_TRANSACTIONS {
        return Err(DecodeError::Range("transaction count"));
    }
    let kinds = cursor.bytes(total)?;
    let mut columns: Table<'_> = read_columns(&mut cursor, kinds, chain_id)?;
    if !cursor.0.is_empty() {
        return Err(DecodeError::TrailingBytes(cursor.0.len() as u64));
    }
    for (index, (spec, count)) in specs.iter_mut().zip(counts).enumerate() {
        if wanted.contains(&index) {
            spec.transactions = columns.by_ref().take(count).collect();
        } else if count > 0 {
            columns.drop_front(count);
        }
    }
    Ok(specs)
}

/// All columns of the transactions; iterating puts one transaction after the other together again.
struct Table<'a> {
    kinds: core::slice::Iter<'a, u8>,
    rows: alloc::vec::IntoIter<Row<'a>>,
    raw: alloc::vec::IntoIter<&'a [u8]>,
    chain_id: u64,
}

#[derive(Default)]
struct Row<'a> {
    nonce: u64,
    gas_limit: u64,
    fee: u128,
    tip: u128,
    to: TxKind,
    value: U256,
    input: &'a [u8],
    r: &'a [u8],
    s: &'a [u8],
}

impl Table<'_> {
    fn drop_front(&mut self, count: usize) {
        let kinds = self.kinds.as_slice();
        let (skipped, rest) = kinds.split_at(count.min(kinds.len()));
        self.kinds = rest.iter();
        let raw = skipped.iter().filter(|kind| **kind == KIND_RAW).count();
        // `nth` drops the rows in front without building transactions of them.
        if let Some(last) = raw.checked_sub(1) {
            self.raw.nth(last);
        }
        if let Some(last) = (skipped.len() - raw).checked_sub(1) {
            self.rows.nth(last);
        }
    }
}

impl Iterator for Table<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let flags = *self.kinds.next()?;
        if flags == KIND_RAW {
            return self.raw.next().map(Bytes::copy_from_slice);
        }
        let row = self.rows.next()?;
        let columns = Columns {
            kind: flags & KIND_MASK,
            parity: flags & FLAG_PARITY != 0,
            nonce: row.nonce,
            gas_limit: row.gas_limit,
            fee: row.fee,
            tip: row.tip,
            to: row.to,
            value: row.value,
            input: Bytes::copy_from_slice(row.input),
            r: U256::from_be_slice(row.r),
            s: U256::from_be_slice(row.s),
        };
        Some(columns.envelope(self.chain_id))
    }
}

fn read_columns<'a>(
    cursor: &mut Cursor<'a>,
    kinds: &'a [u8],
    chain_id: u64,
) -> Result<Table<'a>, DecodeError> {
    let mut flags = Vec::with_capacity(kinds.len());
    for &kind in kinds {
        if kind & !(KIND_MASK | FLAG_PARITY | FLAG_CREATE) != 0
            || (kind & KIND_MASK == KIND_RAW && kind != KIND_RAW)
        {
            return Err(DecodeError::Range("transaction kind"));
        }
        if kind != KIND_RAW {
            flags.push(kind);
        }
    }
    let mut rows = Vec::with_capacity(flags.len());
    for _ in &flags {
        rows.push(Row { nonce: cursor.u64()?, ..Row::default() });
    }
    for row in &mut rows {
        row.gas_limit = cursor.u64()?;
    }
    for row in &mut rows {
        row.fee = cursor.u128()?;
    }
    for (row, kind) in rows.iter_mut().zip(&flags) {
        if kind & KIND_MASK == KIND_EIP1559 {
            row.tip = cursor.u128()?;
        }
    }
    let mut addresses = Vec::new();
    for (row, kind) in rows.iter_mut().zip(&flags) {
        if kind & FLAG_CREATE == 0 {
            row.to = TxKind::Call(cursor.address(&mut addresses)?);
        }
    }
    for row in &mut rows {
        row.value = cursor.value()?;
    }
    let mut lengths = Vec::with_capacity(rows.len());
    for _ in &rows {
        lengths.push(cursor.count()?);
    }
    for row in &mut rows {
        row.r = cursor.bytes(32)?;
    }
    for row in &mut rows {
        row.s = cursor.bytes(32)?;
    }
    for (row, length) in rows.iter_mut().zip(lengths) {
        row.input = cursor.bytes(length)?;
    }
    let raw_count = kinds.len() - flags.len();
    let mut lengths = Vec::with_capacity(raw_count);
    for _ in 0..raw_count {
        lengths.push(cursor.count()?);
    }
    let mut raw = Vec::with_capacity(raw_count);
    for length in lengths {
        raw.push(cursor.bytes(length)?);
    }
    Ok(Table { kinds: kinds.iter(), rows: rows.into_iter(), raw: raw.into_iter(), chain_id })
}

/// The bytes still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(first)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    fn u128(&mut self) -> Result<u128, DecodeError> {
        let mut value = 0u128;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift >= 128 || (bits << shift) >> shift != bits {
                return Err(DecodeError::Range("varint"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.u128()?.try_into().map_err(|_| DecodeError::Range("varint"))
    }

    /// A number of things still to come, each at least a byte long: so it can't exceed what is left.
    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.u64()?).map_err(|_| DecodeError::Truncated)?;
        if count > self.0.len() { Err(DecodeError::Truncated) } else { Ok(count) }
    }

    fn address(&mut self, known: &mut Vec<Address>) -> Result<Address, DecodeError> {
        match self.u64()? {
            0 => {
                let address = Address::from_slice(self.bytes(20)?);
                known.push(address);
                Ok(address)
            }
            k => usize::try_from(k - 1)
                .ok()
                .and_then(|index| known.get(index).copied())
                .ok_or(DecodeError::Range("address index")),
        }
    }

    fn value(&mut self) -> Result<U256, DecodeError> {
        match self.byte()? {
            VALUE_IN_FULL => Ok(U256::from_be_slice(self.bytes(32)?)),
            exponent => {
                let mantissa = U256::from(self.u128()?);
                U256::from(10)
                    .checked_pow(U256::from(exponent))
                    .and_then(|power| mantissa.checked_mul(power))
                    .ok_or(DecodeError::Range("value"))
            }
        }
    }
}
