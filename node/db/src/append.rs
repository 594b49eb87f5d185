//! Adding L2 blocks and taking them away.

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::Encodable;
use signet_libmdbx::WriteFlags;
use stf::StorageChanges;

use crate::{
    BlockRecord, Error, Result, Table, Writer, codec,
    history::{entries, run_of},
    table::Key,
    tx::Raw,
    version::split,
};

impl Writer {
    /// Adds the block after the newest one, with its state.
    pub fn append_block(&mut self, block: &BlockRecord<'_>) -> Result<()> {
        let number = block.header.number;
        let (newest, hash) = self.head()?.ok_or_else(|| not_next(0, number))?;
        if number != newest + 1 {
            return Err(not_next(newest + 1, number));
        }
        let found = block.header.parent_hash;
        if found != hash {
            return Err(Error::NotChild { table: Table::Headers, number, expected: hash, found });
        }
        self.put_state(number, block)?;
        self.put_chain(number, block)
    }

    /// Adds the first block, number zero, with its state, to an empty database.
    pub fn append_genesis(&mut self, block: &BlockRecord<'_>) -> Result<()> {
        let number = block.header.number;
        let next = self.head()?.map_or(0, |(newest, _)| newest + 1);
        if next != 0 || number != 0 {
            return Err(not_next(next, number));
        }
        self.put_state(0, block)?;
        self.put_chain(0, block)
    }

    /// Takes away all blocks above `number`, their state, receipts and lookups. Moves the safe head back with them.
    /// Cannot go below the finalized block, nor below the oldest state.
    pub fn truncate_above(&mut self, number: u64) -> Result<()> {
        let Some((newest, _)) = self.head()?.filter(|(newest, _)| number < *newest) else {
            return Ok(());
        };
        if let Some(finalized) = self.finalized()?.filter(|finalized| number < *finalized) {
            return Err(Error::Finalized { number, finalized });
        }
        let oldest = self.oldest_state()?;
        if number < oldest {
            return Err(Error::NoState { height: number, oldest, newest });
        }
        for block in (number + 1..=newest).rev() {
            self.remove_state(block)?;
            self.remove_chain(block)?;
        }
        if self.safe()?.is_some_and(|safe| safe > number) {
            self.set_safe(number)?;
        }
        tracing::debug!(target: "db", from = newest, to = number, "blocks truncated");
        Ok(())
    }

    /// Everything that the block changed, in the order of `History`: by table, then by key.
    fn put_state(&mut self, number: u64, block: &BlockRecord<'_>) -> Result<()> {
        let changes = block.changes;
        let mut value = Vec::new();

        let mut versions = self.versions(Table::Accounts, number)?;
        for (address, account) in &changes.accounts {
            value.clear();
            if let Some(account) = account {
                codec::put_account(&mut value, account);
            }
            versions.put(address.as_slice(), &value)?;
        }
        versions.finish()?;

        let mut versions = self.versions(Table::Storage, number)?;
        for storage in &changes.storage {
            let wiped = if storage.wiped { self.wiped_slots(storage)? } else { Vec::new() };
            let slots = if storage.wiped { &wiped } else { &storage.slots };
            for (slot, new) in slots {
                value.clear();
                codec::put_uint(&mut value, *new);
                versions.put(Key::slot(&storage.address, slot).as_slice(), &value)?;
            }
        }
        versions.finish()?;

        for table in [Table::AccountNodes, Table::StorageNodes] {
            let mut versions = self.versions(table, number)?;
            for (key, node) in block.nodes.sorted(table) {
                versions.put(key, node)?;
            }
            versions.finish()?;
        }

        let mut codes: Vec<_> = changes.codes.iter().collect();
        codes.sort_unstable();
        let mut versions = self.versions(Table::Codes, number)?;
        for (hash, code) in codes {
            versions.put_once(hash.as_slice(), code)?;
        }
        versions.finish()
    }

    /// The slots that a wiped account sets, and zero for all others that it has.
    fn wiped_slots(&self, storage: &StorageChanges) -> Result<Vec<(B256, U256)>> {
        let mut slots = storage.slots.clone();
        let mut cursor = self.cursor(Table::Storage)?;
        let mut next = cursor.set_range::<Raw<'_>, Raw<'_>>(storage.address.as_slice())?;
        while let Some((key, record)) = next.filter(|(key, _)| key.starts_with(storage.address.as_slice())) {
            let corrupt = || Error::corrupt(Table::Storage, &key);
            let slot = key.get(32..).and_then(codec::only_b256).ok_or_else(corrupt)?;
            let (_, value) = split(&record).ok_or_else(corrupt)?;
            if !value.is_empty() && storage.slots.binary_search_by_key(&slot, |(slot, _)| *slot).is_err() {
                slots.push((slot, U256::ZERO));
            }
            next = cursor.next()?;
        }
        slots.sort_unstable();
        Ok(slots)
    }

    /// Puts back what the newest block replaced.
    fn remove_state(&mut self, number: u64) -> Result<()> {
        loop {
            let last = self.cursor(Table::History)?.last::<Vec<u8>, Vec<u8>>()?;
            let Some((at, run)) = last.filter(|(at, _)| at.starts_with(&number.to_be_bytes())) else {
                return Ok(());
            };
            let corrupt = || Error::corrupt(Table::History, &at);
            let (_, table) = run_of(&at).ok_or_else(corrupt)?;
            for entry in entries(&run) {
                let entry = entry.ok_or_else(corrupt)?;
                match entry.before {
                    None => self.delete(table, &entry.key)?,
                    Some(before) => self.put(table, &entry.key, before)?,
                }
            }
            self.delete(Table::History, &at)?;
        }
    }

    /// Header, body, receipts and lookups.
    fn put_chain(&mut self, number: u64, block: &BlockRecord<'_>) -> Result<()> {
        let hash = block.header.hash();
        let mut record = hash.to_vec();
        block.header.encode(&mut record);
        self.append(Table::Headers, number, &record)?;
        self.put(Table::HeaderNumbers, hash.as_slice(), &number.to_be_bytes())?;

        record.clear();
        codec::put_body(&mut record, block.transactions, block.senders);
        self.append(Table::Bodies, number, &record)?;
        record.clear();
        codec::put_receipts(&mut record, block.receipts);
        self.append(Table::Receipts, number, &record)?;

        let mut lookups: Vec<(&B256, u32)> = block.hashes.iter().zip(0..).collect();
        lookups.sort_unstable();
        let mut cursor = self.cursor(Table::TxLookup)?;
        let mut location = [0; 12];
        location[..8].copy_from_slice(&number.to_be_bytes());
        for (hash, index) in lookups {
            location[8..].copy_from_slice(&index.to_be_bytes());
            cursor.put(hash.as_slice(), &location, WriteFlags::UPSERT)?;
        }
        Ok(())
    }

    fn remove_chain(&mut self, number: u64) -> Result<()> {
        let key = number.to_be_bytes();
        let hash = self.block_hash(number)?.ok_or(Error::NoBlock(number))?;
        self.delete(Table::HeaderNumbers, hash.as_slice())?;
        let mut hashes = Vec::new();
        self.get(Table::Bodies, &key, |body| {
            codec::each_transaction(body, |_, _, raw| hashes.push(keccak256(raw)))
        })?;
        for hash in hashes {
            self.delete(Table::TxLookup, hash.as_slice())?;
        }
        for table in [Table::Headers, Table::Bodies, Table::Receipts] {
            self.delete(table, &key)?;
        }
        Ok(())
    }
}

fn not_next(expected: u64, found: u64) -> Error {
    Error::NotNext { table: Table::Headers, expected, found }
}
