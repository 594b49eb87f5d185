//! Transactions in the background, several at once.
//!
//! Each game has its own clocks, so that the answers of many games are due at once: as many are in flight as L1's nodes
//! take from one account, the most urgent with the first nonces. Answers are not put into one transaction: a game takes
//! whoever calls it for the claimant, and that must be this account.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use alloy::{primitives::Address, rpc::types::TransactionReceipt, sol_types::SolInterface};
use bindings::IDisputeGame;
use rollup::l1::{Retry, SendError, TxManager};
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{debug, error, info, warn};

use super::{
    TARGET,
    plans::{MoveKey, Multicall, Next, SendKind, Skip},
};

/// A move that L1 refused is not tried again for so long; longer each time.
const PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(60);

type Sent = Result<TransactionReceipt, SendError>;

/// Sends moves.
pub(crate) struct Sender {
    manager: Arc<TxManager>,
    multicall: Multicall,
    tasks: JoinSet<Sent>,
    flights: HashMap<Id, Next>,
    ended: Vec<(Next, Sent)>,
    refused: BTreeMap<MoveKey, (Instant, Duration)>,
    /// Moves in blocks that the games may not have been read up to.
    made: BTreeMap<MoveKey, u64>,
}

impl Sender {
    pub(crate) fn new(manager: Arc<TxManager>, multicall: Address) -> Self {
        Self {
            manager,
            multicall: Multicall(multicall),
            tasks: JoinSet::new(),
            flights: HashMap::new(),
            ended: Vec::new(),
            refused: BTreeMap::new(),
            made: BTreeMap::new(),
        }
    }

    pub(crate) fn account(&self) -> Address {
        self.manager.address()
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// How many more transactions can be sent.
    pub(crate) fn places(&self) -> usize {
        TxManager::MAX_IN_FLIGHT.saturating_sub(self.flights.len())
    }

    /// What closing moves are sent by, unless some are on their way: later ones may depend on them.
    pub(crate) fn closing(&self) -> Option<Multicall> {
        (!self.flights.values().any(|next| next.kind == SendKind::Closing)).then_some(self.multicall)
    }

    /// Moves that need not be sent now. `read` is the last block up to which the games are read.
    pub(crate) fn skip(&mut self, read: u64) -> Skip {
        let now = Instant::now();
        self.made.retain(|_, block| *block > read);
        let refused = self.refused.iter().filter(|(_, (until, _))| *until > now).map(|(key, _)| *key);
        let flying = self.flights.values().chain(self.ended.iter().map(|(next, _)| next));
        let flying = flying.flat_map(|next| next.moves.iter().copied());
        Skip { sent: flying.chain(self.made.keys().copied()).collect(), refused: refused.collect() }
    }

    /// Begins to send.
    pub(crate) fn send(&mut self, next: Next) {
        let (manager, request) = (self.manager.clone(), next.request.clone());
        debug!(target: TARGET, what = next.kind.name(), game = %next.game, "sending");
        let mut sending = Box::pin(async move { manager.send(request).await });
        // Begun here, so that the manager gives out nonces in the order of these calls, not in that of tasks.
        match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => self.ended.push((next, result)),
            Poll::Pending => {
                let task = self.tasks.spawn(sending);
                self.flights.insert(task.id(), next);
            }
        }
        self.count();
    }

    /// Returns when a transaction has ended.
    pub(crate) async fn done(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => std::future::pending().await,
        }
    }

    fn note(&mut self, ended: Result<(Id, Sent), JoinError>) {
        match ended {
            Ok((id, result)) => self.ended.extend(self.flights.remove(&id).map(|next| (next, result))),
            Err(error) => {
                self.flights.remove(&error.id());
                error!(target: TARGET, %error, "sending a transaction panicked");
            }
        }
        self.count();
    }

    fn count(&self) {
        metrics::gauge!("recourse_challenger_moves_in_flight").set(self.flights.len() as f64);
    }

    /// Takes note of the transactions that have ended.
    pub(crate) fn collect(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
        for (next, result) in std::mem::take(&mut self.ended) {
            match result {
                Ok(receipt) => self.moved(next, &receipt),
                Err(error) => self.failed(&next, &error),
            }
        }
    }

    fn moved(&mut self, next: Next, receipt: &TransactionReceipt) {
        let (what, game) = (next.kind.name(), next.game);
        let (tx, gas) = (receipt.transaction_hash, receipt.gas_used);
        metrics::counter!("recourse_challenger_moves_total", "kind" => what).increment(1);
        metrics::counter!("recourse_challenger_gas_total").increment(gas);
        info!(target: TARGET, what, %game, %tx, gas, "moved");
        self.refused.remove(&next.key);
        let block = receipt.block_number.unwrap_or_default();
        self.made.extend(next.moves.into_iter().map(|key| (key, block)));
    }

    fn failed(&mut self, next: &Next, error: &SendError) {
        let Next { game, key, .. } = *next;
        let what = next.kind.name();
        metrics::counter!("recourse_challenger_failed_moves_total").increment(1);
        let reason = explain(error);
        let longer = self.refused.get(&key).map_or(PAUSE, |(_, pause)| (*pause * 2).min(MAX_PAUSE));
        let pause = match (error.retry(), error) {
            (Retry::Now, _) => {
                warn!(target: TARGET, what, %game, %reason, "a move was not made; looking again");
                return;
            }
            // Usually somebody else was faster.
            (Retry::Never, _) => {
                info!(target: TARGET, what, %game, %reason, "L1 refuses a move");
                longer
            }
            (Retry::Later, SendError::Funds { .. }) => {
                error!(target: TARGET, what, %game, %reason, "the account cannot pay for a move");
                metrics::counter!("recourse_challenger_unpaid_moves_total").increment(1);
                // What is on its way may cost less than it may take.
                if self.is_idle() { MAX_PAUSE } else { longer }
            }
            (Retry::Later, _) => {
                warn!(target: TARGET, what, %game, %reason, "a move was not sent; trying again");
                PAUSE
            }
        };
        self.refused.insert(key, (Instant::now() + pause, pause));
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
