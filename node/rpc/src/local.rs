//! Methods for the process that they are in: no listener that others could find, and the same budgets.

use std::{
    future::poll_fn,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use alloy::rpc::json_rpc::ErrorPayload;
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    RpcContext, RpcError,
    answer::AnswerText,
    budget::{Budget, PEER_SHARE, REQUEST_MEMORY, REQUEST_TIME, Scope},
    handling::Handling,
    listener::Namespaces,
    method::DirectCalls,
    peers::{Peer, Peers},
    requests::{GiveUp, in_place},
    server::{Prepared, ServeError, follow, prepare},
    work,
};
use rollup::shutdown::Shutdown;

/// Methods that are called without a server.
pub struct LocalRpc {
    calls: DirectCalls,
    handling: Handling,
    /// Whoever asks here is this process: all requests have one budget.
    peer: Arc<Peer>,
}

impl std::fmt::Debug for LocalRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRpc").finish_non_exhaustive()
    }
}

impl LocalRpc {
    /// The methods of some namespaces, until shutdown. All requests together hold at most `memory` bytes.
    ///
    /// # Errors
    /// The sequencer's URL is not one.
    pub fn new(
        namespaces: &Namespaces,
        memory: usize,
        context: RpcContext,
        shutdown: &Shutdown,
    ) -> Result<Self, ServeError> {
        let chain = context.chain.clone();
        let Prepared { rpc, mut calls, .. } = prepare(context)?;
        calls.retain(|name, _| namespaces.have(name));
        // An address has a share of what there is, and here is one only.
        let peers = Arc::new(Peers::new(memory * PEER_SHARE));
        let peer = peers.get(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let handling = Handling::new(calls.keys().copied(), REQUEST_TIME, None);
        follow(&rpc, &chain, peers, shutdown);
        Ok(Self { calls, handling, peer })
    }

    /// Calls a method. It ends with the time and the memory that a request has.
    ///
    /// # Errors
    /// What a client would be answered instead of a result.
    pub async fn call(&self, method: &str, params: Option<&str>) -> Result<Box<RawValue>, ErrorPayload> {
        let Some((name, call)) = self.calls.get_key_value(method) else {
            return Err(ErrorPayload::method_not_found());
        };
        let start = Instant::now();
        let budget = self.peer.budget.within(Scope::Request, REQUEST_MEMORY).for_at_most(self.handling.time);
        let budget = Arc::new(budget);
        let _waited_for = GiveUp(budget.clone());
        let answered = async {
            // `null` is as good as absent.
            let mut call = call(params.filter(|params| *params != "null"));
            let text = poll_fn(|context| in_place(work::is_long(), || call.as_mut().poll(context))).await?;
            in_place(text.is_long(), || whole(text, &budget))
        };
        let answer = work::Request::new(budget.clone(), self.peer.clone()).scope(answered).await;
        let answer = answer.map_err(ErrorObjectOwned::from);
        let (size, code) = match &answer {
            Ok(text) => (text.get().len(), None),
            Err(error) => (0, Some(error.code())),
        };
        self.handling.note(name, start.elapsed(), size, code, &self.peer);
        answer.map_err(|error| ErrorPayload {
            code: error.code().into(),
            message: error.message().to_owned().into(),
            data: error.data().and_then(|data| to_raw_value(data).ok()),
        })
    }
}

/// An answer in one piece, which whoever asked holds from then on.
fn whole(text: AnswerText, budget: &Budget) -> Result<Box<RawValue>, RpcError> {
    budget.check_time()?;
    let text = String::from_utf8(text.into_pieces().concat()).map_err(RpcError::internal)?;
    RawValue::from_string(text).map_err(RpcError::internal)
}
