//! The chain is what stands on L1: a node that knows nothing else arrives at the same.

use std::{fs, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::Result;
use bindings::{
    artifacts::{Contract, creation_code},
    samples::{Counter::CounterInstance, StorageHeavy::StorageHeavyInstance},
};
use e2e::net::{Load, Net, NodeStatus, UserDeposit, block, soon, status, user};
use rollup::blobs::DaChoice;
use testnet::Node;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_nothing_but_l1_reaches_the_same_head() -> Result<()> {
    from_l1_alone(DaChoice::Calldata).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_nothing_but_l1_and_its_blobs_reaches_the_same_head() -> Result<()> {
    from_l1_alone(DaChoice::Blobs).await
}

async fn from_l1_alone(da: DaChoice) -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("replica")?;
    options.da = da;
    options.replica = false;
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    traffic(&net).await?;

    let head = status(net.devnet.sequencer()?).await?.latest;
    let posted = NodeStatus::wait_safe(net.devnet.sequencer()?, head.number()).await?;
    head.check_on(net.devnet.sequencer()?).await?;

    let mut replica = net.replica_from_l1("fresh").await?;
    NodeStatus::wait_safe(&replica, posted.safe.number()).await?;
    same_blocks(net.devnet.sequencer()?, &replica, posted.safe.number()).await?;

    // The sequencer, after its database was deleted, comes to the same chain, and goes on from there.
    let before = status(net.devnet.sequencer()?).await?.safe;
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    fs::remove_dir_all(&sequencer.options.data_dir)?;
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let sequencer = net.devnet.sequencer()?;
    NodeStatus::wait_safe(sequencer, before.number()).await?;
    before.check_on(sequencer).await?;
    let wallet = sequencer.wallet(&user(5)?)?;
    let request = TransactionRequest::default().with_to(Address::random()).with_value(U256::from(1));
    let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
    let number = receipt.block_number.unwrap_or_default();
    assert!(number > before.number(), "the transfer is in block {number}, the head was {}", before.number());
    let posted = NodeStatus::wait_safe(sequencer, number).await?.safe;
    NodeStatus::wait_safe(&replica, posted.number()).await?;
    posted.check_on(&replica).await?;
    before.check_on(&replica).await?;

    replica.stop().await?;
    drop(miner);
    net.finish().await
}

/// Transfers, deployments, calls that succeed and fail, storage, deposits.
async fn traffic(net: &Net) -> Result<()> {
    let devnet = &net.devnet;
    let sequencer = devnet.sequencer()?;
    let load = Load::start(sequencer.provider(), devnet.rollup.chain.chain_id, vec![user(0)?, user(1)?]);

    let wallet = sequencer.wallet(&user(2)?)?;
    let deploy = |contract| TransactionRequest::default().with_deploy_code(creation_code(contract));
    let counter = wallet.send_transaction(deploy(Contract::Counter)).await?.get_receipt().await?;
    let counter = CounterInstance::new(counter.contract_address.unwrap_or_default(), wallet.clone());
    let heavy = wallet.send_transaction(deploy(Contract::StorageHeavy)).await?.get_receipt().await?;
    let heavy = StorageHeavyInstance::new(heavy.contract_address.unwrap_or_default(), wallet.clone());
    for round in 0..5u64 {
        assert!(counter.setNumber(U256::from(round)).send().await?.get_receipt().await?.status());
        let failing = counter.check(U256::ZERO).into_transaction_request().with_gas_limit(100_000);
        assert!(!wallet.send_transaction(failing).await?.get_receipt().await?.status());
        storage(&heavy, round).await?;
        UserDeposit::ether(Address::random(), U256::from(1_000 + round)).send(devnet, &user(3)?).await?;
    }
    soon("a hundred transfers", async || Ok((load.count() >= 100).then_some(()))).await?;
    load.stop().await?;
    // A deposit that mints and then fails, for lack of code that accepts it.
    let failing = UserDeposit {
        gas_limit: 100_000,
        data: vec![1, 2, 3].into(),
        ..UserDeposit::ether(*counter.address(), U256::from(7))
    };
    failing.send(devnet, &user(3)?).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn storage<P: Provider>(heavy: &StorageHeavyInstance<P>, round: u64) -> Result<()> {
    let (start, count) = (U256::from(round * 20), U256::from(50));
    // One after the other: what a call costs depends on the ones before.
    for call in [
        heavy.write(start, count, U256::from(round)).into_transaction_request(),
        heavy.update(start, count).into_transaction_request(),
        heavy.clear(start, U256::from(10)).into_transaction_request(),
    ] {
        assert!(heavy.provider().send_transaction(call).await?.get_receipt().await?.status());
    }
    Ok(())
}

/// Compares every block up to `last`: hash and state root.
async fn same_blocks(one: &Node, other: &Node, last: u64) -> Result<()> {
    for number in 0..=last {
        let (one, other) = (block(one, number).await?, block(other, number).await?);
        assert_eq!(one["stateRoot"], other["stateRoot"], "state after block {number}");
        assert_eq!(one["hash"], other["hash"], "block {number}");
    }
    Ok(())
}
