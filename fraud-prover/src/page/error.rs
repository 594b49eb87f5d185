//! What a request is refused with.

use std::time::{Duration, Instant};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use serde_json::json;
use tracing::{debug, warn};

use super::TARGET;

/// Time between two warnings.
const QUIET: Duration = Duration::from_secs(60);

/// When the last one was given.
static TOLD: Mutex<Option<Instant>> = Mutex::new(None);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// The request makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// What is asked for does not exist.
    #[error("{0}")]
    Missing(String),
    /// Too much is asked for.
    #[error("too many requests: wait a moment")]
    Busy,
    /// Another page asks, or somebody by another name.
    #[error("this is answered to its own page only")]
    Foreign,
    /// It is being computed, or L1 does not answer.
    #[error("{0}")]
    NotYet(String),
    /// It cannot be told, for a reason that the log has.
    #[error("this cannot be told now: the challenger's log says why")]
    Internal,
}

impl PageError {
    /// What a person who looks can do nothing about: it is for the log, which nobody may fill by asking again and again.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        let mut told = TOLD.lock();
        if told.is_none_or(|at| at.elapsed() > QUIET) {
            *told = Some(Instant::now());
            warn!(target: TARGET, %error, "a request of the page failed");
        } else {
            debug!(target: TARGET, %error, "a request of the page failed");
        }
        Self::Internal
    }

    /// A refusal of the library's, in the form of ours.
    pub(super) fn refused(status: StatusCode, text: &str) -> Response {
        let text = if text.is_empty() { status.canonical_reason().unwrap_or("refused") } else { text };
        (status, Json(json!({ "error": text }))).into_response()
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::NotYet(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<db::Error> for PageError {
    fn from(error: db::Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        Self::refused(self.status(), &self.to_string())
    }
}
