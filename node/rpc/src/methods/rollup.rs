//! What op-node tells of a rollup, and what operators ask a node.

use super::{super::context::Rpc, methods};

methods! { of Rpc;
    /// The output root after a block with its parts, and how far the node is, in op-node's form.
    "optimism_outputAtBlock" => op_output_at_block(block: BlockNumber;) -> OpOutput,
    /// How far the node is, on L1 and on L2, in op-node's form.
    "optimism_syncStatus" => op_sync_status(;) -> OpSyncStatus,
    /// The rollup's constants, as far as the OP Stack has such.
    "optimism_rollupConfig" => op_rollup_config(;) -> Anything,
    /// The node's version.
    "optimism_version" => op_version(;) -> Text,
    /// The safe head that followed from L1 up to a block of it.
    "optimism_safeHeadAtL1Block" => op_safe_head_at_l1_block(number: Quantity;) -> OpSafeHead,
    /// The node by name and chain, in geth's form; it has no peers and no address for any.
    "admin_nodeInfo" => node_info(;) -> Anything,
    /// None: blocks come from L1 and from the sequencer's feed.
    "admin_peers" => admin_peers(;) -> Anything,
}
