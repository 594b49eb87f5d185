//! What stands between a connection and the methods: budgets, batches worked on concurrently, times, the log of requests.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use jsonrpsee::{
    MethodResponse,
    core::{
        middleware::{Batch, BatchEntry, Notification, RpcServiceT},
        server::BatchResponseBuilder,
    },
    server::Extensions,
    types::{ErrorObjectOwned, Id, Request},
};
use metrics::Histogram;

use super::{
    RpcError,
    answer::{LONG, MAX_RESPONSE_SIZE},
    budget::{Budget, MESSAGE_MEMORY, REQUEST_MEMORY, Scope},
    connection::{Connection, Exchange},
    logs::MAX_BLOCK_LOGS_SIZE,
    peers::Peer,
    work,
};

/// Most requests in a batch.
pub(crate) const MAX_BATCH: u32 = 1000;
/// Room for what is in an answer beside the logs: its envelope, and the receipt that holds them.
const RESPONSE_FRAME: usize = 64 << 10;
const _: () = assert!(MAX_BLOCK_LOGS_SIZE + RESPONSE_FRAME <= MAX_RESPONSE_SIZE);
/// Requests of a batch that are worked on at a time in one task.
const BATCH_CONCURRENCY: usize = 16;
/// Bytes of the answers of a batch together; the rest of a response is for refusing what is beyond.
const BATCH_ROOM: usize = MAX_RESPONSE_SIZE - MAX_BATCH as usize * 256;
const _: () = assert!(MAX_BLOCK_LOGS_SIZE + RESPONSE_FRAME <= BATCH_ROOM);
/// A batch with more requests than this is spread over several tasks.
const SMALL_BATCH: usize = 4;
/// How many times as long as a request a batch may take.
const BATCH_TIME: u32 = 3;
/// How often a message's bytes are held while it is answered: as they came, and as parameters.
const INPUT_COPIES: usize = 2;

/// Who asks, and over which connection. Set for every request of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) connection: Arc<Connection>,
    /// Over WebSocket.
    pub(crate) is_socket: bool,
}

/// How requests are answered, and what is noted about that.
pub(crate) struct Handling {
    /// How long a request may take.
    time: Duration,
    /// Requests that take this long are logged.
    slow: Option<Duration>,
    /// How long requests take, by method. Made once: to find a metric by its name costs as much as a small request.
    times: HashMap<&'static str, Histogram>,
    /// Whatever clients make up goes under one name.
    unknown: Histogram,
}

impl Handling {
    pub(crate) fn new(
        methods: impl Iterator<Item = &'static str>,
        time: Duration,
        slow: Option<Duration>,
    ) -> Self {
        let of = |method| metrics::histogram!("recourse_rpc_request_seconds", "method" => method);
        let times = methods.map(|method| (method, of(method))).collect();
        Self { time, slow, times, unknown: of("unknown") }
    }

    /// Notes that a request was answered.
    fn note(&self, method: &str, time: Duration, response: &MethodResponse, peer: &Peer) {
        let known = self.times.get_key_value(method);
        let (known, histogram) = known.map_or(("unknown", &self.unknown), |(method, time)| (*method, time));
        histogram.record(time.as_secs_f64());
        let code = response.as_error_code();
        if let Some(code) = code {
            metrics::counter!("recourse_rpc_errors_total", "method" => known, "code" => code.to_string())
                .increment(1);
        }
        let size = response.as_json().get().len();
        let peer = peer.address;
        if self.slow.is_some_and(|slow| slow <= time) {
            tracing::warn!(target: "node::rpc", method = known, ?time, size, %peer, ?code, "slow request");
        } else {
            tracing::debug!(target: "node::rpc::requests", method = known, ?time, size, %peer, ?code, "request");
        }
    }
}

/// Answers requests within their budgets, those of a batch at the same time; the answers come in the order of the requests.
#[derive(Clone)]
pub(crate) struct Handler<S> {
    service: S,
    handling: Arc<Handling>,
}

/// A request of a batch, or what is wrong with it.
type Entry = Result<Request<'static>, MethodResponse>;

/// An answer of a batch, and what it holds.
type Held = (MethodResponse, Option<Arc<Budget>>);

impl<S> Handler<S> {
    pub(crate) const fn new(service: S, handling: Arc<Handling>) -> Self {
        Self { service, handling }
    }
}

impl<S> RpcServiceT for Handler<S>
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
        let this = self.clone();
        async move {
            let Some(client) = client(&request.extensions) else {
                return this.service.call(request).await;
            };
            let message = match client.begin(REQUEST_MEMORY) {
                Ok(message) => message,
                Err(error) => return MethodResponse::error(request.id, ErrorObjectOwned::from(error)),
            };
            let budget = message.budget.within(Scope::Request, REQUEST_MEMORY);
            let budget = budget.for_at_most(this.handling.time);
            let response = this.measured(request, Arc::new(budget), &client.connection.peer).await;
            client.finish(message, response)
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        if let Some(client) = client(&notification.extensions) {
            // Nothing is done, but it was a message.
            drop(client.begin(REQUEST_MEMORY));
        }
        self.service.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let mut client = None;
            let mut is_notified = false;
            let mut entries = Vec::with_capacity(batch.len());
            for entry in batch {
                match entry {
                    Ok(BatchEntry::Call(request)) => {
                        client = client.or_else(|| self::client(&request.extensions));
                        entries.push(Ok(owned(request)));
                    }
                    Ok(BatchEntry::Notification(one)) => {
                        client = client.or_else(|| self::client(&one.extensions));
                        is_notified = true;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        entries.push(Err(MethodResponse::error(id, error)));
                    }
                }
            }
            // A batch without a request in it asks for nothing.
            let Some(client) = client else {
                let refused = entries.into_iter().filter_map(Result::err).collect();
                return assemble(refused, is_notified);
            };
            let message = match client.begin(MESSAGE_MEMORY) {
                Ok(message) => message,
                Err(error) => return MethodResponse::error(Id::Null, ErrorObjectOwned::from(error)),
            };
            let work = Arc::new(BatchWork {
                handler: this,
                peer: client.connection.peer.clone(),
                budget: message.budget.clone(),
                start: Instant::now(),
                room: AtomicUsize::new(BATCH_ROOM),
            });
            let answers = if entries.len() <= SMALL_BATCH {
                work.answer(entries).await
            } else {
                work.spread(entries).await
            };
            let total: usize = answers.iter().map(|(response, _)| response.as_json().get().len()).sum();
            // While it grows, the whole has room for twice itself.
            let response = match message.budget.take(2 * total) {
                Err(error) => {
                    drop(answers);
                    MethodResponse::error(Id::Null, ErrorObjectOwned::from(error))
                }
                Ok(()) => {
                    let (responses, _held): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
                    in_place(total > LONG, || assemble(responses, is_notified))
                }
            };
            client.finish(message, response)
        }
    }
}

impl<S> Handler<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync,
{
    /// Answers one request, and notes it. What it holds afterwards is its answer.
    async fn measured(&self, request: Request<'_>, budget: Arc<Budget>, peer: &Arc<Peer>) -> MethodResponse {
        let start = Instant::now();
        let method = request.method.to_string();
        let _waited_for = GiveUp(budget.clone());
        let call = self.service.call(request);
        let answered = async {
            tokio::pin!(call);
            poll_fn(|context| in_place(work::is_long(), || call.as_mut().poll(context))).await
        };
        let response = work::Request::new(budget.clone(), peer.clone()).scope(answered).await;
        budget.settle(response.as_json().get().len());
        self.handling.note(&method, start.elapsed(), &response, peer);
        response
    }
}

/// A batch that is worked on.
struct BatchWork<S> {
    handler: Handler<S>,
    peer: Arc<Peer>,
    budget: Arc<Budget>,
    start: Instant,
    /// Bytes that its answers may still have.
    room: AtomicUsize,
}

impl<S> BatchWork<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    /// Answers requests, several at a time.
    async fn answer(self: &Arc<Self>, entries: Vec<Entry>) -> Vec<Held> {
        let answers: Vec<_> = entries.into_iter().map(|entry| self.clone().answer_one(entry)).collect();
        stream::iter(answers).buffered(BATCH_CONCURRENCY).collect().await
    }

    /// Answers a request as long as there is room for its answer, and time. What comes after that is refused one by one, like
    /// by geth, so that no more is held than can be sent.
    async fn answer_one(self: Arc<Self>, entry: Entry) -> Held {
        let request = match entry {
            Ok(request) => request,
            Err(response) => return (response, None),
        };
        let id = request.id.clone();
        let too_large = |id| {
            let text = format!("response too large: a batch's answers may have {BATCH_ROOM} bytes");
            (MethodResponse::error(id, ErrorObjectOwned::from(RpcError::TooLarge(text))), None)
        };
        if self.room.load(Ordering::Relaxed) == 0 {
            return too_large(id);
        }
        let time = self.handler.handling.time;
        let budget = self.budget.within(Scope::Request, REQUEST_MEMORY);
        let budget = Arc::new(budget.in_batch(time, self.start, time * BATCH_TIME));
        if let Err(error) = budget.check_time() {
            return (MethodResponse::error(id, ErrorObjectOwned::from(error)), None);
        }
        let response = self.handler.measured(request, budget.clone(), &self.peer).await;
        let size = response.as_json().get().len();
        let take = |left: usize| Some(left.saturating_sub(size));
        let left = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or_default();
        if left < size { too_large(id) } else { (response, Some(budget)) }
    }

    /// Answers requests on as many threads as there are.
    async fn spread(self: &Arc<Self>, mut entries: Vec<Entry>) -> Vec<Held> {
        let tasks = std::thread::available_parallelism().map_or(2, usize::from);
        let share = entries.len().div_ceil(tasks);
        let mut spawned = Vec::with_capacity(tasks);
        while !entries.is_empty() {
            let rest = entries.split_off(share.min(entries.len()));
            let (work, part) = (self.clone(), std::mem::replace(&mut entries, rest));
            spawned.push(AbortOnDrop(tokio::spawn(async move { work.answer(part).await })));
        }
        join_all(spawned.iter_mut().map(|task| &mut task.0)).await.into_iter().flatten().flatten().collect()
    }
}

impl Asker {
    /// Begins with a message, which has been read.
    fn begin(&self, limit: usize) -> Result<Exchange, RpcError> {
        let (message, size) = self.connection.begin(limit, self.is_socket);
        message.budget.take(INPUT_COPIES * size)?;
        Ok(message)
    }

    /// Ends it with its answer, which it holds until it has left.
    fn finish(&self, mut message: Exchange, mut response: MethodResponse) -> MethodResponse {
        let size = response.as_json().get().len();
        // Anew: what was done for it may still be on its way to an end, and gives back what it has when it is there.
        let answer = self.connection.peer.budget.within(Scope::Message, usize::MAX);
        answer.settle(size);
        message.budget = Arc::new(answer);
        if !self.is_socket {
            response.extensions_mut().insert(Arc::new(message));
        } else if response.is_method_call() || response.is_batch() {
            self.connection.hand_over(message, size);
        }
        response
    }
}

fn client(extensions: &Extensions) -> Option<Asker> {
    extensions.get::<Asker>().cloned()
}

/// The answer of a batch.
fn assemble(responses: Vec<MethodResponse>, is_notified: bool) -> MethodResponse {
    let mut all = BatchResponseBuilder::new_with_limit(MAX_RESPONSE_SIZE);
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

/// Does what takes long where no other task waits for this thread.
pub(crate) fn in_place<R>(is_long: bool, work: impl FnOnce() -> R) -> R {
    let runtime = tokio::runtime::Handle::try_current();
    let has_threads =
        runtime.is_ok_and(|runtime| runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if is_long && has_threads { tokio::task::block_in_place(work) } else { work() }
}

/// Ends the work on a request when nobody waits for it any more.
struct GiveUp(Arc<Budget>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// A task that ends with who waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
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
