//! Sending L1 transactions from one key, and seeing them through.
//!
//! One transaction is in flight at a time; further callers queue. Nothing is kept on disk: the nonce comes from the
//! chain, and a transaction that an earlier process left behind is waited for, then replaced. Whoever sends must
//! therefore be able to look at the chain and decide anew, which is what every error asks for. A call to
//! [`TxManager::send`] may be dropped at any time; the transaction may then still be mined.

mod types;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip4844},
    eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718},
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::{SignerSync, local::PrivateKeySigner},
};
use tokio::{sync::Mutex, time::sleep};
use tracing::{debug, info, warn};

use super::{L1Client, L1Error};

pub use types::{Fees, SendError, TxOptions, TxRequest};

const TARGET: &str = "node::tx";

/// Most gas that L1 allows a transaction (EIP-7825).
const MAX_TX_GAS: u64 = 1 << 24;
/// Looks in a row that must find an earlier nonce free: an endpoint may be behind.
const GAP_AFTER: u32 = 5;
/// Tip where the endpoint does not suggest one.
const DEFAULT_TIP: u128 = 1_000_000_000;

/// Sends transactions from one key. Share it in an `Arc`.
#[derive(Debug)]
pub struct TxManager {
    client: L1Client,
    signer: PrivateKeySigner,
    options: TxOptions,
    poll_interval: Duration,
    /// The newest transaction sent and not seen in a block: the next may have to replace it.
    left: Mutex<Option<Left>>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    nonce: u64,
    fees: Fees,
}

/// A transaction on its way.
struct Flight {
    nonce: u64,
    to: Address,
    data: Bytes,
    value: U256,
    gas_limit: u64,
    fees: Fees,
    /// Every version sent; the last is the newest.
    sent: Vec<(B256, Bytes)>,
    sent_at: Instant,
}

impl TxManager {
    /// A manager for a key. There should be no other for it on this chain.
    pub fn new(client: L1Client, signer: PrivateKeySigner, options: TxOptions) -> Arc<Self> {
        let poll_interval = options.poll_interval.unwrap_or(client.default_poll_interval());
        Arc::new(Self { client, signer, options, poll_interval, left: Mutex::new(None) })
    }

    /// The account that sends.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// The endpoint.
    pub const fn client(&self) -> &L1Client {
        &self.client
    }

    /// Sends a transaction, and waits until a block and the wanted confirmations hold it.
    pub async fn send(&self, request: TxRequest) -> Result<TransactionReceipt, SendError> {
        let mut left = self.left.lock().await;
        let nonce = self.next_nonce(left.map(|left| left.nonce)).await?;
        let gas_limit = match request.gas_limit {
            Some(gas_limit) => gas_limit,
            None => self.estimate(&request).await?,
        };
        let market = self.market_fees().await?;
        let fees = match *left {
            Some(left) if left.nonce == nonce => left.fees.bumped(market),
            _ => market,
        };
        let TxRequest { to, data, value, .. } = request;
        let mut flight = Flight {
            nonce,
            to,
            data,
            value,
            gas_limit,
            fees: fees.capped(self.options.max_fee_per_gas),
            sent: Vec::new(),
            sent_at: Instant::now(),
        };
        let result = self.see_through(&mut flight, &mut left).await;
        if matches!(
            result,
            Ok(_) | Err(SendError::Reverted(_) | SendError::Replaced { .. } | SendError::Gap { .. })
        ) {
            *left = None;
        }
        result
    }

    /// The nonce after the newest transaction in a block. One that still waits for a block is given the time to be
    /// taken; after that its nonce is taken over. So is, at once, the nonce `left` of an earlier attempt of ours, whose
    /// fees are known.
    async fn next_nonce(&self, left: Option<u64>) -> Result<u64, SendError> {
        let deadline = Instant::now() + self.options.resend_after;
        loop {
            let (latest, pending) =
                tokio::join!(self.nonce(BlockNumberOrTag::Latest), self.nonce(BlockNumberOrTag::Pending));
            let latest = latest?;
            // Endpoints without the tag `pending` have no say.
            let pending = pending.unwrap_or(latest);
            if pending <= latest || left == Some(latest) {
                return Ok(latest);
            }
            if Instant::now() >= deadline {
                warn!(target: TARGET, nonce = latest, "replacing a transaction that was left behind");
                return Ok(latest);
            }
            sleep(self.poll_interval).await;
        }
    }

    async fn nonce(&self, block: BlockNumberOrTag) -> Result<u64, L1Error> {
        let provider = self.client.provider();
        Ok(provider.get_transaction_count(self.address()).block_id(BlockId::Number(block)).await?)
    }

    async fn estimate(&self, request: &TxRequest) -> Result<u64, SendError> {
        let call = TransactionRequest::default()
            .with_from(self.address())
            .with_to(request.to)
            .with_input(request.data.clone())
            .with_value(request.value);
        let estimate = self.client.provider().estimate_gas(call).block(BlockId::latest()).await;
        let gas = estimate.map_err(|error| self.refused(error.into()))?;
        let margin = gas.saturating_mul(self.options.gas_margin_percent) / 100;
        Ok(gas.saturating_add(margin).min(gas.max(MAX_TX_GAS)))
    }

    fn refused(&self, error: L1Error) -> SendError {
        if error.message().contains("insufficient funds") {
            return SendError::Funds { account: self.address(), reason: error.to_string() };
        }
        match error.revert_data() {
            Some(data) => SendError::WouldRevert { reason: error.to_string(), data },
            None => SendError::Endpoint(error),
        }
    }

    /// What a transaction should pay now: room for the base fee to double.
    async fn market_fees(&self) -> Result<Fees, L1Error> {
        let (head, tip) =
            tokio::join!(self.client.head(), self.client.provider().get_max_priority_fee_per_gas());
        let tip = tip.unwrap_or(DEFAULT_TIP).max(self.options.min_tip);
        let max_fee = head?.base_fee().saturating_mul(2).saturating_add(tip);
        Ok(Fees { max_fee, tip })
    }

    /// Sends and resends until there is an outcome.
    async fn see_through(
        &self,
        flight: &mut Flight,
        left: &mut Option<Left>,
    ) -> Result<TransactionReceipt, SendError> {
        let started = Instant::now();
        let mut included = None;
        let mut told = false;
        let mut gaps = 0;
        let mut behind = None;
        self.broadcast(flight, left).await?;
        loop {
            sleep(self.poll_interval).await;
            match self.look(flight).await {
                Ok(Outcome::Included(receipt, confirmations)) => {
                    included = Some(receipt.transaction_hash);
                    if confirmations >= self.options.confirmations.max(1) {
                        metrics::counter!("l1_transactions").increment(1);
                        metrics::counter!("l1_gas_used").increment(receipt.gas_used);
                        return if receipt.status() {
                            Ok(*receipt)
                        } else {
                            Err(SendError::Reverted(receipt))
                        };
                    }
                    continue;
                }
                Ok(Outcome::Gap { missing }) => {
                    gaps += 1;
                    if gaps >= GAP_AFTER {
                        return Err(SendError::Gap { nonce: flight.nonce, missing });
                    }
                    continue;
                }
                Ok(Outcome::NonceTaken) => return Err(SendError::Replaced { nonce: flight.nonce }),
                Ok(outcome @ (Outcome::Waiting | Outcome::Behind { .. })) => {
                    gaps = 0;
                    match outcome {
                        // Some pools count a transaction as pending whose predecessor a reorg lost for good.
                        Outcome::Behind { missing } => {
                            let since = *behind.get_or_insert_with(Instant::now);
                            if since.elapsed() >= self.options.resend_after {
                                return Err(SendError::Gap { nonce: flight.nonce, missing });
                            }
                        }
                        _ => behind = None,
                    }
                    if let Some(hash) = included.take() {
                        info!(target: TARGET, %hash, "an L1 reorg took a transaction away");
                        self.check_again(flight, hash).await?;
                        self.rebroadcast(flight).await;
                    }
                }
                Err(error) => debug!(target: TARGET, %error, "looking for a transaction failed"),
            }
            let waited = started.elapsed();
            if waited >= self.options.timeout {
                let hash = flight.sent.last().map(|(hash, _)| *hash).unwrap_or_default();
                return Err(SendError::Stuck { hash, seconds: waited.as_secs() });
            }
            if flight.sent_at.elapsed() >= self.options.resend_after {
                flight.sent_at = Instant::now();
                if !std::mem::replace(&mut told, true) {
                    info!(target: TARGET, nonce = flight.nonce, "no block took a transaction yet; raising its fee");
                }
                self.raise(flight, left).await?;
            }
        }
    }

    /// Where a transaction is.
    async fn look(&self, flight: &Flight) -> Result<Outcome, L1Error> {
        // Asked before the receipts: if the nonce is taken and no receipt is there afterwards, it is another's.
        let next = self.nonce(BlockNumberOrTag::Latest).await?;
        if next < flight.nonce {
            // Usually the earlier ones wait for a block again, like this one.
            let missing = self.nonce(BlockNumberOrTag::Pending).await?;
            return Ok(if missing < flight.nonce {
                Outcome::Gap { missing }
            } else {
                Outcome::Behind { missing: next }
            });
        }
        for (hash, _) in flight.sent.iter().rev() {
            let Some(receipt) = self.client.provider().get_transaction_receipt(*hash).await? else {
                continue;
            };
            let Some(block) = receipt.block_number else {
                continue;
            };
            let head = self.client.head().await?.number();
            let confirmations = (head + 1).saturating_sub(block).max(1);
            return Ok(Outcome::Included(Box::new(receipt), confirmations));
        }
        Ok(if next > flight.nonce { Outcome::NonceTaken } else { Outcome::Waiting })
    }

    /// After a reorg: would the transaction still work?
    async fn check_again(&self, flight: &Flight, hash: B256) -> Result<(), SendError> {
        let request =
            TxRequest { to: flight.to, data: flight.data.clone(), value: flight.value, gas_limit: None };
        match self.estimate(&request).await {
            Err(SendError::WouldRevert { reason, .. }) => Err(SendError::Dropped { hash, reason }),
            Err(SendError::Funds { reason, .. }) => Err(SendError::Dropped { hash, reason }),
            // Whatever else is wrong with the endpoint, waiting goes on.
            _ => Ok(()),
        }
    }

    /// Sends the newest version once more, as it is.
    async fn rebroadcast(&self, flight: &Flight) {
        if let Some((_, raw)) = flight.sent.last()
            && let Err(error) = self.client.provider().send_raw_transaction(raw).await
        {
            debug!(target: TARGET, %error, "sending a transaction once more failed");
        }
    }

    /// Sends a version with higher fees, as far as the cap allows.
    async fn raise(&self, flight: &mut Flight, left: &mut Option<Left>) -> Result<(), SendError> {
        let market = self.market_fees().await.unwrap_or_default();
        let fees = flight.fees.bumped(market);
        if fees.max_fee > self.options.max_fee_per_gas {
            warn!(
                target: TARGET,
                nonce = flight.nonce,
                max_fee = fees.max_fee,
                limit = self.options.max_fee_per_gas,
                "a transaction waits: its fee is at the limit"
            );
            self.rebroadcast(flight).await;
            return Ok(());
        }
        metrics::counter!("l1_transactions_raised").increment(1);
        flight.fees = fees;
        match self.broadcast(flight, left).await {
            // An earlier version is out there: what happens to it shows.
            Err(SendError::Endpoint(_) | SendError::Funds { .. } | SendError::Replaced { .. }) => Ok(()),
            result => result,
        }
    }

    /// Signs and sends. Raises the fees right away while the endpoint calls them too low.
    async fn broadcast(&self, flight: &mut Flight, left: &mut Option<Left>) -> Result<(), SendError> {
        // Thirty raises multiply the fees by forty.
        for _ in 0..30 {
            let (hash, raw) = self.sign(flight)?;
            flight.sent_at = Instant::now();
            *left = Some(Left { nonce: flight.nonce, fees: flight.fees });
            let sent = self.client.provider().send_raw_transaction(&raw).await;
            let Err(error) = sent.map_err(L1Error::from) else {
                flight.sent.push((hash, raw));
                debug!(target: TARGET, %hash, nonce = flight.nonce, max_fee = flight.fees.max_fee, "sent");
                return Ok(());
            };
            let message = error.message();
            if ["already known", "already imported", "alreadyknown"]
                .iter()
                .any(|known| message.contains(known))
            {
                flight.sent.push((hash, raw));
                return Ok(());
            }
            if message.contains("nonce too low") {
                return if flight.sent.is_empty() {
                    Err(SendError::Replaced { nonce: flight.nonce })
                } else {
                    Ok(())
                };
            }
            let too_low = message.contains("underpriced")
                || message.contains("less than block base fee")
                || message.contains("fee too low");
            if too_low {
                let market = self.market_fees().await?;
                let fees = flight.fees.bumped(market);
                if fees.max_fee <= self.options.max_fee_per_gas {
                    flight.fees = fees;
                    continue;
                }
            }
            if matches!(error, L1Error::Refused { .. }) {
                return Err(self.refused(error));
            }
            // It may have arrived all the same.
            flight.sent.push((hash, raw));
            return Ok(());
        }
        Err(L1Error::Nonsense("it calls every fee too low".into()).into())
    }

    fn sign(&self, flight: &Flight) -> Result<(B256, Bytes), SendError> {
        let tx = TxEip1559 {
            chain_id: self.client.chain_id(),
            nonce: flight.nonce,
            gas_limit: flight.gas_limit,
            max_fee_per_gas: flight.fees.max_fee,
            max_priority_fee_per_gas: flight.fees.tip,
            to: TxKind::Call(flight.to),
            value: flight.value,
            input: flight.data.clone(),
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_hash_sync(&tx.signature_hash());
        let signature = signature.map_err(|error| SendError::Signer(error.to_string()))?;
        let signed = EthereumTxEnvelope::<TxEip4844>::from(tx.into_signed(signature));
        Ok((*signed.tx_hash(), signed.encoded_2718().into()))
    }
}

enum Outcome {
    /// In a block, with so many confirmations.
    Included(Box<TransactionReceipt>, u64),
    /// In no block.
    Waiting,
    /// In no block, and can't be any more.
    NonceTaken,
    /// In no block, and can't be before an earlier nonce is used.
    Gap {
        /// That nonce.
        missing: u64,
    },
    /// In no block, and neither is an earlier nonce, though the endpoint counts that as pending.
    Behind {
        /// The first nonce that is in no block.
        missing: u64,
    },
}
