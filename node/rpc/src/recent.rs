//! The newest blocks in memory, so that the requests that follow a transaction do not touch the database.
//!
//! They follow the chain a moment later. Until they end with its head, nothing is found here: a block that a reorg took away would
//! be shown to somebody who has been told what came in its place.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::Transaction as _,
    primitives::{B256, map::B256Map},
};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::{broadcast::error::RecvError, oneshot, watch};

use super::block::Block;
use rollup::{
    chain::{ChainEvent, Events, Heads},
    shutdown::Shutdown,
};

/// Blocks kept.
const BLOCKS: usize = 64;

/// Bytes that they take together, unless one alone takes more.
const BYTES: usize = 64 << 20;

/// A tip is suggested above the least only if a block is this full, in percent: otherwise there is room for all.
const CROWDED_PERCENT: u64 = 90;

/// Blocks whose tips count while transactions compete for bytes: four seconds of them, so that one bid alone says nothing.
const SHORT_BLOCKS: usize = 20;

/// The newest blocks.
#[derive(Debug)]
pub(crate) struct Recent {
    heads: watch::Receiver<Heads>,
    blocks: RwLock<Blocks>,
    /// Who waits for a transaction to get into a block.
    waiting: Mutex<B256Map<Vec<oneshot::Sender<()>>>>,
}

#[derive(Debug, Default)]
struct Blocks {
    by_number: BTreeMap<u64, Arc<Block>>,
    by_hash: B256Map<u64>,
    transactions: B256Map<(u64, usize)>,
    /// Bytes that they take.
    weight: usize,
}

impl Recent {
    /// Of the chain with these heads: nothing yet.
    pub(crate) fn new(heads: watch::Receiver<Heads>) -> Self {
        Self { heads, blocks: RwLock::default(), waiting: Mutex::default() }
    }

    /// Follows the chain until shutdown.
    pub(crate) async fn follow(&self, mut events: Events, mut shutdown: Shutdown) {
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = shutdown.wait() => return,
            };
            match event {
                Ok(ChainEvent::Block(block)) => self.push(Arc::new(Block::new(block))),
                Ok(ChainEvent::Reorg { to, .. }) => self.blocks.write().truncate(to.number),
                Err(RecvError::Lagged(_)) => self.reset(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn push(&self, block: Arc<Block>) {
        let mut blocks = self.blocks.write();
        // Nothing stale stays, whatever was missed.
        blocks.truncate(block.number().saturating_sub(1));
        blocks.by_hash.insert(block.hash, block.number());
        for (index, tx) in block.transactions.iter().enumerate() {
            blocks.transactions.insert(tx.hash(), (block.number(), index));
        }
        blocks.weight += block.weight();
        blocks.by_number.insert(block.number(), block.clone());
        while blocks.by_number.len() > 1 && (blocks.by_number.len() > BLOCKS || blocks.weight > BYTES) {
            let Some((_, oldest)) = blocks.by_number.pop_first() else {
                break;
            };
            blocks.forget(&oldest);
        }
        drop(blocks);
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        for tx in &block.transactions {
            for waiter in waiting.remove(&tx.hash()).into_iter().flatten() {
                // An error means that the client has gone.
                let _ = waiter.send(());
            }
        }
    }

    /// Starts over after events were missed; whoever waits looks into the database.
    fn reset(&self) {
        *self.blocks.write() = Blocks::default();
        self.waiting.lock().clear();
    }

    /// The blocks, if they are those of the chain as it is now.
    fn current(&self) -> Option<RwLockReadGuard<'_, Blocks>> {
        // Read first: what is announced after it makes these blocks older, not newer.
        let head = self.heads.borrow().unsafe_head.hash;
        let blocks = self.blocks.read();
        let is_current = blocks.by_number.last_key_value().is_some_and(|(_, newest)| newest.hash == head);
        is_current.then_some(blocks)
    }

    pub(crate) fn block(&self, number: u64) -> Option<Arc<Block>> {
        self.current()?.by_number.get(&number).cloned()
    }

    pub(crate) fn block_by_hash(&self, hash: &B256) -> Option<Arc<Block>> {
        let blocks = self.current()?;
        blocks.by_hash.get(hash).and_then(|number| blocks.by_number.get(number)).cloned()
    }

    /// The block of a transaction, and its index there.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(Arc<Block>, usize)> {
        let blocks = self.current()?;
        let (number, index) = blocks.transactions.get(hash)?;
        Some((blocks.by_number.get(number)?.clone(), *index))
    }

    /// Resolves when the transaction is in a block, or when that has to be looked up.
    pub(crate) fn wait(&self, hash: B256) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        let waiters = waiting.entry(hash).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(sender);
        receiver
    }

    /// Forgets a transaction that nobody waits for any more.
    pub(crate) fn stop_waiting(&self, hash: &B256) {
        let mut waiting = self.waiting.lock();
        if let Some(waiters) = waiting.get_mut(hash) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                waiting.remove(hash);
            }
        }
    }

    /// The median tip of the newest block, if that was crowded; or of several, where transactions compete for bytes and a block
    /// has few.
    pub(crate) fn crowded_tip(&self, is_short_of_bytes: bool) -> Option<u128> {
        let blocks = self.blocks.read();
        let count = if is_short_of_bytes { SHORT_BLOCKS } else { 1 };
        let newest: Vec<_> = blocks.by_number.values().rev().take(count).cloned().collect();
        drop(blocks);
        let header = &newest.first()?.header;
        let full = header.gas_limit.saturating_mul(CROWDED_PERCENT);
        if !is_short_of_bytes && header.gas_used.saturating_mul(100) < full {
            return None;
        }
        let tips = newest.iter().flat_map(|block| {
            let users = block.transactions.iter().filter(|tx| !tx.envelope().is_deposit());
            users.filter_map(|tx| tx.envelope().effective_tip_per_gas(block.base_fee()))
        });
        let mut tips: Vec<u128> = tips.collect();
        if tips.is_empty() {
            return None;
        }
        let middle = tips.len() / 2;
        Some(*tips.select_nth_unstable(middle).1)
    }
}

impl Blocks {
    /// Forgets the blocks above `number`.
    fn truncate(&mut self, number: u64) {
        let Some(above) = number.checked_add(1) else {
            return;
        };
        for block in self.by_number.split_off(&above).into_values() {
            self.forget(&block);
        }
    }

    fn forget(&mut self, block: &Block) {
        self.weight -= block.weight();
        self.by_hash.remove(&block.hash);
        for tx in &block.transactions {
            let hash = tx.hash();
            if self.transactions.get(&hash).is_some_and(|(number, _)| *number == block.number()) {
                self.transactions.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rollup::chain::ChainBlock;

    use super::*;

    fn block(number: u64, salt: u8) -> Arc<Block> {
        let header = alloy::consensus::Header { number, ..Default::default() };
        let hash = B256::with_last_byte(salt);
        let block = ChainBlock { header, hash, transactions: Vec::new(), receipts: Vec::new() };
        Arc::new(Block::new(Arc::new(block)))
    }

    #[test]
    fn a_block_that_a_reorg_took_away_is_not_shown_while_its_successor_is_on_the_way() {
        let heads = watch::channel(Heads::default()).0;
        let recent = Recent::new(heads.subscribe());
        let announce = |block: &Block| {
            heads.send_modify(|heads| {
                (heads.unsafe_head.number, heads.unsafe_head.hash) = (block.number(), block.hash);
            });
        };
        let (first, old, new) = (block(1, 1), block(2, 2), block(2, 3));
        for block in [&first, &old] {
            announce(block);
            recent.push(block.clone());
        }
        assert_eq!(recent.block(2).map(|block| block.hash), Some(old.hash));
        announce(&new);
        assert!(recent.block(2).is_none() && recent.block_by_hash(&old.hash).is_none());
        recent.push(new.clone());
        assert_eq!(recent.block(2).map(|block| block.hash), Some(new.hash));
        assert!(recent.block(1).is_some() && recent.block_by_hash(&old.hash).is_none());
    }
}
