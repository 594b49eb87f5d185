//! Whom the page asks by JSON-RPC: the node's methods in this process, and the node of `--l2-rpc`, which is not trusted.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    providers::RootProvider,
    rpc::{
        client::RpcClient,
        json_rpc::{RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest},
    },
    transports::{
        TransportError, TransportErrorKind, TransportFut, TransportResult,
        http::reqwest::{Client, Url, redirect::Policy},
    },
};
use anyhow::{Context as _, Result};
use rpc::LocalRpc;
use tower::Service;

/// Most bytes of a node's answer: as many as the page passes on.
const MOST_BYTES: usize = 4 << 20;

/// Of the feed: a single block of the most gas (60 million, 10 for a byte that is zero), twice as long as text, and as much
/// again. With less, such a block would end what is heard of confirmations.
const MOST_OF_FEED: usize = 24 << 20;

/// The method that the feed is asked by.
const FEED: &str = "recourse_feedBlocks";

/// How long the node may take, to be connected to and for its whole answer.
pub(super) const TIME: Duration = Duration::from_secs(5);

/// The node of `--l2-rpc`.
#[derive(Clone)]
pub(crate) struct OtherNode {
    /// It answers here.
    pub(super) provider: RootProvider,
    /// The WebSocket address where it may tell of its blocks.
    pub(super) heads: String,
}

/// The WebSocket address at the address of an HTTP endpoint; none if that is no HTTP endpoint.
fn address(http: &Url) -> Option<String> {
    let secure = match http.scheme() {
        "http" => "",
        "https" => "s",
        _ => return None,
    };
    let (_, rest) = http.as_str().split_once(':')?;
    Some(format!("ws{secure}:{rest}"))
}

/// The node of `--l2-rpc`.
///
/// # Errors
/// It is not the URL of an HTTP endpoint.
pub(super) fn other(url: &str) -> Result<OtherNode> {
    let url: Url = url.parse().context("--l2-rpc is no URL")?;
    let heads = address(&url).context("--l2-rpc is not the URL of an HTTP endpoint")?;
    // Who is not trusted does not say where else to ask.
    let http = Client::builder().connect_timeout(TIME).timeout(TIME).redirect(Policy::none()).build();
    let http = http.context("--l2-rpc: no HTTP client")?;
    Ok(OtherNode { provider: RootProvider::new(RpcClient::new(BoundedHttp { http, url }, false)), heads })
}

/// The methods in this process.
pub(super) fn own(rpc: LocalRpc) -> RpcClient {
    RpcClient::new(InProcess(Arc::new(rpc)), true)
}

/// JSON-RPC over HTTP, of whose answers no more is read than they may be long.
#[derive(Clone, Debug)]
struct BoundedHttp {
    http: Client,
    url: Url,
}

impl BoundedHttp {
    async fn post(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        let limit = if request.method_names().any(|name| name == FEED) { MOST_OF_FEED } else { MOST_BYTES };
        let sent = self.http.post(self.url).json(&request).send().await;
        let mut response = sent.map_err(TransportErrorKind::custom)?;
        if !response.status().is_success() {
            return Err(TransportErrorKind::http_error(response.status().as_u16(), String::new()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportErrorKind::custom)? {
            if body.len() + chunk.len() > limit {
                let text = format!("the node's answer is longer than {limit} bytes");
                return Err(TransportErrorKind::custom_str(&text));
            }
            body.extend_from_slice(&chunk);
        }
        // Without its text, which may be long: errors are for the log.
        serde_json::from_slice(&body).map_err(|error| TransportError::deser_err(error, ""))
    }
}

impl Service<RequestPacket> for BoundedHttp {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().post(request))
    }
}

/// JSON-RPC without a way out of this process.
#[derive(Clone, Debug)]
struct InProcess(Arc<LocalRpc>);

impl InProcess {
    async fn answer(&self, request: &SerializedRequest) -> Response {
        let answer = self.0.call(request.method(), request.params().map(|params| params.get())).await;
        let payload = match answer {
            Ok(result) => ResponsePayload::Success(result),
            Err(error) => ResponsePayload::Failure(error),
        };
        Response { id: request.id().clone(), payload }
    }

    async fn answers(self, packet: RequestPacket) -> TransportResult<ResponsePacket> {
        Ok(match packet {
            RequestPacket::Single(request) => ResponsePacket::Single(self.answer(&request).await),
            RequestPacket::Batch(requests) => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in &requests {
                    answers.push(self.answer(request).await);
                }
                ResponsePacket::Batch(answers)
            }
        })
    }
}

impl Service<RequestPacket> for InProcess {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        Box::pin(self.clone().answers(packet))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use alloy::providers::Provider;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn of_an_answer_without_end_no_more_is_read_than_it_may_be_long() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = sent.clone();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while stream.write_all(&[b' '; 1 << 16]).await.is_ok() {
                counter.fetch_add(1 << 16, Ordering::Relaxed);
            }
        });
        let answer =
            other(&url).unwrap().provider.raw_request::<_, String>("eth_blockNumber".into(), ()).await;
        assert!(answer.unwrap_err().to_string().contains("longer than"));
        // What is on its way beside it are the sockets' buffers.
        assert!(sent.load(Ordering::Relaxed) < 6 * MOST_BYTES);
    }

    #[test]
    fn only_endpoints_of_http_are_asked() {
        for url in ["file:///etc/passwd", "ws://127.0.0.1:1", "here"] {
            assert!(other(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_address_is_that_of_the_http_endpoint() {
        let of = |url: &str| address(&url.parse().unwrap());
        assert_eq!(of("http://127.0.0.1:9545/"), Some("ws://127.0.0.1:9545/".into()));
        assert_eq!(
            of("https://user:word@node.example/path?key=1"),
            Some("wss://user:word@node.example/path?key=1".into())
        );
        assert_eq!(of("file:///etc/passwd"), None);
    }
}
