//! What L1 asks for, as the endpoints tell it.

use alloy::providers::Provider;
use futures::future::join_all;

use super::{
    TxManager,
    fees::{Fees, Market},
};
use crate::l1::{L1Client, L1Error};

/// Tip where no endpoint suggests one, in wei.
const DEFAULT_TIP: u128 = 1_000_000_000;

impl TxManager {
    /// What a transaction should pay now, with blobs or without, as all endpoints together say.
    pub(super) async fn market(&self, has_blobs: bool) -> Result<Market, L1Error> {
        let mut asked: Vec<&L1Client> =
            self.client.endpoints().iter().filter(|endpoint| endpoint.is_used()).collect();
        if asked.is_empty() {
            asked.push(&self.client);
        }
        let ask = |endpoint: &'_ L1Client| {
            let endpoint = endpoint.clone();
            async move {
                let blob_base_fee = async {
                    match has_blobs {
                        true => Some(endpoint.provider().get_blob_base_fee().await),
                        false => None,
                    }
                };
                let tip = endpoint.provider().get_max_priority_fee_per_gas();
                tokio::join!(endpoint.head(), tip, blob_base_fee)
            }
        };
        let (mut base_fees, mut blob_base_fees, mut tips) = (Vec::new(), Vec::new(), Vec::new());
        let mut failure = None;
        for (head, tip, blob_base_fee) in join_all(asked.into_iter().map(ask)).await {
            match blob_base_fee {
                Some(Ok(fee)) => blob_base_fees.push(fee),
                Some(Err(error)) => failure = Some(error.into()),
                None => {}
            }
            match head {
                Ok(head) => base_fees.push(head.base_fee()),
                Err(error) => failure = Some(error),
            }
            tips.extend(tip.ok());
        }
        match failure.filter(|_| base_fees.is_empty() || has_blobs && blob_base_fees.is_empty()) {
            Some(error) => Err(error),
            None => Ok(Fees::market(
                &mut base_fees,
                &mut blob_base_fees,
                &mut tips,
                DEFAULT_TIP,
                &self.options.caps,
            )),
        }
    }

    /// If these fees are more than a transaction of so much gas may pay: what it needs, and what it may pay at most.
    pub(super) fn beyond_caps(&self, fees: Fees, gas_limit: u64) -> Option<(u128, u128)> {
        let caps = &self.options.caps;
        let pairs = [
            (fees.max_fee, caps.for_gas(gas_limit)),
            (fees.tip, caps.max_tip),
            (fees.blob, caps.max_blob_fee),
        ];
        pairs.into_iter().find(|(needed, cap)| needed > cap)
    }
}
