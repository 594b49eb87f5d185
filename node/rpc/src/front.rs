//! HTTP before JSON-RPC: names, origins, health, compression.

use std::{
    collections::VecDeque,
    io::Write,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{self, HeaderMap, HeaderValue},
};
use jsonrpsee::{core::BoxError, server::HttpResponse, types::ErrorObjectOwned};
use serde_json::json;
use tokio::sync::Semaphore;
use tower::Service;

use super::{
    RpcError,
    connection::{Connection, Exchange},
    context::Rpc,
    http::{HttpAnswer, HttpRpc},
    listener::Listener,
    requests::Asker,
};

/// The longest that a request may take from its first byte to its answer: to be read, to wait for a transaction
/// (EIP-7966), to be worked on.
const WHOLE_TIME: Duration = Duration::from_secs(120);

/// Answers shorter than this, in bytes, are not worth compressing.
const LEAST_COMPRESSED: usize = 1 << 10;

/// How long a browser may remember what it may ask for, in seconds.
const PREFLIGHT_AGE: &str = "600";

/// What is answered before a request is one of JSON-RPC, and what is done to its answer.
pub(crate) struct Front {
    /// JSON-RPC over HTTP.
    pub(crate) http: HttpRpc,
    pub(crate) listener: Listener,
    pub(crate) rpc: Arc<Rpc>,
    /// Turns for compressing.
    pub(crate) compressing: Arc<Semaphore>,
}

impl Front {
    /// Answers a request of a connection, by `service` if it is one of JSON-RPC.
    pub(crate) async fn answer<S>(
        self: Arc<Self>,
        connection: Arc<Connection>,
        mut request: Request<Incoming>,
        mut service: S,
    ) -> Result<Response<SentBody>, BoxError>
    where
        S: Service<Request<Incoming>, Response = HttpResponse, Error = BoxError>,
    {
        connection.begin_request();
        let headers = request.headers();
        if !self.is_named(headers) {
            let text = "the host of the request is none of this node's: see --rpc-hosts\n";
            return Ok(plain(StatusCode::FORBIDDEN, text.into()));
        }
        let origin = headers.get(header::ORIGIN).cloned();
        let granted = origin.as_ref().and_then(|origin| self.granted(origin));
        let is_socket = headers.contains_key(header::UPGRADE);
        // Browsers ask before they send JSON, but not before they open a WebSocket.
        if is_socket && origin.is_some() && granted.is_none() {
            return Ok(plain(
                StatusCode::FORBIDDEN,
                "the page's origin is not let in: see --rpc-cors\n".into(),
            ));
        }
        let mut response = match (request.method(), request.uri().path()) {
            (&Method::OPTIONS, _) => preflight(granted.is_some()),
            (&Method::GET, "/health") => self.liveness(),
            (&Method::GET, "/ready") => self.readiness(),
            _ => {
                let compresses = !is_socket && accepts_gzip(headers);
                let client = Asker { connection: connection.clone(), is_socket };
                let answered = async {
                    if is_socket {
                        request.extensions_mut().insert(client);
                        let response = service.call(request).await?;
                        // The answer to an upgrade has an empty body, a refusal a short one.
                        let (parts, body) = response.into_parts();
                        let text = body.collect().await?.to_bytes();
                        return Ok(Response::from_parts(parts, SentBody::of(text)));
                    }
                    self.sent(self.http.answer(client, request).await, compresses).await
                };
                match tokio::time::timeout(WHOLE_TIME, answered).await {
                    Ok(response) => match connection.refused() {
                        Some(error) => refusal(error),
                        None => response?,
                    },
                    Err(_) => {
                        let text = format!("the request is not answered after {WHOLE_TIME:?}\n");
                        return Ok(plain(StatusCode::REQUEST_TIMEOUT, text));
                    }
                }
            }
        };
        if let Some(granted) = granted {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, granted);
            headers.insert(header::VARY, HeaderValue::from_static("origin"));
        }
        Ok(response)
    }

    /// Whether the request is for a name of this node. Whoever points his own name at a node on somebody's machine makes
    /// browsers there believe that it is his.
    fn is_named(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST) else { return true };
        host.to_str()
            .is_ok_and(|host| is_address(host_name(host)) || self.listener.hosts.allow(host_name(host)))
    }

    /// What a page of this origin is told that it may be.
    fn granted(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let origins = &self.listener.origins;
        if origins.allow_all() {
            return Some(HeaderValue::from_static("*"));
        }
        origin.to_str().is_ok_and(|name| origins.allow(name)).then(|| origin.clone())
    }

    /// That the node lives, and what does not work all the same.
    fn liveness(&self) -> Response<SentBody> {
        let warnings = self.rpc.warnings();
        let answer = match warnings.is_empty() {
            true => json!({ "status": "alive" }),
            false => json!({ "status": "alive", "warnings": warnings }),
        };
        json_answer(StatusCode::OK, &answer)
    }

    /// Whether the node serves what it should, and why it does not.
    fn readiness(&self) -> Response<SentBody> {
        let reasons = self.rpc.reasons_to_wait();
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json_answer(status, &json!({ "ready": reasons.is_empty(), "reasons": reasons }))
    }

    /// An answer with what it holds until it is sent, compressed if it may be.
    async fn sent(&self, answer: HttpAnswer, compresses: bool) -> Result<Response<SentBody>, BoxError> {
        let HttpAnswer { status, kind, text, message } = answer;
        let length = text.iter().map(Bytes::len).sum();
        let mut response = Response::new(SentBody::default());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if !compresses || length < LEAST_COMPRESSED || status != StatusCode::OK {
            *response.body_mut() = SentBody { pieces: text.into(), length, _message: message };
            return Ok(response);
        }
        let turn = self.compressing.clone().acquire_owned().await?;
        let (compressed, message) = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // What comes out may be a little longer than what goes in.
            if let Some(message) = &message {
                message.budget.settle(2 * length);
            }
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let written = text.iter().try_for_each(|piece| encoder.write_all(piece));
            let compressed = written.and_then(|()| encoder.finish());
            if let (Some(message), Ok(compressed)) = (&message, &compressed) {
                message.budget.settle(compressed.capacity());
            }
            (compressed, message)
        })
        .await?;
        let compressed = compressed?;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::CONTENT_LENGTH, compressed.len().into());
        *response.body_mut() = SentBody { _message: message, ..SentBody::of(compressed.into()) };
        Ok(response)
    }
}

/// The body of a response, in pieces. What it holds is given back when it has left, or is given up.
#[derive(Default)]
pub(crate) struct SentBody {
    pieces: VecDeque<Bytes>,
    /// Bytes that are left.
    length: usize,
    _message: Option<Exchange>,
}

impl SentBody {
    fn of(text: Bytes) -> Self {
        Self { length: text.len(), pieces: [text].into(), _message: None }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = self.pieces.pop_front();
        self.length -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

/// The name in a `Host` header, which may have a port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colon of an IPv6 address is within brackets.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

/// Whether a host is no name that could be pointed elsewhere: an address, or this machine.
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let name = name.to_ascii_lowercase();
    bare.parse::<std::net::IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Whether a client reads gzip.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused =
            weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// What a browser is told before it sends a request.
fn preflight(is_granted: bool) -> Response<SentBody> {
    let mut response = plain(StatusCode::OK, String::new());
    if is_granted {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE));
    }
    response
}

fn json_answer(status: StatusCode, value: &serde_json::Value) -> Response<SentBody> {
    let mut response = plain(status, value.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A request that was not even read.
fn refusal(error: RpcError) -> Response<SentBody> {
    let error = ErrorObjectOwned::from(error);
    let answer = json!({ "jsonrpc": "2.0", "error": error, "id": null });
    json_answer(StatusCode::TOO_MANY_REQUESTS, &answer)
}

fn plain(status: StatusCode, text: String) -> Response<SentBody> {
    let mut response = Response::new(SentBody::of(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_this_machine_need_no_leave() {
        for host in
            ["127.0.0.1:9545", "10.1.2.3", "[::1]:9545", "[2001:db8::1]", "localhost:1", "a.LOCALHOST"]
        {
            assert!(is_address(host_name(host)), "{host}");
        }
        for host in ["rebound.example:9545", "127.0.0.1.example", "localhost.example", "", "1.2.3"] {
            assert!(!is_address(host_name(host)), "{host}");
        }
        assert_eq!(host_name("rpc.example:8545"), "rpc.example");
    }

    #[test]
    fn gzip_is_for_those_who_name_it() {
        let accepts = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("deflate,gzip"));
        assert!(!accepts("br") && !accepts("gzip;q=0") && !accepts("gzip; q=0.0") && !accepts("*"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
