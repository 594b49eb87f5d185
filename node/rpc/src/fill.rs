//! `eth_fillTransaction`: the fields that a request leaves open.

use std::sync::Arc;

use alloy::{
    consensus::{SignableTransaction, Transaction as _},
    eips::{BlockId, eip2718::Encodable2718},
    primitives::{Bytes, Signature, U256},
    rpc::types::TransactionRequest,
};
use op_alloy_consensus::OpTxEnvelope;
use op_alloy_rpc_types::OpTransactionRequest;
use serde::Serialize;

use super::{RpcError, calls::estimate, context::Rpc, overrides::Overrides, peers::Work};

/// A complete transaction without its signature (in the place of which there are zeros).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Filled {
    raw: Bytes,
    tx: FilledTransaction,
}

/// A transaction with all keys that execution-apis asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FilledTransaction {
    #[serde(flatten)]
    tx: OpTxEnvelope,
    /// Of one with two prices, the most that it pays; geth has null there. Absent where the transaction says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_price: Option<U256>,
}

impl Rpc {
    pub(crate) async fn fill_transaction(
        self: Arc<Self>,
        mut request: TransactionRequest,
    ) -> Result<Filled, RpcError> {
        let chain_id = self.chain.config().chain.chain_id;
        request.chain_id.get_or_insert(chain_id);
        if request.nonce.is_none() {
            let sender = request.from.unwrap_or_default();
            let nonce = self.clone().transaction_count(sender, Some(BlockId::pending())).await?;
            request.nonce = Some(nonce.saturating_to());
        }
        request.input.normalize_input();
        if request.gas_price.is_none() {
            let tip = *request.max_priority_fee_per_gas.get_or_insert_with(|| self.suggested_tip());
            if request.max_fee_per_gas.is_none() {
                let head = self.chain.heads().unsafe_head.number;
                let block = self.clone().load(head).await?.ok_or(RpcError::HeaderNotFound)?;
                // Twice the base fee holds for as long as a wallet may take to sign.
                request.max_fee_per_gas = Some(u128::from(self.next_base_fee(&block)) * 2 + tip);
            }
        }
        if request.gas.is_none() {
            let head = self.chain.heads().unsafe_head.number;
            let asked = request.clone();
            let gas = self
                .work(Work::Light, move |rpc| {
                    estimate(rpc.call_site(Some(head.into()), Overrides::default())?, asked)
                })
                .await?;
            request.gas = Some(gas);
        }
        if request.to.is_none() {
            request.to = Some(alloy::primitives::TxKind::Create);
        }
        let request: OpTransactionRequest = request.into();
        let tx = request
            .build_typed_tx()
            .map_err(|_| RpcError::invalid("fields of different transaction types are given together"))?;
        let unsigned = Signature::new(U256::ZERO, U256::ZERO, false);
        let tx: OpTxEnvelope = tx.into_signed(unsigned).into();
        let gas_price = tx.gas_price().is_none().then(|| U256::from(tx.max_fee_per_gas()));
        Ok(Filled { raw: tx.encoded_2718().into(), tx: FilledTransaction { tx, gas_price } })
    }
}
