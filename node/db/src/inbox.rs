//! What was read from L1: its blocks, the messages and the batches.

use std::ops::RangeInclusive;

use alloy_primitives::{B256, Bytes};
use stf::{BatchHeader, blob::BlobData, inbox::DaKind};

use crate::{
    BATCH_HEADER, BatchRecord, DepositAlias, Error, L1BlockRecord, L1Cursor, MessageRecord, Records, Result,
    Table, Tx, TxMode, Writer,
    codec::{Fields, only_b256},
    tx::number_of,
};

impl<K: TxMode> Tx<K> {
    /// An L1 block of the retained window.
    pub fn l1_block(&self, number: u64) -> Result<Option<L1BlockRecord>> {
        self.get(Table::L1Blocks, &number.to_be_bytes(), l1_block)
    }

    /// The L1 blocks of a range, as far as they are retained.
    pub fn l1_blocks(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, L1BlockRecord>> {
        self.records(Table::L1Blocks, range, l1_block)
    }

    /// How many messages there are; also the index of the next.
    pub fn message_count(&self) -> Result<u64> {
        Ok(self.last_number(Table::Messages)?.map_or(0, |last| last + 1))
    }

    /// A message by its index.
    pub fn message(&self, index: u64) -> Result<Option<MessageRecord>> {
        self.get(Table::Messages, &index.to_be_bytes(), message)
    }

    /// The accumulator over the first `count` messages; zero over none. `None`: there are fewer.
    pub fn message_acc(&self, count: u64) -> Result<Option<B256>> {
        let Some(last) = count.checked_sub(1) else { return Ok(Some(B256::ZERO)) };
        self.get(Table::Messages, &last.to_be_bytes(), |record| {
            let mut fields = Fields(record);
            let _l1_block = fields.u64()?;
            fields.b256()
        })
    }

    /// The messages of a range of indices, as far as they exist.
    pub fn messages(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, MessageRecord>> {
        self.records(Table::Messages, range, message)
    }

    /// How many batches there are; also the index of the next.
    pub fn batch_count(&self) -> Result<u64> {
        Ok(self.last_number(Table::Batches)?.map_or(0, |last| last + 1))
    }

    /// A batch by its index.
    pub fn batch(&self, index: u64) -> Result<Option<BatchRecord>> {
        self.get(Table::Batches, &index.to_be_bytes(), batch)
    }

    /// The accumulator after a batch, and its packed header, by its index: without its data.
    pub fn batch_header(&self, index: u64) -> Result<Option<(B256, [u8; BATCH_HEADER])>> {
        self.get(Table::Batches, &index.to_be_bytes(), |record| {
            let mut fields = Fields(record);
            Some((fields.b256()?, fields.array()?))
        })
    }

    /// A batch by its index, without its data.
    pub fn batch_place(&self, index: u64) -> Result<Option<BatchRecord>> {
        self.get(Table::Batches, &index.to_be_bytes(), |record| split_batch(record).map(|(batch, _)| batch))
    }

    /// The last batch that stands in an L1 block up to this one; without its data.
    pub fn last_batch_up_to(&self, l1_block: u64) -> Result<Option<BatchRecord>> {
        // Batches stand in the order of their L1 blocks.
        let (mut low, mut high) = (0, self.batch_count()?);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.batch_place(middle)?.filter(|batch| batch.l1_block <= l1_block) {
                Some(batch) => {
                    found = Some(batch);
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        Ok(found)
    }

    /// A blob of a batch as it was posted, by the batch's index and the blob's place in it. `None`: there is no such batch, or
    /// it has no such blob.
    pub fn blob(&self, batch: u64, place: u64) -> Result<Option<Bytes>> {
        let blob = self.get(Table::Batches, &batch.to_be_bytes(), |record| {
            let (batch, data) = split_batch(record)?;
            let is_in_blobs = BatchHeader::decode(&batch.header).ok()?.da_kind == DaKind::Blobs;
            let data = if is_in_blobs { Some(BlobData::decode(data)?) } else { None };
            let blob = data.and_then(|data| data.blobs.get(usize::try_from(place).ok()?));
            Some(blob.map(|blob| Bytes::copy_from_slice(blob)))
        })?;
        Ok(blob.flatten())
    }

    /// The batches of a range of indices, as far as they exist.
    pub fn batches(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, BatchRecord>> {
        self.records(Table::Batches, range, batch)
    }

    /// The index of the batch that holds an L2 block.
    pub fn batch_of_block(&self, block: u64) -> Result<Option<u64>> {
        let Some((key, value)) = self.seek(Table::BatchByBlock, &block.to_be_bytes())? else {
            return Ok(None);
        };
        let mut fields = Fields(&value);
        let (Some(index), Some(first), Some(())) = (fields.u64(), fields.u64(), fields.end()) else {
            return Err(Error::corrupt(Table::BatchByBlock, &key));
        };
        Ok((first <= block).then_some(index))
    }

    /// The real hash of a deposit's transaction, by the hash that clients compute.
    pub fn deposit_alias(&self, client_hash: &B256) -> Result<Option<B256>> {
        self.get(Table::DepositAlias, client_hash.as_slice(), only_b256)
    }
}

impl Writer {
    /// Stores an L1 block. If the block before is stored, it must be the parent.
    pub fn put_l1_block(&mut self, number: u64, block: &L1BlockRecord) -> Result<()> {
        let before = number.checked_sub(1).map(|before| self.l1_block(before)).transpose()?.flatten();
        if let Some(before) = before.filter(|before| before.hash != block.parent) {
            let (expected, found) = (before.hash, block.parent);
            return Err(Error::NotChild { table: Table::L1Blocks, number, expected, found });
        }
        let record =
            [block.hash.as_slice(), block.parent.as_slice(), &block.timestamp.to_be_bytes()].concat();
        self.put(Table::L1Blocks, &number.to_be_bytes(), &record)
    }

    /// Adds the message with the next index.
    pub fn put_message(&mut self, index: u64, message: &MessageRecord) -> Result<()> {
        check_next(Table::Messages, self.message_count()?, index)?;
        let mut record = Vec::with_capacity(280 + message.data.len());
        record.extend_from_slice(&message.l1_block.to_be_bytes());
        record.extend_from_slice(message.acc.as_slice());
        record.extend_from_slice(&message.header);
        record.push(message.alias.is_some().into());
        if let Some(DepositAlias { client_hash, hash }) = &message.alias {
            record.extend_from_slice(client_hash.as_slice());
            record.extend_from_slice(hash.as_slice());
            self.put(Table::DepositAlias, client_hash.as_slice(), hash.as_slice())?;
        }
        record.extend_from_slice(&message.data);
        self.append(Table::Messages, index, &record)
    }

    /// Adds the batch with the next index.
    pub fn put_batch(&mut self, index: u64, batch: &BatchRecord) -> Result<()> {
        check_next(Table::Batches, self.batch_count()?, index)?;
        let mut record = Vec::with_capacity(240 + batch.data.len());
        record.extend_from_slice(batch.acc.as_slice());
        record.extend_from_slice(&batch.header);
        record.extend_from_slice(&batch.l1_block.to_be_bytes());
        record.extend_from_slice(batch.l1_hash.as_slice());
        record.extend_from_slice(batch.tx_hash.as_slice());
        record.extend_from_slice(&batch.first_block.to_be_bytes());
        record.extend_from_slice(&batch.last_block.to_be_bytes());
        record.extend_from_slice(&batch.data);
        self.append(Table::Batches, index, &record)?;
        let lookup = [index.to_be_bytes(), batch.first_block.to_be_bytes()].concat();
        self.put(Table::BatchByBlock, &batch.last_block.to_be_bytes(), &lookup)
    }

    /// Takes away what came from L1 blocks above `number`: the blocks, messages, deposit aliases and batches.
    /// The cursor moves back to `number`. If that block is not stored, it and everything else moves back further, to
    /// the highest stored block below; if there is none, all of L1 has to be followed again. Returns the cursor.
    pub fn truncate_l1_above(&mut self, number: u64) -> Result<Option<L1Cursor>> {
        let kept = self.l1_blocks(0..=number)?.last().transpose()?;
        let cursor = kept.map(|(number, block)| L1Cursor { number, hash: block.hash });
        let beyond = |l1_block: u64| cursor.is_none_or(|cursor| l1_block > cursor.number);

        while let Some((number, _)) = self.last_raw(Table::L1Blocks)?.filter(|(number, _)| beyond(*number)) {
            self.delete(Table::L1Blocks, &number.to_be_bytes())?;
        }
        while let Some((index, record)) = self.last(Table::Messages, message)? {
            if !beyond(record.l1_block) {
                break;
            }
            if let Some(alias) = record.alias {
                self.delete(Table::DepositAlias, alias.client_hash.as_slice())?;
            }
            self.delete(Table::Messages, &index.to_be_bytes())?;
        }
        while let Some((index, record)) = self.last(Table::Batches, batch)? {
            if !beyond(record.l1_block) {
                break;
            }
            self.delete(Table::BatchByBlock, &record.last_block.to_be_bytes())?;
            self.delete(Table::Batches, &index.to_be_bytes())?;
        }
        match cursor {
            None => self.clear_l1_cursor()?,
            Some(kept) if self.l1_cursor()?.is_some_and(|cursor| cursor.number > kept.number) => {
                self.set_l1_cursor(kept)?;
            }
            Some(_) => {}
        }
        Ok(cursor)
    }

    /// Forgets L1 blocks below `number`; messages and batches stay.
    pub fn forget_l1_blocks_below(&mut self, number: u64) -> Result<()> {
        while let Some((key, _)) = self.seek(Table::L1Blocks, &[])? {
            let oldest = number_of(Table::L1Blocks, &key)?;
            if oldest >= number {
                break;
            }
            self.delete(Table::L1Blocks, &oldest.to_be_bytes())?;
        }
        Ok(())
    }

    fn last<T>(&self, table: Table, decode: fn(&[u8]) -> Option<T>) -> Result<Option<(u64, T)>> {
        let Some((number, record)) = self.last_raw(table)? else {
            return Ok(None);
        };
        let record = decode(&record).ok_or_else(|| Error::corrupt(table, &number.to_be_bytes()))?;
        Ok(Some((number, record)))
    }
}

fn check_next(table: Table, expected: u64, found: u64) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::NotNext { table, expected, found }) }
}

fn l1_block(record: &[u8]) -> Option<L1BlockRecord> {
    let mut fields = Fields(record);
    let block = L1BlockRecord { hash: fields.b256()?, parent: fields.b256()?, timestamp: fields.u64()? };
    fields.end().map(|()| block)
}

fn message(record: &[u8]) -> Option<MessageRecord> {
    let mut fields = Fields(record);
    Some(MessageRecord {
        l1_block: fields.u64()?,
        acc: fields.b256()?,
        header: fields.array()?,
        alias: match fields.u8()? {
            0 => None,
            1 => Some(DepositAlias { client_hash: fields.b256()?, hash: fields.b256()? }),
            _ => return None,
        },
        data: Bytes::copy_from_slice(fields.rest()),
    })
}

fn batch(record: &[u8]) -> Option<BatchRecord> {
    let (batch, data) = split_batch(record)?;
    Some(BatchRecord { data: Bytes::copy_from_slice(data), ..batch })
}

/// A batch without its data, and its data where it lies.
fn split_batch(record: &[u8]) -> Option<(BatchRecord, &[u8])> {
    let mut fields = Fields(record);
    let batch = BatchRecord {
        acc: fields.b256()?,
        header: fields.array()?,
        l1_block: fields.u64()?,
        l1_hash: fields.b256()?,
        tx_hash: fields.b256()?,
        first_block: fields.u64()?,
        last_block: fields.u64()?,
        data: Bytes::new(),
    };
    Some((batch, fields.rest()))
}
