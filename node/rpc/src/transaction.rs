//! A transaction as clients read it.

use alloy::consensus::transaction::Recovered;
use op_alloy_consensus::{OpTxEnvelope, transaction::OpTransactionInfo};
use op_alloy_rpc_types::Transaction as Known;
use serde::Serialize;
use stf::Transaction;

/// A transaction in every answer that holds one. Each key that execution-apis asks for is there: what a transaction
/// does not have is null, also where the inner type leaves the key out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RpcTransaction {
    #[serde(flatten)]
    known: Known,
    #[serde(flatten)]
    absent: Absent,
}

/// What the inner type leaves out; `Some` is written as null.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Absent {
    /// Of a deposit that creates a contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<()>,
    /// Of a transaction that is in no block.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_timestamp: Option<()>,
}

impl RpcTransaction {
    /// A transaction with what its block says of it.
    pub(crate) fn new(tx: &Transaction, info: OpTransactionInfo) -> Self {
        let absent = Absent {
            to: match tx.envelope() {
                OpTxEnvelope::Deposit(deposit) if deposit.to.is_create() => Some(()),
                _ => None,
            },
            block_timestamp: info.inner.block_timestamp.is_none().then_some(()),
        };
        let recovered = Recovered::new_unchecked(tx.envelope().clone(), tx.sender());
        Self { known: Known::from_transaction(recovered, info), absent }
    }

    /// A transaction that is in no block yet.
    pub(crate) fn pending(tx: &Transaction) -> Self {
        Self::new(tx, OpTransactionInfo::default())
    }
}
