//! Adding L2 blocks and taking them away.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::Encodable;
use signet_libmdbx::WriteFlags;

use crate::{
    BlockRecord, Error, Result, Table, Writer, codec,
    key_list::{KeyLists, LISTED, each_key},
    table::{Key, VERSION},
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
            return Err(Error::NotChild {
                table: Table::Headers,
                number,
                expected: hash,
                found,
            });
        }
        let mut lists = KeyLists::default();
        self.put_state(number, block, &mut lists)?;
        self.append(Table::Changes, number, lists.as_slice())?;
        self.put_chain(number, block)
    }

    /// Adds the first block, number zero, with its state, to an empty database.
    pub fn append_genesis(&mut self, block: &BlockRecord<'_>) -> Result<()> {
        let number = block.header.number;
        let next = self.head()?.map_or(0, |(newest, _)| newest + 1);
        if next != 0 || number != 0 {
            return Err(not_next(next, number));
        }
        // Genesis is never taken away, and hides nothing: nobody needs to know which keys it wrote.
        self.put_state(0, block, &mut KeyLists::default())?;
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
            return Err(Error::NoState {
                height: number,
                oldest,
                newest,
            });
        }
        for block in (number + 1..=newest).rev() {
            self.remove_block(block)?;
        }
        if self.safe()?.is_some_and(|safe| safe > number) {
            self.set_safe(number)?;
        }
        tracing::debug!(target: "db", from = newest, to = number, "blocks truncated");
        Ok(())
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

    /// Versions of everything that the block changed, table by table in the order of `LISTED`.
    fn put_state(&mut self, number: u64, block: &BlockRecord<'_>, lists: &mut KeyLists) -> Result<()> {
        let changes = block.changes;
        let mut value = Vec::new();

        let mut versions = self.versions(Table::Accounts, number, lists)?;
        for (address, account) in &changes.accounts {
            value.clear();
            if let Some(account) = account {
                codec::put_account(&mut value, account);
            }
            versions.put(address.as_slice(), &value)?;
        }
        versions.end();

        let mut gone = Vec::new();
        for storage in changes.storage.iter().filter(|storage| storage.wiped) {
            gone.push((storage.address, self.live_slots(&storage.address)?));
        }
        let mut versions = self.versions(Table::Storage, number, lists)?;
        for storage in &changes.storage {
            let wiped = gone.iter().find(|(address, _)| *address == storage.address);
            let mut wiped = wiped.map_or(&[][..], |(_, slots)| slots).iter().peekable();
            for (slot, new) in &storage.slots {
                while let Some(wiped) = wiped.next_if(|wiped| *wiped < slot) {
                    versions.put(Key::slot(&storage.address, wiped).as_slice(), &[])?;
                }
                wiped.next_if_eq(&slot);
                value.clear();
                codec::put_uint(&mut value, *new);
                versions.put(Key::slot(&storage.address, slot).as_slice(), &value)?;
            }
            for wiped in wiped {
                versions.put(Key::slot(&storage.address, wiped).as_slice(), &[])?;
            }
        }
        versions.end();

        for table in [Table::AccountNodes, Table::StorageNodes] {
            let mut versions = self.versions(table, number, lists)?;
            for (key, rlp) in block.nodes.sorted(table) {
                versions.put(key, rlp)?;
            }
            versions.end();
        }

        lists.begin();
        for (hash, code) in &changes.codes {
            if self.get_raw(Table::Codes, hash.as_slice())?.is_none() {
                self.put(Table::Codes, hash.as_slice(), code)?;
                lists.push(hash.as_slice());
            }
        }
        lists.end();
        Ok(())
    }

    fn versions<'a>(&'a self, table: Table, number: u64, lists: &'a mut KeyLists) -> Result<Versions<'a>> {
        lists.begin();
        Ok(Versions {
            cursor: self.cursor(table)?,
            version: (!number).to_be_bytes(),
            lists,
        })
    }

    /// The slots of an account that are not zero.
    fn live_slots(&self, address: &B256) -> Result<Vec<B256>> {
        let mut live = Vec::new();
        let mut cursor = self.cursor(Table::Storage)?;
        let mut record = cursor.set_range::<Vec<u8>, Vec<u8>>(address.as_slice())?;
        let mut last = None;
        while let Some((key, value)) = record.take_if(|(key, _)| key.starts_with(address.as_slice())) {
            let slot = key
                .get(32..64)
                .ok_or_else(|| Error::corrupt(Table::Storage, &key))?;
            let slot = B256::from_slice(slot);
            // The first version of a slot is the newest; older ones do not matter.
            if last.replace(slot) != Some(slot) && !value.is_empty() {
                live.push(slot);
            }
            record = cursor.next()?;
        }
        Ok(live)
    }

    /// Undoes [`append_block`](Self::append_block).
    fn remove_block(&mut self, number: u64) -> Result<()> {
        let key = number.to_be_bytes();
        let changes = self
            .get_raw(Table::Changes, &key)?
            .ok_or(Error::NoBlock(number))?
            .into_owned();
        each_key(number, &changes, |table, key| {
            if table == Table::Codes {
                return self.delete(table, key);
            }
            self.delete(table, &[key, &(!number).to_be_bytes()].concat())
        })?;
        let hash = self.block_hash(number)?.ok_or(Error::NoBlock(number))?;
        let mut hashes = Vec::new();
        self.get(Table::Bodies, &key, |body| {
            codec::each_transaction(body, |_, _, raw| hashes.push(keccak256(raw)))
        })?;
        for hash in hashes {
            self.delete(Table::TxLookup, hash.as_slice())?;
        }
        self.delete(Table::HeaderNumbers, hash.as_slice())?;
        for table in [Table::Headers, Table::Bodies, Table::Receipts, Table::Changes] {
            self.delete(table, &key)?;
        }
        Ok(())
    }
}

fn not_next(expected: u64, found: u64) -> Error {
    Error::NotNext {
        table: Table::Headers,
        expected,
        found,
    }
}

/// Puts the versions of one block into one table, and lists their keys.
struct Versions<'a> {
    cursor: signet_libmdbx::Cursor<'a, signet_libmdbx::Rw>,
    version: [u8; VERSION],
    lists: &'a mut KeyLists,
}

impl Versions<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.lists.push(key);
        let mut versioned = Key::new(&[key]);
        versioned.push(&self.version);
        Ok(self.cursor.put(versioned.as_slice(), value, WriteFlags::UPSERT)?)
    }

    fn end(self) {
        self.lists.end();
    }
}

const _: () = assert!(LISTED.len() == 5, "put_state writes five lists");
