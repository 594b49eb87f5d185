//! One or several endpoints as one: what one does not answer, another does.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use alloy::{
    rpc::json_rpc::{RequestPacket, ResponsePacket},
    transports::{TransportError, TransportErrorKind, TransportFut, TransportResult},
};
use tokio::task::JoinSet;
use tower::Service;

use super::transport::Transport;

/// Sends each request to the first endpoint that is used, and, if that has no answer, to the next. Transactions go to all:
/// one that drops them must not keep them from L1.
#[derive(Clone, Debug)]
pub(super) struct Failover(pub(super) Arc<[Transport]>);

impl Failover {
    /// By preference. Where all are left out, all are tried.
    fn order(&self) -> Vec<Transport> {
        let used: Vec<Transport> =
            self.0.iter().filter(|transport| transport.standing().is_used()).cloned().collect();
        if used.is_empty() { self.0.to_vec() } else { used }
    }

    async fn post(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        if request.requests().iter().any(|one| one.method() == "eth_sendRawTransaction") {
            return self.post_to_all(request).await;
        }
        let mut failure = None;
        for transport in self.order() {
            match transport.post(request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(none))
    }

    /// The first that accepts decides. A refusal counts only if no other was silent: it may be that there the very
    /// transaction has arrived.
    async fn post_to_all(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        let mut posts = JoinSet::new();
        for transport in self.order() {
            posts.spawn(transport.post(request.clone()));
        }
        let (mut failure, mut refusal) = (None, None);
        while let Some(posted) = posts.join_next().await {
            match posted {
                Ok(Ok(answer)) if !answer.is_error() => {
                    posts.detach_all();
                    return Ok(answer);
                }
                Ok(Ok(answer)) => refusal = refusal.or(Some(answer)),
                Ok(Err(error)) => failure = failure.or(Some(error)),
                Err(error) => failure = failure.or(Some(TransportErrorKind::custom(error))),
            }
        }
        match (failure, refusal) {
            (None, Some(refusal)) => Ok(refusal),
            (failure, _) => Err(failure.unwrap_or_else(none)),
        }
    }
}

fn none() -> TransportError {
    TransportErrorKind::custom_str("there is no L1 endpoint")
}

impl Service<RequestPacket> for Failover {
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
