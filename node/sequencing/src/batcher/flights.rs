//! The batches on their way to L1.
//!
//! The next batch does not wait until the one before is in a block, nor until the local chain has derived it: it names its
//! first block and the queue that it was built on, so that the inbox takes it only after the others. Nonces are in the same
//! order. If one is lost, those after it are given up with it, and what comes next takes over their nonces, as far as it
//! needs them. Of the others, the inbox refuses what L1 still includes; their blobs are paid.

use std::{collections::VecDeque, sync::Arc};

use alloy::{primitives::B256, rpc::types::TransactionReceipt};
use db::Reader;
use rollup::l1::{SendError, TxManager, TxRequest};
use tokio::{sync::oneshot, task::JoinHandle};
use tracing::info;

use super::{
    BatchError, TARGET,
    error::PlanError,
    snapshot::{Course, InboxView},
};

/// Most batches on their way at once. Six blobs each, they are more than twice what Ethereum takes in a block (EIP-7892's
/// largest schedule so far has 21 blobs), and half of what pools keep of an account.
pub(super) const MAX_FLIGHTS: usize = 8;
const _: () = assert!(MAX_FLIGHTS < TxManager::MAX_IN_FLIGHT);

/// What a batch on its way holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPart {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Hash of the last block.
    pub(super) hash: B256,
    pub(super) message_end: u64,
    /// Bytes of the payload.
    pub(super) bytes: usize,
}

/// A task that ends with its handle.
#[derive(Debug)]
struct Sending(JoinHandle<Result<TransactionReceipt, SendError>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
enum Progress {
    Sending(Sending),
    /// It is in this L1 block.
    Included(u64),
}

#[derive(Debug)]
struct BatchFlight {
    part: BatchPart,
    blobs: usize,
    progress: Progress,
    /// Whether the inbox had it at the last look.
    is_seen: bool,
}

/// The batches on their way, or not derived yet: each begins where the one before ends.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: VecDeque<BatchFlight>,
    /// Tells when the last one has its nonce.
    starting: Option<oneshot::Receiver<()>>,
}

impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether L1 has yet to take one of them.
    pub(super) fn is_waiting(&self) -> bool {
        self.flights.iter().any(|flight| matches!(flight.progress, Progress::Sending(_)) && !flight.is_seen)
    }

    /// Whether the last one has no nonce yet: the next must get a later one. It may wait for fees.
    pub(super) fn is_starting(&mut self) -> bool {
        let Some(starting) = &mut self.starting else { return false };
        // One that has failed before is still starting until it is settled.
        let is_starting = starting.try_recv().is_err();
        if !is_starting {
            self.starting = None;
        }
        is_starting
    }

    pub(super) fn is_full(&self) -> bool {
        self.flights.len() >= MAX_FLIGHTS
    }

    /// The last block of the last batch.
    pub(super) fn end(&self) -> Option<u64> {
        self.flights.back().map(|flight| flight.part.last)
    }

    pub(super) fn course(&self) -> Course {
        Course {
            before: self.flights.front().map_or(0, |flight| flight.part.first - 1),
            ends: self.flights.iter().map(|flight| (flight.part.last, flight.part.hash)).collect(),
            message_end: self.flights.back().map_or(0, |flight| flight.part.message_end),
        }
    }

    /// Sends a batch. What becomes of it [`settle`](Self::settle) tells.
    pub(super) fn launch(&mut self, txs: Arc<TxManager>, part: BatchPart, request: TxRequest) {
        let blobs = request.blobs.as_ref().map_or(0, |blobs| blobs.versioned_hashes().len());
        let (begun, starting) = oneshot::channel();
        let sending = tokio::spawn(async move {
            let tell = || {
                // Nobody listens after the end.
                let _ = begun.send(());
            };
            txs.send_noting(request, tell).await
        });
        let progress = Progress::Sending(Sending(sending));
        self.flights.push_back(BatchFlight { part, blobs, progress, is_seen: false });
        self.starting = Some(starting);
        self.tell();
    }

    /// Takes note of what has become of the batches; whether one is in a block now. With one that failed, those after it are
    /// given up.
    pub(super) async fn settle(&mut self) -> Result<bool, BatchError> {
        let mut has_landed = false;
        for index in 0..self.flights.len() {
            let flight = &mut self.flights[index];
            let Progress::Sending(sending) = &mut flight.progress else { continue };
            if !sending.0.is_finished() {
                continue;
            }
            let outcome = (&mut sending.0).await.map_err(|_| BatchError::Gone);
            match outcome.and_then(|sent| sent.map_err(BatchError::from)) {
                Ok(receipt) => {
                    flight.report(&receipt);
                    flight.progress = Progress::Included(receipt.block_number.unwrap_or(0));
                    has_landed = true;
                }
                Err(error) => {
                    self.give_up(index);
                    return Err(error);
                }
            }
        }
        Ok(has_landed)
    }

    /// Forgets what the local chain has derived, up to its safe block, and gives up what it has no blocks for any more.
    pub(super) fn follow(&mut self, reader: &Reader, safe: u64) -> Result<(), PlanError> {
        let is_over = |flight: &BatchFlight| {
            matches!(flight.progress, Progress::Included(_)) && flight.part.last <= safe
        };
        while self.flights.front().is_some_and(is_over) {
            self.flights.pop_front();
        }
        // A reorg has taken what they were to follow.
        let stands = self.flights.front().is_some_and(|flight| flight.part.first <= safe + 1);
        let standing = if stands { self.course().standing(reader)? } else { 0 };
        self.give_up(standing);
        Ok(())
    }

    /// Gives up what was in an L1 block, and is not in the inbox as of this one; whether there was such a batch.
    pub(super) fn compare(&mut self, view: &InboxView) -> bool {
        for flight in &mut self.flights {
            flight.is_seen = flight.part.last <= view.last_block;
        }
        let is_lost = |flight: &BatchFlight| match flight.progress {
            Progress::Included(block) => block <= view.number && flight.part.last > view.last_block,
            Progress::Sending(_) => false,
        };
        let lost = self.flights.iter().position(is_lost);
        if let Some(index) = lost {
            self.give_up(index);
        }
        lost.is_some()
    }

    /// Gives up the batches from this one on.
    fn give_up(&mut self, index: usize) {
        if index < self.flights.len() {
            self.starting = None;
        }
        for flight in self.flights.drain(index.min(self.flights.len())..) {
            let (first, last) = (flight.part.first, flight.part.last);
            info!(target: TARGET, first, last, "a batch on its way is given up; its blocks are posted again");
        }
        self.tell();
    }

    fn tell(&self) {
        metrics::gauge!("recourse_batcher_batches_in_flight").set(self.flights.len() as f64);
    }
}

impl BatchFlight {
    fn report(&self, receipt: &TransactionReceipt) {
        let BatchPart { first, last, bytes, .. } = self.part;
        metrics::counter!("recourse_batcher_batches_total").increment(1);
        metrics::counter!("recourse_batcher_blocks_total").increment(last + 1 - first);
        metrics::counter!("recourse_batcher_payload_bytes_total").increment(bytes as u64);
        metrics::counter!("recourse_batcher_blobs_total").increment(self.blobs as u64);
        metrics::counter!("recourse_batcher_l1_gas_total").increment(receipt.gas_used);
        let (blobs, tx, gas) = (self.blobs, receipt.transaction_hash, receipt.gas_used);
        info!(target: TARGET, first, last, bytes, blobs, %tx, gas, "posted a batch");
    }
}
