//! JSON-RPC messages over HTTP, as geth reads them: what is one, what is not, and what is answered then.
//!
//! jsonrpsee's server answers over WebSocket. Over HTTP it takes a malformed id for none, does nothing for a notification,
//! and asks for one task and several copies more than it takes.

use std::{borrow::Cow, sync::Arc};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request as HttpRequest, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderMap},
};
use jsonrpsee::{
    ConnectionId, MethodCallback, MethodResponse, Methods,
    core::middleware::{Batch, Notification, RpcServiceT},
    types::{ErrorObjectOwned, Id, Params, Request},
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    RpcError,
    answer::{AnswerText, MAX_RESPONSE_SIZE},
    connection::Exchange,
    handling::Handling,
    method::DirectCalls,
    requests::{Answered, Asker, BatchMessage, Handler, MAX_BATCH, METHOD_NOT_FOUND, owned},
};

/// Most bytes of a request, a batch included: as many as geth takes. The longest transaction has some hundred thousand.
pub(crate) const MAX_REQUEST_SIZE: usize = 5 << 20;

/// Answers up to this many bytes are sent in one piece.
const SMALL: usize = 16 << 10;

/// JSON-RPC 2.0: not JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: JSON, but no request.
const INVALID_REQUEST: i32 = -32600;

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain";

/// What is answered over HTTP.
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    /// The type of what is answered, if anything is.
    pub(crate) kind: Option<&'static str>,
    pub(crate) text: Vec<Bytes>,
    /// What it holds until it has left.
    pub(crate) message: Option<Exchange>,
}

impl HttpAnswer {
    fn text(status: StatusCode, text: &str) -> Self {
        Self { status, kind: Some(TEXT), text: vec![Bytes::copy_from_slice(text.as_bytes())], message: None }
    }

    /// A message that nothing is answered to.
    const fn nothing() -> Self {
        Self { status: StatusCode::OK, kind: None, text: Vec::new(), message: None }
    }

    fn json(status: StatusCode, response: MethodResponse) -> Self {
        let text = String::from(Box::<str>::from(response.into_json()));
        Self { status, kind: Some(JSON), text: vec![text.into()], message: None }
    }
}

impl From<Answered> for HttpAnswer {
    fn from(answer: Answered) -> Self {
        let Answered { response, message } = answer;
        match response.is_notification() {
            true => Self { message, ..Self::nothing() },
            false => Self { message, ..Self::json(StatusCode::OK, response) },
        }
    }
}

/// JSON-RPC over HTTP.
pub(crate) struct HttpRpc {
    handler: Handler<Calls>,
    /// Methods that need nothing of the server's library.
    direct: DirectCalls,
}

impl HttpRpc {
    /// Serves these methods.
    pub(crate) fn new(methods: Methods, direct: DirectCalls, handling: Arc<Handling>) -> Self {
        Self { handler: Handler::new(Calls { methods }, handling), direct }
    }

    /// Answers a request of a client.
    pub(crate) async fn answer(&self, client: Asker, request: HttpRequest<Incoming>) -> HttpAnswer {
        match *request.method() {
            Method::POST => {}
            // Who looks whether somebody is there.
            Method::GET if request.uri().query().is_none() => return HttpAnswer::nothing(),
            _ => return HttpAnswer::text(StatusCode::METHOD_NOT_ALLOWED, "POST is required\n"),
        }
        if !is_json(request.headers()) {
            let text = "Supplied content type is not allowed. Content-Type: application/json is required\n";
            return HttpAnswer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
        }
        match Limited::new(request.into_body(), MAX_REQUEST_SIZE).collect().await {
            Ok(body) => self.answer_text(client, &body.to_bytes()).await,
            Err(error) if error.is::<LengthLimitError>() => {
                let text = format!("request is too large: it may have {MAX_REQUEST_SIZE} bytes");
                error_answer(StatusCode::PAYLOAD_TOO_LARGE, Id::Null, INVALID_REQUEST, text)
            }
            Err(error) => {
                tracing::debug!(target: "node::rpc", %error, "a request was not read to its end");
                HttpAnswer::text(StatusCode::BAD_REQUEST, "the request was not read to its end\n")
            }
        }
    }

    async fn answer_text(&self, client: Asker, body: &[u8]) -> HttpAnswer {
        let body = body.trim_ascii();
        match body.first() {
            None => HttpAnswer::nothing(),
            Some(b'[') => self.answer_batch(client, body).await,
            Some(_) => self.answer_one(client, body).await,
        }
    }

    async fn answer_one(&self, client: Asker, body: &[u8]) -> HttpAnswer {
        let Some(message) = Message::read(body) else {
            return match serde_json::from_slice::<&RawValue>(body) {
                Ok(_) => error_answer(StatusCode::OK, Id::Null, INVALID_REQUEST, "invalid request".into()),
                Err(_) => error_answer(StatusCode::OK, Id::Null, PARSE_ERROR, "parse error".into()),
            };
        };
        if let Some(id) = message.plain_id()
            && let Some(method) = message.method()
            && let Some((name, call)) = self.direct.get_key_value(method)
        {
            let (answer, held) = self.handler.direct(&client, name, || call(message.params())).await;
            return HttpAnswer {
                status: StatusCode::OK,
                kind: Some(JSON),
                text: compose(id, answer),
                message: held,
            };
        }
        match message.read_id() {
            MessageId::None => match message.request(Id::Null) {
                Some(request) => {
                    self.handler.notify(&client, request).await;
                    HttpAnswer::nothing()
                }
                None => error_answer(StatusCode::OK, Id::Null, INVALID_REQUEST, "invalid request".into()),
            },
            MessageId::Malformed => {
                error_answer(StatusCode::OK, Id::Null, INVALID_REQUEST, "invalid request".into())
            }
            MessageId::Known(id) => match message.request(id.clone()) {
                Some(request) => self.handler.answer(&client, request).await.into(),
                None => error_answer(StatusCode::OK, id, INVALID_REQUEST, "invalid request".into()),
            },
            // Subscriptions and the feed's methods have ids that are counts.
            MessageId::Other => {
                error_answer(StatusCode::OK, Id::Null, INVALID_REQUEST, "invalid request".into())
            }
        }
    }

    async fn answer_batch(&self, client: Asker, body: &[u8]) -> HttpAnswer {
        let Ok(parts) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
            return error_answer(StatusCode::OK, Id::Null, PARSE_ERROR, "parse error".into());
        };
        if parts.is_empty() {
            return error_answer(StatusCode::OK, Id::Null, INVALID_REQUEST, "empty batch".into());
        }
        if parts.len() > MAX_BATCH as usize {
            let first = parts.iter().find_map(|part| match Message::read(part.get().as_bytes())?.read_id() {
                MessageId::Known(id) => Some(id.into_owned()),
                _ => None,
            });
            let text = format!("batch too large: it may have {MAX_BATCH} requests");
            let mut answer = error_answer(StatusCode::OK, first.unwrap_or(Id::Null), INVALID_REQUEST, text);
            answer.text.insert(0, Bytes::from_static(b"["));
            answer.text.push(Bytes::from_static(b"]"));
            return answer;
        }
        let entries = parts.into_iter().map(|part| entry(part.get().as_bytes())).collect();
        self.handler.answer_batch(&client, entries).await.into()
    }
}

/// What stands in a batch at one place.
fn entry(part: &[u8]) -> BatchMessage {
    let wrong = |id: Id<'_>| {
        let error = ErrorObjectOwned::owned(INVALID_REQUEST, "invalid request", None::<()>);
        BatchMessage::Wrong(MethodResponse::error(id, error))
    };
    let Some(message) = Message::read(part) else { return wrong(Id::Null) };
    match message.read_id() {
        MessageId::None => match message.request(Id::Null) {
            Some(request) => BatchMessage::Notification(owned(request)),
            None => wrong(Id::Null),
        },
        // Answers of batches are put together by ids that the server's library knows.
        MessageId::Malformed | MessageId::Other => wrong(Id::Null),
        MessageId::Known(id) => match message.request(id.clone()) {
            Some(request) => BatchMessage::Call(owned(request)),
            None => wrong(id),
        },
    }
}

fn error_answer(status: StatusCode, id: Id<'_>, code: i32, text: String) -> HttpAnswer {
    let error = ErrorObjectOwned::owned(code, text, None::<()>);
    HttpAnswer::json(status, MethodResponse::error(id, error))
}

/// The text of an answer with its id.
fn compose(id: &RawValue, answer: Result<AnswerText, ErrorObjectOwned>) -> Vec<Bytes> {
    let head = |what: &str| {
        let mut head = String::with_capacity(64 + id.get().len());
        head.push_str(r#"{"jsonrpc":"2.0","id":"#);
        head.push_str(id.get());
        head.push_str(what);
        head
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let mut text = head(",\"error\":");
            text.push_str(&serde_json::to_string(&error).unwrap_or_default());
            text.push('}');
            return vec![text.into()];
        }
    };
    let head = head(",\"result\":");
    if answer.len() <= SMALL {
        // In one piece: to write several costs more than to copy them.
        let mut text = head.into_bytes();
        text.reserve(answer.len() + 1);
        for piece in answer.into_pieces() {
            text.extend_from_slice(&piece);
        }
        text.push(b'}');
        return vec![text.into()];
    }
    let mut text = vec![Bytes::from(head)];
    text.extend(answer.into_pieces());
    text.push(Bytes::from_static(b"}"));
    text
}

/// Whether a request says that it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, charset) = kind.split_once(';').unwrap_or((kind, "charset=utf-8"));
    let is_known = ["application/json", "application/json-rpc"]
        .iter()
        .any(|known| kind.trim().eq_ignore_ascii_case(known));
    is_known && charset.trim().eq_ignore_ascii_case("charset=utf-8")
}

/// A message, as it came.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// What is there, also where it is `null`.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The id of a message.
enum MessageId<'a> {
    /// A notification has none.
    None,
    Known(Id<'a>),
    /// A number that is no count.
    Other,
    /// An object, an array or a truth.
    Malformed,
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The id of a request, if it has one that may be: a text, a number or `null`.
    fn plain_id(&self) -> Option<&'a RawValue> {
        self.id.filter(|id| !id.get().starts_with(['{', '[', 't', 'f']))
    }

    /// The method of a message of the right version.
    fn method(&self) -> Option<&str> {
        self.method.as_deref().filter(|_| self.jsonrpc.as_deref() == Some("2.0"))
    }

    /// The parameters; `null` is as good as absent.
    fn params(&self) -> Option<&'a str> {
        self.params.map(RawValue::get).filter(|params| *params != "null")
    }

    fn read_id(&self) -> MessageId<'a> {
        let Some(id) = self.id else { return MessageId::None };
        match serde_json::from_str::<Id<'a>>(id.get()) {
            Ok(id) => MessageId::Known(id),
            Err(_) if id.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                MessageId::Other
            }
            Err(_) => MessageId::Malformed,
        }
    }

    /// The request that it is, if it is one.
    fn request(&self, id: Id<'a>) -> Option<Request<'a>> {
        let is_version = self.jsonrpc.as_deref() == Some("2.0");
        let method = self.method.clone().filter(|_| is_version)?;
        // `null` is as good as absent.
        let params = self.params.filter(|params| params.get() != "null");
        let mut request = Request::owned(String::new(), None, id.into_owned());
        request.method = method;
        request.params = params.map(Cow::Borrowed);
        Some(request)
    }
}

/// Calls methods.
#[derive(Clone)]
pub(crate) struct Calls {
    methods: Methods,
}

impl RpcServiceT for Calls {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Request { id, method, params, extensions, .. } = request;
        let callback = self.methods.method(&method).cloned();
        async move {
            let params = Params::new(params.as_ref().map(|params| params.get()));
            match callback {
                Some(MethodCallback::Async(call)) => {
                    let (id, params) = (id.into_owned(), params.into_owned());
                    call(id, params, ConnectionId(0), MAX_RESPONSE_SIZE, extensions).await
                }
                Some(MethodCallback::Sync(call)) => call(id, params, MAX_RESPONSE_SIZE, extensions),
                // Subscriptions are refused before they come here.
                Some(MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_)) => {
                    MethodResponse::error(id, ErrorObjectOwned::from(RpcError::Internal))
                }
                None => {
                    let text = format!("the method {method} does not exist/is not available");
                    MethodResponse::error(id, ErrorObjectOwned::owned(METHOD_NOT_FOUND, text, None::<()>))
                }
            }
        }
    }

    /// Requests of a batch are called one by one.
    fn batch<'a>(&self, _: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification())
    }

    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification())
    }
}
