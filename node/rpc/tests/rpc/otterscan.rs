//! What Otterscan asks for.

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, bytes, hex};
use db::LogIndexer;
use serde_json::{Value, json};

use crate::harness::*;

/// Makes a contract that passes half of what it is sent on to the address in the input, and reverts on empty input.
/// Its runtime: if there is no input, revert; else call the address with half of the value.
fn splitter() -> Bytes {
    // CALLDATASIZE PUSH1 8 JUMPI PUSH0 PUSH0 REVERT JUMPDEST(7→8) …
    let runtime = hex!("366007575f5ffd5b5f5f5f5f600234045f355af100");
    // PUSH1 length DUP1 PUSH1 offset PUSH0 CODECOPY PUSH0 RETURN
    let init = [0x60, runtime.len() as u8, 0x80, 0x60, 0x09, 0x5f, 0x39, 0x5f, 0xf3];
    [&init[..], &runtime].concat().into()
}

fn index(node: &Node) {
    let mut indexer = LogIndexer::default();
    while node.chain.index_logs(&mut indexer).unwrap() {}
}

fn word(address: Address) -> Bytes {
    address.into_word().to_vec().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_taken_apart() {
    let node = Node::sequencer().await;
    let create = node.send(transaction(0, 0, TxKind::Create, 0, splitter())).await;
    node.mine();
    let contract = user(0).address().create(0);
    let friend = Address::repeat_byte(0xfe);
    let split = node.send(transaction(1, 0, TxKind::Call(contract), 100, word(friend))).await;
    let failed = node.send(transaction(1, 1, TxKind::Call(contract), 0, Bytes::new())).await;
    let told = node.send(transaction(2, 0, TxKind::Call(REVERTER), 0, bytes!("c0ffee"))).await;
    node.mine();

    let level: u64 = node.call("ots_getApiLevel", json!([])).await;
    assert_eq!(level, 8);
    let has_code = async |address: Address, block: &str| -> bool {
        node.call("ots_hasCode", json!([address, block])).await
    };
    assert!(has_code(contract, "latest").await && !has_code(contract, "0x0").await);
    assert!(!has_code(friend, "latest").await);

    let moved: Value = node.call("ots_getInternalOperations", json!([split])).await;
    assert_eq!(moved, json!([{ "type": 0, "from": contract, "to": friend, "value": "0x32" }]));
    let calls: Value = node.call("ots_traceTransaction", json!([split])).await;
    let user = user(1).address();
    let expected = json!([
        { "type": "CALL", "depth": 0, "from": user, "to": contract, "value": "0x64", "input": word(friend),
          "output": "0x" },
        { "type": "CALL", "depth": 1, "from": contract, "to": friend, "value": "0x32", "input": "0x",
          "output": "0x" },
    ]);
    assert_eq!(calls, expected);
    for (hash, data) in [(split, "0x"), (failed, "0x"), (told, "0xc0ffee")] {
        let error: String = node.call("ots_getTransactionError", json!([hash])).await;
        assert_eq!(error, data, "{hash}");
    }
    assert_eq!(node.error("ots_traceTransaction", json!([B256::ZERO])).await.0, -32000);

    let creator: Value = node.call("ots_getContractCreator", json!([contract])).await;
    assert_eq!(creator, json!({ "hash": create, "creator": super::harness::user(0).address() }));
    for other in [friend, COUNTER] {
        let none: Value = node.call("ots_getContractCreator", json!([other])).await;
        assert_eq!(none, Value::Null, "{other}");
    }
    for (sender, nonce, hash) in
        [(user, json!(1), Some(failed)), (user, json!("0x0"), Some(split)), (user, json!(2), None)]
    {
        let found: Option<B256> =
            node.call("ots_getTransactionBySenderAndNonce", json!([sender, nonce])).await;
        assert_eq!(found, hash, "{nonce}");
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_without_what_takes_room() {
    let node = Node::sequencer().await;
    for nonce in 0..5 {
        node.send(count(0, nonce)).await;
    }
    let block = node.mine();
    let details: Value = node.call("ots_getBlockDetails", json!([1])).await;
    assert_eq!(details["block"]["hash"], json!(block.hash));
    assert_eq!(details["block"]["transactionCount"], 6);
    assert!(details["block"].get("transactions").is_none() && details["block"]["logsBloom"].is_null());
    assert_eq!(details["issuance"], json!({ "blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0" }));
    let receipts: Value = node.call("eth_getBlockReceipts", json!(["0x1"])).await;
    let quantity = |value: &Value| serde_json::from_value::<U256>(value.clone()).unwrap();
    let paid = receipts.as_array().unwrap().iter().skip(1);
    let paid: U256 =
        paid.map(|receipt| quantity(&receipt["gasUsed"]) * quantity(&receipt["effectiveGasPrice"])).sum();
    assert_eq!(details["totalFees"], json!(paid));
    let by_hash: Value = node.call("ots_getBlockDetailsByHash", json!([block.hash])).await;
    assert_eq!(details, by_hash);
    assert_eq!(node.call::<Value>("ots_getBlockDetails", json!([9])).await, Value::Null);

    // Page 0 has the last ones.
    let page: Value = node.call("ots_getBlockTransactions", json!([1, 0, 4])).await;
    let hashes = |list: &Value, key: &str| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|one| one[key].clone()).collect()
    };
    let expected: Vec<_> = block.transactions.iter().map(|tx| json!(tx.hash())).collect();
    assert_eq!(hashes(&page["fullblock"]["transactions"], "hash"), expected[2..]);
    assert_eq!(hashes(&page["receipts"], "transactionHash"), expected[2..]);
    assert!(page["receipts"][0]["logs"].is_null() && page["receipts"][0]["logsBloom"].is_null());
    let rest: Value = node.call("ots_getBlockTransactions", json!([1, 1, 4])).await;
    assert_eq!(hashes(&rest["fullblock"]["transactions"], "hash"), expected[..2]);
    // Of an input, the selector.
    assert_eq!(rest["fullblock"]["transactions"][0]["input"].as_str().unwrap().len(), 10);
    assert_eq!(node.error("ots_getBlockTransactions", json!([1, 0, 1000])).await.0, -32602);
    let header: Value = node.call("erigon_getHeaderByNumber", json!([1])).await;
    assert_eq!(header["hash"], json!(block.hash));
    node.end().await;
}

/// Hashes of a page, and whether it is the first and the last.
async fn search(
    node: &Node,
    method: &str,
    address: Address,
    number: u64,
    size: u64,
) -> (Vec<B256>, bool, bool) {
    let page: Value = node.call(method, json!([address, number, size])).await;
    let txs = page["txs"].as_array().unwrap();
    let receipts = page["receipts"].as_array().unwrap();
    for (tx, receipt) in txs.iter().zip(receipts) {
        assert_eq!(tx["hash"], receipt["transactionHash"]);
        assert!(receipt["timestamp"].is_u64());
    }
    let hashes = txs.iter().map(|tx| serde_json::from_value(tx["hash"].clone()).unwrap()).collect();
    (hashes, page["firstPage"].as_bool().unwrap(), page["lastPage"].as_bool().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addresss_transactions_are_found_from_both_ends_with_and_without_the_index() {
    const BLOCKS: u64 = 1_300;
    let node = Node::sequencer().await;
    node.send(transaction(0, 0, TxKind::Create, 0, splitter())).await;
    let contract = user(0).address().create(0);
    let friend = Address::repeat_byte(0xfe);
    // Transfers to the friend, in block 107, 207, …; through the contract in block 57, 157, ….
    let mut expected = Vec::new();
    let mut nonce = 0;
    for number in 1..=BLOCKS {
        let to = match number % 100 {
            7 => Some((friend, Bytes::new())),
            57 => Some((contract, word(friend))),
            _ => None,
        };
        if let Some((to, input)) = to {
            expected.push((number, node.send(transaction(1, nonce, TxKind::Call(to), 2, input)).await));
            nonce += 1;
        }
        node.mine();
    }
    expected.reverse();
    let all: Vec<B256> = expected.iter().map(|(_, hash)| *hash).collect();
    for is_indexed in [false, true] {
        if is_indexed {
            index(&node);
            assert!(node.chain.db().read().unwrap().log_index_end().unwrap() > 1000);
        }
        let before =
            async |number, size| search(&node, "ots_searchTransactionsBefore", friend, number, size).await;
        let after =
            async |number, size| search(&node, "ots_searchTransactionsAfter", friend, number, size).await;
        assert_eq!(before(0, 100).await, (all.clone(), true, true));
        assert_eq!(before(0, 10).await, (all[..10].to_vec(), true, false));
        assert_eq!(before(expected[9].0, 10).await, (all[10..20].to_vec(), false, false));
        assert_eq!(before(expected[19].0, 10).await, (all[20..].to_vec(), false, true));
        assert_eq!(after(0, 10).await, (all[16..].to_vec(), false, true));
        assert_eq!(after(expected[16].0, 10).await, (all[6..16].to_vec(), false, false));
        assert_eq!(after(expected[6].0, 10).await, (all[..6].to_vec(), true, false));
        // The sender of all of them, the contract, and somebody of whom nobody knows.
        let sender = search(&node, "ots_searchTransactionsBefore", user(1).address(), 0, 100).await;
        assert_eq!(sender.0, all);
        let of_contract = search(&node, "ots_searchTransactionsBefore", contract, 0, 100).await;
        assert_eq!(of_contract.0.len(), 14, "thirteen calls, and the creation");
        let nobody = search(&node, "ots_searchTransactionsBefore", Address::repeat_byte(0x77), 0, 25).await;
        assert_eq!(nobody, (Vec::new(), true, true));
    }
    let found: Value =
        node.call("eth_getTransactionBySenderAndNonce", json!([user(1).address(), "0x5"])).await;
    assert_eq!(found["hash"], json!(all[all.len() - 6]));
    let waiting = node.send(transaction(1, nonce, TxKind::Call(friend), 2, Bytes::new())).await;
    let found: Value = node
        .call("eth_getTransactionBySenderAndNonce", json!([user(1).address(), format!("{nonce:#x}")]))
        .await;
    assert_eq!((&found["hash"], &found["blockHash"]), (&json!(waiting), &Value::Null));
    node.end().await;
}
