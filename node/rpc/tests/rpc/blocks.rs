use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bytes, U64, U256, keccak256},
    rpc::types::{EIP1186AccountProofResponse, FeeHistory, Header as RpcHeader},
};
use op_alloy_rpc_types::{OpTransactionReceipt, Transaction};
use serde_json::{Value, json};

use crate::harness::*;

type Block = alloy::rpc::types::Block<Transaction, RpcHeader>;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_have_every_field_that_clients_decode() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.send(transfer(1, 0)).await;
    let mined = node.mine();

    let number: U64 = node.call("eth_blockNumber", json!([])).await;
    assert_eq!(number, U64::from(1));
    let full: Block = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(full.header.hash, mined.hash);
    // What was decoded hashes to what it says.
    assert_eq!(full.header.inner.hash_slow(), mined.hash);
    let transactions = full.transactions.as_transactions().unwrap();
    assert_eq!(transactions.len(), 3);
    assert_eq!(transactions[1].inner.block_hash, Some(mined.hash));

    let hashes: Block = node.call("eth_getBlockByHash", json!([mined.hash, false])).await;
    let hashes: Vec<B256> = hashes.transactions.hashes().collect();
    assert_eq!(hashes, mined.transactions.iter().map(|tx| tx.hash()).collect::<Vec<_>>());
    let header: RpcHeader = node.call("eth_getHeaderByNumber", json!(["0x1"])).await;
    assert_eq!(header.hash, mined.hash);

    let raw: Value = node.call("eth_getBlockByNumber", json!(["latest", true])).await;
    for field in [
        "difficulty",
        "extraData",
        "mixHash",
        "nonce",
        "baseFeePerGas",
        "withdrawalsRoot",
        "size",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
        "uncles",
        "withdrawals",
    ] {
        assert!(!raw[field].is_null(), "{field} is missing");
    }
    let block: Bytes = node.call("debug_getRawBlock", json!(["0x1"])).await;
    assert_eq!(raw["size"], format!("{:#x}", block.len()));
    for tx in raw["transactions"].as_array().unwrap() {
        for field in ["from", "nonce", "v", "r", "s", "gasPrice", "type", "blockHash", "transactionIndex"] {
            assert!(!tx[field].is_null(), "{field} is missing in {tx}");
        }
    }
    let deposit = &raw["transactions"][0];
    assert_eq!((&deposit["r"], &deposit["v"]), (&json!("0x0"), &json!("0x0")));

    let header: Bytes = node.call("debug_getRawHeader", json!(["0x1"])).await;
    assert_eq!(keccak256(&header), mined.hash);
    assert!(alloy::rlp::decode_exact::<Header>(&header).is_ok());
    let receipts: Vec<Bytes> = node.call("debug_getRawReceipts", json!(["0x1"])).await;
    assert_eq!(receipts.len(), 3);
    let receipts: Vec<OpTransactionReceipt> = node.call("eth_getBlockReceipts", json!(["0x1"])).await;
    assert_eq!(receipts.len(), 3);
    let count: U64 = node.call("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await;
    assert_eq!(count, U64::from(3));
    let count: U64 = node.call("eth_getBlockTransactionCountByHash", json!([mined.hash])).await;
    assert_eq!(count, U64::from(3));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_null_for_getters_and_an_error_for_states() {
    let node = Node::sequencer().await;
    node.mine();
    let nothing = B256::repeat_byte(0x99);
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x77", false])),
        ("eth_getBlockByHash", json!([nothing, false])),
        ("eth_getBlockReceipts", json!([nothing])),
        ("eth_getHeaderByHash", json!([nothing])),
        ("eth_getTransactionByHash", json!([nothing])),
        ("eth_getTransactionReceipt", json!([nothing])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x77"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x9"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])),
        ("recourse_batchOfBlock", json!(["0x1"])),
    ] {
        let value: Value = node.call(method, params).await;
        assert!(value.is_null(), "{method} gives {value}");
    }
    for (method, params) in [
        ("eth_getBalance", json!([Address::ZERO, "0x77"])),
        ("eth_call", json!([{ "to": COUNTER }, "0x77"])),
        ("eth_getProof", json!([COUNTER, [], "0x77"])),
        ("recourse_outputAtBlock", json!(["0x77"])),
    ] {
        assert_eq!(node.error(method, params).await, (-32000, "header not found".into()), "{method}");
    }
    let by_hash = json!([Address::ZERO, { "blockHash": nothing }]);
    assert_eq!(node.error("eth_getBalance", by_hash).await, (-32000, "header for hash not found".into()));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_objects_name_blocks() {
    let node = Node::sequencer().await;
    let first = node.mine();
    node.send(count(0, 0)).await;
    node.mine();
    let slot = |block: Value| {
        let node = &node;
        async move { node.call::<U256>("eth_getStorageAt", json!([COUNTER, "0x0", block])).await }
    };
    for (block, value) in [
        (json!("latest"), 1),
        (json!("pending"), 1),
        (json!("earliest"), 0),
        (json!("safe"), 0),
        (json!("finalized"), 0),
        (json!("0x1"), 0),
        (json!("0x2"), 1),
        (json!({ "blockNumber": "0x1" }), 0),
        (json!({ "blockHash": first.hash }), 0),
        (json!({ "blockHash": first.hash, "requireCanonical": true }), 0),
        (json!(null), 1),
    ] {
        assert_eq!(slot(block.clone()).await, U256::from(value), "{block}");
    }
    // A padded slot is as good, and the answer has all its 32 bytes.
    let padded: Value = node.call("eth_getStorageAt", json!([COUNTER, B256::ZERO, "latest"])).await;
    assert_eq!(padded, json!(B256::with_last_byte(1)));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_their_proofs() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.mine();
    node.send(count(0, 1)).await;
    node.send(transfer(0, 2)).await;
    let sender = user(0).address();
    let nonce = |block: &'static str| {
        let node = &node;
        async move { node.call::<U64>("eth_getTransactionCount", json!([sender, block])).await.to::<u64>() }
    };
    assert_eq!(nonce("latest").await, 1);
    assert_eq!(nonce("pending").await, 3);
    assert_eq!(nonce("0x0").await, 0);
    node.mine();
    assert_eq!((nonce("latest").await, nonce("pending").await), (3, 3));

    let balance: U256 = node.call("eth_getBalance", json!([Address::repeat_byte(0xee), "latest"])).await;
    assert_eq!(balance, U256::from(1));
    let code: Bytes = node.call("eth_getCode", json!([REVERTER])).await;
    assert_eq!(code.len(), 7);
    let info: Value = node.call("eth_getAccountInfo", json!([REVERTER, "latest"])).await;
    assert_eq!(info["code"], json!(code));

    // Proofs of two states, of something and of nothing.
    for (block, value) in [("0x1", 1), ("0x2", 2)] {
        let header: RpcHeader = node.call("eth_getHeaderByNumber", json!([block])).await;
        let proof: EIP1186AccountProofResponse =
            node.call("eth_getProof", json!([COUNTER, ["0x0", B256::repeat_byte(5)], block])).await;
        let leaf = trie::verify_proof(header.state_root, keccak256(COUNTER).as_slice(), &proof.account_proof);
        let account = trie::Account::decode(&leaf.unwrap().unwrap()).unwrap();
        assert_eq!((account.storage_root, account.nonce), (proof.storage_hash, proof.nonce));
        let slot = |index: usize, key: B256| {
            let nodes = &proof.storage_proof[index].proof;
            trie::verify_proof(proof.storage_hash, keccak256(key).as_slice(), nodes).unwrap()
        };
        assert_eq!(trie::decode_storage(&slot(0, B256::ZERO).unwrap()).unwrap(), U256::from(value));
        assert_eq!(proof.storage_proof[0].value, U256::from(value));
        assert_eq!(slot(1, B256::repeat_byte(5)), None);
    }
    let header: RpcHeader = node.call("eth_getHeaderByNumber", json!(["latest"])).await;
    let absent = Address::repeat_byte(0x55);
    let proof: EIP1186AccountProofResponse =
        node.call("eth_getProof", json!([absent, ["0x1"], "latest"])).await;
    let leaf = trie::verify_proof(header.state_root, keccak256(absent).as_slice(), &proof.account_proof);
    assert_eq!(leaf.unwrap(), None);
    let many: Vec<String> = (0..1025).map(|key| format!("{key:#x}")).collect();
    assert_eq!(node.error("eth_getProof", json!([COUNTER, many, "latest"])).await.0, -32602);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fees() {
    let node = Node::sequencer().await;
    for nonce in 0..3 {
        node.send(count(0, nonce)).await;
        node.mine();
    }
    let tip: U256 = node.call("eth_maxPriorityFeePerGas", json!([])).await;
    let price: U256 = node.call("eth_gasPrice", json!([])).await;
    assert!(price > tip && !tip.is_zero());
    let history: FeeHistory = node.call("eth_feeHistory", json!(["0x2", "latest", [0, 50, 100]])).await;
    assert_eq!((history.oldest_block, history.base_fee_per_gas.len()), (2, 3));
    assert_eq!(history.reward, Some(vec![vec![1_000_000; 3]; 2]));
    // The last is the next block's.
    assert_eq!(price, U256::from(history.base_fee_per_gas[2]) + tip);
    let block: RpcHeader = node.call("eth_getHeaderByNumber", json!(["latest"])).await;
    assert_eq!(Some(history.base_fee_per_gas[1]), block.base_fee_per_gas.map(u128::from));
    let all: FeeHistory = node.call("eth_feeHistory", json!([1000, "latest", null])).await;
    assert_eq!((all.oldest_block, all.gas_used_ratio.len()), (0, 4));
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "latest", [50, 10]])).await.0, -32000);
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "0x99", []])).await.0, -32000);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_batches_and_status() {
    let node = Node::sequencer().await;
    let config: rollup::RollupConfig = node.call("recourse_rollupConfig", json!([])).await;
    assert_eq!(&config, &**node.chain.config());
    let output: Value = node.call("recourse_outputAtBlock", json!(["0x0"])).await;
    assert_eq!(output["outputRoot"], json!(config.genesis_output_root));
    let of_op: Value = node.call("optimism_outputAtBlock", json!(["0x0"])).await;
    assert_eq!(output["outputRoot"], of_op["outputRoot"]);

    node.mine();
    node.force_batch();
    let batch: Value = node.call("recourse_batchOfBlock", json!(["0x1"])).await;
    assert_eq!((&batch["index"], &batch["lastBlock"]), (&json!("0x0"), &json!("0x1")));
    assert_eq!(batch["l1TransactionHash"], json!(B256::repeat_byte(0xba)));
    let status: Value = node.call("recourse_status", json!([])).await;
    assert_eq!(status["safe"]["number"], "0x1");
    assert_eq!(status["l1Cursor"], "0x2");
    assert_eq!(status["sequencer"], true);
    let safe: Value = node.call("eth_getBlockByNumber", json!(["safe", false])).await;
    assert_eq!(safe["number"], "0x1");
    node.end().await;
}
