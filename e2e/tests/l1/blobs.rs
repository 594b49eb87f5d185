//! Batches in blobs, from the batcher to the nodes that read them back, and beacon nodes that do not have them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{consensus::Transaction, providers::Provider, transports::http::reqwest};
use rollup::{
    blobs::{BlobSidecar, DaChoice},
    l1::{TxOptions, TxRequest},
};
use stf::{
    BatchHeader,
    blob::{BLOB_ROOM, BlobData},
    inbox::DaKind,
};
use testnet::Mining;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    batcher::{all_safe, often, start},
    common::{L1, Node, Records, until},
    tx_manager::{manager, spawn, transfer, waiting},
};

/// What a beacon node does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeaconFault {
    /// Nothing.
    None,
    /// It knows nothing at all any more.
    Gone,
    /// It does not know the slot.
    NotFound,
    /// It has forgotten all blobs.
    Empty,
    /// A byte of each blob is another one.
    Changed,
    /// Its answers end in the middle.
    Truncated,
    /// It does not answer.
    Silent,
    /// It fails.
    Broken,
}

/// A beacon node in front of Anvil's.
pub(crate) struct BeaconProxy {
    pub(crate) url: String,
    fault: Arc<Mutex<BeaconFault>>,
    pub(crate) asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for BeaconProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl BeaconProxy {
    pub(crate) async fn start(behind: &str, fault: BeaconFault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (fault, asked) = (Arc::new(Mutex::new(fault)), Arc::new(AtomicUsize::new(0)));
        let (state, counter, behind) = (fault.clone(), asked.clone(), behind.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (fault, behind) = (*state.lock().unwrap(), behind.clone());
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move { answer(stream, &behind, fault).await.unwrap_or_default() });
            }
        });
        Self { url, fault, asked, task }
    }

    fn set(&self, fault: BeaconFault) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// The same with another digit in the fifth byte of each blob: an element that is valid still.
fn changed(body: &str) -> String {
    let mut bytes = body.as_bytes().to_vec();
    for (at, _) in body.match_indices("\"0x") {
        let digit = &mut bytes[at + 3 + 9];
        *digit = if *digit == b'0' { b'1' } else { b'0' };
    }
    String::from_utf8(bytes).unwrap()
}

/// Answers one request, and closes.
async fn answer(mut stream: TcpStream, behind: &str, fault: BeaconFault) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let found = reqwest::get(format!("{behind}{path}")).await.map_err(std::io::Error::other)?;
    let status = found.status().as_u16();
    let body = found.text().await.map_err(std::io::Error::other)?;
    let is_blobs = path.contains("/blobs/");
    let (status, body, cut) = match fault {
        BeaconFault::Silent => {
            tokio::time::sleep(Duration::from_secs(120)).await;
            return Ok(());
        }
        BeaconFault::Broken => (500, "<html><title>Bad day</title></html>".to_owned(), false),
        BeaconFault::Gone => (404, r#"{"message":"not found"}"#.to_owned(), false),
        BeaconFault::NotFound if is_blobs => (404, r#"{"message":"block not found"}"#.to_owned(), false),
        BeaconFault::Empty if is_blobs => (200, r#"{"data":[]}"#.to_owned(), false),
        BeaconFault::Changed if is_blobs => (status, changed(&body), false),
        BeaconFault::Truncated if is_blobs => (status, body, true),
        _ => (status, body, false),
    };
    let answer =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(answer.as_bytes()).await?;
    let sent = if cut { &body.as_bytes()[..body.len() / 2] } else { body.as_bytes() };
    stream.write_all(sent).await?;
    stream.shutdown().await
}

fn header(records: &Records, index: usize) -> BatchHeader {
    BatchHeader::decode(&records.batches[index].header).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_takes_as_few_blobs_as_it_needs() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    node.sync(&l1).await;
    for _ in 0..20 {
        node.build(node.transactions(1, 2, 50_000));
    }
    let batcher = start(&l1, &node, l1.anvil.url(), often(DaChoice::Blobs)).await;
    l1.mining(Mining::Every(1)).await;
    all_safe(&node).await;
    batcher.end().await;
    l1.mining(Mining::Manual).await;
    let records = node.check_against_fresh(&l1, "fresh").await;
    // Two megabytes that do not compress.
    assert!((3..=4).contains(&records.batches.len()), "{} batches", records.batches.len());
    for (index, batch) in records.batches.iter().enumerate() {
        let (header, data) = (header(&records, index), BlobData::decode(&batch.data).unwrap());
        assert_eq!(header.da_kind, DaKind::Blobs);
        assert_eq!(data.blobs.len(), (header.payload_length as usize).div_ceil(BLOB_ROOM));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_blobs_are_cheaper_they_are_taken_and_calldata_where_not() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.mining(Mining::Every(1)).await;
    // Anvil's blob base fee is one wei.
    for (da, expected) in [(DaChoice::Auto, DaKind::Blobs), (DaChoice::Calldata, DaKind::Calldata)] {
        let batcher = start(&l1, &node, l1.anvil.url(), often(da)).await;
        node.build(node.transactions(1, 2, 1000));
        all_safe(&node).await;
        batcher.end().await;
        let records = node.records();
        assert_eq!(header(&records, records.batches.len() - 1).da_kind, expected, "{da}");
    }
    l1.mining(Mining::Manual).await;
    node.check_against_fresh(&l1, "fresh").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beacon_node_that_lies_lacks_or_fails_is_passed_over() {
    let l1 = L1::start().await;
    let node = Node::start(&l1, "node", l1.anvil.url(), 1000).await;
    l1.mining(Mining::Every(1)).await;
    let batcher = start(&l1, &node, l1.anvil.url(), often(DaChoice::Blobs)).await;
    node.build(node.transactions(1, 2, 50_000));
    all_safe(&node).await;
    batcher.end().await;
    l1.mining(Mining::Manual).await;
    let expected = node.records();
    let wrong = [
        BeaconFault::NotFound,
        BeaconFault::Empty,
        BeaconFault::Changed,
        BeaconFault::Truncated,
        BeaconFault::Broken,
        BeaconFault::Silent,
    ];
    for (index, fault) in wrong.into_iter().enumerate() {
        let bad = BeaconProxy::start(l1.anvil.url(), fault).await;
        // Before a good one, it costs a question.
        let beacons = [&*bad.url, l1.anvil.url()];
        let reader = Node::reading(&l1, &format!("reader-{index}"), &beacons, &[]).await;
        reader.sync(&l1).await;
        assert_eq!(reader.records(), expected, "{fault:?}");
        assert!(bad.asked.load(Ordering::Relaxed) > 0, "{fault:?}");
        reader.stop().await;
        if fault == BeaconFault::Silent {
            continue;
        }
        // Alone, nothing is derived until it is well.
        let alone = Node::reading(&l1, &format!("alone-{index}"), &[&bad.url], &[]).await;
        until("it was asked", async || bad.asked.load(Ordering::Relaxed) > 4).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(alone.records().batches.len(), 0, "{fault:?}");
        bad.set(BeaconFault::None);
        alone.sync(&l1).await;
        assert_eq!(alone.records(), expected, "{fault:?}");
        alone.stop().await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_with_blobs_is_replaced_by_one_with_twice_its_fees() {
    let l1 = L1::start().await;
    let options = TxOptions { resend_after: Duration::from_millis(300), ..TxOptions::default() };
    let txs = manager(&l1, l1.anvil.url(), options).await;
    let blobs = BlobSidecar::of(&[1; 1000]).unwrap();
    let send = spawn(&txs, TxRequest { blobs: Some(blobs.clone()), ..transfer(3) });
    until("it is sent", async || waiting(&l1).await == 1).await;
    let fees = async || {
        let pool: serde_json::Value = l1.anvil.call("txpool_content", serde_json::json!([])).await.unwrap();
        let all = pool["pending"].as_object().unwrap().values().next().unwrap().as_object().unwrap().clone();
        assert_eq!(all.len(), 1, "never two nonces");
        let transaction = all.values().next().unwrap();
        ["maxFeePerGas", "maxPriorityFeePerGas", "maxFeePerBlobGas"].map(|name| {
            let fee = transaction[name].as_str().unwrap();
            u128::from_str_radix(fee.trim_start_matches("0x"), 16).unwrap()
        })
    };
    let first = fees().await;
    until("all fees have doubled twice", async || {
        fees().await.iter().zip(first).all(|(fee, before)| *fee >= 4 * before)
    })
    .await;
    l1.anvil.mine(1).await.unwrap();
    let receipt = send.await.unwrap().unwrap();
    assert!(receipt.status());
    let found = l1.anvil.provider().get_transaction_by_hash(receipt.transaction_hash).await.unwrap().unwrap();
    assert_eq!(found.blob_versioned_hashes(), Some(blobs.versioned_hashes()));
}
