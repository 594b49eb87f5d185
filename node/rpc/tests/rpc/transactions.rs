use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
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
    let expected = fees.calculate_tx_l1_cost(&raw, stf::block::SPEC);
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

#[tokio::test(flavor = "multi_thread")]
async fn sending_and_waiting_for_the_receipt() {
    let node = Node::sequencer().await;
    let send = node.call::<OpTransactionReceipt>("eth_sendRawTransactionSync", json!([count(0, 0), 10_000]));
    let mine = async {
        while node.pool.as_ref().unwrap().status().executable == 0 {
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
    // What the sequencer would count cannot be asked for; what is in blocks is counted.
    let pending: U256 = replica.call("eth_getTransactionCount", json!([user(0).address(), "pending"])).await;
    assert_eq!(pending, U256::ZERO);
    replica.end().await;
    alone.end().await;
}
