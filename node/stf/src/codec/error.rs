//! Why a payload does not decode.

use super::VERSION;

/// Why a payload does not decode. Every error means the same to consensus: a batch of default blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The Brotli stream is malformed.
    #[error("malformed compressed stream")]
    Compression,
    /// The payload ends before what it announces.
    #[error("payload ends too early")]
    Truncated,
    /// More decompressed bytes than allowed.
    #[error("payload decompresses to more than {0} bytes")]
    TooLarge(usize),
    /// Bytes behind the end.
    #[error("{0} bytes behind the end of the payload")]
    TrailingBytes(u64),
    /// Another version than this code knows.
    #[error("payload version {0}, expected {VERSION}")]
    Version(u8),
    /// A field holds a value that no encoder writes.
    #[error("{0} out of range")]
    Range(&'static str),
}
