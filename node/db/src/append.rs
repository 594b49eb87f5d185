//! Adding L2 blocks and taking them away.

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::Encodable;
use stf::StorageChanges;

use crate::{
    BlockRecord, Error, Result, Table, Writer, codec,
    engine::WriteFlags,
    history::{BlockHistory, entries, run_of},
    raw::Raw,
    table::TableKey,
    version::split,
};

impl Writer {
    /// Adds the block after the newest one, with its state.
    pub fn append_block(&mut self, block: &BlockRecord<'_>) -> Result<()> {
        self.append_blocks(std::slice::from_ref(block))
    }

    /// Adds the blocks after the newest one, with their states. What several of them write is put once, so this costs
    /// less than one after the other.
    pub fn append_blocks(&mut self, blocks: &[BlockRecord<'_>]) -> Result<()> {
        let Some(first) = blocks.first() else { return Ok(()) };
        let first = first.header.number;
        let (mut newest, mut hash) = self.head()?.ok_or_else(|| not_next(0, first))?;
        for block in blocks {
            let number = block.header.number;
            if number != newest + 1 {
                return Err(not_next(newest + 1, number));
            }
            let found = block.header.parent_hash;
            if found != hash {
                return Err(Error::NotChild { table: Table::Headers, number, expected: hash, found });
            }
            (newest, hash) = (number, block.header.hash());
        }
        // What a wiped account has depends on all blocks before.
        let wipes = |block: &BlockRecord<'_>| block.changes.storage.iter().any(|storage| storage.wiped);
        for blocks in blocks.chunk_by(|a, b| !wipes(a) && !wipes(b)) {
            let first = blocks[0].header.number;
            let mut history = (first..).take(blocks.len()).map(BlockHistory::new).collect::<Vec<_>>();
            self.put_states(first, blocks, &mut history)?;
            self.put_history(history)?;
            for (block, number) in blocks.iter().zip(first..) {
                self.put_chain(number, block)?;
            }
        }
        Ok(())
    }

    /// Adds the first block, number zero, with its state, to an empty database.
    pub fn append_genesis(&mut self, block: &BlockRecord<'_>) -> Result<()> {
        let number = block.header.number;
        let next = self.head()?.map_or(0, |(newest, _)| newest + 1);
        if next != 0 || number != 0 {
            return Err(not_next(next, number));
        }
        self.put_states(0, std::slice::from_ref(block), &mut [])?;
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
        self.drop_log_runs_above(number)?;
        if self.safe()?.is_some_and(|safe| safe > number) {
            self.set_safe(number)?;
        }
        tracing::debug!(target: "db", from = newest, to = number, "blocks truncated");
        Ok(())
    }

    /// Everything that blocks changed, in the order of `History`: by table, then by key.
    fn put_states(&self, first: u64, blocks: &[BlockRecord<'_>], history: &mut [BlockHistory]) -> Result<()> {
        let accounts =
            blocks.iter().map(|block| block.changes.accounts.iter().map(|(key, value)| (key, value)));
        let mut versions = self.versions(Table::Accounts, first, history)?;
        for writes in merge(accounts).chunk_by(same_key) {
            versions.put(writes[0].0.as_slice(), places(writes), |out, account| {
                if let Some(account) = account {
                    codec::put_account(out, account);
                }
            })?;
        }

        let storage =
            blocks.iter().map(|block| block.changes.storage.iter().map(|slots| (slots.address, slots)));
        for owned in merge(storage).chunk_by(same_key) {
            let owner = owned[0].0;
            let wiped = match owned {
                [(_, _, slots)] if slots.wiped => Some(self.wiped_slots(slots)?),
                _ => None,
            };
            let lists =
                owned.iter().map(|(_, place, slots)| (*place, wiped.as_ref().unwrap_or(&slots.slots)));
            let slots =
                merge_at(lists.map(|(place, slots)| (place, slots.iter().map(|(key, value)| (key, *value)))));
            let mut versions = self.versions(Table::Storage, first, history)?;
            for writes in slots.chunk_by(same_key) {
                let key = TableKey::slot(&owner, writes[0].0);
                versions.put(key.as_slice(), places(writes), codec::put_uint)?;
            }
        }

        for table in [Table::AccountNodes, Table::StorageNodes] {
            let nodes = merge(blocks.iter().map(|block| block.nodes.sorted(table)));
            let mut versions = self.versions(table, first, history)?;
            for writes in nodes.chunk_by(same_key) {
                versions.put(writes[0].0, places(writes), Vec::extend_from_slice)?;
            }
        }

        let codes =
            merge(blocks.iter().map(|block| block.changes.codes.iter().map(|(hash, code)| (hash, code))));
        let mut versions = self.versions(Table::Codes, first, history)?;
        codes.iter().try_for_each(|(hash, place, code)| versions.put_once(*place, hash.as_slice(), code))
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
        let hash = self.block_hash(number)?.ok_or(Error::NoBlock(number))?;
        self.delete(Table::HeaderNumbers, hash.as_slice())?;
        self.remove_body(number)?;
        self.delete(Table::Headers, &number.to_be_bytes())
    }

    /// Takes away a block's transactions, receipts and lookups. Returns how many transactions there were.
    pub(crate) fn remove_body(&mut self, number: u64) -> Result<usize> {
        let key = number.to_be_bytes();
        let mut hashes = Vec::new();
        self.get(Table::Bodies, &key, |body| {
            codec::each_transaction(body, |_, _, raw| hashes.push(keccak256(raw)))
        })?;
        // In the order in which they lie.
        hashes.sort_unstable();
        for hash in &hashes {
            self.delete(Table::TxLookup, hash.as_slice())?;
        }
        self.delete(Table::Bodies, &key)?;
        self.delete(Table::Receipts, &key)?;
        Ok(hashes.len())
    }
}

/// Something that a block writes: its key, the block's place in the run, and what it writes.
type Write<K, V> = (K, usize, V);

/// What the blocks of a run write, in the order of keys and then of blocks.
fn merge<K: Ord, V>(blocks: impl Iterator<Item = impl Iterator<Item = (K, V)>>) -> Vec<Write<K, V>> {
    merge_at(blocks.enumerate())
}

/// The same for blocks at these places in the run, which ascend.
fn merge_at<K: Ord, V>(
    blocks: impl Iterator<Item = (usize, impl Iterator<Item = (K, V)>)>,
) -> Vec<Write<K, V>> {
    let mut writes: Vec<Write<K, V>> =
        blocks.flat_map(|(place, block)| block.map(move |(key, value)| (key, place, value))).collect();
    // Each block's are in order already, which this sort makes use of; and it keeps the order of blocks.
    writes.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    writes
}

fn same_key<K: Eq, V>((a, ..): &Write<K, V>, (b, ..): &Write<K, V>) -> bool {
    a == b
}

fn places<K, V: Copy>(writes: &[Write<K, V>]) -> impl Iterator<Item = (usize, V)> {
    writes.iter().map(|(_, place, value)| (*place, *value))
}

fn not_next(expected: u64, found: u64) -> Error {
    Error::NotNext { table: Table::Headers, expected, found }
}
