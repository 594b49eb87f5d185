use std::{marker::PhantomData, ops::RangeInclusive};

use signet_libmdbx::{Ro, Rw, TransactionKind};

use crate::{
    Error, Result, Table,
    engine::{Cursor, EngineTransaction, WriteFlags},
    handles::Handles,
    raw::Raw,
};

/// What a transaction may do: [`Reader`] or [`Writer`].
pub trait TxMode: TransactionKind {}

impl TxMode for Ro {}
impl TxMode for Rw {}

/// A transaction: one snapshot of all tables. Everything that can be read, can be read through both kinds; a writer
/// sees its own writes.
#[derive(Debug)]
pub struct Tx<K: TxMode> {
    pub(crate) inner: EngineTransaction<K>,
    pub(crate) handles: Handles,
}

/// The kind of a [`Reader`].
pub type ReadOnly = Ro;

/// The kind of a [`Writer`].
pub type ReadWrite = Rw;

/// A read-only transaction. It sees the database as it was when it began, and blocks nobody; but no space that
/// later writes free is reused until it ends, so drop it soon. It may be sent to another thread.
pub type Reader = Tx<Ro>;

/// The read-write transaction; there is one at a time. Dropping it aborts it. It stays on the thread that began it.
pub type Writer = Tx<Rw>;

impl<K: TxMode> Tx<K> {
    pub(crate) fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Raw<'_>>> {
        self.inner.get(self.handles[table], key)
    }

    /// Reads and decodes a record.
    pub(crate) fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get_raw(table, key)? else {
            return Ok(None);
        };
        decode(&value).map(Some).ok_or_else(|| Error::corrupt(table, key))
    }

    pub(crate) fn cursor(&self, table: Table) -> Result<Cursor<'_, K>> {
        self.inner.cursor(self.handles[table])
    }

    /// The first record at or after `key`.
    pub(crate) fn seek(&self, table: Table, key: &[u8]) -> Result<Option<(Raw<'_>, Raw<'_>)>> {
        self.cursor(table)?.set_range(key)
    }

    /// The last record of a table with numbers for keys.
    pub(crate) fn last_raw(&self, table: Table) -> Result<Option<(u64, Raw<'_>)>> {
        let Some((key, value)) = self.cursor(table)?.last::<Raw<'_>, Raw<'_>>()? else {
            return Ok(None);
        };
        Ok(Some((number_of(table, &key)?, value)))
    }

    pub(crate) fn last_number(&self, table: Table) -> Result<Option<u64>> {
        Ok(self.last_raw(table)?.map(|(number, _)| number))
    }

    pub(crate) fn records<T>(
        &self,
        table: Table,
        range: RangeInclusive<u64>,
        decode: fn(&[u8]) -> Option<T>,
    ) -> Result<Records<'_, K, T>> {
        let (from, to) = range.into_inner();
        Ok(Records {
            table,
            cursor: Some(self.cursor(table)?),
            from: Some(from),
            to,
            decode,
            marker: PhantomData,
        })
    }
}

/// The number that is a record's whole key.
pub(crate) fn number_of(table: Table, key: &[u8]) -> Result<u64> {
    crate::codec::only_u64(key).ok_or_else(|| Error::corrupt(table, key))
}

/// The records of a range of numbers that exist, in order. It ends after the first error.
pub struct Records<'a, K: TxMode, T> {
    table: Table,
    /// None once the end is reached.
    cursor: Option<Cursor<'a, K>>,
    /// Where to start; none once started.
    from: Option<u64>,
    to: u64,
    decode: fn(&[u8]) -> Option<T>,
    marker: PhantomData<T>,
}

impl<K: TxMode, T> std::fmt::Debug for Records<'_, K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("table", &self.table).field("to", &self.to).finish_non_exhaustive()
    }
}

impl<K: TxMode, T> Records<'_, K, T> {
    fn step(&mut self) -> Result<Option<(u64, T)>> {
        let Some(cursor) = &mut self.cursor else {
            return Ok(None);
        };
        let record = match self.from.take() {
            Some(from) => cursor.set_range::<Raw<'_>, Raw<'_>>(&from.to_be_bytes())?,
            None => cursor.next::<Raw<'_>, Raw<'_>>()?,
        };
        let Some((key, value)) = record else {
            return Ok(None);
        };
        let number = number_of(self.table, &key)?;
        if number > self.to {
            return Ok(None);
        }
        let value = (self.decode)(&value).ok_or_else(|| Error::corrupt(self.table, &key))?;
        Ok(Some((number, value)))
    }
}

impl<K: TxMode, T> Iterator for Records<'_, K, T> {
    type Item = Result<(u64, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.cursor = None;
        }
        item
    }
}

impl Writer {
    /// Makes everything written visible to readers that begin from now on, as one step. From here on it survives
    /// the death of the process; [`Database::sync`](crate::Database::sync) says what it takes to survive a power cut.
    pub fn commit(self) -> Result<()> {
        self.inner.commit()
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.inner.put(self.handles[table], key, value, WriteFlags::UPSERT)
    }

    /// Adds a record after all others of a table with numbers for keys.
    pub(crate) fn append(&mut self, table: Table, number: u64, value: &[u8]) -> Result<()> {
        self.inner.put(self.handles[table], &number.to_be_bytes(), value, WriteFlags::APPEND)
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.inner.delete(self.handles[table], key)
    }
}
