//! L1 reorganisations.

use std::time::Duration;

use alloy::{
    consensus::{Transaction as _, Typed2718},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::Transaction,
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox;
use e2e::net::{Deposited, Load, Net, NodeStatus, UserDeposit, receipt, seeded, soon, status, user};
use rand::Rng;
use rollup::blobs::DaChoice;
use testnet::{Devnet, Node};

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_converge_after_reorgs_of_every_depth() -> Result<()> {
    reorgs(DaChoice::Calldata).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_converge_after_reorgs_that_take_batches_in_blobs() -> Result<()> {
    reorgs(DaChoice::Blobs).await
}

async fn reorgs(da: DaChoice) -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut random = seeded("reorg")?;
    let mut options = Net::options("reorg")?;
    options.da = da;
    let net = Net::start(options).await?;
    let devnet = &net.devnet;
    let mut from_l1 = net.replica_from_l1("from-l1").await?;
    let miner = net.miner();
    let accounts = vec![user(0)?, user(1)?];
    let load = Load::start(devnet.sequencer()?.provider(), devnet.rollup.chain.chain_id, accounts);

    for depth in 1..=10 {
        // Some L1 blocks with deposits and batches in them, then they go. Some of the deposits come again.
        let mut raw = Vec::new();
        let l1 = devnet.anvil.provider();
        let begin = l1.get_block_number().await?;
        let deposits = random.random_range(1..4);
        for _ in 0..deposits {
            let nonce = l1.get_transaction_count(user(4)?.address()).pending().await?;
            let tx = UserDeposit::ether(Address::random(), U256::from(depth))
                .sign(devnet, &user(4)?, nonce)
                .await?;
            let _ = l1.send_raw_transaction(&tx).await?;
            raw.push(tx);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
        }
        soon("blocks to reorganise", async || {
            Ok((l1.get_block_number().await? >= begin + depth).then_some(()))
        })
        .await?;
        let pause = miner.pause().await;
        let first = l1.get_block_number().await? + 1 - depth;
        // Those that stand cannot come again.
        let mut replaced = Vec::new();
        for tx in raw {
            let receipt = l1.get_transaction_receipt(keccak256(&tx)).await?;
            if receipt.and_then(|receipt| receipt.block_number).is_some_and(|block| block >= first) {
                replaced.push(tx);
            }
        }
        replaced.truncate(random.random_range(0..=replaced.len()));
        reorg(devnet, depth, &replaced).await?;
        drop(pause);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..600))).await;
    }
    let included = load.stop().await?;
    ensure!(included.len() > 50, "only {} transactions were included", included.len());

    converge(devnet, &[devnet.sequencer()?, devnet.replica()?, &from_l1]).await?;
    let mut fresh = net.replica_from_l1("fresh").await?;
    converge(devnet, &[devnet.sequencer()?, devnet.replica()?, &from_l1, &fresh]).await?;
    // What was in a block that went comes back, unless its sender, asking in between, used the nonce for another.
    let sequencer = devnet.sequencer()?;
    let mut replaced = 0;
    for tx in &included {
        if receipt(sequencer, tx.hash).await?.is_none() {
            let next = sequencer.provider().get_transaction_count(tx.from).await?;
            ensure!(next > tx.nonce, "{} is gone, and nonce {} is free", tx.hash, tx.nonce);
            replaced += 1;
        }
    }
    eprintln!("reorg: {} transactions included, {replaced} replaced", included.len());
    ensure!(replaced * 20 < included.len(), "{replaced} of {} transactions are gone", included.len());
    fresh.stop().await?;
    from_l1.stop().await?;
    drop(miner);
    net.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_built_on_a_reorganised_queue_is_refused_and_posted_again() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("reorg-batch")?;
    options.proposer = false;
    let net = Net::start(options).await?;
    let devnet = &net.devnet;
    for replaced in [false, true] {
        let depositor = user(4)?;
        let l1 = devnet.anvil.provider();
        let nonce = l1.get_transaction_count(depositor.address()).await?;
        let first =
            UserDeposit::ether(Address::random(), U256::from(111)).sign(devnet, &depositor, nonce).await?;
        let second =
            UserDeposit::ether(Address::random(), U256::from(222)).sign(devnet, &depositor, nonce).await?;
        let hash = *l1.send_raw_transaction(&first).await?.tx_hash();
        devnet.anvil.mine(2).await?;
        let deposited = Deposited::from_receipt(&devnet.anvil.receipt(hash).await?)?;
        soon("the deposit on L2", async || receipt(devnet.sequencer()?, deposited.client_hash).await).await?;
        let covered =
            IInbox::IInboxInstance::new(devnet.rollup.contracts.inbox, l1).messageCount().call().await?;
        // The batcher's transactions wait in L1's pool, as nobody mines. One that does not know the deposit yet gets its
        // block, or the next one would never come.
        let depth = std::cell::Cell::new(2);
        let batch = soon("a batch with the deposit", async || {
            let waiting = pending_batch(devnet).await?;
            if waiting.as_ref().is_some_and(|(_, call)| call.messageEnd < covered) {
                devnet.anvil.mine(1).await?;
                depth.set(depth.get() + 1);
            }
            Ok(waiting.filter(|(_, call)| call.messageEnd >= covered))
        })
        .await?;

        let again: &[Bytes] = if replaced { std::slice::from_ref(&second) } else { &[] };
        reorg(devnet, depth.get(), again).await?;
        // The pool may have dropped it with the blocks.
        let _ = l1.send_raw_transaction(&batch.0).await;
        devnet.anvil.mine(1).await?;
        let refused = devnet.anvil.receipt(keccak256(&batch.0)).await?;
        assert!(!refused.status(), "a batch that covers a deposit that is gone must be refused");

        let miner = net.miner();
        let head = converge(devnet, &[devnet.sequencer()?, devnet.replica()?]).await?;
        assert!(head > 0);
        for node in [devnet.sequencer()?, devnet.replica()?] {
            assert!(receipt(node, deposited.client_hash).await?.is_none(), "the dropped deposit is on L2");
        }
        drop(miner);
    }
    net.finish().await
}

/// Replaces the newest L1 blocks; these transactions are in the first of the new ones. The others of the rollup's own
/// accounts wait for a block again, as on any L1; Anvil forgets them.
async fn reorg(devnet: &Devnet, depth: u64, transactions: &[Bytes]) -> Result<()> {
    let l1 = devnet.anvil.provider();
    let ours = devnet.options.roles.senders();
    let head = l1.get_block_number().await?;
    let mut waiting = Vec::new();
    for number in head - depth + 1..=head {
        let block = l1.get_block_by_number(number.into()).full().await?.context("no such block")?;
        let sent = block.transactions.txns().filter(|tx| ours.contains(&tx.inner.signer()));
        waiting.extend(sent.map(|tx| Bytes::from(tx.inner.encoded_2718())));
    }
    let pairs: Vec<_> = transactions.iter().map(|tx| (tx.clone(), 0)).collect();
    devnet.anvil.reorg_with(depth, &pairs).await?;
    for raw in waiting {
        // The nodes may have sent something else in its place already.
        let _ = l1.send_raw_transaction(&raw).await;
    }
    Ok(())
}

/// The raw transaction and the call of a batch that waits for an L1 block.
async fn pending_batch(devnet: &Devnet) -> Result<Option<(Bytes, IInbox::appendBatchCall)>> {
    let batcher = devnet.options.roles.batcher.address();
    let content: serde_json::Value = devnet.anvil.call("txpool_content", serde_json::json!([])).await?;
    let Some(senders) = content["pending"].as_object() else {
        return Ok(None);
    };
    for (sender, transactions) in senders {
        if sender.parse::<Address>()? != batcher {
            continue;
        }
        for tx in transactions.as_object().into_iter().flat_map(|map| map.values()) {
            let tx: Transaction = serde_json::from_value(tx.clone())?;
            ensure!(tx.ty() != 3, "batches are calldata");
            if let Ok(call) = IInbox::appendBatchCall::abi_decode(tx.input()) {
                return Ok(Some((tx.inner.encoded_2718().into(), call)));
            }
        }
    }
    Ok(None)
}

/// Waits until all nodes have followed L1 past where it is now, and agree on what stands on it. Needs a miner: a node that
/// has only the number of L1's newest block may have that of a block that is gone.
async fn converge(devnet: &Devnet, nodes: &[&Node]) -> Result<u64> {
    let sequencer = nodes.first().context("no nodes")?;
    let l1 = devnet.anvil.provider();
    let begin = l1.get_block_number().await?;
    soon("one more L1 block", async || Ok((l1.get_block_number().await? > begin).then_some(()))).await?;
    for node in nodes {
        NodeStatus::wait_l1(node, &devnet.anvil).await?;
    }
    let head = status(sequencer).await?.latest;
    soon("the same chain on all nodes", async || {
        let posted = status(sequencer).await?.safe;
        ensure!(posted.number() >= head.number(), "{posted:?} is safe, expected {head:?}");
        for node in nodes {
            let safe = status(node).await?.safe;
            ensure!(safe.number() >= posted.number(), "{} has {safe:?}", node.options.name);
            posted.check_on(node).await?;
            head.check_on(node).await?;
        }
        Ok(Some(posted.number()))
    })
    .await
}
