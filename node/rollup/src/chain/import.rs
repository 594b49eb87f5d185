//! Importing unsafe blocks of the sequencer, one or a run of them.
//!
//! ```text
//! execution    block n+2      on the database as it was before the run, and what the run has changed since, in memory
//!      │
//! sealing      block n+1      state root and the other roots; the hash must be the one that the sequencer signed
//!      │
//! writing      block n        one transaction for the run
//! ```
//!
//! The three take about as long as each other, and each needs of the block before only what its own stage has of it:
//! the hash of the parent, which execution puts into the next block, is known from the feed, and is checked before
//! anything counts. So they work side by side (`stages.rs` says why derivation's cannot).

use std::sync::{Arc, mpsc};

use alloy::primitives::{B256, Bytes};
use db::{NodeBuffer, Tx, TxMode, Writer};
use stf::{
    BlockInputs, Message, Transaction,
    block::PendingBlock,
    config::DEPOSIT_GAS_CAP,
    derive::{consume, message_cursor},
};

use super::{
    Chain, ChainBlock, ChainError, ChainEvent, FeedBlock, Head, ImportOutcome,
    execute::{StoredQueue, recover},
    stages::{SealedBlock, execute, run_all, seal, write},
    stored_state::HeadState,
};

/// Blocks of a run that are executed ahead of the database. What they change is kept in memory meanwhile.
const MAX_AHEAD: usize = 64;

/// Blocks that wait between two stages: enough that none stands still while another takes its time.
const QUEUE: usize = 16;

/// Blocks that are written together, if there are so many: what several of them change is put once.
const TOGETHER: usize = 8;

/// A block of the feed with its transactions' senders recovered.
type Recovered<'a> = (&'a FeedBlock, Vec<Option<Transaction>>);

impl Chain {
    /// Executes a run of unsafe blocks of the sequencer, and writes them. A block that differs from an unsafe one here
    /// replaces it and all after it; a safe block is never replaced.
    ///
    /// Blocks count in order: those before the first that does not fit are in the chain afterwards, and the outcome is
    /// that of the first that does not fit, or of the last.
    pub fn import_unsafe(&self, run: &[FeedBlock]) -> Result<ImportOutcome, ChainError> {
        // Signatures are recovered before the lock is taken.
        let all: Vec<Bytes> = run.iter().flat_map(|block| block.spec.transactions.iter().cloned()).collect();
        let mut recovered = recover(&all).into_iter();
        let run: Vec<Recovered<'_>> = run
            .iter()
            .map(|block| (block, recovered.by_ref().take(block.spec.transactions.len()).collect()))
            .collect();
        let mut outcome = ImportOutcome::Known;
        for part in run.chunks(MAX_AHEAD) {
            let fitting;
            (fitting, outcome) = self.try_import(part)?;
            if fitting < part.len() {
                if fitting > 0 {
                    self.try_import(&part[..fitting])?;
                }
                break;
            }
        }
        Ok(outcome)
    }

    /// Imports a run, in one transaction, if all of it fits, else nothing. Returns how many blocks fit, and what became
    /// of the last looked at.
    fn try_import(&self, run: &[Recovered<'_>]) -> Result<(usize, ImportOutcome), ChainError> {
        self.write(|head, events| {
            if head.deriving {
                return Ok((0, ImportOutcome::Deriving));
            }
            let mut writer = self.0.db.write()?;
            let next = head.header.number + 1..;
            let fresh = run.len() > 1 && run.iter().zip(next).all(|((feed, _), next)| feed.number == next);
            let (fitting, outcome) = if fresh {
                self.append_run(head, &mut writer, run, events)?
            } else {
                self.import_each(head, &mut writer, run, events)?
            };
            if fitting < run.len() {
                // What was written is dropped, memory goes back to the database.
                drop(writer);
                events.clear();
                **head = Head::load(&self.0.db.read()?)?;
            } else {
                writer.commit()?;
            }
            Ok((fitting, outcome))
        })
    }

    /// Appends blocks that come right after the head, executing on one thread, hashing on another, and writing on this
    /// one. Returns how many blocks fit, and what became of the last looked at.
    fn append_run(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        run: &[Recovered<'_>],
        events: &mut Vec<ChainEvent>,
    ) -> Result<(usize, ImportOutcome), ChainError> {
        head.begin();
        // Nothing is written yet, so snapshots have everything up to the head.
        let (reader, nodes_from) = (self.0.db.read()?, self.0.db.read()?);
        let Head { header, hash, trie, hot, .. } = head;
        let base = header.number;
        let parent = (header.clone(), *hash);
        let config = &self.0.config.chain;
        let (executed, to_seal) = mpsc::sync_channel::<PendingBlock>(QUEUE);
        let (sealed, to_write) = mpsc::sync_channel::<SealedBlock>(QUEUE);
        let appended = (run.len(), ImportOutcome::Appended);
        // A stage ends when the one before it does. One that fails says why; those before it find nobody to hand to.
        std::thread::scope(|scope| {
            let execution = scope.spawn(move || {
                let at = reader.state_at(base)?;
                let (mut parent, mut parent_hash) = parent;
                let mut above: Vec<B256> = Vec::new();
                for (index, (feed, transactions)) in run.iter().enumerate() {
                    let messages = match messages_of(&reader, message_cursor(&parent).unwrap_or(0), feed)? {
                        Ok(messages) => messages,
                        Err(outcome) => return Ok((index, outcome)),
                    };
                    let state = HeadState::new(at, &above, hot);
                    let inputs = (feed.spec.timestamp, &messages[..]);
                    let (block, ()) =
                        execute(config, (&parent, parent_hash), state, inputs, run_all(transactions))?;
                    // The hash that the sequencer has signed is taken for the block's; sealing checks it.
                    (parent, parent_hash) = (block.header().clone(), feed.hash);
                    above.push(feed.hash);
                    if executed.send(block).is_err() {
                        break;
                    }
                }
                Ok(appended)
            });
            let sealing = scope.spawn(move || -> Result<(usize, ImportOutcome), ChainError> {
                let at = nodes_from.state_at(base)?;
                for ((index, (feed, _)), block) in run.iter().enumerate().zip(to_seal) {
                    let block = seal(block, trie, &at, NodeBuffer::new())?;
                    let found = block.block.hash;
                    if found != feed.hash {
                        return Ok((index, ImportOutcome::Mismatch { expected: feed.hash, found }));
                    }
                    (*header, *hash) = (block.block.header.clone(), found);
                    if sealed.send(block).is_err() {
                        break;
                    }
                }
                Ok(appended)
            });
            let mut writing = |to_write: mpsc::Receiver<SealedBlock>| {
                loop {
                    let blocks: Vec<SealedBlock> = to_write.iter().take(TOGETHER).collect();
                    if blocks.is_empty() {
                        return Ok(());
                    }
                    write(writer, &blocks)?;
                    let written = blocks.into_iter().map(|sealed| ChainBlock::new(sealed.block));
                    events.extend(written.map(|block| ChainEvent::Block(Arc::new(block))));
                }
            };
            let written: Result<(), ChainError> = writing(to_write);
            let sealed = sealing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let executed: Result<(usize, ImportOutcome), ChainError> =
                execution.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written?;
            // What sealing refuses, comes before what execution stopped at.
            match sealed? {
                (fitting, outcome) if fitting < run.len() => Ok((fitting, outcome)),
                _ => executed,
            }
        })
    }

    /// Imports blocks one after the other.
    fn import_each(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        run: &[Recovered<'_>],
        events: &mut Vec<ChainEvent>,
    ) -> Result<(usize, ImportOutcome), ChainError> {
        let mut outcome = ImportOutcome::Known;
        for (index, (feed, transactions)) in run.iter().enumerate() {
            outcome = self.import_one(head, writer, feed, transactions, events)?;
            if !matches!(outcome, ImportOutcome::Appended | ImportOutcome::Known) {
                return Ok((index, outcome));
            }
        }
        Ok((run.len(), outcome))
    }

    fn import_one(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        feed: &FeedBlock,
        transactions: &[Option<Transaction>],
        events: &mut Vec<ChainEvent>,
    ) -> Result<ImportOutcome, ChainError> {
        if feed.number > head.header.number + 1 {
            return Ok(ImportOutcome::Gap { next: head.header.number + 1 });
        }
        if feed.number <= head.header.number {
            let known = writer.block_hash(feed.number)? == Some(feed.hash);
            if known || feed.number <= writer.safe()?.unwrap_or(0) {
                return Ok(ImportOutcome::Known);
            }
            self.truncate(head, writer, feed.number - 1, events)?;
        }
        let messages = match messages_of(writer, head.cursor(), feed)? {
            Ok(messages) => messages,
            Err(outcome) => return Ok(outcome),
        };
        let inputs = BlockInputs { timestamp: feed.spec.timestamp, messages, transactions: Vec::new() };
        let block = head.append_inputs(&self.0.config.chain, writer, &inputs, transactions)?;
        if block.hash != feed.hash {
            return Ok(ImportOutcome::Mismatch { expected: feed.hash, found: block.hash });
        }
        events.push(ChainEvent::Block(Arc::new(block)));
        Ok(ImportOutcome::Appended)
    }
}

/// The messages that a block consumes from the queue index `cursor` on, if they have all been seen on L1.
fn messages_of<K: TxMode>(
    tx: &Tx<K>,
    cursor: u64,
    feed: &FeedBlock,
) -> Result<Result<Vec<Message>, ImportOutcome>, ChainError> {
    let have = tx.message_count()?;
    let need = cursor.saturating_add(feed.spec.messages);
    if need > have {
        return Ok(Err(ImportOutcome::NeedsMessages { have, need }));
    }
    Ok(Ok(consume(cursor, feed.spec.messages, DEPOSIT_GAS_CAP, &mut StoredQueue(tx))?))
}
