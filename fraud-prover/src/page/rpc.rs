//! The node's methods that read, by JSON-RPC.

use std::{fmt::Debug, ops::RangeInclusive, sync::Arc, time::Duration};

use alloy::providers::{Provider, RootProvider};
use axum::{Json, body::Bytes, extract::State};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio::time::timeout;

use super::{error::PageError, source::Source};

/// The methods that the page asks. All read.
const METHODS: [&str; 13] = [
    "eth_chainId",
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getBalance",
    "eth_getCode",
    "eth_getTransactionCount",
    "eth_call",
    "debug_traceTransaction",
    "ots_searchTransactionsBefore",
    "ots_getContractCreator",
];

/// Of these, what is not on L1 yet is told, too.
const OF_TRANSACTIONS: [&str; 2] = ["eth_getTransactionByHash", "eth_getTransactionReceipt"];

/// How long another node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The tracer that the page asks for. Others may be scripts, or have answers without end.
const TRACER: &str = "callTracer";

/// Parameters of `eth_call`: the call and the block. The ones behind them replace the state, or the block, by what a stranger
/// says.
const CALL: usize = 2;

/// Transactions on a page of an account's: as many as the page asks for, and as the node gives at most.
const PAGE: RangeInclusive<u64> = 25..=100;

/// Most bytes of an answer: 16 requests of an address may be answered at once, and nobody need take the answers. A full block
/// with its transactions is shorter.
const MOST_BYTES: usize = 4 << 20;

/// A method that does not exist (JSON-RPC 2.0).
const NO_METHOD: i32 = -32601;

/// Parameters that are not taken (JSON-RPC 2.0).
const WRONG_PARAMS: i32 = -32602;

/// An answer that is too large, as geth says it.
const TOO_LARGE: i32 = -32003;

#[derive(Debug, Deserialize)]
struct Request {
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

#[derive(Debug, Serialize)]
pub(super) struct RpcAnswer {
    jsonrpc: &'static str,
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

/// Asks another node; `None` if it does not answer, or not so soon.
pub(super) async fn ask<T: DeserializeOwned + Send + Sync + Debug + Unpin + 'static>(
    node: &RootProvider,
    method: &str,
    params: Value,
) -> Option<T> {
    let asked = async { node.raw_request(method.to_owned().into(), params).await };
    timeout(PATIENCE, asked).await.ok()?.ok()
}

/// `POST /rpc`
pub(super) async fn call(
    State(source): State<Arc<Source>>,
    body: Bytes,
) -> Result<Json<RpcAnswer>, PageError> {
    let request: Request = serde_json::from_slice(&body)
        .map_err(|error| PageError::Wrong(format!("not one request of JSON-RPC: {error}")))?;
    let Request { id, method, params } = request;
    let refused =
        |error| Ok(Json(RpcAnswer { jsonrpc: "2.0", id: id.clone(), result: None, error: Some(error) }));
    if !METHODS.contains(&method.as_str()) {
        let message = format!("the page's server does not answer {method}");
        return refused(json!({ "code": NO_METHOD, "message": message }));
    }
    if let Some(message) = wrong(&method, &params) {
        return refused(json!({ "code": WRONG_PARAMS, "message": message }));
    }
    let answer: Result<Box<RawValue>, _> =
        source.known.session.l2.raw_request(method.clone().into(), params.clone()).await;
    // A node may know of a transaction that is not on L1 yet.
    let mut newest = None;
    if let Ok(result) = &answer
        && result.get() == "null"
        && OF_TRANSACTIONS.contains(&method.as_str())
        && let Some(node) = &source.known.newest
    {
        newest = ask(&node.provider, &method, params).await;
    }
    match newest.map_or(answer, Ok) {
        Ok(result) if result.get().len() > MOST_BYTES => {
            let message = format!("response too large: an answer may have {MOST_BYTES} bytes");
            refused(json!({ "code": TOO_LARGE, "message": message }))
        }
        Ok(result) => Ok(Json(RpcAnswer { jsonrpc: "2.0", id, result: Some(result), error: None })),
        Err(error) => match error.as_error_resp() {
            Some(error) => refused(serde_json::to_value(error).map_err(PageError::internal)?),
            None => Err(PageError::internal(error)),
        },
    }
}

/// Why a method is not asked with these parameters: so that no answer is without end.
fn wrong(method: &str, params: &Value) -> Option<String> {
    let count = params.as_array().map_or(0, Vec::len);
    match method {
        "eth_call" if count > CALL => {
            Some("the page's server calls on the state as it is: no overrides".into())
        }
        "debug_traceTransaction" if count != 2 || params[1] != json!({ "tracer": TRACER }) => {
            Some(format!("the page's server traces with {{\"tracer\":\"{TRACER}\"}} alone"))
        }
        "ots_searchTransactionsBefore" if !params[2].as_u64().is_some_and(|size| PAGE.contains(&size)) => {
            let (least, most) = PAGE.into_inner();
            Some(format!("a page has {least} to {most} transactions"))
        }
        _ => None,
    }
}
