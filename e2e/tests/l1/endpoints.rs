//! Several endpoints: what counts is what two say, one that is bad is left out, and none leads astray.

use std::time::Duration;

use e2e::faults::{Chance, Fault, Proxy};
use rollup::l1::FollowerOptions;

use crate::{
    common::{L1, Node, until},
    follower::activity,
};

/// A node with an endpoint that can be bad and a good one, in this order or the other.
async fn pair(l1: &L1, name: &str, is_first: bool, options: FollowerOptions) -> (Proxy, Node) {
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let urls = if is_first { [proxy.url(), l1.anvil.url()] } else { [l1.anvil.url(), proxy.url()] };
    let node = Node::start_with(l1, name, &urls, options).await;
    (proxy, node)
}

/// With each of these the good endpoint is followed alone, and the bad one comes back when it is well.
async fn goes_on_without(is_first: bool) {
    let l1 = L1::start().await;
    let (proxy, node) = pair(&l1, "node", is_first, FollowerOptions::default()).await;
    let faults = [
        Fault::Down,
        Fault::Silent,
        Fault::Status(500),
        Fault::TooManyRequests { retry_after: Some(1), json: true },
        Fault::Truncated,
        Fault::Null,
        Fault::OtherChain,
        Fault::NoLogs,
        Fault::SomeLogs,
        Fault::ChangedLogs,
        Fault::NoCalls,
    ];
    for (seed, fault) in (0..).zip(faults) {
        node.sync(&l1).await;
        node.all_used().await;
        // Who is not well for a while is left out for longer the next time.
        let asked = proxy.requests() + 150;
        until("it is well for a while", async || proxy.requests() >= asked).await;
        let before = node.records();
        proxy.set(fault);
        activity(&l1, seed * 4).await;
        node.sync(&l1).await;
        let after = node.records();
        assert_eq!(after.messages[..before.messages.len()], before.messages, "{fault:?}");
        assert!(after.messages.len() > before.messages.len(), "{fault:?}");
        node.check_against_fresh(&l1, &format!("fresh-{seed}")).await;
        proxy.set(Fault::None);
    }
    node.all_used().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_endpoint_behind_a_good_one_is_left_out_and_comes_back() {
    goes_on_without(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_endpoint_before_a_good_one_is_left_out_and_comes_back() {
    goes_on_without(true).await;
}

/// Payloads are hashed in what both say: whoever has them is enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_payload_is_taken_from_the_other() {
    let l1 = L1::start().await;
    let (proxy, node) = pair(&l1, "node", true, FollowerOptions::default()).await;
    node.sync(&l1).await;
    proxy.set(Fault::ChangedTransactions);
    for seed in 0..3 {
        activity(&l1, seed * 4).await;
    }
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert!(records.batches.iter().any(|batch| !batch.data.is_empty()));
    node.stop().await;
}

/// Neither of two forks can be shown to be wrong: nothing is derived, and nothing is given up.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_forks_none_is_followed_until_both_endpoints_agree() {
    for is_first in [false, true] {
        let l1 = L1::start().await;
        let (proxy, node) = pair(&l1, "node", is_first, FollowerOptions::default()).await;
        activity(&l1, 0).await;
        activity(&l1, 1).await;
        node.sync(&l1).await;
        let unsafe_block = node.build(Vec::new());
        let before = node.records();
        // The fork goes back below what was read.
        proxy.set(Fault::Fork(4));
        proxy.settled().await;
        l1.deposit(0, 7, b"").await;
        l1.anvil.mine(1).await.unwrap();
        let asked = proxy.requests() + 12;
        until("both were asked again and again", async || proxy.requests() >= asked).await;
        assert_eq!(node.records(), before, "no reorg, and nothing new");
        assert_eq!(node.chain.heads().unsafe_head.number, unsafe_block);
        // It flips between the two.
        proxy.set_mix([Chance::of(Fault::Fork(4), 0.5)]);
        node.sync(&l1).await;
        assert_eq!(node.chain.heads().unsafe_head.number, unsafe_block);
        proxy.set(Fault::None);
        node.check_against_fresh(&l1, "fresh").await;
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn most_of_three_endpoints_decide() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let third = Proxy::start(l1.anvil.url()).await.unwrap();
    let urls = [proxy.url(), l1.anvil.url(), third.url()];
    let node = Node::start_with(&l1, "node", &urls, FollowerOptions::default()).await;
    activity(&l1, 0).await;
    node.sync(&l1).await;
    proxy.set(Fault::Fork(3));
    activity(&l1, 1).await;
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_endpoint_is_waited_for_unless_it_has_fallen_behind() {
    let l1 = L1::start().await;
    let (proxy, patient) = pair(&l1, "patient", true, FollowerOptions::default()).await;
    let options = FollowerOptions { lag: Duration::from_secs(8), ..FollowerOptions::default() };
    let url = l1.anvil.url();
    let hasty = Node::start_with(&l1, "hasty", &[proxy.url(), url], options).await;
    activity(&l1, 0).await;
    patient.sync(&l1).await;
    hasty.sync(&l1).await;
    let before = patient.records();
    proxy.set(Fault::Behind(1));
    // A block that only one has, and that is young.
    tokio::time::sleep(Duration::from_secs(12)).await;
    l1.deposit(1, 5, b"").await;
    l1.anvil.mine(1).await.unwrap();
    hasty.left_out(0).await;
    hasty.sync(&l1).await;
    assert_eq!(patient.records(), before, "two must say it");
    proxy.set(Fault::None);
    patient.check_against_fresh(&l1, "fresh").await;
    patient.stop().await;
    hasty.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_two_to_agree_waits_for_the_second() {
    let l1 = L1::start().await;
    let options = FollowerOptions { least_endpoints: 2, ..FollowerOptions::default() };
    let (proxy, node) = pair(&l1, "node", true, options).await;
    node.sync(&l1).await;
    let before = node.records();
    proxy.set(Fault::Down);
    proxy.settled().await;
    activity(&l1, 0).await;
    node.left_out(0).await;
    // Whoever is left out is not asked by the follower, but by who brings it back.
    let asked = proxy.requests() + 1;
    until("it is tried again", async || proxy.requests() >= asked).await;
    assert_eq!(node.records(), before);
    proxy.set(Fault::None);
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

/// An answer that contradicts what was read before is no reorg: unsafe blocks that consumed it stand.
#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_logs_takes_no_unsafe_block_away() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let node = Node::start(&l1, "node", proxy.url(), 1000).await;
    activity(&l1, 0).await;
    node.sync(&l1).await;
    let before = node.records();
    let unsafe_block = node.build(Vec::new());
    let consumed = node.chain.heads().unsafe_head.number;
    assert!(consumed == unsafe_block && !before.messages.is_empty());
    // The inbox itself cannot be asked meanwhile.
    proxy.set_mix([Chance::of(Fault::ChangedLogs, 1.0), Chance::of(Fault::NoCalls, 1.0)]);
    proxy.settled().await;
    activity(&l1, 2).await;
    // Contradictions, often enough that what is held is doubted.
    let asked = proxy.requests() + 60;
    until("it was asked again and again", async || proxy.requests() >= asked).await;
    assert_eq!(node.chain.heads().unsafe_head.number, unsafe_block, "what was announced stands");
    assert_eq!(node.records().messages, before.messages);
    proxy.set(Fault::None);
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert!(records.messages.len() > before.messages.len());
    node.stop().await;
}

/// An endpoint left logs out where it could not be noticed. Later they are read, and nothing is given up for it.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_left_out_are_read_later_and_nothing_is_given_up() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let node = Node::start(&l1, "node", proxy.url(), 1000).await;
    l1.deposit(0, 5, b"").await;
    l1.anvil.mine(1).await.unwrap();
    node.sync(&l1).await;
    let unsafe_block = node.build(Vec::new());
    node.stop().await;
    l1.deposit(1, 6, b"").await;
    l1.anvil.mine(1).await.unwrap();
    let _: serde_json::Value = l1.anvil.call("anvil_mine", [400]).await.unwrap();
    // States as old as the deposit are not there, and neither is its log.
    proxy.set_mix([Chance::of(Fault::NoLogs, 1.0), Chance::of(Fault::NoCalls, 1.0)]);
    let node = Node::start(&l1, "node", proxy.url(), 1000).await;
    until("the deposit's block is passed", async || node.chain.heads().l1 + 300 > l1.number().await).await;
    proxy.set(Fault::None);
    let records = node.check_against_fresh(&l1, "fresh").await;
    assert_eq!(records.messages.len(), 2);
    assert_eq!(node.chain.heads().unsafe_head.number, unsafe_block, "what was announced stands");
    node.stop().await;
}
