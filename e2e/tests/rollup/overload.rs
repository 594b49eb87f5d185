//! More transactions than L1 takes, for many minutes by L1's clock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, TxKind, U64},
    providers::{Provider, RootProvider},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    transports::http::reqwest,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox::IInboxInstance;
use e2e::net::{Miner, Net, NodeStatus, PATIENCE, kinds, receipt, sign, status, user};
use rand::RngCore;
use rollup::blobs::DaChoice;
use testnet::{Node, ports};

/// Seconds between the timestamps of L1 blocks, which come every [`L1_BLOCK`] in real time.
const L1_SECONDS: u64 = 12;
const L1_BLOCK: Duration = Duration::from_millis(800);

/// Minutes of load, by L1's clock: `OVERLOAD_MINUTES=30`.
const MINUTES: u64 = 5;

/// Gas of an L1 block in which there is room for one batch of 126 KB, with a fifth more than it uses: a part of what comes.
const fn l1_gas(da: DaChoice) -> u64 {
    if matches!(da, DaChoice::Calldata) { 7_000_000 } else { 450_000 }
}

/// Bytes of a transaction.
const BYTES: usize = 4_000;

/// Accounts that send, and transactions of each that wait for a block at most.
const SENDERS: usize = 6;
const UNCONFIRMED: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn minutes_of_more_than_l1_takes_lose_nothing() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    for da in kinds("overload")? {
        overload(da).await?;
    }
    Ok(())
}

async fn overload(da: DaChoice) -> Result<()> {
    let mut options = Net::options("overload")?;
    let metrics = ports::free()?;
    options.da = da;
    options.proposer = false;
    // What may wait is what L1 takes in an eighth of it: so little that a slow machine makes as much.
    options.deploy.chain.force_delay = 1_200;
    options.deploy.sequencer_timeout = 1_200;
    options.sequencer_arguments =
        ["--l1-poll", "50ms", "--heartbeat", "300ms", "--batch-interval", "400ms"].map(Into::into).into();
    options.sequencer_arguments.extend(["--metrics".into(), format!("127.0.0.1:{metrics}")]);
    let net = Net::start(options).await?;
    let l1 = net.devnet.anvil.provider();
    let _: serde_json::Value = net.devnet.anvil.call("anvil_setBlockTimestampInterval", [L1_SECONDS]).await?;
    let _: bool = net.devnet.anvil.call("evm_setBlockGasLimit", [U64::from(l1_gas(da))]).await?;
    let miner = Miner::start(l1.clone(), L1_BLOCK);
    let sequencer = net.devnet.sequencer()?;
    let least = tip(sequencer.provider()).await?;

    let load = Flood::start(sequencer, net.devnet.rollup.chain.chain_id)?;
    let mut seen = Seen::default();
    let minutes = std::env::var("OVERLOAD_MINUTES").map_or(Ok(MINUTES), |minutes| minutes.parse())?;
    let end = l1.get_block_number().await? + minutes * 60 / L1_SECONDS;
    while l1.get_block_number().await? < end {
        seen.look(metrics).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (sent, errors, highest) = load.stop().await?;
    eprintln!("overload: {} confirmed, tips up to {highest}, {seen:?}, refused: {errors:?}", sent.len());
    // A block may be built before the limit is seen to be reached.
    ensure!(seen.most <= seen.limit + 130_000.0, "the backlog grew beyond its limit: {seen:?}");
    ensure!(u128::from(highest) > least, "no higher tip was suggested than {least}, as before: {seen:?}");
    for error in errors.keys() {
        let is_clear = ["L1 takes", "txpool is full"];
        ensure!(is_clear.iter().any(|text| error.contains(text)), "an error that says nothing: {error}");
    }

    // All comes down again.
    let l2 = sequencer.provider();
    let head = status(sequencer).await?.latest;
    let mut fresh = net.replica_from_l1("fresh").await?;
    for node in [sequencer, &fresh] {
        NodeStatus::wait_safe(node, head.number()).await?;
        head.check_on(node).await?;
    }
    ensure!(tip(l2).await? == least, "a tip of {} is suggested when all is calm", tip(l2).await?);
    ensure!(sent.len() > 200, "only {} were confirmed", sent.len());
    for (hash, block) in sent {
        let found =
            receipt(&fresh, hash).await?.with_context(|| format!("{hash} of block {block} is lost"))?;
        ensure!(found["blockHash"] == serde_json::json!(block), "{hash} is in another block now");
    }
    let inbox = IInboxInstance::new(net.devnet.rollup.contracts.inbox, l1);
    ensure!(inbox.lastForcedBatchAt().call().await? == 0, "a batch was forced");
    fresh.stop().await?;
    drop(miner);
    net.finish().await
}

/// The tip that the node suggests.
async fn tip(l2: &RootProvider) -> Result<u128> {
    Ok(l2.get_max_priority_fee_per_gas().await?)
}

/// The largest of what was seen.
#[derive(Debug, Default)]
struct Seen {
    most: f64,
    limit: f64,
}

impl Seen {
    async fn look(&mut self, port: u16) -> Result<()> {
        let text = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await?.text().await?;
        let gauge = |name: &str| -> Option<f64> {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        };
        self.most = self.most.max(gauge("recourse_sequencer_backlog_bytes ").unwrap_or_default());
        self.limit = self.limit.max(gauge("recourse_sequencer_backlog_limit_bytes ").unwrap_or_default());
        Ok(())
    }
}

/// What was confirmed, with its block; and errors with how often they came.
type Sent = Arc<Mutex<BTreeMap<B256, B256>>>;
type Errors = Arc<Mutex<BTreeMap<String, usize>>>;

/// Accounts that send as fast as the node answers, with the tip that it suggests.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Sent,
    errors: Errors,
    highest: Arc<AtomicU64>,
    workers: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Flood {
    fn start(node: &Node, chain_id: u64) -> Result<Self> {
        let (stop, sent, errors) = (Arc::new(AtomicBool::new(false)), Sent::default(), Errors::default());
        let highest = Arc::new(AtomicU64::new(0));
        let mut workers = Vec::new();
        for index in 0..SENDERS {
            let worker = Worker {
                l2: node.provider().clone(),
                chain_id,
                account: user(index)?,
                stop: stop.clone(),
                sent: sent.clone(),
                errors: errors.clone(),
                highest: highest.clone(),
            };
            workers.push(tokio::spawn(worker.run()));
        }
        Ok(Self { stop, sent, errors, highest, workers })
    }

    /// What was confirmed, the errors, and the highest tip that was suggested.
    async fn stop(self) -> Result<(BTreeMap<B256, B256>, BTreeMap<String, usize>, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await??;
        }
        let (sent, errors) = (lock(&self.sent).clone(), lock(&self.errors).clone());
        Ok((sent, errors, self.highest.load(Ordering::Relaxed)))
    }
}

struct Worker {
    l2: RootProvider,
    chain_id: u64,
    account: PrivateKeySigner,
    stop: Arc<AtomicBool>,
    sent: Sent,
    errors: Errors,
    highest: Arc<AtomicU64>,
}

impl Worker {
    async fn run(self) -> Result<()> {
        let mut waiting = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            if waiting.len() >= UNCONFIRMED {
                self.look(&mut waiting).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            match self.send().await? {
                Ok(hash) => waiting.push(hash),
                Err(error) => {
                    // Numbers differ from one to the next.
                    let error: String = error.chars().filter(|char| !char.is_ascii_digit()).collect();
                    *lock(&self.errors).entry(error).or_default() += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        let begin = Instant::now();
        while !waiting.is_empty() {
            ensure!(begin.elapsed() < PATIENCE, "{} are not confirmed after {PATIENCE:?}", waiting.len());
            self.look(&mut waiting).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn send(&self) -> Result<Result<B256, String>> {
        let mut input = vec![0; BYTES];
        rand::rng().fill_bytes(&mut input);
        // Whoever wants to be next bids what is suggested, up to a limit.
        let tip = u64::try_from(tip(&self.l2).await?)?;
        self.highest.fetch_max(tip, Ordering::Relaxed);
        let request = TransactionRequest {
            to: Some(TxKind::Call(Address::repeat_byte(0x77))),
            input: alloy::primitives::Bytes::from(input).into(),
            nonce: Some(self.l2.get_transaction_count(self.account.address()).pending().await?),
            gas: Some(400_000),
            max_fee_per_gas: Some(10_000_000_000),
            max_priority_fee_per_gas: Some(tip.min(1_000_000_000).into()),
            chain_id: Some(self.chain_id),
            ..TransactionRequest::default()
        };
        let raw = sign(&self.account, request).await?;
        let sent = self.l2.send_raw_transaction(&raw).await;
        Ok(sent.map(|taken| *taken.tx_hash()).map_err(|error| error.to_string()))
    }

    /// Takes note of what is confirmed by now.
    async fn look(&self, hashes: &mut Vec<B256>) -> Result<()> {
        let mut waiting = Vec::new();
        for hash in hashes.drain(..) {
            match self.l2.get_transaction_receipt(hash).await?.and_then(|receipt| receipt.block_hash) {
                Some(block) => drop(lock(&self.sent).insert(hash, block)),
                None => waiting.push(hash),
            }
        }
        *hashes = waiting;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
