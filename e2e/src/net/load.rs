use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder},
    primitives::{Address, B256, Bytes, TxKind, U64, U256},
    providers::{Provider, RootProvider},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result};
use serde_json::Value;
use tokio::task::JoinHandle;

/// How long a worker waits for a receipt before it takes its transaction for lost.
const RECEIPT_LIMIT: Duration = Duration::from_secs(2);

/// A transaction whose receipt was seen.
#[derive(Clone, Copy, Debug)]
pub struct Included {
    /// Its hash.
    pub hash: B256,
    /// Who sent it.
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// The number of its block.
    pub block: u64,
    /// The hash of its block.
    pub block_hash: B256,
}

/// Transfers from some accounts, each sending the next when it has seen the receipt of the last. Endpoints may go away
/// and come back.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    included: Arc<Mutex<Vec<Included>>>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts, as fast as each receipt allows the next.
    pub fn start(l2: &RootProvider, chain_id: u64, accounts: Vec<PrivateKeySigner>) -> Self {
        Self::paced(l2, chain_id, accounts, Duration::ZERO)
    }

    /// Starts, with a pause after each receipt.
    pub fn paced(l2: &RootProvider, chain_id: u64, accounts: Vec<PrivateKeySigner>, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let included = Arc::new(Mutex::new(Vec::new()));
        let work = |account| {
            let (l2, stop, included) = (l2.clone(), stop.clone(), included.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match send(&l2, chain_id, &account, &stop).await {
                        Ok(Some(one)) => {
                            included.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(one);
                            tokio::time::sleep(pause).await;
                        }
                        // The endpoint is away, or has lost the transaction.
                        Ok(None) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            })
        };
        let workers = accounts.into_iter().map(work).collect();
        Self { stop, included, workers }
    }

    /// How many receipts were seen so far.
    pub fn count(&self) -> usize {
        self.included.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).len()
    }

    /// Stops, and returns all transactions whose receipts were seen.
    pub async fn stop(self) -> Result<Vec<Included>> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await?;
        }
        Ok(std::mem::take(&mut *self.included.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }
}

async fn send(
    l2: &RootProvider,
    chain_id: u64,
    account: &PrivateKeySigner,
    stop: &AtomicBool,
) -> Result<Option<Included>> {
    let nonce = l2.get_transaction_count(account.address()).pending().await?;
    let raw = transfer(chain_id, account, nonce, Address::random(), U256::from(1_000_000)).await?;
    let hash = *l2.send_raw_transaction(&raw).await?.tx_hash();
    let deadline = Instant::now() + RECEIPT_LIMIT;
    while Instant::now() < deadline && !stop.load(Ordering::Relaxed) {
        let receipt: Value = l2.raw_request("eth_getTransactionReceipt".into(), [hash]).await?;
        if !receipt.is_null() {
            let block: U64 = serde_json::from_value(receipt["blockNumber"].clone())?;
            let block_hash = serde_json::from_value(receipt["blockHash"].clone())?;
            let (from, block) = (account.address(), block.to());
            return Ok(Some(Included { hash, from, nonce, block, block_hash }));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(None)
}

/// A signed transfer.
pub async fn transfer(
    chain_id: u64,
    from: &PrivateKeySigner,
    nonce: u64,
    to: Address,
    value: U256,
) -> Result<Bytes> {
    let request = TransactionRequest {
        to: Some(TxKind::Call(to)),
        value: Some(value),
        nonce: Some(nonce),
        gas: Some(21_000),
        max_fee_per_gas: Some(10_000_000_000),
        max_priority_fee_per_gas: Some(1_000_000),
        chain_id: Some(chain_id),
        ..Default::default()
    };
    sign(from, request).await
}

/// A transaction as it is sent.
pub async fn sign(from: &PrivateKeySigner, request: TransactionRequest) -> Result<Bytes> {
    let envelope = request.build(&EthereumWallet::from(from.clone())).await.context("cannot sign")?;
    Ok(envelope.encoded_2718().into())
}
