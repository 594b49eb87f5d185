//! The server: listeners, each with HTTP and WebSocket on one port.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::{
    Methods, RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder, traits::IdProvider},
    server::{BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle, StopHandle, stop_channel},
    types::SubscriptionId,
};
use tokio::sync::Semaphore;

use super::{
    RpcContext,
    answer::MAX_RESPONSE_SIZE,
    connection::{Connection, Wire},
    context::Rpc,
    filters::Filters,
    forward::Forward,
    front::Front,
    handling::Handling,
    http::{HttpRpc, MAX_REQUEST_SIZE},
    listener::RpcConfig,
    method::DirectCalls,
    methods::{calls, with_namespaces},
    peers::Peers,
    progress::Syncing,
    requests::{Handler, MAX_BATCH},
};
use rollup::{chain::Chain, shutdown::Shutdown};

/// Most subscriptions of a connection.
const MAX_SUBSCRIPTIONS: u32 = 128;
/// Messages that a WebSocket client may be behind before it is slowed down to.
const MESSAGE_BUFFER: u32 = 64;
/// Most bytes of the head of a request, of which an idle connection holds as many.
const MAX_HEAD: usize = 32 << 10;
/// How long a connection may be open without a request.
const IDLE: Duration = Duration::from_secs(120);
/// How long is waited after a connection could not be taken, because there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("RPC: cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// There is nowhere to listen.
    #[error("RPC: no address to listen on, expected one at least")]
    NoListener,
    /// The sequencer's URL is not one.
    #[error("RPC: {url} is not usable as the sequencer's RPC: {error}")]
    Forward {
        /// The URL.
        url: String,
        /// Why.
        error: String,
    },
    /// Two methods have the same name.
    #[error("RPC: {0}")]
    Method(RegisterMethodError),
}

impl From<RegisterMethodError> for ServeError {
    fn from(error: RegisterMethodError) -> Self {
        Self::Method(error)
    }
}

/// A running server. It ends with the shutdown signal.
#[derive(Debug)]
pub struct RpcHandle {
    addresses: Vec<SocketAddr>,
    server: ServerHandle,
}

impl RpcHandle {
    /// Where the first listener is; the port is real, even if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where the listeners are, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns when the server has ended.
    pub async fn stopped(self) {
        self.server.stopped().await;
    }
}

/// All methods, without a server in front: for whoever calls them directly, as fuzzing does.
pub fn methods(context: RpcContext) -> Result<Methods, ServeError> {
    Ok(prepare(context)?.module.into())
}

/// What listeners serve.
pub(crate) struct Prepared {
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) calls: DirectCalls,
    module: RpcModule<Arc<Rpc>>,
}

pub(crate) fn prepare(context: RpcContext) -> Result<Prepared, ServeError> {
    let RpcContext { chain, pool, forward, feed, l1, followed_feed, signers } = context;
    let forward = forward
        .map(|url| Forward::new(&url).map_err(|error| ServeError::Forward { url, error: error.to_string() }))
        .transpose()?;
    let syncing = Syncing::new(&chain, l1, followed_feed).with_signers(signers);
    let rpc = Arc::new(Rpc::new(chain, pool, forward, syncing));
    let calls = calls(&rpc, &Arc::new(Filters::new(rpc.clone())));
    let mut module = super::methods::module(rpc.clone(), &calls)?;
    if let Some(feed) = feed {
        module.merge(feed)?;
    }
    Ok(Prepared { rpc, calls, module })
}

/// Starts the server.
pub fn serve(
    config: RpcConfig,
    context: RpcContext,
    shutdown: Shutdown,
) -> BoxFuture<'static, Result<RpcHandle, ServeError>> {
    // Boxed: whoever awaits a future compiles all of it, and this is the whole server.
    start(config, context, shutdown).boxed()
}

async fn start(
    config: RpcConfig,
    context: RpcContext,
    mut shutdown: Shutdown,
) -> Result<RpcHandle, ServeError> {
    let chain = context.chain.clone();
    let Prepared { rpc, calls, module } = prepare(context)?;
    // All of them first: a node that serves some of what it was told to is none.
    let mut bound = Vec::with_capacity(config.listeners.len());
    for listener in &config.listeners {
        let bind = |error| ServeError::Bind { address: listener.address, error };
        let socket = TcpListener::bind(listener.address).map_err(bind)?;
        socket.set_nonblocking(true).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        bound.push((tokio::net::TcpListener::from_std(socket).map_err(bind)?, address, listener.clone()));
    }
    let addresses: Vec<_> = bound.iter().map(|(_, address, _)| *address).collect();
    if addresses.is_empty() {
        return Err(ServeError::NoListener);
    }

    let (stop, server) = stop_channel();
    let peers = Arc::new(Peers::new(config.memory));
    let handling = Arc::new(Handling::new(module.method_names(), config.time, config.slow));
    let turns = std::thread::available_parallelism().map_or(1, usize::from);
    let compressing = Arc::new(Semaphore::new(turns));
    for (socket, _, listener) in bound {
        let methods = with_namespaces(module.clone(), &listener.namespaces)?;
        let mut calls = calls.clone();
        calls.retain(|name, _| listener.namespaces.have(name));
        let http = HttpRpc::new(methods.clone().into(), calls, handling.clone());
        let front = Front { http, listener, rpc: rpc.clone(), compressing: compressing.clone() };
        let serving = Serving {
            methods: methods.into(),
            front: Arc::new(front),
            handling: handling.clone(),
            peers: peers.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(serving.accept(socket));
    }
    drop(stop);

    follow(&rpc, &chain, peers, &shutdown);
    tokio::spawn({
        let server = server.clone();
        async move {
            shutdown.wait().await;
            // An error means that it has ended already.
            let _ = server.stop();
        }
    });
    Ok(RpcHandle { addresses, server })
}

/// Keeps what methods know of the chain up to date, until shutdown.
pub(crate) fn follow(rpc: &Arc<Rpc>, chain: &Chain, peers: Arc<Peers>, shutdown: &Shutdown) {
    tokio::spawn({
        let (rpc, events, shutdown) = (rpc.clone(), chain.subscribe(), shutdown.clone());
        async move { rpc.recent.follow(events, shutdown).await }
    });
    tokio::spawn({
        let (rpc, shutdown) = (rpc.clone(), shutdown.clone());
        async move { rpc.follow_syncing(shutdown).await }
    });
    tokio::spawn({
        let (rpc, shutdown) = (rpc.clone(), shutdown.clone());
        async move { rpc.measure(&peers, shutdown).await }
    });
    tokio::spawn({
        let (rpc, events, shutdown) = (rpc.clone(), chain.subscribe(), shutdown.clone());
        async move { rpc.follow_sent(events, shutdown).await }
    });
}

/// A listener at work.
struct Serving {
    methods: Methods,
    front: Arc<Front>,
    handling: Arc<Handling>,
    peers: Arc<Peers>,
    stop: StopHandle,
}

impl Serving {
    /// Takes connections until the server stops.
    async fn accept(self, listener: tokio::net::TcpListener) {
        let limits = ServerConfig::builder()
            .max_request_body_size(MAX_REQUEST_SIZE as u32)
            .max_response_body_size(MAX_RESPONSE_SIZE as u32)
            // Connections have their places; this counts requests.
            .max_connections(u32::MAX >> 4)
            .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
            .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
            .set_message_buffer_capacity(MESSAGE_BUFFER)
            .set_id_provider(HexIds)
            .enable_ws_ping(PingConfig::new())
            .build();
        let handling = self.handling.clone();
        let service = Server::builder()
            .set_config(limits)
            .set_rpc_middleware(
                RpcServiceBuilder::new().layer_fn(move |service| Handler::new(service, handling.clone())),
            )
            .to_service_builder();
        let stopped = self.stop.clone().shutdown();
        tokio::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(target: "node::rpc", %error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let peer = self.peers.get(address.ip());
            let Some(place) = self.peers.place(&peer) else {
                metrics::counter!("recourse_rpc_connections_refused_total").increment(1);
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(target: "node::rpc", %error, "a connection is gone");
                continue;
            }
            let connection = Connection::new(peer, place);
            let wire = TokioIo::new(Wire::new(stream, connection.clone()));
            let service = service.clone().build(self.methods.clone(), self.stop.clone());
            let front = self.front.clone();
            let answer = move |request: Request<Incoming>| {
                front.clone().answer(connection.clone(), request, service.clone())
            };
            let stop = self.stop.clone();
            tokio::spawn(async move {
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(IDLE)
                    .max_buf_size(MAX_HEAD)
                    .serve_connection(wire, service_fn(answer))
                    .with_upgrades();
                tokio::pin!(served);
                let ended = tokio::select! {
                    ended = &mut served => ended,
                    () = stop.shutdown() => {
                        served.as_mut().graceful_shutdown();
                        served.await
                    }
                };
                if let Err(error) = ended {
                    tracing::debug!(target: "node::rpc", %error, "a connection ended");
                }
            });
        }
    }
}

/// Subscription ids as geth has them.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        let id = alloy::primitives::B128::random();
        SubscriptionId::Str(id.to_string().into())
    }
}
