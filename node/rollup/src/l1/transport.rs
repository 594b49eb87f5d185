//! JSON-RPC over HTTP, as L1 endpoints answer it: with error pages, with limits, with too much.

use std::{sync::Arc, time::Duration};

use alloy::{
    rpc::json_rpc::{RequestPacket, ResponsePacket, ResponsePayload, RpcError},
    transports::{
        TransportError, TransportErrorKind, TransportResult,
        http::reqwest::{self, Response, StatusCode, header::RETRY_AFTER},
    },
};
use serde::de::Error;

use super::{
    error::L1Error,
    standing::{LeftOut, Standing},
};
use crate::{
    body::{BodyError, read_body},
    words::words,
};

/// Longest answer that is read. The logs of one L1 block or the transactions of one batch are well below, and of more
/// blocks fewer can be asked for.
const MAX_BODY: usize = 128 << 20;
/// How often a request is sent that is answered with "too many requests" (429).
const BUSY_ATTEMPTS: u32 = 5;
/// Time between the first two of them if the endpoint names none; doubled each time.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// Longest time between two of them, whatever the endpoint asks for: whoever waits should hear of it.
const MAX_BUSY_PAUSE: Duration = Duration::from_secs(10);

/// Sends requests to an endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    url: reqwest::Url,
    standing: Arc<Standing>,
}

impl Transport {
    pub(super) const fn new(http: reqwest::Client, url: reqwest::Url, standing: Arc<Standing>) -> Self {
        Self { http, url, standing }
    }

    /// Whether the endpoint is used.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Sends a request. One of several endpoints is not waited for while it has too many of them.
    pub(super) async fn post(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        let standing = self.standing.clone();
        let posted = self.post_patiently(request).await;
        match &posted {
            Ok(_) => standing.answered(),
            // What went silent would go on to cost time.
            Err(error) if is_timeout(error) => standing.leave_out(LeftOut::Failing, &L1Error::of(error)),
            Err(error) => standing.failed(&L1Error::of(error)),
        }
        posted
    }

    async fn post_patiently(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        let mut pause = BUSY_PAUSE;
        let mut attempt = 1;
        loop {
            let sent = self.http.post(self.url.clone()).json(&request).send().await;
            let response = sent.map_err(TransportErrorKind::custom)?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                self.standing.is_busy(retry_after(&response));
                if self.standing.is_alone() && attempt < BUSY_ATTEMPTS {
                    let wait = retry_after(&response).unwrap_or(pause).clamp(BUSY_PAUSE, MAX_BUSY_PAUSE);
                    drop(response);
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                    pause *= 2;
                    continue;
                }
            }
            let (status, body) = read(response).await?;
            return answer(&request, status, &body);
        }
    }
}

/// Whether there was no answer in time.
fn is_timeout(error: &TransportError) -> bool {
    let RpcError::Transport(TransportErrorKind::Custom(error)) = error else { return false };
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read(response: Response) -> TransportResult<(StatusCode, Vec<u8>)> {
    read_body(response, MAX_BODY).await.map_err(|error| match error {
        BodyError::Broken(error) => TransportErrorKind::custom(error),
        error => TransportError::deser_err(serde_json::Error::custom(error), ""),
    })
}

fn answer(request: &RequestPacket, status: StatusCode, body: &[u8]) -> TransportResult<ResponsePacket> {
    let response = serde_json::from_slice::<ResponsePacket>(body);
    match response {
        // Many endpoints send a status of HTTP along with a proper error. "Too many requests" alone is about neither
        // this request nor its size.
        Ok(response)
            if status.is_success() || response.is_error() && status != StatusCode::TOO_MANY_REQUESTS =>
        {
            as_a_whole(request, response)
        }
        Err(error) if status.is_success() => Err(TransportError::deser_err(error, words(body))),
        _ => Err(TransportErrorKind::http_error(status.as_u16(), words(body))),
    }
}

/// An error about all that was asked comes in place of the answers, in a list or not, or among them with no request's id.
fn as_a_whole(request: &RequestPacket, response: ResponsePacket) -> TransportResult<ResponsePacket> {
    let asked = request.requests();
    let of_one = |id| asked.len() > 1 && asked.iter().any(|request| request.id() == id);
    let stray = match &response {
        ResponsePacket::Single(one) => Some(one),
        ResponsePacket::Batch(answers) => answers.iter().find(|answer| !of_one(&answer.id)),
    };
    match stray.map(|answer| &answer.payload) {
        Some(ResponsePayload::Failure(error)) => Err(RpcError::ErrorResp(error.clone())),
        _ => Ok(response),
    }
}
