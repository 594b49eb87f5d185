use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
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

use super::Parts;
use crate::net::{UserDeposit, transfer, user};

/// Longest that a request or a receipt may take; it counts as a failure then.
const LIMIT: Duration = Duration::from_secs(20);
/// Blocks whose logs are asked for.
const LOG_RANGE: u64 = 200;

/// How one kind of traffic went.
#[derive(Clone, Debug, Default)]
pub struct TrafficKind {
    /// What was done.
    pub done: u64,
    /// What was not.
    pub failed: u64,
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

    /// Does one thing again and again.
    async fn repeat(
        &self,
        kind: &'static str,
        pause: Duration,
        mut act: impl AsyncFnMut() -> Result<()>,
    ) -> Result<()> {
        while !self.stopped.get() {
            let outcome = tokio::time::timeout(LIMIT, act()).await;
            let outcome = outcome.unwrap_or_else(|_| bail!("nothing for {} s", LIMIT.as_secs()));
            {
                let mut kinds = self.kinds.borrow_mut();
                let kind = kinds.entry(kind).or_default();
                match outcome {
                    Ok(()) => kind.done += 1,
                    Err(error) => {
                        kind.failed += 1;
                        kind.error = Some(format!("{error:#}"));
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// All kinds at once. Ends when it is stopped.
    pub async fn run(&self, endpoints: &Endpoints) -> Result<()> {
        let Endpoints { l1, rollup, sequencer, replicas, sockets } = endpoints;
        let chain_id = rollup.chain.chain_id;
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let direct = Sender::new(user(2)?, chain_id);
        let forwarded = Sender::new(user(3)?, chain_id);
        let synchronous = Sender::new(user(7)?, chain_id);
        let heavy = storage(&sockets[0].replacen("ws", "http", 1)).await?;
        let (round, target) = (Cell::new(0u64), Address::repeat_byte(0x51));
        let replica = replicas.first().context("no replica")?;

        let mut all: Vec<LocalBoxFuture<'_, Result<()>>> = vec![
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
            Box::pin(self.repeat("deposits", seconds(3), async || {
                let deposit = UserDeposit::ether(Address::random(), U256::from(1_000));
                let hash = deposit.send_by(l1, rollup, &user(4)?).await?;
                self.deposits.borrow_mut().push(hash);
                Ok(())
            })),
            Box::pin(self.repeat("eth_getLogs", seconds(1), async || {
                for node in replicas {
                    let head = node.get_block_number().await?;
                    node.get_logs(&Filter::new().from_block(head.saturating_sub(LOG_RANGE)).to_block(head))
                        .await?;
                }
                Ok(())
            })),
            Box::pin(self.repeat("eth_call", millis(500), async || {
                for node in replicas {
                    let request = TransactionRequest::default().with_to(*heavy.address());
                    let request =
                        request.with_input(heavy.update(U256::ZERO, U256::from(10)).calldata().clone());
                    node.call(request).await?;
                }
                Ok(())
            })),
        ];
        for socket in sockets {
            all.push(Box::pin(self.subscribe(socket)));
        }
        futures::future::try_join_all(all).await?;
        Ok(())
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
    rollup: RollupConfig,
    sequencer: RootProvider,
    replicas: Vec<RootProvider>,
    sockets: Vec<String>,
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
        })
    }
}

/// A contract whose storage is written to.
async fn storage(url: &str) -> Result<StorageHeavyInstance<DynProvider<Ethereum>>> {
    let wallet = ProviderBuilder::new().wallet(user(0)?).connect_http(url.parse()?).erased();
    let deploy = TransactionRequest::default().with_deploy_code(creation_code(Contract::StorageHeavy));
    let receipt = wallet.send_transaction(deploy).await?.get_receipt().await?;
    let address = receipt.contract_address.context("no contract was created")?;
    Ok(StorageHeavyInstance::new(address, wallet))
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
