//! Reading L2 blocks.

use std::{collections::BTreeMap, ops::RangeInclusive};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, BLOOM_SIZE_BYTES, Sealed, keccak256};
use alloy_rlp::Decodable;

use crate::{
    Error, Records, Result, StoredLog, StoredReceipt, StoredTransaction, Table, Tx, TxLocation, TxMode,
    codec::{self, Fields, only_b256, only_u64},
    raw::Raw,
    tx::number_of,
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

    /// The blocks of a range, as far as they exist, for whose bloom `f` says so. Nothing else is read of the headers.
    pub fn blooms_where(
        &self,
        range: RangeInclusive<u64>,
        f: impl Fn(&[u8; BLOOM_SIZE_BYTES]) -> bool,
    ) -> Result<Vec<u64>> {
        let mut found = Vec::new();
        let mut cursor = self.cursor(Table::Headers)?;
        let mut next = cursor.set_range::<Raw<'_>, Raw<'_>>(&range.start().to_be_bytes())?;
        while let Some((key, record)) = next {
            let number = number_of(Table::Headers, &key)?;
            if !range.contains(&number) {
                break;
            }
            if f(bloom(&record).ok_or_else(|| Error::corrupt(Table::Headers, &key))?) {
                found.push(number);
            }
            next = cursor.next()?;
        }
        Ok(found)
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

    /// The logs of a block for which `f`, given its address and topics, says so. Reads no more than it must: neither the
    /// transactions nor other logs' data. None if there is no such block.
    pub fn logs_where(&self, number: u64, f: impl Fn(&Address, &[B256]) -> bool) -> Result<Vec<StoredLog>> {
        self.check_kept(number)?;
        let found =
            self.get(Table::Receipts, &number.to_be_bytes(), |record| codec::logs_where(record, f))?;
        Ok(found.unwrap_or_default())
    }

    /// The hashes of those of a block's transactions that are wanted, given their indices.
    pub fn transaction_hashes(
        &self,
        number: u64,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<BTreeMap<usize, B256>> {
        self.check_kept(number)?;
        let found = self.get(Table::Bodies, &number.to_be_bytes(), |bytes| {
            let mut found = BTreeMap::new();
            codec::each_transaction(bytes, |index, _, raw| {
                if wanted(index) {
                    found.insert(index, keccak256(raw));
                }
            })?;
            Some(found)
        })?;
        Ok(found.unwrap_or_default())
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

/// What stands before the bloom in a header: parent, uncles, beneficiary, and the roots of state, transactions and receipts.
const BEFORE_BLOOM: usize = 6;

/// The bloom of a header.
fn bloom(record: &[u8]) -> Option<&[u8; BLOOM_SIZE_BYTES]> {
    let mut fields = Fields(record);
    fields.b256()?;
    let mut rest = fields.rest();
    let mut rlp = alloy_rlp::Header::decode_bytes(&mut rest, true).ok()?;
    for _ in 0..BEFORE_BLOOM {
        alloy_rlp::Header::decode_bytes(&mut rlp, false).ok()?;
    }
    alloy_rlp::Header::decode_bytes(&mut rlp, false).ok()?.try_into().ok()
}

fn location(record: &[u8]) -> Option<TxLocation> {
    let mut fields = Fields(record);
    let location = TxLocation { block: fields.u64()?, index: u32::from_be_bytes(fields.array()?) };
    fields.end().map(|()| location)
}
