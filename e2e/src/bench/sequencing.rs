//! Transfers through JSON-RPC into sealed blocks, and how long one waits, beside Anvil with the same client.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::Bytes;
use anyhow::{Context, Result, bail, ensure};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;
use testnet::{Anvil, AnvilOptions, DeployConfig, Devnet, DevnetOptions, Mining, accounts};

use super::{
    Goal, Row,
    wire::{RpcConnection, quantity},
    workload::{Population, Workload},
};

/// Accounts that send.
const POPULATION: usize = 500;
/// Transfers sent to the rollup node; to Anvil, which is slower, a part of them.
const TRANSFERS: usize = 40_000;
const ANVIL_TRANSFERS: usize = 6_000;
/// Connections that send at a time.
const CONNECTIONS: usize = 16;
/// Transfers sent one by one, each waited for.
const SINGLES: usize = 500;
/// Runs of each side, alternating; the best of each counts, as the one least disturbed.
const RUNS: usize = 3;
/// Records that are flushed one by one.
const FLUSHES: usize = 200;
/// Bytes of the record of a block with one transfer.
const RECORD: usize = 400;
/// How long anything may take before the benchmark gives up.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the node, then Anvil, with the same client and the same kind of transfers.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let (mut ours, mut hasty, mut each) = (Figures::WORST, Figures::WORST, Figures::WORST);
    for _ in 0..RUNS {
        progress("sequencing: the node");
        ours = ours.best(rollup("disk").await?);
        progress("sequencing: the node, without waiting for the disk");
        hasty = hasty.best(rollup("process").await?);
        progress("sequencing: Anvil, a block per transaction");
        each = each.best(anvil(Mining::OnDemand).await?);
    }
    progress("sequencing: Anvil, a block per second");
    let timed = anvil(Mining::Every(1)).await?;
    Ok(vec![
        Row::new(
            "transfers into sealed blocks",
            ours.rate,
            "tx/s",
            "Anvil as it comes, sealing on demand like the node",
            each.rate,
            Goal::RatioAtLeast(5.0),
        ),
        Row::new(
            "… beside Anvil, a block per second",
            ours.rate,
            "tx/s",
            "Anvil, a block per second",
            timed.rate,
            Goal::Shown,
        ),
        Row::new(
            "… beside one that does not wait for the disk",
            ours.rate,
            "tx/s",
            "--durability process",
            hasty.rate,
            Goal::Shown,
        ),
        Row::new(
            "… median of send to receipt there",
            ours.median,
            "ms",
            "--durability process",
            hasty.median,
            Goal::Shown,
        ),
        Row::new("a record on disk, median", flush()?, "ms", "limit", 10.0, Goal::AtMostPeer),
        Row::new("send to receipt, median", ours.median, "ms", "limit", 10.0, Goal::AtMostPeer),
        Row::new(
            "… beside Anvil",
            ours.median,
            "ms",
            "Anvil, a block per transaction",
            each.median,
            Goal::Shown,
        ),
        Row::new(
            "send to receipt, p99",
            ours.p99,
            "ms",
            "Anvil, a block per transaction",
            each.p99,
            Goal::Shown,
        ),
    ])
}

struct Figures {
    rate: f64,
    median: f64,
    p99: f64,
}

impl Figures {
    const WORST: Self = Self { rate: 0.0, median: f64::INFINITY, p99: f64::INFINITY };

    fn best(self, other: Self) -> Self {
        Self {
            rate: self.rate.max(other.rate),
            median: self.median.min(other.median),
            p99: self.p99.min(other.p99),
        }
    }
}

/// Milliseconds to append a record as that of a block with one transfer, and to have it on this disk.
fn flush() -> Result<f64> {
    let mut file = tempfile::tempfile()?;
    let mut times = Vec::new();
    for _ in 0..FLUSHES {
        let start = Instant::now();
        file.write_all(&[7; RECORD])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    times.get(FLUSHES / 2).copied().context("no flush")
}

async fn rollup(durability: &str) -> Result<Figures> {
    let dir = tempfile::tempdir()?;
    let mut population = Population::new(POPULATION, DeployConfig::devnet()?.chain.chain_id);
    let funded = population.signers.iter().map(|signer| signer.address());
    let mut deploy = DeployConfig::devnet()?;
    // As on a main network: with a devnet's times, little may wait for L1.
    deploy.chain.force_delay = 43_200;
    deploy.sequencer_timeout = 21_600;
    let mut devnet = Devnet::start(
        DevnetOptions {
            deploy: DeployConfig { funded: funded.collect(), ..deploy },
            replica: false,
            proposer: false,
            sequencer_arguments: vec!["--durability".into(), durability.into()],
            ..DevnetOptions::new(dir.path())?
        },
        |_| {},
    )
    .await?;
    let url = devnet.sequencer()?.http_url();
    let figures = measure(&url, &mut population, TRANSFERS).await;
    devnet.stop().await?;
    figures
}

async fn anvil(mining: Mining) -> Result<Figures> {
    let dir = tempfile::tempdir()?;
    let mut anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
    anvil.call::<serde_json::Value>("evm_setBlockGasLimit", json!(["0x3b9aca00"])).await?;
    let mut population = Population::new(POPULATION, 31_337);
    for signer in &population.signers {
        anvil.set_balance(signer.address(), accounts::BALANCE).await?;
    }
    match mining {
        // Anvil's own default: every transaction in a block of its own, at once.
        Mining::OnDemand => drop(anvil.call::<serde_json::Value>("evm_setAutomine", json!([true])).await?),
        other => anvil.set_mining(other).await?,
    }
    // One by one only where a block does not have to be waited for.
    let singles = matches!(mining, Mining::OnDemand);
    let figures = measure_with(anvil.url(), &mut population, ANVIL_TRANSFERS, singles, true).await;
    anvil.stop().await?;
    figures
}

async fn measure(url: &str, population: &mut Population, transfers: usize) -> Result<Figures> {
    measure_with(url, population, transfers, true, false).await
}

async fn measure_with(
    url: &str,
    population: &mut Population,
    transfers: usize,
    singles: bool,
    is_anvil: bool,
) -> Result<Figures> {
    let address = address_of(url)?;
    let mut rng = StdRng::seed_from_u64(3);
    let latencies = if singles {
        let raw = population.transactions(Workload::Transfers, SINGLES, &mut rng);
        one_by_one(address, raw).await?
    } else {
        vec![f64::NAN]
    };
    let raw = population.transactions(Workload::Transfers, transfers, &mut rng);
    let rate = throughput(address, population, raw, is_anvil).await?;
    Ok(Figures { rate, median: latencies[latencies.len() / 2], p99: latencies[latencies.len() * 99 / 100] })
}

/// Where a local node serves.
pub(super) fn address_of(url: &str) -> Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").trim_end_matches('/').parse()?)
}

/// Milliseconds from sending each transfer to having its receipt, sorted.
async fn one_by_one(address: SocketAddr, transactions: Vec<Bytes>) -> Result<Vec<f64>> {
    let mut connection = RpcConnection::open(address).await?;
    let mut latencies = Vec::new();
    for raw in transactions {
        let start = Instant::now();
        let hash = connection.call("eth_sendRawTransaction", json!([raw])).await?;
        loop {
            let receipt = connection.call("eth_getTransactionReceipt", json!([hash])).await?;
            if !receipt.is_null() {
                ensure!(receipt["status"] == "0x1", "a transfer failed: {receipt}");
                break;
            }
            ensure!(start.elapsed() < LIMIT, "no receipt for {hash}");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    Ok(latencies)
}

/// Transfers per second from the first request until all are in blocks. A sender's transfers go over one connection,
/// in order.
pub(super) async fn throughput(
    address: SocketAddr,
    population: &Population,
    transactions: Vec<Bytes>,
    is_anvil: bool,
) -> Result<f64> {
    use alloy::consensus::{Transaction as _, transaction::SignerRecoverable};
    use alloy::eips::eip2718::Decodable2718;
    let mut lanes: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CONNECTIONS];
    let mut last_nonce = std::collections::HashMap::new();
    for raw in &transactions {
        let envelope = alloy::consensus::TxEnvelope::decode_2718(&mut raw.as_ref())?;
        let sender = envelope.recover_signer()?;
        last_nonce.insert(sender, envelope.nonce());
        let lane = sender.0[19] as usize % CONNECTIONS;
        lanes[lane].push(RpcConnection::request("eth_sendRawTransaction", &json!([raw])));
    }
    ensure!(last_nonce.len() <= population.signers.len(), "unknown senders");
    let refused = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|lane| {
            let refused = refused.clone();
            tokio::spawn(async move {
                let mut connection = RpcConnection::open(address).await?;
                for request in lane {
                    let body = connection.send(&request).await?;
                    let is_error = body.windows(7).any(|window| window == b"\"error\"");
                    if is_error && refused.fetch_add(1, Ordering::Relaxed) == 0 {
                        eprintln!("refused: {}", String::from_utf8_lossy(body));
                    }
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let refused = refused.load(Ordering::Relaxed);
    ensure!(refused == 0, "{refused} transfers were refused");
    // All are in when every sender's nonce is past its last.
    let mut connection = RpcConnection::open(address).await?;
    for (sender, nonce) in last_nonce {
        loop {
            let count = connection.call("eth_getTransactionCount", json!([sender, "latest"])).await?;
            if quantity(&count)? > nonce {
                break;
            }
            if start.elapsed() > LIMIT {
                bail!("transfers of {sender} are not in a block after {LIMIT:?}");
            }
            // Anvil, mining on demand, at times leaves the last transactions of a burst until it is asked.
            if is_anvil {
                connection.call("evm_mine", json!([])).await?;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(transactions.len() as f64 / start.elapsed().as_secs_f64())
        .and_then(|rate: f64| rate.is_finite().then_some(rate).context("no time passed"))
}
