//! The request that a task works on: its budget, and who asks.
//!
//! Methods do not pass this on from hand to hand. It is set where a request begins, and again on the thread on which its work
//! is done.

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, LazyLock},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    budget::{Budget, PROCESS_MEMORY, REQUEST_MEMORY, REQUEST_TIME, Scope},
    peers::{Peer, Peers},
};

tokio::task_local! {
    static REQUEST: Request;
}

/// A request that is worked on.
pub(crate) struct Request {
    pub(crate) budget: Arc<Budget>,
    pub(crate) peer: Arc<Peer>,
    /// The answer is long: what is left to do takes long, and has this turn.
    turn: Cell<Option<OwnedSemaphorePermit>>,
}

impl Request {
    /// A request of a client.
    pub(crate) const fn new(budget: Arc<Budget>, peer: Arc<Peer>) -> Self {
        Self { budget, peer, turn: Cell::new(None) }
    }

    /// Works on it.
    pub(crate) async fn scope<F: Future>(self, work: F) -> F::Output {
        REQUEST.scope(self, work).await
    }

    /// Works on it on this thread.
    pub(crate) fn here<R>(self, work: impl FnOnce() -> R) -> R {
        REQUEST.sync_scope(self, work)
    }
}

/// The request that is worked on here. What nobody asks for over a connection counts as one from this machine.
pub(crate) fn current() -> Request {
    let set = REQUEST.try_with(|request| Request::new(request.budget.clone(), request.peer.clone()));
    set.unwrap_or_else(|_| {
        static NOBODY: LazyLock<Arc<Peer>> =
            LazyLock::new(|| Peers::new(PROCESS_MEMORY).get(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let peer = NOBODY.clone();
        let budget = peer.budget.within(Scope::Request, REQUEST_MEMORY).for_at_most(REQUEST_TIME);
        Request::new(Arc::new(budget), peer)
    })
}

/// Says that what comes next takes long, and that this is its turn.
pub(crate) fn begin_long(turn: OwnedSemaphorePermit) {
    let _ = REQUEST.try_with(|request| request.turn.set(Some(turn)));
}

/// Whether that was said.
pub(crate) fn is_long() -> bool {
    REQUEST
        .try_with(|request| {
            let turn = request.turn.take();
            let is_long = turn.is_some();
            request.turn.set(turn);
            is_long
        })
        .unwrap_or(false)
}
