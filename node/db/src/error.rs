use std::{io, path::PathBuf};

use alloy_primitives::{B256, hex};
use signet_libmdbx::{MdbxError, ReadError};

use crate::Table;

/// The result of a database operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a database operation failed. A failed write leaves the transaction unfit to commit: drop it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be created or read.
    #[error("{path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The path exists and is not a folder.
    #[error("{0} is not a folder")]
    NotADirectory(PathBuf),
    /// The folder holds something else than one of our databases; it was left as it is.
    #[error("{0} holds files, but no rollup database")]
    NotADatabase(PathBuf),
    /// Another process (or another `Database` of this one) has the folder open.
    #[error("{0} is in use: one node at a time can open a database")]
    Locked(PathBuf),
    /// The database was written by another version of this software.
    #[error("database schema is {found}, this version reads {supported}")]
    Schema {
        /// The version found in the database.
        found: u32,
        /// The version that this software reads and writes.
        supported: u32,
    },
    /// The database belongs to another chain.
    #[error("database of another chain: {field} is {found}, expected {expected}")]
    OtherChain {
        /// The field of [`Identity`](crate::Identity) that differs.
        field: &'static str,
        /// What the caller expects.
        expected: String,
        /// What the database has.
        found: String,
    },
    /// The database has reached its maximum size. What was committed is safe; open it with a larger maximum.
    #[error("the database is full: open it with a larger maximum size")]
    Full,
    /// The maximum size asked for is less than the least possible, or than the database already takes.
    #[error("maximum size of {max_size} bytes is too small, at least {needed} are needed")]
    MapTooSmall {
        /// The maximum asked for.
        max_size: usize,
        /// The least that can be asked for.
        needed: usize,
    },
    /// A record does not decode.
    #[error("corrupt record in {table:?} at key 0x{key}")]
    Corrupt {
        /// The record's table.
        table: Table,
        /// The record's key, in hexadecimal.
        key: String,
    },
    /// A block that should be there is not.
    #[error("block {0} is not in the database")]
    NoBlock(u64),
    /// A contract's code that should be there is not.
    #[error("code {0} is not in the database")]
    NoCode(B256),
    /// The state at this height is pruned or not there yet.
    #[error("no state at block {height}: the database has {oldest} to {newest}")]
    NoState {
        /// The height asked for.
        height: u64,
        /// The oldest height with complete state.
        oldest: u64,
        /// The newest.
        newest: u64,
    },
    /// Blocks, messages and batches are appended in order, without gaps.
    #[error("{table:?}: expected {expected} next, found {found}")]
    NotNext {
        /// The table appended to.
        table: Table,
        /// The number or index that comes next.
        expected: u64,
        /// The one given.
        found: u64,
    },
    /// A block does not build on the block before it.
    #[error("{table:?} {number}: parent is {expected}, the block names {found}")]
    NotChild {
        /// Headers or L1 blocks.
        table: Table,
        /// The block's number.
        number: u64,
        /// The hash of the block before it.
        expected: B256,
        /// The parent that it names.
        found: B256,
    },
    /// Blocks at or below the finalized one stay.
    #[error("cannot truncate to {number}: {finalized} is finalized")]
    Finalized {
        /// The block to truncate to.
        number: u64,
        /// The finalized block.
        finalized: u64,
    },
    /// The database engine failed.
    #[error("database engine: {0}")]
    Engine(MdbxError),
}

impl Error {
    pub(crate) fn corrupt(table: Table, key: &[u8]) -> Self {
        Self::Corrupt { table, key: hex::encode(key) }
    }
}

impl From<MdbxError> for Error {
    fn from(error: MdbxError) -> Self {
        match error {
            MdbxError::MapFull => Self::Full,
            error => Self::Engine(error),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Mdbx(error) => error.into(),
            ReadError::Decoding(_) => Self::Engine(MdbxError::DecodeError),
        }
    }
}
