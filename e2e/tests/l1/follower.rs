//! The follower: reorgs, catching up, and endpoints that fail or lie.

use std::time::Duration;

use alloy::providers::Provider;
use e2e::faults::{Fault, Proxy};
use rollup::l1::{ConnectError, connect};
use stf::{BlockSpec, codec::encode};

use crate::common::{L1, Node, until};

/// Some blocks with deposits, configuration changes and batches in them, more or less at random.
pub(crate) async fn activity(l1: &L1, seed: u64) {
    for block in 0..3 {
        let n = seed * 3 + block;
        if n.is_multiple_of(2) {
            l1.deposit(n as u32 % 3, 1000 + n, &n.to_be_bytes()).await;
        }
        if n.is_multiple_of(3) {
            l1.deposit(4, 5, &vec![7; 5000]).await;
        }
        if n % 5 == 1 {
            l1.set_gas_limit(30_000_000 + n).await;
        }
        match n % 4 {
            0 => {
                l1.batch(b"not a payload", 1 + n % 3).await;
            }
            2 => {
                let specs =
                    vec![BlockSpec { timestamp: 2_000_000_000, messages: 1, transactions: Vec::new() }; 3];
                l1.batch(&encode(&specs, l1.config.chain.chain_id, 5).unwrap(), 3).await;
            }
            _ => {}
        }
        l1.anvil.mine(1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_of_any_depth_leaves_what_a_fresh_follower_reads() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    activity(&l1, 0).await;
    let mut most = 0;
    for depth in 1..=10 {
        for more in 0..4 {
            activity(&l1, depth * 4 + more).await;
        }
        node.sync(&l1).await;
        let before = node.records();
        assert!(before.messages.len() > 10 && before.batches.len() > 3, "there is something to lose");
        l1.anvil.reorg(depth).await.unwrap();
        l1.anvil.drop_pending().await.unwrap();
        if depth % 2 == 0 {
            // Other records come in place of the lost ones, while the follower is looking.
            activity(&l1, depth * 100).await;
        } else {
            node.sync(&l1).await;
            assert_ne!(node.records(), before);
        }
        let records = node.check_against_fresh(&l1, &format!("fresh-{depth}")).await;
        most = most.max(records.batches.len());
    }
    assert!(most > 10, "{most} batches are left");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_deeper_than_all_that_is_stored_starts_over() {
    let l1 = L1::start().await;
    activity(&l1, 0).await;
    activity(&l1, 1).await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    let depth = l1.number().await - l1.config.l1_start_block;
    l1.anvil.reorg(depth).await.unwrap();
    l1.anvil.drop_pending().await.unwrap();
    activity(&l1, 5).await;
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was_and_notices_a_reorg() {
    let l1 = L1::start().await;
    activity(&l1, 0).await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    node.stop().await;
    activity(&l1, 1).await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    node.stop().await;
    l1.anvil.reorg(4).await.unwrap();
    l1.anvil.drop_pending().await.unwrap();
    activity(&l1, 2).await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_by_ranges_reads_the_same_as_block_by_block() {
    let l1 = L1::start().await;
    let live = Node::start(&l1, "live", l1.anvil.url(), 1000).await;
    for seed in 0..12 {
        activity(&l1, seed).await;
        let _: serde_json::Value = l1.anvil.call("anvil_mine", [60]).await.unwrap();
    }
    live.sync(&l1).await;
    // The endpoint takes no range as large as the follower would like.
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    proxy.set(Fault::MaxRange(37));
    let ranges = Node::start(&l1, "ranges", proxy.url(), 500).await;
    ranges.sync(&l1).await;
    let (live_records, range_records) = (live.records(), ranges.records());
    assert_eq!(live_records, range_records);
    assert!(range_records.batches.len() >= 8);
    // A reorg right after: the rows near the head are there to trace it.
    l1.anvil.reorg(100).await.unwrap();
    l1.anvil.drop_pending().await.unwrap();
    activity(&l1, 50).await;
    ranges.check_against_fresh(&l1, "fresh").await;
    until("the live node is there, too", async || live.records() == ranges.records()).await;
    live.stop().await;
    ranges.stop().await;
}

/// Whatever the endpoint does, nothing wrong is taken over, and when it is well again, all is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_endpoint_delays_and_does_no_harm() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let node = Node::start(&l1, "node", proxy.url(), 1000).await;
    let faults = [
        Fault::Down,
        Fault::Garbage,
        Fault::Null,
        Fault::NoLogs,
        Fault::SomeLogs,
        Fault::ChangedLogs,
        Fault::ChangedTransactions,
        Fault::OtherChain,
        Fault::Behind(2),
        Fault::HeadBehind(2),
        Fault::NoFinalized,
    ];
    for (seed, fault) in (0..).zip(faults) {
        node.sync(&l1).await;
        let before = node.records();
        proxy.set(fault);
        activity(&l1, seed * 4).await;
        let asked = proxy.requests();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = proxy.requests() - asked;
        assert!(asked < 300, "{fault:?}: {asked} requests in 1.5 s");
        let after = node.records();
        assert_eq!(after.messages[..before.messages.len()], before.messages, "{fault:?}");
        assert!(after.messages.len() >= before.messages.len() && after.batches.len() >= before.batches.len());
        proxy.set(Fault::None);
        node.check_against_fresh(&l1, &format!("fresh-{seed}")).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_or_lagging_chain_is_waited_for() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    activity(&l1, 0).await;
    activity(&l1, 1).await;
    let node = Node::start(&l1, "node", proxy.url(), 1000).await;
    node.sync(&l1).await;
    let before = node.records();
    proxy.set(Fault::Behind(3));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(node.records(), before, "a lagging endpoint changes nothing");
    // A reorg below the head that the lagging endpoint shows.
    l1.anvil.reorg(5).await.unwrap();
    l1.anvil.drop_pending().await.unwrap();
    until("the reorg shows", async || node.records() != before).await;
    proxy.set(Fault::None);
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

/// What is not from the batcher, or not a batch, is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_and_garbage_are_followed() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.deposit(0, 1, b"").await;
    l1.anvil.mine(1).await.unwrap();
    let inbox = l1.config.contracts.inbox;
    let batcher = &l1.roles.batcher;
    let stranger = testnet::accounts::account(3).unwrap();
    l1.call(batcher, inbox, vec![1, 2, 3, 4], 0).await;
    l1.call(batcher, l1.config.contracts.portal, Vec::new(), 7).await;
    let input = l1.anvil.provider().get_transaction_by_hash(l1.batch(b"", 2).await).await.unwrap().unwrap();
    l1.call(&stranger, inbox, alloy::consensus::Transaction::input(&input).to_vec(), 0).await;
    l1.anvil.mine(1).await.unwrap();
    l1.batch(&[0xff; 100_000], 4096).await;
    l1.anvil.mine(1).await.unwrap();
    // Calldata behind the arguments is no part of the payload.
    let mut input =
        l1.anvil.provider().get_transaction_by_hash(l1.batch(b"x", 1).await).await.unwrap().unwrap();
    l1.anvil.drop_pending().await.unwrap();
    let data = [alloy::consensus::Transaction::input(&input).as_ref(), &[9; 50]].concat();
    l1.call(batcher, inbox, data, 0).await;
    l1.anvil.mine(1).await.unwrap();
    // Forced by anyone once the batcher is silent.
    l1.anvil.pass(1000).await.unwrap();
    let force = bindings::IInbox::forceBatchCall {
        oldMessageHeader: Default::default(),
        messageEnd: 0,
        endMessageHeader: Default::default(),
    };
    l1.call(&stranger, inbox, alloy::sol_types::SolCall::abi_encode(&force), 0).await;
    l1.anvil.mine(1).await.unwrap();
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert_eq!(records.batches.len(), 4);
    assert_eq!(records.batches[2].data.as_ref(), b"x");
    assert!(records.batches[3].data.is_empty());
    assert_eq!(records.blocks.len(), 1 + 2 + 4096 + 1 + 1);
    // Two deposits, and the information that came with each batch.
    assert_eq!(records.messages.len(), 2 + 4);
    input = l1.anvil.provider().get_transaction_by_hash(records.batches[0].tx_hash).await.unwrap().unwrap();
    assert_eq!(input.block_hash, Some(records.batches[0].l1_hash));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn final_l1_blocks_make_l2_blocks_final() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.batch(b"", 3).await;
    l1.anvil.mine(1).await.unwrap();
    node.sync(&l1).await;
    assert_eq!((node.chain.heads().safe.number, node.chain.heads().finalized.number), (3, 0));
    l1.anvil.mine(140).await.unwrap();
    until("the batch is final", async || node.chain.heads().finalized.number == 3).await;
    node.sync(&l1).await;
    // What was final can't be undone: then this is not the same L1.
    let before = node.records();
    l1.anvil.reorg(141).await.unwrap();
    l1.anvil.drop_pending().await.unwrap();
    l1.anvil.mine(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(node.records(), before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_says_what_is_wrong_in_one_line() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let mut config = (*l1.config).clone();
    let error = connect("http://127.0.0.1:1", &config).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    let error = connect("ws://127.0.0.1:1", &config).await.unwrap_err();
    assert!(matches!(error, ConnectError::Url(_)), "{error}");
    proxy.set(Fault::Garbage);
    let error = connect(proxy.url(), &config).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    proxy.set(Fault::None);
    config.l1_chain_id = 1;
    let error = connect(proxy.url(), &config).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongChain { expected: 1, found: 31_337, .. }), "{error}");
    assert!(error.to_string().contains("l1ChainId") && !error.to_string().contains('\n'), "{error}");
}
