//! How far the node is behind L1, or behind the sequencer's feed.

use std::sync::atomic::{AtomicBool, Ordering};

use alloy::primitives::U64;
use serde::Serialize;
use tokio::sync::watch;

use rollup::{
    chain::{Chain, Heads},
    l1::L1Status,
    signer::Signer,
};
use sequencing::feed::FeedStatus;

/// L1 blocks that a node which has caught up once may be behind: about a minute of Ethereum, in which a poll or two may
/// fail.
const L1_LAG: u64 = 5;

/// How far L1 and the feed are ahead.
#[derive(Debug)]
pub(crate) struct Syncing {
    l1: watch::Receiver<L1Status>,
    /// Of a replica that follows the sequencer's feed.
    feed: Option<watch::Receiver<FeedStatus>>,
    /// Who signs for the node's roles.
    signers: Vec<Signer>,
    /// The head when the node began to serve.
    start: u64,
    /// L1 has been followed to its head since then.
    caught_up: AtomicBool,
}

/// How far the node is while it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncProgress {
    starting_block: U64,
    current_block: U64,
    /// The newest block that is known of. What L1 holds beyond what was read is known only once it is read.
    highest_block: U64,
    /// The L1 block up to which L1 has been followed.
    l1_current_block: U64,
    /// L1's head when last seen.
    l1_highest_block: U64,
}

impl Syncing {
    pub(crate) fn new(
        chain: &Chain,
        l1: watch::Receiver<L1Status>,
        feed: Option<watch::Receiver<FeedStatus>>,
    ) -> Self {
        let (start, caught_up) = (chain.heads().unsafe_head.number, AtomicBool::new(false));
        Self { l1, feed, signers: Vec::new(), start, caught_up }
    }

    pub(crate) fn with_signers(self, signers: Vec<Signer>) -> Self {
        Self { signers, ..self }
    }

    /// What does not work, though the node lives. Strangers hear of it: no more than whose signer it is.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let ailing = self.signers.iter().map(Signer::health).filter(|health| health.trouble().is_some());
        ailing
            .map(|health| {
                format!(
                    "no signatures for the {}",
                    if health.role() == "signer" { "feed" } else { health.role() }
                )
            })
            .collect()
    }

    /// How far the node is; `None` if it is not behind.
    pub(crate) fn progress(&self, chain: &Chain) -> Option<SyncProgress> {
        let l1 = *self.l1.borrow();
        let feed = self.feed.as_ref().map(|feed| *feed.borrow()).unwrap_or_default();
        let heads = chain.heads();
        // There is nothing to read before the rollup began.
        let followed = heads.l1.max(chain.config().l1_start_block.saturating_sub(1));
        let lag = l1.head.saturating_sub(followed);
        if l1.head > 0 && lag == 0 {
            self.caught_up.store(true, Ordering::Relaxed);
        }
        let caught_up = self.caught_up.load(Ordering::Relaxed);
        let is_behind_l1 = !caught_up || lag > L1_LAG || (lag > 0 && !l1.healthy);
        let current = heads.unsafe_head.number;
        (is_behind_l1 || feed.is_behind).then(|| SyncProgress {
            starting_block: U64::from(self.start.min(current)),
            current_block: U64::from(current),
            highest_block: U64::from(if feed.is_behind { feed.highest.max(current) } else { current }),
            l1_current_block: U64::from(followed),
            l1_highest_block: U64::from(l1.head.max(followed)),
        })
    }

    /// How far L1 is followed.
    pub(crate) fn l1(&self) -> watch::Receiver<L1Status> {
        self.l1.clone()
    }

    /// Why the node does not serve the newest blocks, or takes no transactions, in words; empty if it does.
    pub(crate) fn reasons(&self, chain: &Chain) -> Vec<String> {
        let mut reasons = self.progress(chain).map(|progress| self.lags(&progress)).unwrap_or_default();
        if !chain.db().has_room() {
            reasons.push("the disk is nearly full: a sequencer takes no transactions".into());
        }
        // Without it there are no new blocks; what batcher and proposer do can wait.
        let is_unsigned =
            |signer: &Signer| signer.health().role() == "signer" && signer.health().trouble().is_some();
        if self.signers.iter().any(is_unsigned) {
            reasons.push("the feed's signer does not sign: there are no new blocks".into());
        }
        reasons
    }

    /// What it is behind, or at least that it is.
    fn lags(&self, progress: &SyncProgress) -> Vec<String> {
        let mut reasons = Vec::new();
        let l1 = *self.l1.borrow();
        let lag = progress.l1_highest_block.saturating_sub(progress.l1_current_block);
        if l1.head == 0 {
            reasons.push("L1 has not answered yet".into());
        } else if lag > U64::ZERO {
            reasons.push(format!("{lag} L1 blocks behind L1, whose head is {}", l1.head));
        }
        if l1.head > 0 && !l1.healthy {
            reasons.push("L1 does not answer".into());
        }
        let feed = self.feed.as_ref().map(|feed| *feed.borrow()).unwrap_or_default();
        if feed.is_behind {
            let behind = progress.highest_block.saturating_sub(progress.current_block);
            reasons.push(format!("{behind} blocks behind the sequencer's feed"));
        }
        if reasons.is_empty() {
            reasons.push("L1 is not followed to its head yet".into());
        }
        reasons
    }

    pub(crate) fn watch(&self, chain: &Chain) -> SyncWatch {
        SyncWatch { l1: self.l1.clone(), feed: self.feed.clone(), heads: chain.watch_heads() }
    }
}

/// Waits until progress may have changed.
pub(crate) struct SyncWatch {
    l1: watch::Receiver<L1Status>,
    feed: Option<watch::Receiver<FeedStatus>>,
    heads: watch::Receiver<Heads>,
}

impl SyncWatch {
    /// Returns with the next change; false if there will be no more.
    pub(crate) async fn changed(&mut self) -> bool {
        let feed = async {
            match &mut self.feed {
                Some(feed) => feed.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.l1.changed() => changed.is_ok(),
            changed = feed => changed.is_ok(),
            changed = self.heads.changed() => changed.is_ok(),
        }
    }
}
