//! What a transfer costs on L1.

use alloy::primitives::{B256, Bytes};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use rand::{SeedableRng, rngs::StdRng};
use stf::{BlockSpec, codec};
use testnet::{Anvil, AnvilOptions, DeployConfig, deploy};

use super::{
    Goal, Row,
    workload::{Population, Workload},
};

/// Transfers in the batch.
const TRANSFERS: usize = 1_000;
/// Accounts that they are between.
const POPULATION: usize = 200;
/// Blocks that they are in.
const BLOCKS: usize = 20;

/// Posts a batch of transfers to real contracts, and measures its bytes and its gas.
pub async fn run() -> Result<Vec<Row>> {
    let mut rng = StdRng::seed_from_u64(2);
    let deploy_config = DeployConfig::devnet()?;
    let chain_id = deploy_config.chain.chain_id;
    let transactions =
        Population::new(POPULATION, chain_id).transactions(Workload::Transfers, TRANSFERS, &mut rng);
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("l1.log"))).await?;
    let rollup = deploy(&anvil, &deploy_config).await?;
    let specs: Vec<BlockSpec> = transactions
        .chunks(TRANSFERS / BLOCKS)
        .zip(rollup.genesis.timestamp..)
        .map(|(chunk, timestamp)| BlockSpec { timestamp, messages: 0, transactions: chunk.to_vec() })
        .collect();
    let payload: Bytes = codec::encode(&specs, chain_id, 9)?.into();
    let raw: usize = transactions.iter().map(|raw| raw.len()).sum();

    let provider = anvil.wallet(&deploy_config.roles.batcher)?;
    let inbox = IInbox::new(rollup.contracts.inbox, provider);
    let call = inbox.appendBatch(payload.clone(), 1, BLOCKS as u64, 0, B256::ZERO, Bytes::new());
    let pending = call.send().await.context("the batch was refused")?;
    anvil.mine(1).await?;
    let receipt = anvil.receipt(*pending.tx_hash()).await?;
    ensure!(receipt.status(), "the batch reverted");

    let per_transfer = |total: f64| total / TRANSFERS as f64;
    Ok(vec![
        Row::new(
            "payload per transfer, 1,000 a batch",
            per_transfer(payload.len() as f64),
            "bytes",
            "limit",
            85.0,
            Goal::AtMostPeer,
        ),
        Row::new(
            "… as signed",
            per_transfer(payload.len() as f64),
            "bytes",
            "the transactions' own encoding",
            per_transfer(raw as f64),
            Goal::Shown,
        ),
        Row::new(
            "L1 gas per transfer, 1,000 a batch",
            per_transfer(receipt.gas_used as f64),
            "gas",
            "calldata floor (EIP-7623) of 100 bytes",
            4000.0,
            Goal::Shown,
        ),
    ])
}
