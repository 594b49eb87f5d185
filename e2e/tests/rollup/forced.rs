//! Forced inclusion: the sequencer is not needed.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result};
use bindings::IInbox::{self, IInboxInstance};
use e2e::net::{Deposited, Net, NodeStatus, UserDeposit, receipt, soon, status, user};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_gets_into_l2_without_the_sequencer() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("forced")?;
    options.deploy.chain.force_delay = 600;
    options.deploy.sequencer_timeout = 3600;
    let mut net = Net::start(options).await?;
    let from_l1 = net.replica_from_l1("from-l1").await?;

    // Some blocks by the sequencer first.
    let miner = net.miner();
    let sequencer = net.devnet.sequencer()?;
    NodeStatus::wait_safe(sequencer, status(sequencer).await?.latest.number()).await?;
    drop(miner);
    net.stop_sequencer().await?;
    let posted = NodeStatus::wait_l1(&from_l1, &net.devnet.anvil).await?.safe;

    let to = Address::random();
    let value = U256::from(12_345);
    let hash = UserDeposit::ether(to, value).send(&net.devnet, &user(4)?).await?;
    net.devnet.anvil.mine(1).await?;
    let deposited = Deposited::from_receipt(&net.devnet.anvil.receipt(hash).await?)?;

    let inbox = IInboxInstance::new(net.devnet.rollup.contracts.inbox, net.devnet.anvil.wallet(&user(5)?)?);
    let header = first_unconsumed(&net, &inbox).await?;
    assert!(inbox.forceBatch(header.clone(), 0, Bytes::new()).call().await.is_err(), "the message is young");
    net.devnet.anvil.pass(601).await?;
    let hash = *inbox.forceBatch(header, 0, Bytes::new()).gas(1_000_000).send().await?.tx_hash();
    net.devnet.anvil.mine(1).await?;
    assert!(net.devnet.anvil.receipt(hash).await?.status(), "forceBatch failed");

    for node in [&from_l1, net.devnet.replica()?] {
        let found = soon("the deposit", async || receipt(node, deposited.client_hash).await).await?;
        assert_eq!(found["status"], "0x1");
        assert_eq!(node.provider().get_balance(to).await?, value);
        let head = NodeStatus::wait_l1(node, &net.devnet.anvil).await?;
        assert_eq!(head.safe.number(), posted.number() + 1, "one forced block");
        posted.check_on(node).await?;
    }

    // A silent sequencer: nothing has to be old. A batch each interval.
    net.devnet.anvil.pass(3601).await?;
    let hash = *inbox.forceBatch(Bytes::new(), 0, Bytes::new()).gas(1_000_000).send().await?.tx_hash();
    net.devnet.anvil.mine(1).await?;
    assert!(net.devnet.anvil.receipt(hash).await?.status(), "forceBatch after the timeout failed");

    // The sequencer comes back, takes over the forced blocks, and goes on.
    let forced = NodeStatus::wait_l1(&from_l1, &net.devnet.anvil).await?.safe;
    assert_eq!(forced.number(), posted.number() + 2);
    let miner = net.miner();
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let sequencer = net.devnet.sequencer()?;
    NodeStatus::wait_safe(sequencer, forced.number()).await?;
    forced.check_on(sequencer).await?;
    let safe = NodeStatus::wait_safe(sequencer, forced.number() + 2).await?.safe;
    for node in [&from_l1, net.devnet.replica()?] {
        NodeStatus::wait_safe(node, safe.number()).await?;
        safe.check_on(node).await?;
    }
    drop(miner);
    net.finish().await
}

/// The header of the first message that no batch covers.
async fn first_unconsumed<P: Provider>(net: &Net, inbox: &IInboxInstance<P>) -> Result<Bytes> {
    let index = inbox.messageEnd().call().await?;
    let filter = Filter::new().address(*inbox.address()).from_block(net.devnet.rollup.l1_start_block);
    for log in net.devnet.anvil.provider().get_logs(&filter).await? {
        if let Ok(event) = IInbox::MessageEnqueued::decode_log(&log.inner)
            && event.index == index
        {
            return Ok(event.header.clone());
        }
        if let Ok(event) = IInbox::BatchAppended::decode_log(&log.inner)
            && event.infoIndex == index
        {
            return Ok(event.infoHeader.clone());
        }
    }
    let status: Value = net.devnet.replica()?.call("recourse_status", serde_json::json!([])).await?;
    None.with_context(|| format!("message {index} is in no event; {status}"))
}
