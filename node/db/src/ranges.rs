//! Walking through accounts and slots at a height, and what a block wrote.

use alloy_primitives::{B256, U256};
use trie::Account;

use crate::{
    Error, Result, StateAt, Table, Tx, TxMode, codec,
    codec::Fields,
    history::{entries, run_of},
    raw::Raw,
    table::TableKey,
};

impl<K: TxMode> StateAt<'_, K> {
    /// Calls `f` with every key of the table of accounts from `start` on, and with its account at this height; there is none of
    /// one that came later, or was deleted. It goes on as long as `f` says so.
    pub fn each_account(&self, start: &B256, mut f: impl FnMut(B256, Option<Account>) -> bool) -> Result<()> {
        self.each(Table::Accounts, None, start, codec::account, |key, account| f(key, account.flatten()))
    }

    /// The same with the slots of an account; those that are zero are none.
    pub fn each_slot(
        &self,
        address: &B256,
        start: &B256,
        mut f: impl FnMut(B256, Option<U256>) -> bool,
    ) -> Result<()> {
        self.each(Table::Storage, Some(address), start, codec::uint, |key, value| {
            f(key, value.filter(|value| !value.is_zero()))
        })
    }

    fn each<T>(
        &self,
        table: Table,
        owner: Option<&B256>,
        start: &B256,
        decode: fn(&[u8]) -> Option<T>,
        mut f: impl FnMut(B256, Option<T>) -> bool,
    ) -> Result<()> {
        let prefix = owner.map_or(&[][..], |owner| owner.as_slice());
        let mut cursor = self.tx().cursor(table)?;
        let first = TableKey::new(&[prefix, start.as_slice()]);
        let mut next = cursor.set_range::<Raw<'_>, Raw<'_>>(first.as_slice())?;
        while let Some((at, newest)) = next {
            let Some(key) = at.strip_prefix(prefix) else { break };
            let key = codec::only_b256(key).ok_or_else(|| Error::corrupt(table, &at))?;
            let value = self.tx().version_from(table, &at, newest, self.height(), decode)?;
            if !f(key, value) {
                break;
            }
            next = cursor.next()?;
        }
        Ok(())
    }
}

impl<K: TxMode> Tx<K> {
    /// The hashes of the addresses whose accounts a block wrote, in order; the state before it must be kept. Of genesis there
    /// are none.
    pub fn written_accounts(&self, block: u64) -> Result<Vec<B256>> {
        let Some(before) = block.checked_sub(1) else { return Ok(Vec::new()) };
        self.state_at(before)?;
        let mut written = Vec::new();
        let first = TableKey::new(&[&block.to_be_bytes(), &[Table::Accounts as u8]]);
        let mut cursor = self.cursor(Table::History)?;
        let mut next = cursor.set_range::<Raw<'_>, Raw<'_>>(first.as_slice())?;
        while let Some((at, run)) = next.filter(|(at, _)| run_of(at) == Some((block, Table::Accounts))) {
            for entry in entries(&run) {
                let key = entry.and_then(|entry| Fields(&entry.key).b256());
                written.push(key.ok_or_else(|| Error::corrupt(Table::History, &at))?);
            }
            next = cursor.next()?;
        }
        Ok(written)
    }
}
