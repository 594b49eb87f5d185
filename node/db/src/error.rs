use std::{
    io,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, hex};
use signet_libmdbx::{MdbxError, ReadError};

use crate::{Table, room};

/// The result of a database operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a database operation failed. A failed write leaves the transaction unfit to commit: drop it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it could not be created, read or opened.
    #[error("{path}: {error}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// The path exists and is not a folder.
    #[error("{0} is not a folder")]
    NotADirectory(PathBuf),
    /// The folder holds other files, and no rollup database. They were left as they are.
    #[error(
        "{path} holds files ({found}), but no rollup database: name an empty folder, or one that does not exist yet"
    )]
    OtherFiles {
        /// The folder.
        path: PathBuf,
        /// The names of some of the files.
        found: String,
    },
    /// The file is something else than one of our databases. It was left as it is.
    #[error(
        "{0} is no rollup database, and was left as it is: name an empty folder, or one that does not exist yet"
    )]
    NotADatabase(PathBuf),
    /// The file begins as a database, but lacks most of what every database has. It was left as it is.
    #[error(
        "{path} is a damaged database: it has {length} bytes, the smallest has {needed}; without it, the node builds a new one from L1"
    )]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        length: u64,
        /// What every database has at least.
        needed: u64,
    },
    /// There is no room to open the database. Nothing was changed.
    #[error("no space left on the device: {path} needs {needed} bytes")]
    NoSpace {
        /// The file that needs it.
        path: PathBuf,
        /// How much.
        needed: u64,
    },
    /// The disk, or the user's share of it, is full. The write was taken back; what was committed before is safe.
    #[error("no space left on the device: the database in {0} could not grow; what was committed is safe")]
    DiskFull(PathBuf),
    /// Commits could not be brought to the disk. They are lost in a power cut, and whether a second attempt writes them
    /// is not to be known: the system tells of such an error once, and may forget the data.
    #[error("the database in {path} could not be flushed to the disk: {reason}")]
    Flush {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
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
    /// The transactions and receipts of this block are pruned.
    #[error("block {number} is pruned: transactions and receipts are kept from block {oldest} on")]
    Pruned {
        /// The block asked for.
        number: u64,
        /// The oldest block that is kept.
        oldest: u64,
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
    /// Blocks above the finalized one are not pruned.
    #[error("cannot prune up to block {number}: only {finalized} is final")]
    NotFinal {
        /// The oldest block to keep.
        number: u64,
        /// The finalized block.
        finalized: u64,
    },
    /// Somebody found the files damaged or out of reach.
    #[error("the database is damaged or out of reach: {0}")]
    Damaged(String),
    /// The database engine failed.
    #[error("database engine in {path}: {}", words(.error))]
    Engine {
        /// The folder.
        path: PathBuf,
        /// What the engine says.
        error: MdbxError,
    },
}

impl Error {
    pub(crate) fn corrupt(table: Table, key: &[u8]) -> Self {
        Self::Corrupt { table, key: hex::encode(key) }
    }

    /// An error of the engine in the database of a folder.
    pub(crate) fn engine(error: impl Into<ReadError>, path: &Path) -> Self {
        let error = match error.into() {
            ReadError::Mdbx(error) => error,
            ReadError::Decoding(_) => MdbxError::DecodeError,
        };
        let path = path.to_owned();
        match error {
            MdbxError::MapFull => Self::Full,
            MdbxError::Other(code) if room::says_full(code) => Self::DiskFull(path),
            // A write for which there was room for a part only is this to the engine.
            MdbxError::Other(EIO) if room::is_full(&path) => Self::DiskFull(path),
            error => Self::Engine { path, error },
        }
    }

    /// Whether this process must not go on with the database: what comes next could not be kept, or what was committed
    /// is in doubt. After any other error, the same may work when it is tried again.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::DiskFull(_) | Self::Full | Self::Flush { .. } | Self::Damaged(_))
            || self.is_damage()
    }

    /// Whether the files are damaged or out of reach: no other attempt will find them well.
    pub(crate) const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Engine {
                error: MdbxError::Panic
                    | MdbxError::Corrupted
                    | MdbxError::PageNotFound
                    | MdbxError::Other(EIO | EROFS),
                ..
            }
        )
    }
}

const EPERM: i32 = 1;
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const EROFS: i32 = 30;

/// What an error of the engine says. Its codes above zero are the system's, whose words are clearer than the engine's.
pub(crate) fn words(error: &MdbxError) -> String {
    let code = match error {
        MdbxError::Other(code) if *code > 0 => *code,
        MdbxError::Access => EACCES,
        MdbxError::Permission => EPERM,
        MdbxError::DecodeError | MdbxError::DecodeErrorLenDiff => EINVAL,
        error => return error.to_string(),
    };
    io::Error::from_raw_os_error(code).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_system_are_said_in_its_words() {
        for (error, text) in [
            (MdbxError::Other(5), "database engine in /data: Input/output error (os error 5)"),
            (MdbxError::Other(21), "database engine in /data: Is a directory (os error 21)"),
            (MdbxError::Access, "database engine in /data: Permission denied (os error 13)"),
            (MdbxError::Panic, "database engine in /data: fatal environment error"),
            (MdbxError::Other(-77), "database engine in /data: unknown error code: -77"),
            (
                MdbxError::Other(28),
                "no space left on the device: the database in /data could not grow; what was committed is safe",
            ),
        ] {
            assert_eq!(Error::engine(error, Path::new("/data")).to_string(), text);
        }
    }
}
