//! What is in the log, in memory.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    path::PathBuf,
    sync::Arc,
};

use super::{
    announced::Announced,
    record,
    segment::{LogFile, Placed},
    signing::Signing,
};

/// Where everything stands.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Sequence number of the oldest record.
    pub(super) first: u64,
    pub(super) entries: VecDeque<IndexedRecord>,
    /// (block number, sequence number)
    pub(super) numbers: BTreeSet<(u64, u64)>,
    /// All files but the newest, oldest first, with the sequence numbers behind their last records.
    pub(super) full: VecDeque<(LogFile, u64)>,
    pub(super) signing: Signing,
}

#[derive(Clone, Debug)]
pub(super) struct IndexedRecord {
    pub(super) placed: Placed,
    pub(super) file: Arc<File>,
}

impl Index {
    pub(super) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn entry(&self, sequence: u64) -> Option<&IndexedRecord> {
        self.entries.get(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn push(&mut self, placed: Placed, file: Arc<File>) {
        let sequence = self.next();
        let block = placed.block;
        self.numbers.insert((block.number, sequence));
        if let Some(signer) = block.signer {
            self.signing.note(signer, block.number, block.hash);
        }
        self.entries.push_back(IndexedRecord { placed, file });
    }

    /// The newest file was written anew, with a header of another length: `begin`.
    pub(super) fn replace_newest(&mut self, newest: &LogFile, begin: u64) {
        let count = self.next().saturating_sub(newest.header.first) as usize;
        let from = self.entries.len().saturating_sub(count);
        let Some(old) = self.entries.get(from).map(|entry| entry.placed.at) else { return };
        let shift = begin + record::RECORD_HEAD as u64;
        for entry in self.entries.range_mut(from..) {
            entry.placed.at = entry.placed.at - old + shift;
            entry.file = newest.file.clone();
        }
    }

    /// The newest of a block and those that it was built on, as far as they follow one another in the log, whose message
    /// cursor is at most `messages`.
    pub(super) fn ancestor(&self, sequence: u64, messages: u64) -> Option<Announced> {
        let mut above: Option<Announced> = None;
        for sequence in (self.first..=sequence).rev() {
            let block = self.entry(sequence)?.placed.block;
            if above.is_some_and(|above| above.parent != block.hash) {
                return None;
            }
            if block.messages <= messages {
                return Some(block);
            }
            above = Some(block);
        }
        None
    }

    /// Forgets the oldest file; returns its path.
    pub(super) fn forget_oldest(&mut self) -> Option<PathBuf> {
        let (segment, end) = self.full.pop_front()?;
        let mut highest = 0;
        while self.first < end {
            let Some(entry) = self.entries.pop_front() else { break };
            let number = entry.placed.block.number;
            self.numbers.remove(&(number, self.first));
            highest = highest.max(number);
            self.first += 1;
        }
        self.signing.forget(highest);
        Some(segment.path)
    }
}
