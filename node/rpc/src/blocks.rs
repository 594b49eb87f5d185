//! Blocks, headers and their counts.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{B256, U64},
};
use serde::Serialize;

use super::{
    RpcError,
    answer::AnswerText,
    block::{Block, RpcBlock},
    context::Rpc,
    peers::Work,
    work,
};

/// Blocks with more transactions than this are converted off the network's threads.
const SMALL_BLOCK: usize = 32;

impl Rpc {
    pub(crate) async fn block_number(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::from(self.chain.heads().unsafe_head.number))
    }

    pub(crate) async fn block_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
        full: Option<bool>,
    ) -> Result<AnswerText, RpcError> {
        self.whole_block(number.into(), full.unwrap_or_default()).await
    }

    pub(crate) async fn block_by_hash(
        self: Arc<Self>,
        hash: B256,
        full: Option<bool>,
    ) -> Result<AnswerText, RpcError> {
        self.whole_block(hash.into(), full.unwrap_or_default()).await
    }

    async fn whole_block(self: Arc<Self>, id: BlockId, full: bool) -> Result<AnswerText, RpcError> {
        self.of_block(id, move |block| block.rpc_block(full)).await
    }

    /// What `read` makes of a block, `null` if there is none. Of a small one at hand it is made at once.
    async fn of_block<R: Serialize>(
        self: Arc<Self>,
        id: BlockId,
        read: impl FnOnce(&Block) -> R + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let Some(number) = self.existing(id)? else {
            return AnswerText::new(&None::<R>, &work::current().budget);
        };
        match self.recent.block(number) {
            Some(block) if block.transactions.len() <= SMALL_BLOCK && !block.has_many_logs() => {
                AnswerText::new(&Some(read(&block)), &work::current().budget)
            }
            _ => self.answer(Work::Light, move |rpc| Ok(rpc.block(number)?.map(|block| read(&block)))).await,
        }
    }

    pub(crate) async fn header_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
    ) -> Result<AnswerText, RpcError> {
        self.of_block(number.into(), Block::rpc_header).await
    }

    pub(crate) async fn header_by_hash(self: Arc<Self>, hash: B256) -> Result<AnswerText, RpcError> {
        self.of_block(hash.into(), Block::rpc_header).await
    }

    pub(crate) async fn block_receipts(self: Arc<Self>, block: BlockId) -> Result<AnswerText, RpcError> {
        self.of_block(block, Block::all_receipts).await
    }

    pub(crate) async fn transaction_count_by_number(
        self: Arc<Self>,
        number: BlockNumberOrTag,
    ) -> Result<Option<U64>, RpcError> {
        Ok(self.block_by_id(number.into()).await?.map(|block| U64::from(block.transactions.len())))
    }

    pub(crate) async fn transaction_count_by_hash(
        self: Arc<Self>,
        hash: B256,
    ) -> Result<Option<U64>, RpcError> {
        Ok(self.block_by_id(hash.into()).await?.map(|block| U64::from(block.transactions.len())))
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
