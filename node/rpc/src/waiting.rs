//! Transactions that are in no block yet: in the sequencer's pool, or passed on to it by this replica.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, Bytes, keccak256},
    rpc::types::erc4337::TransactionConditional,
};
use serde::de::IgnoredAny;
use stf::Transaction;
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::MissedTickBehavior,
};

use super::{RpcError, context::Rpc, forward::Forward};
use rollup::{
    chain::{ChainEvent, Events},
    shutdown::Shutdown,
};
use sequencing::pool::{PoolTx, StateSource};

/// How often is looked what has to be asked for at the sequencer.
const ROUND: Duration = Duration::from_secs(15);

/// How every Ethereum node refuses a transaction that it has already.
const ALREADY_KNOWN: &str = "already known";

/// Transactions of each sender, in order of nonces.
pub(crate) type BySender = BTreeMap<Address, Vec<Transaction>>;

/// All that waits.
#[derive(Debug, Default)]
pub(crate) struct WaitingContent {
    /// What follows on from the senders' nonces.
    pub(crate) pending: BySender,
    /// What waits for another nonce.
    pub(crate) queued: BySender,
}

/// New transactions as they come.
#[derive(Debug)]
pub(crate) enum NewTransactions {
    Pool(Receiver<Arc<PoolTx>>),
    Sent(Receiver<Arc<Transaction>>),
    /// A replica that takes no transactions has nothing to tell.
    None,
}

impl NewTransactions {
    /// Waits for the next one. A slow subscriber misses some; `None`: there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Transaction> {
        loop {
            let next = match self {
                Self::Pool(receiver) => receiver.recv().await.map(|tx| tx.transaction().clone()),
                Self::Sent(receiver) => receiver.recv().await.map(|tx| Transaction::clone(&tx)),
                Self::None => std::future::pending().await,
            };
            match next {
                Ok(tx) => return Some(tx),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next one, if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Transaction> {
        loop {
            let next = match self {
                Self::Pool(receiver) => receiver.try_recv().map(|tx| tx.transaction().clone()),
                Self::Sent(receiver) => receiver.try_recv().map(|tx| Transaction::clone(&tx)),
                Self::None => return None,
            };
            match next {
                Ok(tx) => return Some(tx),
                // Hashes of transactions that have long been in a block are not worth more than this.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }
}

impl Rpc {
    /// Takes a transaction: into the pool, or to the sequencer.
    pub(crate) async fn submit(&self, raw: Bytes) -> Result<B256, RpcError> {
        match (&self.pool, &self.forward) {
            (Some(pool), _) => Ok(pool.submit(raw)?),
            (None, Some(forward)) => self.pass_on(forward, raw, None).await,
            (None, None) => Err(RpcError::refused(
                "this node does not take transactions: it is a replica without --sequencer-rpc",
            )),
        }
    }

    /// Passes a transaction on, with its condition if it has one, and remembers it if the sequencer has it then. Its answer
    /// is the answer.
    pub(crate) async fn pass_on(
        &self,
        forward: &Forward,
        raw: Bytes,
        condition: Option<TransactionConditional>,
    ) -> Result<B256, RpcError> {
        let answer = match condition {
            None => forward.request("eth_sendRawTransaction", &(&raw,)).await,
            Some(condition) => forward.request("eth_sendRawTransactionConditional", &(&raw, condition)).await,
        };
        let is_there = match &answer {
            Ok(hash) => *hash == keccak256(&raw),
            Err(RpcError::Remote(error)) => error.message() == ALREADY_KNOWN,
            Err(_) => false,
        };
        if is_there {
            match Transaction::recover(raw) {
                Ok(tx) => self.remember(forward, Arc::new(tx)),
                Err(error) => {
                    tracing::debug!(target: "node::rpc", %error, "the sequencer took what is unknown here")
                }
            }
        }
        answer
    }

    /// Remembers a transaction that the sequencer has, unless it is in a block already.
    fn remember(&self, forward: &Forward, tx: Arc<Transaction>) {
        if !forward.sent.insert(tx.clone(), Instant::now()) {
            return;
        }
        // Its block can be here before the sequencer's answer is. Looked up after the insertion: a block that comes
        // later finds the transaction there.
        self.forget_used(forward, &[tx.sender()]);
        if forward.sent.get(&tx.hash()).is_some() {
            forward.sent.announce(tx);
        }
    }

    /// Forgets what these senders can't send any more.
    fn forget_used(&self, forward: &Forward, senders: &[Address]) {
        match self.chain.accounts(senders) {
            Ok(accounts) => {
                for (sender, account) in senders.iter().zip(accounts) {
                    forward.sent.used(*sender, account.nonce);
                }
            }
            Err(error) => {
                tracing::warn!(target: "node::rpc", %error, "cannot read the nonces of what was passed on");
            }
        }
    }

    /// Keeps what was passed on up to date until shutdown: with the chain, and with the sequencer.
    pub(crate) async fn follow_sent(&self, events: Events, mut shutdown: Shutdown) {
        let Some(forward) = &self.forward else { return };
        let follow =
            async { tokio::join!(self.follow_blocks(forward, events), self.follow_sequencer(forward)) };
        tokio::select! {
            _ = follow => {}
            () = shutdown.wait() => {}
        }
    }

    async fn follow_blocks(&self, forward: &Forward, mut events: Events) {
        loop {
            match events.recv().await {
                Ok(ChainEvent::Block(block)) => {
                    let mut senders: Vec<_> = block.transactions.iter().map(Transaction::sender).collect();
                    senders.sort_unstable();
                    senders.dedup();
                    self.forget_used(forward, &forward.sent.senders(Some(&senders)));
                }
                // The sequencer puts them back into its pool, too.
                Ok(ChainEvent::Reorg { dropped, .. }) => {
                    let all = dropped.iter().flat_map(|block| &block.transactions);
                    for tx in all.filter(|tx| !tx.envelope().is_deposit()) {
                        self.remember(forward, Arc::new(tx.clone()));
                    }
                }
                Err(RecvError::Lagged(_)) => self.forget_used(forward, &forward.sent.senders(None)),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn follow_sequencer(&self, forward: &Forward) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            forward.ask_for_sent(Instant::now()).await;
        }
    }

    /// A transaction that waits.
    pub(crate) fn waiting(&self, hash: &B256) -> Option<Transaction> {
        match (&self.pool, &self.forward) {
            (Some(pool), _) => pool.get(hash).map(|tx| tx.transaction().clone()),
            (None, Some(forward)) => forward.sent.get(hash).map(|tx| Transaction::clone(&tx)),
            (None, None) => None,
        }
    }

    /// Follows what comes to wait.
    pub(crate) fn new_transactions(&self) -> NewTransactions {
        match (&self.pool, &self.forward) {
            (Some(pool), _) => NewTransactions::Pool(pool.subscribe()),
            (None, Some(forward)) => NewTransactions::Sent(forward.sent.subscribe()),
            (None, None) => NewTransactions::None,
        }
    }

    /// The nonce after a sender's waiting transactions; `None` if it has none: then it is the state's.
    pub(crate) async fn pending_nonce(&self, sender: Address) -> Result<Option<u64>, RpcError> {
        if let Some(pool) = &self.pool {
            return Ok(pool.pending_nonce(&sender));
        }
        let Some(forward) = &self.forward else { return Ok(None) };
        let asked = forward.request("eth_getTransactionCount", &(sender, "pending")).await;
        if let Ok(nonce) = asked {
            return Ok(Some(alloy::primitives::U64::saturating_to(&nonce)));
        }
        // Without the sequencer, what was passed on is all there is to count.
        let content = self.sent_content(forward, Some(sender))?;
        let last = content.pending.get(&sender).and_then(|list| list.last());
        Ok(last.map(|tx| tx.envelope().nonce().saturating_add(1)))
    }

    /// All that waits, or what waits of one sender.
    pub(crate) fn waiting_content(&self, sender: Option<Address>) -> Result<WaitingContent, RpcError> {
        let content = match (&self.pool, &self.forward) {
            (Some(pool), _) => match sender {
                Some(sender) => pool.content_from(&sender),
                None => pool.content(),
            },
            (None, Some(forward)) => return self.sent_content(forward, sender),
            (None, None) => {
                return Err(RpcError::refused(
                    "this node has no transaction pool: it is a replica without --sequencer-rpc",
                ));
            }
        };
        let plain = |lists: BTreeMap<Address, Vec<Arc<PoolTx>>>| {
            let plain = |list: Vec<Arc<PoolTx>>| list.iter().map(|tx| tx.transaction().clone()).collect();
            lists.into_iter().map(|(sender, list)| (sender, plain(list))).collect()
        };
        Ok(WaitingContent { pending: plain(content.pending), queued: plain(content.queued) })
    }

    fn sent_content(&self, forward: &Forward, sender: Option<Address>) -> Result<WaitingContent, RpcError> {
        let mut by_sender = BySender::new();
        for tx in forward.sent.list(sender) {
            by_sender.entry(tx.sender()).or_default().push(Transaction::clone(&tx));
        }
        let senders: Vec<_> = by_sender.keys().copied().collect();
        let accounts = self.chain.accounts(&senders).map_err(RpcError::internal)?;
        let mut content = WaitingContent::default();
        for ((sender, list), account) in by_sender.into_iter().zip(accounts) {
            let follows =
                list.iter().zip(account.nonce..).take_while(|(tx, nonce)| tx.envelope().nonce() == *nonce);
            let pending = follows.count();
            let mut list = list;
            let queued = list.split_off(pending);
            if !list.is_empty() {
                content.pending.insert(sender, list);
            }
            if !queued.is_empty() {
                content.queued.insert(sender, queued);
            }
        }
        Ok(content)
    }
}

impl Forward {
    /// Asks the sequencer for what has waited long, and forgets what it does not have any more.
    pub(super) async fn ask_for_sent(&self, now: Instant) {
        for hash in self.sent.due(now) {
            match self.request::<Option<IgnoredAny>>("eth_getTransactionByHash", &(hash,)).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    tracing::debug!(target: "node::rpc", %hash, "the sequencer has dropped a transaction");
                    self.sent.remove(&hash);
                }
                // It is asked again later.
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::{Listener, RpcConfig, RpcContext, progress::Syncing, sent::ASK_AFTER, serve};
    use rollup::{l1::L1Status, shutdown, testing};
    use sequencing::pool::{Pool, PoolOptions};

    /// A replica remembers what it passed on until the sequencer, a real one, has dropped it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_the_sequencer_has_dropped_is_forgotten() {
        let config = testing::config(1, 0);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let chain = testing::open(folders[0].path(), &config);
        let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
        let (stop, shutdown) = shutdown::channel();
        let l1 = watch::channel(L1Status::default()).1;
        let pooled = Some(pool.clone());
        let context = RpcContext {
            chain,
            pool: pooled,
            forward: None,
            feed: None,
            l1: l1.clone(),
            followed_feed: None,
            signers: Vec::new(),
        };
        let local = RpcConfig::new(Listener::all(([127, 0, 0, 1], 0).into()));
        let sequencer = serve(local, context, shutdown).await.unwrap();

        let forward = Forward::new(&format!("http://{}", sequencer.local_addr())).unwrap();
        let chain = testing::open(folders[1].path(), &config);
        let syncing = Syncing::new(&chain, l1, None);
        let replica = Rpc::new(chain, None, Some(forward), syncing);
        let forward = replica.forward.as_ref().unwrap();
        let hash = replica.submit(testing::transaction(0, testing::transfer(0))).await.unwrap();
        let long_after = Instant::now() + ASK_AFTER;
        forward.ask_for_sent(long_after).await;
        assert!(replica.waiting(&hash).is_some());
        assert!(pool.discard(&hash));
        // It has just been asked for.
        forward.ask_for_sent(long_after).await;
        assert!(replica.waiting(&hash).is_some());
        forward.ask_for_sent(long_after + ASK_AFTER).await;
        assert!(replica.waiting(&hash).is_none());

        // Without an answer nothing is forgotten.
        let hash = replica.submit(testing::transaction(0, testing::transfer(0))).await.unwrap();
        stop.stop();
        sequencer.stopped().await;
        forward.ask_for_sent(long_after + ASK_AFTER * 3).await;
        assert!(replica.waiting(&hash).is_some());
    }
}
