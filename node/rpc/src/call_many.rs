//! `eth_callMany`: calls that build on one another, in the form of Erigon and reth.

use std::sync::Arc;

use alloy::{
    eips::BlockId,
    primitives::{Bytes, U256},
    rpc::types::{TransactionRequest, state::StateOverride},
};
use revm::{
    DatabaseCommit,
    context::{ContextTr, result::ExecutionResult},
};
use serde::{Deserialize, Serialize};
use stf::evm::block_env;

use super::{
    RpcError,
    answer::AnswerText,
    context::Rpc,
    error::revert_message,
    evm::{CallSite, GAS_CAP, call_tx, is_free, run},
    halts::halt_text,
    overrides::{BlockChanges, Overrides},
    peers::Work,
    replay::Replay,
    work,
};

/// Most calls of a request.
pub(crate) const MAX_MANY_CALLS: usize = 1000;

/// Bytes that an outcome takes besides what the call returned.
const OUTCOME: usize = 256;

/// Calls in one block.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CallBundle {
    transactions: Vec<TransactionRequest>,
    #[serde(alias = "blockOverrides")]
    block_override: Option<BlockChanges>,
}

/// Where the calls run: before a transaction of a block, or after all of them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CallContext {
    block_number: Option<BlockId>,
    transaction_index: Option<i64>,
}

/// What a call gave.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum CallOutcome {
    Value(Bytes),
    Error(String),
}

impl Rpc {
    pub(crate) async fn call_many(
        self: Arc<Self>,
        bundles: Vec<CallBundle>,
        context: Option<CallContext>,
        state: Option<StateOverride>,
    ) -> Result<AnswerText, RpcError> {
        if bundles.iter().all(|bundle| bundle.transactions.is_empty()) {
            return Err(RpcError::invalid("empty bundles"));
        }
        if bundles.iter().map(|bundle| bundle.transactions.len()).sum::<usize>() > MAX_MANY_CALLS {
            return Err(RpcError::Limit(format!("more than {MAX_MANY_CALLS} calls")));
        }
        let context = context.unwrap_or_default();
        self.answer(Work::Heavy, move |rpc| {
            let mut site = rpc.site_within(context)?;
            site.apply(Overrides { state, block: None })?;
            let mut outcomes = Vec::with_capacity(bundles.len());
            for (place, bundle) in bundles.into_iter().enumerate() {
                if place > 0 {
                    // Each bundle is another block.
                    site.block.number += U256::from(1);
                    site.block.timestamp += U256::from(1);
                }
                site.apply(Overrides { state: None, block: bundle.block_override })?;
                let mut of_bundle = Vec::with_capacity(bundle.transactions.len());
                for request in bundle.transactions {
                    let (outcome, left) = call(site, &request)?;
                    of_bundle.push(outcome);
                    site = left;
                }
                outcomes.push(of_bundle);
            }
            Ok(outcomes)
        })
        .await
    }

    /// The state after a block, or before a transaction of it, with the block to call in.
    fn site_within(&self, context: CallContext) -> Result<CallSite, RpcError> {
        let index = context.transaction_index.and_then(|index| usize::try_from(index).ok());
        let Some(index) = index else { return self.call_site(context.block_number, Overrides::default()) };
        let height = self.height(context.block_number)?;
        let block = self.block(height)?.ok_or(RpcError::HeaderNotFound)?;
        if index >= block.transactions.len() {
            return self.call_site(Some(height.into()), Overrides::default());
        }
        let replay = Replay::before(self, &block, index)?;
        let (block, config) = (block_env(&block.header), self.chain.config().chain);
        Ok(CallSite { state: replay.into_state(), block, config, precompiles: None })
    }
}

/// Runs a call, and returns what it gave and what it left behind.
fn call(site: CallSite, request: &TransactionRequest) -> Result<(CallOutcome, CallSite), RpcError> {
    let (config, block, precompiles) = (site.config, site.block.clone(), site.precompiles.clone());
    let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
    let tx = call_tx(request, &site.state, config.chain_id, gas);
    let mut evm = site.evm(is_free(request))?;
    let outcome = match tx.and_then(|tx| run(&mut evm, tx)) {
        Ok(run) => {
            evm.0.ctx.db_mut().commit(run.state);
            match run.result {
                ExecutionResult::Success { output, .. } => CallOutcome::Value(output.into_data()),
                ExecutionResult::Revert { output, .. } => CallOutcome::Error(revert_message(&output)),
                ExecutionResult::Halt { reason, .. } => {
                    CallOutcome::Error(halt_text(&reason, evm.0.inspector.last_step()))
                }
            }
        }
        // That a call cannot be made is an outcome, too.
        Err(
            RpcError::Refused(text) | RpcError::InvalidParams(text) | RpcError::Unfit { message: text, .. },
        ) => CallOutcome::Error(text),
        Err(error) => return Err(error),
    };
    let kept = match &outcome {
        CallOutcome::Value(value) => value.len(),
        CallOutcome::Error(text) => text.len(),
    };
    work::current().budget.take(OUTCOME + kept)?;
    let state = evm.0.ctx.journaled_state.database;
    Ok((outcome, CallSite { state, block, config, precompiles }))
}
