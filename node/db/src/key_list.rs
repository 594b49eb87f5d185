//! The keys that a block wrote, by table, each key as what differs from the one before it.

use crate::{
    Error, Result, Table,
    codec::{Fields, put_len},
};

/// The lists in a block's changes, in this order.
pub(crate) const LISTED: [Table; 5] = [
    Table::Accounts,
    Table::Storage,
    Table::AccountNodes,
    Table::StorageNodes,
    Table::Codes,
];

/// Builds a record of [`Table::Changes`].
#[derive(Default)]
pub(crate) struct KeyLists {
    out: Vec<u8>,
    last: Vec<u8>,
    count_at: usize,
    count: usize,
}

impl KeyLists {
    /// Starts the list of the next table.
    pub(crate) fn begin(&mut self) {
        self.last.clear();
        self.count = 0;
        self.count_at = self.out.len();
        put_len(&mut self.out, 0);
    }

    pub(crate) fn push(&mut self, key: &[u8]) {
        let shared = self.last.iter().zip(key).take_while(|(a, b)| a == b).count();
        // Keys are at most as long as `table::Key`, far below 256 bytes.
        self.out
            .extend_from_slice(&[shared as u8, (key.len() - shared) as u8]);
        self.out.extend_from_slice(&key[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        self.count += 1;
    }

    /// Ends the list of a table.
    pub(crate) fn end(&mut self) {
        self.out[self.count_at..self.count_at + 4].copy_from_slice(&(self.count as u32).to_be_bytes());
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.out
    }
}

/// Calls `f` with each table and key of a block's changes.
pub(crate) fn each_key(
    block: u64,
    record: &[u8],
    mut f: impl FnMut(Table, &[u8]) -> Result<()>,
) -> Result<()> {
    let corrupt = || Error::corrupt(Table::Changes, &block.to_be_bytes());
    let mut fields = Fields(record);
    let mut key = Vec::new();
    for table in LISTED {
        key.clear();
        for _ in 0..fields.len().ok_or_else(corrupt)? {
            next_key(&mut fields, &mut key).ok_or_else(corrupt)?;
            f(table, &key)?;
        }
    }
    fields.end().ok_or_else(corrupt)
}

fn next_key(fields: &mut Fields<'_>, key: &mut Vec<u8>) -> Option<()> {
    let shared = usize::from(fields.u8()?);
    let len = usize::from(fields.u8()?);
    if shared > key.len() {
        return None;
    }
    key.truncate(shared);
    key.extend_from_slice(fields.take(len)?);
    Some(())
}
