//! HTTP: URLs, answers as far as they may be long, and those who are asked for blobs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::transports::http::reqwest::{self, RequestBuilder, StatusCode, redirect::Policy};
use parking_lot::Mutex;
use tracing::warn;

use super::error::ConnectError;
use crate::{
    body::{BodyError, read_body},
    words::innermost,
};

const TARGET: &str = "node::l1";

/// An answer that takes longer is none: others are asked.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Whoever was silent is not asked for so long: each blob would cost the whole time again. As long as the follower's
/// longest pause between two attempts.
const SILENCE_PAUSE: Duration = Duration::from_secs(30);
/// Whoever takes longer is not preferred: six blobs are a second's worth of a home's connection.
const SLOW: Duration = Duration::from_secs(2);
/// How often to say that one fails.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// The URL of an endpoint, and its scheme, host and port.
pub(super) fn parse(url: &str) -> Result<(reqwest::Url, Arc<str>), ConnectError> {
    let bad = || ConnectError::Url(crate::options::shown(url));
    let url: reqwest::Url = url.parse().map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad());
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let name = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    Ok((url, name.into()))
}

/// Which batch blobs are of, and which L1 block it was posted in.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlobPlace {
    pub(super) batch: u64,
    pub(super) number: u64,
    pub(super) timestamp: u64,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Silent,
    #[error("gave no answer a moment ago, and is not asked again yet")]
    StillSilent,
    #[error("{0}")]
    Failed(String),
}

/// Somebody who is asked for blobs, and trusted for nothing.
#[derive(Debug)]
pub(super) struct BlobServer {
    http: reqwest::Client,
    pub(super) url: reqwest::Url,
    /// Scheme, host and port.
    pub(super) name: Arc<str>,
    /// When it last gave no answer in time.
    silent: Mutex<Option<Instant>>,
    told: Mutex<Option<Instant>>,
}

impl BlobServer {
    pub(super) fn new(url: &str) -> Result<Self, ConnectError> {
        let (url, name) = parse(url)?;
        // Nobody who is not trusted says where else to ask.
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build();
        let http = http.map_err(|_| ConnectError::Url(crate::options::shown(url.as_str())))?;
        Ok(Self { http, url, name, silent: Mutex::default(), told: Mutex::default() })
    }

    /// Sends a request, and reads no more than `limit` bytes of its answer.
    pub(super) async fn ask(
        &self,
        request: impl FnOnce(&reqwest::Client) -> RequestBuilder,
        limit: usize,
    ) -> Result<(StatusCode, Vec<u8>), NoAnswer> {
        if self.silent.lock().is_some_and(|since| since.elapsed() < SILENCE_PAUSE) {
            return Err(NoAnswer::StillSilent);
        }
        let answer = async { read_body(request(&self.http).send().await?, limit).await };
        answer.await.map_err(|error| match error {
            BodyError::Broken(error) if error.is_timeout() => {
                *self.silent.lock() = Some(Instant::now());
                NoAnswer::Silent
            }
            error => NoAnswer::Failed(innermost(&error)),
        })
    }

    /// Says why it gives no blobs, now and then.
    pub(super) fn tell(&self, what: &'static str, block: u64, batch: u64, reason: &str) {
        let mut told = self.told.lock();
        if told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL) {
            *told = Some(Instant::now());
            warn!(target: TARGET, server = &*self.name, block, batch, reason, "{what} has no blobs");
        }
    }
}

/// Which of several is asked first: the one that answered last, then in their order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct AskOrder(Arc<AtomicUsize>);

impl AskOrder {
    /// The places of so many, the first one to ask first.
    pub(super) fn places(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let first = self.0.load(Ordering::Relaxed).min(count);
        (first..count).chain(0..first)
    }

    /// This one answered, after so long. One that takes long is not asked first next time: it may be right, and hold
    /// everything up.
    pub(super) fn answered(&self, place: usize, took: Duration) {
        let next = if took < SLOW { place } else { place + 1 };
        self.0.store(next, Ordering::Relaxed);
    }
}
