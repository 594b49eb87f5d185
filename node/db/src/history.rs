//! What each block replaced: `History`.
//!
//! A block replaces versions table by table, in the order of keys, and history takes them in that order. Some dozens of
//! them share one record, a *run*: thousands of small records would cost more to put than all else that a block writes.
//! A run's key is the block, the table, and the first key in it; so the run that holds a key is the last one that does
//! not begin after it.

use crate::{
    Error, Result, Table, Tx, TxMode, Writer,
    codec::{Fields, put_varint},
    engine::WriteFlags,
    raw::Raw,
    table::TableKey,
};

/// A run is closed before it grows beyond this: two of them, with their keys, fit a page, so none needs an overflow
/// page but one that holds a single long record.
const RUN_SIZE: usize = 1_880;

/// Flag of an entry: there was nothing before.
const NEW: u8 = 1;
/// Flag of an entry: the block deleted the key.
const DELETED: u8 = 2;

/// One thing that a block replaced.
pub(crate) struct Replaced<'a> {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// Whether the block deleted it.
    pub(crate) deleted: bool,
    /// The record before, if there was one.
    pub(crate) before: Option<&'a [u8]>,
}

/// The key of a run.
fn run_key(block: u64, table: Table, first: &[u8]) -> TableKey {
    TableKey::new(&[&block.to_be_bytes(), &[table as u8], first])
}

/// Block and table of a run.
pub(crate) fn run_of(key: &[u8]) -> Option<(u64, Table)> {
    let mut fields = Fields(key);
    Some((fields.u64()?, Table::from_number(fields.u8()?)?))
}

/// The entries of a run, in order; `None` for one that is not as it was written, after which there is no other.
pub(crate) fn entries(run: &[u8]) -> impl Iterator<Item = Option<Replaced<'_>>> {
    let mut fields = Some(Fields(run));
    let mut key = Vec::new();
    std::iter::from_fn(move || {
        let left = fields.as_mut().filter(|left| left.end().is_none())?;
        let entry = entry(left, &mut key);
        if entry.is_none() {
            fields = None;
        }
        Some(entry)
    })
}

fn entry<'a>(fields: &mut Fields<'a>, key: &mut Vec<u8>) -> Option<Replaced<'a>> {
    let shared = usize::from(fields.u8()?);
    let rest = usize::from(fields.u8()?);
    if shared > key.len() {
        return None;
    }
    key.truncate(shared);
    key.extend_from_slice(fields.take(rest)?);
    let flags = fields.u8()?;
    let len = usize::try_from(fields.varint()?).ok()?;
    let before = fields.take(len)?;
    let before = (flags & NEW == 0).then_some(before);
    Some(Replaced { key: key.clone(), deleted: flags & DELETED != 0, before })
}

impl<K: TxMode> Tx<K> {
    /// The record of a key that `block`, which wrote it, replaced.
    pub(crate) fn replaced(&self, block: u64, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let at = run_key(block, table, key);
        let missing = || Error::corrupt(Table::History, at.as_slice());
        let mut cursor = self.cursor(Table::History)?;
        let found = match cursor.set_range::<Raw<'_>, Raw<'_>>(at.as_slice())? {
            Some((found, run)) if *found == *at.as_slice() => Some((found, run)),
            Some(_) => cursor.prev::<Raw<'_>, Raw<'_>>()?,
            None => cursor.last::<Raw<'_>, Raw<'_>>()?,
        };
        let (found, run) = found.ok_or_else(missing)?;
        if run_of(&found) != Some((block, table)) {
            return Err(missing());
        }
        for entry in entries(&run) {
            let entry = entry.ok_or_else(missing)?;
            if entry.key == key {
                return Ok(entry.before.map(<[u8]>::to_vec));
            }
        }
        Err(missing())
    }
}

/// Collects what a block replaces into runs: table by table, and in each in the order of keys.
pub(crate) struct BlockHistory {
    block: u64,
    table: Table,
    /// The run that is open.
    run: Vec<u8>,
    first: Vec<u8>,
    last: Vec<u8>,
    closed: Vec<(TableKey, Vec<u8>)>,
}

impl BlockHistory {
    pub(crate) fn new(block: u64) -> Self {
        let (run, first, last, closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { block, table: Table::Accounts, run, first, last, closed }
    }

    /// Adds a key, which comes after those before it, with the record that it had; empty if it had none.
    pub(crate) fn push(&mut self, table: Table, key: &[u8], deleted: bool, before: &[u8]) {
        // Two lengths of a byte, flags, a length of up to ten.
        let full = self.run.len() + key.len() + before.len() + 13 > RUN_SIZE;
        if !self.run.is_empty() && (full || table != self.table) {
            self.close();
        }
        let mut shared = 0;
        if self.run.is_empty() {
            self.table = table;
            self.first.clear();
            self.first.extend_from_slice(key);
        } else {
            shared = self.last.iter().zip(key).take_while(|(a, b)| a == b).count();
        }
        // Keys are far shorter than 256 bytes.
        self.run.extend([shared as u8, (key.len() - shared) as u8]);
        self.run.extend_from_slice(&key[shared..]);
        self.run.push(if before.is_empty() { NEW } else { 0 } | if deleted { DELETED } else { 0 });
        put_varint(&mut self.run, before.len() as u64);
        self.run.extend_from_slice(before);
        self.last.clear();
        self.last.extend_from_slice(key);
    }

    fn close(&mut self) {
        if !self.run.is_empty() {
            let run = std::mem::replace(&mut self.run, Vec::with_capacity(RUN_SIZE));
            self.closed.push((run_key(self.block, self.table, &self.first), run));
        }
    }
}

impl Writer {
    /// Writes what blocks have replaced, in the order of blocks, behind all that is there.
    pub(crate) fn put_history(&self, blocks: impl IntoIterator<Item = BlockHistory>) -> Result<()> {
        let mut cursor = self.cursor(Table::History)?;
        for mut block in blocks {
            block.close();
            for (key, run) in block.closed {
                cursor.put(key.as_slice(), &run, WriteFlags::APPEND)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_anywhere_ends_with_an_error() {
        let mut history = BlockHistory::new(3);
        history.push(Table::Storage, b"abc", false, b"one");
        history.push(Table::Storage, b"abd", true, b"");
        let run = history.run.clone();
        let read: Vec<_> = entries(&run).map(Option::unwrap).collect();
        assert_eq!(read.iter().map(|entry| &entry.key[..]).collect::<Vec<_>>(), [b"abc", b"abd"]);
        assert_eq!((read[0].deleted, read[0].before), (false, Some(&b"one"[..])));
        assert_eq!((read[1].deleted, read[1].before), (true, None));
        let ends: Vec<usize> =
            (0..run.len()).filter(|end| entries(&run[..*end]).all(|e| e.is_some())).collect();
        assert_eq!(ends, [0, 10], "whole entries only");
    }
}
