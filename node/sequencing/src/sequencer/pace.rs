//! How fast blocks may come: no more than L1 will take, and none that somebody else's batch could replace.
//!
//! What the sequencer confirms must get to L1 as it is. Three things could undo it: more blocks than the inbox takes, more
//! bytes than L1 takes in time, and a forced batch, which anyone may append once the sequencer has been silent for long.

use std::{collections::VecDeque, time::Duration};

use db::Reader;
use rollup::{
    chain::{Chain, ChainBlock, ChainError},
    inbox_rules::{BLOCK_BURST, BLOCK_RATE, BatchHistory},
};

use crate::limits::MAX_PAYLOAD;

/// An L1 block that is older than this many seconds is not followed by another as it should be: five slots.
const L1_AWAY: u64 = 60;

/// Seconds from one L1 block to the next on Ethereum.
const L1_BLOCK_TIME: u64 = 12;

/// Allowance below which blocks come no faster than it grows, so that half of it is left if L1 goes away.
const RESERVE: u64 = BLOCK_BURST / 2;

/// What L1 has of our blocks, and what it has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaceView {
    /// What the batches on L1 say.
    pub(super) history: BatchHistory,
    /// Timestamp of the newest L1 block that was followed.
    pub(super) l1_time: u64,
    /// Blocks that are in no batch on L1.
    pub(super) unposted_blocks: u64,
    /// Bytes of the transactions in them.
    pub(super) unposted_bytes: u64,
}

/// What bounds the pace in one rollup.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaceLimits {
    /// Seconds since the newest batch of the sequencer after which nothing is confirmed: half of what would allow others
    /// to force one.
    confirm: u64,
    /// Most bytes of transactions that wait for a batch: what L1 takes in a quarter of the force delay, if each of its
    /// blocks takes one full batch, and nothing compresses.
    bytes: u64,
}

/// When the next block may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At any time.
    Free,
    /// So long after the one before, at the earliest.
    Every(Duration),
    /// Now, and without transactions of users: once its batch is on L1, others can follow.
    Alone,
    /// Not before L1 has taken more.
    Stop(&'static str),
}

impl PaceLimits {
    pub(super) fn new(chain: &Chain) -> Self {
        let config = chain.config();
        let force_delay = config.chain.force_delay;
        Self {
            confirm: force_delay.min(config.sequencer_timeout) / 2,
            bytes: (force_delay / 4 / L1_BLOCK_TIME).max(1).saturating_mul(MAX_PAYLOAD as u64),
        }
    }

    /// The pace at a time of the sequencer's clock.
    pub(super) fn pace(&self, view: &PaceView, clock: u64) -> Pace {
        let silent = clock.saturating_sub(view.history.last_sequencer_batch_at);
        if silent > self.confirm {
            // A block that nobody was told of can be lost.
            return if view.unposted_blocks == 0 {
                Pace::Alone
            } else {
                Pace::Stop(
                    "the newest batch on L1 is too old: a forced batch could replace what is confirmed",
                )
            };
        }
        if view.unposted_bytes > self.bytes {
            return Pace::Stop("more bytes wait for L1 than it takes in time");
        }
        let left = view.history.allowance.at(view.l1_time).saturating_sub(view.unposted_blocks);
        if left == 0 {
            return Pace::Stop("the inbox takes no more blocks for now");
        }
        let is_away = clock.saturating_sub(view.l1_time) > L1_AWAY;
        if is_away {
            // What is left must do until nothing is confirmed any more.
            Pace::Every(Duration::from_secs(self.confirm - silent) / u32::try_from(left).unwrap_or(u32::MAX))
        } else if left < RESERVE {
            Pace::Every(Duration::from_secs(1) / BLOCK_RATE as u32)
        } else {
            Pace::Free
        }
    }
}

/// The blocks that no batch on L1 holds, with the bytes of their transactions.
#[derive(Debug, Default)]
pub(super) struct Unposted {
    first: u64,
    bytes: VecDeque<usize>,
    total: u64,
}

impl Unposted {
    /// Follows the chain: blocks above `safe` up to `head`.
    pub(super) fn follow(&mut self, reader: &Reader, safe: u64, head: u64) -> Result<(), ChainError> {
        if safe + 1 < self.first || self.end() > head + 1 {
            self.clear();
        }
        while self.first <= safe
            && let Some(bytes) = self.bytes.pop_front()
        {
            self.first += 1;
            self.total -= bytes as u64;
        }
        if self.bytes.is_empty() {
            self.first = safe + 1;
        }
        if self.end() <= head {
            for body in reader.bodies(self.end()..=head)? {
                let (_, body) = body?;
                self.push(body.iter().filter(|tx| !tx.is_deposit()).map(|tx| tx.raw.len()).sum());
            }
        }
        Ok(())
    }

    /// Adds a block that was just built. One that does not follow is found by [`follow`](Self::follow).
    pub(super) fn built(&mut self, block: &ChainBlock) {
        if block.header.number == self.end() {
            self.push(
                block.transactions.iter().filter(|tx| !tx.is_deposit()).map(|tx| tx.encoded().len()).sum(),
            );
        }
    }

    /// Forgets all, because blocks were replaced.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn blocks(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.total
    }

    fn push(&mut self, bytes: usize) {
        self.bytes.push_back(bytes);
        self.total += bytes as u64;
    }

    fn end(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }
}
