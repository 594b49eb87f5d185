//! The `optimism` namespace as the OP Stack's tools decode it: the types are those of op-service's package `eth` and
//! op-node's `rollup.Config` in v1.16.3, of which nothing may be missing or of another kind.

#![allow(dead_code)]

use alloy::primitives::{Address, B64, B256};
use rollup::l1::L1Status;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::*;

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockId {
    hash: B256,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct L1BlockRef {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct L2BlockRef {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
    #[serde(rename = "l1origin")]
    l1_origin: BlockId,
    sequence_number: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncStatus {
    current_l1: L1BlockRef,
    current_l1_finalized: L1BlockRef,
    head_l1: L1BlockRef,
    safe_l1: L1BlockRef,
    finalized_l1: L1BlockRef,
    unsafe_l2: L2BlockRef,
    safe_l2: L2BlockRef,
    finalized_l2: L2BlockRef,
    pending_safe_l2: L2BlockRef,
    cross_unsafe_l2: L2BlockRef,
    local_safe_l2: L2BlockRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OutputResponse {
    version: B256,
    output_root: B256,
    block_ref: L2BlockRef,
    withdrawal_storage_root: B256,
    state_root: B256,
    sync_status: SyncStatus,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SafeHeadResponse {
    l1_block: BlockId,
    safe_head: BlockId,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SystemConfig {
    batcher_addr: Address,
    overhead: B256,
    scalar: B256,
    gas_limit: u64,
    eip1559_params: B64,
    operator_fee_params: B256,
    min_base_fee: u64,
    da_footprint_gas_scalar: u16,
}

#[derive(Debug, Deserialize)]
struct Genesis {
    l1: BlockId,
    l2: BlockId,
    l2_time: u64,
    system_config: SystemConfig,
}

#[derive(Debug, Deserialize)]
struct RollupConfig {
    genesis: Genesis,
    block_time: u64,
    max_sequencer_drift: u64,
    seq_window_size: u64,
    channel_timeout: u64,
    l1_chain_id: u64,
    l2_chain_id: u64,
    isthmus_time: u64,
    batch_inbox_address: Address,
    deposit_contract_address: Address,
    l1_system_config_address: Address,
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_and_heads_are_told_in_the_forms_of_op_node() {
    let node = Node::sequencer().await;
    let genesis: OutputResponse = node.call("optimism_outputAtBlock", json!(["0x0"])).await;
    let config = node.chain.config().clone();
    assert_eq!(genesis.output_root, config.genesis_output_root);
    assert_eq!(genesis.block_ref.l1_origin, BlockId { hash: B256::ZERO, number: config.l1_start_block });
    // Nothing was posted yet, so nothing but genesis is safe.
    let safe: SafeHeadResponse = node.call("optimism_safeHeadAtL1Block", json!(["0x2"])).await;
    assert_eq!(safe.safe_head, BlockId { hash: config.genesis_hash, number: 0 });
    assert_eq!(node.error("optimism_safeHeadAtL1Block", json!(["0x1"])).await, (-32000, "not found".into()));

    node.mine();
    node.force_batch();
    let first = node.chain.heads().safe;
    node.send(count(0, 0)).await;
    let second = node.mine();
    let output: OutputResponse = node.call("optimism_outputAtBlock", json!(["0x2"])).await;
    let own: Value = node.call("recourse_outputAtBlock", json!(["0x2"])).await;
    assert_eq!(json!(output.output_root), own["outputRoot"]);
    assert_eq!(json!(output.withdrawal_storage_root), own["withdrawalStorageRoot"]);
    assert_eq!(output.state_root, second.header.state_root);
    // The genesis of these tests has no code that would take over a report: block 2 knows what genesis does.
    let expected = L2BlockRef {
        hash: second.hash,
        number: 2,
        parent_hash: first.hash,
        timestamp: second.header.timestamp,
        l1_origin: BlockId { hash: B256::ZERO, number: 7 },
        sequence_number: 1,
    };
    assert_eq!(output.block_ref, expected);

    let status: SyncStatus = node.call("optimism_syncStatus", json!([])).await;
    let l1 = L1BlockRef {
        hash: B256::repeat_byte(2),
        number: 2,
        parent_hash: B256::repeat_byte(1),
        timestamp: GENESIS_TIME + 24,
    };
    assert_eq!(status.current_l1, l1);
    assert_eq!(status.head_l1, l1);
    // Of L1's head all is told as soon as it is seen, and not only when it is read.
    let record = db::L1BlockRecord {
        hash: B256::repeat_byte(4),
        parent: B256::repeat_byte(3),
        timestamp: GENESIS_TIME + 48,
    };
    let seen = L1Status { head: 4, head_block: Some(record), cursor: 2, healthy: true };
    node.l1_status.send_replace(seen);
    let ahead: SyncStatus = node.call("optimism_syncStatus", json!([])).await;
    let head =
        L1BlockRef { hash: record.hash, number: 4, parent_hash: record.parent, timestamp: record.timestamp };
    assert_eq!((ahead.head_l1, ahead.current_l1), (head, l1));
    assert_eq!((status.unsafe_l2.number, status.safe_l2.number, status.finalized_l2.number), (2, 1, 0));
    assert_eq!(status.unsafe_l2, expected);
    // The forced batch came with a report of L1 block 1, which block 1 is the first to know.
    assert_eq!((status.safe_l2.hash, status.safe_l2.sequence_number), (first.hash, 0));
    assert_eq!(status.safe_l2.l1_origin, BlockId { hash: B256::ZERO, number: 1 });
    assert_eq!(status.local_safe_l2, status.safe_l2);
    let safe = SafeHeadResponse {
        l1_block: BlockId { hash: B256::repeat_byte(2), number: 2 },
        safe_head: BlockId { hash: first.hash, number: 1 },
    };
    for l1 in ["0x2", "0x99"] {
        assert_eq!(safe, node.call("optimism_safeHeadAtL1Block", json!([l1])).await);
    }
    // op-dispute-mon takes an error with these words for a block that is not there.
    let (code, text) = node.error("optimism_outputAtBlock", json!(["0x99"])).await;
    assert!(code == -32000 && text.contains("not found"), "{code} {text}");

    // When L1 says that block 2 is final, the batch in it is.
    node.chain.apply_l1(rollup::l1::L1Update::Finalized(2)).unwrap();
    let status: SyncStatus = node.call("optimism_syncStatus", json!([])).await;
    assert_eq!((status.finalized_l2.number, status.finalized_l1), (1, l1));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rollup_is_described_in_the_form_of_op_node() {
    let node = Node::sequencer().await;
    let config = node.chain.config().clone();
    let described: RollupConfig = node.call("optimism_rollupConfig", json!([])).await;
    assert_eq!(described.genesis.l2, BlockId { hash: config.genesis_hash, number: 0 });
    assert_eq!(described.genesis.l1.number, config.l1_start_block);
    assert_eq!((described.genesis.l2_time, described.l2_chain_id), (GENESIS_TIME, CHAIN_ID));
    assert_eq!(described.batch_inbox_address, config.contracts.inbox);
    assert_eq!(described.deposit_contract_address, config.contracts.portal);
    // Version 1 ‖ … ‖ blob base fee scalar ‖ base fee scalar, as the genesis of these tests has them.
    let scalar = described.genesis.system_config.scalar;
    assert_eq!((scalar[0], &scalar[24..28]), (1, &1_014_213_u32.to_be_bytes()[..]));
    assert_eq!(scalar[28..], 5227_u32.to_be_bytes());
    // What op-node's own check asks for besides.
    assert!(described.block_time > 0 && described.seq_window_size >= 2 && described.channel_timeout > 0);
    let version: String = node.call("optimism_version", json!([])).await;
    assert!(version.starts_with('v') && version.ends_with("-recourse"), "{version}");
    node.end().await;
}
