//! Versioned records: the newest version of each key, and the way back to the older ones.
//!
//! A table of state holds the newest version of each key only, so it stays dense and a block writes few pages. When a
//! block replaces a version, the old one moves to `History` under the block that replaced it. A version names the block that wrote it and the blocks of some earlier writes
//! of its key: version `i` (counting from zero) those that come from clearing the lowest set bits of `i` one after the
//! other. From there, finding the version at a height takes at most about log2(versions) steps, each halving the rest.

use crate::{
    Error, ReadWrite, Result, Table, Tx, TxMode, Writer,
    codec::{Fields, put_varint},
    engine::{Cursor, WriteFlags},
    history::BlockHistory,
    raw::Raw,
    table::TableKey,
};

/// The header of a versioned record: index ‖ block ‖ for each earlier write: how many blocks before the last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// How many versions there were before.
    index: u64,
    /// The blocks of writes: this version's, then earlier ones, falling.
    blocks: Vec<u64>,
}

impl Version {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let index = fields.varint()?;
        let mut blocks = Vec::with_capacity(1 + index.count_ones() as usize);
        let mut block = fields.varint()?;
        blocks.push(block);
        for _ in 0..index.count_ones() {
            block = block.checked_sub(fields.varint()?)?;
            blocks.push(block);
        }
        Some(Self { index, blocks })
    }

    /// The version after `before` (or the first).
    fn after(before: Option<Self>, block: u64) -> Self {
        let Some(Self { index, mut blocks }) = before else {
            return Self { index: 0, blocks: vec![block] };
        };
        // What clearing bits of `index + 1` leads to is what clearing those of `index` leads to, but for the
        // trailing ones, which the carry clears together.
        blocks.splice(..index.trailing_ones() as usize, [block]);
        Self { index: index + 1, blocks }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.index);
        put_varint(out, self.blocks[0]);
        for pair in self.blocks.windows(2) {
            put_varint(out, pair[0] - pair[1]);
        }
    }

    /// The block that wrote it.
    pub(crate) fn block(&self) -> u64 {
        self.blocks[0]
    }

    /// The earliest write above `height` that this version knows, if the version itself is above.
    fn above(&self, height: u64) -> Option<u64> {
        self.blocks.iter().copied().take_while(|block| *block > height).last()
    }
}

/// Splits a versioned record.
pub(crate) fn split(record: &[u8]) -> Option<(Version, &[u8])> {
    let mut fields = Fields(record);
    Some((Version::decode(&mut fields)?, fields.rest()))
}

impl<K: TxMode> Tx<K> {
    /// The value at a height: that of the newest version at or below it.
    pub(crate) fn version<T>(
        &self,
        table: Table,
        key: &TableKey,
        height: u64,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.get_raw(table, key.as_slice())? {
            Some(newest) => self.version_from(table, key.as_slice(), newest, height, decode),
            None => Ok(None),
        }
    }

    /// The value at a height of a key whose newest record is at hand.
    pub(crate) fn version_from<T>(
        &self,
        table: Table,
        key: &[u8],
        newest: Raw<'_>,
        height: u64,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>> {
        let corrupt = || Error::corrupt(table, key);
        let mut record = newest;
        loop {
            let (version, value) = split(&record).ok_or_else(corrupt)?;
            let Some(above) = version.above(height) else {
                return decode(value).map(Some).ok_or_else(corrupt);
            };
            match self.replaced(above, table, key)? {
                Some(before) => record = before.into(),
                None => return Ok(None),
            }
        }
    }
}

impl<K: TxMode> Tx<K> {
    /// The block that wrote a key's version at a height, and the first one after the height that wrote the key again.
    pub(crate) fn writes_around(
        &self,
        table: Table,
        key: &TableKey,
        height: u64,
    ) -> Result<(Option<u64>, Option<u64>)> {
        let corrupt = || Error::corrupt(table, key.as_slice());
        let Some(mut record) = self.get_raw(table, key.as_slice())? else { return Ok((None, None)) };
        let mut next = None;
        loop {
            let (version, _) = split(&record).ok_or_else(corrupt)?;
            let Some(above) = version.above(height) else { return Ok((Some(version.block()), next)) };
            next = Some(above);
            match self.replaced(above, table, key.as_slice())? {
                Some(before) => record = before.into(),
                None => return Ok((None, next)),
            }
        }
    }
}

/// Puts the versions that a run of blocks makes into one table, in the order of keys.
pub(crate) struct Versions<'a, 'h> {
    table: Table,
    /// The first block of the run.
    first: u64,
    /// Where the newest versions are.
    cursor: Cursor<'a, ReadWrite>,
    /// Where the replaced ones go, by block; empty for genesis, which replaces none and never goes.
    history: &'h mut [BlockHistory],
    record: Vec<u8>,
    before: Vec<u8>,
}

impl Writer {
    pub(crate) fn versions<'h>(
        &self,
        table: Table,
        first: u64,
        history: &'h mut [BlockHistory],
    ) -> Result<Versions<'_, 'h>> {
        let cursor = self.cursor(table)?;
        Ok(Versions { table, first, cursor, history, record: Vec::new(), before: Vec::new() })
    }
}

impl Versions<'_, '_> {
    /// Puts the versions of a key: `writes` are the places in the run of the blocks that write it, ascending, each with
    /// what it writes. `encode` appends a value; an empty one deletes. Only the last version is put into the table; the
    /// others become history at once.
    pub(crate) fn put<V>(
        &mut self,
        key: &[u8],
        writes: impl Iterator<Item = (usize, V)>,
        encode: impl Fn(&mut Vec<u8>, V),
    ) -> Result<()> {
        self.before.clear();
        let mut version = None;
        let mut flags = WriteFlags::UPSERT;
        if !self.history.is_empty()
            && let Some(before) = self.cursor.set::<Raw<'_>>(key)?
        {
            let (found, _) = split(&before).ok_or_else(|| Error::corrupt(self.table, key))?;
            version = Some(found);
            self.before.extend_from_slice(&before);
            // The cursor is there already.
            flags = WriteFlags::CURRENT;
        }
        for (place, value) in writes {
            let next = Version::after(version, self.first + place as u64);
            self.record.clear();
            next.encode(&mut self.record);
            let header = self.record.len();
            encode(&mut self.record, value);
            if let Some(history) = self.history.get_mut(place) {
                history.push(self.table, key, self.record.len() == header, &self.before);
            }
            version = Some(next);
            std::mem::swap(&mut self.before, &mut self.record);
        }
        // By the last swap, what was written last is what was before.
        self.cursor.put(key, &self.before, flags)
    }

    /// Puts a record that never changes, unless it is there already; the block at this place in the run does.
    pub(crate) fn put_once(&mut self, place: usize, key: &[u8], value: &[u8]) -> Result<()> {
        if self.cursor.set::<()>(key)?.is_some() {
            return Ok(());
        }
        self.cursor.put(key, value, WriteFlags::UPSERT)?;
        if let Some(history) = self.history.get_mut(place) {
            history.push(self.table, key, false, &[]);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_know_the_writes_of_their_index_with_low_bits_cleared() {
        let mut version = None;
        for index in 0..1000u64 {
            let next = Version::after(version, 10 + 3 * index);
            let mut expected = vec![index];
            let mut left = index;
            while left != 0 {
                left &= left - 1;
                expected.push(left);
            }
            assert_eq!(next.index, index);
            assert_eq!(next.blocks, expected.iter().map(|index| 10 + 3 * index).collect::<Vec<_>>());
            let mut record = Vec::new();
            next.encode(&mut record);
            record.extend_from_slice(b"value");
            let (decoded, value) = split(&record).unwrap();
            assert_eq!((&decoded, value), (&next, &b"value"[..]));
            version = Some(next);
        }
    }
}
