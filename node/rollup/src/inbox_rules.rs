//! Rules of the inbox that its callers must know ahead: how many blocks it takes, and what a forced batch covers.
//!
//! The contract has the rules (`l1-contracts/README.md`); here they are computed from what the local chain has derived.

use alloy::primitives::Bytes;
use db::{Tx, TxMode};
use stf::{BatchHeader, config::GUARANTEE, inbox::DaKind};

use crate::{
    chain::{ChainError, StoredQueue},
    config::RollupConfig,
};

/// Most blocks of a forced batch: they make up for a backlog of 160 million gas.
pub const MAX_FORCED_BLOCKS: u64 = 16;

/// Blocks a second that the inbox takes in the long run: what a replica derives many times over.
pub const BLOCK_RATE: u64 = 100;

/// Blocks that the inbox takes at once after ten quiet minutes.
pub const BLOCK_BURST: u64 = 60_000;

/// Gas of messages that no batch covers yet, from which on a deposit costs more for each that waits before it.
pub const PRICED_BACKLOG: u64 = 40_000_000;

/// A limit of time counts one L1 block for each so many seconds, so that an L1 that stood still makes nothing old
/// (`Inbox.forceDelayBlocks`).
pub const SECONDS_PER_L1_BLOCK: u64 = 24;

/// Seconds in which an empty allowance is full again.
const REFILL: u64 = BLOCK_BURST / BLOCK_RATE;

/// Batches of the last so many seconds decide the allowance. It was not empty before them, or it would not matter: from
/// nothing it is full in [`REFILL`] seconds, unless the batches in between use more than half of what comes in.
const WINDOW: u64 = 6 * REFILL;

/// Batches that are looked at in any case at most. An L1 block has room for some dozens.
const MAX_BATCHES: u64 = 5_000;

/// How many blocks the inbox takes (`Inbox.blockAllowance`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAllowance {
    blocks: u64,
    at: u64,
}

impl BlockAllowance {
    /// As much as there can be, at an L1 timestamp: what a new inbox has.
    pub const fn full(at: u64) -> Self {
        Self { blocks: BLOCK_BURST, at }
    }

    /// Nothing is left, at an L1 timestamp.
    const fn empty(at: u64) -> Self {
        Self { blocks: 0, at }
    }

    /// Blocks that the inbox takes at an L1 timestamp.
    pub fn at(&self, timestamp: u64) -> u64 {
        let gained = BLOCK_RATE.saturating_mul(timestamp.saturating_sub(self.at));
        self.blocks.saturating_add(gained).min(BLOCK_BURST)
    }

    /// After a batch of so many blocks. A forced batch uses up what there is.
    #[must_use]
    pub fn after(&self, block_count: u64, timestamp: u64) -> Self {
        Self { blocks: self.at(timestamp).saturating_sub(block_count), at: timestamp.max(self.at) }
    }
}

/// What the batches on L1, as far as they are derived, say to whoever builds the next blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHistory {
    /// How many blocks the inbox takes. Never too many; too few only while batches use more than half of what comes in.
    pub allowance: BlockAllowance,
    /// L1 timestamp of the newest batch of the sequencer; that of the genesis if there is none.
    pub last_sequencer_batch_at: u64,
}

impl BatchHistory {
    /// Reads the newest batches.
    pub fn load<K: TxMode>(tx: &Tx<K>, config: &RollupConfig) -> Result<Self, ChainError> {
        let count = tx.batch_count()?;
        let batch = |index| -> Result<BatchHeader, ChainError> {
            let missing = ChainError::Missing { what: "batch", number: index };
            let (_, header) = tx.batch_header(index)?.ok_or(missing)?;
            BatchHeader::decode(&header)
                .map_err(|_| ChainError::Missing { what: "readable batch", number: index })
        };
        let mut newest: Vec<BatchHeader> = Vec::new();
        let mut sequencers = None;
        let mut index = count;
        while index > 0 && count - index < MAX_BATCHES {
            let header = batch(index - 1)?;
            let since =
                newest.first().map_or(0, |last| last.l1_timestamp.saturating_sub(header.l1_timestamp));
            if since > WINDOW && sequencers.is_some() {
                break;
            }
            if header.da_kind != DaKind::None {
                sequencers = sequencers.or(Some(header.l1_timestamp));
            }
            index -= 1;
            newest.push(header);
        }
        let oldest = newest.last().map_or(config.genesis.timestamp, |header| header.l1_timestamp);
        let start = if index == 0 {
            BlockAllowance::full(config.genesis.timestamp)
        } else {
            BlockAllowance::empty(oldest)
        };
        let allowance = newest
            .iter()
            .rev()
            .fold(start, |allowance, batch| allowance.after(batch.block_count, batch.l1_timestamp));
        let none = if index == 0 { config.genesis.timestamp } else { oldest };
        Ok(Self { allowance, last_sequencer_batch_at: sequencers.unwrap_or(none) })
    }
}

/// Gas of the messages before the queue index `end`.
pub fn gas_end<K: TxMode>(tx: &Tx<K>, end: u64) -> Result<u64, ChainError> {
    end.checked_sub(1).map_or(Ok(0), |last| Ok(StoredQueue(tx).header(last)?.gas_end))
}

/// The arguments of `forceBatch` that say which messages the batch covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForcedEnd {
    /// The first message for which a forced batch has no room; 0 if it covers the whole queue.
    pub message_end: u64,
    /// That message's header; empty if there is none.
    pub header: Bytes,
}

impl ForcedEnd {
    /// Where a forced batch ends that begins at the queue index `message_end`.
    pub fn load<K: TxMode>(tx: &Tx<K>, message_end: u64) -> Result<Self, ChainError> {
        let count = tx.message_count()?;
        let header = |index| StoredQueue(tx).header(index);
        let most = gas_end(tx, message_end)?.saturating_add(GUARANTEE * MAX_FORCED_BLOCKS);
        if count <= message_end || gas_end(tx, count)? <= most {
            return Ok(Self::default());
        }
        // Gas ends ascend. Invariant: the messages before `low` fit, message `high` does not.
        let (mut low, mut high) = (message_end, count - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if header(middle)?.gas_end <= most {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Self { message_end: low, header: Bytes::copy_from_slice(&header(low)?.encode()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_the_contracts() {
        let full = BlockAllowance::full(1_000);
        assert_eq!(full.at(2_000), BLOCK_BURST);
        let less = full.after(4_096, 1_000);
        assert_eq!(less.at(1_000), BLOCK_BURST - 4_096);
        assert_eq!(less.at(1_040), BLOCK_BURST - 96);
        assert_eq!(less.at(1_041), BLOCK_BURST);
        // A forced batch takes what there is, and no more.
        assert_eq!(BlockAllowance::empty(5).after(16, 5).at(6), BLOCK_RATE);
        // L1's time does not go back; should it, nothing is gained.
        assert_eq!(less.at(0), BLOCK_BURST - 4_096);
    }
}
