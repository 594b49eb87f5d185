//! Following the feed.

use std::time::{Duration, Instant};

use alloy::primitives::Bytes;
use jsonrpsee::{
    core::{
        ClientError,
        client::{ClientT, Subscription, SubscriptionClientT},
    },
    rpc_params,
    ws_client::{PingConfig, WsClient, WsClientBuilder},
};
use tokio::sync::watch;

use super::{Evidence, FeedError, MAX_BLOCKS, Meaning, Signers, message::open};
use rollup::{
    chain::{Chain, ChainError, FeedBlock, Heads, ImportOutcome},
    shutdown::Shutdown,
};

/// Waiting time after a failure: at first, and at most, doubling in between.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// Largest message taken from a server: twice the answer's bytes, in hexadecimal, with room for one large block.
pub(super) const MAX_MESSAGE: u32 = 16 << 20;

/// Messages that the server may be ahead of execution here. Beyond that the subscription ends, and blocks are asked for
/// at the pace at which they are executed. With [`MAX_MESSAGE`] this bounds what a hostile server can make us hold.
const BUFFER: usize = 16;

const TIMEOUT: Duration = Duration::from_secs(20);

/// How often a batcher asks for blocks that the feed does not announce.
const UNCONFIRMED_INTERVAL: Duration = Duration::from_secs(1);

/// The longest wait for messages from L1 that a block of the feed consumes.
const L1_PATIENCE: Duration = Duration::from_secs(120);

/// Blocks that the sequencer may be ahead before that is called behind: as many as are on the way to a client that is
/// not.
const LAG: u64 = BUFFER as u64;

/// How far the feed is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedStatus {
    /// The newest block seen.
    pub highest: u64,
    /// The sequencer's newest blocks have to be caught up with.
    pub is_behind: bool,
}

/// Takes unsafe blocks from a sequencer's feed.
#[derive(Debug)]
pub struct Client {
    chain: Chain,
    url: String,
    signers: watch::Receiver<Signers>,
    evidence: Option<Evidence>,
    /// Blocks that are no confirmations are taken, too.
    takes_unconfirmed: bool,
    /// Our own unsafe blocks are not the sequencer's: begin again at the safe head.
    from_safe: bool,
    status: watch::Sender<FeedStatus>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("connection: {0}")]
    Rpc(ClientError),
    #[error("the server closed the subscription")]
    Closed,
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("block {found} came where {expected} should")]
    Order { expected: u64, found: u64 },
    #[error("block {number} comes out differently here: signed {signed}, executed {executed}")]
    Mismatch { number: u64, signed: alloy::primitives::B256, executed: alloy::primitives::B256 },
    #[error("block {number} needs messages from L1 that do not come")]
    NoMessages { number: u64 },
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("import was cancelled")]
    Cancelled,
    #[error("shutdown")]
    Shutdown,
}

impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        Self::Rpc(error)
    }
}

impl Client {
    /// A client of the feed at a WebSocket address. Only blocks signed by one of the `signers` count; how far it is goes to
    /// `status`.
    pub const fn new(
        chain: Chain,
        url: String,
        signers: watch::Receiver<Signers>,
        status: watch::Sender<FeedStatus>,
    ) -> Self {
        Self { chain, url, signers, evidence: None, takes_unconfirmed: false, from_safe: false, status }
    }

    /// Keeps evidence of two blocks of one number.
    #[must_use]
    pub fn with_evidence(self, evidence: Evidence) -> Self {
        Self { evidence: Some(evidence), ..self }
    }

    /// Takes blocks that are no confirmations, too: whoever posts the sequencer's blocks needs them all.
    #[must_use]
    pub fn with_unconfirmed(self) -> Self {
        Self { takes_unconfirmed: true, ..self }
    }

    /// Follows the feed until shutdown. Whatever goes wrong costs a connection and some time, nothing else.
    pub async fn run(mut self, mut shutdown: Shutdown) {
        let mut backoff = BACKOFF.0;
        tokio::select! {
            () = shutdown.wait() => return,
            // Nothing can be verified before.
            _ = self.signers.wait_for(|signers| signers.current().is_some()) => {}
        }
        let mut signers = self.signers.clone();
        while !shutdown.is_set() {
            signers.mark_unchanged();
            let before = self.chain.heads().unsafe_head.hash;
            let ended = tokio::select! {
                () = shutdown.wait() => Ended::Shutdown,
                ended = self.session() => ended,
            };
            metrics::gauge!("recourse_feed_connected").set(0.0);
            self.judge();
            // What the feed had is not missed if it has come from L1 meanwhile.
            let head = self.chain.heads().unsafe_head.number;
            self.status.send_modify(|status| status.is_behind &= status.highest > head);
            self.from_safe = matches!(ended, Ended::Mismatch { .. });
            let progress = self.chain.heads().unsafe_head.hash != before;
            match ended {
                Ended::Shutdown => return,
                // The server, or the way to it, was slower or faster than we were.
                Ended::Closed | Ended::Rpc(_) if progress => {
                    tracing::info!(target: "node::feed", reason = %ended, "feed connection lost");
                    backoff = BACKOFF.0;
                }
                _ => {
                    tracing::warn!(target: "node::feed", url = rollup::options::shown(&self.url), reason = %ended, "no feed")
                }
            }
            metrics::counter!("recourse_feed_disconnects_total").increment(1);
            tokio::select! {
                () = shutdown.wait() => return,
                () = tokio::time::sleep(backoff) => backoff = (backoff * 2).min(BACKOFF.1),
                // What was refused before may count now.
                Ok(()) = signers.changed() => backoff = BACKOFF.0,
            }
        }
    }

    async fn session(&self) -> Ended {
        match self.follow().await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn follow(&self) -> Result<std::convert::Infallible, Ended> {
        let client = self.connect().await?;
        tracing::info!(target: "node::feed", url = rollup::options::shown(&self.url), "feed connected");
        metrics::gauge!("recourse_feed_connected").set(1.0);
        let heads = self.chain.heads();
        let mut next = if self.from_safe { heads.safe.number } else { heads.unsafe_head.number } + 1;
        loop {
            next = self.catch_up(&client, next).await?;
            let params = rpc_params![next];
            let subscription = client.subscribe("recourse_subscribeFeed", params, "recourse_unsubscribeFeed");
            let after = self.live(&client, subscription.await?).await?;
            // Without progress there would be no end to this.
            if after == next || !client.is_connected() {
                return Err(Ended::Closed);
            }
            next = after;
        }
    }

    async fn connect(&self) -> Result<WsClient, ClientError> {
        WsClientBuilder::default()
            .max_response_size(MAX_MESSAGE)
            .max_buffer_capacity_per_subscription(BUFFER)
            .max_concurrent_requests(4)
            .connection_timeout(TIMEOUT)
            .request_timeout(TIMEOUT)
            .enable_ws_ping(PingConfig::default())
            .build(&self.url)
            .await
    }

    /// Asks for blocks until the server has no more. Returns the first one that it does not have.
    async fn catch_up(&self, client: &WsClient, mut next: u64) -> Result<u64, Ended> {
        loop {
            let messages: Vec<Bytes> =
                client.request("recourse_feedBlocks", rpc_params![next, MAX_BLOCKS]).await?;
            if messages.is_empty() {
                let after = self.take_unconfirmed(client, next).await?;
                if after != next {
                    next = after;
                    continue;
                }
                self.status.send_if_modified(|status| std::mem::take(&mut status.is_behind));
                return Ok(next);
            }
            let mut run: Vec<FeedBlock> = Vec::new();
            for message in messages.iter().take(MAX_BLOCKS as usize) {
                let block = self.open(message)?;
                let expected = run.last().map_or(next, |last| last.number + 1);
                if run.is_empty() && block.number > expected {
                    let after = self.take_unconfirmed(client, expected).await?;
                    if after != expected {
                        next = after;
                        break;
                    }
                    self.reach(client, expected, block.number - 1).await?;
                } else if block.number != expected {
                    return Err(Ended::Order { expected, found: block.number });
                }
                run.push(block);
            }
            let Some(highest) = run.last().map(|block| block.number) else { continue };
            self.status.send_modify(|status| {
                status.highest = highest;
                // Once it is, it is so until there is no more to ask for.
                status.is_behind |= highest.saturating_sub(self.chain.heads().unsafe_head.number) > LAG;
            });
            next = self.import(run).await?;
        }
    }

    /// Waits until L1 has brought the blocks up to `last`: the feed does not have them. Says so once.
    async fn reach(&self, client: &WsClient, first: u64, last: u64) -> Result<(), Ended> {
        // Our own unsafe blocks do not count where they are not the sequencer's.
        let from_safe = self.from_safe;
        let has = |heads: &Heads| if from_safe { heads.safe } else { heads.unsafe_head }.number >= last;
        let mut heads = self.chain.watch_heads();
        if !has(&heads.borrow()) {
            tracing::info!(
                target: "node::feed", first, last,
                "the feed does not have these blocks: waiting for them to come from L1"
            );
        }
        tokio::select! {
            reached = heads.wait_for(has) => {
                reached.map(drop).map_err(|_| Ended::Shutdown)
            }
            _ = client.on_disconnect() => Err(Ended::Closed),
        }
    }

    /// Imports blocks as they come. Returns the next block to ask for, once that has to be asked for.
    async fn live(&self, client: &WsClient, mut subscription: Subscription<Bytes>) -> Result<u64, Ended> {
        loop {
            let message = match tokio::time::timeout(UNCONFIRMED_INTERVAL, subscription.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => break,
                // There may be blocks that the feed does not announce.
                Err(_) => {
                    self.judge();
                    self.take_unconfirmed(client, self.chain.heads().unsafe_head.number + 1).await?;
                    continue;
                }
            };
            let block = self.open(&message.map_err(|_| FeedError::Malformed)?)?;
            let number = block.number;
            let next = self.import(vec![block]).await?;
            // Anything else is a gap before this block: the chain here went back because of L1.
            if next <= number {
                return Ok(next);
            }
        }
        // The subscription ended because it was too fast for us, or with the connection.
        Ok(self.chain.heads().unsafe_head.number + 1)
    }

    fn open(&self, message: &Bytes) -> Result<FeedBlock, FeedError> {
        let chain_id = self.chain.config().chain.chain_id;
        let (signer, block) = open(Meaning::Confirmed, chain_id, &self.signers.borrow(), message)?;
        if let Some(evidence) = &self.evidence {
            evidence.hears(&self.chain, signer, &block, message);
        }
        Ok(block)
    }

    /// L1 may have gone on far enough to tell whether a second block of a number is an offence.
    fn judge(&self) {
        if let Some(evidence) = &self.evidence {
            evidence.judge(&self.chain);
        }
    }

    /// Asks for blocks from `next` on that are no confirmations, if this node takes them. Returns the next block to ask for.
    async fn take_unconfirmed(&self, client: &WsClient, next: u64) -> Result<u64, Ended> {
        if !self.takes_unconfirmed {
            return Ok(next);
        }
        let messages: Vec<Bytes> =
            client.request("recourse_feedUnconfirmed", rpc_params![next, MAX_BLOCKS]).await?;
        let chain_id = self.chain.config().chain.chain_id;
        let mut run = Vec::new();
        for (message, expected) in messages.iter().take(MAX_BLOCKS as usize).zip(next..) {
            let (_, block) = open(Meaning::Unconfirmed, chain_id, &self.signers.borrow(), message)?;
            if block.number != expected {
                return Err(Ended::Order { expected, found: block.number });
            }
            run.push(block);
        }
        if run.is_empty() { Ok(next) } else { self.import(run).await }
    }

    /// Brings a run of blocks into the chain. Returns the number of the block that fits next.
    async fn import(&self, run: Vec<FeedBlock>) -> Result<u64, Ended> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(self.chain.heads().unsafe_head.number + 1);
        };
        let (first, last) = (first.number, last.number);
        let blocks = std::sync::Arc::new(run);
        let mut heads = self.chain.watch_heads();
        let start = Instant::now();
        loop {
            heads.mark_unchanged();
            let (chain, importing) = (self.chain.clone(), blocks.clone());
            let import = tokio::task::spawn_blocking(move || chain.import_unsafe(&importing));
            match import.await.map_err(|_| Ended::Cancelled)?? {
                ImportOutcome::Appended => {
                    metrics::counter!("recourse_feed_blocks_total").increment(last + 1 - first);
                    return Ok(last + 1);
                }
                ImportOutcome::Known => return Ok(last + 1),
                ImportOutcome::Gap { next } => return Ok(next.min(first)),
                ImportOutcome::Mismatch { expected: signed, found: executed } => {
                    let number = self.chain.heads().unsafe_head.number + 1;
                    return Err(Ended::Mismatch { number, signed, executed });
                }
                ImportOutcome::NeedsMessages { .. } | ImportOutcome::Deriving => {
                    let left = L1_PATIENCE.saturating_sub(start.elapsed());
                    let waited = tokio::time::timeout(left, heads.changed()).await;
                    if !matches!(waited, Ok(Ok(()))) {
                        let number = self.chain.heads().unsafe_head.number + 1;
                        return Err(Ended::NoMessages { number });
                    }
                }
            }
        }
    }
}
