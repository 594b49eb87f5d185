//! An L1 endpoint between node and Anvil that can be made to misbehave.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use alloy::transports::http::reqwest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Closes connections without an answer.
    Down,
    /// Answers what is not JSON.
    Garbage,
    /// Answers every call with `null`.
    Null,
    /// Refuses logs of more than so many blocks.
    MaxRange(u64),
    /// Leaves out all logs.
    NoLogs,
    /// Leaves out the logs of batches.
    SomeLogs,
    /// Changes a byte in the data of logs.
    ChangedLogs,
    /// Changes the payload of transactions.
    ChangedTransactions,
    /// Says that it is another chain, and fails otherwise.
    OtherChain,
    /// Is so many blocks behind.
    Behind(u64),
    /// Does not know the tag `finalized`.
    NoFinalized,
    /// Answers requests for logs of more than so many blocks with a gateway's error page.
    TimesOut(u64),
    /// Closes the connection when asked for logs of more than so many blocks.
    Drops(u64),
    /// Takes no batches of more than so many requests; with zero, no requests.
    MaxBatch(usize, Refusal),
    /// Has had too many requests at every fifth.
    Busy,
    /// Answers without end.
    Endless,
    /// Shows transactions and receipts only so many blocks after they are in one.
    Late(u64),
    /// Shows receipts only so many blocks after they are there.
    LateReceipts(u64),
    /// Says how many transactions an account has in blocks as of so many blocks ago.
    OldNonces(u64),
}

/// How an endpoint refuses what is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// With one error.
    Error,
    /// With a list of one error.
    List,
    /// With an error for each request.
    Each,
    /// With an error that is no JSON-RPC.
    OtherError,
    /// By answering only the first requests.
    Fewer,
    /// With a status of HTTP and an error.
    Status,
    /// With a status of HTTP and a page.
    Page,
}

/// What endpoints say of batches that are too large.
pub(crate) const TOO_MANY: &str = "batch item count exceeded";
const GATEWAY: &str =
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>nginx</body>\r\n</html>";

pub(crate) struct Proxy {
    url: String,
    fault: Arc<Mutex<Fault>>,
    requests: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fault = Arc::new(Mutex::new(Fault::None));
        let requests = Arc::new(AtomicU64::new(0));
        let (target, shared, count) = (target.to_owned(), fault.clone(), requests.clone());
        let task = tokio::spawn(async move {
            let client = reqwest::Client::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (target, client, fault, count) =
                    (target.clone(), client.clone(), shared.clone(), count.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, &client, &target, &fault, &count).await;
                });
            }
        });
        Self { url, fault, requests, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// One connection: HTTP/1.1 with lengths, one request after the other.
async fn serve(
    mut stream: TcpStream,
    client: &reqwest::Client,
    target: &str,
    fault: &Mutex<Fault>,
    count: &AtomicU64,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut chunk = [0; 16 * 1024];
            let read = stream.read(&mut chunk).await.ok()?;
            if read == 0 {
                return None;
            }
            buffer.extend_from_slice(&chunk[..read]);
        };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
        let length: usize = length.trim().parse().ok()?;
        while buffer.len() < head + length {
            let mut chunk = [0; 16 * 1024];
            let read = stream.read(&mut chunk).await.ok()?;
            if read == 0 {
                return None;
            }
            buffer.extend_from_slice(&chunk[..read]);
        }
        let body: Value = serde_json::from_slice(&buffer[head..head + length]).ok()?;
        buffer.drain(..head + length);
        let number = count.fetch_add(1, Ordering::Relaxed);
        let fault = *fault.lock().unwrap();
        if let Some((status, answer)) = refuse(fault, &body, number)? {
            let kind = if answer.starts_with('<') { "text/html" } else { "application/json" };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}", answer.len());
            stream.write_all(format!("{head}\r\n\r\n{answer}").as_bytes()).await.ok()?;
            continue;
        }
        let answer = match fault {
            Fault::Down => return None,
            Fault::Endless => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1u64 << 40);
                stream.write_all(head.as_bytes()).await.ok()?;
                loop {
                    stream.write_all(&[b' '; 64 * 1024]).await.ok()?;
                }
            }
            Fault::Garbage => "<html>busy</html>".to_owned(),
            _ => match body {
                Value::Array(mut calls) => {
                    if let Fault::MaxBatch(most, Refusal::Fewer) = fault {
                        calls.truncate(most);
                    }
                    let mut answers = Vec::new();
                    for call in calls {
                        answers.push(answer(call, client, target, fault).await?);
                    }
                    Value::Array(answers).to_string()
                }
                call => answer(call, client, target, fault).await?.to_string(),
            },
        };
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(response.as_bytes()).await.ok()?;
    }
}

/// The status and body of an endpoint's refusal, if it refuses. Outer `None`: it hangs up.
fn refuse(fault: Fault, body: &Value, number: u64) -> Option<Option<(&'static str, String)>> {
    let calls = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
    let wide = |most| calls.iter().any(|call| blocks(call).is_some_and(|blocks| blocks > most));
    let error =
        |id: &Value| json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32600, "message": TOO_MANY}});
    Some(match fault {
        Fault::TimesOut(most) if wide(most) => Some(("504 Gateway Time-out", GATEWAY.to_owned())),
        Fault::Drops(most) if wide(most) => return None,
        Fault::Busy if number.is_multiple_of(5) => {
            Some(("429 Too Many Requests\r\nretry-after: 0", "<h1>slow down</h1>".to_owned()))
        }
        Fault::MaxBatch(most, refusal) if calls.len() > most.max(1) || most == 0 => match refusal {
            Refusal::Error => Some(("200 OK", error(&Value::Null).to_string())),
            Refusal::List => Some(("200 OK", json!([error(&Value::Null)]).to_string())),
            Refusal::Each => {
                let errors: Vec<Value> = calls.iter().map(|call| error(&call["id"])).collect();
                Some(("200 OK", if body.is_array() { json!(errors) } else { errors[0].clone() }.to_string()))
            }
            Refusal::OtherError => Some(("200 OK", json!({ "error": TOO_MANY }).to_string())),
            Refusal::Fewer => None,
            Refusal::Status => Some(("413 Payload Too Large", error(&Value::Null).to_string())),
            Refusal::Page => {
                let page = format!("<html><head><title>{TOO_MANY}</title></head></html>");
                Some(("413 Request Entity Too Large", page))
            }
        },
        _ => None,
    })
}

/// How many blocks a call asks for the logs of.
fn blocks(call: &Value) -> Option<u64> {
    let filter = &call["params"][0];
    let range = number(&filter["toBlock"])?.checked_sub(number(&filter["fromBlock"])?)?;
    (call["method"] == "eth_getLogs").then_some(range + 1)
}

async fn forward(call: &Value, client: &reqwest::Client, target: &str) -> Option<Value> {
    let sent = client.post(target).header("content-type", "application/json").body(call.to_string()).send();
    serde_json::from_slice(&sent.await.ok()?.bytes().await.ok()?).ok()
}

async fn latest(client: &reqwest::Client, target: &str) -> Option<u64> {
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []});
    number(&forward(&ask, client, target).await?["result"])
}

fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

async fn answer(mut call: Value, client: &reqwest::Client, target: &str, fault: Fault) -> Option<Value> {
    let id = call["id"].clone();
    let error =
        |message: &str| json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32005, "message": message}});
    let method = call["method"].as_str().unwrap_or_default().to_owned();
    match (fault, method.as_str()) {
        (Fault::Null, _) => return Some(json!({"jsonrpc": "2.0", "id": id, "result": null})),
        (Fault::MaxRange(most), "eth_getLogs") => {
            let filter = &call["params"][0];
            if let (Some(from), Some(to)) = (number(&filter["fromBlock"]), number(&filter["toBlock"]))
                && to - from >= most
            {
                return Some(error("query returned more than 10000 results"));
            }
        }
        (Fault::OtherChain, "eth_chainId") => {
            return Some(json!({"jsonrpc": "2.0", "id": id, "result": "0x1"}));
        }
        (Fault::OtherChain, _) => return Some(error("header not found")),
        (Fault::NoFinalized, "eth_getBlockByNumber") if call["params"][0] == "finalized" => {
            return Some(error("unknown block tag"));
        }
        (Fault::Behind(blocks), "eth_getBlockByNumber") if call["params"][0] == "latest" => {
            let latest = latest(client, target).await?;
            call["params"][0] = json!(format!("{:#x}", latest.saturating_sub(blocks)));
        }
        (Fault::OldNonces(blocks), "eth_getTransactionCount") => {
            let latest = latest(client, target).await?;
            call["params"][1] = json!(format!("{:#x}", latest.saturating_sub(blocks)));
        }
        _ => {}
    }
    let mut answer = forward(&call, client, target).await?;
    match (fault, method.as_str()) {
        (Fault::NoLogs, "eth_getLogs") => answer["result"] = json!([]),
        (Fault::SomeLogs, "eth_getLogs") => {
            // A batch's log holds two headers, so its data is longer than a message's without data.
            let logs = answer["result"].as_array_mut()?;
            let batch = format!(
                "{:#x}",
                alloy::primitives::keccak256("BatchAppended(uint64,bytes32,bytes,uint64,bytes)",)
            );
            logs.retain(|log| log["topics"][0] != json!(batch));
        }
        (Fault::ChangedLogs, "eth_getLogs") => {
            for log in answer["result"].as_array_mut()? {
                flip(&mut log["data"], 40);
            }
        }
        (Fault::Late(blocks), "eth_getTransactionReceipt" | "eth_getTransactionByHash")
        | (Fault::LateReceipts(blocks), "eth_getTransactionReceipt") => {
            if let Some(block) = number(&answer["result"]["blockNumber"])
                && latest(client, target).await? < block + blocks
            {
                answer["result"] = Value::Null;
            }
        }
        (Fault::ChangedTransactions, "eth_getTransactionByHash") => {
            let end = answer["result"]["input"].as_str()?.len();
            // The payload follows on the six arguments and its length.
            flip(&mut answer["result"]["input"], (2 + 8 + 7 * 64 + 1).min(end - 1));
        }
        _ => {}
    }
    Some(answer)
}

/// Changes one digit of a hexadecimal string.
fn flip(value: &mut Value, at: usize) {
    if let Some(text) = value.as_str().filter(|text| text.len() > at) {
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        *value = json!(format!("{}{digit}{}", &text[..at], &text[at + 1..]));
    }
}
