//! Searches over a chain whose logs are indexed, in part or as far as it goes, and over one that is pruned.

use alloy::{
    primitives::{Address, B256},
    rpc::types::Log,
};
use db::LogIndexer;
use serde_json::{Value, json};

use crate::harness::*;

/// Blocks: two runs of the index, and some behind its end.
const BLOCKS: u64 = 2_300;

/// A chain with a log in every hundredth block.
async fn long_chain() -> Node {
    let node = Node::sequencer().await;
    for number in 1..=BLOCKS {
        if number % 100 == 7 {
            node.send(count(0, number / 100)).await;
        }
        node.mine();
    }
    node
}

fn index(node: &Node) {
    let mut indexer = LogIndexer::default();
    while node.chain.index_logs(&mut indexer).unwrap() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_answers_as_the_blooms_do() {
    let node = long_chain().await;
    let filters = [
        json!({ "fromBlock": "0x0" }),
        json!({ "fromBlock": "0x0", "address": COUNTER, "topics": [TOPIC] }),
        json!({ "fromBlock": "0x0", "address": [REVERTER, COUNTER], "topics": [[TOPIC, B256::ZERO]] }),
        json!({ "fromBlock": "0x0", "address": REVERTER }),
        json!({ "fromBlock": "0x0", "topics": [null, TOPIC] }),
        json!({ "fromBlock": "0x6b", "toBlock": "0x6b" }),
        json!({ "fromBlock": "0x6c", "toBlock": "0x8a3" }),
    ];
    let logs = async |filter: &Value| node.call::<Vec<Log>>("eth_getLogs", json!([filter])).await;
    let mut before = Vec::new();
    for filter in &filters {
        before.push(logs(filter).await);
    }
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [23, 23, 23, 0, 0, 1, 21]);
    assert_eq!(node.chain.db().read().unwrap().log_index_end().unwrap(), 0);
    index(&node);
    let end = node.chain.db().read().unwrap().log_index_end().unwrap();
    assert!((BLOCKS - 1024..=BLOCKS + 1).contains(&end), "{end}");
    for (filter, before) in filters.iter().zip(&before) {
        assert_eq!(logs(filter).await, *before, "{filter}");
    }
    // What comes behind its end.
    node.send(count(0, 23)).await;
    node.mine();
    assert_eq!(logs(&filters[0]).await.len(), 24);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pruned_is_an_error_that_says_so() {
    const KEPT: u64 = 150;
    let node = long_chain().await;
    index(&node);
    let hash = |number: u64| node.chain.db().read().unwrap().block_hash(number).unwrap().unwrap();
    let old = node.chain.db().read().unwrap().transactions(107).unwrap().unwrap();
    let old = alloy::primitives::keccak256(&old[old.len() - 1].raw);
    // As when the batches of all these blocks were in final L1 blocks.
    let mut writer = node.chain.db().write().unwrap();
    writer.set_finalized(KEPT).unwrap();
    writer.commit().unwrap();
    while !node.chain.prune_blocks(KEPT, 10).unwrap() {}
    let text = "pruned history unavailable: transactions and receipts are kept from block 150 on";
    let by_number = json!(["0x6b", true]);
    for (method, params) in [
        ("eth_getBlockByNumber", by_number),
        ("eth_getBlockByHash", json!([hash(107), false])),
        ("eth_getBlockReceipts", json!(["0x6b"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x6b", "0x0"])),
        ("eth_getBlockTransactionCountByHash", json!([hash(107)])),
        ("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "latest" }])),
        ("eth_getLogs", json!([{ "fromBlock": "0x6b", "toBlock": "0x6b", "address": Address::ZERO }])),
        ("eth_getLogs", json!([{ "blockHash": hash(107) }])),
    ] {
        assert_eq!(node.error(method, params.clone()).await, (4444, text.into()), "{method}{params}");
    }
    // Whoever waits for a transaction has to be told that it is not there.
    assert_eq!(node.call::<Value>("eth_getTransactionReceipt", json!([old])).await, Value::Null);
    assert!(node.call::<Value>("eth_getBlockByNumber", json!(["0x0", true])).await.is_object());
    assert!(node.call::<Value>("eth_getBlockByNumber", json!(["0x96", true])).await.is_object());
    let kept = json!([{ "fromBlock": "0x96", "address": COUNTER }]);
    assert_eq!(node.call::<Vec<Log>>("eth_getLogs", kept).await.len(), 21);
    node.end().await;
}
