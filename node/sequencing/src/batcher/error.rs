//! Errors of planning a batch.

use stf::codec::EncodeError;

/// Why no batch can be built.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The local chain lacks something that it should have.
    #[error("{what} {number} is missing in the database")]
    Missing {
        /// Which kind of record.
        what: &'static str,
        /// Its number or index.
        number: u64,
    },
    /// The payload does not compress.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No valid batch holds the local blocks.
    #[error("the local blocks can't be posted: {0}")]
    Impossible(&'static str),
}
