//! Answers over HTTP, read as far as they may be long.

use alloy::transports::http::reqwest::{self, Response, StatusCode};

/// Why an answer cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It broke off, or takes too long.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
    /// It has more bytes than this.
    #[error("an answer longer than {0} bytes")]
    TooLong(usize),
}

/// Reads an answer to its end, and no more than `limit` bytes of it.
pub(crate) async fn read_body(
    mut response: Response,
    limit: usize,
) -> Result<(StatusCode, Vec<u8>), BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}
