//! Transactions and receipts.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{B256, Bytes},
    rpc::types::Index,
};

use super::{
    RpcError, answer::AnswerText, block::Block, context::Rpc, peers::Work, transaction::RpcTransaction, work,
};

/// How long [`Rpc::send_raw_transaction_sync`] waits if the client does not say.
const SYNC_WAIT: Duration = Duration::from_secs(2);
/// The longest that it waits.
pub(crate) const MAX_SYNC_WAIT: Duration = Duration::from_secs(60);

impl Rpc {
    pub(crate) async fn send_raw_transaction(self: Arc<Self>, raw: Bytes) -> Result<B256, RpcError> {
        self.submit(raw).await
    }

    /// EIP-7966: sends, and answers with the receipt.
    pub(crate) async fn send_raw_transaction_sync(
        self: Arc<Self>,
        raw: Bytes,
        timeout: Option<u64>,
    ) -> Result<AnswerText, RpcError> {
        let wait = timeout.map_or(SYNC_WAIT, Duration::from_millis).min(MAX_SYNC_WAIT);
        let deadline = tokio::time::Instant::now() + wait;
        // Registered before it is sent: no block can slip through in between.
        let expected = alloy::primitives::keccak256(&raw);
        let mut included = self.recent.wait(expected);
        let sent = self.submit(raw).await;
        let hash = match sent {
            Ok(hash) => hash,
            Err(error) => {
                drop(included);
                self.recent.stop_waiting(&expected);
                return Err(error);
            }
        };
        loop {
            if let Some((block, index)) = self.clone().find_transaction(&hash).await? {
                drop(included);
                self.recent.stop_waiting(&hash);
                return self.receipt(block, index).await;
            }
            if tokio::time::timeout_at(deadline, &mut included).await.is_err() {
                drop(included);
                self.recent.stop_waiting(&hash);
                return Err(RpcError::SyncTimeout { hash, milliseconds: wait.as_millis() as u64 });
            }
            included = self.recent.wait(hash);
        }
    }

    pub(crate) async fn transaction_by_hash(
        self: Arc<Self>,
        hash: B256,
    ) -> Result<Option<RpcTransaction>, RpcError> {
        // In this order: what stops waiting in between is in a block.
        let waiting = self.waiting(&hash);
        if let Some((block, index)) = self.find_transaction(&hash).await? {
            return Ok(block.transaction(index));
        }
        Ok(waiting.map(|tx| RpcTransaction::pending(&tx)))
    }

    pub(crate) async fn transaction_receipt(self: Arc<Self>, hash: B256) -> Result<AnswerText, RpcError> {
        match self.clone().find_transaction(&hash).await? {
            Some((block, index)) => self.receipt(block, index).await,
            None => AnswerText::new(&(), &work::current().budget),
        }
    }

    async fn receipt(self: Arc<Self>, block: Arc<Block>, index: usize) -> Result<AnswerText, RpcError> {
        if block.has_many_logs_of(index) {
            self.answer(Work::Light, move |_| Ok(block.receipt(index))).await
        } else {
            AnswerText::new(&block.receipt(index), &work::current().budget)
        }
    }

    /// A transaction's encoding; that of an unknown one is empty, as geth has it.
    pub(crate) async fn raw_transaction(self: Arc<Self>, hash: B256) -> Result<Bytes, RpcError> {
        let waiting = self.waiting(&hash);
        let encoded = match self.find_transaction(&hash).await? {
            Some((block, index)) => block.transactions.get(index).map(|tx| tx.encoded().clone()),
            None => waiting.map(|tx| tx.encoded().clone()),
        };
        Ok(encoded.unwrap_or_default())
    }

    pub(crate) async fn transaction_by_block_and_index(
        self: Arc<Self>,
        block: BlockId,
        index: Index,
    ) -> Result<Option<RpcTransaction>, RpcError> {
        Ok(self.block_by_id(block).await?.and_then(|block| block.transaction(index.into())))
    }

    pub(crate) async fn raw_transaction_by_block_and_index(
        self: Arc<Self>,
        block: BlockId,
        index: Index,
    ) -> Result<Bytes, RpcError> {
        let block = self.block_by_id(block).await?;
        let encoded = block.and_then(|block| block.transactions.get(index.0).map(|tx| tx.encoded().clone()));
        Ok(encoded.unwrap_or_default())
    }
}
