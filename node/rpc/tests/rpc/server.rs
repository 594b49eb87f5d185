use std::{io::Read, net::SocketAddr, time::Duration};

use rollup::shutdown;
use rpc::{RpcContext, ServeError, serve};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::*;

/// An HTTP request as bytes; head and body of the answer.
pub async fn http(node: &Node, method: &str, headers: &str, body: &str) -> (String, String) {
    http_at(node.handle.local_addr(), method, headers, body).await
}

async fn http_at(address: SocketAddr, method: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    // A server that refuses a long body need not read it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.into())
}

pub async fn post(node: &Node, body: &str) -> Value {
    let (_, body) = http(node, "POST", "Content-Type: application/json\r\n", body).await;
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_may_ask() {
    let node = Node::sequencer().await;
    let preflight = "Origin: https://wallet.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let (head, _) = http(&node, "OPTIONS", preflight, "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(head.contains("access-control-allow-headers"), "{head}");
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let headers = "Content-Type: application/json\r\nOrigin: https://wallet.example\r\n";
    let (head, body) = http(&node, "POST", headers, request).await;
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(body.contains("0xa455"));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_protocol() {
    let node = Node::sequencer().await;
    let code = |answer: Value| answer["error"]["code"].as_i64();
    let unknown = post(&node, r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing","params":[]}"#).await;
    assert_eq!(code(unknown), Some(-32601));
    assert_eq!(code(post(&node, "{").await), Some(-32700));
    assert_eq!(code(post(&node, r#"{"id":1}"#).await), Some(-32600));
    let object = post(&node, r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"a":1}}"#).await;
    assert_eq!(code(object), Some(-32602));
    // Parameters may be absent, ids may be null or text.
    let no_params = post(&node, r#"{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}"#).await;
    assert_eq!(no_params, json!({ "jsonrpc": "2.0", "id": "a", "result": "0xa455" }));
    let null = post(&node, r#"{"jsonrpc":"2.0","id":null,"method":"eth_chainId","params":[]}"#).await;
    assert_eq!(null["result"], "0xa455");
    let large =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["{}"]}}"#, "0".repeat(11 << 20));
    let (head, _) = http(&node, "POST", "Content-Type: application/json\r\n", &large).await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_answered_in_order() {
    let node = Node::sequencer().await;
    let request = |id: usize, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let mut batch: Vec<Value> = (0..200)
        .map(|nonce| request(nonce, "eth_sendRawTransaction", json!([count(0, nonce as u64)])))
        .collect();
    batch.push(request(200, "eth_nothing", json!([])));
    batch.push(json!({ "jsonrpc": "2.0", "method": "eth_chainId", "params": [] }));
    batch.push(json!(7));
    let answers = post(&node, &serde_json::to_string(&batch).unwrap()).await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 202);
    for (id, answer) in answers[..200].iter().enumerate() {
        assert_eq!(answer["id"], id);
        assert!(answer["result"].is_string(), "{answer}");
    }
    assert_eq!(answers[200]["error"]["code"], -32601);
    assert_eq!(answers[201]["error"]["code"], -32600);
    assert_eq!(node.pool.as_ref().unwrap().status().pending, 200);
    let too_many: Vec<Value> = (0..1001).map(|id| request(id, "eth_chainId", json!([]))).collect();
    let answer = post(&node, &serde_json::to_string(&too_many).unwrap()).await;
    assert_eq!((&answer[0]["id"], &answer[0]["error"]["code"]), (&json!(0), &json!(-32600)));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_for_those_who_read_that() {
    let node = Node::sequencer().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",true]}"#;
    let plain = post(&node, body).await;
    let mut stream = TcpStream::connect(node.handle.local_addr()).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: gzip, br\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer[end + 4..]).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plain);
    node.end().await;
}

/// What a server without a pool serves.
fn context(node: &Node) -> RpcContext {
    RpcContext {
        chain: node.chain.clone(),
        pool: None,
        forward: None,
        feed: None,
        l1: node.l1_status.subscribe(),
        followed_feed: None,
        signers: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_much_to_be_read_is_told_why() {
    let node = Node::sequencer().await;
    let mut config = serving(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.memory = 1 << 20;
    let (_stop, shutdown) = shutdown::channel();
    let small = serve(config, context(&node), shutdown).await.unwrap();
    // As long as one address may hold, and a little longer.
    let body = format!(r#"[{}]"#, " ".repeat((1 << 19) + (1 << 17)));
    let (head, body) = http_at(small.local_addr(), "POST", "Content-Type: application/json\r\n", &body).await;
    assert!(head.starts_with("http/1.1 429"), "{head}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["error"]["code"], -32005, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("524288 bytes"), "the limit is named: {message}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_clear_error() {
    let node = Node::sequencer().await;
    let config = serving(node.handle.local_addr());
    let (_stop, shutdown) = shutdown::channel();
    let error = serve(config, context(&node), shutdown).await.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(error.to_string().contains(&node.handle.local_addr().to_string()));
    assert!(!error.to_string().contains('\n'));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_with_the_signal() {
    let node = Node::sequencer().await;
    let address = node.handle.local_addr();
    tokio::time::timeout(Duration::from_secs(10), node.end()).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
