//! Transfers a second that get through to `safe`, by L1's clock, as L1 takes more or fewer blobs.
//!
//! Everything is real but L1's clock: contracts, batcher with its proofs, beacon reader, derivation. Anvil takes nine blobs in a
//! block, so each of its blocks takes one batch of six, and comes after the time in which the L1 that is measured takes as many.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{Transaction as _, Typed2718},
    eips::BlockNumberOrTag,
    providers::Provider,
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use stf::blob::{BLOB_ROOM, MAX_BLOBS};
use testnet::{DeployConfig, Devnet, DevnetOptions, Mining};

use super::{
    Goal, Row, sequencing,
    workload::{Population, Workload},
};
use crate::net::{NodeStatus, status};

/// Blobs in 12 seconds: what Ethereum aims at since Prague (EIP-7691), and larger schedules (EIP-7892).
const BLOBS: [u64; 3] = [6, 12, 21];

/// Seconds from one block of Ethereum to the next.
const SLOT: u64 = 12;

/// Transfers for each of them: some six batches.
const TRANSFERS: usize = 66_000;

/// Accounts that send.
const POPULATION: usize = 500;

/// How long a batch may take to come.
const LIMIT: Duration = Duration::from_secs(60);

/// A batch as L1 has it.
struct Batch {
    payload: u64,
    blobs: u64,
    transfers: u64,
}

/// Sends transfers, and lets L1 take them at each pace.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let dir = tempfile::tempdir()?;
    let mut deploy = DeployConfig::devnet()?;
    let mut population = Population::new(POPULATION, deploy.chain.chain_id);
    deploy.funded = population.signers.iter().map(|signer| signer.address()).collect();
    // As on a main network: much may wait for L1.
    deploy.chain.force_delay = 43_200;
    deploy.sequencer_timeout = 21_600;
    let arguments = "--l1-poll 50ms --heartbeat 2s --batch-interval 1h --durability process";
    let mut devnet = Devnet::start(
        DevnetOptions {
            deploy,
            replica: false,
            proposer: false,
            mining: Mining::Manual,
            sequencer_arguments: arguments.split(' ').map(Into::into).collect(),
            ..DevnetOptions::new(dir.path())?
        },
        |_| {},
    )
    .await?;
    let measured = measure(&devnet, &mut population, &mut progress).await;
    devnet.stop().await?;
    measured
}

async fn measure(
    devnet: &Devnet,
    population: &mut Population,
    progress: &mut impl FnMut(&str),
) -> Result<Vec<Row>> {
    let mut rng = StdRng::seed_from_u64(14);
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for blobs in BLOBS {
        progress(&format!("posting: transfers for {blobs} blobs in {SLOT} s"));
        let raw = population.transactions(Workload::Transfers, TRANSFERS, &mut rng);
        let url = devnet.sequencer()?.http_url();
        sequencing::throughput(sequencing::address_of(&url)?, population, raw, false).await?;
        progress(&format!("posting: {blobs} blobs in {SLOT} s"));
        let start = Instant::now();
        let (batches, seconds) = take(devnet, blobs).await?;
        let transfers = batches.iter().map(|batch| batch.transfers).sum::<u64>() as f64;
        rows.push(Row::new(
            format!("transfers to safe, {blobs} blobs in 12 s"),
            transfers / seconds,
            "tx/s",
            "this machine, posting and deriving as fast as it can",
            transfers / start.elapsed().as_secs_f64(),
            Goal::Shown,
        ));
        all.extend(batches);
    }
    let payload = all.iter().map(|batch| batch.payload).sum::<u64>() as f64;
    let room = all.iter().map(|batch| batch.blobs * BLOB_ROOM as u64).sum::<u64>() as f64;
    let name = format!("blobs filled under load, {} batches", all.len());
    rows.push(Row::new(name, payload / room * 100.0, "%", "limit", 98.0, Goal::AtLeastPeer));
    Ok(rows)
}

/// Lets L1 take the full batches that wait, and waits until they are safe. Returns them, and how long they took by L1's clock.
async fn take(devnet: &Devnet, blobs: u64) -> Result<(Vec<Batch>, f64)> {
    let (l1, sequencer) = (devnet.anvil.provider(), devnet.sequencer()?);
    let begin = devnet.anvil.latest().await?.header.timestamp;
    let mut batches = Vec::new();
    // What is left of the former round goes first.
    let mut last = status(sequencer).await?.safe.number();
    while wait_for_batch(devnet).await? {
        let count = batches.len() as u64 + 1;
        let time = begin + count * SLOT * MAX_BLOBS as u64 / blobs;
        let _: Value = devnet.anvil.call("evm_setNextBlockTimestamp", json!([time])).await?;
        devnet.anvil.mine(1).await?;
        let block = l1.get_block_by_number(BlockNumberOrTag::Latest).full().await?.context("no block")?;
        for tx in block.transactions.txns().filter(|tx| tx.ty() == 3) {
            let call = IInbox::appendBlobBatchCall::abi_decode(tx.input())?;
            let receipt = devnet.anvil.receipt(*tx.inner.tx_hash()).await?;
            ensure!(receipt.status(), "a batch failed");
            let end = call.firstBlock + call.blockCount - 1;
            batches.push(Batch {
                payload: call.payloadLength,
                blobs: tx.blob_versioned_hashes().map_or(0, <[_]>::len) as u64,
                transfers: transfers(devnet, call.firstBlock, end).await?,
            });
            last = end;
        }
    }
    ensure!(batches.len() > 3, "only {} full batches", batches.len());
    // Derivation needs the next L1 block.
    devnet.anvil.mine(1).await?;
    NodeStatus::wait_safe(sequencer, last).await?;
    let end = begin + batches.len() as u64 * SLOT * MAX_BLOBS as u64 / blobs;
    Ok((batches, (end - begin) as f64))
}

/// Waits until a batch is in L1's pool; whether one came, or all that is left is no full batch.
async fn wait_for_batch(devnet: &Devnet) -> Result<bool> {
    let start = Instant::now();
    let mut calm = Instant::now();
    let mut before = 0;
    loop {
        let pool: Value = devnet.anvil.call("txpool_status", json!([])).await?;
        if pool["pending"] != "0x0" {
            return Ok(true);
        }
        // Batches are compressed and proven meanwhile, which takes a second or two; and follow what is derived.
        let batches = status(devnet.sequencer()?).await?.batches();
        if batches != before {
            (before, calm) = (batches, Instant::now());
        }
        if calm.elapsed() > Duration::from_secs(8) {
            return Ok(false);
        }
        ensure!(start.elapsed() < LIMIT, "no batch in {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Users' transactions in these blocks.
async fn transfers(devnet: &Devnet, first: u64, last: u64) -> Result<u64> {
    let l2 = devnet.sequencer()?.provider();
    let mut count = 0;
    for number in first..=last {
        let block = l2.get_block_transaction_count_by_number(number.into()).await?.context("no block")?;
        // The first is the L1-attributes deposit.
        count += block.saturating_sub(1);
    }
    Ok(count)
}
