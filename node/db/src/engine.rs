//! The engine, behind a door that lets only safe calls through.
//!
//! The engine is used without sticky threads, so it cannot tell whose a write transaction is. A call about the database
//! as a whole (statistics, flushes, options) then takes a write transaction that *any* thread has open for the caller's
//! own, and reads or changes it under that thread's hands. So no other file gets at the engine's environment, nor at a
//! transaction of the engine, which leads to it: there are transactions here, each of which reaches nothing but itself,
//! and a flush, which only the writer can do, because then the write transaction that the engine finds is the caller's.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

pub(crate) use signet_libmdbx::{Database as Handle, SyncMode, WriteFlags};
use signet_libmdbx::{
    DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode, ReadError, Ro, Rw, TableObject,
    TransactionKind, sys::PageSize,
};

use crate::{
    Error, Result, Table, error,
    folder::{DATA_FILE, MAX_READERS, PAGE_SIZE},
};

/// Steps in which the file grows.
const GROWTH: usize = 64 << 20;

/// Written pages kept as memory for the next transaction: 32 MiB, a large block's.
const RESERVED_PAGES: u64 = 8192;

/// Unsynced bytes from which a commit syncs by itself. Without such a limit the engine would sync whenever it could
/// use the space of what is not synced yet, which is at almost every commit.
const SYNC_BYTES: usize = 1 << 30;

/// Where the engine's files are, and what was found out about them.
#[derive(Debug)]
pub(crate) struct Home {
    path: Box<Path>,
    /// The first error that says that the files are damaged or out of reach.
    damage: OnceLock<String>,
}

impl Home {
    /// An error of the engine. Damage is remembered, whoever meets it: a reader may keep it to himself.
    fn failed(&self, error: impl Into<ReadError>) -> Error {
        let error = Error::engine(error, &self.path);
        if error.is_damage() {
            self.damage.get_or_init(|| error.to_string());
        }
        error
    }
}

/// The open engine. It closes with the last clone and the last transaction.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    env: Environment,
    home: Arc<Home>,
}

impl Engine {
    /// Opens the files in a folder that [`prepare`](crate::folder::prepare) has found to be fit.
    pub(crate) fn open(path: &Path, max_size: usize, sync_mode: SyncMode) -> Result<Self> {
        let env = Environment::builder()
            .set_max_dbs(Table::ALL.len())
            .set_max_readers(MAX_READERS)
            .set_sync_bytes(SYNC_BYTES)
            .set_dp_reserve_limit(RESERVED_PAGES)
            .set_geometry(Geometry {
                size: Some(0..max_size),
                growth_step: Some(GROWTH as isize),
                shrink_threshold: Some(0),
                page_size: Some(PageSize::Set(PAGE_SIZE)),
            })
            .set_flags(EnvironmentFlags {
                mode: Mode::ReadWrite { sync_mode },
                // One process at a time.
                exclusive: true,
                // State is read at random.
                no_rdahead: true,
                // Pages go to disk with what was in memory before in their unused parts; it is our own memory.
                no_meminit: true,
                ..Default::default()
            })
            .open(path)
            .map_err(|error| open_error(error, path))?;
        Ok(Self { env, home: Arc::new(Home { path: path.into(), damage: OnceLock::new() }) })
    }

    /// Begins a read-only transaction.
    pub(crate) fn begin_ro(&self) -> Result<EngineTransaction<Ro>> {
        let inner = self.env.begin_ro_unsync().map_err(|error| self.home.failed(error))?;
        Ok(EngineTransaction { inner, home: self.home.clone() })
    }

    /// Begins the read-write transaction; waits while another thread has it.
    pub(crate) fn begin_rw(&self) -> Result<EngineTransaction<Rw>> {
        let inner = self.env.begin_rw_unsync().map_err(|error| self.home.failed(error))?;
        Ok(EngineTransaction { inner, home: self.home.clone() })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.home.path
    }

    /// What says that the files are damaged or out of reach, if anything did.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.home.damage.get().map(String::as_str)
    }
}

fn open_error(error: MdbxError, path: &Path) -> Error {
    const EAGAIN: i32 = 11;
    match error {
        MdbxError::Busy | MdbxError::Other(EAGAIN) => Error::Locked(PathBuf::from(path)),
        MdbxError::Invalid | MdbxError::VersionMismatch | MdbxError::Corrupted => {
            Error::NotADatabase(path.join(DATA_FILE))
        }
        error => Error::engine(error, path),
    }
}

/// A transaction of the engine. It reaches nothing but itself.
#[derive(Debug)]
pub(crate) struct EngineTransaction<K: TransactionKind> {
    inner: signet_libmdbx::tx::Tx<K>,
    home: Arc<Home>,
}

impl<K: TransactionKind> EngineTransaction<K> {
    /// Whether there is no table at all.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        let main = self.inner.open_db(None).map_err(|error| self.failed(error))?;
        let tables = self.inner.db_stat(&main).map_err(|error| self.failed(error))?;
        Ok(tables.entries() == 0)
    }

    /// The table of this name, if there is one.
    pub(crate) fn table(&self, name: &str) -> Result<Option<Handle>> {
        match self.inner.open_db(Some(name)) {
            Ok(handle) => Ok(Some(handle)),
            Err(MdbxError::NotFound | MdbxError::Incompatible) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(crate) fn get<'a, T: TableObject<'a>>(&'a self, table: Handle, key: &[u8]) -> Result<Option<T>> {
        self.inner.get(table.dbi(), key).map_err(|error| self.failed(error))
    }

    pub(crate) fn cursor(&self, table: Handle) -> Result<Cursor<'_, K>> {
        let inner = self.inner.cursor(table).map_err(|error| self.failed(error))?;
        Ok(Cursor { inner, home: &self.home })
    }

    fn failed(&self, error: impl Into<ReadError>) -> Error {
        self.home.failed(error)
    }
}

impl EngineTransaction<Rw> {
    /// The table of this name, which is created if there is none.
    pub(crate) fn create_table(&self, name: &str) -> Result<Handle> {
        self.inner.create_db(Some(name), DatabaseFlags::empty()).map_err(|error| self.failed(error))
    }

    pub(crate) fn put(&self, table: Handle, key: &[u8], value: &[u8], flags: WriteFlags) -> Result<()> {
        self.inner.put(table, key, value, flags).map_err(|error| self.failed(error))
    }

    pub(crate) fn delete(&self, table: Handle, key: &[u8]) -> Result<()> {
        self.inner.del(table, key, None).map_err(|error| self.failed(error))?;
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<()> {
        self.inner.commit().map_err(|error| self.home.failed(error))
    }

    /// Flushes what was committed before this transaction began, which must not have written anything.
    pub(crate) fn flush(self) -> Result<()> {
        let flushed = self.inner.env().sync(true);
        flushed.map_err(|error| Error::Flush {
            path: self.home.path.to_path_buf(),
            reason: error::words(&error),
        })?;
        Ok(())
    }
}

/// A place in a table of a transaction.
#[derive(Debug)]
pub(crate) struct Cursor<'a, K: TransactionKind> {
    inner: signet_libmdbx::Cursor<'a, K>,
    home: &'a Home,
}

type Record<Key, Value> = Option<(Key, Value)>;

impl<'a, K: TransactionKind> Cursor<'a, K> {
    /// The first record.
    pub(crate) fn first<Key: TableObject<'a>, Value: TableObject<'a>>(
        &mut self,
    ) -> Result<Record<Key, Value>> {
        self.inner.first().map_err(|error| self.home.failed(error))
    }

    /// The last record.
    pub(crate) fn last<Key: TableObject<'a>, Value: TableObject<'a>>(
        &mut self,
    ) -> Result<Record<Key, Value>> {
        self.inner.last().map_err(|error| self.home.failed(error))
    }

    /// The record after this one.
    pub(crate) fn next<Key: TableObject<'a>, Value: TableObject<'a>>(
        &mut self,
    ) -> Result<Record<Key, Value>> {
        self.inner.next().map_err(|error| self.home.failed(error))
    }

    /// The record before this one.
    pub(crate) fn prev<Key: TableObject<'a>, Value: TableObject<'a>>(
        &mut self,
    ) -> Result<Record<Key, Value>> {
        self.inner.prev().map_err(|error| self.home.failed(error))
    }

    /// The record of a key.
    pub(crate) fn set<Value: TableObject<'a>>(&mut self, key: &[u8]) -> Result<Option<Value>> {
        self.inner.set(key).map_err(|error| self.home.failed(error))
    }

    /// The first record at or after a key.
    pub(crate) fn set_range<Key: TableObject<'a>, Value: TableObject<'a>>(
        &mut self,
        key: &[u8],
    ) -> Result<Record<Key, Value>> {
        self.inner.set_range(key).map_err(|error| self.home.failed(error))
    }

    /// All records.
    #[cfg(test)]
    pub(crate) fn records(mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut records = Vec::new();
        let mut next = self.first().unwrap();
        while let Some(record) = next {
            records.push(record);
            next = self.next().unwrap();
        }
        records
    }
}

impl Cursor<'_, Rw> {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8], flags: WriteFlags) -> Result<()> {
        self.inner.put(key, value, flags).map_err(|error| self.home.failed(error))
    }
}
