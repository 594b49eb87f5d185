//! Requests of strangers that want a node's memory or its time, and the clients beside them.
//!
//! An attacker asks from another address of this machine (127.0.0.2) than the client that must not notice: limits are by
//! address. Each attack has requests that are sent at once, each over a connection of its own, and says what the answers are
//! that a rule of the node makes: without it, they would be others.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use alloy::primitives::{Address, hex};
use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::bench::wire::{RpcConnection, connect};

/// Where attackers ask from.
const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// How errors begin that name a limit: of what a request takes, and of what it answers.
const LIMITS: [&str; 2] = ["\"code\":-32005,", "\"code\":-32003,"];
/// How the error begins of a block that went away while it was looked at.
const REPLACED: &str = "\"code\":-32000,\"message\":\"header not found\"";
/// So much is shown of an error that is none of them.
const SHOWN: usize = 200;
/// Bytes of a connection that the system takes for a client that does not read: the fewest, so that the node soon has to wait.
const RECEIVED: u32 = 4096;

/// How long the last bytes of a connection may take that was ended.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// Widens its memory by some hundred kilobytes and calls itself, as deep as the gas goes: some tens of megabytes.
const NESTING: &[u8] = &hex!("5f62030000525f5f5f5f5f305af100");
/// Returns seven megabytes of nothing.
const LONG_OUTPUT: &[u8] = &hex!("626acfc05ff3");
/// Gives a hundred kilobytes to a precompile that returns them, for as long as there is gas.
const MANY_FRAMES: &[u8] = &hex!("5b5f5f620186a05f60045afa505f56");
/// Widens its memory to a quarter of a megabyte, and goes in circles.
const MANY_STEPS: &[u8] = &hex!("5f6203d090525b600656");
/// Writes one slot after another.
const MANY_SLOTS: &[u8] = &hex!("5f5b808055600101600156");

/// What an attack sends, and what it must be told.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it is.
    pub name: &'static str,
    /// Requests, sent at the same time.
    pub bodies: Vec<String>,
    /// At least one of the answers says one of these.
    pub answer: &'static [&'static str],
}

/// Where a contract of an attack is.
fn contract() -> Address {
    Address::repeat_byte(0xbb)
}

/// A state in which the contract has this code.
fn state(code: &[u8]) -> Value {
    json!({ contract().to_string(): { "code": hex::encode_prefixed(code) } })
}

fn request(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(code: &[u8]) -> Value {
    request("eth_call", &json!([{ "to": contract() }, "latest", state(code)]))
}

fn trace(code: &[u8], options: &Value) -> Value {
    let mut options = options.clone();
    options["stateOverrides"] = state(code);
    request("debug_traceCall", &json!([{ "to": contract() }, "latest", options]))
}

/// So many times the same, as one message.
fn batch(request: &Value, count: usize) -> String {
    Value::Array(vec![request.clone(); count]).to_string()
}

/// All attacks that are made of requests.
pub fn attacks() -> Vec<Attack> {
    // The answer grows with what is held: which limit comes first depends on the trace.
    let memory: &[_] = &["of memory: ask for less", "response too large"];
    let times = |request: Value, count: usize| vec![request.to_string(); count];
    let traced = |name, code: &[u8], options: Value, answer| Attack {
        name,
        bodies: times(trace(code, &options), 5),
        answer,
    };
    let keys: Vec<String> = (0..1024u64).map(|key| format!("{key:#066x}")).collect();
    let proof = request("eth_getProof", &json!([Address::ZERO, keys, "latest"]));
    let simulated = vec![json!({ "to": contract(), "gas": "0x989680" }); 6];
    let simulation = request(
        "eth_simulateV1",
        &json!([{ "blockStateCalls": [{ "stateOverrides": state(NESTING), "calls": simulated }] }, "latest"]),
    );
    let mux = json!({ "callTracer": {}, "flatCallTracer": {}, "prestateTracer": {}, "4byteTracer": null });
    vec![
        Attack {
            name: "a batch of 800 calls that nest",
            bodies: vec![batch(&call(NESTING), 800)],
            answer: &["result"],
        },
        Attack {
            name: "calls that return megabytes, in batches",
            bodies: vec![batch(&call(LONG_OUTPUT), 100); 4],
            answer: &["response too large"],
        },
        traced("steps with memory", MANY_STEPS, json!({ "enableMemory": true }), memory),
        traced("steps with storage", MANY_SLOTS, json!({}), memory),
        traced("callTracer", MANY_FRAMES, json!({ "tracer": "callTracer" }), memory),
        traced("flatCallTracer", MANY_FRAMES, json!({ "tracer": "flatCallTracer" }), memory),
        traced("muxTracer", MANY_FRAMES, json!({ "tracer": "muxTracer", "tracerConfig": mux }), memory),
        traced("erc7562Tracer", MANY_STEPS, json!({ "tracer": "erc7562Tracer" }), &["result"]),
        traced("prestateTracer", NESTING, json!({ "tracer": "prestateTracer" }), &["result"]),
        Attack { name: "a simulation", bodies: times(simulation, 5), answer: &["result"] },
        Attack { name: "proofs", bodies: vec![batch(&proof, 60); 4], answer: &["result"] },
    ]
}

/// Sends an attack's requests and waits for the answers.
///
/// # Errors
/// No answer says what it must.
pub async fn run(node: SocketAddr, attack: &Attack) -> Result<()> {
    let answers = send(node, attack, |answer| {
        Ok(answer.is_some_and(|answer| attack.answer.iter().any(|one| answer.contains(one))))
    })
    .await?;
    let expected = attack.answer;
    ensure!(answers.contains(&true), "{}: no answer says {expected:?}", attack.name);
    Ok(())
}

/// Sends an attack's requests at once, and reads each answer; none where the connection ended instead: it may before all is
/// sent, because the node takes no more of what it has refused.
async fn send<R>(
    node: SocketAddr,
    attack: &Attack,
    read: impl Fn(Option<&str>) -> Result<R>,
) -> Result<Vec<R>> {
    let answers = attack.bodies.iter().map(async |body| {
        let mut connection = RpcConnection::open_from(ATTACKER, node).await?;
        let answer = connection.send(&RpcConnection::body(body)).await.ok();
        read(answer.map(String::from_utf8_lossy).as_deref())
    });
    join_all(answers).await.into_iter().collect::<Result<_>>().context(attack.name)
}

/// What became of an attack's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttackAnswers {
    /// Answered.
    pub answered: u64,
    /// Refused, or broken off, by an error that names a limit.
    pub refused: u64,
    /// The connection was ended instead.
    pub ended: u64,
}

/// Sends an attack's requests while others run, so that each may be refused for their reasons, too.
///
/// # Errors
/// The node takes no connection, or an answer is neither a result nor a limit's, nor that its block was replaced.
pub async fn answers(node: SocketAddr, attack: &Attack) -> Result<AttackAnswers> {
    let mut sum = AttackAnswers::default();
    for answer in send(node, attack, |answer| answer.map(is_refused).transpose()).await? {
        match answer {
            Some(true) => sum.refused += 1,
            Some(false) => sum.answered += 1,
            None => sum.ended += 1,
        }
    }
    Ok(sum)
}

/// Whether a limit refused at least a part; an error where something else did.
fn is_refused(answer: &str) -> Result<bool> {
    let mut refused = false;
    for (at, found) in answer.match_indices("\"error\":{") {
        let error = &answer[at + found.len()..];
        let end = error.char_indices().map(|(at, _)| at).nth(SHOWN).unwrap_or(error.len());
        // `latest` was replaced meanwhile, by a reorg of L1.
        if error.starts_with(REPLACED) {
            continue;
        }
        ensure!(LIMITS.iter().any(|limit| error.starts_with(limit)), "an answer says {}", &error[..end]);
        refused = true;
    }
    // Before JSON-RPC, refusals are HTTP's.
    Ok(refused || !answer.contains("\"result\":") && !answer.contains(REPLACED))
}

/// Sends an attack's requests, whatever becomes of them: of several attacks at once, each is refused for the reasons of the
/// others.
pub async fn run_whatever(node: SocketAddr, attack: &Attack) {
    let _ = run(node, attack).await;
}

/// Connections over which nothing is read that is answered, and over which long requests are begun and not ended.
#[derive(Debug)]
pub struct Idlers(Vec<TcpStream>);

impl Idlers {
    /// Opens them: `readers` that ask for megabytes, over WebSocket and HTTP alike, and `writers` of long requests.
    ///
    /// # Errors
    /// None of them gets through.
    pub async fn open(node: SocketAddr, readers: usize, writers: usize) -> Result<Self> {
        let body = call(LONG_OUTPUT).to_string();
        let mut all = Vec::new();
        for _ in 0..readers {
            let mut http = connect(ATTACKER, node).await?;
            let _ = http.write_all(&RpcConnection::body(&body)).await;
            let mut socket = connect(ATTACKER, node).await?;
            let _ = socket.write_all(hello(node).as_bytes()).await;
            for _ in 0..16 {
                let _ = socket.write_all(&frame(&body)).await;
            }
            all.extend([http, socket]);
        }
        let begun = "0".repeat(4 << 20);
        for _ in 0..writers {
            let mut stream = connect(ATTACKER, node).await?;
            let head = format!(
                "POST / HTTP/1.1\r\nhost: {node}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n[",
                5 << 20
            );
            let _ = stream.write_all(head.as_bytes()).await;
            // What is refused is no longer read.
            let _ =
                tokio::time::timeout(Duration::from_millis(200), stream.write_all(begun.as_bytes())).await;
            all.push(stream);
        }
        ensure!(!all.is_empty(), "no connection");
        Ok(Self(all))
    }

    /// Opens WebSockets that subscribe to blocks and logs, so many times each, and read nothing.
    ///
    /// # Errors
    /// The node takes no connection.
    pub async fn subscribe(node: SocketAddr, sockets: usize, subscriptions: usize) -> Result<Self> {
        let subscribe = |params| frame(&request("eth_subscribe", &params).to_string());
        let mut all = Vec::new();
        for _ in 0..sockets {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(RECEIVED)?;
            socket.bind(SocketAddr::new(ATTACKER, 0))?;
            let mut socket = socket.connect(node).await.context("cannot connect")?;
            let _ = socket.write_all(hello(node).as_bytes()).await;
            for _ in 0..subscriptions {
                let _ = socket.write_all(&subscribe(json!(["newHeads"]))).await;
                let _ = socket.write_all(&subscribe(json!(["logs", {}]))).await;
            }
            all.push(socket);
        }
        Ok(Self(all))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Ends them; returns how many the node had ended before.
    pub async fn end(self) -> usize {
        let ended = self.0.into_iter().map(|mut stream| async move {
            // What has arrived is before the end.
            let mut arrived = vec![0; 1 << 16];
            let read = async {
                while stream.read(&mut arrived).await? > 0 {}
                std::io::Result::Ok(())
            };
            tokio::time::timeout(LAST_BYTES, read).await.is_ok()
        });
        join_all(ended).await.into_iter().filter(|ended| *ended).count()
    }
}

/// What opens a WebSocket.
fn hello(node: SocketAddr) -> String {
    format!(
        "GET / HTTP/1.1\r\nhost: {node}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A text as a WebSocket frame of a client whose mask is zero.
fn frame(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut frame = vec![0x81];
    match u16::try_from(length) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(medium) => {
            frame.push(0x80 | 126);
            frame.extend(medium.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// One JSON-RPC request from the attackers' address: the whole answer.
pub async fn ask(node: SocketAddr, method: &str, params: Value) -> Result<Value> {
    let mut connection = RpcConnection::open_from(ATTACKER, node).await?;
    let answer = connection.send(&RpcConnection::body(&request(method, &params).to_string())).await?;
    Ok(serde_json::from_slice(answer)?)
}

/// A client that asks for the block number all the time, over one connection.
#[derive(Debug)]
pub struct Bystander {
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<Result<Vec<Duration>>>,
}

impl Bystander {
    /// Begins.
    pub async fn start(node: SocketAddr) -> Result<Self> {
        Self::paced(node, Duration::from_millis(2)).await
    }

    /// The same, with so much time between an answer and the next request.
    pub async fn paced(node: SocketAddr, pause: Duration) -> Result<Self> {
        let mut connection = RpcConnection::open_from(IpAddr::V4(Ipv4Addr::LOCALHOST), node).await?;
        let request = RpcConnection::body(&request("eth_blockNumber", &json!([])).to_string());
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut times = Vec::new();
            while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                let start = Instant::now();
                let answer = connection.send(&request).await?;
                times.push(start.elapsed());
                let answer = String::from_utf8_lossy(answer);
                ensure!(answer.contains("\"result\":\"0x"), "eth_blockNumber gives {answer}");
                tokio::time::sleep(pause).await;
            }
            Ok(times)
        });
        Ok(Self { stop, task })
    }

    /// Ends it: the time within which 99 of 100 requests were answered, and how many there were.
    ///
    /// # Errors
    /// A request was not answered.
    pub async fn stop(self) -> Result<(Duration, usize)> {
        let _ = self.stop.send(());
        let mut times = self.task.await??;
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().context("the bystander asked for nothing")?;
        Ok((p99, times.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_other_errors() {
        let error = |code| json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "no" } });
        let result = json!({ "jsonrpc": "2.0", "id": 1, "result": { "error": "out of gas" } });
        let said = |answer: Value| is_refused(&answer.to_string());
        assert!(!said(result.clone()).unwrap());
        assert!(said(error(-32005)).unwrap());
        assert!(said(json!([result, error(-32003)])).unwrap());
        assert!(is_refused("too many connections").unwrap());
        let other = said(json!([error(-32005), error(-32603)])).unwrap_err().to_string();
        assert!(other.contains("-32603"), "{other}");
    }
}
