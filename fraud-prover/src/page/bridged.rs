//! A withdrawal, as people see it.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolCall,
};
use bindings::IPortal;
use bridge::withdrawal::{Withdrawal, WithdrawalStage};
use serde::Serialize;

use crate::report::decimal;

/// A withdrawal, and what can be done about it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithdrawalLine {
    hash: B256,
    sender: Address,
    target: Address,
    #[serde(with = "decimal")]
    value: U256,
    #[serde(with = "decimal")]
    nonce: U256,
    #[serde(with = "decimal")]
    gas_limit: U256,
    data: Bytes,
    state: WithdrawalState,
    game: Option<Address>,
    until: Option<u64>,
    prove: Option<L1Call>,
    finalize: Option<L1Call>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum WithdrawalState {
    Waits,
    Provable,
    Proven,
    Finalizable,
    Finalized,
}

/// A call for a wallet on L1.
#[derive(Clone, Debug, Serialize)]
pub(super) struct L1Call {
    pub(super) to: Address,
    pub(super) data: Bytes,
}

impl WithdrawalLine {
    /// A withdrawal at a stage, as of a time of L1.
    pub(super) fn new(withdrawal: Withdrawal, stage: WithdrawalStage, portal: Address, now: u64) -> Self {
        let transaction = withdrawal.transaction.clone();
        let (mut game, mut until, mut prove, mut finalize) = (None, None, None, None);
        let state = match stage {
            WithdrawalStage::WaitingToProve => WithdrawalState::Waits,
            WithdrawalStage::ReadyToProve(found) => {
                game = Some(found.address);
                let call = IPortal::proveWithdrawalTransactionCall {
                    withdrawal: transaction.clone(),
                    disputeGameIndex: found.index,
                    outputRootProof: found.output,
                    withdrawalProof: found.proof,
                };
                prove = Some(L1Call { to: portal, data: call.abi_encode().into() });
                WithdrawalState::Provable
            }
            WithdrawalStage::WaitingToFinalize(pending) => {
                game = Some(pending.game);
                until = Some(now.saturating_add(pending.seconds));
                WithdrawalState::Proven
            }
            WithdrawalStage::ReadyToFinalize(submitter) => {
                let call = IPortal::finalizeWithdrawalTransactionExternalProofCall {
                    withdrawal: transaction.clone(),
                    proofSubmitter: submitter,
                };
                finalize = Some(L1Call { to: portal, data: call.abi_encode().into() });
                WithdrawalState::Finalizable
            }
            WithdrawalStage::Finalized => WithdrawalState::Finalized,
        };
        Self {
            hash: withdrawal.hash,
            sender: transaction.sender,
            target: transaction.target,
            value: transaction.value,
            nonce: transaction.nonce,
            gas_limit: transaction.gasLimit,
            data: transaction.data,
            state,
            game,
            until,
            prove,
            finalize,
        }
    }
}
