//! Batches in blobs that no beacon node has any more: nodes take them from one another.

use std::{sync::atomic::Ordering, time::Duration};

use alloy::{primitives::Bytes, transports::http::reqwest};
use e2e::faults::{Fault, Proxy};
use rollup::{
    blobs::{DaChoice, versioned_hash},
    l1::L1Status,
    shutdown::{self, Stop},
};
use rpc::{Listener, RpcConfig, RpcContext, RpcHandle, serve};
use serde_json::{Value, json};
use stf::{BatchHeader, blob::BlobData, inbox::DaKind};
use testnet::{Mining, NodeOptions, Process, Role, ports};
use tokio::sync::watch;

use crate::{
    batcher::{all_safe, often, start},
    blobs::{BeaconFault, BeaconProxy},
    common::{L1, Node, Records, until},
};

/// A node's JSON-RPC.
struct Served {
    url: String,
    handle: RpcHandle,
    stop: Stop,
}

impl Served {
    async fn start(node: &Node) -> Self {
        let (stop, shutdown) = shutdown::channel();
        let context = RpcContext {
            chain: node.chain.clone(),
            pool: None,
            forward: None,
            feed: None,
            l1: watch::channel(L1Status::default()).1,
            followed_feed: None,
            signers: Vec::new(),
        };
        let config = RpcConfig::new(Listener::all(([127, 0, 0, 1], 0).into()));
        let handle = serve(config, context, shutdown).await.unwrap();
        Self { url: format!("http://{}", handle.local_addr()), handle, stop }
    }

    async fn post(&self, body: &Value) -> Value {
        let answer = reqwest::Client::new().post(&self.url).json(body).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn end(self) {
        self.stop.stop();
        self.handle.stopped().await;
    }
}

fn blob_request(batch: usize, place: usize) -> Value {
    let params = [format!("{batch:#x}"), format!("{place:#x}")];
    json!({ "jsonrpc": "2.0", "id": 1, "method": "recourse_blobOfBatch", "params": params })
}

fn da_kind(records: &Records, batch: usize) -> DaKind {
    BatchHeader::decode(&records.batches[batch].header).unwrap().da_kind
}

/// Waits until a node has exactly these records. Its heads are told just after what they stand on is in the database.
async fn reaches(node: &Node, expected: &Records) {
    until("the node has all records", async || node.records() == *expected).await;
}

/// A rollup with batches in calldata, in one blob, and in several, and the node that has built and posted them.
async fn posted(l1: &L1) -> Node {
    let node = Node::start(l1, "node", l1.anvil.url(), 1000).await;
    l1.mining(Mining::Every(1)).await;
    for (da, bytes) in [(DaChoice::Calldata, 1000), (DaChoice::Blobs, 1000), (DaChoice::Blobs, 100_000)] {
        for _ in 0..=bytes / 40_000 {
            node.build(node.transactions(1, 1, bytes));
        }
        let batcher = start(l1, &node, l1.anvil.url(), often(da)).await;
        all_safe(&node).await;
        batcher.end().await;
    }
    l1.mining(Mining::Manual).await;
    node.sync(l1).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_from_nothing_reads_forgotten_blobs_from_another_node() {
    let l1 = L1::start().await;
    let node = posted(&l1).await;
    let expected = node.records();
    let served = Served::start(&node).await;

    // What it serves is what is on L1, and nothing else.
    let mut most = 0;
    for (index, batch) in expected.batches.iter().enumerate() {
        let blobs = match da_kind(&expected, index) {
            DaKind::Blobs => BlobData::decode(&batch.data).unwrap().blobs,
            _ => &[],
        };
        most = most.max(blobs.len());
        for (place, blob) in blobs.iter().enumerate() {
            let answer = served.post(&blob_request(index, place)).await;
            let found: Bytes = serde_json::from_value(answer["result"].clone()).unwrap();
            assert_eq!(found[..], blob[..], "blob {place} of batch {index}");
        }
        assert_eq!(served.post(&blob_request(index, blobs.len())).await["result"], Value::Null);
    }
    assert!(most > 1, "no batch has several blobs");
    assert_eq!(da_kind(&expected, 0), DaKind::Calldata);
    let beyond = served.post(&blob_request(expected.batches.len(), 0)).await;
    assert_eq!((&beyond["result"], &beyond["error"]), (&Value::Null, &Value::Null));

    // Without any beacon node, and with one that has forgotten all.
    let gone = BeaconProxy::start(l1.anvil.url(), BeaconFault::Gone).await;
    let first = Node::reading(&l1, "first", &[], &[&served.url]).await;
    let second = Node::reading(&l1, "second", &[&gone.url], &[&served.url]).await;
    for reader in [&first, &second] {
        reader.sync(&l1).await;
        reaches(reader, &expected).await;
    }
    assert!(gone.asked.load(Ordering::Relaxed) > 0, "beacon nodes are asked first");
    second.stop().await;
    served.end().await;

    // What it took, it keeps and serves.
    let again = Served::start(&first).await;
    let third = Node::reading(&l1, "third", &[], &[&again.url]).await;
    third.sync(&l1).await;
    reaches(&third, &expected).await;
    third.stop().await;
    again.end().await;
    first.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lies_lacks_or_fails_is_passed_over() {
    let l1 = L1::start().await;
    let node = posted(&l1).await;
    let expected = node.records();
    let served = Served::start(&node).await;
    let wrong = [
        Fault::ChangedBlobs,
        Fault::Null,
        Fault::Garbage,
        Fault::Truncated,
        Fault::Endless,
        Fault::Down,
        Fault::Status(500),
        Fault::TooManyRequests { retry_after: None, json: true },
        // Longer than is waited for.
        Fault::Delay(Duration::from_secs(40)),
        Fault::Silent,
    ];
    let one = async |index: usize, fault: Fault| {
        let bad = Proxy::start(&served.url).await.unwrap();
        bad.set(fault);
        // Before a good one, it costs a question.
        let archives = [bad.url(), &served.url];
        let reader = Node::reading(&l1, &format!("reader-{index}"), &[], &archives).await;
        reader.sync(&l1).await;
        reaches(&reader, &expected).await;
        assert!(bad.requests() > 0, "{fault:?}");
        reader.stop().await;
        if matches!(fault, Fault::Delay(_) | Fault::Silent) {
            return;
        }
        // Alone, nothing is derived until it is well.
        let alone = Node::reading(&l1, &format!("alone-{index}"), &[], &[bad.url()]).await;
        let before = bad.requests();
        until("it was asked", async || bad.requests() > before + 3).await;
        let batches = alone.records().batches;
        assert!(batches.len() <= 1, "{fault:?}");
        assert_eq!(batches[..], expected.batches[..batches.len()], "{fault:?}");
        bad.set(Fault::None);
        alone.sync(&l1).await;
        reaches(&alone, &expected).await;
        alone.stop().await;
    };
    // At once: two of them take their time.
    futures::future::join_all(wrong.into_iter().enumerate().map(|(index, fault)| one(index, fault))).await;
    served.end().await;
    node.stop().await;
}

/// The value of a metric with all that is said of it between its braces.
fn value(text: &str, name: &str, labels: &[String]) -> f64 {
    let has = |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    let line = text.lines().find(has).unwrap_or_default();
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_has_only_a_lying_archive_derives_nothing_wrong_and_says_why() {
    let l1 = L1::start().await;
    let node = posted(&l1).await;
    let served = Served::start(&node).await;
    let lying = Proxy::start(&served.url).await.unwrap();
    lying.set(Fault::ChangedBlobs);
    let gone = BeaconProxy::start(l1.anvil.url(), BeaconFault::Gone).await;
    let rollup = l1.path("rollup.json");
    std::fs::write(&rollup, serde_json::to_vec(&*l1.config).unwrap()).unwrap();
    let metrics = ports::free().unwrap();
    let options = NodeOptions {
        name: "replica".into(),
        role: Role::Replica { feed: None, sequencer_rpc: None },
        rollup: rollup.clone(),
        data_dir: l1.path("replica"),
        l1_rpc: l1.anvil.url().into(),
        l1_beacon: Some(gone.url.clone()),
        port: ports::free().unwrap(),
        metrics: Some(metrics),
        log: l1.path("replica.log"),
        extra: ["--archive", lying.url(), "--l1-poll", "50ms"].map(Into::into).into(),
        environment: Vec::new(),
    };
    let mut replica = testnet::Node::spawn(options).unwrap();
    replica.wait_ready().await.unwrap();
    // The challenger takes the same options.
    let watched = ports::free().unwrap();
    let mut command = std::process::Command::new(testnet::tools::challenger().unwrap());
    command.arg("watch").arg("--rollup").arg(&rollup).arg("--data-dir").arg(l1.path("challenger"));
    command.args(["--l1-rpc", l1.anvil.url(), "--archive", lying.url(), "--l1-poll", "50ms"]);
    command.args(["--metrics", &format!("127.0.0.1:{watched}")]);
    let mut challenger = Process::spawn("challenger", &mut command, &l1.path("challenger.log")).unwrap();

    let page = async |port: u16| match reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await {
        Ok(page) => page.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    };
    let wrong = [format!("archive=\"{}\"", lying.url()), "reason=\"wrong\"".into()];
    let safe = node.chain.heads().safe.number;
    for (port, log) in [(metrics, "replica.log"), (watched, "challenger.log")] {
        until("the metric counts", async || {
            value(&page(port).await, "recourse_archive_failures_total", &wrong) >= 3.0
        })
        .await;
        assert!(value(&page(port).await, "recourse_safe_head", &[]) < safe as f64);
        let text = std::fs::read_to_string(l1.path(log)).unwrap();
        let told: Vec<&str> = text.lines().filter(|line| line.contains("an archive has no blobs")).collect();
        let [told] = told[..] else { panic!("one line: {text}") };
        assert!(told.contains(lying.url()) && told.contains("but L1 names 0x01"), "{told}");
        assert!(text.contains("nobody has the blobs of batch 1 in L1 block"), "{text}");
    }
    lying.set(Fault::None);
    for port in [metrics, watched] {
        until("it goes on", async || value(&page(port).await, "recourse_safe_head", &[]) == safe as f64)
            .await;
        assert!(value(&page(port).await, "recourse_archive_blobs_total", &[]) >= 2.0);
    }
    replica.stop().await.unwrap();
    challenger.stop(Duration::from_secs(10)).await.unwrap();
    served.end().await;
    node.stop().await;
}

/// A blob for each request: what is asked for in one message is bounded like everything else.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_served_within_the_budgets_of_requests() {
    let l1 = L1::start().await;
    let node = posted(&l1).await;
    let records = node.records();
    let served = Served::start(&node).await;
    let batch = (0..records.batches.len()).find(|batch| da_kind(&records, *batch) == DaKind::Blobs).unwrap();
    let hash = BlobData::decode(&records.batches[batch].data).unwrap().versioned_hashes[0];
    let ask = async |count: usize| {
        let requests = (0..count).map(|id| {
            let mut request = blob_request(batch, 0);
            request["id"] = json!(id);
            request
        });
        served.post(&json!(requests.collect::<Vec<_>>())).await
    };
    let answers = ask(200).await;
    for answer in answers.as_array().unwrap() {
        let blob: Bytes = serde_json::from_value(answer["result"].clone()).unwrap();
        assert_eq!(blob.len(), 131_072);
    }
    // More than a message may hold: it is refused as a whole, and the node goes on.
    let refused = ask(400).await;
    assert_eq!(refused["error"]["code"], json!(-32005), "{}", refused["error"]);
    let last = served.post(&blob_request(batch, 0)).await;
    let blob: Bytes = serde_json::from_value(last["result"].clone()).unwrap();
    assert_eq!(versioned_hash(&blob).unwrap(), hash);
    served.end().await;
    node.stop().await;
}
