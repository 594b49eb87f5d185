//! Where a block goes before it is in the chain.
//!
//! A commit does not wait for the disk, but whoever hears of a block relies on it. So whoever builds blocks can have each
//! of them kept in another place first; the database writes meanwhile, and its commit, which makes the block visible,
//! waits for both.

use std::ops::Range;

use alloy::primitives::B256;
use db::Writer;
use stf::{BlockSpec, ExecutedBlock};

use super::{ChainError, FeedBlock};

/// A block that was built here, and that nobody has heard of.
#[derive(Debug)]
pub struct BuiltBlock<'a> {
    /// The block, as the feed carries it.
    pub block: FeedBlock,
    /// Hash of the block before.
    pub parent: B256,
    /// The message cursor after the block: it depends on the messages before this index, and on no others.
    pub messages: u64,
    /// The accumulator over these messages.
    pub message_acc: B256,
    writer: &'a Writer,
}

impl<'a> BuiltBlock<'a> {
    pub(super) fn new(
        block: &ExecutedBlock,
        parent: B256,
        consumed: Range<u64>,
        writer: &'a Writer,
    ) -> Result<Self, ChainError> {
        let messages = consumed.end;
        let missing = ChainError::Missing { what: "message", number: messages };
        let users = block.transactions.iter().filter(|tx| !tx.envelope().is_deposit());
        let spec = BlockSpec {
            timestamp: block.header.timestamp,
            messages: consumed.end - consumed.start,
            transactions: users.map(|tx| tx.encoded().clone()).collect(),
        };
        let block = FeedBlock { number: block.header.number, hash: block.hash, spec };
        let message_acc = writer.message_acc(messages)?.ok_or(missing)?;
        Ok(Self { block, parent, messages, message_acc, writer })
    }

    /// The accumulator over the first `count` messages of the queue as L1 has it now. `None`: there are fewer.
    pub fn accumulator(&self, count: u64) -> Result<Option<B256>, ChainError> {
        Ok(self.writer.message_acc(count)?)
    }
}

/// Why a block could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct KeepError {
    /// What went wrong.
    pub reason: String,
    /// Nobody can say any more what is kept: the process must end.
    pub is_fatal: bool,
}

/// Keeps blocks that are built here.
pub trait Keeper {
    /// Begins to keep a block; does not wait.
    fn begin(&mut self, built: &BuiltBlock<'_>) -> Result<(), KeepError>;

    /// Returns once the block is kept. Not called if the block could not be written meanwhile.
    fn finish(&mut self) -> Result<(), KeepError>;
}

/// Keeps nothing.
impl Keeper for () {
    fn begin(&mut self, _built: &BuiltBlock<'_>) -> Result<(), KeepError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), KeepError> {
        Ok(())
    }
}
