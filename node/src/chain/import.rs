//! Importing unsafe blocks of the sequencer, one or a run of them.
//!
//! ```text
//! execution thread   block n+1 ──▶ n+2 ──▶ …       on the database as it was before the run, and what the run has
//!                        │          │              changed since, in memory
//! writing thread         └▶ write n └▶ write n+1   one transaction for the run
//! ```
//!
//! A block's root is known before it is written, and the next block needs nothing that only the database would have.
//! So writing, which takes as long as executing, goes on beside it.

use std::sync::{Arc, mpsc};

use alloy::primitives::{B256, Bytes};
use db::{Kind, NodeBuffer, Tx, Writer};
use stf::{BlockInputs, ExecutedBlock, Message, Transaction, derive::consume};

use super::{
    Chain, ChainBlock, ChainError, ChainEvent, FeedBlock, Head, ImportOutcome,
    execute::{Queue, recover, run_all, write_block},
};

/// Blocks of a run that are executed ahead of the database. What they change is kept in memory meanwhile.
const MAX_AHEAD: usize = 64;

/// Executed blocks that wait to be written.
const WRITE_QUEUE: usize = 4;

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

    /// Appends blocks that come right after the head, executing on one thread and writing on another.
    fn append_run(
        &self,
        head: &mut Head,
        writer: &mut Writer,
        run: &[Recovered<'_>],
        events: &mut Vec<ChainEvent>,
    ) -> Result<(usize, ImportOutcome), ChainError> {
        // Nothing is written yet, so a snapshot has everything up to the head.
        let reader = self.0.db.read()?;
        let (executed, to_write) = mpsc::sync_channel::<(ExecutedBlock, NodeBuffer)>(WRITE_QUEUE);
        std::thread::scope(|scope| {
            let execution = scope.spawn(move || {
                head.begin();
                let at = reader.state_at(head.header.number)?;
                let mut above: Vec<B256> = Vec::new();
                for (index, (feed, transactions)) in run.iter().enumerate() {
                    let messages = match messages_of(&reader, head, feed)? {
                        Ok(messages) => messages,
                        Err(outcome) => return Ok((index, outcome)),
                    };
                    let mut nodes = NodeBuffer::new();
                    let inputs = (feed.spec.timestamp, &messages[..]);
                    let config = &self.0.config.chain;
                    let (block, outcome) =
                        head.execute(config, at, &above, inputs, &mut nodes, run_all(transactions))?;
                    outcome.map_err(|error| ChainError::Execution { number: feed.number, error })?;
                    let found = block.hash;
                    if found != feed.hash {
                        return Ok((index, ImportOutcome::Mismatch { expected: feed.hash, found }));
                    }
                    above.push(found);
                    if executed.send((block, nodes)).is_err() {
                        // The writer has failed, and says why.
                        break;
                    }
                }
                Ok((run.len(), ImportOutcome::Appended))
            });
            let mut write = |to_write: mpsc::Receiver<(ExecutedBlock, NodeBuffer)>| {
                for (block, nodes) in to_write {
                    write_block(writer, &block, &nodes)?;
                    events.push(ChainEvent::Block(Arc::new(ChainBlock::new(block))));
                }
                Ok(())
            };
            let written: Result<(), ChainError> = write(to_write);
            let executed = execution.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(executed)
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
        let messages = match messages_of(writer, head, feed)? {
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

/// The messages that a block after the head consumes, if they have all been seen on L1.
fn messages_of<K: Kind>(
    tx: &Tx<K>,
    head: &Head,
    feed: &FeedBlock,
) -> Result<Result<Vec<Message>, ImportOutcome>, ChainError> {
    let (have, cursor) = (tx.message_count()?, head.cursor());
    let need = cursor.saturating_add(feed.spec.messages);
    if need > have {
        return Ok(Err(ImportOutcome::NeedsMessages { have, need }));
    }
    Ok(Ok(consume(cursor, feed.spec.messages, &mut Queue(tx))?))
}
