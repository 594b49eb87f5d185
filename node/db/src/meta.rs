//! Heads and cursors.

use crate::{
    Error, L1Cursor, Result, Table, Tx, TxMode, Writer,
    codec::{Fields, only_u64},
};

pub(crate) const SCHEMA: &[u8] = b"schema";
pub(crate) const IDENTITY: &[u8] = b"identity";
const SAFE: &[u8] = b"safe";
const FINALIZED: &[u8] = b"finalized";
const L1_CURSOR: &[u8] = b"l1-cursor";
const OLDEST_STATE: &[u8] = b"oldest-state";
const OLDEST_BLOCK: &[u8] = b"oldest-block";
const LOG_RUN: &[u8] = b"log-run";

impl<K: TxMode> Tx<K> {
    /// Number of the safe head, once set.
    pub fn safe(&self) -> Result<Option<u64>> {
        self.get(Table::Meta, SAFE, only_u64)
    }

    /// Number of the finalized head, once set.
    pub fn finalized(&self) -> Result<Option<u64>> {
        self.get(Table::Meta, FINALIZED, only_u64)
    }

    /// How far L1 has been followed, once set.
    pub fn l1_cursor(&self) -> Result<Option<L1Cursor>> {
        self.get(Table::Meta, L1_CURSOR, |bytes| {
            let mut fields = Fields(bytes);
            let cursor = L1Cursor { number: fields.u64()?, hash: fields.b256()? };
            fields.end().map(|()| cursor)
        })
    }

    /// The oldest height with complete state: [`Writer::prune`] raises it.
    pub fn oldest_state(&self) -> Result<u64> {
        Ok(self.get(Table::Meta, OLDEST_STATE, only_u64)?.unwrap_or(0))
    }

    /// The oldest block, apart from genesis, whose transactions and receipts are kept: [`Writer::prune_blocks`] raises it.
    pub fn oldest_block(&self) -> Result<u64> {
        Ok(self.get(Table::Meta, OLDEST_BLOCK, only_u64)?.unwrap_or(0))
    }

    /// An error if the transactions and receipts of this block are pruned.
    pub fn check_kept(&self, number: u64) -> Result<()> {
        let oldest = self.oldest_block()?;
        if number == 0 || number >= oldest { Ok(()) } else { Err(Error::Pruned { number, oldest }) }
    }
}

impl Writer {
    /// Sets the safe head, which must be a block of the database.
    pub fn set_safe(&mut self, number: u64) -> Result<()> {
        self.set_head(SAFE, number)
    }

    /// Sets the finalized head, which must be a block of the database.
    pub fn set_finalized(&mut self, number: u64) -> Result<()> {
        self.set_head(FINALIZED, number)
    }

    /// Sets how far L1 has been followed.
    pub fn set_l1_cursor(&mut self, cursor: L1Cursor) -> Result<()> {
        let mut value = cursor.number.to_be_bytes().to_vec();
        value.extend_from_slice(cursor.hash.as_slice());
        self.put(Table::Meta, L1_CURSOR, &value)
    }

    pub(crate) fn clear_l1_cursor(&mut self) -> Result<()> {
        self.delete(Table::Meta, L1_CURSOR)
    }

    pub(crate) fn set_oldest_state(&mut self, number: u64) -> Result<()> {
        self.put(Table::Meta, OLDEST_STATE, &number.to_be_bytes())
    }

    /// An id that no run of the log index had before.
    pub(crate) fn new_log_run(&mut self) -> Result<u64> {
        let id = self.get(Table::Meta, LOG_RUN, only_u64)?.unwrap_or(0);
        self.put(Table::Meta, LOG_RUN, &(id + 1).to_be_bytes())?;
        Ok(id)
    }

    pub(crate) fn set_oldest_block(&mut self, number: u64) -> Result<()> {
        self.put(Table::Meta, OLDEST_BLOCK, &number.to_be_bytes())
    }

    fn set_head(&mut self, key: &[u8], number: u64) -> Result<()> {
        if self.last_number(Table::Headers)?.is_none_or(|newest| number > newest) {
            return Err(Error::NoBlock(number));
        }
        self.put(Table::Meta, key, &number.to_be_bytes())
    }
}
