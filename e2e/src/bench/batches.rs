//! What a transfer costs on L1, and what the inbox's three kinds of transactions cost.

use alloy::primitives::{B256, Bytes, TxHash, U256};
use anyhow::{Context, Result, ensure};
use bindings::{IInbox, IPortal};
use rand::{SeedableRng, rngs::StdRng};
use rollup::RollupConfig;
use stf::{BlockSpec, codec};
use testnet::{Anvil, AnvilOptions, DeployConfig, Roles, accounts, deploy};

use super::{
    Goal, Row, blobs,
    workload::{Population, Workload},
};

/// Transfers in the batch.
const TRANSFERS: usize = 1_000;
/// Accounts that they are between.
const POPULATION: usize = 200;
/// Blocks that they are in.
const BLOCKS: usize = 20;

/// L1 gas of a deposit of ether, a batch without payload, and a forced batch of a silent sequencer, when a batch might cover
/// what its blocks did not execute.
const DEPOSIT_BEFORE: u64 = 70_612;
const BATCH_BEFORE: u64 = 100_013;
const FORCED_BEFORE: u64 = 87_838;

/// Posts a batch of transfers to real contracts, and measures its bytes and its gas.
pub async fn run() -> Result<Vec<Row>> {
    let mut rng = StdRng::seed_from_u64(2);
    let deploy_config = DeployConfig::devnet()?;
    let chain_id = deploy_config.chain.chain_id;
    let transactions =
        Population::new(POPULATION, chain_id).transactions(Workload::Transfers, TRANSFERS, &mut rng);
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("l1.log"))).await?;
    let rollup = deploy(&anvil, &deploy_config, &Roles::development()?).await?;
    let specs: Vec<BlockSpec> = transactions
        .chunks(TRANSFERS / BLOCKS)
        .zip(rollup.genesis.timestamp..)
        .map(|(chunk, timestamp)| BlockSpec { timestamp, messages: 0, transactions: chunk.to_vec() })
        .collect();
    let payload: Bytes = codec::encode(&specs, chain_id, 9)?.into();
    let raw: usize = transactions.iter().map(|raw| raw.len()).sum();

    let provider = anvil.wallet(&Roles::development()?.batcher)?;
    let inbox = IInbox::new(rollup.contracts.inbox, provider);
    let call = inbox.appendBatch(payload.clone(), 1, BLOCKS as u64, 0, B256::ZERO, Bytes::new());
    let pending = call.send().await.context("the batch was refused")?;
    anvil.mine(1).await?;
    let receipt = anvil.receipt(*pending.tx_hash()).await?;
    ensure!(receipt.status(), "the batch reverted");

    let six_blobs = blobs::run(&anvil, &rollup, &deploy_config).await?;
    let [deposit, batch, forced] = single(&anvil, &rollup, &deploy_config).await?;
    let limit = |name: &str, gas: u64, before: u64, more: u64| {
        let peer = format!("before what is covered had to be executed, and {more}");
        Row::new(name, gas as f64, "gas", peer, (before + more) as f64, Goal::AtMostPeer)
    };
    let per_transfer = |total: f64| total / TRANSFERS as f64;
    let mut rows = vec![
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
    ];
    rows.extend(six_blobs);
    rows.extend([
        limit("L1 gas of a deposit", deposit, DEPOSIT_BEFORE, 10_000),
        limit("L1 gas of a batch without payload", batch, BATCH_BEFORE, 20_000),
        limit("L1 gas of a forced batch", forced, FORCED_BEFORE, 20_000),
    ]);
    Ok(rows)
}

/// L1 gas of a deposit of ether, of a batch without payload, and of a forced one.
async fn single(anvil: &Anvil, rollup: &RollupConfig, config: &DeployConfig) -> Result<[u64; 3]> {
    let contracts = rollup.contracts;
    let gas = async |sent: TxHash| -> Result<u64> {
        anvil.mine(1).await?;
        let receipt = anvil.receipt(sent).await?;
        ensure!(receipt.status(), "a transaction of the benchmark reverted");
        Ok(receipt.gas_used)
    };
    let user = accounts::users()?.into_iter().next().context("no account")?;
    let portal = IPortal::new(contracts.portal, anvil.wallet(&user)?);
    // The first one also pays for slots that are never empty again.
    let mut deposit = 0;
    for _ in 0..2 {
        let call = portal.depositTransaction(user.address(), U256::ONE, 100_000, false, Bytes::new());
        deposit = gas(*call.value(U256::ONE).gas(300_000).send().await?.tx_hash()).await?;
    }
    let inbox = IInbox::new(contracts.inbox, anvil.wallet(&Roles::development()?.batcher)?);
    let end = inbox.messageCount().call().await?;
    let first = inbox.lastBlock().call().await? + 1;
    let call = inbox.appendBatch(Bytes::new(), first, 1, end, B256::ZERO, Bytes::new());
    let batch = gas(*call.gas(500_000).send().await?.tx_hash()).await?;
    anvil.pass(config.sequencer_timeout + 1).await?;
    let inbox = IInbox::new(contracts.inbox, anvil.wallet(&user)?);
    let call = inbox.forceBatch(Bytes::new(), 0, Bytes::new());
    let forced = gas(*call.gas(500_000).send().await?.tx_hash()).await?;
    Ok([deposit, batch, forced])
}
