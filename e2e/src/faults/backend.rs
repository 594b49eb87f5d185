//! The endpoint behind the proxy, and the parts of its answers.

use alloy::transports::http::reqwest;
use serde_json::{Value, json};

/// The endpoint behind the proxy.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    client: reqwest::Client,
    url: String,
}

impl Backend {
    pub(super) const fn new(client: reqwest::Client, url: String) -> Self {
        Self { client, url }
    }

    /// The whole answer to a call.
    pub(super) async fn forward(&self, call: &Value) -> Option<Value> {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let response = request.body(call.to_string()).send().await.ok()?;
        serde_json::from_slice(&response.bytes().await.ok()?).ok()
    }

    /// The result of a call of the proxy's own.
    pub(super) async fn ask(&self, method: &str, params: Value) -> Option<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Some(self.forward(&call).await?["result"].take())
    }
}

pub(super) fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

pub(super) fn result(id: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

pub(super) fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}
