//! The three stages of a new block, whoever brings it: execute, seal, write.
//!
//! ```text
//! execute   parent, inputs, state  ⇒ PendingBlock   receipts and state changes
//! seal      PendingBlock, trie     ⇒ SealedBlock    the roots, and with them the header and its hash
//! write     SealedBlocks           ⇒ the database
//! ```
//!
//! `execute.rs` makes them one after the other for one block. `import.rs` makes them side by side for a run of blocks of
//! the feed. Derivation can't do that: execution begins by storing the parent's hash (EIP-2935), so a block can only be
//! executed once its parent is sealed. The feed names the hash of each block ahead; a batch does not.

use alloy::{
    consensus::{Header, Sealed},
    primitives::{Address, B256, Bytes},
};
use db::{BlockRecord, NodeBuffer, StateAt, TxMode, Writer};
use stf::{
    BlockBuilder, BlockError, ExecutedBlock, Message, StateTrie, Transaction, block::PendingBlock,
    derive::block_timestamp,
};

use super::{ChainError, StoredStateError, stored_state::HeadState};

/// The block builder on the chain's head state.
pub type HeadBuilder<'a, K = db::ReadWrite> = BlockBuilder<HeadState<'a, K>>;

/// A complete block, and the trie nodes that it added.
pub(super) struct SealedBlock {
    pub(super) block: ExecutedBlock,
    pub(super) nodes: NodeBuffer,
}

/// Executes the block after `parent`, whose transactions `fill` chooses. `inputs` are the timestamp that it is to have and
/// the messages that it consumes. The hot cache under `state` has everything that it changed afterwards.
pub(super) fn execute<K: TxMode, R>(
    config: &stf::ChainConfig,
    parent: (&Header, B256),
    state: HeadState<'_, K>,
    inputs: (u64, &[Message]),
    fill: impl FnOnce(&mut HeadBuilder<'_, K>) -> Result<R, BlockError<StoredStateError>>,
) -> Result<(PendingBlock, R), ChainError> {
    let (header, hash) = parent;
    let number = header.number + 1;
    let failed = |error| ChainError::Execution { number, error };
    let (wanted, messages) = inputs;
    let timestamp = block_timestamp(header, messages, wanted);
    let mut builder =
        BlockBuilder::begin(config, header, hash, timestamp, messages, state).map_err(failed)?;
    let filled = fill(&mut builder).map_err(failed)?;
    let (pending, mut state) = builder.finish_with(|state, touched| state.hot().update(touched));
    state.hot().deployed(pending.codes());
    Ok((pending, filled))
}

/// Fills a block with these transactions; invalid ones are left out.
pub(super) fn run_all<K: TxMode>(
    transactions: &[Option<Transaction>],
) -> impl FnOnce(&mut HeadBuilder<'_, K>) -> Result<(), BlockError<StoredStateError>> {
    move |builder| {
        for transaction in transactions.iter().flatten() {
            if let Err(error) = builder.execute(transaction)? {
                let (number, tx) = (builder.header().number, transaction.hash());
                tracing::debug!(target: "node::chain", number, %tx, %error, "invalid transaction left out");
            }
        }
        Ok(())
    }
}

/// Computes the roots and the hash of an executed block. `trie` moves to its state; `at` has the nodes that `trie` does
/// not hold; `nodes` takes the new ones, and need not be empty.
pub(super) fn seal<K: TxMode>(
    pending: PendingBlock,
    trie: &mut StateTrie,
    at: &StateAt<'_, K>,
    mut nodes: NodeBuffer,
) -> Result<SealedBlock, ChainError> {
    nodes.clear();
    let block = pending.seal(trie, at, &mut nodes)?;
    Ok(SealedBlock { block, nodes })
}

/// Writes consecutive blocks.
pub(super) fn write(writer: &mut Writer, blocks: &[SealedBlock]) -> Result<(), ChainError> {
    let encoded: Vec<Encoded> = blocks.iter().map(|sealed| Encoded::new(&sealed.block)).collect();
    let records: Vec<BlockRecord<'_>> = encoded
        .iter()
        .zip(blocks)
        .map(|(encoded, sealed)| BlockRecord {
            header: &encoded.header,
            transactions: &encoded.transactions,
            hashes: &encoded.hashes,
            senders: &encoded.senders,
            receipts: &encoded.receipts,
            changes: &sealed.block.changes,
            nodes: &sealed.nodes,
        })
        .collect();
    Ok(writer.append_blocks(&records)?)
}

/// A block's lists, in the form that the database takes.
struct Encoded {
    header: Sealed<Header>,
    transactions: Vec<Bytes>,
    hashes: Vec<B256>,
    senders: Vec<Address>,
    receipts: Vec<db::StoredReceipt>,
}

impl Encoded {
    fn new(block: &ExecutedBlock) -> Self {
        let mut before = 0;
        let receipts = block.receipts.iter().map(|receipt| {
            let cumulative = receipt.cumulative_gas_used();
            let gas_used = cumulative.saturating_sub(before);
            before = cumulative;
            db::StoredReceipt { receipt: receipt.clone(), gas_used, l1_fee: None }
        });
        Self {
            header: Sealed::new_unchecked(block.header.clone(), block.hash),
            receipts: receipts.collect(),
            transactions: block.transactions.iter().map(|tx| tx.encoded().clone()).collect(),
            hashes: block.transactions.iter().map(Transaction::hash).collect(),
            senders: block.transactions.iter().map(Transaction::sender).collect(),
        }
    }
}
