//! How a run's keys and blocks are packed into the records of `LogIndex`.
//!
//! A record is a row of *pieces*, in the order of keys: key ‖ length (varint) ‖ intervals of blocks. An interval is how many
//! blocks lie before it, doubled, and one more if it has several blocks (varint) ‖ if so, how many follow its second
//! (varint). "Before" counts from the run's first block in a piece, then from the second block after the last interval: the
//! one right after it would have been part of it. A key with many blocks has several pieces.

use crate::codec::{Fields, put_varint};

use super::keys::{KEY_SIZE, LogKey};

/// A record is closed before it grows beyond this: two of them, with their keys, fit a page.
const RECORD_SIZE: usize = 1_880;

/// A piece is closed when it has grown to this, so that one fits a record and a search begins near to where it should.
const PIECE_SIZE: usize = 512;

const _: () = assert!(PIECE_SIZE + 2 * 10 + KEY_SIZE + 2 <= RECORD_SIZE);

/// A record's key within its run: its first piece's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PieceKey {
    pub(super) key: LogKey,
    /// The first block.
    pub(super) block: u64,
}

/// Packs keys with their blocks.
#[derive(Debug)]
pub(super) struct Packer {
    /// The run's first block.
    base: u64,
    closed: Vec<(PieceKey, Vec<u8>)>,
    /// Bytes of all records that were closed.
    bytes: u64,
    record: Vec<u8>,
    /// The first piece of the open record.
    first: PieceKey,
    piece: Vec<u8>,
    /// Of the open piece.
    at: PieceKey,
    /// The last block in the open piece.
    end: u64,
    /// The interval that may still grow.
    open: Option<(LogKey, u64, u64)>,
}

impl Packer {
    pub(super) fn new(base: u64) -> Self {
        let at = PieceKey { key: LogKey(0), block: base };
        let (record, piece, closed) = (Vec::new(), Vec::new(), Vec::new());
        Self { base, closed, bytes: 0, record, first: at, piece, at, end: base, open: None }
    }

    /// Adds blocks of a key. Keys ascend, and for each its blocks.
    pub(super) fn push(&mut self, key: LogKey, from: u64, to: u64) {
        match &mut self.open {
            Some((open, _, end)) if *open == key && from <= *end + 1 => *end = to.max(*end),
            _ => {
                self.close_interval();
                if self.at.key != key || self.piece.len() >= PIECE_SIZE {
                    self.close_piece();
                }
                self.open = Some((key, from, to));
            }
        }
    }

    /// Closes what is open: nothing more comes.
    pub(super) fn finish(&mut self) {
        self.close_interval();
        self.close_piece();
        self.close_record();
    }

    /// How many records are closed.
    pub(super) fn len(&self) -> usize {
        self.closed.len()
    }

    /// Takes some closed records.
    pub(super) fn take(&mut self, count: usize) -> Vec<(PieceKey, Vec<u8>)> {
        self.closed.drain(..count.min(self.closed.len())).collect()
    }

    /// Bytes of all that was packed.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn close_interval(&mut self) {
        let Some((key, from, to)) = self.open.take() else { return };
        let before = if self.piece.is_empty() {
            self.at = PieceKey { key, block: from };
            from - self.base
        } else {
            from - self.end - 2
        };
        put_varint(&mut self.piece, before << 1 | u64::from(to > from));
        if to > from {
            put_varint(&mut self.piece, to - from - 1);
        }
        self.end = to;
    }

    fn close_piece(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        if self.record.len() + KEY_SIZE + 2 + self.piece.len() > RECORD_SIZE {
            self.close_record();
        }
        if self.record.is_empty() {
            self.first = self.at;
        }
        self.record.extend_from_slice(&self.at.key.to_bytes());
        put_varint(&mut self.record, self.piece.len() as u64);
        self.record.append(&mut self.piece);
    }

    fn close_record(&mut self) {
        if !self.record.is_empty() {
            let record = std::mem::replace(&mut self.record, Vec::with_capacity(RECORD_SIZE));
            self.bytes += record.len() as u64;
            self.closed.push((self.first, record));
        }
    }
}

/// Takes a piece off the front of a record.
pub(super) fn piece<'a>(record: &mut Fields<'a>) -> Option<(LogKey, &'a [u8])> {
    let key = LogKey::from_bytes(record.array()?);
    let len = usize::try_from(record.varint()?).ok()?;
    Some((key, record.take(len)?))
}

/// The intervals of a piece of a run that begins at block `base`: first and last block of each. `None` for one that is not as
/// it was written, after which there is no other.
pub(super) fn intervals(piece: &[u8], base: u64) -> impl Iterator<Item = Option<(u64, u64)>> {
    let mut fields = Some(Fields(piece));
    let mut next = base;
    std::iter::from_fn(move || {
        let left = fields.as_mut().filter(|left| left.end().is_none())?;
        let found = interval(left, next);
        match found.and_then(|(_, to)| to.checked_add(2)) {
            Some(after) => next = after,
            None => fields = None,
        }
        Some(found)
    })
}

fn interval(fields: &mut Fields<'_>, next: u64) -> Option<(u64, u64)> {
    let head = fields.varint()?;
    let from = next.checked_add(head >> 1)?;
    let more = if head & 1 == 1 { fields.varint()?.checked_add(1)? } else { 0 };
    Some((from, from.checked_add(more)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn unpack(records: &[(PieceKey, Vec<u8>)], base: u64) -> Vec<(LogKey, u64)> {
        let mut all = Vec::new();
        for (at, record) in records {
            assert!(record.len() <= RECORD_SIZE);
            let mut fields = Fields(record);
            let first = all.len();
            while fields.end().is_none() {
                let (key, bytes) = piece(&mut fields).unwrap();
                for interval in intervals(bytes, base) {
                    let (from, to) = interval.unwrap();
                    all.extend((from..=to).map(|block| (key, block)));
                }
            }
            assert_eq!(all[first], (at.key, at.block));
        }
        all
    }

    #[test]
    fn what_is_packed_comes_back() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| rand::rng().random());
        println!("SEED={seed}");
        let rng = &mut StdRng::seed_from_u64(seed);
        for round in 0..30 {
            let base = rng.random_range(0..1u64 << 40);
            let span = 1 << rng.random_range(0..16);
            let mut pairs = BTreeSet::new();
            for key in 0..rng.random_range(1..40) {
                let key = LogKey(key << rng.random_range(0..40));
                let density = rng.random_range(1..40);
                for block in 0..span {
                    if rng.random_ratio(density, 41) && (round % 2 == 0 || block % 97 < 3) {
                        pairs.insert((key, base + block));
                    }
                }
            }
            let mut packer = Packer::new(base);
            pairs.iter().for_each(|(key, block)| packer.push(*key, *block, *block));
            packer.finish();
            let bytes = packer.bytes();
            let records = packer.take(usize::MAX);
            assert_eq!(bytes, records.iter().map(|(_, record)| record.len() as u64).sum::<u64>());
            assert!(unpack(&records, base).into_iter().eq(pairs));
        }
    }

    #[test]
    fn blocks_without_a_gap_take_no_more_than_two() {
        let mut packer = Packer::new(5);
        (5..100_000).for_each(|block| packer.push(LogKey(1), block, block));
        packer.finish();
        assert!(packer.bytes() < 16, "{}", packer.bytes());
    }

    #[test]
    fn a_piece_that_was_cut_or_leads_beyond_all_numbers_is_an_error() {
        let mut packer = Packer::new(0);
        packer.push(LogKey(1), 1 << 20, 1 << 30);
        packer.finish();
        let record = packer.take(1).remove(0).1;
        for end in 1..record.len() {
            assert!(piece(&mut Fields(&record[..end])).is_none());
        }
        let (_, bytes) = piece(&mut Fields(&record)).unwrap();
        for end in 1..bytes.len() {
            assert_eq!(intervals(&bytes[..end], 0).last(), Some(None));
        }
        assert_eq!(intervals(bytes, u64::MAX).collect::<Vec<_>>(), [None]);
    }
}
