//! Messages that are odd, and what asks for more than an answer.

use std::time::Duration;

use jsonrpsee::{
    core::client::{ClientT, Error, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::{Value, json};

use crate::{
    harness::*,
    server::{http, post},
};

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn ids_come_back_as_they_were_and_malformed_ones_are_refused() {
    let node = Node::sequencer().await;
    let ask = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId","params":[]}}"#);
    for id in ["1", "\"a\"", "null", "1.5", "-3", "1152921504606846976"] {
        let answer = post(&node, &ask(id)).await;
        assert_eq!(answer["id"].to_string(), id);
        assert_eq!(answer["result"], "0xa455", "{id}");
    }
    for id in ["{}", "[]", "true"] {
        let answer = post(&node, &ask(id)).await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600)), "{id}");
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_done_and_not_answered() {
    let node = Node::sequencer().await;
    let notify =
        |raw: Value| json!({ "jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": [raw] });
    let (head, body) = http(&node, "POST", JSON, &notify(json!(count(0, 0))).to_string()).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "");
    assert_eq!(node.pool.as_ref().unwrap().status().pending, 1);
    // Among others in a batch, too.
    let batch = json!([notify(json!(count(0, 1))), { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" }]);
    let answers = post(&node, &batch.to_string()).await;
    assert_eq!(answers, json!([{ "jsonrpc": "2.0", "id": 1, "result": "0xa455" }]));
    assert_eq!(node.pool.as_ref().unwrap().status().pending, 2);
    let (_, body) = http(&node, "POST", JSON, &json!([notify(json!(count(0, 2)))]).to_string()).await;
    assert_eq!(body, "");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_so() {
    let node = Node::sequencer().await;
    let (head, body) = http(&node, "POST", JSON, "").await;
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}");
    let (head, _) = http(&node, "GET", "", "").await;
    assert!(head.starts_with("http/1.1 200"), "a load balancer asks so: {head}");
    let (head, _) = http(&node, "PUT", JSON, "{}").await;
    assert!(head.starts_with("http/1.1 405"), "{head}");
    let (head, _) = http(&node, "POST", "Content-Type: text/plain\r\n", "{}").await;
    assert!(head.starts_with("http/1.1 415"), "{head}");
    let error = |answer: Value| (answer["error"]["code"].clone(), answer["error"]["message"].clone());
    assert_eq!(error(post(&node, "{bad").await), (json!(-32700), json!("parse error")));
    assert_eq!(error(post(&node, "1").await), (json!(-32600), json!("invalid request")));
    assert_eq!(error(post(&node, "[]").await), (json!(-32600), json!("empty batch")));
    let unknown = post(&node, r#"{"jsonrpc":"2.0","id":1,"method":"eth_weather"}"#).await;
    assert_eq!(
        error(unknown),
        (json!(-32601), json!("the method eth_weather does not exist/is not available"))
    );
    let old = post(&node, r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#).await;
    assert_eq!(error(old).0, -32600);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_need_a_connection_that_stays() {
    let node = Node::sequencer().await;
    let (code, text) = node.error("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(code, -32601);
    assert!(text.contains("WebSocket"), "{text}");
    let (code, text) = node.error("eth_unsubscribe", json!(["0x1"])).await;
    assert_eq!((code, text.as_str()), (-32000, "subscription not found"));
    let client =
        WsClientBuilder::default().build(format!("ws://{}", node.handle.local_addr())).await.unwrap();
    let unknown = client.request::<Value, _>("eth_unsubscribe", rpc_params!["0x1"]).await.unwrap_err();
    assert!(unknown.to_string().contains("subscription not found"), "{unknown}");
    let weather =
        client.subscribe::<Value, _>("eth_subscribe", rpc_params!["weather"], "eth_unsubscribe").await;
    match weather.unwrap_err() {
        Error::Call(error) => assert_eq!(error.code(), -32601),
        other => panic!("{other}"),
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_told_of_as_they_come() {
    let node = Node::sequencer().await;
    let client =
        WsClientBuilder::default().build(format!("ws://{}", node.handle.local_addr())).await.unwrap();
    let wanted = alloy::primitives::keccak256(count(1, 0));
    let subscribe = |params| client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe");
    let mut all = subscribe(rpc_params!["transactionReceipts"]).await.unwrap();
    let options = json!({ "transactionHashes": [wanted] });
    let mut one = subscribe(rpc_params!["transactionReceipts", options]).await.unwrap();
    node.send(count(0, 0)).await;
    node.mine();
    node.send(count(0, 1)).await;
    node.send(count(1, 0)).await;
    node.mine();
    async fn next(subscription: &mut Subscription<Value>) -> Vec<Value> {
        let next = tokio::time::timeout(Duration::from_secs(60), subscription.next()).await.unwrap();
        next.unwrap().unwrap().as_array().unwrap().clone()
    }
    let of_users = |receipts: Vec<Value>| receipts.iter().filter(|receipt| receipt["type"] != "0x7e").count();
    assert_eq!(of_users(next(&mut all).await), 1);
    assert_eq!(of_users(next(&mut all).await), 2);
    let found = next(&mut one).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["transactionHash"], json!(wanted));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_for_whole_pending_transactions_answers_them() {
    let node = Node::sequencer().await;
    let filter: Value = node.call("eth_newPendingTransactionFilter", json!([true])).await;
    let hash = node.send(count(0, 0)).await;
    let changes: Vec<Value> = node.call("eth_getFilterChanges", json!([filter])).await;
    assert_eq!((changes.len(), &changes[0]["hash"]), (1, &json!(hash)));
    assert_eq!(changes[0]["blockHash"], Value::Null);
    node.end().await;
}
