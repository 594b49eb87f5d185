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

/// Allowance below which blocks come no faster than it grows, so that half of it is left if L1 goes away.
const RESERVE: u64 = BLOCK_BURST / 2;

/// What L1 has of our blocks, and what it has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaceView {
    /// What the batches on L1 say.
    pub(super) history: BatchHistory,
    /// Timestamp of the newest L1 block that was followed.
    pub(super) l1_time: u64,
    /// Whether no L1 block has come for long.
    pub(super) is_away: bool,
    /// Whether messages wait that a block may consume, or the blocks that wait have consumed more than as many blocks of a
    /// batch may. Until more blocks have, there may be no batch that the inbox takes.
    pub(super) is_behind: bool,
    /// Timestamp of the oldest block that is in no batch on L1.
    pub(super) oldest: Option<u64>,
    /// Blocks that are in no batch on L1.
    pub(super) unposted_blocks: u64,
}

/// What bounds the pace in one rollup.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaceLimits {
    /// Seconds since the newest batch of the sequencer after which nothing is confirmed: half of what would allow others
    /// to force one.
    confirm: u64,
    /// Seconds that a block may wait for a batch until nothing more is confirmed: half of the age at which messages that it
    /// consumed must be in one.
    age: u64,
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
        Self { confirm: force_delay.min(config.sequencer_timeout) / 2, age: force_delay / 2 }
    }

    /// The pace at a time of the sequencer's clock.
    pub(super) fn pace(&self, view: &PaceView, clock: u64) -> Pace {
        let silent = clock.saturating_sub(view.history.last_sequencer_batch_at);
        let reason = if silent > self.confirm {
            Some("the newest batch on L1 is too old: a forced batch could replace what is confirmed")
        } else if view.oldest.is_some_and(|oldest| clock.saturating_sub(oldest) > self.age) {
            Some("blocks wait for L1 for too long")
        } else {
            None
        };
        if let Some(reason) = reason {
            // A block that nobody was told of can be lost, and may be what the next batch needs.
            let is_needed = view.unposted_blocks == 0 || view.is_behind;
            return if is_needed { Pace::Alone } else { Pace::Stop(reason) };
        }
        let left = view.history.allowance.at(view.l1_time).saturating_sub(view.unposted_blocks);
        if left == 0 {
            return Pace::Stop("the inbox takes no more blocks for now");
        }
        if view.is_away {
            // What is left must do until nothing is confirmed any more.
            let time = Duration::from_secs((self.confirm - silent).max(1));
            Pace::Every(time / u32::try_from(left).unwrap_or(u32::MAX))
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
    /// Follows the chain: blocks above `safe` up to `head`. Returns the bytes that L1 has taken since.
    pub(super) fn follow(&mut self, reader: &Reader, safe: u64, head: u64) -> Result<u64, ChainError> {
        let before = if safe + 1 < self.first || self.end() > head + 1 {
            self.clear();
            0
        } else {
            self.total
        };
        while self.first <= safe
            && let Some(bytes) = self.bytes.pop_front()
        {
            self.first += 1;
            self.total -= bytes as u64;
        }
        let taken = before.saturating_sub(self.total);
        if self.bytes.is_empty() {
            self.first = safe + 1;
        }
        if self.end() <= head {
            for body in reader.bodies(self.end()..=head)? {
                let (_, body) = body?;
                self.push(body.iter().filter(|tx| !tx.is_deposit()).map(|tx| tx.raw.len()).sum());
            }
        }
        Ok(taken)
    }

    /// Adds a block that was just built. One that does not follow is found by [`follow`](Self::follow).
    pub(super) fn built(&mut self, block: &ChainBlock) {
        if block.header.number == self.end() {
            let users = block.transactions.iter().filter(|tx| !tx.envelope().is_deposit());
            self.push(users.map(|tx| tx.encoded().len()).sum());
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rollup::{chain::BuildPlan, inbox_rules::BlockAllowance, testing};

    use super::*;

    /// L1's time in the cases.
    const NOW: u64 = 1_000_000;

    fn limits() -> PaceLimits {
        PaceLimits { confirm: 10_800, age: 21_600 }
    }

    /// A batch came a minute ago; L1 is there, and has all blocks.
    fn view() -> PaceView {
        let history =
            BatchHistory { allowance: BlockAllowance::full(NOW), last_sequencer_batch_at: NOW - 60 };
        PaceView { history, l1_time: NOW, is_away: false, is_behind: false, oldest: None, unposted_blocks: 0 }
    }

    #[test]
    fn blocks_are_free_as_long_as_half_of_the_allowance_is_left() {
        assert_eq!(limits().pace(&view(), NOW), Pace::Free);
        let half = PaceView { unposted_blocks: BLOCK_BURST / 2, ..view() };
        assert_eq!(limits().pace(&half, NOW), Pace::Free);
        let less = PaceView { unposted_blocks: BLOCK_BURST / 2 + 1, ..view() };
        assert_eq!(limits().pace(&less, NOW), Pace::Every(Duration::from_millis(10)));
        let none = PaceView { unposted_blocks: BLOCK_BURST, ..view() };
        assert!(matches!(limits().pace(&none, NOW), Pace::Stop(_)));
    }

    #[test]
    fn while_l1_is_away_the_allowance_lasts_until_nothing_is_confirmed_any_more() {
        let mut view = PaceView { is_away: true, ..view() };
        let mut clock = NOW + 61;
        let mut built = 0;
        loop {
            match limits().pace(&view, clock) {
                Pace::Every(interval) => {
                    // As many as come in a second, or the next one in some seconds.
                    let blocks = (1.0 / interval.as_secs_f64()).max(1.0) as u64;
                    clock += interval.as_secs().max(1);
                    built += blocks;
                    view.unposted_blocks += blocks;
                }
                Pace::Stop(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(clock, NOW - 60 + limits().confirm, "L2 goes on to the end");
        assert!(built <= BLOCK_BURST, "and the inbox takes all of it: {built}");
    }

    #[test]
    fn nothing_is_confirmed_that_a_forced_batch_could_replace_soon() {
        let last = NOW - 60 + limits().confirm;
        let waiting = PaceView { unposted_blocks: 1, l1_time: last, ..view() };
        assert_eq!(limits().pace(&waiting, last), Pace::Free);
        assert!(matches!(limits().pace(&waiting, last + 1), Pace::Stop(_)));
        // A block without transactions gets a batch to L1 again, and then others can follow.
        let idle = PaceView { unposted_blocks: 0, ..waiting };
        assert_eq!(limits().pace(&idle, last + 1), Pace::Alone);
        // So do blocks that consume what a batch must not leave behind.
        let behind = PaceView { is_behind: true, ..waiting };
        assert_eq!(limits().pace(&behind, last + 1), Pace::Alone);
        assert_eq!(limits().pace(&behind, last), Pace::Free);
    }

    #[test]
    fn nothing_is_confirmed_while_blocks_wait_for_l1_for_too_long() {
        let waiting = |oldest| PaceView { oldest: Some(oldest), unposted_blocks: 9, ..view() };
        assert_eq!(limits().pace(&waiting(NOW - 21_600), NOW), Pace::Free);
        assert!(matches!(limits().pace(&waiting(NOW - 21_601), NOW), Pace::Stop(_)));
        let behind = PaceView { is_behind: true, ..waiting(NOW - 21_601) };
        assert_eq!(limits().pace(&behind, NOW), Pace::Alone);
    }

    #[test]
    fn the_limits_follow_from_the_rollup() {
        let dir = tempfile::tempdir().unwrap();
        let chain = testing::open(dir.path(), &testing::config(1, 0));
        let limits = PaceLimits::new(&chain);
        assert_eq!((limits.confirm, limits.age), (10_800, 21_600));
    }

    #[test]
    fn what_is_not_on_l1_is_counted_from_the_chain() {
        let dir = tempfile::tempdir().unwrap();
        let chain = testing::open(dir.path(), &testing::config(1, 0));
        let size = testing::transaction(0, testing::transfer(0)).len() as u64;
        let time = chain.heads().unsafe_head.timestamp;
        let plan = BuildPlan { timestamp: time, max_messages: 0, message_l1_limit: 0 };
        let mut unposted = Unposted::default();
        let blocks: Vec<_> = (0..3)
            .map(|nonce| {
                let raw = testing::transaction(0, testing::transfer(nonce));
                let tx = stf::Transaction::recover(raw).unwrap();
                chain.build(plan, |builder| builder.execute(&tx).unwrap().unwrap()).unwrap().0
            })
            .collect();
        let reader = chain.db().read().unwrap();
        // A node that starts counts what is there.
        unposted.follow(&reader, 0, 2).unwrap();
        assert_eq!((unposted.blocks(), unposted.bytes()), (2, 2 * size));
        unposted.built(&blocks[2]);
        unposted.follow(&reader, 0, 3).unwrap();
        assert_eq!((unposted.blocks(), unposted.bytes()), (3, 3 * size));
        assert_eq!(unposted.follow(&reader, 2, 3).unwrap(), 2 * size);
        assert_eq!((unposted.blocks(), unposted.bytes()), (1, size));
        assert_eq!(unposted.follow(&reader, 3, 3).unwrap(), size);
        assert_eq!((unposted.blocks(), unposted.bytes()), (0, 0));
        // A reorg of L1 makes safe blocks unsafe again, or takes blocks away.
        assert_eq!(unposted.follow(&reader, 1, 3).unwrap(), 0);
        assert_eq!(unposted.blocks(), 2);
        unposted.follow(&reader, 1, 2).unwrap();
        assert_eq!((unposted.blocks(), unposted.bytes()), (1, size));
    }
}
