use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use alloy::{
    network::{Ethereum, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, RootProvider, WsConnect},
    rpc::types::{Filter, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{
    artifacts::{Contract, creation_code},
    samples::StorageHeavy::StorageHeavyInstance,
};
use futures::{StreamExt, future::LocalBoxFuture};
use rollup::RollupConfig;
use serde_json::Value;
use testnet::Node;
use tokio::sync::{Mutex, MutexGuard};

use super::Parts;
use crate::net::{UserDeposit, transfer, user};

/// Longest that a request or a receipt may take; it counts as a failure then.
const LIMIT: Duration = Duration::from_secs(20);
/// Blocks whose logs are asked for.
const LOG_RANGE: u64 = 200;

/// Longest that traffic goes on when it is stopped, but for what it is at.
const STOP: Duration = Duration::from_millis(500);

/// The contract whose storage is written to.
pub(super) type Storage = StorageHeavyInstance<DynProvider<Ethereum>>;

/// One kind of traffic, until it is stopped.
pub(super) type Repeated<'a> = LocalBoxFuture<'a, Result<()>>;

/// How one kind of traffic went.
#[derive(Clone, Debug, Default)]
pub struct TrafficKind {
    /// What was done.
    pub done: u64,
    /// What was not.
    pub failed: u64,
    /// What was not, while a node that was ended was on its way back.
    pub excused: u64,
    /// The last reason.
    pub error: Option<String>,
}

/// What users do, each kind at its own bounded pace, until it is stopped.
#[derive(Default)]
pub struct Traffic {
    stopped: Cell<bool>,
    kinds: RefCell<BTreeMap<&'static str, TrafficKind>>,
    accepted: RefCell<Vec<B256>>,
    deposits: RefCell<Vec<B256>>,
    deposits_held: Mutex<()>,
    /// The last time in which failures are excused.
    excused: Cell<Option<(Instant, Instant)>>,
    counts: RefCell<BTreeMap<&'static str, u64>>,
}

impl Traffic {
    /// Lets all kinds end after what they are at.
    pub fn stop(&self) {
        self.stopped.set(true);
    }

    /// Whether it was stopped, or has ended by itself.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// How each kind went so far.
    pub fn kinds(&self) -> BTreeMap<&'static str, TrafficKind> {
        self.kinds.borrow().clone()
    }

    /// Transactions that the sequencer has taken.
    pub fn accepted(&self) -> Vec<B256> {
        self.accepted.borrow().clone()
    }

    /// Deposits, as L1 transactions.
    pub fn deposits(&self) -> Vec<B256> {
        self.deposits.borrow().clone()
    }

    /// Nobody deposits while the result is held.
    pub(super) async fn hold_deposits(&self) -> MutexGuard<'_, ()> {
        self.deposits_held.lock().await
    }

    /// A node was ended at that time, and what fails until so long after now has its reason in that.
    pub(super) fn excuse(&self, since: Instant, after: Duration) {
        self.excused.set(Some((since, Instant::now() + after)));
    }

    /// Counts something that is neither done nor failed.
    pub(super) fn count(&self, what: &'static str, times: u64) {
        *self.counts.borrow_mut().entry(what).or_default() += times;
    }

    /// What was counted.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.borrow().clone()
    }

    /// These were seen in blocks.
    pub(super) fn announced(&self, transactions: Vec<B256>) {
        self.accepted.borrow_mut().extend(transactions);
    }

    /// Does one thing again and again.
    pub(super) async fn repeat(
        &self,
        kind: &'static str,
        pause: Duration,
        act: impl AsyncFnMut() -> Result<()>,
    ) -> Result<()> {
        self.repeat_within(LIMIT, kind, pause, act).await
    }

    /// The same, with another limit than the usual one.
    pub(super) async fn repeat_within(
        &self,
        limit: Duration,
        kind: &'static str,
        pause: Duration,
        mut act: impl AsyncFnMut() -> Result<()>,
    ) -> Result<()> {
        while !self.stopped.get() {
            let begun = Instant::now();
            let outcome = tokio::time::timeout(limit, act()).await;
            let outcome = outcome.unwrap_or_else(|_| bail!("nothing for {} s", limit.as_secs()));
            {
                let excused = self.excused.get();
                let excused = excused.is_some_and(|(since, until)| begun < until && Instant::now() >= since);
                let mut kinds = self.kinds.borrow_mut();
                let kind = kinds.entry(kind).or_default();
                match outcome {
                    Ok(()) => kind.done += 1,
                    Err(_) if excused => kind.excused += 1,
                    Err(error) => {
                        kind.failed += 1;
                        kind.error = Some(format!("{error:#}"));
                    }
                }
            }
            let next = Instant::now() + pause;
            while !self.stopped.get() && Instant::now() < next {
                tokio::time::sleep(STOP.min(next.saturating_duration_since(Instant::now()))).await;
            }
            // Also without a pause, others have their turn.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// All kinds at once. Ends when it is stopped.
    pub async fn run(&self, endpoints: &Endpoints) -> Result<()> {
        let Endpoints { rollup, sequencer, replicas, sockets, .. } = endpoints;
        let chain_id = rollup.chain.chain_id;
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let direct = Sender::new(user(2)?, chain_id);
        let forwarded = Sender::new(user(3)?, chain_id);
        let synchronous = Sender::new(user(7)?, chain_id);
        let heavy = storage(&sockets[0].replacen("ws", "http", 1)).await?;
        let (round, target) = (Cell::new(0u64), Address::repeat_byte(0x51));
        let replica = replicas.first().context("no replica")?;

        let mut all: Vec<Repeated<'_>> = vec![
            Box::pin(self.repeat("transfers", millis(150), async || {
                let hash = direct.send(sequencer, target).await?;
                self.accepted.borrow_mut().push(hash);
                Ok(())
            })),
            Box::pin(self.repeat("transfers by a replica", millis(500), async || {
                let hash = forwarded.send(replica, target).await?;
                self.accepted.borrow_mut().push(hash);
                Ok(())
            })),
            Box::pin(self.repeat("synchronous transfers", millis(700), async || {
                let hash = synchronous.send_sync(sequencer, target).await?;
                self.accepted.borrow_mut().push(hash);
                Ok(())
            })),
            Box::pin(self.repeat("storage writes", seconds(1), async || {
                let at = U256::from(round.replace(round.get() + 1) * 40);
                let call = heavy.write(at, U256::from(40), U256::ONE).send().await?;
                let receipt = call.get_receipt().await?;
                ensure!(receipt.status(), "a write failed");
                Ok(())
            })),
        ];
        all.extend(self.usual(endpoints, &heavy));
        for socket in sockets {
            all.push(Box::pin(self.subscribe(socket)));
        }
        futures::future::try_join_all(all).await?;
        Ok(())
    }

    /// What users do in the same way whatever happens meanwhile.
    pub(super) fn usual<'a>(&'a self, endpoints: &'a Endpoints, heavy: &'a Storage) -> Vec<Repeated<'a>> {
        let Endpoints { l1, rollup, replicas, .. } = endpoints;
        vec![
            Box::pin(self.repeat("deposits", Duration::from_secs(3), async move || {
                let _held = self.hold_deposits().await;
                let deposit = UserDeposit::ether(Address::random(), U256::from(1_000));
                let hash = deposit.send_by(l1, rollup, &user(4)?).await?;
                self.deposits.borrow_mut().push(hash);
                Ok(())
            })),
            Box::pin(self.repeat("eth_getLogs", Duration::from_secs(1), async move || {
                for node in replicas {
                    let head = node.get_block_number().await?;
                    node.get_logs(&Filter::new().from_block(head.saturating_sub(LOG_RANGE)).to_block(head))
                        .await?;
                }
                Ok(())
            })),
            Box::pin(self.repeat("eth_call", Duration::from_millis(500), async move || {
                for node in replicas {
                    let request = TransactionRequest::default().with_to(*heavy.address());
                    let request =
                        request.with_input(heavy.update(U256::ZERO, U256::from(10)).calldata().clone());
                    node.call(request).await?;
                }
                Ok(())
            })),
        ]
    }

    /// Follows `newHeads`; each that comes counts, and one that does not follow on the last is a failure.
    async fn subscribe(&self, url: &str) -> Result<()> {
        let subscribed = async {
            let provider = ProviderBuilder::new().connect_ws(WsConnect::new(url)).await?;
            let stream = provider.subscribe_blocks().await?.into_stream();
            anyhow::Ok((provider, stream))
        };
        let (_provider, mut heads) =
            subscribed.await.with_context(|| format!("cannot subscribe at {url}"))?;
        let last = Cell::new(None);
        self.repeat("newHeads", Duration::ZERO, async || {
            let head = heads.next().await.context("the subscription ended")?.number;
            let expected = last.replace(Some(head)).map_or(head, |last: u64| last + 1);
            ensure!(head == expected, "block {head} after {}", expected - 1);
            Ok(())
        })
        .await
    }
}

/// Where traffic goes.
pub struct Endpoints {
    l1: RootProvider,
    pub(super) rollup: RollupConfig,
    pub(super) sequencer: RootProvider,
    pub(super) replicas: Vec<RootProvider>,
    /// Of the sequencer, and of the replica that passes transactions on.
    pub(super) sockets: Vec<String>,
    /// Of the same two.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Endpoints {
    /// Those of the parts.
    pub fn of(parts: &Parts) -> Result<Self> {
        let devnet = &parts.arena.net.devnet;
        let sequencer = devnet.sequencer()?;
        let replicas = [parts.node("replica")?, parts.node("from-l1")?, parts.node("fed")?];
        Ok(Self {
            l1: devnet.anvil.provider().clone(),
            rollup: devnet.rollup.clone(),
            sequencer: sequencer.provider().clone(),
            replicas: replicas.map(|node| node.provider().clone()).into(),
            sockets: vec![sequencer.ws_url(), replicas[0].ws_url()],
            addresses: vec![address(sequencer), address(replicas[0])],
        })
    }
}

/// Where a node answers.
pub(super) fn address(node: &Node) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], node.options.port))
}

/// A contract whose storage is written to, from the first user.
pub(super) async fn storage(url: &str) -> Result<Storage> {
    let wallet = ProviderBuilder::new().wallet(user(0)?).connect_http(url.parse()?).erased();
    let address = create(&wallet, creation_code(Contract::StorageHeavy)).await?;
    Ok(Storage::new(address, wallet))
}

/// Creates a contract.
pub(super) async fn create(wallet: &DynProvider<Ethereum>, code: Bytes) -> Result<Address> {
    let deploy = TransactionRequest::default().with_deploy_code(code);
    let receipt = wallet.send_transaction(deploy).await?.get_receipt().await?;
    receipt.contract_address.context("no contract was created")
}

/// An account that sends transfers one after the other.
struct Sender {
    key: PrivateKeySigner,
    chain_id: u64,
    nonce: Cell<Option<u64>>,
}

impl Sender {
    const fn new(key: PrivateKeySigner, chain_id: u64) -> Self {
        Self { key, chain_id, nonce: Cell::new(None) }
    }

    /// The next transfer. Its nonce counts as used once [`sent`](Self::sent) says so; after a failure, the node is asked.
    async fn next(&self, l2: &RootProvider, to: Address) -> Result<(u64, Bytes)> {
        let nonce = match self.nonce.take() {
            Some(nonce) => nonce,
            None => l2.get_transaction_count(self.key.address()).pending().await?,
        };
        Ok((nonce, transfer(self.chain_id, &self.key, nonce, to, U256::from(1)).await?))
    }

    fn sent(&self, nonce: u64) {
        self.nonce.set(Some(nonce + 1));
    }

    async fn send(&self, l2: &RootProvider, to: Address) -> Result<B256> {
        let (nonce, raw) = self.next(l2, to).await?;
        let hash = *l2.send_raw_transaction(&raw).await?.tx_hash();
        self.sent(nonce);
        Ok(hash)
    }

    /// By the method that answers with the receipt.
    async fn send_sync(&self, l2: &RootProvider, to: Address) -> Result<B256> {
        let (nonce, raw) = self.next(l2, to).await?;
        let receipt: Value = l2.raw_request("eth_sendRawTransactionSync".into(), [&raw]).await?;
        ensure!(receipt["status"] == "0x1", "a transfer failed: {receipt}");
        self.sent(nonce);
        Ok(serde_json::from_value(receipt["transactionHash"].clone())?)
    }
}
