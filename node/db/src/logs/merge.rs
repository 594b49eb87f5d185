//! Merging runs of neighbours.

use std::ops::Range;

use crate::{Error, ReadOnly, Reader, Result, Table, codec::Fields, engine::Cursor};

use super::{
    keys::LogKey,
    pieces::{self, Packer, PieceKey},
    runs::LogRun,
};

/// Runs that become one.
#[derive(Debug)]
pub(super) struct Merge {
    /// In the order of blocks.
    pub(super) sources: Vec<LogRun>,
    /// The first key that was not read yet.
    next: LogKey,
    /// Whether all is read.
    pub(super) done: bool,
}

/// Finds runs to merge: `fan` neighbours or more, none of them above block `finalized` or full, of the lowest level at which
/// there are so many. Returns what they become, too.
pub(super) fn find(
    reader: &Reader,
    finalized: u64,
    fan: usize,
    full: u64,
) -> Result<Option<(LogRun, Merge)>> {
    let mut runs = Vec::new();
    let mut next = reader.log_run_before(u64::MAX)?;
    while let Some(run) = next.filter(|run| run.bytes < full) {
        next = reader.log_run_ahead_of(&run)?;
        if run.last <= finalized {
            runs.push(run);
        }
    }
    runs.reverse();
    let Some(highest) = runs.iter().map(|run| run.level).max() else { return Ok(None) };
    for level in 0..=highest {
        let mut groups = runs.chunk_by(|a, b| a.level <= level && b.level <= level);
        let Some(group) = groups.find(|group| group.len() >= fan) else { continue };
        let sources = group[..fan].to_vec();
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { continue };
        let has_parties = sources.iter().all(|run| run.has_parties);
        let (id, level) = (0, level.saturating_add(1));
        let run = LogRun { id, first: first.first, level, bytes: 0, has_parties, ..*last };
        return Ok(Some((run, Merge { sources, next: LogKey(0), done: false })));
    }
    Ok(None)
}

impl Merge {
    /// Reads on until there are so many records, and at least one key.
    pub(super) fn read(&mut self, reader: &Reader, packer: &mut Packer, records: usize) -> Result<()> {
        let sources = self.sources.iter().map(|run| RunReader::open(reader, *run, self.next));
        let mut sources = sources.collect::<Result<Vec<_>>>()?;
        while packer.len() < records {
            let Some(key) = sources.iter().filter_map(|source| source.key).min() else {
                packer.finish();
                self.done = true;
                return Ok(());
            };
            for source in &mut sources {
                while source.key == Some(key) {
                    source.take(packer)?;
                }
            }
            self.next = LogKey(key.0 + 1);
        }
        Ok(())
    }
}

/// Reads the pieces of a run in their order.
struct RunReader<'a> {
    run: LogRun,
    cursor: Cursor<'a, ReadOnly>,
    at: Vec<u8>,
    record: Vec<u8>,
    /// Where the piece after this one begins in the record.
    read: usize,
    /// The key of the piece, and where its intervals are in the record; none at the end.
    key: Option<LogKey>,
    piece: Range<usize>,
}

impl<'a> RunReader<'a> {
    /// Begins with the first piece of a key, or of the one after it.
    fn open(reader: &'a Reader, run: LogRun, first: LogKey) -> Result<Self> {
        let (cursor, record) = reader.seek_log_records(run.id, PieceKey { key: first, block: 0 })?;
        let (at, record) = record.map_or_else(Default::default, |(at, record)| (at.into(), record.into()));
        let mut source = Self { run, cursor, at, record, read: 0, key: None, piece: 0..0 };
        source.advance()?;
        while source.key.is_some_and(|key| key < first) {
            source.advance()?;
        }
        Ok(source)
    }

    fn corrupt(&self) -> Error {
        Error::corrupt(Table::LogIndex, &self.at)
    }

    fn advance(&mut self) -> Result<()> {
        if self.read == self.record.len() {
            self.key = None;
            if self.at.is_empty() {
                return Ok(());
            }
            let next = self.cursor.next::<Vec<u8>, Vec<u8>>()?;
            (self.at, self.record) =
                next.filter(|(at, _)| at.starts_with(&self.run.id.to_be_bytes())).unwrap_or_default();
            self.read = 0;
            if self.at.is_empty() {
                return Ok(());
            }
        }
        let mut fields = Fields(&self.record[self.read..]);
        let (key, piece) = pieces::piece(&mut fields).ok_or_else(|| self.corrupt())?;
        let (length, read) = (piece.len(), self.record.len() - fields.rest().len());
        (self.key, self.piece, self.read) = (Some(key), read - length..read, read);
        Ok(())
    }

    /// Passes the piece on, and goes to the next.
    fn take(&mut self, packer: &mut Packer) -> Result<()> {
        if let Some(key) = self.key {
            for interval in pieces::intervals(&self.record[self.piece.clone()], self.run.first) {
                let (from, to) = interval.ok_or_else(|| self.corrupt())?;
                packer.push(key, from, to);
            }
        }
        self.advance()
    }
}
