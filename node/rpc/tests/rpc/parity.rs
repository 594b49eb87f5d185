//! The namespace `trace`.

use alloy::primitives::Address;
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn traces_have_parity_s_form() {
    let node = Node::sequencer().await;
    let first = node.send(count(0, 0)).await;
    let second = node.send(transfer(1, 0)).await;
    let block = node.mine();
    let traces: Value = node.call("trace_transaction", json!([first])).await;
    let trace = &traces[0];
    assert_eq!(trace["action"]["callType"], "call");
    assert_eq!(trace["action"]["to"], json!(COUNTER));
    assert_eq!((&trace["transactionHash"], &trace["transactionPosition"]), (&json!(first), &json!(1)));
    assert_eq!((&trace["blockHash"], &trace["blockNumber"]), (&json!(block.hash), &json!(1)));
    assert_eq!(
        (&trace["traceAddress"], &trace["subtraces"], &trace["type"]),
        (&json!([]), &json!(0), &json!("call"))
    );
    assert!(trace["result"]["output"].as_str().unwrap().ends_with("01"));
    assert_eq!(node.call::<Value>("trace_get", json!([first, []])).await, *trace);
    assert_eq!(node.call::<Value>("trace_get", json!([first, ["0x0"]])).await, Value::Null);
    assert_eq!(node.call::<Value>("trace_transaction", json!([TOPIC])).await, Value::Null);

    let all: Value = node.call("trace_block", json!(["latest"])).await;
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    assert_eq!(all[1], *trace);
    assert_eq!(node.call::<Value>("trace_block", json!(["0x0"])).await, json!([]));
    assert_eq!(node.call::<Value>("trace_block", json!(["0xffff"])).await, Value::Null);

    let kinds = json!(["trace", "vmTrace", "stateDiff"]);
    let replayed: Value = node.call("trace_replayTransaction", json!([first, kinds])).await;
    assert_eq!(replayed["trace"][0]["action"], trace["action"]);
    assert_eq!(replayed["output"], trace["result"]["output"]);
    assert!(replayed["vmTrace"]["ops"].as_array().unwrap().len() > 5);
    let counter = &replayed["stateDiff"][format!("{COUNTER:#x}")];
    assert_eq!(counter["balance"], "=");
    assert_eq!(counter["storage"].as_object().map(serde_json::Map::len), Some(1));
    let block_replayed: Value =
        node.call("trace_replayBlockTransactions", json!(["latest", ["trace"]])).await;
    assert_eq!(block_replayed[2]["transactionHash"], json!(second));
    assert_eq!(block_replayed[1]["trace"][0]["action"], trace["action"]);
    assert_eq!(block_replayed[1]["vmTrace"], Value::Null);
    assert_eq!(
        node.error("trace_replayTransaction", json!([TOPIC, ["trace"]])).await,
        (-32000, "transaction not found".into())
    );

    let call: Value = node.call("trace_call", json!([{ "to": COUNTER }, ["trace"], "latest"])).await;
    assert!(call["output"].as_str().unwrap().ends_with("02"));
    let reverted: Value =
        node.call("trace_call", json!([{ "to": REVERTER, "data": "0x12" }, ["trace"]])).await;
    assert_eq!((&reverted["trace"][0]["error"], &reverted["output"]), (&json!("Reverted"), &json!("0x12")));
    let calls = json!([[{ "to": COUNTER }, ["trace"]], [{ "to": COUNTER }, ["stateDiff"]]]);
    let calls: Value = node.call("trace_callMany", json!([calls, "latest"])).await;
    assert!(calls[0]["output"].as_str().unwrap().ends_with("02"));
    assert!(calls[1]["output"].as_str().unwrap().ends_with("03"));
    let sent: Value = node.call("trace_rawTransaction", json!([count(0, 1), ["trace"]])).await;
    assert!(sent["output"].as_str().unwrap().ends_with("02"));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_searched_within_limits() {
    let node = Node::sequencer().await;
    for nonce in 0..3 {
        node.send(count(0, nonce)).await;
        node.send(transfer(1, nonce)).await;
        node.mine();
    }
    let search = async |filter: Value| node.call::<Vec<Value>>("trace_filter", json!([filter])).await;
    let all = search(json!({ "fromBlock": "0x0", "toBlock": "latest" })).await;
    assert_eq!(all.len(), 9);
    assert_eq!(search(json!({})).await, all);
    let counts = search(json!({ "toAddress": [COUNTER] })).await;
    assert_eq!(counts.len(), 3);
    assert_eq!(search(json!({ "toAddress": [COUNTER], "after": 1, "count": 1 })).await, counts[1..2]);
    let (sender, other) = (user(0).address(), Address::repeat_byte(0xee));
    let both = json!({ "fromAddress": [sender], "toAddress": [other] });
    assert!(search(both).await.is_empty());
    let either = json!({ "fromAddress": [sender], "toAddress": [other], "mode": "union" });
    assert_eq!(search(either).await.len(), 6);
    assert_eq!(search(json!({ "fromBlock": "0x2", "toBlock": "0x2" })).await, all[3..6]);
    assert!(search(json!({ "count": 0 })).await.is_empty());

    let refused = async |filter: Value| node.error("trace_filter", json!([filter])).await;
    let beyond = "block range extends beyond current head block: requested 1000, head 3";
    assert_eq!(refused(json!({ "toBlock": "0x3e8" })).await, (-32602, beyond.into()));
    assert_eq!(
        refused(json!({ "fromBlock": "0x3", "toBlock": "0x1" })).await.1,
        "invalid block range params"
    );
    let many: Vec<_> = (0..1001u64).map(|index| Address::left_padding_from(&index.to_be_bytes())).collect();
    assert_eq!(refused(json!({ "toAddress": many })).await.1, "exceed max addresses: 1000");
    for _ in 0..100 {
        node.mine();
    }
    let (code, text) = refused(json!({})).await;
    assert_eq!(code, -32005);
    assert_eq!(text, "query looks through more than 100 blocks. Try with this block range [0x0, 0x63].");
    assert_eq!(search(json!({ "toBlock": "0x63", "toAddress": [COUNTER] })).await, counts);
    node.end().await;
}
