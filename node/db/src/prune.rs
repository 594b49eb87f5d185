//! Dropping old state.

use crate::{Error, Result, Table, Writer, key_list::each_key, table::is_version_of};

impl Writer {
    /// Drops the versions that no state at or above block `below` sees, and with them the states before it. Goes
    /// block by block until about `budget` keys are looked at, so that it can be done in small transactions between
    /// others; returns whether it is finished. Blocks, receipts and lookups stay.
    pub fn prune(&mut self, below: u64, budget: usize) -> Result<bool> {
        if self.head()?.is_none_or(|(newest, _)| below > newest) {
            return Err(Error::NoBlock(below));
        }
        let oldest = self.oldest_state()?;
        let mut left = budget;
        for block in oldest + 1..=below {
            if left == 0 {
                return Ok(false);
            }
            left = left.saturating_sub(self.prune_block(block)?);
            self.set_oldest_state(block)?;
        }
        Ok(true)
    }

    /// Drops what this block's versions hide. The blocks before are pruned, so that is at most one version a key.
    fn prune_block(&mut self, block: u64) -> Result<usize> {
        let number = block.to_be_bytes();
        let changes = self
            .get_raw(Table::Changes, &number)?
            .ok_or(Error::NoBlock(block))?
            .into_owned();
        let mut keys = 0;
        each_key(block, &changes, |table, key| {
            keys += 1;
            if table == Table::Codes {
                return Ok(());
            }
            let versioned = [key, &(!block).to_be_bytes()].concat();
            let mut cursor = self.cursor(table)?;
            let value = cursor.set::<Vec<u8>>(&versioned)?;
            let value = value.ok_or_else(|| Error::corrupt(Table::Changes, &number))?;
            let before = cursor.next::<Vec<u8>, ()>()?;
            if before.is_some_and(|(before, ())| is_version_of(key, &before)) {
                cursor.del()?;
            }
            // With nothing before it, a deletion says no more than no record at all.
            if value.is_empty() && cursor.set::<()>(&versioned)?.is_some() {
                cursor.del()?;
            }
            Ok(())
        })?;
        self.delete(Table::Changes, &number)?;
        Ok(keys)
    }
}
