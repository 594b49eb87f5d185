//! `eth_syncing`: whether the node is behind L1, or behind the sequencer's feed.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jsonrpsee::core::SubscriptionResult;
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::{RpcError, context::Rpc, peers::Peers, progress::SyncProgress, subscriptions::Notify};
use rollup::shutdown::Shutdown;

/// How often is measured what changes with time.
const ROUND: Duration = Duration::from_secs(1);

/// An answer that is false where there is nothing to wait for.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum FalseOr<T> {
    False(bool),
    Some(T),
}

/// What subscribers are told while the node is behind, in geth's form.
#[derive(Clone, Copy, Debug, Serialize)]
struct Notice {
    syncing: bool,
    status: SyncProgress,
}

impl<T> From<Option<T>> for FalseOr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::False(false), Self::Some)
    }
}

impl Rpc {
    pub(crate) async fn syncing(self: Arc<Self>) -> Result<FalseOr<SyncProgress>, RpcError> {
        Ok(self.syncing.progress(&self.chain).into())
    }

    /// Sees the node catch up also while nobody asks. Returns when it has.
    pub(crate) async fn follow_syncing(&self, mut shutdown: Shutdown) {
        let mut watch = self.syncing.watch(&self.chain);
        let caught_up =
            async { while self.syncing.progress(&self.chain).is_some() && watch.changed().await {} };
        tokio::select! {
            () = caught_up => {}
            () = shutdown.wait() => {}
        }
    }

    /// Why the node does not serve the newest blocks; empty if it does.
    pub(crate) fn reasons_to_wait(&self) -> Vec<String> {
        self.syncing.reasons(&self.chain)
    }

    /// What does not work, though the node lives.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.syncing.warnings()
    }

    /// Measures what changes with time, until shutdown.
    pub(crate) async fn measure(&self, peers: &Peers, mut shutdown: Shutdown) {
        let l1 = self.syncing.l1();
        let mut head = 0;
        let mut moved = Instant::now();
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = shutdown.wait() => return,
            }
            // An endpoint that goes away changes its health, and nothing else.
            let now = l1.borrow().head;
            if now != head {
                (head, moved) = (now, Instant::now());
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            let age = now - self.chain.heads().unsafe_head.timestamp as f64;
            metrics::gauge!("recourse_head_age_seconds").set(age.max(0.0));
            metrics::gauge!("recourse_l1_age_seconds").set(moved.elapsed().as_secs_f64());
            metrics::gauge!("recourse_rpc_held_bytes").set(peers.held() as f64);
        }
    }

    /// Tells a subscriber whether the node is behind, and whenever that changes.
    pub(crate) async fn tell_syncing(&self, notify: &Notify) -> SubscriptionResult {
        let mut watch = self.syncing.watch(&self.chain);
        let mut told = None;
        loop {
            let progress = self.syncing.progress(&self.chain);
            if told != Some(progress.is_some()) {
                told = Some(progress.is_some());
                let notice = progress.map(|status| Notice { syncing: true, status });
                notify.send(&FalseOr::from(notice)).await?;
            }
            let changed = tokio::select! {
                changed = watch.changed() => changed,
                () = notify.closed() => return Ok(()),
            };
            if !changed {
                notify.closed().await;
                return Ok(());
            }
        }
    }
}
