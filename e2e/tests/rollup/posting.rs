//! Batches by hand, after a sequencer that posted its own.

use alloy::primitives::{Bytes, U256};
use anyhow::{Result, ensure};
use e2e::net::{Net, NodeStatus, soon, status};
use serde_json::Value;
use testnet::accounts;

/// The sequencer ends as its batch has just been sent, and waits for an L1 block: whoever posts next comes after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_poster_comes_after_the_batch_that_a_stopped_sequencer_had_sent() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("posting")?;
    options.replica = false;
    options.proposer = false;
    let mut net = Net::start(options).await?;
    let from_l1 = net.replica_from_l1("from-l1").await?;
    let before = net.poster()?.next_block().await?;
    // Nobody makes L1 blocks.
    let batcher = net.devnet.options.roles.batcher.address();
    soon("the sequencer's batch waits for a block", async || {
        let pool: Value = net.devnet.anvil.call("txpool_content", serde_json::json!([])).await?;
        let senders = pool["pending"].as_object();
        let waits = senders.is_some_and(|senders| {
            senders.keys().any(|sender| sender.parse() == Ok::<alloy::primitives::Address, _>(batcher))
        });
        Ok(waits.then_some(()))
    })
    .await?;

    let poster = net.stop_sequencer().await?;
    let next = poster.next_block().await?;
    ensure!(next > before, "the sequencer's batch is lost: the next block is {next}");
    let miner = net.miner();
    // No payload: default blocks.
    for round in 0..3 {
        let first = poster.append(Bytes::new(), 2).await?;
        ensure!(first == next + 2 * round, "batch {round} begins at {first}, the first did at {next}");
    }
    let safe = NodeStatus::wait_safe(&from_l1, next + 5).await?.safe.number();
    ensure!(safe == next + 5, "block {safe} is safe, {} was posted last", next + 5);
    drop((miner, from_l1));
    net.finish().await
}

/// A batcher that cannot pay says so, tries more and more seldom, and goes on when it can.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_told_of_and_posting_goes_on_once_it_is_filled() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("empty-account")?;
    options.replica = false;
    options.proposer = false;
    let net = Net::start(options).await?;
    let miner = net.miner();
    let sequencer = net.devnet.sequencer()?;
    NodeStatus::wait_safe(sequencer, 1).await?;
    let batcher = net.devnet.options.roles.batcher.address();
    net.devnet.anvil.set_balance(batcher, U256::ZERO).await?;
    let log = &sequencer.options.log;
    let told = soon("the log tells of it", async || {
        let text = std::fs::read_to_string(log)?;
        let told = text.lines().find(|line| line.contains("posting batches failed; will keep trying"));
        Ok(told.map(str::to_owned))
    })
    .await?;
    ensure!(told.contains("can't pay"), "{told}");
    net.devnet.anvil.set_balance(batcher, accounts::BALANCE).await?;
    let head = status(sequencer).await?.latest;
    NodeStatus::wait_safe(sequencer, head.number()).await?;
    head.check_on(sequencer).await?;
    drop(miner);
    net.finish().await
}
