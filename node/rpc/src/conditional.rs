//! `eth_sendRawTransactionConditional` (EIP-7796), as op-geth has it.

use std::sync::Arc;

use alloy::{
    primitives::{B256, Bytes},
    rpc::types::erc4337::TransactionConditional,
};
use sequencing::pool::{ConditionError, MAX_CONDITION_COST, TxCondition};

use super::{RpcError, context::Rpc, peers::Work};

/// EIP-1474: a transaction that is refused.
const REJECTED: i32 = -32003;

impl Rpc {
    /// Takes a transaction that must be in no block in which a condition does not hold. It is refused if it does not hold
    /// now, and dropped if it does not when its turn comes.
    pub(crate) async fn send_raw_transaction_conditional(
        self: Arc<Self>,
        raw: Bytes,
        condition: Option<TransactionConditional>,
    ) -> Result<B256, RpcError> {
        let condition = condition.unwrap_or_default();
        if let (None, Some(forward)) = (&self.pool, &self.forward) {
            return self.pass_on(forward, raw, Some(condition)).await;
        }
        let rejected = |text: String| RpcError::Coded { code: REJECTED, message: text };
        let condition = TxCondition::new(condition)
            .map_err(|error| rejected(format!("failed conditional validation: {error}")))?;
        let cost = condition.cost();
        if cost > MAX_CONDITION_COST {
            return Err(RpcError::Limit(format!(
                "conditional cost, {cost}, exceeded max: {MAX_CONDITION_COST}"
            )));
        }
        self.work(Work::Light, move |rpc| {
            let head = rpc.chain.heads().unsafe_head;
            let mut state = rpc.state_at(head.number)?;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let timestamp = now.as_secs().max(head.timestamp);
            condition.check(head.number + 1, timestamp, &mut state).map_err(|error| match error {
                ConditionError::State(error) => RpcError::internal(error),
                error => rejected(format!("failed state check: {error}")),
            })?;
            match &rpc.pool {
                Some(pool) => Ok(pool.submit_conditional(raw, condition)?),
                None => Err(RpcError::refused(
                    "this node does not take transactions: it is a replica without --sequencer-rpc",
                )),
            }
        })
        .await
    }
}
