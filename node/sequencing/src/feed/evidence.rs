//! Two blocks of one number, signed by one signer: kept, with both messages, as evidence against it.
//!
//! A signature says: this is the block of its number, given the queue up to its cursor. So a second block is no offence
//! where L1 was reorganised below the first one's cursor. It is one while L1 still has the queue that the first stands on.
//! The signer may have seen a reorg that this node has not followed yet, so that is asked again until L1 has gone on.

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

/// L1 blocks by which L1 must have been followed further before a second block counts as an offence: by then this node has
/// seen what the signer had. It is left out long before if it is so far behind for minutes.
pub(super) const SETTLED: u64 = 12;

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

/// A second message of a number, while the first seems to hold.
#[derive(Debug)]
struct Suspicion {
    before: Statement,
    number: u64,
    hash: B256,
    message: Bytes,
    /// The L1 block up to which L1 was followed then.
    l1: u64,
}

#[derive(Debug, Default)]
struct Remembered {
    statements: BTreeMap<u64, Statement>,
    bytes: usize,
    suspicions: Vec<Suspicion>,
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
        self.judge(chain);
        let before = self.remembered.lock().statements.get(&block.number).cloned();
        match before {
            Some(before) if before.signer == signer && before.hash == block.hash => return,
            Some(before) if before.signer == signer && is_true(chain, &before) => {
                // The first stays: it is what others are compared with.
                let (number, hash, message) = (block.number, block.hash, message.clone());
                let l1 = chain.heads().l1;
                self.remembered.lock().suspect(Suspicion { before, number, hash, message, l1 });
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

    /// Decides about the second blocks that are old enough: whether L1 still has the queue that the first ones stand on.
    pub(super) fn judge(&self, chain: &Chain) {
        let suspicions = std::mem::take(&mut self.remembered.lock().suspicions);
        if suspicions.is_empty() {
            return;
        }
        let l1 = chain.heads().l1;
        let mut open = Vec::new();
        for suspicion in suspicions {
            if !is_true(chain, &suspicion.before) {
                self.remembered.lock().forget(suspicion.number, suspicion.before.hash);
            } else if l1 >= suspicion.l1.saturating_add(SETTLED) {
                self.report(&suspicion);
            } else {
                open.push(suspicion);
            }
        }
        self.remembered.lock().suspicions.append(&mut open);
    }

    fn report(&self, Suspicion { before, number, hash, message, .. }: &Suspicion) {
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
    /// Keeps a suspicion, once, if there is room: one is enough.
    fn suspect(&mut self, suspicion: Suspicion) {
        let known = |one: &Suspicion| (one.number, one.hash) == (suspicion.number, suspicion.hash);
        let bytes: usize = self.suspicions.iter().map(|one| one.message.len() + FRAME).sum();
        let room = bytes + suspicion.message.len() + FRAME <= MAX_REMEMBERED || self.suspicions.is_empty();
        if room && self.suspicions.len() < MAX_FILES && !self.suspicions.iter().any(known) {
            self.suspicions.push(suspicion);
        }
    }

    /// Forgets a statement that L1 has made void.
    fn forget(&mut self, number: u64, hash: B256) {
        if self.statements.get(&number).is_some_and(|statement| statement.hash == hash) {
            let old = self.statements.remove(&number);
            self.bytes -= old.map_or(0, |old| old.message.len() + FRAME);
        }
    }

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
