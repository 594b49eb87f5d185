//! Several batches on their way when the sequencer is killed.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use anyhow::{Context, Result, ensure};
use e2e::net::{Load, Net, NodeStatus, UserDeposit, batches, kinds, seeded, soon, status, user};
use rand::Rng;
use rollup::blobs::DaChoice;
use testnet::Devnet;

use crate::kill::{check_all, refused_batches};

/// Batches that wait for an L1 block when the sequencer is killed.
const IN_FLIGHT: usize = 4;

/// Kills with each kind of batches: `KILLS=50`.
const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_block_of_batches_that_are_on_their_way() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    for da in kinds("in-flight")? {
        kills(da).await?;
    }
    Ok(())
}

async fn kills(da: DaChoice) -> Result<()> {
    let kills = std::env::var("KILLS").map_or(Ok(KILLS), |kills| kills.parse())?;
    let mut random = seeded("in-flight")?;
    let mut options = Net::options("in-flight")?;
    options.da = da;
    options.proposer = false;
    // A batch is full with some twenty transfers: others follow it while it waits.
    let arguments = "--l1-poll 50ms --heartbeat 300ms --batch-interval 200ms --batch-size 1500";
    options.sequencer_arguments = arguments.split(' ').map(Into::into).collect();
    let mut net = Net::start(options).await?;
    let chain_id = net.devnet.rollup.chain.chain_id;
    let accounts = (0..2).map(user).collect::<Result<_>>()?;
    let load =
        Load::paced(net.devnet.sequencer()?.provider(), chain_id, accounts, Duration::from_millis(120));
    for round in 0..kills {
        let what = || format!("round {round}");
        if round % 3 == 0 {
            UserDeposit::ether(Address::random(), U256::from(1)).send(&net.devnet, &user(6)?).await?;
            net.devnet.anvil.mine(2).await?;
        }
        // No block is made until enough wait for it. Then some are, or none, before the kill and after the start.
        soon("batches on their way", async || {
            Ok((on_their_way(&net.devnet).await? >= IN_FLIGHT).then_some(()))
        })
        .await
        .with_context(what)?;
        net.devnet.sequencer_mut()?.kill9()?;
        net.devnet.anvil.mine(random.random_range(0..2)).await?;
        net.devnet.sequencer_mut()?.start()?;
        net.devnet.sequencer_mut()?.wait_ready().await.with_context(what)?;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
        let _miner = net.miner();
        let head = status(net.devnet.sequencer()?).await?.latest;
        let safe = NodeStatus::wait_safe(net.devnet.sequencer()?, head.number()).await.with_context(what)?;
        head.check_on(net.devnet.sequencer()?).await.with_context(what)?;
        ensure!(safe.safe.number() >= head.number());
    }
    let included = load.stop().await?;
    ensure!(included.len() > 30 * kills, "only {} transactions were included", included.len());

    let miner = net.miner();
    let sequencer = net.devnet.sequencer()?;
    let head = status(sequencer).await?.latest;
    let mut fresh = net.replica_from_l1("fresh").await?;
    check_all(&[sequencer, net.devnet.replica()?, &fresh], head, &included).await?;
    let (posted, refused) =
        (batches(net.devnet.anvil.provider(), &net.devnet).await?, refused_batches(&net.devnet).await?);
    let together = posted
        .chunk_by(|one, next| one.header.l1_block_number == next.header.l1_block_number)
        .map(<[_]>::len)
        .max();
    eprintln!(
        "in-flight: {} transactions, {} batches, at most {together:?} in an L1 block, {} refused",
        included.len(),
        posted.len(),
        refused.len()
    );
    ensure!(together >= Some(IN_FLIGHT), "never were {IN_FLIGHT} batches in one L1 block");
    // What a killed sequencer has left behind is waited for, and not sent again with other words behind it.
    ensure!(refused.len() <= kills / 2, "{} batches were refused: {refused:?}", refused.len());
    fresh.stop().await?;
    drop(miner);
    net.finish().await
}

/// Transactions of the batcher that wait in L1's pool.
async fn on_their_way(devnet: &Devnet) -> Result<usize> {
    let batcher = devnet.options.roles.batcher.address();
    let content: serde_json::Value = devnet.anvil.call("txpool_content", serde_json::json!([])).await?;
    let of = |kind: &str| {
        let accounts = content[kind].as_object().into_iter().flatten();
        accounts
            .filter(|(sender, _)| sender.parse() == Ok(batcher))
            .filter_map(|(_, transactions)| Some(transactions.as_object()?.len()))
            .sum::<usize>()
    };
    Ok(of("pending") + of("queued"))
}
