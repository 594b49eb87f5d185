//! Appending blocks to the head, one at a time: for derivation, for the sequencer, and for single blocks of the feed.

use std::sync::Arc;

use alloy::primitives::Bytes;
use db::{Database, MessageRecord, Tx, TxMode, Writer};
use rayon::prelude::*;
use stf::{
    BlockError, BlockInputs, ExecutedBlock, ExtraData, InvalidTransaction, Message, MessageHeader,
    MessageSource, Transaction,
    config::{GUARANTEE, MIN_MESSAGE_GAS},
    derive::consume,
};

use super::{
    BuildPlan, BuiltBlock, Chain, ChainBlock, ChainError, ChainEvent, Head, KEPT_TRIE_DEPTH, Keeper,
    MAX_TRIE_NODES, StoredStateError,
    events::size,
    stages::{HeadBuilder, SealedBlock, execute, run_all, seal, write},
    stored_state::HeadState,
};

/// A list of transactions shorter than this is not worth spreading over threads.
const PARALLEL_RECOVERY: usize = 8;

/// Bytes of dropped blocks that are told of, some. A run of 60,000 blocks may be dropped at once, and what it had is in
/// memory until all have heard of it.
const MAX_DROPPED: usize = 16 << 20;

/// The message queue in the database.
pub(crate) struct StoredQueue<'a, K: TxMode>(pub(crate) &'a Tx<K>);

impl<K: TxMode> StoredQueue<'_, K> {
    /// The header of message `index`.
    pub(crate) fn header(&self, index: u64) -> Result<MessageHeader, ChainError> {
        Ok(self.read(index)?.0)
    }

    fn read(&self, index: u64) -> Result<(MessageHeader, MessageRecord), ChainError> {
        let missing = ChainError::Missing { what: "message", number: index };
        let record = self.0.message(index)?.ok_or(missing)?;
        let header = MessageHeader::decode(&record.header)
            .map_err(|_| ChainError::Missing { what: "readable message", number: index })?;
        Ok((header, record))
    }
}

impl<K: TxMode> MessageSource for StoredQueue<'_, K> {
    type Error = ChainError;

    fn message(&mut self, index: u64) -> Result<Message, ChainError> {
        let (header, record) = self.read(index)?;
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
    /// What the head's header carries for derivation. Every block of this chain has it.
    pub(super) fn extra_data(&self) -> ExtraData {
        ExtraData::of(&self.header).unwrap_or_default()
    }

    /// The queue index after the head.
    pub(super) fn cursor(&self) -> u64 {
        self.extra_data().message_cursor
    }

    /// Makes ready to execute on a database that has everything up to the head.
    pub(super) fn begin(&mut self) {
        self.hot.begin();
        if self.trie.node_count() > MAX_TRIE_NODES {
            self.trie.evict(KEPT_TRIE_DEPTH);
        }
    }

    /// Executes the next block, whose transactions `fill` chooses, and writes it. `sealed` sees it before it is written.
    pub(super) fn append<R>(
        &mut self,
        config: &stf::ChainConfig,
        writer: &mut Writer,
        inputs: (u64, &[Message]),
        fill: impl FnOnce(&mut HeadBuilder<'_>) -> Result<R, BlockError<StoredStateError>>,
        sealed: impl FnOnce(&ExecutedBlock, &Writer) -> Result<(), ChainError>,
    ) -> Result<(ChainBlock, R), ChainError> {
        self.begin();
        let nodes = std::mem::take(&mut self.nodes);
        let at = writer.state_at(self.header.number)?;
        let state = HeadState::new(at, &[], &mut self.hot);
        let (pending, filled) = execute(config, (&self.header, self.hash), state, inputs, fill)?;
        let complete = seal(pending, &mut self.trie, &at, nodes)?;
        sealed(&complete.block, writer)?;
        write(writer, std::slice::from_ref(&complete))?;
        let SealedBlock { block, nodes } = complete;
        (self.header, self.hash, self.nodes) = (block.header.clone(), block.hash, nodes);
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
        let given = (inputs.timestamp, &inputs.messages[..]);
        let (block, ()) = self.append(config, writer, given, run_all(transactions), |_, _| Ok(()))?;
        Ok(block)
    }
}

impl Chain {
    /// Builds the next unsafe block: deposits and messages as planned, then whatever `fill` executes. When this
    /// returns, the block is in the database and announced.
    ///
    /// It takes no more gas of messages than every block of a batch stands for, so that derivation makes the same block
    /// of it, however the blocks are put into batches ([`stf::derive::is_greedy`]).
    pub fn build<R>(
        &self,
        plan: BuildPlan,
        fill: impl FnOnce(&mut HeadBuilder<'_>) -> R,
    ) -> Result<(Arc<ChainBlock>, R), ChainError> {
        self.build_kept(plan, &mut (), fill)
    }

    /// As [`build`](Self::build), of a block that `keeper` keeps, too: nobody hears of it before it is kept there, and if it
    /// can't be, it is not in the chain. If this fails after the keeper was asked, the keeper may have it all the same.
    pub fn build_kept<R>(
        &self,
        plan: BuildPlan,
        keeper: &mut impl Keeper,
        fill: impl FnOnce(&mut HeadBuilder<'_>) -> R,
    ) -> Result<(Arc<ChainBlock>, R), ChainError> {
        let built = self.write(|head, events| {
            if head.deriving {
                return Err(ChainError::Deriving);
            }
            let mut writer = self.0.db.write()?;
            let cursor = head.cursor();
            let limit = messages_up_to(&writer, cursor, plan)?;
            let messages = consume(cursor, limit, GUARANTEE, &mut StoredQueue(&writer))?;
            let config = &self.0.config.chain;
            let inputs = (plan.timestamp, &messages[..]);
            let (parent, number) = (head.hash, head.header.number + 1);
            let unkept = |error| ChainError::Unkept { number, error };
            let (block, filled) = head.append(
                config,
                &mut writer,
                inputs,
                |builder| Ok(fill(builder)),
                |block, writer| {
                    let built =
                        BuiltBlock::new(block, parent, cursor..cursor + messages.len() as u64, writer)?;
                    keeper.begin(&built).map_err(unkept)
                },
            )?;
            keeper.finish().map_err(unkept)?;
            writer.commit()?;
            let block = Arc::new(block);
            events.push(ChainEvent::Block(block.clone()));
            Ok((block, filled))
        });
        self.end_at_unknown_rules(built)
    }

    /// Takes away all blocks above `number`.
    pub(super) fn truncate(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        number: u64,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        let (mut dropped, mut bytes) = (Vec::new(), 0);
        for number in number + 1..=head.header.number {
            let block = load_block(writer, number)?;
            bytes += size(&block);
            if bytes > MAX_DROPPED {
                break;
            }
            dropped.push(Arc::new(block));
        }
        let count = head.header.number - number;
        writer.truncate_above(number)?;
        let header = writer.header(number)?.ok_or(ChainError::Missing { what: "header", number })?;
        tracing::info!(target: "node::chain", to = number, dropped = count, "unsafe blocks dropped");
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
    let most = GUARANTEE / MIN_MESSAGE_GAS;
    let mut count = 0;
    while count < plan.max_messages.min(most) {
        match writer.message(cursor + count)? {
            Some(message) if message.l1_block <= plan.message_l1_limit => count += 1,
            _ => break,
        }
    }
    Ok(count)
}

fn load_block<K: db::TxMode>(tx: &db::Tx<K>, number: u64) -> Result<ChainBlock, ChainError> {
    let missing = |what| ChainError::Missing { what, number };
    let header = tx.header(number)?.ok_or(missing("header"))?;
    let stored = tx.transactions(number)?.ok_or(missing("body"))?;
    let receipts = tx.receipts(number)?.ok_or(missing("receipts"))?;
    let transactions: Result<Vec<_>, InvalidTransaction> =
        stored.into_iter().map(|tx| Transaction::stored(tx.raw, tx.sender)).collect();
    Ok(ChainBlock {
        hash: header.hash(),
        header: header.into_inner(),
        transactions: transactions.map_err(|_| missing("readable transaction"))?,
        receipts: receipts.into_iter().map(|stored| stored.receipt).collect(),
    })
}
