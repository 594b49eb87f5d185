//! Blocks as they come, without gaps, for filters and subscriptions.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{RpcError, block::Block, context::Rpc, peers::Work};
use rollup::chain::{ChainEvent, Events};

/// Blocks that are read from the database at a time for a follower that is too far behind.
const CATCH_UP: u64 = 32;

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
pub(crate) struct BlockFollower {
    events: Events,
    /// The newest block that was announced.
    last: u64,
    /// Events were missed: blocks have to be read from the database first.
    is_behind: bool,
    /// Changes of the last event that were not taken.
    left: VecDeque<Change>,
}

impl BlockFollower {
    /// Follows from the block after the current head.
    pub(crate) fn new(rpc: &Rpc) -> Self {
        // In this order, so that a block in between is not missed; its number shows that it is announced only once.
        let events = rpc.chain.subscribe();
        Self { events, last: rpc.chain.heads().unsafe_head.number, is_behind: false, left: VecDeque::new() }
    }

    /// Waits for the next changes. `None` if the chain has closed.
    pub(crate) async fn next(&mut self, rpc: &Arc<Rpc>) -> Option<Result<Vec<Change>, RpcError>> {
        if !self.is_behind {
            match self.events.recv().await {
                Ok(event) => return Some(Ok(self.changes(rpc, event))),
                Err(RecvError::Lagged(_)) => self.fall_behind(),
                Err(RecvError::Closed) => return None,
            }
        }
        let (first, last) = self.next_range(rpc);
        let read = rpc.clone().work(Work::Light, move |rpc| read(rpc, first, last));
        Some(read.await.inspect(|_| self.last = last))
    }

    /// Hands `take` the changes since the last time, in order. A change that `take` gives back comes first the next
    /// time, and ends this one.
    pub(crate) fn drain(
        &mut self,
        rpc: &Rpc,
        mut take: impl FnMut(Change) -> Option<Change>,
    ) -> Result<(), RpcError> {
        loop {
            while let Some(change) = self.left.pop_front() {
                match take(change) {
                    // Read again, rather than held until the next poll.
                    Some(Change::New(block)) => {
                        self.last = block.number().saturating_sub(1);
                        self.fall_behind();
                        return Ok(());
                    }
                    Some(gone) => {
                        self.left.push_front(gone);
                        return Ok(());
                    }
                    None => {}
                }
            }
            if self.is_behind {
                let (first, last) = self.next_range(rpc);
                for (change, number) in read(rpc, first, last)?.into_iter().zip(first..) {
                    if take(change).is_some() {
                        // Read again, rather than kept for each of the filters that are behind.
                        self.is_behind = true;
                        return Ok(());
                    }
                    self.last = number;
                }
                self.last = last;
                continue;
            }
            match self.events.try_recv() {
                Ok(event) => self.left = self.changes(rpc, event).into(),
                Err(TryRecvError::Lagged(_)) => self.fall_behind(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
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

    /// Gives up on old events. Those from here on are about blocks that will have been read, and then about newer ones.
    fn fall_behind(&mut self) {
        self.events = self.events.resubscribe();
        self.is_behind = true;
    }

    /// The next blocks to read; an empty range if there are none.
    fn next_range(&mut self, rpc: &Rpc) -> (u64, u64) {
        let head = rpc.chain.heads().unsafe_head.number;
        // If a reorg went below the newest announced block meanwhile, what it dropped is not announced as gone; what
        // replaces it from here on is announced.
        let first = self.last.saturating_add(1);
        let last = head.min(self.last.saturating_add(CATCH_UP));
        self.is_behind = last < head;
        (first, last)
    }
}

/// Reads blocks.
fn read(rpc: &Rpc, first: u64, last: u64) -> Result<Vec<Change>, RpcError> {
    let reader = rpc.reader()?;
    let mut changes = Vec::new();
    for number in first..=last {
        let Some(block) = Block::read(&reader, number)? else {
            break;
        };
        changes.push(Change::New(block));
    }
    Ok(changes)
}
