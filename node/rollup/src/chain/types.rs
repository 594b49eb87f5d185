//! What the chain tells the other parts of the node.

use std::sync::Arc;

use alloy::{consensus::Header, primitives::B256};
use db::{Tx, TxMode};
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
        /// The blocks that do not, oldest first: as many of them as are not too large together.
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

impl FeedBlock {
    /// A stored block as feed and batches carry it: its spec makes the same block of its parent again. `None`: the block
    /// or its parent is not there.
    pub fn stored<K: TxMode>(tx: &Tx<K>, number: u64) -> db::Result<Option<Self>> {
        let Some(parent) = number.checked_sub(1) else { return Ok(None) };
        let (Some(parent), Some(header), Some(body)) =
            (tx.header(parent)?, tx.header(number)?, tx.transactions(number)?)
        else {
            return Ok(None);
        };
        let before = message_cursor(&parent).unwrap_or(0);
        let after = message_cursor(&header).unwrap_or(before);
        let users = body.into_iter().filter(|tx| !tx.is_deposit());
        let spec = BlockSpec {
            timestamp: header.timestamp,
            messages: after.saturating_sub(before),
            transactions: users.map(|tx| tx.raw).collect(),
        };
        Ok(Some(Self { number, hash: header.hash(), spec }))
    }
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
    /// An L1 block is being applied; the block may fit afterwards.
    Deriving,
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
    /// Wanted timestamp in seconds; the block's is not before its parent's, nor before that of a message in it.
    pub timestamp: u64,
    /// Most messages to consume.
    pub max_messages: u64,
    /// Consume messages up to this L1 block only.
    pub message_l1_limit: u64,
}
