//! The blocks that are in no batch yet, and whether it is time for one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::B256;
use db::Reader;
use rollup::{
    chain::Chain,
    inbox_rules::{PRICED_BACKLOG, gas_end},
};
use stf::ExtraData;

use super::error::PlanError;

/// What waits beyond a payload before it is worth posting, as a part of it: the size is an estimate, and what is posted is to be
/// full.
const SURPLUS: usize = 50;

/// From when on blocks are posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct DueRules {
    /// So many blocks.
    pub(super) blocks: u64,
    /// So many bytes of payload, about.
    pub(super) payload: usize,
    /// So old. `None`: L1 has yet to take the batch before, so that a small one would come no sooner by itself than with what
    /// follows.
    pub(super) age: Option<Duration>,
}

/// Whether it is time for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    No,
    /// If they fill a payload, as they are estimated to.
    IfFull,
    Now,
}

/// The blocks that wait to be posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    first: u64,
    since: Instant,
    /// Up to where the transactions' bytes are counted, and the block there.
    counted: (u64, B256),
    bytes: usize,
    /// Payload bytes for each byte of transactions, as last seen.
    pub(super) ratio: f64,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { first: u64::MAX, since: Instant::now(), counted: (0, B256::ZERO), bytes: 0, ratio: 1.0 }
    }

    /// Bytes of the payload that holds them, about.
    pub(super) fn payload(&self) -> usize {
        (self.bytes as f64 * self.ratio) as usize
    }

    /// A payload came out of transactions.
    pub(super) fn encoded(&mut self, payload: usize, raw: usize) {
        if raw > 0 {
            self.ratio = (payload as f64 / raw as f64).clamp(0.05, 1.1);
        }
    }

    /// Whether the blocks after this one are many, large or old enough to be posted.
    pub(super) fn due(&mut self, chain: &Chain, after: u64, rules: &DueRules) -> Result<Due, PlanError> {
        let (first, last) = (after + 1, chain.heads().unsafe_head.number);
        metrics::gauge!("recourse_batcher_waiting_blocks").set((last + 1).saturating_sub(first) as f64);
        if last < first {
            self.first = u64::MAX;
            return Ok(Due::No);
        }
        let reader = chain.db().read()?;
        self.count(&reader, first, last)?;
        let oldest = reader.header(first)?.map_or(0, |header| header.timestamp);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Two clocks: the block's survives a restart, ours works where L1's time is not the world's.
        let age = now.saturating_sub(Duration::from_secs(oldest)).max(self.since.elapsed());
        if last + 1 - first >= rules.blocks {
            return Ok(Due::Now);
        }
        if let Some(limit) = rules.age
            && (age >= limit || unserved_gas(&reader, after)? > PRICED_BACKLOG)
        {
            return Ok(Due::Now);
        }
        let is_large = self.payload() >= rules.payload + rules.payload / SURPLUS;
        Ok(if is_large { Due::IfFull } else { Due::No })
    }

    /// Counts the bytes of users in these blocks; only what is new, while the chain goes on as it was.
    fn count(&mut self, reader: &Reader, first: u64, last: u64) -> Result<(), PlanError> {
        let (counted, hash) = self.counted;
        let stands = reader.block_hash(counted)? == Some(hash);
        if self.first != first {
            self.since = Instant::now();
        }
        if self.first != first || !stands || counted < first {
            *self = Self { first, bytes: 0, counted: (first - 1, hash), ..*self };
        }
        for body in reader.bodies(self.counted.0 + 1..=last)? {
            let (number, body) = body?;
            let users = body.iter().filter(|tx| !tx.is_deposit());
            self.bytes += users.map(|tx| tx.raw.len()).sum::<usize>();
            self.counted.0 = number;
        }
        self.counted.1 = reader.block_hash(self.counted.0)?.unwrap_or_default();
        Ok(())
    }
}

/// Gas of the messages that no block up to this one has consumed.
fn unserved_gas(reader: &Reader, block: u64) -> Result<u64, PlanError> {
    let served = reader.header(block)?.and_then(|header| ExtraData::of(&header)).unwrap_or_default();
    Ok(gas_end(reader, reader.message_count()?)?.saturating_sub(served.consumed_gas))
}
