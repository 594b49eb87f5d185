//! Executing blocks at the head: for derivation, for the feed, for the sequencer.

use std::sync::Arc;

use alloy::{
    consensus::{Header, Sealed},
    primitives::{B256, Bytes},
};
use db::{BlockRecord, Database, Kind, NodeBuffer, Tx, Writer};
use rayon::prelude::*;
use stf::{
    BlockBuilder, BlockError, BlockInputs, ExecutedBlock, Message, MessageHeader, MessageSource, Skip,
    Transaction,
    block::PendingBlock,
    derive::{consume, message_cursor},
};

use super::{
    BuildPlan, Chain, ChainBlock, ChainError, ChainEvent, Head, KEPT_TRIE_DEPTH, MAX_TRIE_NODES, StateError,
    state::HeadState,
};

/// A list of transactions shorter than this is not worth spreading over threads.
const PARALLEL_RECOVERY: usize = 8;

/// The block builder on the chain's head state.
pub type HeadBuilder<'a, K = db::ReadWrite> = BlockBuilder<HeadState<'a, K>>;

/// The message queue in the database.
pub(super) struct Queue<'a, K: Kind>(pub(super) &'a Tx<K>);

impl<K: Kind> MessageSource for Queue<'_, K> {
    type Error = ChainError;

    fn message(&mut self, index: u64) -> Result<Message, ChainError> {
        let missing = ChainError::Missing { what: "message", number: index };
        let record = self.0.message(index)?.ok_or(missing)?;
        let header = MessageHeader::decode(&record.header)
            .map_err(|_| ChainError::Missing { what: "readable message", number: index })?;
        Ok(Message { header, data: record.data.to_vec(), acc: record.acc })
    }
}

/// Recovers the senders of a list of transactions; those that do not recover are left out, as execution would.
pub(super) fn recover(transactions: &[Bytes]) -> Vec<Option<Transaction>> {
    let recover = |raw: &Bytes| Transaction::recover(raw.clone()).ok();
    if transactions.len() < PARALLEL_RECOVERY {
        transactions.iter().map(recover).collect()
    } else {
        transactions.par_iter().map(recover).collect()
    }
}

impl Head {
    /// The queue index after the head.
    pub(super) fn cursor(&self) -> u64 {
        message_cursor(&self.header).unwrap_or(0)
    }

    /// Makes ready to execute on a database that has everything up to the head.
    pub(super) fn begin(&mut self) {
        self.hot.begin();
        if self.trie.node_count() > MAX_TRIE_NODES {
            self.trie.evict(KEPT_TRIE_DEPTH);
        }
    }

    /// Executes the next block, whose transactions `fill` chooses, and writes it.
    pub(super) fn append<R>(
        &mut self,
        config: &stf::ChainConfig,
        writer: &mut Writer,
        inputs: (u64, &[Message]),
        fill: impl FnOnce(&mut HeadBuilder<'_>) -> R,
    ) -> Result<(ChainBlock, R), ChainError> {
        self.begin();
        let mut nodes = std::mem::take(&mut self.nodes);
        let at = writer.state_at(self.header.number)?;
        let state = HeadState::new(at, &[], &mut self.hot);
        let (pending, filled) = execute(config, (&self.header, self.hash), state, inputs, fill)?;
        nodes.clear();
        let block = pending.seal(&mut self.trie, &at, &mut nodes)?;
        self.header = block.header.clone();
        self.hash = block.hash;
        write_blocks(writer, &[(&block, &nodes)])?;
        self.nodes = nodes;
        Ok((ChainBlock::new(block), filled))
    }

    /// Executes the next block with a given list of transactions, and writes it.
    pub(super) fn append_inputs(
        &mut self,
        config: &stf::ChainConfig,
        writer: &mut Writer,
        inputs: &BlockInputs,
        transactions: &[Option<Transaction>],
    ) -> Result<ChainBlock, ChainError> {
        let number = self.header.number + 1;
        let (block, outcome) =
            self.append(config, writer, (inputs.timestamp, &inputs.messages), run_all(transactions))?;
        outcome.map_err(|error| ChainError::Execution { number, error })?;
        Ok(block)
    }
}

/// Executes the block after `parent`, whose transactions `fill` chooses. `inputs` are its timestamp and the messages that
/// it consumes. The hot cache under `state` has everything that it changed afterwards.
pub(super) fn execute<K: Kind, R>(
    config: &stf::ChainConfig,
    parent: (&Header, B256),
    state: HeadState<'_, K>,
    inputs: (u64, &[Message]),
    fill: impl FnOnce(&mut HeadBuilder<'_, K>) -> R,
) -> Result<(PendingBlock, R), ChainError> {
    let (header, hash) = parent;
    let number = header.number + 1;
    let failed = |error| ChainError::Execution { number, error };
    let cursor = message_cursor(header).unwrap_or(0);
    let (timestamp, messages) = inputs;
    let timestamp = timestamp.max(header.timestamp);
    let mut builder =
        BlockBuilder::begin(config, header, hash, timestamp, cursor, messages, state).map_err(failed)?;
    let filled = fill(&mut builder);
    let (pending, mut state) = builder.finish_with(|state, touched| state.hot().update(touched));
    state.hot().deployed(pending.codes());
    Ok((pending, filled))
}

/// Fills a block with these transactions; those that cannot be in it are skipped.
pub(super) fn run_all<K: Kind>(
    transactions: &[Option<Transaction>],
) -> impl FnOnce(&mut HeadBuilder<'_, K>) -> Result<(), BlockError<StateError>> {
    move |builder| {
        for transaction in transactions.iter().flatten() {
            if let Err(skip) = builder.execute(transaction)? {
                let (number, tx) = (builder.header().number, transaction.hash());
                tracing::debug!(target: "node::chain", number, %tx, %skip, "skipped");
            }
        }
        Ok(())
    }
}

/// Writes executed blocks, each with its new trie nodes.
pub(super) fn write_blocks(
    writer: &mut Writer,
    blocks: &[(&ExecutedBlock, &NodeBuffer)],
) -> Result<(), ChainError> {
    let encoded: Vec<Encoded> = blocks.iter().map(|(block, _)| Encoded::new(block)).collect();
    let records: Vec<BlockRecord<'_>> = encoded
        .iter()
        .zip(blocks)
        .map(|(encoded, (block, nodes))| BlockRecord {
            header: &encoded.header,
            transactions: &encoded.transactions,
            hashes: &encoded.hashes,
            senders: &encoded.senders,
            receipts: &encoded.receipts,
            changes: &block.changes,
            nodes,
        })
        .collect();
    Ok(writer.append_blocks(&records)?)
}

/// A block's lists, in the form that the database takes.
struct Encoded {
    header: Sealed<Header>,
    transactions: Vec<Bytes>,
    hashes: Vec<B256>,
    senders: Vec<alloy::primitives::Address>,
    receipts: Vec<db::StoredReceipt>,
}

impl Encoded {
    fn new(block: &stf::ExecutedBlock) -> Self {
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

impl Chain {
    /// Builds the next unsafe block: deposits and messages as planned, then whatever `fill` executes. When this
    /// returns, the block is in the database and announced.
    pub fn build<R>(
        &self,
        plan: BuildPlan,
        fill: impl FnOnce(&mut HeadBuilder<'_>) -> R,
    ) -> Result<(Arc<ChainBlock>, R), ChainError> {
        self.write(|head, events| {
            let mut writer = self.0.db.write()?;
            let cursor = head.cursor();
            let limit = messages_up_to(&writer, cursor, plan)?;
            let messages = consume(cursor, limit, &mut Queue(&writer))?;
            let config = &self.0.config.chain;
            let (block, filled) = head.append(config, &mut writer, (plan.timestamp, &messages), fill)?;
            writer.commit()?;
            let block = Arc::new(block);
            events.push(ChainEvent::Block(block.clone()));
            Ok((block, filled))
        })
    }

    /// Takes away all blocks above `number`.
    pub(super) fn truncate(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        number: u64,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        let dropped =
            (number + 1..=head.header.number).map(|number| load_block(writer, number).map(Arc::new));
        let dropped: Vec<_> = dropped.collect::<Result<_, _>>()?;
        writer.truncate_above(number)?;
        let header = writer.header(number)?.ok_or(ChainError::Missing { what: "header", number })?;
        tracing::info!(target: "node::chain", to = number, dropped = dropped.len(), "unsafe blocks dropped");
        head.hash = header.hash();
        head.header = header.into_inner();
        head.trie = stf::StateTrie::new(head.header.state_root);
        head.hot.clear();
        let to = super::BlockRef::new(&head.header, head.hash);
        events.push(ChainEvent::Reorg { to, dropped: Arc::new(dropped) });
        Ok(())
    }

    /// A block of the chain as it was executed.
    pub fn block(&self, number: u64) -> Result<Option<ChainBlock>, ChainError> {
        let reader = self.0.db.read()?;
        if reader.block_hash(number)?.is_none() {
            return Ok(None);
        }
        load_block(&reader, number).map(Some)
    }

    /// The database.
    pub(super) fn database(&self) -> &Database {
        &self.0.db
    }
}

/// How many messages from `cursor` on a plan allows.
fn messages_up_to(writer: &Writer, cursor: u64, plan: BuildPlan) -> Result<u64, ChainError> {
    // A block takes no more than this many, whatever the plan.
    let most = stf::config::DEPOSIT_GAS_CAP / stf::config::MIN_MESSAGE_GAS;
    let mut count = 0;
    while count < plan.max_messages.min(most) {
        match writer.message(cursor + count)? {
            Some(message) if message.l1_block <= plan.message_l1_limit => count += 1,
            _ => break,
        }
    }
    Ok(count)
}

fn load_block<K: db::Kind>(tx: &db::Tx<K>, number: u64) -> Result<ChainBlock, ChainError> {
    let missing = |what| ChainError::Missing { what, number };
    let header = tx.header(number)?.ok_or(missing("header"))?;
    let stored = tx.transactions(number)?.ok_or(missing("body"))?;
    let receipts = tx.receipts(number)?.ok_or(missing("receipts"))?;
    let transactions: Result<Vec<_>, Skip> =
        stored.into_iter().map(|tx| Transaction::stored(tx.raw, tx.sender)).collect();
    Ok(ChainBlock {
        hash: header.hash(),
        header: header.into_inner(),
        transactions: transactions.map_err(|_| missing("readable transaction"))?,
        receipts: receipts.into_iter().map(|stored| stored.receipt).collect(),
    })
}
