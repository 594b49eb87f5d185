//! Blocks as they come, without gaps, for filters and subscriptions.

use std::sync::Arc;

use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

use super::{RpcError, block::Block, context::Rpc};
use crate::chain::ChainEvent;

/// Blocks read from the database for a follower that is too far behind; one that is even further behind misses what
/// came before these.
const MAX_CATCH_UP: u64 = 4096;

/// A change of the chain.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A new block.
    New(Arc<Block>),
    /// A block that is no longer part of the chain.
    Gone(Arc<Block>),
}

/// A follower of the chain. Where it missed events it reads the blocks instead, but not those that came and went.
#[derive(Debug)]
pub(crate) struct Follower {
    events: Receiver<ChainEvent>,
    /// The newest block that was told of.
    last: u64,
}

impl Follower {
    /// Follows from the block after the current head.
    pub(crate) fn new(rpc: &Rpc) -> Self {
        // In this order, so that a block in between is not missed; it is told of only once, by its number.
        let events = rpc.chain.subscribe();
        Self { events, last: rpc.chain.heads().unsafe_head.number }
    }

    /// Waits for the next changes. `None` if the chain has closed.
    pub(crate) async fn next(&mut self, rpc: &Rpc) -> Option<Result<Vec<Change>, RpcError>> {
        match self.events.recv().await {
            Ok(event) => Some(Ok(self.changes(rpc, event))),
            Err(RecvError::Lagged(_)) => Some(self.catch_up(rpc)),
            Err(RecvError::Closed) => None,
        }
    }

    /// All changes since the last time.
    pub(crate) fn drain(&mut self, rpc: &Rpc) -> Result<Vec<Change>, RpcError> {
        let mut changes = Vec::new();
        loop {
            match self.events.try_recv() {
                Ok(event) => changes.extend(self.changes(rpc, event)),
                Err(TryRecvError::Lagged(_)) => changes.extend(self.catch_up(rpc)?),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(changes),
            }
        }
    }

    fn changes(&mut self, rpc: &Rpc, event: ChainEvent) -> Vec<Change> {
        match event {
            ChainEvent::Block(block) => {
                if block.header.number <= self.last {
                    return Vec::new();
                }
                self.last = block.header.number;
                let known = rpc.recent.block_by_hash(&block.hash);
                vec![Change::New(known.unwrap_or_else(|| Arc::new(Block::new(block))))]
            }
            ChainEvent::Reorg { to, dropped } => {
                // Newest first, as they are undone.
                let told = dropped.iter().rev().filter(|block| block.header.number <= self.last);
                let changes = told.map(|block| Change::Gone(Arc::new(Block::new(block.clone())))).collect();
                self.last = self.last.min(to.number);
                changes
            }
        }
    }

    /// Reads the blocks up to the head, and skips the events that tell of them.
    fn catch_up(&mut self, rpc: &Rpc) -> Result<Vec<Change>, RpcError> {
        self.events = self.events.resubscribe();
        let head = rpc.chain.heads().unsafe_head.number;
        // A reorg below what was told of is not to be made up for; what replaces it from here on is told.
        let first = self.last.saturating_add(1).max((head + 1).saturating_sub(MAX_CATCH_UP));
        let reader = rpc.reader()?;
        let mut changes = Vec::new();
        for number in first..=head {
            let Some(block) = Block::read(&reader, number)? else { break };
            changes.push(Change::New(block));
        }
        self.last = head;
        Ok(changes)
    }
}
