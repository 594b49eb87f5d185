//! What only a rollup node can tell: the `recourse` namespace.

use std::sync::Arc;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, U64},
};
use serde::Serialize;
use stf::{blob::BLOB_SIZE, derive::message_cursor, inbox::DaKind, output_root};

use super::{RpcError, answer::AnswerText, context::Rpc, peers::Work, work};
use rollup::{RollupConfig, chain::BlockRef};

/// A block, by what identifies it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RpcBlockRef {
    number: U64,
    hash: B256,
    timestamp: U64,
}

impl From<BlockRef> for RpcBlockRef {
    fn from(block: BlockRef) -> Self {
        Self { number: U64::from(block.number), hash: block.hash, timestamp: U64::from(block.timestamp) }
    }
}

/// How far the node is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RollupStatus {
    version: &'static str,
    l1_chain_id: U64,
    l2_chain_id: U64,
    /// Whether the node builds blocks.
    sequencer: bool,
    /// The L1 block up to which L1 has been followed.
    l1_cursor: U64,
    #[serde(rename = "unsafe")]
    unsafe_head: RpcBlockRef,
    safe: RpcBlockRef,
    finalized: RpcBlockRef,
    /// The oldest block whose state is kept, for historical calls and proofs.
    oldest_state: U64,
    /// Messages and batches read from L1.
    messages: U64,
    batches: U64,
}

/// An output, as the OP Stack's rollup nodes give it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputAtBlock {
    version: B256,
    output_root: B256,
    block_ref: OutputBlock,
    state_root: B256,
    /// Storage root of the message passer: the header's withdrawals root.
    withdrawal_storage_root: B256,
    /// Queue index after the block.
    message_cursor: U64,
}

/// The block of an output.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputBlock {
    hash: B256,
    number: U64,
    parent_hash: B256,
    timestamp: U64,
}

/// Where on L1 a block came from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchLocation {
    index: U64,
    /// The batch accumulator after it.
    acc: B256,
    first_block: U64,
    last_block: U64,
    l1_block_number: U64,
    l1_block_hash: B256,
    l1_transaction_hash: B256,
    /// Where its payload is: `none` for a forced batch.
    da_kind: &'static str,
    payload_length: U64,
}

impl Rpc {
    pub(crate) async fn status(self: Arc<Self>) -> Result<RollupStatus, RpcError> {
        let config = self.chain.config();
        let heads = self.chain.heads();
        let reader = self.reader()?;
        Ok(RollupStatus {
            version: env!("CARGO_PKG_VERSION"),
            l1_chain_id: U64::from(config.l1_chain_id),
            l2_chain_id: U64::from(config.chain.chain_id),
            sequencer: self.pool.is_some(),
            l1_cursor: U64::from(heads.l1),
            unsafe_head: heads.unsafe_head.into(),
            safe: heads.safe.into(),
            finalized: heads.finalized.into(),
            oldest_state: U64::from(reader.oldest_state()?),
            messages: U64::from(reader.message_count()?),
            batches: U64::from(reader.batch_count()?),
        })
    }

    pub(crate) async fn output_at_block(
        self: Arc<Self>,
        block: BlockNumberOrTag,
    ) -> Result<OutputAtBlock, RpcError> {
        let number = self.height(Some(block.into()))?;
        let header = self.reader()?.header(number)?.ok_or(RpcError::HeaderNotFound)?;
        Ok(OutputAtBlock {
            version: B256::ZERO,
            output_root: output_root(&header, header.seal()),
            block_ref: OutputBlock {
                hash: header.seal(),
                number: U64::from(number),
                parent_hash: header.parent_hash,
                timestamp: U64::from(header.timestamp),
            },
            state_root: header.state_root,
            withdrawal_storage_root: header.withdrawals_root.unwrap_or_default(),
            message_cursor: U64::from(message_cursor(&header).unwrap_or_default()),
        })
    }

    /// The batch that holds a block; nothing while the block is not on L1.
    pub(crate) async fn batch_of_block(
        self: Arc<Self>,
        block: BlockNumberOrTag,
    ) -> Result<Option<BatchLocation>, RpcError> {
        let number = self.number(block);
        let reader = self.reader()?;
        let Some(index) = reader.batch_of_block(number)? else {
            return Ok(None);
        };
        let Some(batch) = reader.batch(index)? else { return Ok(None) };
        let header = stf::BatchHeader::decode(&batch.header).ok();
        Ok(Some(BatchLocation {
            index: U64::from(index),
            acc: batch.acc,
            first_block: U64::from(batch.first_block),
            last_block: U64::from(batch.last_block),
            l1_block_number: U64::from(batch.l1_block),
            l1_block_hash: batch.l1_hash,
            l1_transaction_hash: batch.tx_hash,
            da_kind: match header.as_ref().map(|header| header.da_kind) {
                Some(DaKind::Calldata) => "calldata",
                Some(DaKind::Blobs) => "blobs",
                Some(DaKind::None) | None => "none",
            },
            payload_length: U64::from(header.map_or(0, |header| header.payload_length)),
        }))
    }

    /// A blob of a batch as it was posted, by the batch's index and the blob's place in it; nothing where there is none. One
    /// for each request: its text has 262,144 digits.
    pub(crate) async fn blob_of_batch(
        self: Arc<Self>,
        batch: U64,
        place: U64,
    ) -> Result<AnswerText, RpcError> {
        let read = move |rpc: &Self| {
            // It, and its text before that gets into the answer.
            work::current().budget.take(3 * BLOB_SIZE)?;
            Ok(rpc.reader()?.blob(batch.to(), place.to())?)
        };
        self.answer(Work::Light, read).await
    }

    pub(crate) async fn rollup_config(self: Arc<Self>) -> Result<RollupConfig, RpcError> {
        Ok(RollupConfig::clone(self.chain.config()))
    }
}
