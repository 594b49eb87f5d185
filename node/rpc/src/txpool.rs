//! What waits in the pool. A replica asks the sequencer.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U64},
};
use op_alloy_rpc_types::Transaction as RpcTransaction;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{RpcError, block::pending_transaction, context::Rpc};
use sequencing::pool::PoolTx;

/// Transactions by nonce, as a decimal string.
type ByNonce<T> = BTreeMap<String, T>;

/// Executable and queued transactions in some form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Content<T> {
    pending: T,
    queued: T,
}

impl Rpc {
    pub(crate) async fn txpool_status(self: Arc<Self>) -> Result<Content<U64>, RpcError> {
        let Some(pool) = &self.pool else {
            return self.ask("txpool_status", &()).await;
        };
        let status = pool.status();
        Ok(Content { pending: U64::from(status.executable), queued: U64::from(status.queued) })
    }

    pub(crate) async fn txpool_content(
        self: Arc<Self>,
    ) -> Result<Content<BTreeMap<Address, ByNonce<RpcTransaction>>>, RpcError> {
        let Some(pool) = self.pool.clone() else {
            return self.ask("txpool_content", &()).await;
        };
        self.heavy(move |_| {
            let content = pool.content();
            let all = |map| all_senders(map, |tx: &PoolTx| pending_transaction(tx.transaction()));
            Ok(Content { pending: all(content.executable), queued: all(content.queued) })
        })
        .await
    }

    pub(crate) async fn txpool_content_from(
        self: Arc<Self>,
        address: Address,
    ) -> Result<Content<ByNonce<RpcTransaction>>, RpcError> {
        let Some(pool) = &self.pool else {
            return self.ask("txpool_contentFrom", &(address,)).await;
        };
        let mut content = pool.content_from(&address);
        let one = |map: &mut BTreeMap<Address, Vec<Arc<PoolTx>>>| {
            by_nonce(map.remove(&address).unwrap_or_default(), |tx| pending_transaction(tx.transaction()))
        };
        Ok(Content { pending: one(&mut content.executable), queued: one(&mut content.queued) })
    }

    pub(crate) async fn txpool_inspect(
        self: Arc<Self>,
    ) -> Result<Content<BTreeMap<Address, ByNonce<String>>>, RpcError> {
        let Some(pool) = self.pool.clone() else {
            return self.ask("txpool_inspect", &()).await;
        };
        self.heavy(move |_| {
            let content = pool.content();
            let all = |map| all_senders(map, summary);
            Ok(Content { pending: all(content.executable), queued: all(content.queued) })
        })
        .await
    }

    async fn ask<R: DeserializeOwned>(&self, method: &str, params: &impl Serialize) -> Result<R, RpcError> {
        match &self.forward {
            // Empty parameters are a list, not nothing.
            Some(forward) if std::mem::size_of_val(params) == 0 => forward.request(method, &[(); 0]).await,
            Some(forward) => forward.request(method, params).await,
            None => Err(RpcError::refused("this node has no transaction pool: it is a replica")),
        }
    }
}

fn all_senders<T>(
    senders: BTreeMap<Address, Vec<Arc<PoolTx>>>,
    form: impl Fn(&PoolTx) -> T + Copy,
) -> BTreeMap<Address, ByNonce<T>> {
    senders.into_iter().map(|(address, list)| (address, by_nonce(list, form))).collect()
}

fn by_nonce<T>(list: Vec<Arc<PoolTx>>, form: impl Fn(&PoolTx) -> T) -> ByNonce<T> {
    list.iter().map(|tx| (tx.nonce().to_string(), form(tx))).collect()
}

/// Geth's one-line form of a transaction.
fn summary(tx: &PoolTx) -> String {
    let envelope = tx.transaction().envelope();
    let to = envelope.to().map_or_else(|| "contract creation".into(), |to| to.to_string());
    let (value, gas, fee) = (envelope.value(), envelope.gas_limit(), envelope.max_fee_per_gas());
    format!("{to}: {value} wei + {gas} gas × {fee} wei")
}
