//! What the next batch depends on: the inbox on L1, and the local chain as one snapshot of the database has it.

use std::collections::BTreeMap;

use alloy::primitives::B256;
use db::{MESSAGE_HEADER, Reader};
use rollup::{
    chain::{Chain, ChainError, FeedBlock},
    inbox_rules::ForcedEnd,
    l1::InboxPosition,
};
use stf::{BlockSpec, codec::MAX_DECOMPRESSED_SIZE, derive::message_cursor};

use super::error::PlanError;

/// Where the batches end on L1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InboxView {
    /// Number of the L1 block that was looked at.
    pub(super) number: u64,
    /// Its timestamp.
    pub(super) timestamp: u64,
    /// Its base fee, in wei.
    pub(super) base_fee: u128,
    /// Blocks that the inbox takes there.
    pub(super) allowance: u64,
    pub(super) last_block: u64,
    pub(super) message_end: u64,
    pub(super) batches: u64,
    pub(super) batch_acc: B256,
}

/// Where the batches on their way end.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// The block before the first of them.
    pub(super) before: u64,
    /// Number and hash of the last block of each.
    pub(super) ends: Vec<(u64, B256)>,
    /// Messages that they cover.
    pub(super) message_end: u64,
}

impl Course {
    /// How many of the batches end at or before this block, if one ends there, or the first begins behind it.
    pub(super) fn position(&self, block: u64) -> Option<u64> {
        let ends = [self.before].into_iter().chain(self.ends.iter().map(|(number, _)| *number));
        ends.zip(0..).find_map(|(end, index)| (end == block).then_some(index))
    }

    /// How many of the batches hold blocks that the local chain has, before the first that does not.
    pub(super) fn standing(&self, reader: &Reader) -> db::Result<usize> {
        for (index, (number, hash)) in self.ends.iter().enumerate() {
            if reader.block_hash(*number)? != Some(*hash) {
                return Ok(index);
            }
        }
        Ok(self.ends.len())
    }
}

/// All that a plan is made from.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchSnapshot {
    pub(super) chain_id: u64,
    pub(super) inbox: InboxView,
    /// The batches on their way there.
    pub(super) course: Course,
    /// How many of them hold blocks that the local chain has.
    pub(super) standing: usize,
    /// Number of batches that the local chain has derived, and the accumulator over them.
    pub(super) derived: (u64, B256),
    pub(super) safe: u64,
    pub(super) unsafe_head: u64,
    /// The local blocks after those on L1; none while there is an [`obstacle`](Self::obstacle).
    pub(super) blocks: CandidateBlocks,
    pub(super) queue: LoadedQueue,
    /// Where a forced batch would end.
    pub(super) forced_end: ForcedEnd,
}

/// The local blocks that come next, as far as they may be in a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct CandidateBlocks {
    pub(super) specs: Vec<BlockSpec>,
    /// Queue index after each.
    pub(super) cursors: Vec<u64>,
    /// Bytes of transactions up to and with each.
    pub(super) bytes: Vec<usize>,
    /// The hash of each.
    pub(super) hashes: Vec<B256>,
}

impl CandidateBlocks {
    /// Adds the next block; `cursor` is the queue index before the first.
    pub(super) fn push(&mut self, cursor: u64, hash: B256, spec: BlockSpec) {
        let cursor = self.cursors.last().copied().unwrap_or(cursor);
        let bytes = spec.transactions.iter().map(|tx| tx.len()).sum::<usize>();
        self.cursors.push(cursor.saturating_add(spec.messages));
        self.bytes.push(self.bytes.last().copied().unwrap_or(0) + bytes);
        self.hashes.push(hash);
        self.specs.push(spec);
    }
}

/// What a plan needs of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueuedMessage {
    pub(super) header: [u8; MESSAGE_HEADER],
    pub(super) acc: B256,
}

/// The message queue, where the inbox or a block ends in it.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadedQueue {
    /// Number of messages that the local chain knows.
    pub(super) count: u64,
    /// Those that were loaded.
    pub(super) messages: BTreeMap<u64, QueuedMessage>,
}

impl LoadedQueue {
    /// A message; `None` if the queue ends before it.
    pub(super) fn get(&self, index: u64) -> Result<Option<QueuedMessage>, PlanError> {
        match self.messages.get(&index) {
            Some(message) => Ok(Some(*message)),
            None if index >= self.count => Ok(None),
            None => Err(missing("message", index)),
        }
    }

    /// Loads a message, if there is one.
    fn load(&mut self, reader: &Reader, index: u64) -> Result<(), PlanError> {
        if index < self.count && !self.messages.contains_key(&index) {
            let message = reader.message(index)?.ok_or(missing("message", index))?;
            self.messages.insert(index, QueuedMessage { header: message.header, acc: message.acc });
        }
        Ok(())
    }
}

impl BatchSnapshot {
    /// Reads the local chain: no more than `max_blocks` blocks, and no more transactions than a payload can hold.
    pub(super) fn load(
        chain: &Chain,
        inbox: InboxView,
        course: Course,
        max_blocks: u64,
    ) -> Result<Self, PlanError> {
        let reader = chain.db().read()?;
        let local = InboxPosition::load(&reader)?;
        let mut snapshot = Self {
            chain_id: chain.config().chain.chain_id,
            inbox,
            standing: course.standing(&reader)?,
            course,
            derived: (local.batches, local.batch_acc),
            safe: reader.safe()?.unwrap_or(0),
            unsafe_head: reader.head()?.map_or(0, |(number, _)| number),
            blocks: CandidateBlocks::default(),
            queue: LoadedQueue { count: local.messages, messages: BTreeMap::new() },
            forced_end: ForcedEnd::default(),
        };
        if snapshot.obstacle().is_none() {
            let latest = inbox.timestamp.saturating_add(chain.config().chain.max_drift);
            snapshot.load_blocks(&reader, max_blocks.min(snapshot.allowance()), latest)?;
            snapshot.load_messages(&reader)?;
            snapshot.forced_end = ForcedEnd::load(&reader, inbox.message_end)?;
        }
        Ok(snapshot)
    }

    /// Why the local blocks can't be laid beside the inbox, if they can't.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        let is_derived = self.derived == (self.inbox.batches, self.inbox.batch_acc);
        const UNKNOWN: &str = "the local chain has not derived the newest batch";
        if self.course.ends.is_empty() {
            return match is_derived {
                false => Some(UNKNOWN),
                true => (self.safe != self.inbox.last_block).then_some("the local chain is being changed"),
            };
        }
        if self.standing < self.course.ends.len() {
            return Some("the local chain has other blocks than a batch on its way");
        }
        let positions = (self.course.position(self.safe), self.course.position(self.inbox.last_block));
        let (Some(here), Some(there)) = positions else {
            return Some("a batch is on L1 that is none of those on their way");
        };
        let ours = match there.checked_sub(here) {
            // All that is derived.
            Some(0) => is_derived,
            // The others are there as they were sent: nobody else's would end at the same blocks, and be as many.
            Some(more) => self.derived.0 + more == self.inbox.batches,
            None => false,
        };
        (!ours).then_some(UNKNOWN)
    }

    /// Last block and message end of all batches, those on their way included.
    pub(super) fn end(&self) -> (u64, u64) {
        match self.course.ends.last() {
            Some((last, _)) => (*last, self.course.message_end),
            None => (self.inbox.last_block, self.inbox.message_end),
        }
    }

    /// Blocks that the inbox takes after those on their way.
    pub(super) fn allowance(&self) -> u64 {
        self.inbox.allowance.saturating_sub(self.end().0.saturating_sub(self.inbox.last_block))
    }

    fn load_blocks(&mut self, reader: &Reader, max_blocks: u64, latest: u64) -> Result<(), PlanError> {
        let (last_block, _) = self.end();
        let parent = reader.header(last_block)?.ok_or(missing("header", last_block))?;
        let cursor = message_cursor(&parent).unwrap_or(0);
        for number in last_block + 1..=self.unsafe_head.min(last_block.saturating_add(max_blocks)) {
            let block = FeedBlock::stored(reader, number)?.ok_or(missing("block", number))?;
            // Later than this a block would come out with another timestamp.
            let full = self.blocks.bytes.last().is_some_and(|bytes| *bytes > MAX_DECOMPRESSED_SIZE);
            if full || block.spec.timestamp > latest {
                break;
            }
            self.blocks.push(cursor, block.hash, block.spec);
        }
        Ok(())
    }

    /// The messages before and after each place where a batch could end, and where the last one did.
    fn load_messages(&mut self, reader: &Reader) -> Result<(), PlanError> {
        for end in self.blocks.cursors.iter().copied().chain([self.end().1]) {
            self.queue.load(reader, end)?;
            if let Some(last) = end.checked_sub(1) {
                self.queue.load(reader, last)?;
            }
        }
        Ok(())
    }
}

const fn missing(what: &'static str, number: u64) -> PlanError {
    PlanError::Chain(ChainError::Missing { what, number })
}

#[cfg(test)]
mod tests {
    use rollup::{chain::BuildPlan, testing};

    use super::*;

    /// Blocks of two transfers, at these timestamps after genesis.
    fn chain(dir: &tempfile::TempDir, timestamps: &[u64]) -> Chain {
        let chain = testing::open(dir.path(), &testing::config(1, 0));
        let genesis = chain.heads().unsafe_head.timestamp;
        for (index, timestamp) in timestamps.iter().enumerate() {
            let plan = BuildPlan { timestamp: genesis + timestamp, max_messages: 0, message_l1_limit: 0 };
            let fill = |builder: &mut rollup::chain::HeadBuilder<'_>| {
                for nonce in [2 * index as u64, 2 * index as u64 + 1] {
                    let raw = testing::transaction(0, testing::transfer(nonce));
                    builder.execute(&stf::Transaction::recover(raw).unwrap()).unwrap().unwrap();
                }
            };
            chain.build(plan, fill).unwrap();
        }
        chain
    }

    #[test]
    fn blocks_are_loaded_up_to_the_limit_and_to_what_l1s_time_allows() {
        let dir = tempfile::tempdir().unwrap();
        let chain = chain(&dir, &[1, 2, 3, 1000]);
        let timestamp = chain.heads().unsafe_head.timestamp - 1000;
        let load = |timestamp, max_blocks| {
            let inbox = InboxView { timestamp, allowance: 60_000, ..InboxView::default() };
            let snapshot = BatchSnapshot::load(&chain, inbox, Course::default(), max_blocks).unwrap();
            assert_eq!((snapshot.obstacle(), snapshot.unsafe_head), (None, 4));
            snapshot.blocks
        };
        let drift = chain.config().chain.max_drift;
        assert_eq!(load(timestamp, 10).specs.len(), 3, "block 4 is later than L1's time and the drift");
        assert_eq!(load(timestamp + 1000 - drift, 10).specs.len(), 4);
        assert_eq!(load(timestamp - drift, 10).specs.len(), 0);
        let two = load(timestamp, 2);
        assert_eq!(two.specs, [1, 2].map(|number| testing::feed_block(&chain, number).spec));
        let bytes = two.specs.iter().flat_map(|spec| &spec.transactions).map(|tx| tx.len()).sum::<usize>();
        assert_eq!((two.cursors, two.bytes), (vec![0, 0], vec![bytes / 2, bytes]));
    }

    #[test]
    fn an_inbox_that_the_local_chain_has_not_derived_loads_no_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let chain = chain(&dir, &[1]);
        let timestamp = chain.heads().unsafe_head.timestamp;
        // As L1 would say it after another node's batch of 5 blocks, of which this chain has none.
        let ahead = InboxView { timestamp, last_block: 5, batches: 1, ..InboxView::default() };
        for inbox in [ahead, InboxView { batches: 0, ..ahead }] {
            let snapshot = BatchSnapshot::load(&chain, inbox, Course::default(), 10).unwrap();
            assert!(snapshot.obstacle().is_some() && snapshot.blocks.specs.is_empty());
        }
    }
}
