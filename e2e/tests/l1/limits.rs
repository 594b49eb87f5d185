//! Endpoints with limits, and the many ways in which they tell of them.

use std::{fs, process::Command};

use e2e::faults::{BatchRefusal, Chance, Fault, Proxy};
use fraud_prover::l1::LogReader;
use rollup::l1::{L1Client, L1Error, connect};
use stf::{BlockSpec, codec::encode};
use testnet::tools;

use crate::common::{L1, Node};

/// An L1 with deposits and batches in each of some stretches of blocks.
async fn busy_l1(stretches: u64, blocks: u64) -> L1 {
    let l1 = L1::start().await;
    for seed in 0..stretches {
        l1.deposit(seed as u32 % 3, 1000 + seed, b"").await;
        l1.anvil.mine(1).await.unwrap();
        let specs = vec![BlockSpec { timestamp: 2_000_000_000, messages: 1, transactions: Vec::new() }; 2];
        l1.batch(&encode(&specs, l1.config.chain.chain_id, 5).unwrap(), 2).await;
        l1.anvil.mine(1).await.unwrap();
        let _: serde_json::Value = l1.anvil.call("anvil_mine", [blocks]).await.unwrap();
    }
    l1
}

async fn client(l1: &L1, proxy: &Proxy) -> L1Client {
    connect(proxy.url(), &l1.config).await.unwrap()
}

/// A node that starts now, behind the proxy, reads all that one without it does.
async fn follows(l1: &L1, proxy: &Proxy, name: &str) {
    let node = Node::start(l1, name, proxy.url(), 1000).await;
    let records = node.check_against_fresh(l1, &format!("{name}-fresh")).await;
    assert!(records.batches.len() >= 3 && records.messages.len() >= 6, "there is something to read");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_are_refused_for_wide_ranges_are_read_in_narrower_ones() {
    let l1 = busy_l1(5, 250).await;
    let rollup = l1.path("rollup.json");
    fs::write(&rollup, serde_json::to_vec(&*l1.config).unwrap()).unwrap();
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    for (index, fault) in
        [Fault::RangeTimeout(500), Fault::RangeDrop(37), Fault::MaxRange(37)].into_iter().enumerate()
    {
        proxy.set(fault);
        // The challenger's reader, as `watch` has it.
        let (client, contracts) = (client(&l1, &proxy).await, l1.config.contracts);
        let mut reader = LogReader::new(client, contracts, l1.config.l1_start_block);
        let head = reader.sync().await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(head.number(), l1.number().await);
        // The command.
        let mut command = Command::new(tools::challenger().unwrap());
        command.args(["games", "--l1-rpc", proxy.url(), "--rollup"]).arg(&rollup);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("no games yet"), "{fault:?}: {text}{errors}");
        // The node.
        follows(&l1, &proxy, &format!("range-{index}")).await;
    }
    // A block whose logs are not available is an error, with the reason.
    proxy.set(Fault::RangeTimeout(0));
    let (client, contracts) = (client(&l1, &proxy).await, l1.config.contracts);
    let mut reader = LogReader::new(client, contracts, l1.config.l1_start_block);
    let asked = proxy.requests();
    let error = reader.sync().await.unwrap_err();
    assert_eq!(error.to_string(), "HTTP status 504: 504 Gateway Time-out");
    let asked = proxy.requests() - asked;
    assert!(asked < 40, "{asked} requests");
    // When it is available again, all is read.
    proxy.set(Fault::None);
    reader.sync().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_takes_only_small_batches_or_none_is_followed() {
    let l1 = busy_l1(3, 30).await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    for (index, refusal) in BatchRefusal::ALL.into_iter().enumerate() {
        let most = [1, 5][index % 2];
        proxy.set(Fault::MaxBatch(most, refusal));
        follows(&l1, &proxy, &format!("batch-{most}-{refusal:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_says_of_its_limits_is_told() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let client = client(&l1, &proxy).await;
    for refusal in BatchRefusal::ALL.into_iter().filter(|refusal| *refusal != BatchRefusal::Fewer) {
        proxy.set(Fault::MaxBatch(0, refusal));
        let error = client.headers(&[0, 1]).await.unwrap_err().to_string();
        assert!(error.contains(BatchRefusal::TOO_MANY_CALLS), "{refusal:?}: {error}");
        assert!(!error.contains(['<', '\n', '\r']), "{refusal:?}: {error}");
    }
    // What was learned of a bad time is forgotten, and told to nobody as an error.
    proxy.set(Fault::None);
    assert!(client.headers(&[0, 1]).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_waited_for() {
    let l1 = busy_l1(3, 5).await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let busy = Fault::TooManyRequests { retry_after: Some(0), json: false };
    proxy.set_mix([Chance::of(busy, 0.3)]);
    follows(&l1, &proxy, "busy").await;
    assert!(proxy.counts().values().sum::<u64>() > 0, "no request was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_an_error() {
    let l1 = L1::start().await;
    let proxy = Proxy::start(l1.anvil.url()).await.unwrap();
    let client = client(&l1, &proxy).await;
    proxy.set(Fault::Endless);
    let error = client.head().await.unwrap_err();
    assert!(matches!(&error, L1Error::InvalidResponse(text) if text.contains("longer than")), "{error}");
}
