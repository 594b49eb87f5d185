//! The batcher with a chain that is sequenced in the test.

use std::time::Duration;

use e2e::faults::{Fault, Proxy};
use rollup::{
    blobs::DaChoice,
    chain::ChainEvent,
    l1::{TxManager, TxOptions, connect},
};
use sequencing::batcher::{Batcher, BatcherOptions};
use testnet::Mining;

use crate::common::{L1, Node, Task, until};

pub(crate) async fn start(l1: &L1, node: &Node, url: &str, options: BatcherOptions) -> Task {
    let client = connect(url, &l1.config).await.unwrap();
    let poll_interval = Some(Duration::from_millis(50));
    let tx_options =
        TxOptions { poll_interval, resend_after: Duration::from_secs(2), ..TxOptions::default() };
    let txs = TxManager::new(client, l1.roles.batcher.clone(), tx_options);
    let batcher = Batcher::new(node.chain.clone(), txs, BatcherOptions { poll_interval, ..options });
    Task::spawn(|shutdown| batcher.run(shutdown))
}

pub(crate) fn often(da: DaChoice) -> BatcherOptions {
    BatcherOptions { da, interval: Duration::from_millis(500), ..BatcherOptions::default() }
}

pub(crate) async fn all_safe(node: &Node) {
    until("all blocks are safe", async || {
        let heads = node.chain.heads();
        heads.safe == heads.unsafe_head
    })
    .await;
}

/// What was sequenced comes out of L1 just the same.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_become_safe_as_they_were_built() {
    become_safe(DaChoice::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_become_safe_by_blobs_as_they_were_built() {
    become_safe(DaChoice::Blobs).await;
}

async fn become_safe(da: DaChoice) {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.mining(Mining::Every(1)).await;
    let mut events = node.chain.subscribe();
    let batcher = start(&l1, &node, l1.anvil.url(), often(da)).await;
    for round in 0..30u64 {
        if round % 5 == 0 {
            l1.deposit(0, 100 + round, &round.to_be_bytes()).await;
        }
        node.build(node.transactions(1, round % 4, 200));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    all_safe(&node).await;
    batcher.end().await;
    while let Ok(event) = events.try_recv() {
        assert!(matches!(event, ChainEvent::Block(_)), "no block was replaced");
    }
    l1.mining(Mining::Manual).await;
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert_eq!(records.blocks.len(), 31);
    assert!(records.batches.len() >= 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_blocks_are_split() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    for _ in 0..12 {
        node.build(node.transactions(1, 3, 20_000));
    }
    // More than the payload size of a batch, but still for one transaction.
    let large = node.build(node.transactions(1, 2, 58_000));
    for _ in 0..50 {
        node.build(Vec::new());
    }
    let options =
        BatcherOptions { da: DaChoice::Calldata, payload_size: Some(100_000), ..BatcherOptions::default() };
    let batcher = start(&l1, &node, l1.anvil.url(), options).await;
    l1.mining(Mining::Every(1)).await;
    until("the large block is safe", async || node.chain.heads().safe.number >= large).await;
    batcher.end().await;
    l1.mining(Mining::Manual).await;
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert!(records.batches.len() >= 8, "{}", records.batches.len());
    for batch in &records.batches {
        let alone = batch.first_block == batch.last_block;
        assert!(batch.data.len() <= if alone { sequencing::limits::MAX_PAYLOAD } else { 100_000 });
        assert!(batch.data.len() > 50_000 || batch.last_block > large, "batches are well filled");
    }
    node.stop().await;
}

/// Reorgs take batches, deposits, and what was built on them.
#[tokio::test(flavor = "multi_thread")]
async fn batches_lost_in_reorgs_are_posted_again() {
    live_through_reorgs(DaChoice::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_in_blobs_that_reorgs_take_are_posted_again() {
    live_through_reorgs(DaChoice::Blobs).await;
}

async fn live_through_reorgs(da: DaChoice) {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    let batcher = start(&l1, &node, proxy.url(), often(da)).await;
    let mut reorgs = 0;
    for round in 0..60u64 {
        if round % 4 == 0 {
            l1.deposit(0, 100 + round, &round.to_be_bytes()).await;
        }
        if round % 3 == 0 {
            l1.anvil.mine(1).await.unwrap();
        }
        if round % 13 == 12 {
            reorgs += 1;
            l1.anvil.reorg(1 + round % 3).await.unwrap();
        }
        if round % 20 == 10 {
            proxy.set(Fault::Down);
        }
        if round % 20 == 14 {
            proxy.set(Fault::None);
        }
        // A reorg may come between the two: then the transactions do not fit, like any sequencer's.
        let transactions = node.transactions(1, 1, 300);
        let heads = node.chain.heads();
        let plan = rollup::chain::BuildPlan {
            timestamp: heads.unsafe_head.timestamp,
            max_messages: u64::MAX,
            message_l1_limit: heads.l1,
        };
        node.chain
            .build(plan, |builder| transactions.iter().for_each(|tx| drop(builder.execute(tx))))
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(reorgs >= 4);
    proxy.set(Fault::None);
    l1.mining(Mining::Every(1)).await;
    all_safe(&node).await;
    batcher.end().await;
    l1.mining(Mining::Manual).await;
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert!(records.blocks.len() > 30);
    node.stop().await;
}

/// A batcher that is ended with a transaction on its way, and another in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_batcher_posts_nothing_twice() {
    restart(DaChoice::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_batcher_posts_no_blobs_twice() {
    restart(DaChoice::Blobs).await;
}

async fn restart(da: DaChoice) {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    for round in 0..5 {
        node.build(node.transactions(1, 1, 100));
        let first = start(&l1, &node, l1.anvil.url(), often(da)).await;
        tokio::time::sleep(Duration::from_millis(200 * round)).await;
        first.end().await;
    }
    let second = start(&l1, &node, l1.anvil.url(), often(da)).await;
    l1.mining(Mining::Every(1)).await;
    all_safe(&node).await;
    second.end().await;
    l1.mining(Mining::Manual).await;
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert_eq!(records.blocks.len(), 6);
    node.stop().await;
}
