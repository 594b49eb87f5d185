//! What geth 1.17 has besides the old methods, and its forms of parameters and errors, as recorded from it.

use alloy::primitives::{Address, B256, TxKind, U256, bytes, keccak256};
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_named_in_the_forms_of_geth() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.mine();
    let one = B256::with_last_byte(1);
    for slot in
        ["0x0", "0x", "", "0", "0x00", "0000000000000000000000000000000000000000000000000000000000000000"]
    {
        let value: B256 = node.call("eth_getStorageAt", json!([COUNTER, slot, "latest"])).await;
        assert_eq!(value, one, "{slot:?}");
    }
    let long = "0x000000000000000000000000000000000000000000000000000000000000000000";
    for (slot, text) in [
        ("0xzz", "invalid hex in storage key: \"0xzz\"".to_owned()),
        ("0x0x", "invalid hex in storage key: \"0x0x\"".to_owned()),
        ("é", "invalid hex in storage key: \"é\"".to_owned()),
        (long, format!("storage key too long (want at most 32 bytes): \"{long}\"")),
    ] {
        assert_eq!(node.error("eth_getStorageAt", json!([COUNTER, slot])).await, (-32602, text.clone()));
        assert_eq!(node.error("eth_getProof", json!([COUNTER, [slot]])).await, (-32602, text));
    }
    // A whole slot comes back as it is, any other as a quantity.
    let keys = json!(["0x00", "0x01ff", B256::ZERO, "1"]);
    let proof: Value = node.call("eth_getProof", json!([COUNTER, keys, "latest"])).await;
    let told: Vec<&Value> = proof["storageProof"].as_array().unwrap().iter().map(|one| &one["key"]).collect();
    assert_eq!(told, [&json!("0x0"), &json!("0x1ff"), &json!(B256::ZERO), &json!("0x1")]);

    let values: Value = node
        .call(
            "eth_getStorageValues",
            json!([{ COUNTER.to_string(): [B256::ZERO, one], BURNER.to_string(): [one] }]),
        )
        .await;
    let expected =
        json!({ format!("{COUNTER:#x}"): [one, B256::ZERO], format!("{BURNER:#x}"): [B256::ZERO] });
    assert_eq!(values, expected);
    assert_eq!(node.error("eth_getStorageValues", json!([{}])).await, (-32602, "empty request".into()));
    let many = json!([{ COUNTER.to_string(): vec![one; 1025] }]);
    assert_eq!(node.error("eth_getStorageValues", many).await, (-38026, "too many slots (max 1024)".into()));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fee_histories_refuse_in_the_words_of_geth() {
    let node = Node::sequencer().await;
    node.mine();
    let none: Value = node.call("eth_feeHistory", json!(["0x0", "latest", []])).await;
    assert_eq!(none, json!({ "oldestBlock": "0x0", "gasUsedRatio": null }));
    for (params, text) in [
        (json!(["0x1", "latest", [75, 25]]), "invalid reward percentile: #0:75.000000 >= #1:25.000000"),
        (json!(["0x1", "latest", [-1]]), "invalid reward percentile: -1.000000"),
        (json!(["0x1", "latest", [101]]), "invalid reward percentile: 101.000000"),
        (json!(["0x1", "latest", vec![1; 101]]), "invalid reward percentile: over the query limit 100"),
        (json!(["0x1", "0xffffff", []]), "request beyond head block: requested 16777215, head 1"),
    ] {
        assert_eq!(node.error("eth_feeHistory", params).await, (-32000, text.into()));
    }
    let next: U256 = node.call("eth_baseFee", json!([])).await;
    let history: Value = node.call("eth_feeHistory", json!(["0x1", "latest", []])).await;
    assert_eq!(history["baseFeePerGas"][1], json!(next));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_have_as_many_topics_as_a_filter_has_places() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.send(log_thousands(1, 0, 1)).await;
    node.mine();
    let found = async |topics: Value| -> usize {
        let filter = json!([{ "fromBlock": "0x0", "topics": topics }]);
        node.call::<Vec<Value>>("eth_getLogs", filter).await.len()
    };
    // The counter's log has a topic, the logger's have none.
    assert_eq!(found(json!([])).await, 1001);
    assert_eq!(found(json!([null])).await, 1);
    assert_eq!(found(json!([null, null])).await, 0);
    assert_eq!(found(json!([TOPIC])).await, 1);
    assert_eq!(found(json!([TOPIC, null])).await, 0);
    let five = json!([{ "topics": [null, null, null, null, null] }]);
    assert_eq!(node.error("eth_getLogs", five).await.0, -32602);
    let many: Vec<Address> = (0..1001u64).map(|n| Address::left_padding_from(&n.to_be_bytes())).collect();
    let text = "exceed max addresses or topics per search position".to_owned();
    assert_eq!(node.error("eth_getLogs", json!([{ "address": many }])).await, (-32000, text));
    let filter: Value = node.call("eth_newFilter", json!([{ "topics": [null, null] }])).await;
    node.send(count(0, 1)).await;
    node.mine();
    let changes: Vec<Value> = node.call("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes.len(), 0);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_build_on_one_another() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.send(count(0, 1)).await;
    node.mine();
    let count = json!({ "to": COUNTER });
    let revert = json!({ "to": REVERTER, "data": "0x01" });
    let number = json!({ "data": "0x435f5260205ff3" });
    let word = |value: u64| json!({ "value": B256::from(U256::from(value)) });
    let bundles = json!([
        { "transactions": [count, count, revert] },
        { "transactions": [count, number], "blockOverride": { "number": "0x77" } },
    ]);
    let outcomes: Value = node.call("eth_callMany", json!([bundles])).await;
    // Two blocks' transactions counted before.
    let expected = json!([[word(3), word(4), { "error": "execution reverted" }], [word(5), word(0x77)]]);
    assert_eq!(outcomes, expected);
    // Between the two transactions of the block: deposit, first, second.
    let one = json!([{ "transactions": [count] }]);
    for (index, value) in [(1, 1), (2, 2), (3, 3), (-1, 3)] {
        let context = json!({ "blockNumber": "latest", "transactionIndex": index });
        let outcomes: Value = node.call("eth_callMany", json!([one, context])).await;
        assert_eq!(outcomes, json!([[word(value)]]), "{index}");
    }
    let slot =
        json!({ COUNTER.to_string(): { "stateDiff": { B256::ZERO.to_string(): B256::with_last_byte(9) } } });
    let outcomes: Value = node.call("eth_callMany", json!([one, null, slot])).await;
    assert_eq!(outcomes, json!([[word(10)]]));
    assert_eq!(node.error("eth_callMany", json!([[]])).await.0, -32602);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_served_is_told() {
    let node = Node::sequencer().await;
    let block = node.mine();
    let told: Value = node.call("eth_capabilities", json!([])).await;
    assert_eq!(told["head"], json!({ "number": "0x1", "hash": block.hash }));
    for part in ["state", "tx", "logs", "receipts", "blocks", "stateproofs"] {
        assert_eq!(told[part], json!({ "disabled": false, "oldestBlock": "0x0" }), "{part}");
    }
    assert_eq!(node.call::<Value>("eth_pendingTransactions", json!([])).await, json!([]));
    let sender = user(0).address();
    let queued = node.send(transaction(0, 7, TxKind::Call(COUNTER), 0, bytes!("12"))).await;
    let content: Value = node.call("txpool_content", json!([])).await;
    // Keys have the checksum, unlike fields.
    assert_eq!(content["queued"][sender.to_checksum(None)]["7"]["hash"], json!(queued));
    assert_eq!(content["queued"][sender.to_checksum(None)]["7"]["from"], json!(sender));
    for (method, params) in [
        ("eth_getRawTransactionByHash", json!([B256::ZERO])),
        ("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x1", "0x99"])),
    ] {
        assert_eq!(node.call::<String>(method, params).await, "0x", "{method}");
    }
    let (code, text) =
        node.error("eth_getBalance", json!([sender, { "blockHash": keccak256("no block") }])).await;
    assert_eq!((code, text.as_str()), (-32000, "header for hash not found"));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_under_a_condition_is_refused_where_that_does_not_hold() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.mine();
    let send = "eth_sendRawTransactionConditional";
    let slot = |value: u8| json!({ "knownAccounts": { COUNTER.to_string(): { B256::ZERO.to_string(): B256::with_last_byte(value) } } });
    let (code, text) = node.error(send, json!([count(1, 0), slot(7)])).await;
    assert!(code == -32003 && text.starts_with("failed state check: "), "{code} {text}");
    for past in [json!({ "blockNumberMax": "0x1" }), json!({ "timestampMax": "0x1" })] {
        assert_eq!(node.error(send, json!([count(1, 0), past])).await.0, -32003);
    }
    let wrong = json!({ "timestampMin": "0x2", "timestampMax": "0x1" });
    assert!(
        node.error(send, json!([count(1, 0), wrong])).await.1.starts_with("failed conditional validation")
    );
    let slots: serde_json::Map<String, Value> =
        (0..1000).map(|slot| (B256::from(U256::from(slot)).to_string(), json!(B256::ZERO))).collect();
    let (code, text) =
        node.error(send, json!([count(1, 0), { "knownAccounts": { BURNER.to_string(): slots } }])).await;
    assert_eq!((code, text.as_str()), (-32005, "conditional cost, 1001, exceeded max: 1000"));
    let hash: B256 = node.call(send, json!([count(1, 0), slot(1)])).await;
    node.mine();
    let receipt: Value = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["blockNumber"], "0x2");
    // A replica passes it on with its condition.
    let replica = Node::replica(Some(node.url())).await;
    let refused = replica.error(send, json!([count(1, 1), slot(9)])).await;
    assert!(refused.0 == -32003 && refused.1.starts_with("failed state check: "), "{refused:?}");
    let _: B256 = replica.call(send, json!([count(1, 1), slot(2)])).await;
    assert_eq!(node.pool.as_ref().unwrap().status().pending, 1);
    let waiting: Value =
        replica.call("eth_getTransactionBySenderAndNonce", json!([user(1).address(), "0x1"])).await;
    assert_eq!(waiting["nonce"], "0x1");
    replica.end().await;
    node.end().await;
}
