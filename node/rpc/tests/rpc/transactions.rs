use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use jsonrpsee::{core::client::SubscriptionClientT, rpc_params, ws_client::WsClientBuilder};
use op_alloy_consensus::OpTxEnvelope;
use op_alloy_rpc_types::{OpTransactionReceipt, Transaction};
use op_revm::L1BlockInfo;
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_on_its_way() {
    let node = Node::sequencer().await;
    let raw = count(0, 0);
    let hash = node.send(raw.clone()).await;
    let pending: Value = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(pending["blockHash"], Value::Null);
    assert_eq!(pending["hash"], json!(hash));
    assert!(node.call::<Value>("eth_getTransactionReceipt", json!([hash])).await.is_null());

    let block = node.mine();
    let tx: Transaction = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(tx.inner.block_hash, Some(block.hash));
    assert_eq!(tx.inner.inner.signer(), user(0).address());
    let base_fee = u128::from(block.header.base_fee_per_gas.unwrap());
    assert_eq!(tx.inner.effective_gas_price, Some(base_fee + 1_000_000));
    let found: Bytes = node.call("debug_getRawTransaction", json!([hash])).await;
    assert_eq!(found, raw);
    let by_index: Transaction =
        node.call("eth_getTransactionByBlockHashAndIndex", json!([block.hash, "0x1"])).await;
    assert_eq!(by_index, tx);

    let receipt: OpTransactionReceipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt.inner.effective_gas_price, base_fee + 1_000_000);
    assert_eq!(receipt.inner.to, Some(COUNTER));
    assert_eq!(receipt.inner.inner.receipt.as_receipt().logs[0].log_index, Some(0));
    assert!(receipt.inner.inner.receipt.as_receipt().status.coerce_status());
    // What the sender paid in all is what left its account.
    let balance: U256 = node.call("eth_getBalance", json!([user(0).address(), "latest"])).await;
    let paid = U256::from(10).pow(U256::from(20)) - balance;
    let l1_fee = receipt.l1_block_info.l1_fee.unwrap();
    assert!(l1_fee > 0);
    assert_eq!(
        paid,
        U256::from(u128::from(receipt.inner.gas_used) * receipt.inner.effective_gas_price + l1_fee)
    );

    let raw: Value = node.call("eth_getTransactionReceipt", json!([hash])).await;
    for field in [
        "cumulativeGasUsed",
        "effectiveGasPrice",
        "logsBloom",
        "status",
        "type",
        "l1GasPrice",
        "l1GasUsed",
        "l1Fee",
        "l1BaseFeeScalar",
        "l1BlobBaseFee",
        "l1BlobBaseFeeScalar",
    ] {
        assert!(raw[field].as_str().is_some_and(|text| text.starts_with("0x")), "{field} in {raw}");
    }
    assert_eq!(raw["contractAddress"], Value::Null);
    node.end().await;
}

/// The fee in a receipt is that of op-revm, for any input.
#[tokio::test(flavor = "multi_thread")]
async fn l1_fees_are_those_that_were_charged() {
    let node = Node::sequencer().await;
    let input = Bytes::from((0..3000u32).map(|i| (i * i % 251) as u8).collect::<Vec<_>>());
    let raw = transaction(0, 0, TxKind::Call(Address::repeat_byte(3)), 0, input);
    let hash = node.send(raw.clone()).await;
    node.mine();
    let receipt: OpTransactionReceipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    let mut fees = L1BlockInfo {
        l1_base_fee: U256::from(1_000_000_000),
        l1_base_fee_scalar: U256::from(5227),
        l1_blob_base_fee: Some(U256::from(3)),
        l1_blob_base_fee_scalar: Some(U256::from(1_014_213)),
        ..L1BlockInfo::default()
    };
    let expected = fees.calculate_tx_l1_cost(&raw, stf::Rules::Karst.spec());
    assert_eq!(receipt.l1_block_info.l1_fee.map(U256::from), Some(expected));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creations_have_an_address() {
    let node = Node::sequencer().await;
    let hash = node.send(transaction(0, 0, TxKind::Create, 0, Bytes::from_static(&[0x00]))).await;
    node.mine();
    let receipt: OpTransactionReceipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt.inner.contract_address, Some(user(0).address().create(0)));
    assert_eq!(receipt.inner.to, None);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_answers_to_both_its_hashes() {
    let node = Node::sequencer().await;
    let (from, to) = (Address::repeat_byte(0xd1), Address::repeat_byte(0xd2));
    node.deposit(from, to, 5000);
    assert!(node.call::<Value>("eth_getTransactionReceipt", json!([CLIENT_HASH])).await.is_null());
    let block = node.mine();
    let hash = block.transactions[1].hash();
    assert_ne!(hash, CLIENT_HASH);
    for hash in [hash, CLIENT_HASH] {
        let receipt: Value = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["transactionHash"], json!(block.transactions[1].hash()));
        assert_eq!((&receipt["status"], &receipt["type"]), (&json!("0x1"), &json!("0x7e")));
        assert_eq!(receipt["depositNonce"], "0x0");
        assert_eq!(receipt["depositReceiptVersion"], "0x1");
        assert_eq!(receipt["effectiveGasPrice"], "0x0");
        let tx: Value = node.call("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&tx["from"], &tx["nonce"], &tx["v"]), (&json!(from), &json!("0x0"), &json!("0x0")));
        let strict: Transaction = serde_json::from_value(tx).unwrap();
        assert!(matches!(strict.as_ref(), OpTxEnvelope::Deposit(_)));
    }
    let balance: U256 = node.call("eth_getBalance", json!([to, "latest"])).await;
    assert_eq!(balance, U256::from(5000));
    node.end().await;
}

/// What a transaction does not have is null, in every answer that holds one.
#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_creation_is_there() {
    const KEYS: [&str; 12] = [
        "blockHash",
        "blockNumber",
        "blockTimestamp",
        "from",
        "gas",
        "hash",
        "input",
        "nonce",
        "to",
        "transactionIndex",
        "type",
        "value",
    ];
    let node = Node::sequencer().await;
    let check = |tx: &Value, place: &str| {
        let keys = tx.as_object().unwrap_or_else(|| panic!("{place}: {tx}"));
        for key in KEYS.into_iter().chain(["v", "r", "s", "gasPrice"]) {
            assert!(keys.contains_key(key), "{place}: no {key} in {tx}");
        }
        assert_eq!(tx["to"], Value::Null, "{place}");
        // As strict clients read it.
        let strict: Transaction = serde_json::from_value(tx.clone()).unwrap();
        assert!(alloy::consensus::Transaction::kind(&strict.inner).is_create(), "{place}");
    };
    // A user's creation, while it waits.
    let hash = node.send(transaction(0, 0, TxKind::Create, 0, Bytes::from_static(&[0x00]))).await;
    let pending: Value = node.call("eth_getTransactionByHash", json!([hash])).await;
    check(&pending, "pending");
    for key in ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"] {
        assert_eq!(pending[key], Value::Null, "{key}");
    }
    let content: Value = node.call("txpool_contentFrom", json!([user(0).address()])).await;
    check(&content["pending"]["0"], "txpool_contentFrom");
    let content: Value = node.call("txpool_content", json!([])).await;
    check(&content["pending"].as_object().unwrap().values().next().unwrap()["0"], "txpool_content");
    let filled: Value =
        node.call("eth_fillTransaction", json!([{ "from": user(1).address(), "data": "0x00" }])).await;
    assert_eq!(filled["tx"].as_object().unwrap().get("to"), Some(&Value::Null));

    // And a deposit's, which are in the same block.
    let depositor = Address::repeat_byte(0xd1);
    node.deposit_message(depositor, TxKind::Create, 5, &[0x00]);
    let block = node.mine();
    assert_eq!(block.transactions.len(), 3);
    for (index, creator) in [(1, depositor), (2, user(0).address())] {
        let hash = block.transactions[index].hash();
        let at = format!("{index:#x}");
        let full: Value = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
        check(&full["transactions"][index], "eth_getBlockByNumber");
        let full: Value = node.call("eth_getBlockByHash", json!([block.hash, true])).await;
        check(&full["transactions"][index], "eth_getBlockByHash");
        for (method, params) in [
            ("eth_getTransactionByHash", json!([hash])),
            ("eth_getTransactionByBlockHashAndIndex", json!([block.hash, at])),
            ("eth_getTransactionByBlockNumberAndIndex", json!(["latest", at])),
        ] {
            check(&node.call(method, params).await, method);
        }
        let receipts: Value = node.call("eth_getBlockReceipts", json!(["latest"])).await;
        let receipt: Value = node.call("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipts[index], receipt);
        assert_eq!(receipt.as_object().unwrap().get("to"), Some(&Value::Null));
        assert_eq!(receipt["contractAddress"], json!(creator.create(0)));
    }
    let call: Value = node.call("eth_getTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])).await;
    assert!(call["to"].is_string());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_and_waiting_for_the_receipt() {
    let node = Node::sequencer().await;
    let send = node.call::<OpTransactionReceipt>("eth_sendRawTransactionSync", json!([count(0, 0), 10_000]));
    let mine = async {
        while node.pool.as_ref().unwrap().status().pending == 0 {
            tokio::task::yield_now().await;
        }
        node.mine()
    };
    let (receipt, block) = tokio::join!(send, mine);
    assert_eq!(receipt.inner.block_hash, Some(block.hash));

    let error =
        node.try_call::<Value>("eth_sendRawTransactionSync", json!([count(0, 1), 20])).await.unwrap_err();
    assert_eq!(error.code(), 4);
    let hash: B256 = serde_json::from_str(error.data().unwrap().get()).unwrap();
    // It waits on.
    assert!(!node.call::<Value>("eth_getTransactionByHash", json!([hash])).await.is_null());
    assert_eq!(node.error("eth_sendRawTransactionSync", json!(["0x00"])).await.0, -32000);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_texts_that_clients_match_on() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    let refused = |raw: Bytes| {
        let node = &node;
        async move {
            let (code, text) = node.error("eth_sendRawTransaction", json!([raw])).await;
            assert_eq!(code, -32000);
            text
        }
    };
    assert_eq!(refused(count(0, 0)).await, "already known");
    assert_eq!(refused(transfer(0, 0)).await, "replacement transaction underpriced");
    assert!(refused(transfer(9, 0)).await.starts_with("insufficient funds"));
    node.mine();
    assert!(refused(transfer(0, 0)).await.starts_with("nonce too low"));
    assert!(!refused(Bytes::from_static(&[1, 2, 3])).await.is_empty());
    assert_eq!(node.error("eth_sendRawTransaction", json!(["zz"])).await.0, -32602);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_shows_what_waits() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.send(count(0, 5)).await;
    let status: Value = node.call("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x1", "queued": "0x1" }));
    let content: Value = node.call("txpool_content", json!([])).await;
    let sender = user(0).address().to_string();
    let entry = |kind: &str| {
        let senders = content[kind].as_object().unwrap();
        senders.iter().find(|(address, _)| address.eq_ignore_ascii_case(&sender)).unwrap().1.clone()
    };
    assert_eq!(entry("pending")["0"]["to"].as_str().map(str::to_lowercase), Some(format!("{COUNTER:#x}")));
    assert!(entry("queued")["5"].is_object());
    let from: Value = node.call("txpool_contentFrom", json!([sender])).await;
    assert!(from["pending"]["0"].is_object());
    let inspect: Value = node.call("txpool_inspect", json!([])).await;
    assert!(inspect.to_string().contains("wei"));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_passes_transactions_on() {
    let sequencer = Node::sequencer().await;
    let replica = Node::replica(Some(sequencer.url())).await;
    let hash = replica.send(count(0, 0)).await;
    assert!(sequencer.pool.as_ref().unwrap().get(&hash).is_some());
    let pending: U256 = replica.call("eth_getTransactionCount", json!([user(0).address(), "pending"])).await;
    assert_eq!(pending, U256::from(1));
    let status: Value = replica.call("txpool_status", json!([])).await;
    assert_eq!(status["pending"], "0x1");
    assert!(replica.call::<Value>("txpool_content", json!([])).await["pending"].is_object());
    // The sequencer's own words.
    assert_eq!(
        replica.error("eth_sendRawTransaction", json!([count(0, 0)])).await,
        (-32000, "already known".into())
    );
    let alone = Node::replica(None).await;
    let (code, text) = alone.error("eth_sendRawTransaction", json!([count(0, 0)])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("--sequencer-rpc"));
    assert_eq!(alone.error("txpool_status", json!([])).await.0, -32000);

    sequencer.end().await;
    let (code, text) = replica.error("eth_sendRawTransaction", json!([count(1, 0)])).await;
    assert_eq!((code, text.as_str()), (-32000, "the sequencer does not answer: try again later"));
    // What the sequencer would count cannot be asked for; what was passed on, and is in no block here, is counted.
    let pending: U256 = replica.call("eth_getTransactionCount", json!([user(0).address(), "pending"])).await;
    assert_eq!(pending, U256::from(1));
    let pending: U256 = replica.call("eth_getTransactionCount", json!([user(1).address(), "pending"])).await;
    assert_eq!(pending, U256::ZERO);
    replica.end().await;
    alone.end().await;
}

/// Whoever sends through a replica finds the transaction there until it is in a block there, wherever else it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_knows_what_was_sent_through_it() {
    let sequencer = Node::sequencer().await;
    let replica = Node::replica(Some(sequencer.url())).await;
    let filter: String = replica.call("eth_newPendingTransactionFilter", json!([])).await;
    let client =
        WsClientBuilder::default().build(format!("ws://{}", replica.handle.local_addr())).await.unwrap();
    let subscribe = |params| client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe");
    let mut hashes = subscribe(rpc_params!["newPendingTransactions"]).await.unwrap();
    let mut whole = subscribe(rpc_params!["newPendingTransactions", true]).await.unwrap();

    let (first, queued) = (count(0, 0), count(0, 2));
    let hash = replica.send(first.clone()).await;
    let other = replica.send(queued).await;
    let tx: Value = replica.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((&tx["hash"], tx.get("blockHash")), (&json!(hash), Some(&Value::Null)));
    assert_eq!(tx["from"], json!(user(0).address()));
    assert_eq!(replica.call::<Bytes>("eth_getRawTransactionByHash", json!([hash])).await, first);
    assert_eq!(replica.call::<Value>("eth_getFilterChanges", json!([filter])).await, json!([hash, other]));
    assert_eq!(hashes.next().await.unwrap().unwrap(), json!(hash));
    assert_eq!(whole.next().await.unwrap().unwrap(), tx);
    let status: Value = replica.call("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x1", "queued": "0x1" }));
    let content: Value = replica.call("txpool_contentFrom", json!([user(0).address()])).await;
    assert_eq!((&content["pending"]["0"], &content["queued"]["2"]["hash"]), (&tx, &json!(other)));
    assert!(replica.call::<Value>("txpool_content", json!([])).await.to_string().contains(&hash.to_string()));
    assert!(replica.call::<Value>("txpool_inspect", json!([])).await["pending"].to_string().contains("wei"));

    // What the sequencer refuses is not here. What it has from elsewhere is, once it was sent here, too.
    replica.error("eth_sendRawTransaction", json!([transfer(9, 0)])).await;
    let elsewhere = sequencer.send(count(1, 0)).await;
    assert!(replica.call::<Value>("eth_getTransactionByHash", json!([elsewhere])).await.is_null());
    let (_, text) = replica.error("eth_sendRawTransaction", json!([count(1, 0)])).await;
    assert_eq!(text, "already known");
    assert!(!replica.call::<Value>("eth_getTransactionByHash", json!([elsewhere])).await.is_null());

    // In a block of the sequencer that the replica does not have yet, as it is without the feed.
    let block = sequencer.mine();
    assert!(sequencer.pool.as_ref().unwrap().get(&hash).is_none());
    assert_eq!(replica.call::<Value>("eth_getTransactionByHash", json!([hash])).await, tx);
    assert_eq!(replica.call::<Value>("txpool_status", json!([])).await["pending"], "0x2");
    replica.import(&sequencer.chain, block.header.number);
    let included: Value = replica.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(included["blockHash"], json!(block.hash));
    // The queued one is left; the chain's news reach what is remembered a moment later.
    while replica.call::<Value>("txpool_status", json!([])).await["pending"] != "0x0" {
        tokio::task::yield_now().await;
    }
    assert_eq!(replica.call::<Value>("txpool_status", json!([])).await["queued"], "0x1");

    // L1 takes the block away: the transactions wait again.
    replica.force_batch();
    while replica.call::<Value>("txpool_status", json!([])).await["pending"] != "0x2" {
        tokio::task::yield_now().await;
    }
    let again: Value = replica.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(again, tx);
    sequencer.end().await;
    replica.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_waits_for_the_receipt_of_what_it_passes_on() {
    let sequencer = Node::sequencer().await;
    let replica = Node::replica(Some(sequencer.url())).await;
    let send =
        replica.call::<OpTransactionReceipt>("eth_sendRawTransactionSync", json!([count(0, 0), 20_000]));
    let include = async {
        while sequencer.pool.as_ref().unwrap().status().pending == 0 {
            tokio::task::yield_now().await;
        }
        let block = sequencer.mine();
        replica.import(&sequencer.chain, block.header.number);
        block
    };
    let (receipt, block) = tokio::join!(send, include);
    assert_eq!(receipt.inner.block_hash, Some(block.hash));
    assert_eq!(replica.call::<Value>("txpool_status", json!([])).await["queued"], "0x0");

    let error =
        replica.try_call::<Value>("eth_sendRawTransactionSync", json!([count(0, 1), 20])).await.unwrap_err();
    assert_eq!(error.code(), 4);
    let hash: B256 = serde_json::from_str(error.data().unwrap().get()).unwrap();
    // It waits on.
    assert!(!replica.call::<Value>("eth_getTransactionByHash", json!([hash])).await.is_null());
    sequencer.end().await;
    replica.end().await;
}
