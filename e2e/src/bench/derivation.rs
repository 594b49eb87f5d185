//! Rebuilding a long chain of small blocks from L1 alone, by real node processes over a real L1; and the most blocks that
//! the inbox takes at once.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use rand::{SeedableRng, rngs::StdRng};
use rollup::inbox_rules::{BLOCK_BURST, BLOCK_RATE};
use serde_json::Value;
use stf::{BlockSpec, codec, inbox::MAX_BLOCKS_PER_BATCH};
use testnet::{
    DeployConfig, Devnet, DevnetOptions, Key, Mining, Node, Process, Role, accounts, ports, tools,
};

use crate::{dispute::metric, memory::peak_memory};

use super::{
    Goal, Row,
    workload::{Population, Workload},
};

/// Blocks of the chain.
const BLOCKS: usize = 12_000;
/// Transfers in each.
const TRANSFERS: usize = 1;
/// Blocks in a batch.
const BATCH: usize = 1_000;
/// Accounts that send.
const POPULATION: usize = 500;
/// How long a node may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Posts the batches, then starts a replica and a sequencer on empty folders and waits until they have the chain.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    progress("derivation: posting the chain");
    let dir = tempfile::tempdir()?;
    let deploy = DeployConfig::devnet()?;
    let mut population = Population::new(POPULATION, deploy.chain.chain_id);
    let funded = population.signers.iter().map(|signer| signer.address()).collect();
    let mut devnet = Devnet::start(
        DevnetOptions {
            deploy: DeployConfig { funded, ..deploy },
            sequencer: false,
            replica: false,
            mining: Mining::OnDemand,
            ..DevnetOptions::new(dir.path())?
        },
        |_| {},
    )
    .await?;
    post(&devnet, &mut population).await?;

    progress("derivation: a replica");
    let replica = devnet.node_options("replica", Role::Replica { feed: None, sequencer_rpc: None })?;
    let replica = derive(replica, BLOCKS as u64).await?;
    progress("derivation: a sequencer");
    let role = devnet.sequencer_role()?;
    let sequencer = derive(devnet.node_options("sequencer", role)?, BLOCKS as u64).await?;
    progress("derivation: the most blocks at once");
    let most = flood(&devnet).await?;
    let flooded = devnet.node_options("flooded", Role::Replica { feed: None, sequencer_rpc: None })?;
    let flooded = derive(flooded, most).await?;
    progress("derivation: a challenger");
    let watching = watch(&devnet, most).await?;
    devnet.stop().await?;
    let limit = 300.0;
    Ok(vec![
        Row::new(
            format!("re-deriving {BLOCKS} blocks from L1"),
            replica.rate,
            "blocks/s",
            "limit",
            1_000.0,
            Goal::AtLeastPeer,
        ),
        Row::new("memory of a replica there, peak", replica.memory, "MB", "limit", limit, Goal::AtMostPeer),
        Row::new(
            "memory of a sequencer there, peak",
            sequencer.memory,
            "MB",
            "limit",
            limit,
            Goal::AtMostPeer,
        ),
        Row::new(
            format!("… with {} empty blocks in one L1 block", most - BLOCKS as u64),
            flooded.rate,
            "blocks/s",
            "as many as the inbox takes in the long run",
            BLOCK_RATE as f64,
            Goal::RatioAtLeast(10.0),
        ),
        Row::new(
            "… by a challenger, on both",
            watching.rate,
            "blocks/s",
            "as many as the inbox takes in the long run",
            BLOCK_RATE as f64,
            Goal::RatioAtLeast(10.0),
        ),
        Row::new(
            "memory of a challenger there, peak",
            watching.memory,
            "MB",
            "limit",
            limit,
            Goal::AtMostPeer,
        ),
        Row::new("memory of a replica there, peak", flooded.memory, "MB", "limit", limit, Goal::AtMostPeer),
    ])
}

/// Uses up the inbox's allowance in one L1 block, with blocks that mean nothing; returns the last of them.
async fn flood(devnet: &Devnet) -> Result<u64> {
    let provider = devnet.anvil.wallet(&devnet.options.roles.batcher)?;
    let inbox = IInbox::new(devnet.rollup.contracts.inbox, provider);
    devnet.anvil.pass(BLOCK_BURST / BLOCK_RATE).await?;
    // Brings a message that is young: the header of one must be shown.
    let (last, end) = (inbox.lastBlock().call().await?, inbox.messageCount().call().await?);
    let call = inbox.appendBatch(Bytes::new(), last + 1, 1, end, B256::ZERO, Bytes::new());
    let first = *call.gas(500_000).send().await.context("a batch was refused")?.tx_hash();
    devnet.anvil.mine(1).await?;
    ensure!(devnet.anvil.receipt(first).await?.status(), "the first batch reverted");
    let (mut last, end) = (inbox.lastBlock().call().await?, inbox.messageCount().call().await?);
    let header = newest(devnet).await?;
    // All in one L1 block.
    devnet.anvil.set_mining(Mining::Manual).await?;
    let mut left = inbox.blockAllowance().call().await?.min(BLOCK_BURST);
    let mut sent = Vec::new();
    while left > 0 {
        let count = left.min(MAX_BLOCKS_PER_BATCH);
        let call = inbox.appendBatch(Bytes::new(), last + 1, count, end, B256::ZERO, header.clone());
        sent.push(*call.gas(500_000).send().await.context("a batch was refused")?.tx_hash());
        (last, left) = (last + count, left - count);
    }
    devnet.anvil.mine(1).await?;
    for hash in sent {
        let receipt = devnet.anvil.receipt(hash).await?;
        ensure!(receipt.status(), "a batch of the flood reverted, with {} gas", receipt.gas_used);
    }
    Ok(last)
}

async fn post(devnet: &Devnet, population: &mut Population) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(4);
    let chain_id = devnet.rollup.chain.chain_id;
    let provider = devnet.anvil.wallet(&devnet.options.roles.batcher)?;
    let inbox = IInbox::new(devnet.rollup.contracts.inbox, provider);
    for first in (0..BLOCKS).step_by(BATCH) {
        let count = BATCH.min(BLOCKS - first);
        let transactions = population.transactions(Workload::Transfers, count * TRANSFERS, &mut rng);
        let specs: Vec<BlockSpec> = transactions
            .chunks(TRANSFERS)
            .map(|chunk| BlockSpec {
                timestamp: devnet.rollup.genesis.timestamp + first as u64 / 100,
                messages: 0,
                transactions: chunk.to_vec(),
            })
            .collect();
        let payload: Bytes = codec::encode(&specs, chain_id, 9)?.into();
        let first_block = first as u64 + 1;
        let call =
            inbox.appendBatch(payload, first_block, count as u64, 0, B256::ZERO, header(devnet).await?);
        let pending = call.send().await.context("a batch was refused")?;
        devnet.anvil.mine(1).await?;
        let receipt = devnet.anvil.receipt(*pending.tx_hash()).await?;
        ensure!(receipt.status(), "a batch reverted");
    }
    Ok(())
}

/// The header of the first message of the queue, which none of the batches consumes: proof that it is young. Empty while
/// there is none.
async fn header(devnet: &Devnet) -> Result<Bytes> {
    Ok(info_headers(devnet).await?.into_iter().next().unwrap_or_default())
}

/// The header of the newest message.
async fn newest(devnet: &Devnet) -> Result<Bytes> {
    Ok(info_headers(devnet).await?.pop().unwrap_or_default())
}

/// The headers of the queue's messages, all of which came with batches.
async fn info_headers(devnet: &Devnet) -> Result<Vec<Bytes>> {
    use alloy::{providers::Provider, rpc::types::Filter, sol_types::SolEvent};
    let filter = Filter::new()
        .address(devnet.rollup.contracts.inbox)
        .event_signature(IInbox::BatchAppended::SIGNATURE_HASH)
        .from_block(devnet.rollup.l1_start_block);
    let logs = devnet.anvil.provider().get_logs(&filter).await?;
    logs.iter().map(|log| Ok(log.log_decode::<IInbox::BatchAppended>()?.inner.data.infoHeader)).collect()
}

struct Figures {
    rate: f64,
    memory: f64,
}

async fn derive(options: testnet::NodeOptions, target: u64) -> Result<Figures> {
    let mut node = Node::spawn(options)?;
    node.wait_ready().await?;
    let id = node.process()?.id();
    let figures = measure(id, target, Duration::from_millis(5), async || {
        node.check_alive()?;
        Ok(Some(safe_head(&node).await?))
    })
    .await?;
    node.stop().await?;
    Ok(figures)
}

/// The same with a challenger, which says by its metrics how far it is.
async fn watch(devnet: &Devnet, target: u64) -> Result<Figures> {
    let address = format!("127.0.0.1:{}", ports::free()?);
    let key = accounts::users()?.into_iter().next().context("no account")?;
    let key = Key::write(&devnet.dir.join("keys").join("watching.key"), &key)?;
    let mut command = Command::new(tools::challenger()?);
    command.arg("watch").arg("--rollup").arg(devnet.rollup_path()).arg("--key").arg(key.path());
    let l1 = devnet.anvil.url();
    command.args(["--l1-rpc", l1, "--l1-beacon", l1, "--metrics", &address]);
    command.arg("--data-dir").arg(devnet.dir.join("watching"));
    let mut process =
        Process::spawn("challenger", &mut command, &devnet.dir.join("logs").join("watching.log"))?;
    let id = process.id();
    let figures = measure(id, target, Duration::from_millis(20), async || {
        process.check_alive()?;
        // The server may not be there yet.
        let safe = metric(&address, "recourse_safe_head").await.unwrap_or_default();
        Ok((safe > 0.0).then_some(safe as u64))
    })
    .await?;
    process.stop(LIMIT).await?;
    Ok(figures)
}

/// Looks at a process's safe head, if it says one, until it is at `target`.
async fn measure(
    process: u32,
    target: u64,
    pause: Duration,
    mut safe_head: impl AsyncFnMut() -> Result<Option<u64>>,
) -> Result<Figures> {
    // From when the head was first seen, so starting a process does not count; nor does what it did before.
    let mut begun: Option<(Instant, u64)> = None;
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = safe_head().await?;
        let now = Instant::now();
        if let Some(safe) = found {
            let (start, before) = *begun.get_or_insert((now, safe));
            if safe >= target {
                let memory = peak_memory(process)? as f64 / f64::from(1 << 20);
                let seconds = now.duration_since(start).as_secs_f64().max(1e-3);
                return Ok(Figures { rate: (safe - before) as f64 / seconds, memory });
            }
        }
        ensure!(now < deadline, "at block {} of {target} after {LIMIT:?}", found.unwrap_or_default());
        tokio::time::sleep(pause).await;
    }
}

async fn safe_head(node: &Node) -> Result<u64> {
    let block: Value = node.call("eth_getBlockByNumber", ("safe", false)).await?;
    super::wire::quantity(&block["number"])
}
