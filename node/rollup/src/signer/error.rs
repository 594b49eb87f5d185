//! Why there is no signature.

use std::time::Duration;

/// Why there is no signature. Whoever asked may ask again, later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The signer does not answer.
    #[error("the signer does not answer: {0}")]
    Away(String),
    /// The signer answers with an error.
    #[error("the signer refuses: {0}")]
    Refused(String),
    /// What it answers is not what was asked for: it counts for nothing.
    #[error("the signer's answer is not what was asked for: {0}")]
    Invalid(String),
    /// Such a signer cannot do it.
    #[error("the signer cannot do it: {0}")]
    Unable(&'static str),
    /// The key in this process did not sign.
    #[error("the key does not sign: {0}")]
    Key(String),
}

impl SignError {
    /// It takes too long.
    pub(super) fn late(limit: Duration) -> Self {
        Self::Away(format!("no answer within {} s", limit.as_secs()))
    }
}

impl From<alloy::signers::Error> for SignError {
    fn from(error: alloy::signers::Error) -> Self {
        Self::Key(error.to_string())
    }
}
