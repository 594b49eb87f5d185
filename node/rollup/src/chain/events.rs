//! The changes of the chain, for whoever follows it: a ring that is bounded in bytes, because a block can have megabytes.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{
    broadcast::error::{RecvError, TryRecvError},
    watch,
};

use super::{ChainBlock, ChainEvent};

/// Events kept for a subscriber that is behind; one that is further behind starts over from the database.
const MAX_EVENTS: usize = 1024;

/// Bytes of blocks in them, some: as many as a few hundred full blocks of a busy chain have.
const MAX_BYTES: usize = 32 << 20;

/// Bytes of a transaction and its receipt besides what is counted.
const TRANSACTION: usize = 1024;

#[derive(Debug, Default)]
struct Ring {
    /// Number of the oldest event.
    first: u64,
    events: VecDeque<(ChainEvent, usize)>,
    bytes: usize,
}

/// Tells events to all who follow.
#[derive(Debug)]
pub(super) struct EventSender {
    ring: Arc<Mutex<Ring>>,
    /// Number of the next event.
    next: watch::Sender<u64>,
}

/// The changes of the chain from some point on, in order.
#[derive(Debug)]
pub struct Events {
    ring: Arc<Mutex<Ring>>,
    next: u64,
    newest: watch::Receiver<u64>,
}

/// What a block takes in memory, roughly.
pub(super) fn size(block: &ChainBlock) -> usize {
    // Encoded and decoded.
    let transactions = block.transactions.iter().map(|tx| 2 * tx.encoded().len() + TRANSACTION);
    let logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
    transactions.sum::<usize>() + logs.map(|log| log.data.data.len() + TRANSACTION / 4).sum::<usize>()
}

impl EventSender {
    pub(super) fn new() -> Self {
        Self { ring: Arc::default(), next: watch::channel(0).0 }
    }

    pub(super) fn send(&self, event: ChainEvent) {
        let bytes = match &event {
            ChainEvent::Block(block) => size(block),
            ChainEvent::Reorg { dropped, .. } => dropped.iter().map(|block| size(block)).sum(),
        };
        let mut ring = self.ring.lock();
        ring.events.push_back((event, bytes));
        ring.bytes += bytes;
        while ring.events.len() > 1 && (ring.events.len() > MAX_EVENTS || ring.bytes > MAX_BYTES) {
            let dropped = ring.events.pop_front();
            ring.bytes -= dropped.map_or(0, |(_, bytes)| bytes);
            ring.first += 1;
        }
        let next = ring.first + ring.events.len() as u64;
        drop(ring);
        self.next.send_replace(next);
    }

    pub(super) fn subscribe(&self) -> Events {
        Events { ring: self.ring.clone(), next: 0, newest: self.next.subscribe() }.resubscribe()
    }

    /// Whether anybody follows.
    pub(super) fn is_followed(&self) -> bool {
        self.next.receiver_count() > 0
    }
}

impl Events {
    /// The changes from now on.
    #[must_use]
    pub fn resubscribe(&self) -> Self {
        let ring = self.ring.lock();
        let next = ring.first + ring.events.len() as u64;
        Self { ring: self.ring.clone(), next, newest: self.newest.clone() }
    }

    /// The next event.
    ///
    /// # Errors
    /// `Lagged`: so many are gone that were not taken in time; the next call goes on behind them. `Closed`: there is no
    /// chain any more.
    pub async fn recv(&mut self) -> Result<ChainEvent, RecvError> {
        loop {
            self.newest.mark_unchanged();
            match self.try_recv() {
                Ok(event) => return Ok(event),
                Err(TryRecvError::Lagged(missed)) => return Err(RecvError::Lagged(missed)),
                Err(_) => self.newest.changed().await.map_err(|_| RecvError::Closed)?,
            }
        }
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `Empty`: nothing has happened.
    pub fn try_recv(&mut self) -> Result<ChainEvent, TryRecvError> {
        let ring = self.ring.lock();
        if let Some(missed) = ring.first.checked_sub(self.next).filter(|missed| *missed > 0) {
            self.next = ring.first;
            return Err(TryRecvError::Lagged(missed));
        }
        let at = usize::try_from(self.next - ring.first).unwrap_or(usize::MAX);
        let (event, _) = ring.events.get(at).ok_or(TryRecvError::Empty)?;
        self.next += 1;
        Ok(event.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: usize) -> ChainEvent {
        let data = vec![0; bytes / 2].into();
        let deposit = op_alloy_consensus::TxDeposit { input: data, ..Default::default() };
        ChainEvent::Block(Arc::new(ChainBlock {
            header: Default::default(),
            hash: Default::default(),
            transactions: vec![stf::Transaction::deposit(deposit)],
            receipts: Vec::new(),
        }))
    }

    #[test]
    fn large_blocks_are_dropped_before_they_fill_memory_and_who_missed_them_is_told() {
        let sender = EventSender::new();
        let mut events = sender.subscribe();
        assert!(matches!(events.try_recv(), Err(TryRecvError::Empty)));
        for _ in 0..100 {
            sender.send(block(4 << 20));
            let bytes = sender.ring.lock().bytes;
            assert!(bytes <= MAX_BYTES, "{bytes} bytes");
        }
        let kept = sender.ring.lock().events.len() as u64;
        assert!((4..20).contains(&kept), "{kept} blocks");
        assert!(matches!(events.try_recv(), Err(TryRecvError::Lagged(missed)) if missed == 100 - kept));
        assert_eq!(std::iter::from_fn(|| events.try_recv().ok()).count() as u64, kept);
        // One that alone is larger is told all the same.
        sender.send(block(2 * MAX_BYTES));
        assert!(events.try_recv().is_ok());
        drop(sender);
        assert!(matches!(futures::executor::block_on(events.recv()), Err(RecvError::Closed)));
    }
}
