//! The signer of the feed is replaced on L1 while nodes follow it.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Result, ensure};
use bindings::ISystemConfig;
use e2e::net::{Net, NodeStatus, soon, status, user};
use testnet::{Key, Node, Role, accounts};

/// Sends a transfer through the sequencer; returns its block.
async fn transfer(net: &Net) -> Result<u64> {
    let wallet = net.devnet.sequencer()?.wallet(&user(4)?)?;
    let request = TransactionRequest::default().with_to(Address::random()).with_value(U256::from(1));
    let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
    Ok(receipt.block_number.unwrap_or_default())
}

/// Waits until a node has a block, on L1 or not.
async fn has_unsafe(node: &Node, number: u64) -> Result<()> {
    let what = format!("{} has block {number} from the feed", node.options.name);
    soon(&what, async || Ok((status(node).await?.latest.number() >= number).then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_and_a_separate_batcher_go_on_when_the_feeds_signer_is_rotated() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("rotation")?;
    options.batcher = false;
    options.proposer = false;
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    let roles = net.devnet.options.roles.clone();

    let key = Key::write(&net.devnet.dir.join("keys/batcher.key"), &roles.batcher)?;
    let feed = net.devnet.sequencer()?.ws_url();
    let mut batching = net.devnet.node_options("batcher", Role::Batcher { feed, key })?;
    batching.extra = ["--l1-poll", "50ms", "--batch-interval", "500ms"].map(Into::into).into();
    let mut batcher = Node::spawn(batching)?;
    batcher.wait_ready().await?;
    let first = transfer(&net).await?;
    has_unsafe(net.devnet.replica()?, first).await?;
    NodeStatus::wait_safe(net.devnet.sequencer()?, first).await?;

    // The owner names another signer on L1. The sequencer's key still counts, and it is told.
    let new = accounts::account(20)?;
    ensure!(new.address() != roles.signer.address(), "another key");
    let owner = net.devnet.anvil.wallet(&roles.owner)?;
    let config = ISystemConfig::new(net.devnet.rollup.contracts.system_config, owner);
    ensure!(config.setUnsafeBlockSigner(new.address()).send().await?.get_receipt().await?.status());
    soon("the sequencer tells its operator", async || {
        let log = std::fs::read_to_string(&net.devnet.sequencer()?.options.log)?;
        Ok(log.contains("L1 names another signer of the feed: nodes refuse").then_some(()))
    })
    .await?;
    let second = transfer(&net).await?;
    has_unsafe(net.devnet.replica()?, second).await?;
    NodeStatus::wait_safe(net.devnet.sequencer()?, second).await?;

    // The sequencer is started with the new key. Nobody else is.
    let key = Key::write(&net.devnet.dir.join("keys/signer-2.key"), &new)?;
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    sequencer.options.role = Role::Sequencer { signer: key, batcher: None, proposer: None };
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let third = transfer(&net).await?;
    has_unsafe(net.devnet.replica()?, third).await?;
    has_unsafe(&batcher, third).await?;
    let posted = NodeStatus::wait_safe(net.devnet.sequencer()?, third).await?;
    posted.safe.check_on(&batcher).await?;

    batcher.stop().await?;
    drop(miner);
    net.finish().await
}
