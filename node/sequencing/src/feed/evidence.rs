//! Two blocks of one number, signed by one signer: kept, with both messages, as evidence against it.
//!
//! A signature says: this is the block of its number, given the queue up to its cursor. So a second block is no offence
//! where L1 was reorganised below the first one's cursor. It is one while L1 still has the queue that the first stands on.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy::primitives::{Address, B256, Bytes};
use parking_lot::Mutex;
use rollup::{
    chain::{Chain, FeedBlock},
    files,
};
use stf::derive::message_cursor;

/// The folder of evidence in a node's data folder.
const FOLDER: &str = "evidence";

/// Files that are kept at most: one is enough, and a signer without shame must not fill the disk.
const MAX_FILES: usize = 100;

/// Bytes of messages that are remembered to be compared with later ones.
const MAX_REMEMBERED: usize = 32 << 20;

/// Bytes of a message in memory besides its own.
const FRAME: usize = 256;

/// A message that was seen, and what it stood on.
#[derive(Clone, Debug)]
struct Statement {
    signer: Address,
    hash: B256,
    message: Bytes,
    /// The parent that it was said on top of, and the cursor there: with the block's own messages, the premise.
    cursor: u64,
    /// The accumulator over the messages before the cursor, once they were all known here.
    message_acc: Option<B256>,
}

#[derive(Debug, Default)]
struct Remembered {
    statements: BTreeMap<u64, Statement>,
    bytes: usize,
}

/// Remembers what signers have said. Clones share it.
#[derive(Clone, Debug)]
pub struct Evidence {
    folder: PathBuf,
    remembered: Arc<Mutex<Remembered>>,
    files: Arc<AtomicUsize>,
}

impl Evidence {
    /// Keeps evidence beside a chain's database.
    pub fn beside(chain: &Chain) -> Self {
        let folder = chain.db().path().join(FOLDER);
        let files = std::fs::read_dir(&folder).map_or(0, Iterator::count);
        Self { folder, remembered: Arc::default(), files: Arc::new(AtomicUsize::new(files)) }
    }

    /// Compares a message, whose signature counts, with what was said before.
    pub(super) fn hears(&self, chain: &Chain, signer: Address, block: &FeedBlock, message: &Bytes) {
        let before = self.remembered.lock().statements.get(&block.number).cloned();
        match before {
            Some(before) if before.signer == signer && before.hash == block.hash => return,
            Some(before) if before.signer == signer && is_true(chain, &before) => {
                self.report(&before, block.number, block.hash, message);
                // The first stays: it is what others are compared with.
                return;
            }
            _ => {}
        }
        let (cursor, message_acc) = premise(chain, block).unwrap_or_default();
        let message = message.clone();
        self.remembered
            .lock()
            .remember(block.number, Statement { signer, hash: block.hash, message, cursor, message_acc });
    }

    fn report(&self, before: &Statement, number: u64, hash: B256, message: &Bytes) {
        metrics::counter!("recourse_feed_equivocations_total").increment(1);
        let name = format!("{number}-{}-{}.json", before.hash, hash);
        let path = self.folder.join(name);
        let text = serde_json::json!({
            "signer": before.signer,
            "number": number,
            "hashes": [before.hash, hash],
            "messages": [before.message, message],
            "messageCursor": before.cursor,
            "messageAcc": before.message_acc,
        });
        let is_kept = !path.exists() && self.files.load(Ordering::Relaxed) < MAX_FILES;
        if is_kept {
            match files::write(&path, text.to_string().as_bytes()) {
                Ok(()) => drop(self.files.fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    tracing::error!(target: "node::feed", path = %path.display(), %error, "evidence cannot be kept");
                }
            }
        }
        tracing::error!(
            target: "node::feed", signer = %before.signer, number, first = %before.hash, second = %hash,
            file = %path.display(),
            "the signer has signed two blocks of one number: one of its promises will be broken"
        );
    }
}

impl Remembered {
    fn remember(&mut self, number: u64, statement: Statement) {
        self.bytes += statement.message.len() + FRAME;
        let replaced = self.statements.insert(number, statement);
        self.bytes -= replaced.map_or(0, |old| old.message.len() + FRAME);
        while self.bytes > MAX_REMEMBERED && self.statements.len() > 1 {
            let oldest = self.statements.pop_first();
            self.bytes -= oldest.map_or(0, |(_, old)| old.message.len() + FRAME);
        }
    }
}

/// The cursor after a block whose parent is in the chain, and the accumulator there.
fn premise(chain: &Chain, block: &FeedBlock) -> Option<(u64, Option<B256>)> {
    let reader = chain.db().read().ok()?;
    let parent = reader.header(block.number.checked_sub(1)?).ok()??;
    let cursor = message_cursor(&parent)?.checked_add(block.spec.messages)?;
    Some((cursor, reader.message_acc(cursor).ok().flatten()))
}

/// Whether L1 still has the queue that a statement stands on.
fn is_true(chain: &Chain, statement: &Statement) -> bool {
    let now = chain.db().read().and_then(|reader| reader.message_acc(statement.cursor));
    statement.message_acc.is_some() && now.is_ok_and(|now| now == statement.message_acc)
}
