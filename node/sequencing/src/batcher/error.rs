//! Errors of planning a batch.

use rollup::chain::ChainError;
use stf::codec::EncodeError;

/// Why no batch can be built.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The local chain can't be read, or lacks something that it should have.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The payload does not compress.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No valid batch holds the local blocks.
    #[error("the local blocks can't be posted: {0}")]
    Impossible(&'static str),
}
