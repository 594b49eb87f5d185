use alloy::{
    primitives::{Address, B256, Bytes, U64, U256, b256, hex},
    sol_types::{Revert, SolError},
};
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_see_the_state_of_their_block() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.mine();
    let call = |params: Value| {
        let node = &node;
        async move { node.call::<U256>("eth_call", params).await.to::<u64>() }
    };
    assert_eq!(call(json!([{ "to": COUNTER }, "latest"])).await, 2);
    assert_eq!(call(json!([{ "to": COUNTER }, "earliest"])).await, 1);
    assert_eq!(call(json!([{ "to": COUNTER }])).await, 2);
    // Nothing of it remains.
    assert_eq!(call(json!([{ "to": COUNTER, "from": user(3).address() }, "latest"])).await, 2);
    let slot = B256::ZERO;
    let value = B256::with_last_byte(41);
    assert_eq!(call(json!([{ "to": COUNTER }, "latest", { COUNTER.to_string(): { "stateDiff": { slot.to_string(): value } } }])).await, 42);
    assert_eq!(call(json!([{ "to": COUNTER }, "latest", { COUNTER.to_string(): { "state": {} } }])).await, 1);
    // TIMESTAMP, returned; and a balance that is only claimed.
    let code = Bytes::from(hex!("425f5260205ff3"));
    let here = Address::repeat_byte(0x77).to_string();
    assert_eq!(
        call(json!([{ "to": here }, "latest", { here.clone(): { "code": code } }, { "time": "0x1234" }]))
            .await,
        0x1234
    );
    let code = Bytes::from(hex!("475f5260205ff3"));
    let params = json!([{ "to": here }, "latest", { here.clone(): { "code": code, "balance": "0x99" } }]);
    assert_eq!(call(params).await, 0x99);
    // A creation without a sender.
    let deployed: Bytes = node.call("eth_call", json!([{ "input": "0x60005ff3" }, "latest"])).await;
    assert!(deployed.is_empty());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_carry_their_data() {
    let node = Node::sequencer().await;
    let data = Bytes::from(Revert::from("not today").abi_encode());
    for field in ["input", "data"] {
        for method in ["eth_call", "eth_estimateGas"] {
            let error =
                node.try_call::<Value>(method, json!([{ "to": REVERTER, field: data }])).await.unwrap_err();
            assert_eq!((error.code(), error.message()), (3, "execution reverted: not today"));
            assert_eq!(error.data().unwrap().get(), format!("\"{data}\""));
        }
    }
    let error = node.try_call::<Value>("eth_call", json!([{ "to": REVERTER }])).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (3, "execution reverted"));
    assert_eq!(error.data().unwrap().get(), "\"0x\"");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_cannot_be() {
    let node = Node::sequencer().await;
    let poor = Address::repeat_byte(0x42);
    let error = |params: Value| {
        let node = &node;
        async move { node.error("eth_call", params).await }
    };
    let (code, text) = error(json!([{ "from": poor, "to": COUNTER, "value": "0x1" }])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("insufficient funds"), "{text}");
    let (code, text) = error(json!([{ "from": poor, "to": COUNTER, "gasPrice": "0x77359400" }])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("insufficient funds for gas * price + value"), "{text}");
    let (_, text) = error(json!([{ "from": user(0).address(), "to": COUNTER, "gasPrice": "0x1" }])).await;
    assert!(text.starts_with("max fee per gas less than block base fee: address 0x"), "{text}");
    assert!(text.ends_with(", maxFeePerGas: 1, baseFee: 1000000"), "{text}");
    assert_eq!(error(json!([{ "to": BURNER, "gas": "0x186a0" }])).await, (-32000, "out of gas".into()));
    assert_eq!(error(json!([{ "to": COUNTER, "chainId": "0x1" }])).await.0, -32000);
    assert_eq!(error(json!([{ "to": COUNTER, "gasPrice": "0x1", "maxFeePerGas": "0x1" }])).await.0, -32000);
    assert_eq!(error(json!([{ "to": "0x12" }])).await.0, -32602);
    assert_eq!(error(json!([])).await, (-32602, "missing value for required argument 0".into()));
    let (code, text) = error(json!([{ "to": COUNTER }, "newest"])).await;
    assert_eq!(code, -32602);
    assert!(text.starts_with("invalid argument 1"), "{text}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_suffice_and_are_tight() {
    let node = Node::sequencer().await;
    let estimate = |params: Value| {
        let node = &node;
        async move { node.call::<U64>("eth_estimateGas", params).await.to::<u64>() }
    };
    let sender = user(0).address();
    assert_eq!(
        estimate(json!([{ "from": sender, "to": Address::repeat_byte(0xee), "value": "0x1" }])).await,
        21_000
    );
    let gas = estimate(json!([{ "from": sender, "to": COUNTER }])).await;
    let enough = json!([{ "from": sender, "to": COUNTER, "gas": format!("{gas:#x}") }]);
    assert_eq!(node.call::<U256>("eth_call", enough).await, U256::from(1));
    let less = gas * 97 / 100;
    let little = json!([{ "from": sender, "to": COUNTER, "gas": format!("{less:#x}") }]);
    assert_eq!(node.error("eth_call", little).await.1, "out of gas");

    let (code, text) = node.error("eth_estimateGas", json!([{ "from": sender, "to": BURNER }])).await;
    assert_eq!((code, text.as_str()), (-32000, "gas required exceeds allowance (16777216)"));
    let poor = Address::repeat_byte(0x42);
    let (_, text) = node
        .error("eth_estimateGas", json!([{ "from": poor, "to": COUNTER, "maxFeePerGas": "0x77359400" }]))
        .await;
    assert!(text.starts_with("insufficient funds"), "{text}");
    let (_, text) =
        node.error("eth_estimateGas", json!([{ "from": poor, "to": COUNTER, "value": "0x5" }])).await;
    assert!(text.starts_with("failed with 16777216 gas: insufficient funds"), "{text}");
    // With state that is only claimed.
    let funded = json!([{ "from": poor, "to": Address::repeat_byte(1), "value": "0x5" }, "latest", { poor.to_string(): { "balance": "0x5" } }]);
    assert!(estimate(funded).await >= 21_000);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_name_what_is_used() {
    let node = Node::sequencer().await;
    // A proxy in memory: calls the counter.
    let mut code = hex!("5f5f5f5f5f73").to_vec();
    code.extend_from_slice(COUNTER.as_slice());
    code.extend_from_slice(&hex!("5af1"));
    let proxy = Address::repeat_byte(0x66);
    let overrides = json!({ proxy.to_string(): { "code": Bytes::from(code) } });
    let result: Value =
        node.call("eth_createAccessList", json!([{ "to": proxy }, "latest", overrides])).await;
    let list = result["accessList"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{result}");
    assert_eq!(list[0]["storageKeys"], json!([B256::ZERO]));
    assert!(result["error"].is_null());
    let data = Bytes::from(Revert::from("no").abi_encode());
    let result: Value = node.call("eth_createAccessList", json!([{ "to": REVERTER, "data": data }])).await;
    // As geth has it: the reason is for `eth_call` to tell.
    assert_eq!(result["error"], "execution reverted");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_fields_are_filled() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    let filled: Value =
        node.call("eth_fillTransaction", json!([{ "from": user(0).address(), "to": COUNTER }])).await;
    let tx = &filled["tx"];
    assert_eq!((&tx["nonce"], &tx["type"]), (&json!("0x1"), &json!("0x2")));
    assert_eq!(tx["chainId"], format!("{CHAIN_ID:#x}"));
    assert!(tx["gas"].as_str().is_some() && filled["raw"].as_str().is_some());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_methods() {
    let node = Node::sequencer().await;
    for (method, params, expected) in [
        ("eth_chainId", json!([]), json!("0xa455")),
        ("net_version", json!([]), json!("42069")),
        ("net_listening", json!([]), json!(true)),
        ("net_peerCount", json!([]), json!("0x0")),
        ("eth_syncing", json!([]), json!(false)),
        ("eth_accounts", json!([]), json!([])),
        ("eth_blobBaseFee", json!([]), json!("0x1")),
        ("eth_getUncleCountByBlockNumber", json!(["latest"]), json!("0x0")),
        (
            "web3_sha3",
            json!(["0x"]),
            json!(b256!("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")),
        ),
    ] {
        assert_eq!(node.call::<Value>(method, params).await, expected, "{method}");
    }
    let version: String = node.call("web3_clientVersion", json!([])).await;
    assert!(version.starts_with("recourse-node/v"));
    let modules: Value = node.call("rpc_modules", json!([])).await;
    assert_eq!(modules["eth"], "1.0");
    node.end().await;
}
