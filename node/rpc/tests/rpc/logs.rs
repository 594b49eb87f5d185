use alloy::{
    primitives::{Address, B256, U64},
    rpc::types::Log,
};
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_range_hash_address_and_topic() {
    let node = Node::sequencer().await;
    let mut blocks = vec![node.mine()];
    for nonce in 0..3 {
        node.send(count(0, nonce)).await;
        node.send(transfer(1, nonce)).await;
        blocks.push(node.mine());
    }
    node.send(count(0, 3)).await;
    node.send(count(2, 0)).await;
    blocks.push(node.mine());
    let logs = |filter: Value| {
        let node = &node;
        async move { node.call::<Vec<Log>>("eth_getLogs", json!([filter])).await }
    };
    let all = logs(json!({ "fromBlock": "earliest", "toBlock": "latest" })).await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[4].log_index, Some(1));
    assert_eq!(all[4].block_hash, Some(blocks[4].hash));
    assert_eq!(logs(json!({})).await.len(), 2);
    assert_eq!(logs(json!({ "fromBlock": "0x2", "toBlock": "0x3" })).await.len(), 2);
    assert_eq!(logs(json!({ "blockHash": blocks[1].hash })).await.len(), 1);
    assert_eq!(logs(json!({ "fromBlock": "0x0", "address": COUNTER, "topics": [TOPIC] })).await, all);
    assert_eq!(
        logs(json!({ "fromBlock": "0x0", "address": [REVERTER, COUNTER], "topics": [[TOPIC, B256::ZERO]] }))
            .await,
        all
    );
    assert!(logs(json!({ "fromBlock": "0x0", "address": REVERTER })).await.is_empty());
    assert!(logs(json!({ "fromBlock": "0x0", "topics": [null, TOPIC] })).await.is_empty());
    assert!(logs(json!({ "fromBlock": "0x0", "topics": [B256::ZERO] })).await.is_empty());

    let error = |filter: Value| {
        let node = &node;
        async move { node.error("eth_getLogs", json!([filter])).await }
    };
    assert_eq!(error(json!({ "fromBlock": "0x3", "toBlock": "0x2" })).await.0, -32602);
    assert_eq!(error(json!({ "blockHash": B256::ZERO })).await, (-32000, "unknown block".into()));
    assert_eq!(error(json!({ "blockHash": B256::ZERO, "fromBlock": "0x0" })).await.0, -32602);
    let many: Vec<Address> = (0..1001u64).map(|i| Address::left_padding_from(&i.to_be_bytes())).collect();
    assert_eq!(error(json!({ "address": many })).await.0, -32000);
    node.end().await;
}

/// A node that lags behind others must not hide what they know: it says that it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_beyond_the_head_is_refused() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.mine();
    for (range, requested) in [
        (json!({ "fromBlock": "0x0", "toBlock": "0x99" }), 0x99),
        (json!({ "fromBlock": "0x2", "toBlock": "0x2" }), 2),
        (json!({ "fromBlock": "0x2" }), 2),
        (json!({ "fromBlock": "0x2", "toBlock": "latest" }), 2),
        (json!({ "fromBlock": "safe", "toBlock": "0x3" }), 3),
    ] {
        let text = format!("block range extends beyond current head block: requested {requested}, head 1");
        assert_eq!(node.error("eth_getLogs", json!([range])).await, (-32602, text), "{range}");
    }
    for range in [
        json!({ "fromBlock": "0x0", "toBlock": "0x1" }),
        json!({ "fromBlock": "0x1", "toBlock": "latest" }),
        json!({ "fromBlock": "earliest", "toBlock": "pending" }),
    ] {
        assert_eq!(node.call::<Vec<Log>>("eth_getLogs", json!([range])).await.len(), 1, "{range}");
    }
    // A filter is about blocks to come.
    let id: String = node.call("eth_newFilter", json!([{ "fromBlock": "0x1", "toBlock": "0x2" }])).await;
    let later: String = node.call("eth_newFilter", json!([{ "fromBlock": "0x2", "toBlock": "0x9" }])).await;
    assert_eq!(node.call::<Vec<Log>>("eth_getFilterLogs", json!([id])).await.len(), 1);
    assert!(node.call::<Vec<Log>>("eth_getFilterLogs", json!([later])).await.is_empty());
    for nonce in 1..3 {
        node.send(count(0, nonce)).await;
        node.mine();
    }
    assert_eq!(node.call::<Vec<Log>>("eth_getFilterChanges", json!([id])).await.len(), 1);
    assert_eq!(node.call::<Vec<Log>>("eth_getFilterLogs", json!([later])).await.len(), 2);
    node.end().await;
}

/// One transaction can write more logs than a range may return. They can be read in every way that there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_with_more_logs_than_the_limit_is_answered() {
    const LOGS: usize = 25_000;
    let node = Node::sequencer().await;
    let filter: String = node.call("eth_newFilter", json!([{ "fromBlock": "0x1", "toBlock": "0x1" }])).await;
    let client = WsClientBuilder::default()
        .max_buffer_capacity_per_subscription(LOGS)
        .build(format!("ws://{}", node.handle.local_addr()))
        .await
        .unwrap();
    let mut subscription = subscribe(&client, rpc_params!["logs", json!({ "address": LOGGER })]).await;
    node.send(log_thousands(0, 0, 25)).await;
    let block = node.mine();
    assert!(block.header.gas_used < 10_500_000, "{}", block.header.gas_used);

    let all: Vec<Log> = node.call("eth_getLogs", json!([{ "blockHash": block.hash }])).await;
    assert_eq!(all.len(), LOGS);
    assert_eq!(all[LOGS - 1].log_index, Some(LOGS as u64 - 1));
    for range in [json!({ "fromBlock": "0x1", "toBlock": "0x1" }), json!({ "fromBlock": "latest" })] {
        assert!(node.call::<Vec<Log>>("eth_getLogs", json!([range])).await == all, "{range}");
    }
    assert!(node.call::<Vec<Log>>("eth_getFilterLogs", json!([filter])).await == all);
    assert!(node.call::<Vec<Log>>("eth_getFilterChanges", json!([filter])).await == all);
    let receipts: Vec<Value> = node.call("eth_getBlockReceipts", json!(["0x1"])).await;
    assert_eq!(receipts[1]["logs"].as_array().map(Vec::len), Some(LOGS));
    for log in &all {
        let found: Log = serde_json::from_value(subscription.next().await.unwrap().unwrap()).unwrap();
        assert_eq!(&found, log);
    }
    node.end().await;
}

/// A block that is full of logs, at the greatest gas limit. No transaction may ask for all of it (EIP-7825).
async fn mine_logs(node: &Node) -> std::sync::Arc<rollup::chain::ChainBlock> {
    for (nonce, thousands) in [40, 40, 40, 33].into_iter().enumerate() {
        node.send(log_thousands(0, nonce as u64, thousands)).await;
    }
    let block = node.mine();
    assert!(block.header.gas_used > 58_000_000, "{}", block.header.gas_used);
    block
}

/// Its answers fit into a response.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_block_of_logs_is_answered() {
    let node = Node::sequencer().await;
    let block = mine_logs(&node).await;
    let logs: Vec<Log> = node.call("eth_getLogs", json!([{ "blockHash": block.hash }])).await;
    assert_eq!(logs.len(), 153_000);
    let receipts: Vec<Value> = node.call("eth_getBlockReceipts", json!(["latest"])).await;
    let logs = receipts.iter().filter_map(|receipt| receipt["logs"].as_array());
    assert_eq!(logs.map(Vec::len).sum::<usize>(), 153_000);
    node.end().await;
}

/// What a batch asks for beyond what can be sent is refused while it is answered, not held until the end: 300 times the
/// largest block would be 20 GB.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gets_no_more_answers_than_fit_into_one_response() {
    let node = Node::sequencer().await;
    let block = mine_logs(&node).await;
    let request = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_getLogs", "params": [{ "blockHash": block.hash }] });
    let batch: Vec<Value> = (0..300).map(request).collect();
    let text = crate::server::post(&node, &serde_json::to_string(&batch).unwrap()).await;
    let answers: Vec<Value> = serde_json::from_value(text).unwrap();
    assert_eq!(answers.len(), 300);
    let full = answers.iter().filter(|answer| answer["result"].is_array()).count();
    // For its size, or for the memory of a batch.
    let is_refusal = |answer: &&Value| [-32003, -32005].iter().any(|code| answer["error"]["code"] == *code);
    let refused = answers.iter().filter(is_refusal).count();
    assert!(full >= 1 && full + refused == 300, "{full} answered, {refused} refused");
    node.end().await;
}

/// The numbers in the range that an error proposes.
fn proposed(error: &str) -> (u64, u64) {
    let range = error.split_once("Try with this block range [0x").unwrap().1.split_once(']').unwrap().0;
    let (from, to) = range.split_once(", 0x").unwrap();
    (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap())
}

/// Whoever asks for the range that the error proposes, and goes on behind it, reads everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_with_too_many_logs_says_which_range_is_answered() {
    let node = Node::sequencer().await;
    for (nonce, thousands) in [1, 15, 4, 25, 20, 1, 30].into_iter().enumerate() {
        node.send(log_thousands(0, nonce as u64, thousands)).await;
        node.mine();
    }
    let (mut from, mut ranges, mut found) = (0, Vec::new(), Vec::new());
    while from <= 7 {
        let range = |from: u64, to: u64| json!([{ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}") }]);
        let to = match node.try_call::<Vec<Log>>("eth_getLogs", range(from, 7)).await {
            Ok(_) => 7,
            Err(error) => {
                assert_eq!(error.code(), -32005, "{error}");
                assert!(error.message().starts_with("query returned more than 20000 results"), "{error}");
                let (start, end) = proposed(error.message());
                assert_eq!(start, from);
                end
            }
        };
        found.extend(node.call::<Vec<Log>>("eth_getLogs", range(from, to)).await);
        ranges.push((from, to));
        from = to + 1;
    }
    assert_eq!(ranges, [(0, 3), (4, 4), (5, 5), (6, 6), (7, 7)]);
    assert_eq!(found.len(), 96_000);
    node.end().await;
}

/// What does not fit into one poll's answer comes with the next, whether or not the filter is far behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_poll_returns_no_more_than_a_search_and_the_next_one_the_rest() {
    let node = Node::sequencer().await;
    let prompt: String = node.call("eth_newFilter", json!([{}])).await;
    let slow: String = node.call("eth_newFilter", json!([{}])).await;
    for (nonce, thousands) in [12, 6, 9, 21, 1].into_iter().enumerate() {
        node.send(log_thousands(0, nonce as u64, thousands)).await;
        node.mine();
    }
    let poll = |id: String| {
        let node = &node;
        async move {
            let mut polls = Vec::new();
            loop {
                let logs: Vec<Log> = node.call("eth_getFilterChanges", json!([id])).await;
                if logs.is_empty() {
                    return polls;
                }
                let blocks: std::collections::BTreeSet<u64> =
                    logs.iter().filter_map(|log| log.block_number).collect();
                polls.push((logs.len(), blocks.into_iter().collect::<Vec<_>>()));
            }
        }
    };
    let expected = [(18_000, vec![1, 2]), (9_000, vec![3]), (21_000, vec![4]), (1_000, vec![5])];
    assert_eq!(poll(prompt).await, expected);
    // More blocks than the chain keeps events for.
    for _ in 0..1100 {
        node.mine();
    }
    assert_eq!(poll(slow).await, expected);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_tell_what_is_new_once() {
    let node = Node::sequencer().await;
    let blocks: String = node.call("eth_newBlockFilter", json!([])).await;
    let logs: String = node.call("eth_newFilter", json!([{ "address": COUNTER }])).await;
    let other: String = node.call("eth_newFilter", json!([{ "address": REVERTER }])).await;
    let pending: String = node.call("eth_newPendingTransactionFilter", json!([])).await;
    let hash = node.send(count(0, 0)).await;
    let block = node.mine();
    let changes = |id: &String| {
        let (node, params) = (&node, json!([id]));
        async move { node.call::<Value>("eth_getFilterChanges", params).await }
    };
    assert_eq!(changes(&blocks).await, json!([block.hash]));
    assert_eq!(changes(&blocks).await, json!([]));
    assert_eq!(changes(&pending).await, json!([hash]));
    let found = changes(&logs).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(changes(&logs).await, json!([]));
    assert_eq!(changes(&other).await, json!([]));
    assert_eq!(node.call::<Value>("eth_getFilterLogs", json!([logs])).await, found);

    // Another chain: what was told is taken back.
    node.force_batch();
    let undone = changes(&logs).await;
    assert_eq!(undone[0]["removed"], true);
    assert_eq!(undone[0]["transactionHash"], json!(hash));
    assert_eq!(changes(&blocks).await, json!([node.chain.heads().unsafe_head.hash]));

    assert!(node.call::<bool>("eth_uninstallFilter", json!([logs])).await);
    assert!(!node.call::<bool>("eth_uninstallFilter", json!([logs])).await);
    assert_eq!(node.error("eth_getFilterChanges", json!([logs])).await, (-32000, "filter not found".into()));
    node.end().await;
}

/// More blocks than the chain keeps events for, polled at last.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_filter_misses_nothing() {
    let node = Node::sequencer().await;
    let id: String = node.call("eth_newFilter", json!([{}])).await;
    node.send(count(0, 0)).await;
    for _ in 0..1100 {
        node.mine();
    }
    node.send(count(0, 1)).await;
    node.mine();
    let changes: Vec<Log> = node.call("eth_getFilterChanges", json!([id])).await;
    assert_eq!(changes.iter().map(|log| log.block_number).collect::<Vec<_>>(), [Some(1), Some(1101)]);
    node.end().await;
}

async fn websocket(node: &Node) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.handle.local_addr())).await.unwrap()
}

async fn subscribe(client: &WsClient, params: jsonrpsee::core::params::ArrayParams) -> Subscription<Value> {
    client.subscribe("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_tell_of_blocks_logs_and_transactions() {
    let node = Node::sequencer().await;
    let client = websocket(&node).await;
    let mut heads = subscribe(&client, rpc_params!["newHeads"]).await;
    let mut logs = subscribe(&client, rpc_params!["logs", json!({ "address": COUNTER })]).await;
    let mut pending = subscribe(&client, rpc_params!["newPendingTransactions"]).await;
    let mut whole = subscribe(&client, rpc_params!["newPendingTransactions", true]).await;
    let mut syncing = subscribe(&client, rpc_params!["syncing"]).await;
    assert_eq!(syncing.next().await.unwrap().unwrap(), json!(false));
    // Over the same connection: methods, too.
    let chain_id: U64 = client.request("eth_chainId", rpc_params![]).await.unwrap();
    assert_eq!(chain_id, U64::from(CHAIN_ID));

    let hash = node.send(count(0, 0)).await;
    assert_eq!(pending.next().await.unwrap().unwrap(), json!(hash));
    assert_eq!(whole.next().await.unwrap().unwrap()["hash"], json!(hash));
    let block = node.mine();
    let head = heads.next().await.unwrap().unwrap();
    assert_eq!((&head["hash"], &head["number"]), (&json!(block.hash), &json!("0x1")));
    let log = logs.next().await.unwrap().unwrap();
    assert_eq!((&log["transactionHash"], &log["removed"]), (&json!(hash), &json!(false)));

    node.force_batch();
    let log = logs.next().await.unwrap().unwrap();
    assert_eq!((&log["transactionHash"], &log["removed"]), (&json!(hash), &json!(true)));
    let head = heads.next().await.unwrap().unwrap();
    assert_eq!(head["hash"], json!(node.chain.heads().unsafe_head.hash));

    heads.unsubscribe().await.unwrap();
    let unknown =
        client.subscribe::<Value, _>("eth_subscribe", rpc_params!["weather"], "eth_unsubscribe").await;
    assert!(unknown.unwrap_err().to_string().contains("weather"));
    node.end().await;
}
