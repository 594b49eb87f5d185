//! Why an L1 endpoint cannot be used, or had no usable answer.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::Bytes,
    rpc::json_rpc::RpcError,
    transports::{TransportError, TransportErrorKind},
};

use crate::config::ConfigMismatches;
use crate::words::{innermost, line, words};

/// Why an L1 endpoint cannot be used for a rollup. Each says it in one line.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not the URL of an HTTP endpoint: of L1's, a beacon node, or an archive.
    #[error("{0:?} is not an http:// or https:// URL")]
    Url(String),
    /// It does not answer.
    #[error("L1 endpoint {endpoint} does not answer: {error}")]
    Unreachable {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// What went wrong.
        error: L1Error,
    },
    /// It did not answer for as long as it was given.
    #[error("L1 endpoint {endpoint} does not answer within {limit:?}: {error}")]
    TimedOut {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// How long it was given.
        limit: Duration,
        /// What went wrong last.
        error: L1Error,
    },
    /// It serves another chain.
    #[error("L1 endpoint {endpoint} serves chain {found}, but l1ChainId in rollup.json is {expected}")]
    WrongChain {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// As the rollup's configuration says.
        expected: u64,
        /// As the endpoint says.
        found: u64,
    },
    /// The rollup there is another than the configuration's.
    #[error(transparent)]
    Config(#[from] ConfigMismatches),
}

/// Why a request to L1 had no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum L1Error {
    /// The endpoint answered with a JSON-RPC error.
    #[error("{message} (code {code})")]
    ErrorResponse {
        /// JSON-RPC error code.
        code: i64,
        /// The endpoint's message.
        message: String,
        /// Data of a revert.
        data: Option<Bytes>,
    },
    /// Something on the way to the endpoint answered, or the endpoint with an error of HTTP.
    #[error("HTTP status {status}: {message}")]
    Status {
        /// The status.
        status: u16,
        /// What the answer says, in short.
        message: String,
    },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that makes no sense.
    #[error("unusable answer: {0}")]
    InvalidResponse(String),
}

impl L1Error {
    /// What a call reverted with, if this says that it reverted.
    pub fn revert_data(&self) -> Option<Bytes> {
        match self {
            Self::ErrorResponse { code, message, data } if *code == 3 || message.contains("revert") => {
                Some(data.clone().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// Whether this says that a call failed in the contract.
    pub fn is_failed_call(&self) -> bool {
        let is_invalid = |message: &str| message.to_lowercase().contains("opcode");
        self.revert_data().is_some()
            || matches!(self, Self::ErrorResponse { message, .. } if is_invalid(message))
    }

    /// The endpoint's message, in lower case.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::ErrorResponse { message, .. } | Self::Status { message, .. } => message.to_lowercase(),
            Self::Unreachable(message) | Self::InvalidResponse(message) => message.to_lowercase(),
        }
    }

    /// Whether this is an answer to the very request: not silence, nor that there were too many others.
    pub(super) const fn is_answer(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Status { status: 429, .. })
    }
}

impl L1Error {
    /// What a failure of the transport comes to.
    pub(super) fn of(error: &TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => {
                let data = payload.as_revert_data();
                Self::ErrorResponse { code: payload.code, message: line(&payload.message), data }
            }
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                Self::Status { status: error.status, message: words(error.body.as_bytes()) }
            }
            RpcError::Transport(TransportErrorKind::MissingBatchResponse(_)) => {
                Self::InvalidResponse("a batch with fewer answers than requests".into())
            }
            RpcError::Transport(error) => Self::Unreachable(innermost(error)),
            RpcError::DeserError { err, text } if text.is_empty() => {
                Self::InvalidResponse(line(&err.to_string()))
            }
            RpcError::DeserError { err, text } => {
                Self::InvalidResponse(format!("{} ({})", words(text.as_bytes()), line(&err.to_string())))
            }
            other => Self::InvalidResponse(line(&other.to_string())),
        }
    }
}

impl From<TransportError> for L1Error {
    fn from(error: TransportError) -> Self {
        Self::of(&error)
    }
}

impl From<alloy::sol_types::Error> for L1Error {
    fn from(error: alloy::sol_types::Error) -> Self {
        Self::InvalidResponse(error.to_string())
    }
}
