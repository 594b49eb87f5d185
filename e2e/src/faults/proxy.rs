use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::transports::http::reqwest;
use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::RwLock, task::JoinHandle};

use super::{
    BatchRefusal, Chance, Fault,
    answer::{answer, is_wider},
    backend::{Backend, error},
    http::{HttpConnection, Response},
};

/// An endpoint that passes requests on to another, but for its faults. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    mix: Mutex<(Vec<Chance>, StdRng)>,
    requests: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// Held for reading from the dice to the answer of a request.
    answering: RwLock<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts before this HTTP endpoint, on a free port of the loopback interface, without a fault.
    pub async fn start(target: &str) -> Result<Self> {
        Self::seeded(target, 0).await
    }

    /// The same, with a seed for the dice that [`set_mix`](Self::set_mix) needs.
    pub async fn seeded(target: &str, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the proxy")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            mix: Mutex::new((Vec::new(), StdRng::seed_from_u64(seed))),
            requests: AtomicU64::new(0),
            counts: Mutex::default(),
            answering: RwLock::default(),
        });
        let backend = Backend::new(reqwest::Client::new(), target.to_owned());
        let accept = shared.clone();
        let task = tokio::spawn(async move {
            // Dropped with this task, connections end with the proxy.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let (backend, shared) = (backend.clone(), accept.clone());
                        connections.spawn(async move {
                            serve(HttpConnection::new(stream), &backend, &shared).await
                        });
                    }
                    // Too many open files, for example: that passes.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { url, shared, task })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on every request meets this fault; with [`Fault::None`], none.
    pub fn set(&self, fault: Fault) {
        self.set_mix([Chance::of(fault, 1.0)]);
    }

    /// From now on each request meets some of these faults, each with its chance.
    pub fn set_mix(&self, mix: impl IntoIterator<Item = Chance>) {
        self.shared.set_mix(mix.into_iter().collect());
    }

    /// Returns when no request that met other faults than those now set can still see what happens from now on.
    pub async fn settled(&self) {
        drop(self.shared.answering.write().await);
    }

    /// HTTP requests so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many requests met each fault so far, by the fault's name.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.shared.counts).clone()
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

impl Shared {
    pub(super) fn set_mix(&self, mix: Vec<Chance>) {
        lock(&self.mix).0 = mix;
    }

    /// Throws the dice for a request of so many bytes, with calls of these methods.
    fn draw(&self, methods: &[&str], length: usize) -> Vec<Fault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut guard = lock(&self.mix);
        let (mix, rng) = &mut *guard;
        let mut met = Vec::new();
        for Chance { fault, share } in mix.iter() {
            // A number is taken in any case: what the others meet does not depend on the methods.
            let is_met = rng.random_bool(*share);
            if is_met && fault.concerns(methods, length) {
                met.push(*fault);
            }
        }
        let mut counts = lock(&self.counts);
        for fault in &met {
            *counts.entry(fault.name()).or_default() += 1;
        }
        met
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What becomes of a request.
enum Outcome {
    Close,
    Hang,
    Endless,
    Answer { response: Response, half: bool },
}

/// One connection: one request after the other, until it is closed.
async fn serve(mut connection: HttpConnection, backend: &Backend, shared: &Shared) -> Option<()> {
    loop {
        let body = connection.request().await?;
        let length = body.len();
        let body: Value = serde_json::from_slice(&body).ok()?;
        let calls = body.as_array().map_or(std::slice::from_ref(&body), Vec::as_slice);
        let methods: Vec<&str> = calls.iter().filter_map(|call| call["method"].as_str()).collect();
        let answering = shared.answering.read().await;
        let faults = shared.draw(&methods, length);
        let outcome = handle(&body, length, &faults, backend).await;
        drop(answering);
        match outcome {
            Outcome::Close => return None,
            Outcome::Hang => {
                connection.hang().await;
                return None;
            }
            Outcome::Endless => return connection.respond_without_end().await,
            Outcome::Answer { response, half } => {
                connection.respond(&response, half).await?;
                if half {
                    return None;
                }
            }
        }
    }
}

/// Faults of the request as a whole, before it is passed on and after.
async fn handle(body: &Value, length: usize, faults: &[Fault], backend: &Backend) -> Outcome {
    let calls = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
    let whole = |response| Outcome::Answer { response, half: false };
    let mut answered = calls.len();
    for fault in faults {
        match *fault {
            Fault::Down => return Outcome::Close,
            Fault::Silent => return Outcome::Hang,
            Fault::Endless => return Outcome::Endless,
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Garbage => return whole(Response::json(200, "<html>busy</html>".into())),
            Fault::Status(status) if status != 504 => return whole(Response::html(status)),
            Fault::TooManyRequests { retry_after, json } => {
                let error = error(&Value::Null, -32005, "daily request count exceeded, request rate limited");
                let response =
                    if json { Response::json(429, error.to_string()) } else { Response::html(429) };
                return whole(match retry_after {
                    Some(seconds) => response.with_header("retry-after", seconds),
                    None => response,
                });
            }
            Fault::MaxBody(most) if length > most => return whole(Response::html(413)),
            Fault::MaxBatch(most, BatchRefusal::Fewer) => answered = answered.min(most),
            Fault::MaxBatch(most, refusal) if calls.len() > most.max(1) || most == 0 => {
                return whole(refuse(body, calls, refusal));
            }
            Fault::RangeDrop(most) if calls.iter().any(|call| is_wider(call, most)) => return Outcome::Close,
            Fault::RangeTimeout(most) if calls.iter().any(|call| is_wider(call, most)) => {
                return whole(Response::html(504));
            }
            _ => {}
        }
    }
    let mut answers = Vec::new();
    for call in calls.iter().take(answered) {
        match answer(call.clone(), faults, backend).await {
            Some(answer) => answers.push(answer),
            None => return Outcome::Close,
        }
    }
    let answers = if body.is_array() { Value::Array(answers) } else { answers.pop().unwrap_or_default() };
    if faults.contains(&Fault::LostAnswer) {
        return Outcome::Close;
    }
    if faults.contains(&Fault::Status(504)) {
        return whole(Response::html(504));
    }
    let half = faults.contains(&Fault::Truncated);
    Outcome::Answer { response: Response::json(200, answers.to_string()), half }
}

fn refuse(body: &Value, calls: &[Value], refusal: BatchRefusal) -> Response {
    const WORDS: &str = BatchRefusal::TOO_MANY_CALLS;
    let error = |id| error(id, -32600, WORDS);
    let answer = match refusal {
        BatchRefusal::Error => error(&Value::Null),
        BatchRefusal::List => json!([error(&Value::Null)]),
        BatchRefusal::Each if body.is_array() => calls.iter().map(|call| error(&call["id"])).collect(),
        BatchRefusal::Each => error(&body["id"]),
        BatchRefusal::OtherError => json!({ "error": WORDS }),
        // An answer of none of them.
        BatchRefusal::Fewer => json!([]),
        BatchRefusal::Status => return Response::json(413, error(&Value::Null).to_string()),
        BatchRefusal::Page => return Response::page(413, WORDS),
    };
    Response::json(200, answer.to_string())
}
