//! What waits for L1, and how fast L1 takes it: nothing is confirmed that would come too late.
//!
//! A block that is not on L1 in time can be replaced by somebody else's. So there is a limit of bytes that wait: as many as
//! L1 takes in an eighth of the force delay, by the pace of the newest batches. From half of it on, blocks carry no more bytes
//! a second than L1 takes; at the limit they carry none of users, and the pool says so, until half of it is gone again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    limits::{MAX_BLOCK_BYTES, MAX_PAYLOAD},
    pool::Congestion,
};

/// The backlog is to be on L1 within the force delay divided by this, while L1 makes blocks.
const PART: u64 = 8;

/// L1 blocks that a batch takes, until more is known: the one that holds it, and one in which it is derived.
const BLOCKS_PER_BATCH: u64 = 2;

/// Batches of which the pace is made.
const SAMPLES: usize = 8;

/// What may wait in any case: less than two batches would leave L1 idle while one is on its way.
const MIN_LIMIT: u64 = 2 * MAX_PAYLOAD as u64;

/// What was left behind a batch if L1, and not the want of transactions, bounded it.
const SATURATED: u64 = MAX_PAYLOAD as u64 / 2;

/// Seconds from one L1 block to the next on Ethereum.
const L1_BLOCK_TIME: f64 = 12.0;

/// Least time between blocks while their bytes are bounded. More often there would be next to nothing in them; less often, and a
/// batch of whole blocks would leave more of its last blob empty: at 12 seconds and six blobs, each takes a sixtieth.
const SLOW_INTERVAL: Duration = Duration::from_millis(200);

/// How fast L1 makes blocks and takes bytes, by its own time.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Number and timestamp of an L1 block to measure from.
    since: Option<(u64, u64)>,
    /// Seconds from one block to the next.
    interval: Option<f64>,
    /// When the newest batch came, if more was left behind it than L1 took.
    last: Option<u64>,
    /// Bytes and seconds of the newest batches.
    samples: VecDeque<(u64, u64)>,
}

impl Intake {
    /// L1 is at this block.
    pub(super) fn moved(&mut self, number: u64, time: u64) {
        match self.since {
            Some((first, begun)) if number > first && time > begun => {
                self.interval = Some((time - begun) as f64 / (number - first) as f64);
                // What was long ago says little.
                if number - first >= 64 {
                    self.since = Some((number, time));
                }
            }
            Some((first, begun)) if number == first && time == begun => {}
            _ => self.since = Some((number, time)),
        }
    }

    /// L1 has so many bytes more than before, and so many are left.
    pub(super) fn took(&mut self, bytes: u64, left: u64, time: u64) {
        if bytes == 0 {
            return;
        }
        if let Some(before) = self.last.filter(|before| *before < time) {
            self.samples.push_back((bytes, time - before));
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
        self.last = (left >= SATURATED).then_some(time);
    }

    /// Bytes that L1 takes in a second.
    pub(super) fn rate(&self) -> u64 {
        let (bytes, seconds) = self
            .samples
            .iter()
            .fold((0, 0), |(bytes, seconds), sample| (bytes + sample.0, seconds + sample.1));
        let interval = self.interval.unwrap_or(L1_BLOCK_TIME);
        let assumed = MAX_PAYLOAD as f64 / (interval * BLOCKS_PER_BATCH as f64);
        let measured = (seconds > 0).then(|| bytes as f64 / seconds as f64);
        measured.unwrap_or(assumed).max(1.0) as u64
    }
}

/// How much of users the next block may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// As much as a block may.
    Free,
    /// So many bytes a second.
    Slow(u64),
    /// Nothing.
    None,
}

/// Keeps the backlog below its limit.
#[derive(Debug)]
pub(super) struct Backlog {
    pub(super) intake: Intake,
    force_delay: u64,
    /// The limit was reached, and half of it is not gone yet.
    is_full: bool,
    /// Bytes that the next block may carry while they are bounded, as of a time.
    credit: (f64, Instant),
}

impl Backlog {
    pub(super) fn new(force_delay: u64) -> Self {
        Self { intake: Intake::default(), force_delay, is_full: false, credit: (0.0, Instant::now()) }
    }

    /// Bytes that may wait.
    pub(super) fn limit(&self) -> u64 {
        self.intake.rate().saturating_mul(self.force_delay / PART).max(MIN_LIMIT)
    }

    /// What the next block may carry while so many bytes wait, and what the pool is to say.
    pub(super) fn room(&mut self, waiting: u64) -> (Room, Option<Congestion>) {
        let (limit, rate) = (self.limit(), self.intake.rate());
        self.is_full = waiting >= limit || self.is_full && waiting >= limit / 2;
        if self.is_full {
            return (Room::None, Some(Congestion::Backlog { waiting, limit }));
        }
        (if waiting >= limit / 2 { Room::Slow(rate) } else { Room::Free }, None)
    }

    /// Bytes that a block may carry now.
    pub(super) fn bytes(&mut self, room: Room, now: Instant) -> usize {
        let (credit, since) = self.credit;
        let credit = match room {
            Room::Free => MAX_BLOCK_BYTES as f64,
            Room::None => 0.0,
            Room::Slow(rate) => {
                let grown = credit + rate as f64 * now.saturating_duration_since(since).as_secs_f64();
                grown.min(MAX_BLOCK_BYTES as f64)
            }
        };
        self.credit = (credit, now);
        credit as usize
    }

    /// A block has carried so many bytes.
    pub(super) fn spent(&mut self, bytes: usize) {
        self.credit.0 = (self.credit.0 - bytes as f64).max(0.0);
    }
}

impl Room {
    /// The least time from one block to the next.
    pub(super) const fn interval(self, heartbeat: Duration) -> Option<Duration> {
        match self {
            Self::Free => None,
            Self::Slow(_) => Some(SLOW_INTERVAL),
            Self::None => Some(heartbeat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backlog on an L1 with a block every 12 seconds.
    fn backlog(force_delay: u64) -> Backlog {
        let mut backlog = Backlog::new(force_delay);
        backlog.intake.moved(100, 1_000);
        backlog.intake.moved(110, 1_120);
        backlog
    }

    #[test]
    fn without_a_measurement_l1_is_assumed_to_take_one_payload_in_two_blocks() {
        let main = backlog(12 * 3600);
        assert_eq!(main.intake.rate(), MAX_PAYLOAD as u64 / 24);
        assert_eq!(main.limit(), MAX_PAYLOAD as u64 / 24 * 5_400);
        // Where the force delay is short, two batches may wait all the same.
        assert_eq!(backlog(60).limit(), MIN_LIMIT);
        // Before anything is known of L1, it is Ethereum.
        assert_eq!(Intake::default().rate(), MAX_PAYLOAD as u64 / 24);
    }

    #[test]
    fn the_pace_is_that_of_batches_behind_which_more_was_waiting() {
        let mut intake = Intake::default();
        // L1 took all there was: that says nothing of what it could take.
        for time in (0..100).step_by(12) {
            intake.took(500, 0, time);
        }
        assert_eq!(intake.rate(), MAX_PAYLOAD as u64 / 24);
        for time in (100..300).step_by(12) {
            intake.took(780_000, 5_000_000, time);
        }
        assert_eq!(intake.rate(), 65_000);
        // A slower L1 is noticed within eight batches.
        for batch in 0..=8 {
            intake.took(60_000, 5_000_000, 300 + 60 * batch);
        }
        assert_eq!(intake.rate(), 1_000);
        // Batches in one L1 block come together.
        intake.took(1, 5_000_000, 780);
        assert_eq!(intake.rate(), 1_000);
    }

    #[test]
    fn at_the_limit_nothing_is_taken_until_half_of_it_is_gone() {
        let mut backlog = backlog(12 * 3600);
        let (limit, rate) = (backlog.limit(), backlog.intake.rate());
        assert_eq!(backlog.room(limit / 2 - 1), (Room::Free, None));
        assert_eq!(backlog.room(limit / 2), (Room::Slow(rate), None));
        assert_eq!(backlog.room(limit - 1), (Room::Slow(rate), None));
        let full = |waiting| (Room::None, Some(Congestion::Backlog { waiting, limit }));
        assert_eq!(backlog.room(limit), full(limit));
        assert_eq!(backlog.room(limit / 2), full(limit / 2));
        assert_eq!(backlog.room(limit / 2 - 1), (Room::Free, None));
    }

    #[test]
    fn slow_blocks_carry_what_l1_takes_meanwhile_and_the_largest_fits_in_time() {
        let mut backlog = backlog(12 * 3600);
        let (rate, begun) = (backlog.intake.rate(), Instant::now());
        let room = Room::Slow(rate);
        backlog.bytes(room, begun);
        backlog.spent(usize::MAX);
        let mut carried = 0;
        for second in 1..=1_000 {
            let bytes = backlog.bytes(room, begun + Duration::from_secs(second));
            assert!(bytes <= MAX_BLOCK_BYTES);
            // Transactions that take all there is, or wait until there is more.
            let used = if second % 3 == 0 { bytes } else { 0 };
            backlog.spent(used);
            carried += used as u64;
        }
        assert!(carried <= rate * 1_000 && carried >= rate * 990, "{carried} of {}", rate * 1_000);
        // One that is as large as a transaction may be gets its turn.
        let later = begun + Duration::from_secs(1_000 + MAX_BLOCK_BYTES as u64 / rate + 2);
        assert_eq!(backlog.bytes(room, later), MAX_BLOCK_BYTES);
        assert_eq!(backlog.bytes(Room::None, later), 0);
        assert_eq!(backlog.bytes(Room::Free, later), MAX_BLOCK_BYTES);
    }
}
