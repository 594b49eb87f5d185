//! Dropping old state, and old blocks.

use crate::{
    Error, Result, Table, Writer,
    history::{entries, run_of},
    tx::number_of,
    version::split,
};

impl Writer {
    /// Drops the state before block `below`, and all that only such state needs. The oldest state moves to `below` at
    /// once; records go some `budget` at a time, so that it can be done in small transactions between others. Returns
    /// whether none is left to drop. Blocks, receipts and lookups stay: [`prune_blocks`](Self::prune_blocks).
    pub fn prune(&mut self, below: u64, budget: usize) -> Result<bool> {
        if self.head()?.is_none_or(|(newest, _)| below > newest) {
            return Err(Error::NoBlock(below));
        }
        let below = below.max(self.oldest_state()?);
        self.set_oldest_state(below)?;
        let mut left = budget;
        while left > 0 {
            let first = self.cursor(Table::History)?.first::<Vec<u8>, Vec<u8>>()?;
            let Some((at, run)) = first else {
                return Ok(true);
            };
            let corrupt = || Error::corrupt(Table::History, &at);
            let (block, table) = run_of(&at).ok_or_else(corrupt)?;
            if block > below {
                return Ok(true);
            }
            for entry in entries(&run) {
                let entry = entry.ok_or_else(corrupt)?;
                if entry.deleted {
                    self.drop_deleted(table, &entry.key, block)?;
                }
                left = left.saturating_sub(1);
            }
            self.delete(Table::History, &at)?;
        }
        Ok(false)
    }

    /// Drops transactions, receipts, lookups and indexed logs of the blocks before `below`, which must be final. They cannot
    /// be asked for any more at once; records go some `budget` at a time. Returns whether none is left to drop. Headers stay,
    /// and so does genesis.
    pub fn prune_blocks(&mut self, below: u64, budget: usize) -> Result<bool> {
        let finalized = self.finalized()?.unwrap_or(0);
        if below > finalized {
            return Err(Error::NotFinal { number: below, finalized });
        }
        let below = below.max(self.oldest_block()?);
        self.set_oldest_block(below)?;
        let mut left = budget;
        while left > 0 {
            // Not genesis: that is where every chain begins, and takes no room.
            let Some((key, _)) = self.seek(Table::Bodies, &1u64.to_be_bytes())? else { return Ok(true) };
            let number = number_of(Table::Bodies, &key)?;
            if number >= below {
                return Ok(true);
            }
            let lookups = self.remove_body(number)?;
            left = left.saturating_sub(lookups + 1);
        }
        Ok(false)
    }

    /// Drops the newest version of a key if it is the deletion that `block` made: nothing is left to be hidden by it.
    fn drop_deleted(&mut self, table: Table, key: &[u8], block: u64) -> Result<()> {
        let still = self.get(table, key, |record| {
            split(record).map(|(version, value)| version.block() == block && value.is_empty())
        })?;
        if still == Some(true) {
            self.delete(table, key)?;
        }
        Ok(())
    }
}
