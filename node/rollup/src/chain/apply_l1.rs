//! Following L1: storing the inbox, deriving batches, undoing reorgs.

use std::sync::Arc;

use alloy::primitives::Bytes;
use db::{BatchRecord, DepositAlias, L1Cursor, MessageRecord, Writer};
use stf::{
    BatchHeader, BlockInputs, BlockSpec, Message, Transaction,
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

/// L2 blocks after which to commit. What a transaction writes is in memory until it commits; fewer commits
/// write upper tree pages less often.
const DERIVED_PER_COMMIT: u64 = 500;

/// How many L2 blocks the batches in an L1 block hold.
fn derived_blocks(block: &L1Block) -> u64 {
    let count = |event: &InboxEvent| match event {
        InboxEvent::Batch { header, .. } => header.block_count,
        InboxEvent::Message { .. } => 0,
    };
    block.events.iter().map(count).sum()
}

impl Chain {
    /// Applies what the follower has read from L1: of each L1 block everything, or nothing. If it fails, the cursor
    /// is at the last L1 block that was applied.
    pub fn apply_l1(&self, update: L1Update) -> Result<(), ChainError> {
        let L1Update::Blocks(blocks) = update else {
            return self.write(|head, events| {
                let mut writer = self.database().write()?;
                match update {
                    L1Update::Rewind { to } => self.rewind(head, &mut writer, to, events)?,
                    L1Update::Finalized(l1_number) => finalize(&mut writer, l1_number)?,
                    L1Update::Blocks(_) => {}
                }
                Ok(writer.commit()?)
            });
        };
        let mut blocks = blocks.into_iter().peekable();
        while blocks.peek().is_some() {
            self.write(|head, events| {
                let mut writer = self.database().write()?;
                let mut derived = 0;
                while derived < DERIVED_PER_COMMIT
                    && let Some(block) = blocks.next()
                {
                    derived += derived_blocks(&block);
                    self.apply_block(head, &mut writer, block, events)?;
                }
                Ok(writer.commit()?)
            })?;
        }
        Ok(())
    }

    fn apply_block(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        block: L1Block,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        let (number, hash) = (block.number, block.hash);
        let row = db::L1BlockRecord { hash, parent: block.parent_hash, timestamp: block.timestamp };
        writer.put_l1_block(number, &row)?;
        for event in block.events {
            match event {
                InboxEvent::Message { index, message, client_hash } => {
                    put_message(writer, number, index, &message, client_hash)?;
                }
                InboxEvent::Batch { index, header, acc, info_index, info, payload, tx_hash } => {
                    put_message(writer, number, info_index, &info, None)?;
                    let expected = writer.batch_count()?;
                    if index != expected {
                        return Err(ChainError::NotNext { what: "batch", expected, found: index });
                    }
                    let payload = Bytes::from(payload);
                    writer.put_batch(
                        index,
                        &BatchRecord {
                            acc,
                            header: header.encode(),
                            l1_block: number,
                            l1_hash: hash,
                            tx_hash,
                            first_block: header.first_block,
                            last_block: header.last_block(),
                            payload: payload.clone(),
                        },
                    )?;
                    self.derive(head, writer, &header, &payload, events)?;
                }
            }
        }
        Ok(writer.set_l1_cursor(L1Cursor { number, hash })?)
    }

    /// Derives the blocks of a batch, and makes them safe.
    fn derive(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        batch: &BatchHeader,
        payload: &[u8],
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ChainError> {
        let safe = writer.safe()?.unwrap_or(0);
        if batch.first_block != safe + 1 {
            let (expected, found) = (safe + 1, batch.first_block);
            return Err(ChainError::NotNext { what: "first block of a batch", expected, found });
        }
        let config = &self.0.config.chain;
        let mut specs = block_specs(config, batch, payload, 0..usize::MAX);
        let known = self.consolidate(head, writer, batch, &mut specs)?;
        let next = batch.first_block + known;
        if next <= batch.last_block() {
            if next <= head.header.number {
                self.truncate(head, writer, next - 1, events)?;
            }
            let mut specs = specs.split_off(known as usize);
            let transactions = recover_all(&specs);
            for (spec, transactions) in specs.iter_mut().zip(transactions) {
                let cursor = head.cursor();
                let spec = spec.take();
                let inputs =
                    block_inputs(config, &head.header, cursor, batch, spec, &mut StoredQueue(writer))?;
                let block = head.append_inputs(config, writer, &inputs, &transactions)?;
                if self.0.events.receiver_count() > 0 {
                    events.push(ChainEvent::Block(Arc::new(block)));
                }
            }
        }
        Ok(writer.set_safe(batch.last_block())?)
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
            let cursor = message_cursor(&parent).unwrap_or(0);
            let inputs = block_inputs(
                &self.0.config.chain,
                &parent,
                cursor,
                batch,
                spec.clone(),
                &mut StoredQueue(writer),
            )?;
            let end = cursor + inputs.messages.len() as u64;
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
    client_hash: Option<alloy::primitives::B256>,
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
