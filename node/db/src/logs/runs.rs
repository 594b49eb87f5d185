//! The list of runs: `LogRuns`.

use alloy_primitives::B256;

use crate::{
    Error, Result, Table, Tx, TxMode, Writer,
    codec::Fields,
    engine::{Cursor, WriteFlags},
    raw::Raw,
    table::TableKey,
};

use super::pieces::PieceKey;

/// First byte of the key of a run that counts; its first block follows.
const LIVE: u8 = 0;
/// First byte of the key of one that does not; its id follows. Its records are to be swept up.
const DROPPED: u8 = 1;

/// Bit of a stored level: the run has the parties of transactions, too. Earlier versions wrote runs without.
const HAS_PARTIES: u8 = 0x80;

/// A range of blocks whose logs are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogRun {
    /// Under which its records are.
    pub(super) id: u64,
    /// Its first block.
    pub(super) first: u64,
    /// Its last block.
    pub(super) last: u64,
    /// The last block's hash.
    pub(super) hash: B256,
    /// How often its parts were merged.
    pub(super) level: u8,
    /// Bytes of its records.
    pub(super) bytes: u64,
    /// Whether it has the parties of transactions, too.
    pub(super) has_parties: bool,
}

impl LogRun {
    fn encode(&self) -> Vec<u8> {
        let parties = if self.has_parties { HAS_PARTIES } else { 0 };
        [
            &self.id.to_be_bytes()[..],
            &self.last.to_be_bytes(),
            self.hash.as_slice(),
            &[self.level | parties],
            &self.bytes.to_be_bytes(),
        ]
        .concat()
    }

    fn decode(key: &[u8], record: &[u8]) -> Option<Self> {
        let (mut key, mut fields) = (Fields(key), Fields(record));
        key.u8()?;
        let first = key.u64()?;
        key.end()?;
        let (id, last, hash) = (fields.u64()?, fields.u64()?, fields.b256()?);
        let (level, bytes) = (fields.u8()?, fields.u64()?);
        fields.end()?;
        let (level, has_parties) = (level & !HAS_PARTIES, level & HAS_PARTIES != 0);
        (first <= last).then_some(Self { id, first, last, hash, level, bytes, has_parties })
    }
}

fn key_of(kind: u8, number: u64) -> TableKey {
    TableKey::new(&[&[kind], &number.to_be_bytes()])
}

/// A cursor with the record that it stands at.
type At<'a, K> = (Cursor<'a, K>, Option<(Raw<'a>, Raw<'a>)>);

/// The key of a record of a run.
fn record_key(id: u64, at: PieceKey) -> TableKey {
    TableKey::new(&[&id.to_be_bytes(), &at.key.to_bytes(), &at.block.to_be_bytes()])
}

impl<K: TxMode> Tx<K> {
    /// The last run that begins at or before a block.
    pub(super) fn log_run_before(&self, block: u64) -> Result<Option<LogRun>> {
        let at = key_of(LIVE, block);
        let mut cursor = self.cursor(Table::LogRuns)?;
        let found = match cursor.set_range::<Raw<'_>, Raw<'_>>(at.as_slice())? {
            Some((found, run)) if *found == *at.as_slice() => Some((found, run)),
            Some(_) => cursor.prev::<Raw<'_>, Raw<'_>>()?,
            None => cursor.last::<Raw<'_>, Raw<'_>>()?,
        };
        let Some((key, record)) = found.filter(|(key, _)| key.first() == Some(&LIVE)) else {
            return Ok(None);
        };
        LogRun::decode(&key, &record).map(Some).ok_or_else(|| Error::corrupt(Table::LogRuns, &key))
    }

    /// The run before another one.
    pub(super) fn log_run_ahead_of(&self, run: &LogRun) -> Result<Option<LogRun>> {
        match run.first.checked_sub(1) {
            Some(before) => self.log_run_before(before),
            None => Ok(None),
        }
    }

    /// Whether the run is in the list, as it is here.
    pub(super) fn has_log_run(&self, run: &LogRun) -> Result<bool> {
        Ok(self.log_run_before(run.first)?.as_ref() == Some(run))
    }

    /// A run that does not count and was not swept up yet.
    pub(super) fn dropped_log_run(&self) -> Result<Option<u64>> {
        let Some((key, _)) = self.seek(Table::LogRuns, &[DROPPED])? else { return Ok(None) };
        let mut fields = Fields(&key);
        let (Some(_), Some(id), Some(())) = (fields.u8(), fields.u64(), fields.end()) else {
            return Err(Error::corrupt(Table::LogRuns, &key));
        };
        Ok(Some(id))
    }

    /// The first record of a run that may hold what comes at or after a place, and a cursor there.
    pub(super) fn seek_log_records(&self, id: u64, at: PieceKey) -> Result<At<'_, K>> {
        let start = record_key(id, at);
        let of_run = |record: &(Raw<'_>, Raw<'_>)| record.0.starts_with(&id.to_be_bytes());
        let mut cursor = self.cursor(Table::LogIndex)?;
        // It may be within the record before.
        let before = match cursor.set_range::<Raw<'_>, Raw<'_>>(start.as_slice())? {
            Some(_) => cursor.prev()?,
            None => cursor.last()?,
        };
        let found = match before.filter(of_run) {
            Some(before) => Some(before),
            None => cursor.set_range(start.as_slice())?.filter(of_run),
        };
        Ok((cursor, found))
    }

    /// The first run.
    pub(super) fn first_log_run(&self) -> Result<Option<LogRun>> {
        let first = self.seek(Table::LogRuns, &[LIVE])?.filter(|(key, _)| key.first() == Some(&LIVE));
        let Some((key, record)) = first else { return Ok(None) };
        LogRun::decode(&key, &record).map(Some).ok_or_else(|| Error::corrupt(Table::LogRuns, &key))
    }

    /// The first block behind the end of the log index: from there on, logs are searched by the headers' blooms.
    pub fn log_index_end(&self) -> Result<u64> {
        let end = self.log_run_before(u64::MAX)?.map_or(0, |run| run.last.saturating_add(1));
        Ok(end.max(self.oldest_block()?))
    }
}

impl Writer {
    /// An id for a run that is about to be written. Until it is finished it counts as dropped.
    pub(super) fn begin_log_run(&mut self) -> Result<u64> {
        let id = self.new_log_run()?;
        self.put(Table::LogRuns, key_of(DROPPED, id).as_slice(), &[])?;
        Ok(id)
    }

    /// From now on the run counts, with all its records.
    pub(super) fn finish_log_run(&mut self, run: &LogRun) -> Result<()> {
        self.delete(Table::LogRuns, key_of(DROPPED, run.id).as_slice())?;
        self.put(Table::LogRuns, key_of(LIVE, run.first).as_slice(), &run.encode())
    }

    /// From now on the run does not count.
    pub(super) fn drop_log_run(&mut self, run: &LogRun) -> Result<()> {
        self.delete(Table::LogRuns, key_of(LIVE, run.first).as_slice())?;
        self.put(Table::LogRuns, key_of(DROPPED, run.id).as_slice(), &[])
    }

    /// Drops the runs that hold blocks above `number`.
    pub(crate) fn drop_log_runs_above(&mut self, number: u64) -> Result<()> {
        while let Some(run) = self.log_run_before(u64::MAX)?.filter(|run| run.last > number) {
            self.drop_log_run(&run)?;
        }
        Ok(())
    }

    /// Adds records behind all others.
    pub(super) fn put_log_records(&mut self, id: u64, records: Vec<(PieceKey, Vec<u8>)>) -> Result<()> {
        let mut cursor = self.cursor(Table::LogIndex)?;
        for (at, record) in records {
            cursor.put(record_key(id, at).as_slice(), &record, WriteFlags::APPEND)?;
        }
        Ok(())
    }

    /// Deletes some records of a dropped run, and, with the last, what says that there are any.
    pub(super) fn sweep_log_run(&mut self, id: u64, budget: usize) -> Result<()> {
        let prefix = id.to_be_bytes();
        for _ in 0..budget {
            let next = self.seek(Table::LogIndex, &prefix)?.map(|(key, _)| Vec::from(key));
            let Some(key) = next.filter(|key| key.starts_with(&prefix)) else {
                return self.delete(Table::LogRuns, key_of(DROPPED, id).as_slice());
            };
            self.delete(Table::LogIndex, &key)?;
        }
        Ok(())
    }
}
