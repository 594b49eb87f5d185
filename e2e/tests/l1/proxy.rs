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
}

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
        count.fetch_add(1, Ordering::Relaxed);
        let fault = *fault.lock().unwrap();
        let answer = match fault {
            Fault::Down => return None,
            Fault::Garbage => "<html>busy</html>".to_owned(),
            _ => match body {
                Value::Array(calls) => {
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

async fn forward(call: &Value, client: &reqwest::Client, target: &str) -> Option<Value> {
    let sent = client.post(target).header("content-type", "application/json").body(call.to_string()).send();
    serde_json::from_slice(&sent.await.ok()?.bytes().await.ok()?).ok()
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
            let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []});
            let latest = number(&forward(&ask, client, target).await?["result"])?;
            call["params"][0] = json!(format!("{:#x}", latest.saturating_sub(blocks)));
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
