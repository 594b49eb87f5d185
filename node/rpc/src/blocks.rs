//! Blocks, headers and their counts.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{B256, U64},
};
use op_alloy_rpc_types::OpTransactionReceipt;

use super::{
    RpcError,
    block::{RpcBlock, RpcHeader},
    context::Rpc,
};

/// Full blocks larger than this are converted off the network's threads.
const SMALL_BLOCK: usize = 32;

impl Rpc {
    pub(crate) async fn block_number(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::from(self.chain.heads().unsafe_head.number))
    }

    pub(crate) async fn block_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
        full: Option<bool>,
    ) -> Result<Option<RpcBlock>, RpcError> {
        self.whole_block(number.into(), full.unwrap_or_default()).await
    }

    pub(crate) async fn block_by_hash(
        self: Arc<Self>,
        hash: B256,
        full: Option<bool>,
    ) -> Result<Option<RpcBlock>, RpcError> {
        self.whole_block(hash.into(), full.unwrap_or_default()).await
    }

    async fn whole_block(self: Arc<Self>, id: BlockId, full: bool) -> Result<Option<RpcBlock>, RpcError> {
        let Some(number) = self.existing(id)? else {
            return Ok(None);
        };
        if let Some(block) = self.recent.block(number)
            && (!full || block.transactions.len() <= SMALL_BLOCK)
        {
            return Ok(Some(block.rpc_block(full)));
        }
        self.heavy(move |rpc| Ok(rpc.block(number)?.map(|block| block.rpc_block(full)))).await
    }

    pub(crate) async fn header_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
    ) -> Result<Option<RpcHeader>, RpcError> {
        Ok(self.block_by_id(number.into())?.map(|block| block.rpc_header()))
    }

    pub(crate) async fn header_by_hash(self: Arc<Self>, hash: B256) -> Result<Option<RpcHeader>, RpcError> {
        Ok(self.block_by_id(hash.into())?.map(|block| block.rpc_header()))
    }

    pub(crate) async fn block_receipts(
        self: Arc<Self>,
        block: BlockId,
    ) -> Result<Option<Vec<OpTransactionReceipt>>, RpcError> {
        let Some(number) = self.existing(block)? else {
            return Ok(None);
        };
        self.heavy(move |rpc| Ok(rpc.block(number)?.map(|block| block.all_receipts()))).await
    }

    pub(crate) async fn transaction_count_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
    ) -> Result<Option<U64>, RpcError> {
        Ok(self.block_by_id(number.into())?.map(|block| U64::from(block.transactions.len())))
    }

    pub(crate) async fn transaction_count_by_hash(
        self: Arc<Self>,
        hash: B256,
    ) -> Result<Option<U64>, RpcError> {
        Ok(self.block_by_id(hash.into())?.map(|block| U64::from(block.transactions.len())))
    }

    pub(crate) async fn uncle_count_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
    ) -> Result<Option<U64>, RpcError> {
        Ok(self.existing(number.into())?.map(|_| U64::ZERO))
    }

    pub(crate) async fn uncle_count_by_hash(self: Arc<Self>, hash: B256) -> Result<Option<U64>, RpcError> {
        Ok(self.existing(hash.into())?.map(|_| U64::ZERO))
    }

    /// There are no uncles on this chain.
    pub(crate) async fn uncle(self: Arc<Self>, _: BlockId, _: U64) -> Result<Option<RpcBlock>, RpcError> {
        Ok(None)
    }
}
