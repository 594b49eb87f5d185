//! The first version of a transaction, under the next nonce.

use std::time::Instant;

use alloy::{eips::BlockNumberOrTag, primitives::B256};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    TARGET, TxManager,
    error::SendError,
    flight::Flight,
    nonces::NextNonce,
    send_state::{GAP_AFTER, SendState},
    types::TxRequest,
};

impl TxManager {
    /// Sends the first version.
    pub(super) async fn begin(&self, request: &TxRequest) -> Result<Flight<'_>, SendError> {
        let _turn = self.turn.lock().await;
        let deadline = Instant::now() + self.options.resend_after;
        loop {
            let state = self.next_nonce(request.digest()).await?;
            let mut flight = Flight::new(self.account(), state, request.clone());
            flight.gas_limit = match request.gas_limit {
                Some(gas_limit) => gas_limit,
                None => self.estimate(request).await?,
            };
            let market = self.market(request.blobs.is_some()).await?;
            let caps = &self.options.caps;
            let (needed, cap) =
                (market.base_fee.saturating_add(caps.min_tip), caps.for_gas(flight.gas_limit));
            let blob = (market.blob_base_fee, caps.max_blob_fee);
            if let Some((needed, cap)) = [(needed, cap), blob].into_iter().find(|(needed, cap)| needed > cap)
            {
                return Err(SendError::FeeCap { needed, cap });
            }
            flight.fees = caps.apply(flight.entry_fees(market.fees), flight.gas_limit);
            self.check_funds(&flight).await?;
            match self.broadcast(&mut flight).await {
                // What was left under the nonce is in a block after all, or the endpoint's nodes do not agree: nothing
                // is out yet, so another nonce will do.
                Err(SendError::Replaced { nonce }) if Instant::now() < deadline => {
                    debug!(target: TARGET, nonce, "a nonce is taken before it was used; choosing again");
                }
                result => return result.map(|()| flight),
            }
            drop(flight);
            sleep(self.poll_interval).await;
        }
    }

    /// The first nonce that is neither used in a block nor by another call. One that still waits for a block, and is not
    /// ours, is given the time to be taken; after that it is taken over.
    async fn next_nonce(&self, call: B256) -> Result<SendState, SendError> {
        let mut lags = 0;
        loop {
            let (latest, pending) =
                tokio::join!(self.nonce(BlockNumberOrTag::Latest), self.nonce(BlockNumberOrTag::Pending));
            let latest = latest?;
            // Endpoints without the tag `pending` have no say.
            let pending = pending.unwrap_or(latest);
            let foreign = self.nonces.lock().foreign(latest, pending);
            if let Some(nonce) = foreign {
                self.name_other(nonce).await;
            }
            let next = self.nonces.lock().next(latest, pending, call);
            match next {
                NextNonce::Take(state) => return Ok(*state),
                NextNonce::Lagging => {
                    lags += 1;
                    if lags >= GAP_AFTER {
                        self.nonces.lock().believe(latest);
                        continue;
                    }
                }
                NextNonce::Occupied { nonce, since } if since.elapsed() >= self.options.resend_after => {
                    warn!(target: TARGET, nonce, "replacing a transaction that was left behind");
                    return Ok(self.nonces.lock().next_whatever(latest, call));
                }
                NextNonce::Occupied { .. } => {}
            }
            sleep(self.poll_interval).await;
        }
    }
}
