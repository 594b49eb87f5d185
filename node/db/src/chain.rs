//! Reading L2 blocks.

use std::ops::RangeInclusive;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Sealed};
use alloy_rlp::Decodable;

use crate::{
    Error, Records, Result, StoredReceipt, StoredTransaction, Table, Tx, TxLocation, TxMode,
    codec::{self, Fields, only_b256, only_u64},
};

impl<K: TxMode> Tx<K> {
    /// The newest block's number and hash: the unsafe head. Nothing before genesis is appended.
    pub fn head(&self) -> Result<Option<(u64, B256)>> {
        let Some((number, record)) = self.last_raw(Table::Headers)? else {
            return Ok(None);
        };
        let hash = Fields(&record).b256();
        Ok(Some((number, hash.ok_or_else(|| Error::corrupt(Table::Headers, &number.to_be_bytes()))?)))
    }

    /// The hash of a block.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>> {
        self.get(Table::Headers, &number.to_be_bytes(), |record| Fields(record).b256())
    }

    /// The number of a block.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>> {
        self.get(Table::HeaderNumbers, hash.as_slice(), only_u64)
    }

    /// A block's header with its hash.
    pub fn header(&self, number: u64) -> Result<Option<Sealed<Header>>> {
        self.get(Table::Headers, &number.to_be_bytes(), header)
    }

    /// The headers of a range, as far as they exist.
    pub fn headers(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, Sealed<Header>>> {
        self.records(Table::Headers, range, header)
    }

    /// A block's transactions.
    ///
    /// # Errors
    /// [`Error::Pruned`], as from all that reads transactions or receipts of one block.
    pub fn transactions(&self, number: u64) -> Result<Option<Vec<StoredTransaction>>> {
        self.check_kept(number)?;
        self.get(Table::Bodies, &number.to_be_bytes(), codec::body)
    }

    /// One transaction of a block.
    pub fn transaction(&self, location: TxLocation) -> Result<Option<StoredTransaction>> {
        self.check_kept(location.block)?;
        let wanted = location.index as usize;
        let found = self.get(Table::Bodies, &location.block.to_be_bytes(), |bytes| {
            let mut found = None;
            codec::each_transaction(bytes, |index, sender, raw| {
                if index == wanted {
                    found = Some(StoredTransaction { sender, raw: raw.to_vec().into() });
                }
            })?;
            Some(found)
        })?;
        Ok(found.flatten())
    }

    /// Transactions and senders of a range of blocks, as far as they exist.
    pub fn bodies(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, Vec<StoredTransaction>>> {
        self.records(Table::Bodies, range, codec::body)
    }

    /// A block's receipts.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<StoredReceipt>>> {
        self.check_kept(number)?;
        self.get(Table::Receipts, &number.to_be_bytes(), codec::receipts)
    }

    /// The receipts of a range of blocks, as far as they exist. To search logs, check the headers' blooms first.
    pub fn receipts_range(&self, range: RangeInclusive<u64>) -> Result<Records<'_, K, Vec<StoredReceipt>>> {
        self.records(Table::Receipts, range, codec::receipts)
    }

    /// Whether a block has a log for which `f`, given its address and topics, says so. Reads no more than it must: neither the
    /// transactions nor the logs' data. False if there is no such block.
    pub fn has_log(&self, number: u64, f: impl Fn(&Address, &[B256]) -> bool) -> Result<bool> {
        self.check_kept(number)?;
        let found = self.get(Table::Receipts, &number.to_be_bytes(), |record| {
            let mut found = false;
            codec::each_log(record, |address, topics| found = found || f(address, topics))?;
            Some(found)
        })?;
        Ok(found.unwrap_or(false))
    }

    /// Where the transaction with this hash is; nothing of one that is pruned. For a deposit, the hash that clients compute
    /// finds it, too.
    pub fn find_transaction(&self, hash: &B256) -> Result<Option<TxLocation>> {
        if let Some(location) = self.get(Table::TxLookup, hash.as_slice(), location)? {
            return Ok(Some(location));
        }
        let Some(hash) = self.get(Table::DepositAlias, hash.as_slice(), only_b256)? else {
            return Ok(None);
        };
        self.get(Table::TxLookup, hash.as_slice(), location)
    }
}

fn header(record: &[u8]) -> Option<Sealed<Header>> {
    let mut fields = Fields(record);
    let hash = fields.b256()?;
    let mut rlp = fields.rest();
    let header = Header::decode(&mut rlp).ok()?;
    rlp.is_empty().then(|| Sealed::new_unchecked(header, hash))
}

fn location(record: &[u8]) -> Option<TxLocation> {
    let mut fields = Fields(record);
    let location = TxLocation { block: fields.u64()?, index: u32::from_be_bytes(fields.array()?) };
    fields.end().map(|()| location)
}
