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
    // A range may reach beyond the head.
    assert_eq!(logs(json!({ "fromBlock": "0x0", "toBlock": "0x99" })).await, all);

    let error = |filter: Value| {
        let node = &node;
        async move { node.error("eth_getLogs", json!([filter])).await }
    };
    assert_eq!(error(json!({ "fromBlock": "0x3", "toBlock": "0x2" })).await.0, -32602);
    assert_eq!(error(json!({ "blockHash": B256::ZERO })).await, (-32000, "unknown block".into()));
    assert_eq!(error(json!({ "blockHash": B256::ZERO, "fromBlock": "0x0" })).await.0, -32602);
    let many: Vec<Address> = (0..1001u64).map(|i| Address::left_padding_from(&i.to_be_bytes())).collect();
    assert_eq!(error(json!({ "address": many })).await.0, -32602);
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
