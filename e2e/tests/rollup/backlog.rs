//! More transactions than L1 takes: those that were confirmed stay, and the others hear of it.

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox::IInboxInstance;
use e2e::net::{Deposited, Net, NodeStatus, UserDeposit, receipt, seeded, sign, soon, user};
use rand::RngCore;
use rollup::blobs::DaChoice;
use testnet::Mining;

/// Transactions that are sent, all at once, and the bytes of each: many times what L1 takes within the force delay.
const TRANSACTIONS: usize = 24;
const BYTES: usize = 60_000;

/// A call of nothing with this input.
fn call(net: &Net, nonce: u64, input: Bytes) -> TransactionRequest {
    TransactionRequest {
        to: Some(TxKind::Call(Address::repeat_byte(0x77))),
        input: input.into(),
        nonce: Some(nonce),
        gas: Some(4_000_000),
        max_fee_per_gas: Some(10_000_000_000),
        max_priority_fee_per_gas: Some(1_000_000),
        chain_id: Some(net.devnet.rollup.chain.chain_id),
        ..TransactionRequest::default()
    }
}

/// L1 makes a block every 3 seconds, and takes one batch of two transactions in each, or in each second one. What L1 has not
/// taken within 30 seconds, a forced batch may replace.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_stays_when_more_comes_than_l1_takes() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("backlog")?;
    options.deploy.chain.force_delay = 30;
    options.deploy.sequencer_timeout = 30;
    options.mining = Mining::Every(3);
    options.da = DaChoice::Calldata;
    options.proposer = false;
    options.sequencer_arguments =
        ["--l1-poll", "50ms", "--heartbeat", "300ms", "--batch-interval", "3s"].map(Into::into).into();
    let net = Net::start(options).await?;
    let sequencer = net.devnet.sequencer()?;
    let l2 = sequencer.provider();

    let hash = UserDeposit::ether(Address::random(), U256::from(1)).send(&net.devnet, &user(8)?).await?;
    let mut rng = seeded("backlog")?;
    let mut sent: Vec<B256> = Vec::new();
    for index in 0..TRANSACTIONS {
        let mut input = vec![0; BYTES];
        rng.fill_bytes(&mut input);
        let raw = sign(&user(index % 6)?, call(&net, (index / 6) as u64, input.into())).await?;
        // On a busy machine, L1 may seem too slow already.
        let taken = soon("a transaction is taken", async || match l2.send_raw_transaction(&raw).await {
            Ok(taken) => Ok(Some(*taken.tx_hash())),
            Err(error) if error.to_string().contains("try again later") => Ok(None),
            Err(error) => Err(error.into()),
        });
        sent.push(taken.await?);
    }
    // What the pool has waits there, and comes into blocks as L1 takes them.
    soon("some are confirmed", async || Ok(l2.get_transaction_receipt(sent[0]).await?)).await?;
    let unconfirmed = async || -> Result<usize> {
        let mut count = 0;
        for hash in &sent {
            count += usize::from(l2.get_transaction_receipt(*hash).await?.is_none());
        }
        Ok(count)
    };
    ensure!(unconfirmed().await? > TRANSACTIONS / 2, "more was confirmed at once than L1 takes in time");

    NodeStatus::wait_safe(sequencer, 1).await?;
    // L1 stands still: soon nothing is taken any more, and whoever sends hears why.
    net.devnet.anvil.set_mining(Mining::Manual).await?;
    let mut nonce = 0;
    let refusal = soon("the pool says that L1 is too slow", async || {
        let raw = sign(&user(7)?, call(&net, nonce, Bytes::new())).await?;
        match l2.send_raw_transaction(&raw).await {
            Ok(taken) => {
                sent.push(*taken.tx_hash());
                nonce += 1;
                Ok(None)
            }
            Err(error) => Ok(Some(error.to_string())),
        }
    })
    .await?;
    ensure!(refusal.contains("L1 takes") && refusal.contains("try again later"), "{refusal}");
    net.devnet.anvil.set_mining(Mining::Every(3)).await?;
    sent.push(
        soon("transactions are taken again", async || {
            let raw = sign(&user(7)?, call(&net, nonce, Bytes::new())).await?;
            Ok(l2.send_raw_transaction(&raw).await.ok().map(|taken| *taken.tx_hash()))
        })
        .await?,
    );

    let mut confirmed = Vec::new();
    for hash in sent {
        let found = soon("a receipt", async || Ok(l2.get_transaction_receipt(hash).await?)).await?;
        confirmed.push((hash, found.block_number.context("no block")?, found.block_hash));
    }
    let last = confirmed.iter().map(|(_, number, _)| *number).max().unwrap_or_default();
    let replica = net.devnet.replica()?;
    NodeStatus::wait_safe(replica, last).await?;
    for (hash, number, block_hash) in &confirmed {
        for node in [sequencer, replica] {
            let found =
                receipt(node, *hash).await?.with_context(|| format!("{hash} of block {number} is lost"))?;
            ensure!(found["blockHash"] == serde_json::json!(block_hash), "{hash} is in another block now");
        }
    }
    let deposited = Deposited::from_receipt(&net.devnet.anvil.receipt(hash).await?)?;
    ensure!(receipt(replica, deposited.client_hash).await?.is_some(), "the deposit is not on L2");
    let inbox = IInboxInstance::new(net.devnet.rollup.contracts.inbox, net.devnet.anvil.provider());
    ensure!(inbox.lastForcedBatchAt().call().await? == 0, "a batch was forced");
    net.finish().await
}
