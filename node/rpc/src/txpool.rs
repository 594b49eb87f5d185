//! What waits: in the sequencer's pool, or passed on by this replica.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U64},
};
use serde::Serialize;
use stf::Transaction;

use super::{
    RpcError,
    answer::AnswerText,
    context::Rpc,
    peers::Work,
    transaction::RpcTransaction,
    waiting::{BySender, WaitingContent},
    work,
};

/// Bytes that a transaction takes beside the pool's, as it is answered.
const WAITING: usize = 3 << 10;

/// Transactions by nonce, as a decimal string.
type ByNonce<T> = BTreeMap<String, T>;

/// Pending and queued transactions in some form.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TxpoolContent<T> {
    pending: T,
    queued: T,
}

impl Rpc {
    pub(crate) async fn txpool_status(self: Arc<Self>) -> Result<TxpoolContent<U64>, RpcError> {
        if let Some(pool) = &self.pool {
            let status = pool.status();
            return Ok(TxpoolContent {
                pending: U64::from(status.pending),
                queued: U64::from(status.queued),
            });
        }
        self.work(Work::Heavy, |rpc| {
            let content = rpc.waiting_content(None)?;
            let count = |senders: BySender| U64::from(senders.values().map(Vec::len).sum::<usize>());
            Ok(TxpoolContent { pending: count(content.pending), queued: count(content.queued) })
        })
        .await
    }

    pub(crate) async fn txpool_content(self: Arc<Self>) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, |rpc| {
            let content = rpc.waiting_content(None)?;
            hold(&content)?;
            let all = |senders| all_senders(senders, RpcTransaction::pending);
            Ok(TxpoolContent { pending: all(content.pending), queued: all(content.queued) })
        })
        .await
    }

    pub(crate) async fn txpool_content_from(
        self: Arc<Self>,
        address: Address,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let mut content = rpc.waiting_content(Some(address))?;
            hold(&content)?;
            let one = |senders: &mut BySender| {
                by_nonce(senders.remove(&address).unwrap_or_default(), RpcTransaction::pending)
            };
            Ok(TxpoolContent { pending: one(&mut content.pending), queued: one(&mut content.queued) })
        })
        .await
    }

    pub(crate) async fn txpool_inspect(self: Arc<Self>) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, |rpc| {
            let content = rpc.waiting_content(None)?;
            hold(&content)?;
            let all = |senders| all_senders(senders, summary);
            Ok(TxpoolContent { pending: all(content.pending), queued: all(content.queued) })
        })
        .await
    }
}

fn all_senders<T>(
    senders: BySender,
    form: impl Fn(&Transaction) -> T + Copy,
) -> BTreeMap<String, ByNonce<T>> {
    // Geth writes keys, unlike fields, with the checksum.
    senders.into_iter().map(|(address, list)| (address.to_checksum(None), by_nonce(list, form))).collect()
}

/// Holds what these take while they are answered.
fn hold(content: &WaitingContent) -> Result<(), RpcError> {
    let lists = content.pending.values().chain(content.queued.values());
    work::current().budget.take(WAITING * lists.map(Vec::len).sum::<usize>())
}

fn by_nonce<T>(list: Vec<Transaction>, form: impl Fn(&Transaction) -> T) -> ByNonce<T> {
    list.iter().map(|tx| (tx.envelope().nonce().to_string(), form(tx))).collect()
}

/// Geth's one-line form of a transaction.
fn summary(tx: &Transaction) -> String {
    let envelope = tx.envelope();
    let to = envelope.to().map_or_else(|| "contract creation".into(), |to| to.to_string());
    let (value, gas, fee) = (envelope.value(), envelope.gas_limit(), envelope.max_fee_per_gas());
    format!("{to}: {value} wei + {gas} gas × {fee} wei")
}
