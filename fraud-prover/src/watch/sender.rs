//! One transaction at a time, in the background.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256},
    rpc::types::TransactionReceipt,
    sol_types::SolInterface,
};
use bindings::IDisputeGame;
use rollup::l1::{SendError, TxManager};
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

use super::{TARGET, plans::Next};

/// A move that L1 refused is not tried again for so long; longer each time.
const PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Sends moves.
pub(crate) struct Sender {
    manager: Arc<TxManager>,
    multicall: Address,
    flight: Option<(Next, JoinHandle<Result<TransactionReceipt, SendError>>)>,
    ended: Option<(Next, Result<TransactionReceipt, SendError>)>,
    refused: BTreeMap<B256, (Instant, Duration)>,
}

impl Sender {
    pub(crate) fn new(manager: Arc<TxManager>, multicall: Address) -> Self {
        Self { manager, multicall, flight: None, ended: None, refused: BTreeMap::new() }
    }

    pub(crate) fn account(&self) -> Address {
        self.manager.address()
    }

    pub(crate) const fn multicall(&self) -> Address {
        self.multicall
    }

    /// Whether another transaction can be sent.
    pub(crate) const fn is_free(&self) -> bool {
        self.flight.is_none()
    }

    /// Moves that were refused lately.
    pub(crate) fn refused(&self) -> BTreeSet<B256> {
        let now = Instant::now();
        self.refused.iter().filter(|(_, (until, _))| *until > now).map(|(key, _)| *key).collect()
    }

    /// Begins to send.
    pub(crate) fn send(&mut self, next: Next) {
        let (manager, request) = (self.manager.clone(), next.request.clone());
        debug!(target: TARGET, what = next.what, game = %next.game, "sending");
        let task = tokio::spawn(async move { manager.send(request).await });
        self.flight = Some((next, task));
    }

    /// Returns when a transaction has ended.
    pub(crate) async fn done(&mut self) {
        let Some((_, task)) = &mut self.flight else {
            return std::future::pending().await;
        };
        let result = task.await;
        if let Some((next, _)) = self.flight.take() {
            match result {
                Ok(result) => self.ended = Some((next, result)),
                Err(error) => error!(target: TARGET, %error, "sending a transaction panicked"),
            }
        }
    }

    /// Takes note of a transaction that has ended.
    pub(crate) async fn collect(&mut self) {
        if self.flight.as_ref().is_some_and(|(_, task)| task.is_finished()) {
            self.done().await;
        }
        let Some((next, result)) = self.ended.take() else {
            return;
        };
        let Next { what, game, key, .. } = next;
        let error = match result {
            Ok(receipt) => {
                let (tx, gas) = (receipt.transaction_hash, receipt.gas_used);
                metrics::counter!("challenger_moves", "kind" => what).increment(1);
                metrics::counter!("challenger_gas").increment(gas);
                info!(target: TARGET, what, %game, %tx, gas, "moved");
                self.refused.remove(&key);
                return;
            }
            Err(error) => error,
        };
        metrics::counter!("challenger_failed_moves").increment(1);
        let reason = explain(&error);
        match &error {
            // Usually somebody else was faster.
            SendError::WouldRevert { .. } | SendError::Reverted(_) | SendError::Dropped { .. } => {
                let pause = self.refused.get(&key).map_or(PAUSE, |(_, pause)| (*pause * 2).min(MAX_PAUSE));
                self.refused.insert(key, (Instant::now() + pause, pause));
                info!(target: TARGET, what, %game, %reason, "L1 refuses a move");
            }
            SendError::Funds { .. } => {
                self.refused.insert(key, (Instant::now() + MAX_PAUSE, MAX_PAUSE));
                error!(target: TARGET, what, %game, %reason, "the account cannot pay for a move");
                metrics::counter!("challenger_unpaid_moves").increment(1);
            }
            _ => warn!(target: TARGET, what, %game, %reason, "a move was not sent; looking again"),
        }
    }
}

/// The contract's own error says more than the endpoint's words.
pub(crate) fn explain(error: &SendError) -> String {
    let decoded = error.revert_data().map(|data| IDisputeGame::IDisputeGameErrors::abi_decode(data));
    match decoded {
        Some(Ok(reason)) => format!("the game would refuse: {reason:?}"),
        _ => error.to_string(),
    }
}
