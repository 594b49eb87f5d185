use alloy::primitives::U64;
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn traces_replay_what_happened() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    let second = node.send(count(1, 0)).await;
    node.mine();
    let receipt: Value = node.call("eth_getTransactionReceipt", json!([second])).await;

    let call: Value = node
        .call(
            "debug_traceTransaction",
            json!([second, { "tracer": "callTracer", "tracerConfig": { "withLog": true } }]),
        )
        .await;
    assert_eq!(call["gasUsed"], receipt["gasUsed"]);
    // The transaction before it has counted.
    assert!(call["output"].as_str().unwrap().ends_with("02"));
    assert_eq!(call["logs"][0]["topics"][0], json!(TOPIC));

    let steps: Value = node.call("debug_traceTransaction", json!([second])).await;
    assert_eq!(
        U64::from(steps["gas"].as_u64().unwrap()),
        serde_json::from_value::<U64>(receipt["gasUsed"].clone()).unwrap()
    );
    assert_eq!(steps["failed"], false);
    assert_eq!(steps["structLogs"][1]["op"], "SLOAD");

    let before: Value =
        node.call("debug_traceTransaction", json!([second, { "tracer": "prestateTracer" }])).await;
    let counter = format!("{COUNTER:#x}");
    let storage = before[&counter]["storage"].as_object().unwrap();
    assert!(storage.values().next().unwrap().as_str().unwrap().ends_with("01"));
    let diff: Value = node
        .call(
            "debug_traceTransaction",
            json!([second, { "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } }]),
        )
        .await;
    assert!(diff["post"][&counter].is_object());

    let block: Value =
        node.call("debug_traceBlockByNumber", json!(["latest", { "tracer": "callTracer" }])).await;
    assert_eq!(block.as_array().map(Vec::len), Some(3));
    assert_eq!(block[2]["txHash"], json!(second));
    assert_eq!(block[2]["result"]["gasUsed"], receipt["gasUsed"]);

    let call: Value = node
        .call(
            "debug_traceCall",
            json!([{ "to": REVERTER, "data": "0x1234" }, "latest", { "tracer": "callTracer" }]),
        )
        .await;
    assert_eq!((&call["error"], &call["output"]), (&json!("execution reverted"), &json!("0x1234")));
    let overridden: Value = node
        .call("debug_traceCall", json!([{ "to": COUNTER }, "latest", { "tracer": "callTracer", "stateOverrides": { counter: { "state": {} } } }]))
        .await;
    assert!(overridden["output"].as_str().unwrap().ends_with("01"));

    assert_eq!(node.error("debug_traceTransaction", json!([second, { "tracer": "{ js }" }])).await.0, -32000);
    assert_eq!(node.error("debug_traceBlockByNumber", json!(["0x0"])).await.0, -32000);
    assert_eq!(
        node.error("debug_traceTransaction", json!([TOPIC])).await,
        (-32000, "transaction not found".into())
    );
    node.end().await;
}
