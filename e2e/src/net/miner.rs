use std::{sync::Arc, time::Duration};

use alloy::providers::{Provider, RootProvider};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
};

/// Makes L1 blocks at an interval, until dropped.
#[derive(Debug)]
pub struct Miner {
    gate: Arc<Mutex<()>>,
    task: JoinHandle<()>,
}

impl Miner {
    /// Starts.
    pub fn start(l1: RootProvider, interval: Duration) -> Self {
        let gate = Arc::new(Mutex::new(()));
        let inner = gate.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let _open = inner.lock().await;
                // L1 may be stopped; then there is nothing to do.
                let _ = l1.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await;
            }
        });
        Self { gate, task }
    }

    /// No blocks are made while the result is held.
    pub async fn pause(&self) -> OwnedMutexGuard<()> {
        self.gate.clone().lock_owned().await
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.task.abort();
    }
}
