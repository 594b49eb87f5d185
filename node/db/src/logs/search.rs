//! Searching the index.

use std::ops::RangeInclusive;

use crate::{Error, Result, Table, Tx, TxMode, codec::Fields};

use super::{
    keys::{LogKey, LogQuery},
    pieces::{self, PieceKey},
    runs::LogRun,
};

/// Most blocks that one step of a search is about. It bounds what the step holds in memory: some bits for each.
const MAX_STRETCH: u64 = 1 << 18;

/// What the index says about a stretch of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStretch {
    /// The last block of the stretch.
    pub last: u64,
    /// The blocks in it that may have such a log, ascending; no other has one.
    pub blocks: Vec<u64>,
}

impl<K: TxMode> Tx<K> {
    /// Searches the index from the first block of a range on, as far as one step goes; `None` if that block is not indexed.
    pub fn search_logs(&self, query: &LogQuery, range: RangeInclusive<u64>) -> Result<Option<LogStretch>> {
        let (from, to) = range.into_inner();
        let Some(run) = self.log_run_before(from)?.filter(|run| run.last >= from && from <= to) else {
            return Ok(None);
        };
        if query.is_of_parties && !run.has_parties {
            return Ok(None);
        }
        // A version that knew nothing of the index may have exchanged the blocks.
        if self.block_hash(run.last)? != Some(run.hash) {
            return Ok(None);
        }
        let last = to.min(run.last).min(from.saturating_add(MAX_STRETCH - 1));
        let mut found: Option<BlockSet> = None;
        for part in &query.parts {
            // What an earlier part ruled out need not be read.
            let (first, last) = match &found {
                Some(found) => match found.bounds() {
                    Some(bounds) => bounds,
                    None => break,
                },
                None => (from, last),
            };
            let mut blocks = BlockSet::new(first, last);
            for key in part {
                self.each_interval(&run, *key, first, last, |from, to| blocks.add(from, to))?;
            }
            found = Some(match found {
                Some(found) => found.and(blocks),
                None => blocks,
            });
        }
        let blocks = found.map_or_else(Vec::new, |found| found.iter().collect());
        Ok(Some(LogStretch { last, blocks }))
    }

    /// The same backwards from a block, which is the stretch's last. Returns its first block as well.
    pub fn search_logs_back(&self, query: &LogQuery, to: u64) -> Result<Option<(u64, LogStretch)>> {
        let Some(run) = self.log_run_before(to)?.filter(|run| run.last >= to) else { return Ok(None) };
        let from = run.first.max(to.saturating_sub(MAX_STRETCH - 1));
        Ok(self.search_logs(query, from..=to)?.map(|stretch| (from, stretch)))
    }

    /// Calls `f` with the intervals of blocks that have a key in a run, as far as they are within `first` to `last`.
    fn each_interval(
        &self,
        run: &LogRun,
        key: LogKey,
        first: u64,
        last: u64,
        mut f: impl FnMut(u64, u64),
    ) -> Result<()> {
        let run_id = run.id.to_be_bytes();
        let (mut cursor, mut next) = self.seek_log_records(run.id, PieceKey { key, block: first })?;
        while let Some((at, record)) = next.filter(|(at, _)| at.starts_with(&run_id)) {
            let corrupt = || Error::corrupt(Table::LogIndex, &at);
            let mut fields = Fields(&record);
            while fields.end().is_none() {
                let (found, piece) = pieces::piece(&mut fields).ok_or_else(corrupt)?;
                if found > key {
                    return Ok(());
                }
                if found < key {
                    continue;
                }
                for interval in pieces::intervals(piece, run.first) {
                    let (from, to) = interval.ok_or_else(corrupt)?;
                    if from > last {
                        return Ok(());
                    }
                    if to >= first {
                        f(from.max(first), to.min(last));
                    }
                }
            }
            next = cursor.next()?;
        }
        Ok(())
    }
}

/// A set of blocks of a range, a bit for each.
#[derive(Debug)]
struct BlockSet {
    first: u64,
    bits: Vec<u64>,
}

impl BlockSet {
    /// None of the blocks `first` to `last`, which are not more than [`MAX_STRETCH`].
    fn new(first: u64, last: u64) -> Self {
        let count = last - first + 1;
        Self { first, bits: vec![0; count.div_ceil(u64::from(u64::BITS)) as usize] }
    }

    /// Adds blocks of the range.
    fn add(&mut self, from: u64, to: u64) {
        let (from, to) = (from - self.first, to - self.first);
        let (first, last) = ((from / 64) as usize, (to / 64) as usize);
        let (head, tail) = (u64::MAX << (from % 64), u64::MAX >> (63 - to % 64));
        if first == last {
            self.bits[first] |= head & tail;
            return;
        }
        self.bits[first] |= head;
        self.bits[first + 1..last].fill(u64::MAX);
        self.bits[last] |= tail;
    }

    /// Those that are in the other set, too, whose range lies within this one's.
    fn and(&self, other: Self) -> Self {
        let mut both = Self { first: other.first, bits: vec![0; other.bits.len()] };
        for block in other.iter() {
            let (here, there) = (block - self.first, block - other.first);
            let bit = self.bits[(here / 64) as usize] >> (here % 64) & 1;
            both.bits[(there / 64) as usize] |= bit << (there % 64);
        }
        both
    }

    /// The first and the last.
    fn bounds(&self) -> Option<(u64, u64)> {
        let first = self.iter().next()?;
        let (word, bits) = self.bits.iter().enumerate().rfind(|(_, bits)| **bits != 0)?;
        Some((first, self.first + 64 * word as u64 + u64::from(bits.ilog2())))
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.bits.iter().zip(0u64..).flat_map(|(bits, word)| {
            let (mut left, base) = (*bits, self.first + 64 * word);
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(base + u64::from(bit))
            })
        })
    }
}
