//! kill -9 at random moments, under load.

use std::{collections::HashSet, time::Duration};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U256},
    providers::Provider,
    sol_types::SolInterface,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox::IInboxCalls;
use e2e::net::{
    Head, Included, Load, Net, NodeStatus, UserDeposit, batches, kinds, receipt, seeded, status, user,
};
use rand::{Rng, rngs::StdRng};
use rollup::blobs::DaChoice;
use testnet::{Devnet, Node};

/// How often something is killed, with each kind of batches: `KILLS=50`.
const KILLS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_by_kills() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    for da in kinds("kill")? {
        kills(da).await?;
    }
    Ok(())
}

async fn kills(da: DaChoice) -> Result<()> {
    let kills = std::env::var("KILLS").map_or(Ok(KILLS), |kills| kills.parse())?;
    let mut random = seeded("kill")?;
    let mut options = Net::options("kill")?;
    options.da = da;
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    let chain_id = net.devnet.rollup.chain.chain_id;
    let accounts = (0..4).map(user).collect::<Result<_>>()?;
    let load = Load::start(net.devnet.sequencer()?.provider(), chain_id, accounts);

    for round in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..500))).await;
        if round % 5 == 0 {
            UserDeposit::ether(Address::random(), U256::from(1)).send(&net.devnet, &user(6)?).await?;
        }
        kill(&mut net.devnet, &mut random).await.with_context(|| format!("round {round}"))?;
    }
    net.devnet.sequencer_mut()?.wait_ready().await?;
    net.devnet.replica_mut()?.wait_ready().await?;
    // Some more after the last kill, so that it is seen to go on.
    let count = load.count();
    e2e::net::soon("transfers after the last kill", async || Ok((load.count() >= count + 20).then_some(())))
        .await?;
    let included = load.stop().await?;
    eprintln!("kill: {} transactions included", included.len());
    ensure!(included.len() > 200, "only {} transactions were included", included.len());

    let sequencer = net.devnet.sequencer()?;
    let replica = net.devnet.replica()?;
    let head = status(sequencer).await?.latest;
    let posted = NodeStatus::wait_safe(sequencer, head.number()).await?.safe;
    NodeStatus::wait_safe(replica, posted.number()).await?;
    let mut fresh = net.replica_from_l1("fresh").await?;
    NodeStatus::wait_safe(&fresh, posted.number()).await?;
    for node in [sequencer, replica, &fresh] {
        head.check_on(node).await?;
        posted.check_on(node).await?;
        check_included(node, &included).await?;
    }
    let all = batches(net.devnet.anvil.provider(), &net.devnet).await?;
    let distinct: HashSet<_> = all.iter().map(|batch| batch.tx_hash).collect();
    assert_eq!(distinct.len(), all.len());
    eprintln!("kill: {} batches", all.len());
    for batch in refused_batches(&net.devnet).await? {
        // One may be refused because a deposit came in between; but none whose blocks L1 has already.
        let posted = all.iter().any(|other| {
            other.header.contains(batch.first_block) && other.header.l1_block_number <= batch.l1_block
        });
        assert!(!posted, "blocks posted twice: {batch:?}");
    }

    fresh.stop().await?;
    drop(miner);
    net.finish().await
}

/// Kills one or both, and starts them again; sometimes kills once more while they start.
async fn kill(devnet: &mut Devnet, random: &mut StdRng) -> Result<()> {
    let which = random.random_range(0..5);
    if which <= 2 {
        kill_one(devnet.sequencer_mut()?, random).await?;
    }
    if which >= 2 {
        kill_one(devnet.replica_mut()?, random).await?;
    }
    Ok(())
}

async fn kill_one(node: &mut Node, random: &mut StdRng) -> Result<()> {
    // A node that ended by itself is what this test is about.
    node.check_alive()?;
    node.kill9()?;
    node.start()?;
    if random.random_ratio(1, 5) {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        node.check_alive()?;
        node.kill9()?;
        node.start()?;
    }
    if random.random_ratio(4, 5) {
        node.wait_ready().await?;
    }
    Ok(())
}

/// Waits until all nodes have this block from L1, and checks that each has what was included, in the same blocks.
pub(crate) async fn check_all(nodes: &[&Node], head: Head, included: &[Included]) -> Result<()> {
    for node in nodes {
        NodeStatus::wait_safe(node, head.number()).await?;
        head.check_on(node).await?;
        check_included(node, included).await?;
    }
    Ok(())
}

async fn check_included(node: &Node, included: &[Included]) -> Result<()> {
    for tx in included {
        let name = &node.options.name;
        let found = receipt(node, tx.hash).await?.with_context(|| format!("{name} lost {}", tx.hash))?;
        ensure!(
            found["blockHash"] == tx.block_hash.to_string(),
            "{name} has {} in another block than {}",
            tx.hash,
            tx.block
        );
    }
    Ok(())
}

/// A transaction of the batcher that failed.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) l1_block: u64,
    pub(crate) first_block: u64,
}

pub(crate) async fn refused_batches(devnet: &Devnet) -> Result<Vec<Refused>> {
    let l1 = devnet.anvil.provider();
    let batcher = devnet.options.roles.batcher.address();
    let mut refused = Vec::new();
    for number in devnet.rollup.l1_start_block..=l1.get_block_number().await? {
        let block = l1.get_block_by_number(number.into()).full().await?.context("no such block")?;
        for tx in block.transactions.txns() {
            let is_batch = tx.to() == Some(devnet.rollup.contracts.inbox) && tx.inner.signer() == batcher;
            if is_batch && !devnet.anvil.receipt(*tx.inner.tx_hash()).await?.status() {
                let first_block = match IInboxCalls::abi_decode(tx.input())? {
                    IInboxCalls::appendBatch(call) => call.firstBlock,
                    IInboxCalls::appendBlobBatch(call) => call.firstBlock,
                    _ => continue,
                };
                refused.push(Refused { l1_block: number, first_block });
            }
        }
    }
    Ok(refused)
}
