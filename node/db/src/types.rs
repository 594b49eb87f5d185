use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log, Sealed};
use op_alloy_consensus::{DEPOSIT_TX_TYPE_ID, OpReceiptEnvelope};
use stf::StateChanges;

use crate::NodeBuffer;

/// A block to append, with everything that it did. Nothing in it is copied before it is written.
#[derive(Clone, Copy, Debug)]
pub struct BlockRecord<'a> {
    /// The header with its hash.
    pub header: &'a Sealed<Header>,
    /// The transactions, each as an EIP-2718 envelope.
    pub transactions: &'a [Bytes],
    /// The transactions' hashes.
    pub hashes: &'a [B256],
    /// The transactions' senders.
    pub senders: &'a [Address],
    /// The transactions' receipts.
    pub receipts: &'a [StoredReceipt],
    /// What the block changed, with the final storage roots.
    pub changes: &'a StateChanges,
    /// The trie nodes that are new.
    pub nodes: &'a NodeBuffer,
}

/// A transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTransaction {
    /// Who sent it.
    pub sender: Address,
    /// The EIP-2718 envelope.
    pub raw: Bytes,
}

impl StoredTransaction {
    /// Whether it came from the message queue, and not from a batch: whether its type is that of deposits.
    pub fn is_deposit(&self) -> bool {
        self.raw.first() == Some(&DEPOSIT_TX_TYPE_ID)
    }
}

/// A receipt, and what RPC tells with it that would take execution to find out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// The consensus receipt.
    pub receipt: OpReceiptEnvelope,
    /// Gas used by this transaction alone.
    pub gas_used: u64,
    /// What it paid for L1 data; nothing for deposits.
    pub l1_fee: Option<L1Fee>,
}

/// A log of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLog {
    /// The index of its transaction in the block.
    pub transaction: usize,
    /// Its own index in the block.
    pub index: u64,
    /// Address, topics and data.
    pub log: Log,
}

/// What a transaction paid for its L1 data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Fee {
    /// The fee in wei.
    pub fee: u128,
    /// The L1 gas that it stands for.
    pub gas_used: u64,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    /// Its L2 block.
    pub block: u64,
    /// Its index in the block.
    pub index: u32,
}

/// A block of L1, as far as following it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1BlockRecord {
    /// The block's hash.
    pub hash: B256,
    /// The hash of the block before.
    pub parent: B256,
    /// The block's timestamp in seconds.
    pub timestamp: u64,
}

/// How far L1 has been followed: everything up to this block is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Cursor {
    /// Number of the L1 block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Length of a packed message header.
pub const MESSAGE_HEADER: usize = 182;
/// Length of a packed batch header.
pub const BATCH_HEADER: usize = 122;

/// A message of the L1 queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// The L1 block that holds it.
    pub l1_block: u64,
    /// The accumulator after it.
    pub acc: B256,
    /// The packed header.
    pub header: [u8; MESSAGE_HEADER],
    /// The data that the header commits to.
    pub data: Bytes,
    /// For a deposit: its two transaction hashes.
    pub alias: Option<DepositAlias>,
}

/// The two hashes of a deposit's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositAlias {
    /// What client libraries compute from the L1 receipt.
    pub client_hash: B256,
    /// The hash that the transaction has on L2.
    pub hash: B256,
}

/// A batch of the L1 inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    /// The accumulator after it.
    pub acc: B256,
    /// The packed header.
    pub header: [u8; BATCH_HEADER],
    /// The L1 block that holds it.
    pub l1_block: u64,
    /// That block's hash.
    pub l1_hash: B256,
    /// The L1 transaction that posted it.
    pub tx_hash: B256,
    /// The first L2 block in it.
    pub first_block: u64,
    /// The last L2 block in it.
    pub last_block: u64,
    /// What was posted, and the header commits to: the payload, or whole blobs ([`stf::blob::BlobData`]).
    pub data: Bytes,
}
