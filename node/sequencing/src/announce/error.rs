//! Why there is no log, or none any more.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
};

use rollup::{
    chain::{ChainError, KeepError},
    signer::SignError,
};

/// Why the log can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The file system says no.
    #[error("announced blocks: {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The disk is full.
    #[error(
        "no space left on the device: the announced blocks' file {0} could not grow; what was announced is safe"
    )]
    NoSpace(PathBuf),
    /// What was written may not be on disk, and no later flush would say so.
    #[error("announced blocks: {path} could not be flushed to the disk: {reason}")]
    Flush {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is not what was written.
    #[error(
        "announced blocks: {path} is damaged: {what}; move the folder away, and its blocks count as lost"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        what: String,
    },
    /// The log is of another chain.
    #[error("announced blocks: {path} is of chain {found}, expected {expected}")]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// Chain id and genesis hash expected.
        expected: String,
        /// Those found.
        found: String,
    },
    /// A block is too large for a record.
    #[error("announced blocks: block {0} is too large to be kept")]
    TooLarge(u64),
    /// Whether a block may be signed can't be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block is not signed, and so not announced.
    #[error(transparent)]
    Signer(#[from] SignError),
    /// The thread that writes has ended.
    #[error("announced blocks: the log's thread has ended")]
    Ended,
}

impl AnnounceError {
    /// What the file system says of a file.
    pub(super) fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace(path),
            _ => Self::Io { path, error },
        }
    }

    /// Whether this process must not go on: nobody can say any more what is on disk, or nothing more can be announced.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::NoSpace(_) | Self::Flush { .. } | Self::Ended)
    }
}

impl From<AnnounceError> for KeepError {
    fn from(error: AnnounceError) -> Self {
        Self { is_fatal: error.is_fatal(), reason: error.to_string() }
    }
}
