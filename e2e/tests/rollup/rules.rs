//! Rules of L2 that a node does not know: it ends before them, and says so in one line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{primitives::Bytes, providers::Provider};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use e2e::net::{Net, NodeStatus, status, user};
use stf::{ForkSchedule, config::Activation};
use testnet::Node;

/// How long a node may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a node ends by itself, and checks the one line that says why.
async fn check_end(node: &mut Node, name: &str) -> Result<()> {
    let process = node.process()?;
    let exit = process.wait(PATIENCE).await?.with_context(|| format!("the {name} goes on"))?;
    ensure!(!exit.success(), "the {name} ended with {exit}");
    let log = process.log_tail();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
    ensure!(
        matches!(lines[..], [line] if line.starts_with("error: the chain failed: cannot compute block")
            && line.contains("rules 9") && line.ends_with("a later version is needed")),
        "{name}: {log}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_end_before_rules_that_they_do_not_know() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("rules")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let activation = now + 20;
    let rules = |rules, timestamp| Activation { rules, timestamp };
    options.deploy.chain.forks = ForkSchedule::new(&[rules(2, 0), rules(9, activation)])?;
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    // Until then all is well.
    let sequencer = net.devnet.sequencer()?;
    NodeStatus::wait_safe(sequencer, status(sequencer).await?.latest.number()).await?;
    check_end(net.devnet.sequencer_mut()?, "sequencer").await?;

    // The replica has nothing that it cannot compute, until L1 does.
    let replica = net.devnet.replica()?;
    let head = replica.provider().get_block(alloy::eips::BlockId::latest()).await?.context("no head")?;
    ensure!(head.header.timestamp < activation, "a block of unknown rules");
    net.devnet.replica_mut()?.check_alive()?;
    drop(miner);
    net.poster()?.settle().await?;
    net.devnet.anvil.pass(net.devnet.options.deploy.sequencer_timeout + 1).await?;
    let anvil = &net.devnet.anvil;
    let inbox = IInbox::new(net.devnet.rollup.contracts.inbox, anvil.wallet(&user(5)?)?);
    let forced = *inbox.forceBatch(Bytes::new(), 0, Bytes::new()).gas(1_000_000).send().await?.tx_hash();
    anvil.mine(1).await?;
    ensure!(anvil.receipt(forced).await?.status(), "forceBatch failed");
    check_end(net.devnet.replica_mut()?, "replica").await?;
    net.devnet.stop().await?;
    Ok(())
}
