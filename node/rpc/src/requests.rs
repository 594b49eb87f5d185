//! What stands between a connection and the methods: budgets, batches worked on concurrently, times, the log of requests.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
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

use super::{
    RpcError,
    answer::{AnswerText, LONG, MAX_RESPONSE_SIZE},
    budget::{Budget, MESSAGE_MEMORY, REQUEST_MEMORY, Scope},
    connection::{Connection, Exchange},
    handling::Handling,
    logs::MAX_BLOCK_LOGS_SIZE,
    method::DirectCall,
    work,
};

/// JSON-RPC 2.0: there is no such method.
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
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

/// Answers requests within their budgets, those of a batch at the same time; the answers come in the order of the requests.
#[derive(Clone)]
pub(crate) struct Handler<S> {
    service: S,
    handling: Arc<Handling>,
}

/// What stands in a batch.
pub(crate) enum BatchMessage {
    Call(Request<'static>),
    /// Is done, and not answered.
    Notification(Request<'static>),
    /// No request, and what is answered to it.
    Wrong(MethodResponse),
}

impl BatchMessage {
    fn wrong(self) -> Option<MethodResponse> {
        match self {
            Self::Wrong(response) => Some(response),
            _ => None,
        }
    }
}

/// An answer, and what it holds until it has left; of a WebSocket its connection has that.
pub(crate) struct Answered {
    pub(crate) response: MethodResponse,
    pub(crate) message: Option<Exchange>,
}

impl From<MethodResponse> for Answered {
    fn from(response: MethodResponse) -> Self {
        Self { response, message: None }
    }
}

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
            match client(&request.extensions) {
                Some(client) => this.answer(&client, request).await.response,
                None => this.service.call(request).await,
            }
        }
    }

    /// It is done, and not answered.
    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            if let Some(client) = client(&notification.extensions) {
                this.notify(&client, of_notification(notification)).await;
            }
            MethodResponse::notification()
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let mut client = None;
            let mut entries = Vec::with_capacity(batch.len());
            for entry in batch {
                match entry {
                    Ok(BatchEntry::Call(request)) => {
                        client = client.or_else(|| self::client(&request.extensions));
                        entries.push(BatchMessage::Call(owned(request)));
                    }
                    Ok(BatchEntry::Notification(one)) => {
                        client = client.or_else(|| self::client(&one.extensions));
                        entries.push(BatchMessage::Notification(owned(of_notification(one))));
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        entries.push(BatchMessage::Wrong(MethodResponse::error(id, error)));
                    }
                }
            }
            match client {
                Some(client) => this.answer_batch(&client, entries).await.response,
                // A batch without a request in it asks for nothing.
                None => assemble(entries.into_iter().filter_map(BatchMessage::wrong).collect(), false),
            }
        }
    }
}

impl<S> Handler<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    /// Answers a request of a client.
    pub(crate) async fn answer(&self, client: &Asker, request: Request<'_>) -> Answered {
        let message = match client.begin(REQUEST_MEMORY) {
            Ok(message) => message,
            Err(error) => return MethodResponse::error(request.id, ErrorObjectOwned::from(error)).into(),
        };
        let budget = message.budget.within(Scope::Request, REQUEST_MEMORY).for_at_most(self.handling.time);
        let response = self.measured(request, Arc::new(budget), client).await;
        client.finish(message, response)
    }

    /// Does what a client asks for without waiting for an answer.
    pub(crate) async fn notify(&self, client: &Asker, request: Request<'_>) {
        let Ok(message) = client.begin(REQUEST_MEMORY) else { return };
        let budget = message.budget.within(Scope::Request, REQUEST_MEMORY).for_at_most(self.handling.time);
        self.measured(request, Arc::new(budget), client).await;
    }

    /// Answers a batch of a client.
    pub(crate) async fn answer_batch(&self, client: &Asker, entries: Vec<BatchMessage>) -> Answered {
        let message = match client.begin(MESSAGE_MEMORY) {
            Ok(message) => message,
            Err(error) => return MethodResponse::error(Id::Null, ErrorObjectOwned::from(error)).into(),
        };
        let is_notified = entries.iter().any(|entry| matches!(entry, BatchMessage::Notification(_)));
        let work = Arc::new(BatchWork {
            handler: self.clone(),
            client: client.clone(),
            budget: message.budget.clone(),
            start: Instant::now(),
            room: AtomicUsize::new(BATCH_ROOM),
        });
        let answers = if entries.len() <= SMALL_BATCH {
            work.answer(entries).await
        } else {
            work.spread(entries).await
        };
        let answers: Vec<_> = answers.into_iter().filter(|(one, _)| !one.is_notification()).collect();
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

    /// Answers one request, and notes it. What it holds afterwards is its answer.
    async fn measured(&self, request: Request<'_>, budget: Arc<Budget>, client: &Asker) -> MethodResponse {
        let start = Instant::now();
        let peer = &client.connection.peer;
        let (method, id) = (request.method.to_string(), request.id.clone().into_owned());
        let params =
            request.params.as_ref().is_some_and(|params| !matches!(params.get().trim(), "[]" | "null"));
        let _waited_for = GiveUp(budget.clone());
        let response = match refuse_subscription(&method, client.is_socket) {
            Some(error) => MethodResponse::error(id, ErrorObjectOwned::from(error)),
            None => {
                let call = self.service.call(request);
                let answered = async {
                    tokio::pin!(call);
                    poll_fn(|context| in_place(work::is_long(), || call.as_mut().poll(context))).await
                };
                let response = work::Request::new(budget.clone(), peer.clone()).scope(answered).await;
                if method == UNSUBSCRIBE { unsubscribed(response, id, params) } else { response }
            }
        };
        let (size, code) = (response.as_json().get().len(), response.as_error_code());
        budget.settle(size);
        self.handling.note(&method, start.elapsed(), size, code, peer);
        response
    }

    /// Answers a request of a client by a call that needs nothing else. What it holds afterwards is its answer.
    pub(crate) async fn direct(
        &self,
        client: &Asker,
        method: &str,
        call: impl FnOnce() -> DirectCall,
    ) -> (Result<AnswerText, ErrorObjectOwned>, Option<Exchange>) {
        let message = match client.begin(REQUEST_MEMORY) {
            Ok(message) => message,
            Err(error) => return (Err(error.into()), None),
        };
        let start = Instant::now();
        let peer = &client.connection.peer;
        let budget = message.budget.within(Scope::Request, REQUEST_MEMORY).for_at_most(self.handling.time);
        let budget = Arc::new(budget);
        let _waited_for = GiveUp(budget.clone());
        let answered = async {
            let mut call = call();
            poll_fn(|context| in_place(work::is_long(), || call.as_mut().poll(context))).await
        };
        let answer = work::Request::new(budget.clone(), peer.clone()).scope(answered).await;
        let answer = answer.map_err(ErrorObjectOwned::from);
        let (size, code) = match &answer {
            Ok(text) => (text.len(), None),
            Err(error) => (0, Some(error.code())),
        };
        budget.settle(0);
        self.handling.note(method, start.elapsed(), size, code, peer);
        (answer, Some(client.keep(message, size)))
    }
}

/// What a subscription needs a connection for, that stays.
const SUBSCRIBE: [&str; 2] = ["eth_subscribe", "recourse_subscribeFeed"];
const UNSUBSCRIBE: &str = "eth_unsubscribe";

/// Over HTTP nobody is told of anything later.
fn refuse_subscription(method: &str, is_socket: bool) -> Option<RpcError> {
    if is_socket {
        return None;
    }
    if method == UNSUBSCRIBE {
        return Some(no_such_subscription());
    }
    let is_one = SUBSCRIBE.contains(&method) || method.starts_with("recourse_unsubscribe");
    is_one.then(|| RpcError::Coded {
        code: METHOD_NOT_FOUND,
        message: "notifications not supported: subscribe over WebSocket".into(),
    })
}

fn no_such_subscription() -> RpcError {
    RpcError::refused("subscription not found")
}

/// The server says that it ended nothing; clients expect to be told why.
fn unsubscribed(response: MethodResponse, id: Id<'static>, has_params: bool) -> MethodResponse {
    if !response.is_success() || !response.as_json().get().contains("\"result\":false") {
        return response;
    }
    let error = match has_params {
        true => no_such_subscription(),
        false => RpcError::invalid("missing value for required argument 0"),
    };
    MethodResponse::error(id, ErrorObjectOwned::from(error))
}

/// A batch that is worked on.
struct BatchWork<S> {
    handler: Handler<S>,
    client: Asker,
    budget: Arc<Budget>,
    start: Instant,
    /// Bytes that its answers may still have.
    room: AtomicUsize,
}

impl<S> BatchWork<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    /// Answers requests, several at a time.
    async fn answer(self: &Arc<Self>, entries: Vec<BatchMessage>) -> Vec<Held> {
        let answers: Vec<_> = entries.into_iter().map(|entry| self.clone().answer_one(entry)).collect();
        stream::iter(answers).buffered(BATCH_CONCURRENCY).collect().await
    }

    /// Answers a request as long as there is room for its answer, and time. What comes after that is refused one by one, like
    /// by geth, so that no more is held than can be sent.
    async fn answer_one(self: Arc<Self>, entry: BatchMessage) -> Held {
        let (request, is_answered) = match entry {
            BatchMessage::Call(request) => (request, true),
            BatchMessage::Notification(request) => (request, false),
            BatchMessage::Wrong(response) => return (response, None),
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
        let response = self.handler.measured(request, budget.clone(), &self.client).await;
        if !is_answered {
            return (MethodResponse::notification(), None);
        }
        let size = response.as_json().get().len();
        let take = |left: usize| Some(left.saturating_sub(size));
        let left = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or_default();
        if left < size { too_large(id) } else { (response, Some(budget)) }
    }

    /// Answers requests on as many threads as there are.
    async fn spread(self: &Arc<Self>, mut entries: Vec<BatchMessage>) -> Vec<Held> {
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

    /// Holds no more for a message than its answer.
    fn keep(&self, mut message: Exchange, size: usize) -> Exchange {
        // Anew: what was done for it may still be on its way to an end, and gives back what it has when it is there.
        let answer = self.connection.peer.budget.within(Scope::Message, usize::MAX);
        answer.settle(size);
        message.budget = Arc::new(answer);
        message
    }

    /// Ends it with its answer, which it holds until it has left.
    fn finish(&self, message: Exchange, response: MethodResponse) -> Answered {
        let size = response.as_json().get().len();
        let message = self.keep(message, size);
        if !self.is_socket {
            return Answered { response, message: Some(message) };
        }
        if response.is_method_call() || response.is_batch() {
            self.connection.hand_over(message, size);
        }
        response.into()
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
pub(crate) struct GiveUp(pub(crate) Arc<Budget>);

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

/// What a notification asks for.
fn of_notification(notification: Notification<'_>) -> Request<'_> {
    Request {
        jsonrpc: notification.jsonrpc,
        id: Id::Null,
        method: notification.method,
        params: notification.params,
        extensions: notification.extensions,
    }
}

/// The request, with bytes of its own.
pub(crate) fn owned(request: Request<'_>) -> Request<'static> {
    Request {
        jsonrpc: request.jsonrpc,
        id: request.id.into_owned(),
        method: request.method.into_owned().into(),
        params: request.params.map(|params| std::borrow::Cow::Owned(params.into_owned())),
        extensions: request.extensions,
    }
}
