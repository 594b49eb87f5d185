//! A signer that speaks as Web3Signer does for keys of the execution layer, and lies if asked to.

use std::{net::SocketAddr, sync::Arc};

use alloy::{
    consensus::{EthereumTypedTransaction, SignableTransaction, TxEip1559, TxEip4844, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, TxKind, U256, hex, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::http::{HttpConnection, Response};

/// What is wrong with a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerFault {
    /// It signs a transaction with another value.
    OtherValue,
    /// It signs a transaction with another nonce.
    OtherNonce,
    /// It signs with another key.
    OtherKey,
    /// It answers with what is no transaction, and no signature.
    Garbage,
    /// It answers with a web page.
    Page,
    /// It refuses.
    Refusal,
    /// It takes requests, and never answers.
    Silence,
}

/// A signer in this process. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeSigner {
    address: SocketAddr,
    fault: watch::Sender<Option<SignerFault>>,
    tasks: JoinSet<()>,
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own {
    key: PrivateKeySigner,
    chain_id: u64,
}

/// What `eth_signTransaction` takes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    to: Address,
    gas: U256,
    max_fee_per_gas: U256,
    max_priority_fee_per_gas: U256,
    nonce: U256,
    value: U256,
    data: Bytes,
}

impl FakeSigner {
    /// Starts one with this key, for transactions of this chain.
    pub async fn start(key: PrivateKeySigner, chain_id: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (fault, _) = watch::channel(None);
        let own = Arc::new(Own { key, chain_id });
        let mut signer = Self { address: listener.local_addr()?, fault, tasks: JoinSet::new(), own };
        signer.listen(listener);
        Ok(signer)
    }

    fn listen(&mut self, listener: TcpListener) {
        let (own, fault) = (self.own.clone(), self.fault.subscribe());
        self.tasks.spawn(async move {
            // They end with this.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, own.clone(), fault.clone()));
            }
        });
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is wrong from now on.
    pub fn set(&self, fault: Option<SignerFault>) {
        self.fault.send_replace(fault);
    }

    /// Ends it: nobody listens there.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Starts it again, at the same address.
    pub async fn start_again(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.listen(listener);
        Ok(())
    }
}

async fn serve(stream: TcpStream, own: Arc<Own>, fault: watch::Receiver<Option<SignerFault>>) {
    let mut connection = HttpConnection::new(stream);
    while let Some((path, body)) = connection.request_at().await {
        let fault = *fault.borrow();
        let response = match fault {
            Some(SignerFault::Silence) => return connection.hang().await,
            Some(SignerFault::Page) => Response::html(502),
            fault => match answer(&own, &path, &body, fault) {
                Ok(body) => Response::json(200, body),
                Err(error) => Response::json(400, error.to_string()),
            },
        };
        if connection.respond(&response, false).await.is_none() {
            return;
        }
    }
}

fn answer(own: &Own, path: &str, body: &[u8], fault: Option<SignerFault>) -> Result<String> {
    if path.ends_with("/publickeys") {
        return Ok(json!([own.key.public_key()]).to_string());
    }
    let other = PrivateKeySigner::random();
    let key = if fault == Some(SignerFault::OtherKey) { &other } else { &own.key };
    let request: Value = serde_json::from_slice(body)?;
    if path.contains("/sign/") {
        anyhow::ensure!(fault != Some(SignerFault::Refusal), "this is not allowed");
        let mut data = hex::decode(request["data"].as_str().context("data")?)?;
        if matches!(fault, Some(SignerFault::OtherValue | SignerFault::OtherNonce)) {
            data.push(0);
        }
        let signature = key.sign_hash_sync(&keccak256(&data))?;
        return Ok(match fault {
            Some(SignerFault::Garbage) => "0x1234".into(),
            _ => hex::encode_prefixed(signature.as_bytes()),
        });
    }
    let error = |message: &str| json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32_000, "message": message } });
    let result = |result: Value| json!({ "jsonrpc": "2.0", "id": 1, "result": result });
    let answer = match request["method"].as_str() {
        Some("eth_accounts") => result(json!([own.key.address()])),
        Some("eth_signTransaction") if fault == Some(SignerFault::Refusal) => error("this is not allowed"),
        Some("eth_signTransaction") if fault == Some(SignerFault::Garbage) => result(json!("0x02c0")),
        Some("eth_signTransaction") => {
            let asked = Asked::deserialize(&request["params"][0])?;
            let mut tx = TxEip1559 {
                chain_id: own.chain_id,
                nonce: asked.nonce.to(),
                gas_limit: asked.gas.to(),
                max_fee_per_gas: asked.max_fee_per_gas.to(),
                max_priority_fee_per_gas: asked.max_priority_fee_per_gas.to(),
                to: TxKind::Call(asked.to),
                value: asked.value,
                input: asked.data,
                ..TxEip1559::default()
            };
            match fault {
                Some(SignerFault::OtherValue) => tx.value += U256::from(1),
                Some(SignerFault::OtherNonce) => tx.nonce += 1,
                _ => {}
            }
            let signature = key.sign_hash_sync(&tx.signature_hash())?;
            let signed = TxEnvelope::from(tx.into_signed(signature));
            result(json!(Bytes::from(signed.encoded_2718())))
        }
        _ => error("method not found"),
    };
    Ok(answer.to_string())
}

/// A transaction with one blob, which has no content here: what is signed of it are hashes.
pub fn blob_transaction(chain_id: u64) -> EthereumTypedTransaction<TxEip4844> {
    TxEip4844 {
        chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 7,
        max_fee_per_blob_gas: 5,
        blob_versioned_hashes: vec![keccak256(b"a blob")],
        ..TxEip4844::default()
    }
    .into()
}
