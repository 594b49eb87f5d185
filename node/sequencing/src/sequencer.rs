//! The sequencer: decides what is in the next unsafe block, and when there is one.
//!
//! A block is built as soon as there is something for it: a pending transaction in the pool, or a deposit deep
//! enough in L1. While a block is built and committed others queue up, and the next block takes them all: so a lone
//! transaction waits for nobody, and under load blocks fill up by themselves. One that runs for long is put off while others
//! wait (`put_off.rs`). Without anything to do there is an empty
//! block now and then, so that L2's clock and its view of L1 move on. Where L1 could not take what is built, blocks come
//! slower, or not at all (`pace.rs`); an L1 that is away for a while stops nothing.
//!
//! Before anything else it takes back what was announced before a power cut (`resume.rs`).
//!
//! The sequencer has a thread of its own and drives the pool: it hands every change of the chain on to it, before it
//! picks transactions again.

use std::{
    io,
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use db::Reader;
use stf::{
    BlockError, ExtraData, MessageHeader,
    config::{GUARANTEE, MIN_MESSAGE_GAS},
    inbox::MessageKind,
};
use tokio::sync::{
    broadcast::error::{RecvError, TryRecvError},
    watch,
};

use crate::{
    announce::Announcer,
    pool::{Congestion, Pool},
};
use backlog::{Backlog, Room};
use fill::{FillOutcome, fill};
use pace::{Pace, PaceLimits, PaceView, Unposted};
use put_off::PutOff;
use resume::Resumption;
use rollup::{
    chain::{BuildPlan, Chain, ChainBlock, ChainError, ChainEvent, Events, Heads},
    inbox_rules::BatchHistory,
    shutdown::Shutdown,
};

mod backlog;
mod fill;
mod pace;
mod put_off;
mod resume;

/// How long to wait after a failure, or while L1 must take something first, before looking again.
const RETRY: Duration = Duration::from_secs(1);

/// So long after an L1 block another one should have come: five slots.
const L1_AWAY: Duration = Duration::from_secs(60);

/// Part of the allowed drift that timestamps stay below while L1 is there: one in this. A clock that is ahead of L1's by
/// more makes blocks that L1 takes only later.
const DRIFT_MARGIN: u64 = 10;

/// How often to say what blocks wait for.
const STALL_WARNING: Duration = Duration::from_secs(30);

/// How blocks are made.
#[derive(Clone, Copy, Debug)]
pub struct SequencerOptions {
    /// The longest time without a block.
    pub heartbeat: Duration,
    /// The least time from the beginning of one block to that of the next. A transaction that comes later than that
    /// after the last block is not delayed by it.
    pub min_block_time: Duration,
    /// The longest time that a block's transactions may take.
    pub build_budget: Duration,
    /// The longest time that one transaction may run while others wait; those that take less than 2 M gas are not asked.
    pub patience: Duration,
    /// How many L1 blocks must stand above one before its messages are consumed.
    pub l1_confirmations: u64,
}

impl Default for SequencerOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(2),
            min_block_time: Duration::from_millis(2),
            build_budget: Duration::from_millis(50),
            // All gas that one transaction may have buys usual operations for half as long.
            patience: Duration::from_millis(100),
            l1_confirmations: 1,
        }
    }
}

/// Makes unsafe blocks from the pool and the message queue.
#[derive(Debug)]
pub struct Sequencer {
    chain: Chain,
    pool: Pool,
    options: SequencerOptions,
    announcer: Announcer,
    resumption: Resumption,
    events: Events,
    heads: watch::Receiver<Heads>,
    l1: L1View,
    limits: PaceLimits,
    unposted: Unposted,
    backlog: Backlog,
    put_off: PutOff,
    last_block: Option<Instant>,
    last_warning: Option<Instant>,
}

/// What the sequencer knows of L1, as of one position of the follower.
#[derive(Clone, Copy, Debug, Default)]
struct L1View {
    /// The follower's position.
    number: Option<u64>,
    /// Timestamp of the L1 block there.
    time: u64,
    /// The newest position that was seen, and when.
    moved: Option<(u64, Instant)>,
    /// What the batches say, and the accumulator over those that were read.
    batches: Option<(B256, BatchHistory)>,
    /// What the head says of the queue.
    head: ExtraData,
    /// Whether a message waits that may be consumed.
    waits: bool,
    /// Whether one of these is worth a block.
    work: bool,
}

/// Why there is a block now, or when to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(Instant),
}

impl Sequencer {
    /// A sequencer for this chain that takes transactions from this pool, and announces blocks by `announcer`. From now on it
    /// must run, because it keeps the pool up to date.
    pub fn new(chain: Chain, pool: Pool, announcer: Announcer, options: SequencerOptions) -> Self {
        let events = chain.subscribe();
        let heads = chain.watch_heads();
        // What happened before subscribing is in the state.
        pool.resync();
        Self {
            limits: PaceLimits::new(&chain),
            backlog: Backlog::new(chain.config().chain.force_delay),
            chain,
            pool,
            options,
            announcer,
            resumption: Resumption::default(),
            events,
            heads,
            unposted: Unposted::default(),
            put_off: PutOff::default(),
            l1: L1View::default(),
            last_block: None,
            last_warning: None,
        }
    }

    /// Starts the sequencer's thread. It ends by itself, after the block at hand, when asked to shut down.
    pub fn spawn(self, shutdown: Shutdown) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        thread::Builder::new().name("sequencer".into()).spawn(move || runtime.block_on(self.run(shutdown)))
    }

    async fn run(mut self, mut shutdown: Shutdown) {
        tracing::info!(target: "node::sequencer", head = self.chain.heads().unsafe_head.number, "sequencing");
        while !shutdown.is_set() {
            self.drain_events();
            let wait_until = match self.step() {
                Ok(Due::Now) => continue,
                Ok(Due::At(instant)) => instant,
                // The process ends, and says why.
                Err(ChainError::Execution { error: BlockError::UnknownRules(_), .. }) => {
                    shutdown.wait().await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(target: "node::sequencer", %error, "no block");
                    metrics::counter!("recourse_sequencer_errors_total").increment(1);
                    tokio::select! {
                        () = shutdown.wait() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                    continue;
                }
            };
            tokio::select! {
                () = shutdown.wait() => {}
                () = self.pool.wait() => {}
                _ = self.heads.changed() => {}
                event = self.events.recv() => self.take(event),
                () = tokio::time::sleep_until(wait_until.into()) => {}
            }
        }
        let head = self.chain.heads().unsafe_head.number;
        tracing::info!(target: "node::sequencer", head, "stopped");
    }

    /// Builds a block if it is time for one. Otherwise returns when to look again, if nothing happens before.
    fn step(&mut self) -> Result<Due, ChainError> {
        let now = Instant::now();
        if let Some(until) = self.announcer.rests_until(now) {
            self.warn_of_stall(now, "the feed's signer does not sign");
            return Ok(Due::At(until));
        }
        let resumed = self.resume(now);
        if let Some(due) = self.unless_unsigned(resumed)? {
            return Ok(due);
        }
        self.read_l1()?;
        if let Due::At(instant) = self.due(now) {
            return Ok(Due::At(instant));
        }
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let is_away = match self.l1.moved {
            Some((_, at)) => now.duration_since(at) > L1_AWAY,
            None => clock.saturating_sub(self.l1.time) > L1_AWAY.as_secs(),
        };
        let clock = self.l1_clock(clock, is_away);
        let pace = self.pace(clock, is_away)?;
        match pace {
            Pace::Free | Pace::Alone => {}
            Pace::Every(interval) => {
                if let Some(next) = self.last_block.map(|last| last + interval).filter(|next| *next > now) {
                    return Ok(Due::At(next));
                }
            }
            Pace::Stop(reason) => {
                self.congest(Some(Congestion::Stopped(reason)));
                self.warn_of_stall(now, reason);
                return Ok(Due::At(now + RETRY));
            }
        }
        let room = self.room();
        if let Some(interval) = room.interval(self.options.heartbeat)
            && !self.l1.work
            && let Some(next) = self.last_block.map(|last| last + interval).filter(|next| *next > now)
        {
            return Ok(Due::At(next));
        }
        if let Some(rest) = self.until_next_block(now) {
            // Too short for a timer, and nothing that happens meanwhile changes what comes next.
            thread::sleep(rest);
        }
        let built = self.build(clock, pace, room);
        match self.unless_unsigned(built.map(|()| Some(Due::Now))) {
            Ok(due) => Ok(due.unwrap_or(Due::Now)),
            // Its batches come first.
            Err(ChainError::Deriving) => Ok(Due::At(now + RETRY)),
            Err(error) => Err(error),
        }
    }

    /// A failure that is the signer's is no error: it is said by its health, and transactions wait in the pool.
    fn unless_unsigned(&self, done: Result<Option<Due>, ChainError>) -> Result<Option<Due>, ChainError> {
        let until = self.announcer.rest().filter(|until| *until > Instant::now());
        match (done, until) {
            (Err(ChainError::Unkept { .. }), Some(until)) => Ok(Some(Due::At(until))),
            (done, _) => done,
        }
    }

    fn due(&self, now: Instant) -> Due {
        let Some(last) = self.last_block else { return Due::Now };
        let heartbeat = last + self.options.heartbeat;
        let has_pending = || self.pool.has_pending(|sender| self.put_off.rests(sender, now));
        if self.l1.work || heartbeat <= now || has_pending() {
            Due::Now
        } else {
            Due::At(self.put_off.next(now).map_or(heartbeat, |next| next.min(heartbeat)))
        }
    }

    fn until_next_block(&self, now: Instant) -> Option<Duration> {
        let next = self.last_block? + self.options.min_block_time;
        next.checked_duration_since(now).filter(|rest| !rest.is_zero())
    }

    fn build(&mut self, timestamp: u64, pace: Pace, room: Room) -> Result<(), ChainError> {
        let start = Instant::now();
        let bytes = self.backlog.bytes(room, start);
        let plan = BuildPlan { timestamp, max_messages: u64::MAX, message_l1_limit: self.message_limit() };
        self.last_block = Some(start);
        let (pool, put_off, options) = (&self.pool, &mut self.put_off, &self.options);
        let built = self.chain.build_kept(plan, &mut self.announcer, |builder| match pace {
            Pace::Alone => FillOutcome::default(),
            _ => fill(builder, pool, put_off, options, bytes),
        });
        // It may be announced to nobody, but in the log.
        let (block, filled) = built.inspect_err(|_| self.resumption = Resumption::again())?;
        self.unposted.built(&block);
        self.backlog.spent(filled.bytes);
        self.pool.set_short_of_bytes(room != Room::Free && filled.was_short);
        let elapsed = start.elapsed();
        report(&block, &filled, elapsed);
        // The pool must know of the block before it hands out transactions again.
        self.drain_events();
        self.clean_up(filled);
        self.put_off.clean_up(&self.pool);
        // Messages may be left over.
        self.l1.number = None;
        Ok(())
    }

    /// Takes out of the pool what did not work, so that it does not come again.
    fn clean_up(&self, filled: FillOutcome) {
        for (tx, error) in &filled.invalid {
            tracing::debug!(target: "node::sequencer", hash = %tx.hash(), %error, "transaction dropped");
            self.pool.discard(&tx.hash());
        }
        if !filled.stale.is_empty() {
            let senders: Vec<_> = filled.stale.iter().map(|tx| tx.sender()).collect();
            self.pool.refresh(&senders);
        }
    }

    /// Hands all changes of the chain on to the pool.
    fn drain_events(&mut self) {
        loop {
            let event = match self.events.try_recv() {
                Ok(event) => Ok(event),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            };
            self.take(event);
        }
    }

    fn take(&mut self, event: Result<ChainEvent, RecvError>) {
        match event {
            Ok(event) => {
                if matches!(event, ChainEvent::Reorg { .. }) {
                    self.l1.number = None;
                    self.unposted.clear();
                }
                self.pool.apply(&event);
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(target: "node::sequencer", missed, "pool starts over from the state");
                self.l1.number = None;
                self.unposted.clear();
                self.pool.resync();
            }
            // Not while the chain is held here.
            Err(RecvError::Closed) => {}
        }
    }

    /// Consumes messages up to this L1 block.
    fn message_limit(&self) -> u64 {
        self.chain.heads().l1.saturating_sub(self.options.l1_confirmations)
    }

    /// Looks at L1 again if the follower has moved or a block was built.
    fn read_l1(&mut self) -> Result<(), ChainError> {
        let heads = *self.heads.borrow_and_update();
        if self.l1.number == Some(heads.l1) {
            return Ok(());
        }
        let config = self.chain.config();
        let reader = self.chain.db().read()?;
        // Before the follower has brought anything, L1 is known to have reached the time of the genesis.
        let l1_time = reader.l1_block(heads.l1)?.map_or(config.genesis.timestamp, |block| block.timestamp);
        let head = extra_data(&reader, heads.unsafe_head.number)?;
        let cursor = head.message_cursor;
        let limit = self.message_limit();
        let (mut waits, mut work) = (false, false);
        let most = GUARANTEE / MIN_MESSAGE_GAS;
        for message in reader.messages(cursor..=cursor.saturating_add(most))? {
            let (_, message) = message?;
            if message.l1_block > limit {
                break;
            }
            waits = true;
            // A report of L1 is not worth a block: it comes with every batch, which would go on for ever.
            if MessageHeader::decode(&message.header).is_ok_and(|header| header.kind != MessageKind::L1Info) {
                work = true;
                break;
            }
        }
        self.backlog.intake.moved(heads.l1, l1_time);
        if heads.l1 > 0 && self.l1.moved.is_none_or(|(position, _)| position != heads.l1) {
            self.l1.moved = Some((heads.l1, Instant::now()));
        }
        self.l1 = L1View { number: Some(heads.l1), time: l1_time, head, waits, work, ..self.l1 };
        Ok(())
    }

    /// The time that counts: the clock's, between L1's and as much more as L1 allows while it is there.
    fn l1_clock(&self, clock: u64, is_away: bool) -> u64 {
        let drift = self.chain.config().chain.max_drift;
        let most = if is_away { u64::MAX } else { self.l1.time.saturating_add(drift - drift / DRIFT_MARGIN) };
        clock.clamp(self.l1.time, most)
    }

    /// How fast blocks may come now.
    fn pace(&mut self, clock: u64, is_away: bool) -> Result<Pace, ChainError> {
        let heads = self.chain.heads();
        let reader = self.chain.db().read()?;
        let taken = self.unposted.follow(&reader, heads.safe.number, heads.unsafe_head.number)?;
        self.backlog.intake.took(taken, self.unposted.bytes(), self.l1.time);
        let newest = match reader.batch_count()?.checked_sub(1) {
            Some(last) => reader.batch_header(last)?.map(|(acc, _)| acc),
            None => None,
        };
        let newest = newest.unwrap_or_default();
        let history = match self.l1.batches {
            Some((acc, history)) if acc == newest => history,
            _ => {
                let history = BatchHistory::load(&reader, self.chain.config())?;
                self.l1.batches = Some((newest, history));
                history
            }
        };
        let safe = extra_data(&reader, heads.safe.number)?;
        let consumed = self.l1.head.consumed_gas.saturating_sub(safe.consumed_gas);
        let oldest = reader.header(heads.safe.number + 1)?.map(|header| header.timestamp);
        let age = oldest.map_or(0, |oldest| clock.saturating_sub(oldest));
        metrics::gauge!("recourse_sequencer_backlog_seconds").set(age as f64);
        let view = PaceView {
            history,
            l1_time: self.l1.time,
            is_away,
            is_behind: self.l1.waits || consumed > GUARANTEE.saturating_mul(self.unposted.blocks()),
            oldest,
            unposted_blocks: self.unposted.blocks(),
        };
        Ok(self.limits.pace(&view, clock))
    }

    /// What the next block may carry, so that all of it is on L1 in time; tells the pool.
    fn room(&mut self) -> Room {
        let (room, congestion) = self.backlog.room(self.unposted.bytes());
        metrics::gauge!("recourse_sequencer_backlog_bytes").set(self.unposted.bytes() as f64);
        metrics::gauge!("recourse_sequencer_backlog_limit_bytes").set(self.backlog.limit() as f64);
        metrics::gauge!("recourse_sequencer_l1_bytes_per_second").set(self.backlog.intake.rate() as f64);
        self.congest(congestion);
        room
    }

    /// Tells the pool whether transactions are taken.
    fn congest(&self, congestion: Option<Congestion>) {
        if self.pool.set_congestion(congestion) {
            match congestion {
                Some(congestion) => {
                    tracing::warn!(target: "node::sequencer", %congestion, "no transactions are taken")
                }
                None => tracing::info!(target: "node::sequencer", "transactions are taken again"),
            }
        }
    }

    fn warn_of_stall(&mut self, now: Instant, reason: &str) {
        metrics::counter!("recourse_sequencer_stalls_total").increment(1);
        if self.last_warning.is_none_or(|last| now - last >= STALL_WARNING) {
            self.last_warning = Some(now);
            let heads = self.chain.heads();
            let (l1, safe, head) = (heads.l1, heads.safe.number, heads.unsafe_head.number);
            tracing::warn!(target: "node::sequencer", reason, l1, safe, head, "no blocks");
        }
    }
}

/// What a block's header carries for derivation.
fn extra_data(reader: &Reader, number: u64) -> Result<ExtraData, ChainError> {
    Ok(reader.header(number)?.and_then(|header| ExtraData::of(&header)).unwrap_or_default())
}

fn report(block: &ChainBlock, filled: &FillOutcome, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    let gas = block.header.gas_used;
    metrics::histogram!("recourse_sequencer_build_seconds").record(seconds);
    metrics::gauge!("recourse_sequencer_gas_per_second").set(gas as f64 / seconds.max(1e-9));
    metrics::counter!("recourse_sequencer_blocks_total").increment(1);
    metrics::counter!("recourse_sequencer_transactions_total").increment(filled.included as u64);
    metrics::counter!("recourse_sequencer_gas_total").increment(gas);
    if let Some(error) = &filled.error {
        tracing::error!(target: "node::sequencer", number = block.header.number, %error, "block cut short");
    }
    tracing::debug!(
        target: "node::sequencer",
        number = block.header.number,
        hash = %block.hash,
        transactions = filled.included,
        dropped = filled.invalid.len(),
        gas,
        milliseconds = seconds * 1e3,
        "block built"
    );
}

#[cfg(test)]
mod condition_tests;
#[cfg(test)]
mod tests;
