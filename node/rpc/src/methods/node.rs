//! What tells of the node, its pool, and the rollup.

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, U64, keccak256};

use super::{
    super::{RpcError, context::Rpc},
    methods,
};

methods! { of Rpc;
    /// Name and version of the node.
    "web3_clientVersion" => client_version(;) -> Text,
    /// Keccak-256 of bytes.
    "web3_sha3" => sha3(data: Data;) -> Hash,
    /// The chain's id, in decimal.
    "net_version" => net_version(;) -> Text,
    /// Whether the node can be reached: always.
    "net_listening" => net_listening(;) -> Boolean,
    /// Zero: nodes learn of the chain from L1 and from the sequencer's feed.
    "net_peerCount" => net_peer_count(;) -> Quantity,

    /// How many transactions wait.
    "txpool_status" => txpool_status(;) -> PoolStatus,
    /// All transactions that wait.
    "txpool_content" => txpool_content(;) -> PoolContent,
    /// The transactions of one sender that wait.
    "txpool_contentFrom" => txpool_content_from(address: Address;) -> PoolContent,
    /// All transactions that wait, in a line each.
    "txpool_inspect" => txpool_inspect(;) -> PoolContent,

    /// Heads, and how far L1 is followed.
    "recourse_status" => status(;) -> Anything,
    /// The output root after a block, with its parts.
    "recourse_outputAtBlock" => output_at_block(block: BlockNumber;) -> Anything,
    /// The batch that holds a block, `null` while it is not on L1.
    "recourse_batchOfBlock" => batch_of_block(block: BlockNumber;) -> Anything,
    /// A blob as it was posted, by the batch's index and its place there.
    "recourse_blobOfBatch" => blob_of_batch(batch: Quantity, place: Quantity;) -> DataOrNull,
    /// `rollup.json`.
    "recourse_rollupConfig" => rollup_config(;) -> Anything,
}

/// What takes no more than a line.
impl Rpc {
    pub(super) async fn chain_id(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::from(self.chain.config().chain.chain_id))
    }

    async fn net_version(self: Arc<Self>) -> Result<String, RpcError> {
        Ok(self.chain.config().chain.chain_id.to_string())
    }

    /// The node keeps no keys.
    pub(super) async fn accounts(self: Arc<Self>) -> Result<Vec<Address>, RpcError> {
        Ok(Vec::new())
    }

    pub(crate) async fn client_version(self: Arc<Self>) -> Result<String, RpcError> {
        let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
        Ok(format!("recourse-node/v{version}/{os}-{arch}"))
    }

    async fn sha3(self: Arc<Self>, data: Bytes) -> Result<B256, RpcError> {
        Ok(keccak256(data))
    }

    async fn net_listening(self: Arc<Self>) -> Result<bool, RpcError> {
        Ok(true)
    }

    async fn net_peer_count(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::ZERO)
    }
}
