//! Accounts whose transactions get into blocks whatever happens to a node meanwhile.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::{Provider, RootProvider},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use anyhow::{Result, ensure};
use serde_json::Value;

use crate::net::sign;

/// After so long without a block, a transaction is sent again.
const RESEND: Duration = Duration::from_secs(5);
/// Most transactions that wait for a block: fewer than what the pool takes of an account.
const MOST: usize = 40;
/// The code of EIP-7966 for a transaction that is in no block yet.
const NOT_YET: i64 = 4;
/// Receipts that are asked for at a time.
const RECEIPTS: usize = 16;

/// An account that sends each transaction until it has seen it in a block, and then never again: what was announced is the
/// rollup's to keep.
pub(super) struct SteadySender {
    key: PrivateKeySigner,
    chain_id: u64,
    nonce: Cell<Option<u64>>,
    waiting: RefCell<VecDeque<Waiting>>,
    announced: RefCell<Vec<B256>>,
    resent: Cell<u64>,
}

#[derive(Clone)]
struct Waiting {
    hash: B256,
    raw: Bytes,
    sent: Instant,
}

impl SteadySender {
    pub(super) fn new(key: PrivateKeySigner, chain_id: u64) -> Self {
        Self {
            key,
            chain_id,
            nonce: Cell::new(None),
            waiting: RefCell::default(),
            announced: RefCell::default(),
            resent: Cell::new(0),
        }
    }

    /// What was seen in blocks since the last time.
    pub(super) fn take_announced(&self) -> Vec<B256> {
        self.announced.take()
    }

    /// How many wait for a block.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// How often something was sent again.
    pub(super) fn resent(&self) -> u64 {
        self.resent.get()
    }

    /// Sends a transaction. Also after an error it will get into a block.
    pub(super) async fn send(&self, l2: &RootProvider, to: Address, data: Bytes, gas: u64) -> Result<()> {
        if let Some(raw) = self.next(l2, to, data, gas).await? {
            let _ = l2.send_raw_transaction(&raw).await?;
        }
        Ok(())
    }

    /// Sends a transfer by the method that answers with the receipt.
    pub(super) async fn send_sync(&self, l2: &RootProvider, to: Address) -> Result<()> {
        if let Some(raw) = self.next(l2, to, Bytes::new(), 21_000).await? {
            let receipt = l2.raw_request::<_, Value>("eth_sendRawTransactionSync".into(), [&raw]).await;
            let receipt = match receipt {
                Ok(receipt) => receipt,
                // It was taken, and is told of by its receipt later.
                Err(error) if error.as_error_resp().is_some_and(|error| error.code == NOT_YET) => {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            ensure!(receipt["status"] == "0x1", "a transfer failed: {receipt}");
            self.keep(serde_json::from_value(receipt["transactionHash"].clone())?);
        }
        Ok(())
    }

    /// The next transaction, signed, which counts as sent; none while too many wait.
    async fn next(&self, l2: &RootProvider, to: Address, data: Bytes, gas: u64) -> Result<Option<Bytes>> {
        if self.waiting() >= MOST {
            return Ok(None);
        }
        let nonce = match self.nonce.get() {
            Some(nonce) => nonce,
            None => l2.get_transaction_count(self.key.address()).pending().await?,
        };
        let request = TransactionRequest {
            to: Some(TxKind::Call(to)),
            value: Some(U256::from(u8::from(data.is_empty()))),
            nonce: Some(nonce),
            gas: Some(gas),
            max_fee_per_gas: Some(50_000_000_000),
            max_priority_fee_per_gas: Some(1_000_000),
            chain_id: Some(self.chain_id),
            input: data.into(),
            ..Default::default()
        };
        let raw = sign(&self.key, request).await?;
        self.nonce.set(Some(nonce + 1));
        let waiting = Waiting { hash: keccak256(&raw), raw: raw.clone(), sent: Instant::now() };
        self.waiting.borrow_mut().push_back(waiting);
        Ok(Some(raw))
    }

    /// Looks what is in blocks by now, and sends again what is in none for long.
    pub(super) async fn settle(&self, l2: &RootProvider) -> Result<()> {
        let oldest: Vec<Waiting> = self.waiting.borrow().iter().take(RECEIPTS).cloned().collect();
        for Waiting { hash, .. } in &oldest {
            let receipt: Value = l2.raw_request("eth_getTransactionReceipt".into(), [hash]).await?;
            if receipt.is_null() {
                break;
            }
            self.keep(*hash);
        }
        let now = Instant::now();
        let mut late = Vec::new();
        for waiting in self.waiting.borrow_mut().iter_mut() {
            if now.duration_since(waiting.sent) >= RESEND {
                waiting.sent = now;
                late.push(waiting.raw.clone());
            }
        }
        for raw in late {
            self.resent.set(self.resent.get() + 1);
            // It may be in the pool, or in a block since: the receipt tells.
            let _ = l2.send_raw_transaction(&raw).await;
        }
        Ok(())
    }

    fn keep(&self, hash: B256) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.iter().any(|one| one.hash == hash) {
            waiting.retain(|one| one.hash != hash);
            self.announced.borrow_mut().push(hash);
        }
    }
}
