//! The server: HTTP and WebSocket on one port, limits, and what browsers need.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures::{StreamExt, future::join_all, stream};
use jsonrpsee::{
    MethodResponse, Methods, RpcModule,
    core::{
        RegisterMethodError,
        middleware::{Batch, BatchEntry, Notification, RpcServiceBuilder, RpcServiceT},
        server::BatchResponseBuilder,
        traits::IdProvider,
    },
    server::{BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle},
    types::{ErrorObject, Request, SubscriptionId},
};
use metrics::Histogram;
use tower_http::cors::CorsLayer;

use super::{
    RpcConfig, RpcContext, context::Rpc, forward::Forward, logs::MAX_BLOCK_LOGS_SIZE, progress::Syncing,
};
use rollup::shutdown::Shutdown;

/// Most bytes of a request, a batch included.
const MAX_REQUEST_SIZE: u32 = 10 << 20;
/// Most bytes of a response. The logs and the receipts of the largest block fit: a block that cannot be read would stop
/// every indexer.
const MAX_RESPONSE_SIZE: u32 = 80 << 20;
/// Room for what is in an answer beside the logs: its envelope, and the receipt that holds them.
const RESPONSE_FRAME: usize = 64 << 10;
const _: () = assert!(MAX_BLOCK_LOGS_SIZE + RESPONSE_FRAME <= MAX_RESPONSE_SIZE as usize);
/// Most requests in a batch.
const MAX_BATCH: u32 = 1000;
/// Most connections at a time.
const MAX_CONNECTIONS: u32 = 4096;
/// Most subscriptions of a connection.
const MAX_SUBSCRIPTIONS: u32 = 128;
/// Messages that a WebSocket client may be behind before it is slowed down to.
const MESSAGE_BUFFER: u32 = 1024;
/// Requests of a batch that are worked on at a time in one task.
const BATCH_CONCURRENCY: usize = 16;
/// Bytes of the answers of a batch together; the rest of a response is for refusing what is beyond.
const BATCH_ROOM: usize = MAX_RESPONSE_SIZE as usize - MAX_BATCH as usize * 256;
const _: () = assert!(MAX_BLOCK_LOGS_SIZE + RESPONSE_FRAME <= BATCH_ROOM);
/// Code of the error for what is beyond, as geth has it.
const RESPONSE_TOO_LARGE: i32 = -32003;
/// A batch with more requests than this is spread over several tasks.
const SMALL_BATCH: usize = 4;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("RPC: cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
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
    address: SocketAddr,
    server: ServerHandle,
}

impl RpcHandle {
    /// Where the server listens; the port is real, even if 0 was asked for.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the server has ended.
    pub async fn stopped(self) {
        self.server.stopped().await;
    }
}

/// All methods, without a server in front: for whoever calls them directly, as fuzzing does.
pub fn methods(context: RpcContext) -> Result<Methods, ServeError> {
    Ok(prepare(context)?.1.into())
}

fn prepare(context: RpcContext) -> Result<(Arc<Rpc>, RpcModule<Arc<Rpc>>), ServeError> {
    let RpcContext { chain, pool, forward, feed, l1, followed_feed } = context;
    let forward = forward
        .map(|url| Forward::new(&url).map_err(|error| ServeError::Forward { url, error: error.to_string() }))
        .transpose()?;
    let syncing = Syncing::new(&chain, l1, followed_feed);
    let rpc = Arc::new(Rpc::new(chain, pool, forward, syncing));
    let mut module = super::methods::module(rpc.clone())?;
    if let Some(feed) = feed {
        module.merge(feed)?;
    }
    Ok((rpc, module))
}

/// Starts the server.
pub async fn serve(
    config: RpcConfig,
    context: RpcContext,
    mut shutdown: Shutdown,
) -> Result<RpcHandle, ServeError> {
    let chain = context.chain.clone();
    let (rpc, module) = prepare(context)?;

    let times = Arc::new(Times::new(module.method_names()));
    let bind = |error| ServeError::Bind { address: config.address, error };
    let listener = TcpListener::bind(config.address).map_err(bind)?;
    listener.set_nonblocking(true).map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let limits = ServerConfig::builder()
        .max_request_body_size(MAX_REQUEST_SIZE)
        .max_response_body_size(MAX_RESPONSE_SIZE)
        .max_connections(MAX_CONNECTIONS)
        .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .set_message_buffer_capacity(MESSAGE_BUFFER)
        .set_id_provider(HexIds)
        .enable_ws_ping(PingConfig::new())
        .build();
    let server = Server::builder()
        .set_config(limits)
        // Any page may ask: there is nothing here that only some may see, and no cookie to act with.
        .set_http_middleware(tower::ServiceBuilder::new().layer(CorsLayer::permissive()))
        .set_rpc_middleware(
            RpcServiceBuilder::new().layer_fn(move |service| Concurrent { service, times: times.clone() }),
        )
        .build_from_tcp(listener)
        .map_err(bind)?
        .start(module);

    tokio::spawn({
        let (rpc, events, shutdown) = (rpc.clone(), chain.subscribe(), shutdown.clone());
        async move { rpc.recent.follow(events, shutdown).await }
    });
    tokio::spawn({
        let (rpc, shutdown) = (rpc.clone(), shutdown.clone());
        async move { rpc.follow_syncing(shutdown).await }
    });
    tokio::spawn({
        let (events, shutdown) = (chain.subscribe(), shutdown.clone());
        async move { rpc.follow_sent(events, shutdown).await }
    });
    tokio::spawn({
        let server = server.clone();
        async move {
            shutdown.wait().await;
            // An error means that it has ended already.
            let _ = server.stop();
        }
    });
    Ok(RpcHandle { address, server })
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

/// How long requests take, by method. Made once: to find a metric by its name costs as much as a small request.
struct Times {
    methods: HashMap<&'static str, Histogram>,
    /// Whatever clients make up goes under one name.
    unknown: Histogram,
}

impl Times {
    fn new(methods: impl Iterator<Item = &'static str>) -> Self {
        let of = |method| metrics::histogram!("recourse_rpc_request_seconds", "method" => method);
        Self { methods: methods.map(|method| (method, of(method))).collect(), unknown: of("unknown") }
    }
}

/// Works on the requests of a batch at the same time; the answers come in the order of the requests.
#[derive(Clone)]
struct Concurrent<S> {
    service: S,
    times: Arc<Times>,
}

impl<S> RpcServiceT for Concurrent<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { service, times } = self.clone();
        measured(service, times, request)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.clone();
        async move {
            let mut is_notified = false;
            let mut entries = Vec::with_capacity(batch.len());
            for entry in batch {
                match entry {
                    Ok(BatchEntry::Call(request)) => entries.push(Ok(owned(request))),
                    Ok(BatchEntry::Notification(_)) => is_notified = true,
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        entries.push(Err(MethodResponse::error(id, error)));
                    }
                }
            }
            let room = Arc::new(AtomicUsize::new(BATCH_ROOM));
            let responses = if entries.len() <= SMALL_BATCH {
                answer(service, entries, room).await
            } else {
                spread(service, entries, room).await
            };
            let mut all = BatchResponseBuilder::new_with_limit(MAX_RESPONSE_SIZE as usize);
            for response in responses {
                if let Err(error) = all.append(response) {
                    return error;
                }
            }
            if all.is_empty() && is_notified {
                MethodResponse::notification()
            } else {
                MethodResponse::from_batch(all.finish())
            }
        }
    }
}

/// A request of a batch, or what is wrong with it.
type Entry = Result<Request<'static>, MethodResponse>;

/// Answers requests, several at a time.
async fn answer<S>(service: Concurrent<S>, entries: Vec<Entry>, room: Arc<AtomicUsize>) -> Vec<MethodResponse>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync,
{
    let answers: Vec<_> =
        entries.into_iter().map(|entry| answer_one(service.clone(), entry, &room)).collect();
    stream::iter(answers).buffered(BATCH_CONCURRENCY).collect().await
}

/// Answers a request of a batch as long as there is room for its answer in the batch's. What comes after that is refused
/// one by one, like by geth, so that no more is held than can be sent.
async fn answer_one<S>(service: Concurrent<S>, entry: Entry, room: &AtomicUsize) -> MethodResponse
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync,
{
    let request = match entry {
        Ok(request) => request,
        Err(response) => return response,
    };
    let id = request.id.clone();
    let too_large = |id| {
        let text = format!("response too large: a batch's answers may have {BATCH_ROOM} bytes");
        MethodResponse::error(id, ErrorObject::owned(RESPONSE_TOO_LARGE, text, None::<()>))
    };
    if room.load(Ordering::Relaxed) == 0 {
        return too_large(id);
    }
    let response = measured(service.service, service.times, request).await;
    let size = response.as_json().get().len();
    let take = |left: usize| Some(left.saturating_sub(size));
    let left = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or_default();
    if left < size { too_large(id) } else { response }
}

/// Answers requests on as many threads as there are.
async fn spread<S>(
    service: Concurrent<S>,
    mut entries: Vec<Entry>,
    room: Arc<AtomicUsize>,
) -> Vec<MethodResponse>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    let tasks = std::thread::available_parallelism().map_or(2, usize::from);
    let share = entries.len().div_ceil(tasks);
    let mut spawned = Vec::with_capacity(tasks);
    while !entries.is_empty() {
        let rest = entries.split_off(share.min(entries.len()));
        spawned.push(tokio::spawn(answer(
            service.clone(),
            std::mem::replace(&mut entries, rest),
            room.clone(),
        )));
    }
    join_all(spawned).await.into_iter().flatten().flatten().collect()
}

/// Answers one request, and counts it.
async fn measured<S>(service: S, times: Arc<Times>, request: Request<'_>) -> MethodResponse
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync,
{
    let start = Instant::now();
    let known = times.methods.get_key_value(request.method.as_ref());
    let response = service.call(request).await;
    let (method, time) = known.map_or(("unknown", &times.unknown), |(method, time)| (*method, time));
    time.record(start.elapsed().as_secs_f64());
    if let Some(code) = response.as_error_code() {
        metrics::counter!("recourse_rpc_errors_total", "method" => method, "code" => code.to_string())
            .increment(1);
    }
    response
}

fn owned(request: Request<'_>) -> Request<'static> {
    Request {
        jsonrpc: request.jsonrpc,
        id: request.id.into_owned(),
        method: request.method.into_owned().into(),
        params: request.params.map(|params| std::borrow::Cow::Owned(params.into_owned())),
        extensions: request.extensions,
    }
}
