//! Following L1: from an endpoint to the chain.
//!
//! The follower stands at a cursor, the newest L1 block that the chain has, and moves it. Far below L1's
//! head it reads logs in ranges; near the head it reads every block's header, so that a reorg can be traced, and the
//! logs of a block by its hash, so that they are of that very block. What it reads must continue the accumulators held
//! so far, and give as many records as the inbox counts; what does not is never passed on.
//!
//! A reorg is that the block at the cursor is no longer L1's, and nothing else, asked twice. Then it walks back to the
//! newest stored block that is, and rewinds the chain to it. An answer that contradicts what was read before is no reorg:
//! what was read stays, until the inbox itself says that it is wrong.
//!
//! An endpoint may fail, lag, or send invalid responses. Then the follower waits, longer each time, and says so once.

mod outage;
mod read;
mod recover;
mod voices;

use std::time::{Duration, Instant};

use db::{L1BlockRecord, L1Cursor};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use super::{
    BlobError, BlobSources, L1Client, L1Error, L1Header, L1Update, RequestSize,
    records::{InboxPosition, Mismatch},
};
use crate::{
    chain::{Chain, ChainError},
    shutdown::Shutdown,
};
use outage::Outage;
use recover::{Doubt, Suspicion};
use voices::{Difference, Voices};

const TARGET: &str = "node::l1";

/// L1 blocks below the head whose headers are all read: as deep as a reorg may be traced.
const RECENT: u64 = 256;
/// Blocks of these that are read at once.
const RECENT_STEP: u64 = 64;
/// Contradictions in a row from which on the records held are doubted, too.
const DOUBT_AFTER: u32 = 5;
/// L1 makes a block every 12 seconds, and hardly ever misses more than a few. What is older than this is not its head.
const MAX_LAG: Duration = Duration::from_secs(120);
/// A step that takes longer is told of, again and again.
const SILENCE: Duration = Duration::from_secs(10);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How to follow L1.
#[derive(Clone, Copy, Debug)]
pub struct FollowerOptions {
    /// How often to look for a new block; by default what suits the chain.
    pub poll_interval: Option<Duration>,
    /// Most blocks in one request for logs. Fewer, by itself, where the endpoint fails on so many.
    pub range: u64,
    /// Least endpoints that must say the same of what is derived. With 1, two must where two answer, and one is followed
    /// alone while the others are left out.
    pub least_endpoints: usize,
    /// An endpoint lags whose head is older than this, while another's is younger.
    pub lag: Duration,
}

impl Default for FollowerOptions {
    fn default() -> Self {
        Self { poll_interval: None, range: 1000, least_endpoints: 1, lag: MAX_LAG }
    }
}

/// How far L1 is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Status {
    /// L1's head when last seen; 0 before that.
    pub head: u64,
    /// That block. It may not be read yet.
    pub head_block: Option<L1BlockRecord>,
    /// The newest L1 block that the chain knows of.
    pub cursor: u64,
    /// Whether the endpoint answers and makes sense.
    pub healthy: bool,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something was read or undone; there may be more.
    Moved,
    /// What is held was compared with the inbox itself.
    Doubted,
    /// Nothing is new.
    Idle,
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Endpoint(#[from] L1Error),
    #[error("only {found} of the L1 endpoints are of use, expected at least {expected}")]
    TooFew { expected: usize, found: usize },
    #[error("L1 endpoints differ, and none is shown to be wrong: {0}")]
    Disagree(Difference),
    #[error("the endpoint now serves chain {found} instead of {expected}")]
    WrongChain { expected: u64, found: u64 },
    #[error("the endpoint contradicts itself or what was read before: {0}")]
    Mismatch(Mismatch),
    #[error(
        "L1 goes on from block {to}, but block {finalized} was final: this database holds another L1's chain"
    )]
    Final { to: u64, finalized: u64 },
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the thread that applied an update is gone")]
    Gone,
}

impl From<Mismatch> for FollowError {
    fn from(error: Mismatch) -> Self {
        Self::Mismatch(error)
    }
}

impl From<Difference> for FollowError {
    fn from(error: Difference) -> Self {
        Self::Disagree(error)
    }
}

impl From<db::Error> for FollowError {
    fn from(error: db::Error) -> Self {
        Self::Chain(error.into())
    }
}

/// The task that follows L1.
#[derive(Debug)]
pub struct Follower {
    chain: Chain,
    client: L1Client,
    poll_interval: Duration,
    /// Blocks in one request for logs.
    range: RequestSize,
    /// Where reading stands: ahead of the database while an update is being applied. `None`: ask the database.
    place: Option<Place>,
    applying: Option<JoinHandle<Result<(), ChainError>>>,
    blobs: BlobSources,
    /// Whether a block's bloom filter says where logs are. Not any more once it hid some.
    trust_blooms: bool,
    voices: Voices,
    finalized: u64,
    /// The cursor when the endpoint was last asked what is final.
    finalized_asked: u64,
    /// What makes it look as if L1 was reorganised, until it is seen again.
    suspicion: Option<Suspicion>,
    doubt: Doubt,
    /// Up to this block there may be records that are known when it is read.
    known_until: u64,
    status: watch::Sender<L1Status>,
    catching_up: Option<Instant>,
}

/// Waits for a step, and tells so while it takes long: an endpoint may say nothing for as long as a request may take.
async fn told<T>(client: L1Client, step: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let mut step = std::pin::pin!(step);
    loop {
        match timeout(SILENCE, &mut step).await {
            Ok(outcome) => return outcome,
            Err(_) => {
                let seconds = start.elapsed().as_secs();
                info!(target: TARGET, endpoint = client.name(), seconds, "still waiting for L1's answers");
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Place {
    cursor: Option<L1Cursor>,
    position: InboxPosition,
}

impl Follower {
    /// A follower of the L1 behind `client`, for `chain`.
    pub fn new(chain: Chain, client: L1Client, options: FollowerOptions) -> Self {
        Self {
            poll_interval: options.poll_interval.unwrap_or(client.default_poll_interval()),
            voices: Voices::new(client.endpoints().len(), options.least_endpoints, options.lag),
            chain,
            client,
            range: RequestSize::new(options.range),
            place: None,
            applying: None,
            blobs: BlobSources::default(),
            trust_blooms: true,
            finalized: 0,
            finalized_asked: 0,
            suspicion: None,
            doubt: Doubt::default(),
            known_until: 0,
            status: watch::channel(L1Status::default()).0,
            catching_up: None,
        }
    }

    /// The same, taking blobs from these beacon nodes and archives.
    #[must_use]
    pub fn with_blobs(self, blobs: BlobSources) -> Self {
        Self { blobs, ..self }
    }

    /// Follows how far L1 is followed.
    pub fn watch(&self) -> watch::Receiver<L1Status> {
        self.status.subscribe()
    }

    /// Follows L1 until told to end.
    pub async fn run(mut self, mut shutdown: Shutdown) {
        let mut outage = Outage::default();
        while !shutdown.is_set() {
            let step = tokio::select! {
                () = shutdown.wait() => break,
                step = told(self.client.clone(), self.step(&outage)) => step,
            };
            let pause = match step {
                Ok(Step::Doubted) => {
                    outage.contradictions = DOUBT_AFTER - 1;
                    self.poll_interval
                }
                Ok(step) => {
                    outage.end(&self.client);
                    self.status.send_if_modified(|status| !std::mem::replace(&mut status.healthy, true));
                    if step == Step::Moved { Duration::ZERO } else { self.poll_interval }
                }
                Err(error) => {
                    // What was read ahead of the database may be wrong.
                    self.place = None;
                    let pause = outage.note(&error, self.poll_interval, &self.client);
                    if outage.failures > 1 {
                        let healthy = |status: &mut L1Status| std::mem::replace(&mut status.healthy, false);
                        self.status.send_if_modified(healthy);
                    }
                    pause
                }
            };
            tokio::select! {
                () = shutdown.wait() => break,
                () = sleep(pause) => {}
            }
        }
        // An update that is being applied can't be taken back: let it end before the database closes.
        if let Err(error) = self.settle().await {
            warn!(target: TARGET, %error, "last L1 update failed");
        }
    }

    async fn step(&mut self, outage: &Outage) -> Result<Step, FollowError> {
        if outage.failures > 0 {
            self.settle().await?;
            self.check_chain().await?;
        }
        if outage.contradictions >= DOUBT_AFTER {
            self.gather().await?;
            return self.doubt().await;
        }
        let head = self.gather().await?;
        let Place { cursor, position } = self.place().await?;
        self.report(&head, cursor);
        let start = self.chain.config().l1_start_block;
        let next = cursor.map_or(start, |cursor| cursor.number.saturating_add(1));
        self.doubt.passed(next);
        self.look_at_outvoted(&head).await;
        let step = match cursor {
            Some(cursor) if head.number() <= cursor.number => self.compare(head, cursor).await?,
            _ if head.number() < next => Step::Idle,
            _ if head.number() - next > RECENT => {
                let last = next.saturating_add(self.range.get() - 1).min(head.number() - RECENT);
                self.read_range(cursor, position, next..=last).await?
            }
            _ => {
                let last = (next + RECENT_STEP - 1).min(head.number());
                self.read_recent(cursor, position, next..=last, head).await?
            }
        };
        // An outage is over only when what was read is applied.
        if step == Step::Idle || outage.failures > 0 {
            self.settle().await?;
        }
        self.finalize().await?;
        Ok(step)
    }

    /// Lets the chain know which L1 blocks are final.
    async fn finalize(&mut self) -> Result<(), FollowError> {
        let Some(cursor) = self.place().await?.cursor else {
            return Ok(());
        };
        // Once for each new head is enough, and not while there is much to read.
        if self.catching_up.is_some() || cursor.number == self.finalized_asked {
            return Ok(());
        }
        self.finalized_asked = cursor.number;
        let Some(header) = self.final_header().await else { return Ok(()) };
        let number = header.number();
        if number <= self.finalized || number > cursor.number {
            return Ok(());
        }
        self.settle().await?;
        let stored = self.chain.db().read()?.l1_block(number)?;
        if stored.is_some_and(|stored| stored.hash != header.hash) {
            return Ok(());
        }
        self.apply(L1Update::Finalized(number)).await?;
        self.finalized = number;
        Ok(())
    }

    async fn place(&mut self) -> Result<Place, FollowError> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        self.settle().await?;
        let reader = self.chain.db().read()?;
        let place = Place { cursor: reader.l1_cursor()?, position: InboxPosition::load(&reader)? };
        self.place = Some(place);
        Ok(place)
    }

    /// Has an update applied. Meanwhile the next can be read.
    async fn apply(&mut self, update: L1Update) -> Result<(), FollowError> {
        self.settle().await?;
        let chain = self.chain.clone();
        self.applying = Some(tokio::task::spawn_blocking(move || chain.apply_l1(update)));
        Ok(())
    }

    /// Waits until everything is applied. May be abandoned and called again.
    async fn settle(&mut self) -> Result<(), FollowError> {
        let Some(applying) = &mut self.applying else {
            return Ok(());
        };
        let result = applying.await;
        self.applying = None;
        let applied = result.map_err(|_| FollowError::Gone).and_then(|result| Ok(result?));
        if applied.is_err() {
            self.place = None;
        }
        applied
    }

    fn report(&mut self, head: &L1Header, cursor: Option<L1Cursor>) {
        let cursor = cursor.map_or(0, |cursor| cursor.number);
        metrics::gauge!("recourse_l1_head").set(head.number() as f64);
        let block = L1BlockRecord { hash: head.hash, parent: head.parent_hash, timestamp: head.timestamp() };
        self.status.send_if_modified(|status| {
            let next = L1Status { head: head.number(), head_block: Some(block), cursor, ..*status };
            std::mem::replace(status, next) != next
        });
        let start = self.chain.config().l1_start_block;
        let behind = head.number().saturating_sub(cursor.max(start));
        match self.catching_up {
            None if behind > RECENT => {
                info!(target: TARGET, block = cursor, head = head.number(), "catching up with L1");
                self.catching_up = Some(Instant::now());
            }
            Some(_) if behind <= RECENT_STEP => {
                info!(target: TARGET, block = cursor, "caught up with L1");
                self.catching_up = None;
            }
            Some(told) if told.elapsed() >= PROGRESS_INTERVAL => {
                let l2 = self.chain.heads().safe.number;
                info!(target: TARGET, block = cursor, head = head.number(), l2, "following L1");
                self.catching_up = Some(Instant::now());
            }
            _ => {}
        }
    }
}
