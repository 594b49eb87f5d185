//! `eth_syncing`: whether the node is behind L1, or behind the sequencer's feed.

use std::sync::Arc;

use jsonrpsee::{SubscriptionSink, core::SubscriptionResult};
use serde::Serialize;

use super::{RpcError, context::Rpc, progress::SyncProgress, subscriptions::send};
use rollup::shutdown::Shutdown;

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

    /// Tells a subscriber whether the node is behind, and whenever that changes.
    pub(crate) async fn tell_syncing(&self, sink: &SubscriptionSink) -> SubscriptionResult {
        let mut watch = self.syncing.watch(&self.chain);
        let mut told = None;
        loop {
            let progress = self.syncing.progress(&self.chain);
            if told != Some(progress.is_some()) {
                told = Some(progress.is_some());
                let notice = progress.map(|status| Notice { syncing: true, status });
                send(sink, &FalseOr::from(notice)).await?;
            }
            let changed = tokio::select! {
                changed = watch.changed() => changed,
                () = sink.closed() => return Ok(()),
            };
            if !changed {
                sink.closed().await;
                return Ok(());
            }
        }
    }
}
