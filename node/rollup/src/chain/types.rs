//! What the chain tells the other parts of the node.

use std::sync::Arc;

use alloy::{consensus::Header, primitives::B256};
use op_alloy_consensus::OpReceiptEnvelope;
use stf::{BlockSpec, ExecutedBlock, Transaction, derive::message_cursor};

/// A block of L2, by what identifies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockRef {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
}

impl BlockRef {
    pub(super) fn new(header: &Header, hash: B256) -> Self {
        Self { number: header.number, hash, timestamp: header.timestamp }
    }
}

/// How far the chain is, by how much a block can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Newest block; sequenced, perhaps not on L1 yet.
    pub unsafe_head: BlockRef,
    /// Newest block derived from a batch on L1.
    pub safe: BlockRef,
    /// Newest block whose batch is in a final L1 block.
    pub finalized: BlockRef,
    /// The L1 block up to which L1 has been followed.
    pub l1: u64,
}

/// A block with all that came out of it.
#[derive(Debug)]
pub struct ChainBlock {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// Its transactions, deposits first.
    pub transactions: Vec<Transaction>,
    /// Their receipts.
    pub receipts: Vec<OpReceiptEnvelope>,
}

impl ChainBlock {
    pub(super) fn new(block: ExecutedBlock) -> Self {
        Self {
            header: block.header,
            hash: block.hash,
            transactions: block.transactions,
            receipts: block.receipts,
        }
    }

    /// What identifies it.
    pub fn to_ref(&self) -> BlockRef {
        BlockRef::new(&self.header, self.hash)
    }

    /// What a follower of the feed needs to build the same block. `parent_cursor` is the queue index after its parent.
    pub fn to_feed(&self, parent_cursor: u64) -> FeedBlock {
        let cursor = message_cursor(&self.header).unwrap_or(parent_cursor);
        let transactions = self.transactions.iter().filter(|tx| !tx.envelope().is_deposit());
        FeedBlock {
            number: self.header.number,
            hash: self.hash,
            spec: BlockSpec {
                timestamp: self.header.timestamp,
                messages: cursor.saturating_sub(parent_cursor),
                transactions: transactions.map(|tx| tx.encoded().clone()).collect(),
            },
        }
    }
}

/// A change of the chain. Events come in the order in which they happened, after they are in the database.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A new unsafe head on top of the one before.
    Block(Arc<ChainBlock>),
    /// All blocks above `to` are no longer part of the chain.
    Reorg {
        /// The newest block that stands.
        to: BlockRef,
        /// The blocks that do not, oldest first.
        dropped: Arc<Vec<Arc<ChainBlock>>>,
    },
}

/// An unsafe block as the feed carries it: what the sequencer put into it, and what must come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedBlock {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Timestamp, messages consumed, and user transactions.
    pub spec: BlockSpec,
}

/// What became of a block from the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is the new head.
    Appended,
    /// It was there already, or a safe block stands in its place.
    Known,
    /// Blocks are missing before it.
    Gap {
        /// The next block that fits.
        next: u64,
    },
    /// It consumes messages that this node has not seen on L1 yet.
    NeedsMessages {
        /// Messages seen.
        have: u64,
        /// Messages needed.
        need: u64,
    },
    /// It does not come out as the feed says.
    Mismatch {
        /// The hash in the feed.
        expected: B256,
        /// The hash computed.
        found: B256,
    },
}

/// What the sequencer decides about the next block besides its transactions.
#[derive(Clone, Copy, Debug)]
pub struct BuildPlan {
    /// Wanted timestamp in seconds; the block's is at least its parent's.
    pub timestamp: u64,
    /// Most messages to consume.
    pub max_messages: u64,
    /// Consume messages up to this L1 block only.
    pub message_l1_limit: u64,
}
