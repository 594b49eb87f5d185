//! Sending L1 transactions from one key, and seeing them through.
//!
//! Several may be in flight: nonces are handed out in the order in which calls begin, and each call sees its own
//! transaction through. Nothing is kept on disk: the nonce comes from the chain, and a transaction that an earlier
//! process left behind is waited for, then replaced. Whoever sends must therefore be able to look at the chain and decide
//! anew, which is what every error asks for ([`SendError::retry`] says when).
//!
//! A call to [`TxManager::send`] may be dropped at any time; the transaction may then still be mined. Its nonce goes to the
//! next call; or, if others wait behind it and no block takes it, it is used up by a transfer of nothing to ourselves.
//!
//! What follows from what is seen is decided without I/O: [`state`] for one transaction, [`nonces`] for the account.

mod begin;
mod error;
mod fees;
mod flight;
mod market;
mod nonces;
mod send_state;
mod types;
mod wallet;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionBuilder,
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use parking_lot::Mutex;
use tokio::{
    sync::{self, Semaphore},
    time::sleep,
};
use tracing::{debug, info, warn};

use super::{L1Client, L1Error};
use crate::signer::Signer;
use error::Refusal;
use flight::{Flight, SendingAccount, TRANSFER_GAS};
use nonces::Nonces;
use send_state::{GAP_AFTER, Holder, SendState, SendVerdict, Sight};
use types::cost_of;
use wallet::{CapWait, Wallet};

pub use error::{Retry, SendError};
pub use fees::{FeeCaps, Fees};
pub use types::{TxOptions, TxRequest};

const TARGET: &str = "node::tx";

/// Most gas that L1 allows a transaction (EIP-7825).
const MAX_TX_GAS: u64 = 1 << 24;
/// Time between two looks at fees that are beyond a cap.
const CAP_PAUSE: Duration = Duration::from_secs(2);
/// Longest time between two requests to a signer that does not sign.
const MAX_SIGNER_PAUSE: Duration = Duration::from_secs(10);
/// Raises of a transaction that an endpoint does not take: thirty multiply the fees by forty.
const MAX_RAISES: u32 = 30;

/// Sends transactions from one key. Share it in an `Arc`.
#[derive(Debug)]
pub struct TxManager {
    client: L1Client,
    signer: Signer,
    options: TxOptions,
    poll_interval: Duration,
    nonces: Mutex<Nonces>,
    wallet: Wallet,
    /// Held from the choice of a nonce until it is used, so that an endpoint sees no gaps. Calls get it in their order.
    turn: sync::Mutex<()>,
    places: Semaphore,
}

impl TxManager {
    /// Most transactions in flight; further calls queue. Common nodes' pools promise an account so many places (geth's
    /// `accountslots`, reth's `max-account-slots`).
    pub const MAX_IN_FLIGHT: usize = 16;

    /// A manager for an account. There should be no other for it on this chain. To be called within a runtime: a task looks at
    /// the balance.
    pub fn new(client: L1Client, signer: impl Into<Signer>, options: TxOptions) -> Arc<Self> {
        let signer = signer.into();
        signer.health().show();
        let poll_interval = options.poll_interval.unwrap_or(client.default_poll_interval());
        let manager = Arc::new(Self {
            client,
            signer,
            options,
            poll_interval,
            nonces: Mutex::default(),
            wallet: Wallet::default(),
            turn: sync::Mutex::default(),
            places: Semaphore::new(Self::MAX_IN_FLIGHT),
        });
        tokio::spawn(wallet::watch(Arc::downgrade(&manager)));
        manager
    }

    /// The account that sends.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The newest transaction that another process has sent with this key, if any did: its nonce, and its hash if L1 showed
    /// it.
    pub fn other_sender(&self) -> Option<(u64, Option<B256>)> {
        self.wallet.other()
    }

    /// The endpoint.
    pub const fn client(&self) -> &L1Client {
        &self.client
    }

    /// Sends a transaction, and waits until a block and the wanted confirmations hold it.
    pub async fn send(&self, request: TxRequest) -> Result<TransactionReceipt, SendError> {
        self.send_noting(request, || ()).await
    }

    /// [`send`](Self::send), that calls `begun` once the transaction is on its way: one that is sent after that has a later
    /// nonce.
    pub async fn send_noting(
        &self,
        request: TxRequest,
        begun: impl FnOnce() + Send,
    ) -> Result<TransactionReceipt, SendError> {
        // Never closed.
        let _place = self.places.acquire().await;
        let mut cap = CapWait::new(&self.wallet, self.options.role);
        let started = Instant::now();
        let mut signer_pause = self.poll_interval;
        let mut flight = loop {
            match self.begin(&request).await {
                Err(SendError::FeeCap { needed, cap: allowed })
                    if started.elapsed() < self.options.timeout =>
                {
                    cap.begin(needed, allowed);
                    sleep(self.poll_interval.max(CAP_PAUSE)).await;
                }
                // Nothing is sent, and the nonce is given back: it, the fees and the gas are chosen anew. The signer's health
                // says so.
                Err(SendError::Signer(_)) if started.elapsed() < self.options.timeout => {
                    sleep(signer_pause).await;
                    signer_pause = signer_pause.saturating_mul(2).min(MAX_SIGNER_PAUSE);
                }
                outcome => break outcome?,
            }
        };
        cap.end();
        begun();
        self.see_through(&mut flight, &mut cap).await
    }

    fn account(&self) -> SendingAccount<'_> {
        SendingAccount { chain_id: self.client.chain_id(), signer: &self.signer, nonces: &self.nonces }
    }

    async fn nonce(&self, block: BlockNumberOrTag) -> Result<u64, L1Error> {
        let provider = self.client.provider();
        Ok(provider.get_transaction_count(self.address()).block_id(BlockId::Number(block)).await?)
    }

    async fn estimate(&self, request: &TxRequest) -> Result<u64, SendError> {
        let mut call = TransactionRequest::default()
            .with_from(self.address())
            .with_to(request.to)
            .with_input(request.data.clone())
            .with_value(request.value);
        // What the contract is told of blobs are their hashes.
        call.blob_versioned_hashes = request.blobs.as_ref().map(|blobs| blobs.versioned_hashes().to_vec());
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

    /// Whether the account can pay for a transaction besides those on their way: an endpoint may only compare each with the
    /// balance, and then a block leaves out what it can't pay for, and all that is behind it.
    async fn check_funds(&self, flight: &Flight<'_>) -> Result<(), SendError> {
        let nonce = flight.state.nonce;
        if self.nonces.lock().committed(0, nonce).is_zero() {
            // The endpoint's own check is enough.
            return Ok(());
        }
        let balance = async { Ok(self.client.provider().get_balance(self.address()).await?) };
        let (latest, balance) = tokio::try_join!(self.nonce(BlockNumberOrTag::Latest), balance)?;
        let committed = self.nonces.lock().committed(latest, nonce);
        let cost = flight.cost();
        if balance >= committed.saturating_add(cost) {
            return Ok(());
        }
        let reason = format!(
            "it has {balance} wei, of which transactions on their way may take {committed}, and this may take {cost}"
        );
        Err(SendError::Funds { account: self.address(), reason })
    }

    /// Looks and resends until there is an outcome.
    async fn see_through(
        &self,
        flight: &mut Flight<'_>,
        cap: &mut CapWait<'_>,
    ) -> Result<TransactionReceipt, SendError> {
        let started = Instant::now();
        let mut told = false;
        let mut behind = None;
        loop {
            sleep(self.poll_interval).await;
            let (verdict, receipt) = match self.look(&flight.state).await {
                Ok((sight, receipt)) => {
                    let verdict = flight.state.see(sight);
                    if verdict == SendVerdict::Replaced && sight != Sight::RivalMined {
                        self.name_other(flight.state.nonce).await;
                    }
                    (Some(verdict), receipt)
                }
                Err(error) => {
                    debug!(target: TARGET, %error, "looking for a transaction failed");
                    (None, None)
                }
            };
            if !matches!(verdict, None | Some(SendVerdict::Behind { .. })) {
                behind = None;
            }
            match (verdict, receipt) {
                (Some(SendVerdict::Included { confirmations }), Some(receipt)) => {
                    cap.end();
                    if confirmations < self.options.confirmations {
                        continue;
                    }
                    self.wallet.paid(cost_of(&receipt));
                    metrics::counter!("recourse_l1_transactions_total").increment(1);
                    metrics::counter!("recourse_l1_gas_used_total").increment(receipt.gas_used);
                    let receipt = Box::new(receipt);
                    return if receipt.status() { Ok(*receipt) } else { Err(SendError::Reverted(receipt)) };
                }
                (Some(SendVerdict::Replaced), _) => {
                    return Err(SendError::Replaced { nonce: flight.state.nonce });
                }
                (Some(SendVerdict::Gap { missing }), _) => {
                    return Err(SendError::Gap { nonce: flight.state.nonce, missing });
                }
                (Some(SendVerdict::Unfilled { missing }), _) => {
                    self.fill(missing, self.poll_interval * GAP_AFTER).await;
                }
                (Some(SendVerdict::Behind { missing }), _) => {
                    let since = *behind.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.options.resend_after {
                        // Some pools count a transaction as pending whose predecessor a reorg lost for good.
                        if self.nonces.lock().holder(missing) == Holder::Nobody {
                            return Err(SendError::Gap { nonce: flight.state.nonce, missing });
                        }
                        self.fill(missing, self.options.resend_after).await;
                        behind = None;
                    }
                }
                (Some(SendVerdict::Gone { hash, queued }), _) => {
                    info!(target: TARGET, %hash, "an L1 reorg took a transaction away");
                    // Before those that come first are in a block, nothing can be said about it.
                    if !queued {
                        self.check_again(flight, hash).await?;
                    }
                    self.rebroadcast(flight).await;
                }
                (
                    None
                    | Some(
                        SendVerdict::Waiting
                        | SendVerdict::Queued
                        | SendVerdict::Unclear
                        | SendVerdict::Included { .. },
                    ),
                    _,
                ) => {}
            }
            let waited = started.elapsed();
            if waited >= self.options.timeout {
                return Err(flight.late(waited.as_secs()));
            }
            if verdict != Some(SendVerdict::Unclear) && flight.sent_at.elapsed() >= self.options.resend_after
            {
                flight.sent_at = Instant::now();
                if !std::mem::replace(&mut told, true) {
                    let nonce = flight.state.nonce;
                    info!(target: TARGET, nonce, "no block took a transaction yet; sending it again");
                }
                self.raise(flight, cap, verdict == Some(SendVerdict::Queued)).await?;
            }
        }
    }

    /// Where a transaction is; with its receipt, if it has one.
    async fn look(&self, state: &SendState) -> Result<(Sight, Option<TransactionReceipt>), L1Error> {
        let provider = self.client.provider();
        // Asked before the receipts: what is in a block by now has a receipt afterwards, from a good endpoint.
        let next = self.nonce(BlockNumberOrTag::Latest).await?;
        if next < state.nonce {
            // Usually the earlier ones wait for a block, like this one. Endpoints without the tag `pending` have no say.
            let pooled = self.nonce(BlockNumberOrTag::Pending).await.unwrap_or(u64::MAX);
            let pending = pooled >= state.nonce;
            let missing = if pending { next } else { pooled.max(next) };
            let holder = self.nonces.lock().holder(missing);
            return Ok((Sight::Behind { missing, pending, holder }, None));
        }
        for hash in state.versions() {
            let receipt = provider.get_transaction_receipt(hash).await?;
            if let Some(receipt) = receipt
                && let Some(block) = receipt.block_number
            {
                let head = self.client.head().await?.number();
                return Ok((Sight::Receipt { hash, block, head }, Some(receipt)));
            }
        }
        if next == state.nonce {
            return Ok((Sight::Next, None));
        }
        // No receipt is not yet the word that there will be none.
        for hash in state.versions() {
            let found = provider.get_transaction_by_hash(hash).await?;
            if found.is_some_and(|transaction| transaction.block_number.is_some()) {
                return Ok((Sight::Mined { hash }, None));
            }
        }
        for hash in state.rivals() {
            if provider
                .get_transaction_receipt(hash)
                .await?
                .is_some_and(|receipt| receipt.block_number.is_some())
            {
                return Ok((Sight::RivalMined, None));
            }
        }
        Ok((Sight::Taken { head: self.client.head().await?.number() }, None))
    }

    /// Uses up a nonce that a call has left at least so long ago, and that others wait for.
    async fn fill(&self, nonce: u64, age: Duration) {
        let request = TxRequest { to: self.address(), gas_limit: Some(TRANSFER_GAS), ..TxRequest::default() };
        let taken = self.nonces.lock().fill(nonce, age, request.digest());
        let Some(state) = taken else {
            return;
        };
        let mut flight = Flight::new(self.account(), state, request);
        let filled = async {
            let fees = flight.entry_fees(self.market(false).await?.fees);
            flight.fees = self.options.caps.apply(fees, flight.gas_limit);
            self.broadcast(&mut flight).await
        };
        match filled.await {
            Ok(()) => info!(target: TARGET, nonce, "cancelled a transaction that holds others up"),
            Err(error) => debug!(target: TARGET, nonce, %error, "cancelling a transaction failed"),
        }
    }

    /// After a reorg: would the transaction still work?
    async fn check_again(&self, flight: &Flight<'_>, hash: B256) -> Result<(), SendError> {
        match self.estimate(&flight.request).await {
            Err(SendError::WouldRevert { reason, .. } | SendError::Funds { reason, .. }) => {
                Err(SendError::Dropped { hash, reason })
            }
            // Whatever else is wrong with the endpoint, waiting goes on.
            _ => Ok(()),
        }
    }

    /// Sends the newest version once more, as it is.
    async fn rebroadcast(&self, flight: &Flight<'_>) {
        if !flight.raw.is_empty()
            && let Err(error) = self.client.provider().send_raw_transaction(&flight.raw).await
        {
            debug!(target: TARGET, %error, "sending a transaction once more failed");
        }
    }

    /// Sends a version with higher fees, as far as the cap allows. One that waits for others is only sent once more, unless
    /// L1 has become dearer: its own fees are not what it waits for.
    async fn raise(
        &self,
        flight: &mut Flight<'_>,
        cap: &mut CapWait<'_>,
        queued: bool,
    ) -> Result<(), SendError> {
        let market = self.market(flight.request.blobs.is_some()).await.unwrap_or_default();
        let (fees, base_fee) = (flight.fees, market.base_fee.saturating_add(flight.fees.tip));
        let is_enough = queued && base_fee <= fees.max_fee && market.blob_base_fee <= fees.blob;
        if is_enough || flight.raises >= self.options.max_raises {
            self.rebroadcast(flight).await;
            return Ok(());
        }
        let fees = flight.fees.bumped(market.fees);
        if let Some((needed, allowed)) = self.beyond_caps(fees, flight.gas_limit) {
            cap.begin(needed, allowed);
            self.rebroadcast(flight).await;
            return Ok(());
        }
        cap.end();
        flight.raises += 1;
        metrics::counter!("recourse_l1_transactions_raised_total").increment(1);
        let before = std::mem::replace(&mut flight.fees, fees);
        match self.broadcast(flight).await {
            // The earlier version stays, and the next raise begins with its fees.
            Err(SendError::Signer(_)) => {
                flight.raises -= 1;
                flight.fees = before;
                self.rebroadcast(flight).await;
                Ok(())
            }
            // An earlier version is out there: what happens to it shows.
            Err(
                SendError::Endpoint(_)
                | SendError::Funds { .. }
                | SendError::FeeCap { .. }
                | SendError::Replaced { .. },
            ) => Ok(()),
            result => result,
        }
    }

    /// Signs and sends. Raises the fees right away while the endpoint calls them too low.
    async fn broadcast(&self, flight: &mut Flight<'_>) -> Result<(), SendError> {
        let nonce = flight.state.nonce;
        for _ in 0..MAX_RAISES {
            let (hash, raw) = flight.sign().await?;
            flight.sent_at = Instant::now();
            let cost = flight.cost();
            flight.state.sending(hash, flight.fees, cost);
            self.nonces.lock().sending(nonce, cost);
            let sent = self.client.provider().send_raw_transaction(&raw).await;
            let Err(error) = sent.map_err(L1Error::from) else {
                debug!(target: TARGET, %hash, nonce, max_fee = flight.fees.max_fee, "sent");
                flight.raw = raw;
                return Ok(());
            };
            let refusal = Refusal::of(&error);
            if refusal == Refusal::Unanswered {
                warn!(target: TARGET, %hash, nonce, %error, "no answer to a transaction; looking whether it arrived");
            }
            if matches!(refusal, Refusal::Known | Refusal::Unanswered) {
                flight.raw = raw;
                return Ok(());
            }
            flight.state.refused(hash);
            match refusal {
                Refusal::NonceTooLow if flight.state.is_sent() => return Ok(()),
                Refusal::NonceTooLow => return Err(SendError::Replaced { nonce }),
                Refusal::FeeTooLow => {
                    let market = self.market(flight.request.blobs.is_some()).await?;
                    let fees = flight.fees.bumped(market.fees);
                    if let Some((needed, cap)) = self.beyond_caps(fees, flight.gas_limit) {
                        return Err(SendError::FeeCap { needed, cap });
                    }
                    flight.fees = fees;
                    continue;
                }
                _ => {}
            }
            return Err(self.refused(error));
        }
        Err(L1Error::InvalidResponse("it calls every fee too low".into()).into())
    }
}
