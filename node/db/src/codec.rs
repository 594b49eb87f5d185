//! Encodings of values. Decoders return nothing when bytes are not what an encoder writes; they never panic.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Log, U256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};
use trie::{Account, EMPTY_ROOT};

use crate::{L1Fee, StoredLog, StoredReceipt, StoredTransaction};

/// Reads fields off the front of a record.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A length or a count.
    pub(crate) fn len(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_be_bytes(bytes) as usize)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A number as [`put_varint`] writes it.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn b256(&mut self) -> Option<B256> {
        self.array().map(B256::from)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        self.array().map(Address::from)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// A record that consists of one number.
pub(crate) fn only_u64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// A record that consists of one hash.
pub(crate) fn only_b256(bytes: &[u8]) -> Option<B256> {
    bytes.try_into().ok().map(B256::new)
}

/// Four bytes of length or count. What is counted here is part of a block, which is far below 4 GiB.
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_be_bytes());
}

/// A number in groups of seven bits, the lowest first; the high bit says that more follow.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number in big-endian without leading zeros.
pub(crate) fn put_uint(out: &mut Vec<u8>, value: U256) {
    out.extend_from_slice(&value.to_be_bytes::<32>()[value.leading_zeros() / 8..]);
}

pub(crate) fn uint(bytes: &[u8]) -> Option<U256> {
    (bytes.len() <= 32 && bytes.first() != Some(&0)).then(|| U256::from_be_slice(bytes))
}

/// Low bits of an account's flags: bytes of its nonce.
const NONCE_LEN: u8 = 0x0f;
/// Flag: the account has code.
const HAS_CODE: u8 = 0x10;
/// Flag: the account has storage.
const HAS_STORAGE: u8 = 0x20;

pub(crate) fn put_account(out: &mut Vec<u8>, account: &Account) {
    let nonce = &account.nonce.to_be_bytes()[account.nonce.leading_zeros() as usize / 8..];
    let mut flags = nonce.len() as u8;
    let flags_at = out.len();
    out.push(flags);
    out.extend_from_slice(nonce);
    if account.code_hash != KECCAK256_EMPTY {
        flags |= HAS_CODE;
        out.extend_from_slice(account.code_hash.as_slice());
    }
    if account.storage_root != EMPTY_ROOT {
        flags |= HAS_STORAGE;
        out.extend_from_slice(account.storage_root.as_slice());
    }
    out[flags_at] = flags;
    put_uint(out, account.balance);
}

/// An account, or none if it was deleted.
pub(crate) fn account(bytes: &[u8]) -> Option<Option<Account>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let mut fields = Fields(bytes);
    let flags = fields.u8()?;
    let nonce_len = usize::from(flags & NONCE_LEN);
    if nonce_len > 8 || flags & !(NONCE_LEN | HAS_CODE | HAS_STORAGE) != 0 {
        return None;
    }
    let nonce = uint(fields.take(nonce_len)?)?.to();
    let code_hash = if flags & HAS_CODE != 0 { fields.b256()? } else { KECCAK256_EMPTY };
    let storage_root = if flags & HAS_STORAGE != 0 { fields.b256()? } else { EMPTY_ROOT };
    let balance = uint(fields.rest())?;
    Some(Some(Account { nonce, balance, storage_root, code_hash }))
}

pub(crate) fn put_body(out: &mut Vec<u8>, transactions: &[Bytes], senders: &[Address]) {
    put_len(out, transactions.len());
    for (raw, sender) in transactions.iter().zip(senders) {
        out.extend_from_slice(sender.as_slice());
        put_len(out, raw.len());
        out.extend_from_slice(raw);
    }
}

/// Calls `f` with the index, sender and bytes of each transaction of a body.
pub(crate) fn each_transaction(bytes: &[u8], mut f: impl FnMut(usize, Address, &[u8])) -> Option<()> {
    let mut fields = Fields(bytes);
    for index in 0..fields.len()? {
        let sender = fields.address()?;
        let len = fields.len()?;
        f(index, sender, fields.take(len)?);
    }
    fields.end()
}

/// The transactions of a body. They share one copy of it.
pub(crate) fn body(bytes: &[u8]) -> Option<Vec<StoredTransaction>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut transactions = Vec::new();
    each_transaction(&bytes, |_, sender, raw| {
        transactions.push(StoredTransaction { sender, raw: bytes.slice_ref(raw) });
    })?;
    Some(transactions)
}

/// Flag of a receipt: the transaction succeeded.
const SUCCESS: u8 = 1;
/// Flag of a receipt: it has a deposit nonce.
const DEPOSIT_NONCE: u8 = 2;
/// Flag of a receipt: it has a deposit receipt version.
const DEPOSIT_VERSION: u8 = 4;
/// Flag of a receipt: it has what the transaction paid for L1 data.
const L1_FEE: u8 = 8;

/// Most topics of a log.
const MAX_TOPICS: usize = 4;

pub(crate) fn put_receipts(out: &mut Vec<u8>, receipts: &[StoredReceipt]) {
    put_len(out, receipts.len());
    for receipt in receipts {
        put_receipt(out, receipt);
    }
}

/// A receipt without its bloom, which follows from the logs.
fn put_receipt(out: &mut Vec<u8>, StoredReceipt { receipt, gas_used, l1_fee }: &StoredReceipt) {
    let (nonce, version) = match receipt.as_deposit_receipt() {
        Some(deposit) => (deposit.deposit_nonce, deposit.deposit_receipt_version),
        None => (None, None),
    };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(receipt.tx_type() as u8);
    out.push(
        flag(receipt.status(), SUCCESS)
            | flag(nonce.is_some(), DEPOSIT_NONCE)
            | flag(version.is_some(), DEPOSIT_VERSION)
            | flag(l1_fee.is_some(), L1_FEE),
    );
    out.extend_from_slice(&receipt.cumulative_gas_used().to_be_bytes());
    out.extend_from_slice(&gas_used.to_be_bytes());
    for field in [nonce, version].into_iter().flatten() {
        out.extend_from_slice(&field.to_be_bytes());
    }
    if let Some(L1Fee { fee, gas_used }) = l1_fee {
        out.extend_from_slice(&fee.to_be_bytes());
        out.extend_from_slice(&gas_used.to_be_bytes());
    }
    put_len(out, receipt.logs().len());
    for log in receipt.logs() {
        out.extend_from_slice(log.address.as_slice());
        out.push(log.topics().len() as u8);
        for topic in log.topics() {
            out.extend_from_slice(topic.as_slice());
        }
        put_len(out, log.data.data.len());
        out.extend_from_slice(&log.data.data);
    }
}

/// The receipts of a block. Log data share one copy of the record.
pub(crate) fn receipts(bytes: &[u8]) -> Option<Vec<StoredReceipt>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut fields = Fields(&bytes);
    let mut receipts = Vec::new();
    for _ in 0..fields.len()? {
        receipts.push(receipt(&bytes, &mut fields)?);
    }
    fields.end()?;
    Some(receipts)
}

/// What stands before the logs of a receipt.
struct ReceiptHead {
    tx_type: OpTxType,
    success: bool,
    cumulative_gas_used: u64,
    gas_used: u64,
    nonce: Option<u64>,
    version: Option<u64>,
    l1_fee: Option<L1Fee>,
}

fn receipt_head(fields: &mut Fields<'_>) -> Option<ReceiptHead> {
    let tx_type = OpTxType::try_from(fields.u8()?).ok()?;
    let flags = fields.u8()?;
    Some(ReceiptHead {
        tx_type,
        success: flags & SUCCESS != 0,
        cumulative_gas_used: fields.u64()?,
        gas_used: fields.u64()?,
        nonce: if flags & DEPOSIT_NONCE != 0 { Some(fields.u64()?) } else { None },
        version: if flags & DEPOSIT_VERSION != 0 { Some(fields.u64()?) } else { None },
        l1_fee: match flags & L1_FEE != 0 {
            true => Some(L1Fee { fee: u128::from_be_bytes(fields.array()?), gas_used: fields.u64()? }),
            false => None,
        },
    })
}

/// A log's address, topics and data.
fn log<'a>(
    fields: &mut Fields<'a>,
) -> Option<(Address, impl ExactSizeIterator<Item = B256> + use<'a>, &'a [u8])> {
    let address = fields.address()?;
    let count = fields.u8()?;
    let topics = fields.take(usize::from(count) * B256::len_bytes())?.chunks_exact(B256::len_bytes());
    let len = fields.len()?;
    Some((address, topics.map(B256::from_slice), fields.take(len)?))
}

fn receipt(all: &Bytes, fields: &mut Fields<'_>) -> Option<StoredReceipt> {
    let head = receipt_head(fields)?;
    let mut logs = Vec::new();
    for _ in 0..fields.len()? {
        let (address, topics, data) = log(fields)?;
        logs.push(Log::new(address, topics.collect(), all.slice_ref(data))?);
    }
    let receipt = OpReceiptEnvelope::from_parts(
        head.success,
        head.cumulative_gas_used,
        &logs,
        head.tx_type,
        head.nonce,
        head.version,
    );
    Some(StoredReceipt { receipt, gas_used: head.gas_used, l1_fee: head.l1_fee })
}

/// A log within a record.
pub(crate) struct LogRef<'a> {
    /// The index of its transaction.
    pub(crate) transaction: usize,
    /// Its index in the block.
    pub(crate) index: u64,
    pub(crate) address: Address,
    pub(crate) topics: &'a [B256],
    pub(crate) data: &'a [u8],
}

/// Calls `f` with each log of a block's receipts.
pub(crate) fn each_log(bytes: &[u8], mut f: impl FnMut(LogRef<'_>)) -> Option<()> {
    let mut fields = Fields(bytes);
    let mut all = [B256::ZERO; MAX_TOPICS];
    let mut index = 0;
    for transaction in 0..fields.len()? {
        receipt_head(&mut fields)?;
        for _ in 0..fields.len()? {
            let (address, topics, data) = log(&mut fields)?;
            let mut count = 0;
            for topic in topics {
                *all.get_mut(count)? = topic;
                count += 1;
            }
            f(LogRef { transaction, index, address, topics: &all[..count], data });
            index += 1;
        }
    }
    fields.end()
}

/// The logs of a block's receipts for which `f` says so.
pub(crate) fn logs_where(bytes: &[u8], f: impl Fn(&Address, &[B256]) -> bool) -> Option<Vec<StoredLog>> {
    let mut found = Vec::new();
    each_log(bytes, |LogRef { transaction, index, address, topics, data }| {
        if f(&address, topics) {
            let log = Log::new_unchecked(address, topics.to_vec(), Bytes::copy_from_slice(data));
            found.push(StoredLog { transaction, index, log });
        }
    })?;
    Some(found)
}
