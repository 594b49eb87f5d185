use std::{sync::Arc, time::Duration};

use alloy::providers::{Provider, RootProvider};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, watch},
    task::JoinHandle,
};

/// Makes L1 blocks at an interval, until dropped.
#[derive(Debug)]
pub struct Miner {
    gate: Arc<Mutex<()>>,
    interval: watch::Sender<Duration>,
    task: JoinHandle<()>,
}

impl Miner {
    /// Starts.
    pub fn start(l1: RootProvider, interval: Duration) -> Self {
        let gate = Arc::new(Mutex::new(()));
        let inner = gate.clone();
        let (interval, next) = watch::channel(interval);
        let task = tokio::spawn(async move {
            loop {
                let pause = *next.borrow();
                tokio::time::sleep(pause).await;
                let _open = inner.lock().await;
                // L1 may be stopped; then there is nothing to do.
                let _ = l1.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await;
            }
        });
        Self { gate, interval, task }
    }

    /// Makes blocks at another interval from the next one on.
    pub fn set_interval(&self, interval: Duration) {
        self.interval.send_replace(interval);
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
