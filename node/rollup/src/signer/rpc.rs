//! How a signer is asked over HTTP.

use std::time::Duration;

use alloy::{
    primitives::{Signature, hex},
    transports::http::reqwest::{self, RequestBuilder, StatusCode, redirect::Policy},
};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::SignError;
use crate::{
    body::{BodyError, read_body},
    options::shown,
    words::{innermost, line},
};

/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read: clef returns a transaction twice, and one may have 128 KiB.
const MAX_ANSWER: usize = 2 << 20;

/// A signer that is asked over HTTP.
pub(super) struct RpcSigner {
    http: reqwest::Client,
    url: reqwest::Url,
    /// The account's public key, as Web3Signer names its keys.
    pub(super) public_key: OnceCell<String>,
}

/// An answer to a JSON-RPC request.
#[derive(Debug, Deserialize)]
struct SignerAnswer {
    result: Option<Value>,
    error: Option<SignerFault>,
}

/// Why there is no result.
#[derive(Debug, Deserialize)]
struct SignerFault {
    #[serde(default)]
    message: String,
}

impl RpcSigner {
    /// A signer at a URL. It is not asked yet.
    pub(super) fn new(url: &str) -> Result<Self> {
        let bad = || format!("expected the URL of a signer, http:// or https://, found {:?}", shown(url));
        let url: reqwest::Url = url.parse().ok().with_context(bad)?;
        ensure!(matches!(url.scheme(), "http" | "https") && url.has_host(), bad());
        // It has no business to send us elsewhere.
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build()?;
        Ok(Self { http, url, public_key: OnceCell::new() })
    }

    /// Calls a method.
    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Value, SignError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = self.ask(self.http.post(self.url.clone()).json(&request)).await?;
        match serde_json::from_slice(&body) {
            Ok(SignerAnswer { error: Some(SignerFault { message }), .. }) => {
                Err(SignError::Refused(format!("{method}: {}", line(&message))))
            }
            Ok(SignerAnswer { result: Some(result), .. }) if status.is_success() => Ok(result),
            _ if status.is_success() => {
                Err(SignError::Invalid(format!("{method}: it is no answer of JSON-RPC")))
            }
            _ => Err(SignError::Away(format!("{method}: HTTP status {}", status.as_u16()))),
        }
    }

    /// Asks at a path below the URL, with a body to post if there is one.
    pub(super) async fn rest(&self, path: &str, body: Option<Value>) -> Result<Vec<u8>, SignError> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        let request = match &body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let (status, body) = self.ask(request).await?;
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::NOT_FOUND => Err(SignError::Refused("it does not have the account's key".into())),
            status if status.is_client_error() => {
                let text = line(&String::from_utf8_lossy(&body));
                Err(SignError::Refused(format!("HTTP status {}: {text}", status.as_u16())))
            }
            status => Err(SignError::Away(format!("HTTP status {}", status.as_u16()))),
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), SignError> {
        let answer = async { read_body(request.send().await?, MAX_ANSWER).await };
        answer.await.map_err(|error| match error {
            BodyError::Broken(error) if error.is_timeout() => SignError::late(TIMEOUT),
            BodyError::Broken(error) => SignError::Away(innermost(&error)),
            BodyError::TooLong(_) => SignError::Invalid(error.to_string()),
        })
    }
}

/// A signature as signers write it: r, s and v, in hexadecimal digits.
pub(super) fn signature(text: &str) -> Result<Signature, SignError> {
    let bytes = hex::decode(text.trim()).ok();
    let signature = bytes.and_then(|bytes| Signature::from_raw(&bytes).ok());
    signature.ok_or_else(|| SignError::Invalid(format!("expected a signature, found {:?}", line(text))))
}
