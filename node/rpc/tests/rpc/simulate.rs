use alloy::primitives::{Address, B256, U256};
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn simulations_run_block_after_block() {
    let node = Node::sequencer().await;
    node.mine();
    let payload = json!({ "blockStateCalls": [
        { "calls": [{ "to": COUNTER }, { "to": COUNTER }] },
        { "blockOverrides": { "time": "0xfffff0" }, "calls": [{ "to": COUNTER }, { "to": REVERTER }] },
    ] });
    let blocks: Value = node.call("eth_simulateV1", json!([payload, "latest"])).await;
    assert_eq!((&blocks[0]["number"], &blocks[1]["number"]), (&json!("0x2"), &json!("0x3")));
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!(blocks[1]["timestamp"], "0xfffff0");
    let calls = &blocks[0]["calls"];
    assert_eq!(calls[1]["returnData"], json!(B256::with_last_byte(2)));
    assert_eq!(calls[1]["logs"][0]["topics"][0], json!(TOPIC));
    assert_eq!(calls[1]["logs"][0]["logIndex"], "0x1");
    assert_eq!(blocks[1]["calls"][0]["returnData"], json!(B256::with_last_byte(3)));
    let failed = &blocks[1]["calls"][1];
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("0x0"), &json!(3)));
    assert_eq!(node.error("eth_simulateV1", json!([{ "blockStateCalls": [] }])).await.0, -32602);
    node.end().await;
}

/// The code with which a simulation is refused.
async fn refused(node: &Node, payload: Value) -> i32 {
    node.error("eth_simulateV1", json!([payload, "latest"])).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_simulation_refuses_has_its_code() {
    let node = Node::sequencer().await;
    let (rich, poor) = (user(0).address(), Address::repeat_byte(0x42));
    node.send(count(0, 0)).await;
    node.mine();
    let checked = |call: Value| json!({ "blockStateCalls": [{ "calls": [call] }], "validation": true });
    let fee = "0x2540be400";
    for (payload, code) in [
        (checked(json!({ "from": rich, "to": poor, "nonce": "0x0", "maxFeePerGas": fee })), -38010),
        (checked(json!({ "from": rich, "to": poor, "nonce": "0x9", "maxFeePerGas": fee })), -38011),
        (checked(json!({ "from": rich, "to": poor })), -38012),
        (checked(json!({ "from": rich, "to": poor, "gas": "0x1", "maxFeePerGas": fee })), -38013),
        (checked(json!({ "from": poor, "to": rich, "value": "0x1", "maxFeePerGas": fee })), -38014),
        (json!({ "blockStateCalls": [{ "calls": [{ "from": poor, "to": rich, "value": "0x1" }] }] }), -38014),
        (json!({ "blockStateCalls": [{ "calls": [{ "to": rich, "gas": "0xffffffffff" }] }] }), -38015),
        (json!({ "blockStateCalls": [{ "blockOverrides": { "number": "0x1" } }] }), -38020),
        (json!({ "blockStateCalls": [{ "blockOverrides": { "time": "0x1" } }] }), -38021),
        (json!({ "blockStateCalls": [{ "blockOverrides": { "number": "0x1000" } }] }), -38026),
        (json!({ "blockStateCalls": [{ "blockOverrides": { "difficulty": "0x1" } }] }), -32602),
        (json!({ "blockStateCalls": [] }), -32602),
    ] {
        assert_eq!(refused(&node, payload.clone()).await, code, "{payload}");
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_between_simulated_blocks_are_filled() {
    let node = Node::sequencer().await;
    let payload = json!({ "blockStateCalls": [{}, { "blockOverrides": { "number": "0x4" } }] });
    let blocks: Vec<Value> = node.call("eth_simulateV1", json!([payload, "latest"])).await;
    let numbers: Vec<_> = blocks.iter().map(|block| block["number"].clone()).collect();
    assert_eq!(numbers, ["0x1", "0x2", "0x3", "0x4"]);
    for pair in blocks.windows(2) {
        assert_eq!(pair[1]["parentHash"], pair[0]["hash"]);
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_of_ether_are_logged_where_that_is_asked_for() {
    let node = Node::sequencer().await;
    let (from, to) = (user(0).address(), Address::repeat_byte(0x42));
    let ether = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    // Sends what it has to 0x42… and reverts: that is no transfer in the end.
    let reverting = Address::repeat_byte(0x77);
    let code = format!("0x5f5f5f5f4773{}5af15f5ffd", alloy::primitives::hex::encode(to));
    let call = |to: Address| json!({ "from": from, "to": to, "value": "0x5" });
    let payload = json!({
        "blockStateCalls": [{
            "stateOverrides": { reverting.to_string(): { "code": code } },
            "calls": [call(to), call(reverting), { "to": COUNTER }],
        }],
        "traceTransfers": true,
        "returnFullTransactions": true,
    });
    let blocks: Value = node.call("eth_simulateV1", json!([payload, "latest"])).await;
    let calls = &blocks[0]["calls"];
    let log = &calls[0]["logs"][0];
    assert_eq!(log["address"], ether);
    assert_eq!(log["topics"][1], json!(from.into_word()));
    assert_eq!(log["topics"][2], json!(to.into_word()));
    assert_eq!(log["data"], json!(B256::with_last_byte(5)));
    assert_eq!((&calls[1]["status"], &calls[1]["logs"]), (&json!("0x0"), &json!([])));
    assert_eq!(calls[2]["logs"][0]["logIndex"], "0x1", "in the order of the block");
    let transactions = blocks[0]["transactions"].as_array().unwrap();
    assert_eq!(transactions[0]["from"], json!(from));
    assert_eq!(transactions[0]["hash"], log["transactionHash"]);
    assert_eq!(transactions[2]["type"], "0x2");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_block_has_the_state_root_of_what_it_did() {
    let node = Node::sequencer().await;
    let (from, to) = (Address::repeat_byte(0x41), Address::repeat_byte(0x42));
    let root = |block: Value| {
        let node = &node;
        async move {
            let payload = json!({ "blockStateCalls": [block] });
            let blocks: Value = node.call("eth_simulateV1", json!([payload, "latest"])).await;
            blocks[0]["stateRoot"].clone()
        }
    };
    let called = root(json!({
        "stateOverrides": { from.to_string(): { "balance": "0x5" } },
        "calls": [{ "from": from, "to": to, "value": "0x3" }],
    }));
    let claimed = root(json!({ "stateOverrides": {
        from.to_string(): { "balance": "0x2", "nonce": "0x1" },
        to.to_string(): { "balance": "0x3" },
    } }));
    let withdrawn = root(json!({
        "stateOverrides": { from.to_string(): { "balance": "0x2", "nonce": "0x1" }, to.to_string(): { "nonce": "0x1" } },
        "blockOverrides": { "withdrawals": [{ "index": "0x0", "validatorIndex": "0x0", "address": to, "amount": "0x1" }] },
    }));
    let paid = root(json!({ "stateOverrides": {
        from.to_string(): { "balance": "0x2", "nonce": "0x1" },
        to.to_string(): { "balance": "0x3b9aca00", "nonce": "0x1" },
    } }));
    let (called, claimed, withdrawn, paid) = (called.await, claimed.await, withdrawn.await, paid.await);
    assert_eq!(called, claimed, "by a call or by an override");
    assert_eq!(withdrawn, paid, "by a withdrawal or by an override");
    assert_ne!(called, paid);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn precompiles_move_and_give_way_to_overrides() {
    let node = Node::sequencer().await;
    let (sha256, elsewhere) = (Address::with_last_byte(2), Address::repeat_byte(0x12));
    let hash = json!("0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let call = |to: Address| json!({ "to": to, "data": "0x616263" });
    let moved = json!({ sha256.to_string(): { "movePrecompileToAddress": elsewhere } });
    let at = |to: Address, overrides: &Value| json!([call(to), "latest", overrides]);
    assert_eq!(node.call::<Value>("eth_call", at(elsewhere, &moved)).await, hash);
    assert_eq!(node.call::<Value>("eth_call", at(sha256, &moved)).await, json!("0x"));
    // Returns 0x42 in a word.
    let replaced = json!({ sha256.to_string(): { "code": "0x60425f5260205ff3" } });
    assert_eq!(node.call::<U256>("eth_call", at(sha256, &replaced)).await, U256::from(0x42));
    let payload = json!({ "blockStateCalls": [{ "stateOverrides": moved, "calls": [call(elsewhere), call(sha256)] }, { "calls": [call(elsewhere), call(sha256)] }] });
    let blocks: Value = node.call("eth_simulateV1", json!([payload, "latest"])).await;
    assert_eq!(blocks[0]["calls"][0]["returnData"], hash);
    assert_eq!(blocks[1]["calls"][0]["returnData"], "0x", "for one block only");
    assert_eq!(blocks[1]["calls"][1]["returnData"], hash);
    let none = json!({ elsewhere.to_string(): { "movePrecompileToAddress": sha256 } });
    let (code, text) = node.error("eth_call", at(sha256, &none)).await;
    assert_eq!((code, text), (-32000, format!("account {elsewhere} is not a precompile")));
    let both = json!({ sha256.to_string(): { "movePrecompileToAddress": elsewhere }, elsewhere.to_string(): { "balance": "0x1" } });
    assert!(node.error("eth_call", at(sha256, &both)).await.1.ends_with("is already overridden"));
    let traced: Value = node
        .call(
            "debug_traceCall",
            json!([call(elsewhere), "latest", { "tracer": "callTracer", "stateOverrides": moved }]),
        )
        .await;
    assert_eq!(traced["output"], hash);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_with_any_number_knows_the_hashes_that_there_are() {
    let node = Node::sequencer().await;
    node.mine();
    let head = node.mine();
    // BLOCKHASH of the number in the input.
    let account = Address::repeat_byte(0x12);
    let overrides = json!({ account.to_string(): { "code": "0x5f35405f5260205ff3" } });
    let hash = |of: u64, number: &str| json!([{ "to": account, "data": B256::from(U256::from(of)) }, "latest", overrides, { "number": number }]);
    assert_eq!(node.call::<B256>("eth_call", hash(2, "0x5")).await, head.hash);
    // Far above the head, where there is none yet.
    assert_eq!(node.call::<B256>("eth_call", hash(0xfff, "0x1000")).await, B256::ZERO);
    let given = json!([{ "to": account, "data": B256::from(U256::from(0xfff)) }, "latest", overrides, { "number": "0x1000", "blockHash": { "0xfff": B256::repeat_byte(7) } }]);
    assert_eq!(node.call::<B256>("eth_call", given).await, B256::repeat_byte(7));
    let (code, text) = node
        .error("eth_call", json!([{ "to": account }, "latest", null, { "beaconRoot": B256::ZERO }]))
        .await;
    assert_eq!(
        (code, text.as_str()),
        (-32000, "block override \"beaconRoot\" is not supported for this RPC method")
    );
    node.end().await;
}
