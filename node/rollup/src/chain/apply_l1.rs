//! Following L1: storing the inbox, deriving batches, undoing reorgs.

use std::{collections::VecDeque, sync::Arc};

use alloy::primitives::{B256, Bytes};
use db::{BatchRecord, DepositAlias, L1Cursor, MessageRecord, Writer};
use stf::{
    BatchHeader, BlockInputs, BlockSpec, ExtraData, Message, Transaction,
    derive::{block_inputs, block_specs, message_cursor},
    message::deposit_transaction,
};

use super::{
    Chain, ChainError, ChainEvent, Head,
    execute::{StoredQueue, recover},
};
use crate::l1::{InboxEvent, L1Block, L1Update};

/// L1 blocks that are kept below the cursor even when they are final, so that an endpoint that is a little behind
/// can still be matched.
const KEPT_L1_BLOCKS: u64 = 256;

/// L2 blocks after which to commit. What a transaction writes is in memory until it commits, and an L1 block may bring
/// 60,000 blocks at once (the inbox's allowance); fewer commits write upper tree pages less often.
const DERIVED_PER_COMMIT: usize = 500;

/// What is to be done for an L1 block, in order.
enum Step {
    Begin { number: u64, row: db::L1BlockRecord },
    Message { l1_block: u64, index: u64, message: Box<Message>, client_hash: Option<B256> },
    Batch { index: u64, header: BatchHeader, record: Box<BatchRecord>, info_index: u64, info: Box<Message> },
    Derive(Derivation),
    End(L1Cursor),
}

/// The blocks of a batch that are still to be derived.
struct Derivation {
    batch: BatchHeader,
    next: u64,
    blocks: std::vec::IntoIter<(Option<BlockSpec>, Vec<Option<Transaction>>)>,
}

/// The steps of an L1 block.
fn steps(block: L1Block) -> impl Iterator<Item = Step> {
    let (number, hash) = (block.number, block.hash);
    let row = db::L1BlockRecord { hash, parent: block.parent_hash, timestamp: block.timestamp };
    let events = block.events.into_iter().map(move |event| match event {
        InboxEvent::Message { index, message, client_hash } => {
            Step::Message { l1_block: number, index, message: Box::new(message), client_hash }
        }
        InboxEvent::Batch { index, header, acc, info_index, info, data, tx_hash } => {
            let record = BatchRecord {
                acc,
                header: header.encode(),
                l1_block: number,
                l1_hash: hash,
                tx_hash,
                first_block: header.first_block,
                last_block: header.last_block(),
                data: data.into(),
            };
            Step::Batch { index, header, record: Box::new(record), info_index, info: Box::new(info) }
        }
    });
    std::iter::once(Step::Begin { number, row })
        .chain(events)
        .chain(std::iter::once(Step::End(L1Cursor { number, hash })))
}

impl Chain {
    /// Applies what the follower has read from L1. A long L1 block takes several database transactions; meanwhile neither
    /// the sequencer nor the feed moves the head. If it fails, the cursor is at the last L1 block that was applied whole,
    /// and what was there of the next one is taken back; its L2 blocks stay as unsafe ones. A process that ended in
    /// between does the same when it opens the chain again.
    pub fn apply_l1(&self, update: L1Update) -> Result<(), ChainError> {
        let blocks = match update {
            L1Update::Blocks(blocks) => blocks,
            L1Update::Rewind { to } => {
                return self.write(|head, events| {
                    let mut writer = self.database().write()?;
                    self.rewind(head, &mut writer, to, events)?;
                    Ok(writer.commit()?)
                });
            }
            L1Update::Finalized(l1_number) => {
                return self.write(|_, _| {
                    let mut writer = self.database().write()?;
                    finalize(&mut writer, l1_number)?;
                    Ok(writer.commit()?)
                });
            }
        };
        let applied = self.apply_blocks(blocks);
        if applied.is_err()
            && let Err(error) = self.take_back_unfinished()
        {
            tracing::error!(target: "node::chain", %error, "an L1 block stays applied in part");
        }
        self.end_at_unknown_rules(applied)
    }

    fn apply_blocks(&self, blocks: Vec<L1Block>) -> Result<(), ChainError> {
        let mut work: VecDeque<Step> = VecDeque::new();
        let mut blocks = blocks.into_iter();
        loop {
            let done = self.write(|head, events| {
                let mut writer = self.database().write()?;
                let mut budget = DERIVED_PER_COMMIT;
                while budget > 0 {
                    let Some(step) = work.pop_front() else {
                        let Some(block) = blocks.next() else { break };
                        work.extend(steps(block));
                        continue;
                    };
                    if let Some(rest) = self.take_step(head, &mut writer, step, &mut budget, events)? {
                        work.push_front(rest);
                    }
                }
                writer.commit()?;
                head.deriving = !work.is_empty();
                Ok(budget > 0)
            })?;
            if done {
                return Ok(());
            }
        }
    }

    /// Takes back what is there of an L1 block that was not applied whole.
    pub(super) fn take_back_unfinished(&self) -> Result<(), ChainError> {
        self.write(|head, events| {
            let reader = self.database().read()?;
            let applied = reader.l1_cursor()?.map_or(0, |cursor| cursor.number);
            let Some(unfinished) = reader.l1_blocks(applied + 1..=u64::MAX)?.next().transpose()? else {
                return Ok(());
            };
            drop(reader);
            tracing::info!(target: "node::chain", l1_block = unfinished.0, "an L1 block is applied anew");
            let mut writer = self.database().write()?;
            self.rewind(head, &mut writer, applied, events)?;
            Ok(writer.commit()?)
        })
    }

    /// Takes one step, as far as `budget` blocks go; returns what is left of it.
    fn take_step(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        step: Step,
        budget: &mut usize,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Option<Step>, ChainError> {
        match step {
            Step::Begin { number, row } => writer.put_l1_block(number, &row)?,
            Step::Message { l1_block, index, message, client_hash } => {
                put_message(writer, l1_block, index, &message, client_hash)?;
            }
            Step::Batch { index, header, record, info_index, info } => {
                put_message(writer, record.l1_block, info_index, &info, None)?;
                let expected = writer.batch_count()?;
                if index != expected {
                    return Err(ChainError::NotNext { what: "batch", expected, found: index });
                }
                writer.put_batch(index, &record)?;
                let derivation = self.begin_batch(head, writer, header, &record.data, events)?;
                return Ok(derivation.map(Step::Derive));
            }
            Step::Derive(mut derivation) => {
                self.derive(head, writer, &mut derivation, budget, events)?;
                if derivation.blocks.len() > 0 {
                    return Ok(Some(Step::Derive(derivation)));
                }
            }
            Step::End(cursor) => writer.set_l1_cursor(cursor)?,
        }
        Ok(None)
    }

    /// Makes those blocks of a batch safe that are here already, takes away what is in the place of the others, and says
    /// which are to be derived.
    fn begin_batch(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        batch: BatchHeader,
        data: &[u8],
        events: &mut Vec<ChainEvent>,
    ) -> Result<Option<Derivation>, ChainError> {
        let safe = writer.safe()?.unwrap_or(0);
        if batch.first_block != safe + 1 {
            let (expected, found) = (safe + 1, batch.first_block);
            return Err(ChainError::NotNext { what: "first block of a batch", expected, found });
        }
        let mut specs = block_specs(&self.0.config.chain, &batch, data, 0..usize::MAX);
        let known = self.consolidate(head, writer, &batch, &mut specs)?;
        writer.set_safe(safe + known)?;
        // At most MAX_BLOCKS_PER_BATCH.
        let specs = specs.split_off(known as usize);
        if specs.is_empty() {
            return Ok(None);
        }
        if safe + known < head.header.number {
            self.truncate(head, writer, safe + known, events)?;
        }
        let transactions = recover_all(&specs);
        let blocks: Vec<_> = specs.into_iter().zip(transactions).collect();
        Ok(Some(Derivation { next: batch.first_block + known, batch, blocks: blocks.into_iter() }))
    }

    /// Derives blocks of a batch, and makes them safe: `budget` of them, or all that are left.
    fn derive(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        derivation: &mut Derivation,
        budget: &mut usize,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        let config = &self.0.config.chain;
        for (spec, transactions) in derivation.blocks.by_ref().take(*budget) {
            *budget -= 1;
            let (extra, batch) = (head.extra_data(), &derivation.batch);
            let inputs = block_inputs(config, &head.header, &extra, batch, spec, &mut StoredQueue(writer))?;
            let block = head.append_inputs(config, writer, &inputs, &transactions)?;
            derivation.next += 1;
            if self.0.events.is_followed() {
                events.push(ChainEvent::Block(Arc::new(block)));
            }
        }
        Ok(writer.set_safe(derivation.next - 1)?)
    }

    /// How many blocks of a batch, from its first on, are here already just as the batch says.
    fn consolidate(
        &self,
        head: &Head,
        writer: &Writer,
        batch: &BatchHeader,
        specs: &mut [Option<BlockSpec>],
    ) -> Result<u64, ChainError> {
        let mut known = 0;
        for (number, spec) in (batch.first_block..=head.header.number).zip(specs) {
            let missing = |number| ChainError::Missing { what: "header", number };
            let parent = writer.header(number - 1)?.ok_or(missing(number - 1))?;
            let here = writer.header(number)?.ok_or(missing(number))?;
            let extra = ExtraData::of(&parent).unwrap_or_default();
            let config = &self.0.config.chain;
            let queue = &mut StoredQueue(writer);
            let inputs = block_inputs(config, &parent, &extra, batch, spec.clone(), queue)?;
            let end = extra.message_cursor + inputs.messages.len() as u64;
            let same = here.timestamp == inputs.timestamp
                && message_cursor(&here) == Some(end)
                && same_transactions(writer, number, &inputs)?;
            if !same {
                break;
            }
            known += 1;
        }
        Ok(known)
    }

    /// Undoes all L1 blocks above `to`, and the L2 blocks that depended on them.
    fn rewind(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        to: u64,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        writer.truncate_l1_above(to)?;
        let safe = match writer.batch_count()?.checked_sub(1) {
            Some(last) => {
                let missing = ChainError::Missing { what: "batch", number: last };
                writer.batch(last)?.ok_or(missing)?.last_block
            }
            None => 0,
        };
        let finalized = writer.finalized()?.unwrap_or(0);
        if safe < finalized {
            return Err(ChainError::BelowFinalized { safe, finalized });
        }
        writer.set_safe(safe)?;
        // Unsafe blocks stand as long as the messages that they consumed do.
        let messages = writer.message_count()?;
        let mut stands = head.header.number;
        while stands > safe {
            let missing = ChainError::Missing { what: "header", number: stands };
            let header = writer.header(stands)?.ok_or(missing)?;
            if message_cursor(&header).is_some_and(|cursor| cursor <= messages) {
                break;
            }
            stands -= 1;
        }
        if stands < head.header.number {
            self.truncate(head, writer, stands, events)?;
        }
        Ok(())
    }
}

/// Recovers the transactions of all specs at once, then hands them out block by block.
fn recover_all(specs: &[Option<BlockSpec>]) -> Vec<Vec<Option<Transaction>>> {
    let of = |spec: &Option<BlockSpec>| spec.as_ref().map_or(0, |spec| spec.transactions.len());
    let all: Vec<Bytes> = specs.iter().flatten().flat_map(|spec| spec.transactions.iter().cloned()).collect();
    let mut recovered = recover(&all).into_iter();
    specs.iter().map(|spec| recovered.by_ref().take(of(spec)).collect()).collect()
}

fn same_transactions(writer: &Writer, number: u64, inputs: &BlockInputs) -> Result<bool, ChainError> {
    let stored = writer.transactions(number)?.ok_or(ChainError::Missing { what: "body", number })?;
    let users = stored.iter().filter(|tx| !tx.is_deposit());
    Ok(users.map(|tx| &tx.raw).eq(&inputs.transactions))
}

fn put_message(
    writer: &mut Writer,
    l1_block: u64,
    index: u64,
    message: &Message,
    client_hash: Option<B256>,
) -> Result<(), ChainError> {
    let expected = writer.message_count()?;
    if index != expected {
        return Err(ChainError::NotNext { what: "message", expected, found: index });
    }
    let alias = client_hash.and_then(|client_hash| {
        let deposit = deposit_transaction(message).ok()?;
        Some(DepositAlias { client_hash, hash: Transaction::deposit(deposit).hash() })
    });
    let record = MessageRecord {
        l1_block,
        acc: message.acc,
        header: message.header.encode(),
        data: message.data.clone().into(),
        alias,
    };
    Ok(writer.put_message(index, &record)?)
}

/// Makes the blocks of batches up to an L1 block final, and forgets L1 blocks that can't be reorganised away.
fn finalize(writer: &mut Writer, l1_number: u64) -> Result<(), ChainError> {
    let before = writer.finalized()?.unwrap_or(0);
    let mut next = writer.batch_count()?;
    while let Some(index) = next.checked_sub(1) {
        let batch = writer.batch(index)?.ok_or(ChainError::Missing { what: "batch", number: index })?;
        if batch.l1_block <= l1_number {
            if batch.last_block > before {
                writer.set_finalized(batch.last_block)?;
            }
            break;
        }
        next = index;
    }
    let cursor = writer.l1_cursor()?.map_or(0, |cursor| cursor.number);
    Ok(writer.forget_l1_blocks_below(l1_number.min(cursor.saturating_sub(KEPT_L1_BLOCKS)))?)
}
