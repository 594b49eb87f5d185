//! Calls, gas estimates and access lists.

use std::sync::Arc;

use alloy::{
    consensus::TxType,
    eips::BlockId,
    primitives::{U64, U256},
    rpc::types::{AccessListResult, TransactionRequest, state::StateOverride},
};
use revm::{
    DatabaseRef,
    context::{ContextTr, result::ExecutionResult},
    primitives::KECCAK_EMPTY,
};
use revm_inspectors::access_list::AccessListInspector;

use super::{
    RpcError,
    answer::AnswerText,
    context::Rpc,
    evm::{CallEvm, CallSite, GAS_CAP, call_tx, is_free, run},
    halts::{halt_text, output},
    overrides::{BlockChanges, Overrides},
    peers::Work,
    tool::Tool,
};

/// Gas of a transfer of ether to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// Bytes of input, and accounts of an access list, of a call that may take little time.
const SHORT_INPUT: usize = 8 << 10;
const SHORT_LIST: usize = 16;

/// Gas that a call with value gives on top of what it was given (EIP-150 keeps a 64th back, so more is needed).
const CALL_STIPEND: u64 = 2_300;

/// An estimate is good enough when what is left to search is this small a part of it, in thousandths: geth's ratio.
const ESTIMATE_ERROR_THOUSANDTHS: u64 = 15;

/// Rounds in which an access list settles; more would mean that the call depends on its own list.
const ACCESS_LIST_ROUNDS: usize = 8;

impl Rpc {
    pub(crate) async fn call(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<BlockChanges>,
    ) -> Result<AnswerText, RpcError> {
        let overrides = Overrides { state, block: overrides };
        let is_short = is_short(&request, &overrides);
        let call = move |rpc: &Self| {
            let site = rpc.call_site(block, overrides.clone())?;
            let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
            let tx = call_tx(&request, &site.state, site.config.chain_id, gas)?;
            let mut evm = site.evm(is_free(&request))?;
            let run = run(&mut evm, tx)?;
            output(run.result, evm.0.inspector.last_step())
        };
        self.answer_brief(Work::Light, is_short, call).await
    }

    pub(crate) async fn estimate_gas(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<BlockChanges>,
    ) -> Result<AnswerText, RpcError> {
        let overrides = Overrides { state, block: overrides };
        let is_short = is_short(&request, &overrides);
        let estimate = move |rpc: &Self| {
            let site = rpc.call_site(block, overrides.clone())?;
            Ok(U64::from(estimate(site, request.clone())?))
        };
        self.answer_brief(Work::Light, is_short, estimate).await
    }

    pub(crate) async fn create_access_list(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Light, move |rpc| {
            let site = rpc.call_site(block, Overrides { state, block: None })?;
            access_list(site, request)
        })
        .await
    }

    /// Where calls after a block run; the latest if nothing is said.
    pub(crate) fn call_site(
        &self,
        block: Option<BlockId>,
        overrides: Overrides,
    ) -> Result<CallSite, RpcError> {
        let height = self.height(block)?;
        let view = self.state_at(height)?;
        let header = view.reader().header(height)?.ok_or(RpcError::HeaderNotFound)?;
        CallSite::new(view, &header, self.chain.config().chain, overrides)
    }
}

/// Whether a call may take little time: nothing of it needs much work before the first step.
fn is_short(request: &TransactionRequest, overrides: &Overrides) -> bool {
    let input = request.input.input().map_or(0, |input| input.len());
    let listed = request.access_list.as_ref().map_or(0, |list| list.len());
    let has_overrides = overrides.state.is_some() || overrides.block.is_some();
    input <= SHORT_INPUT && listed <= SHORT_LIST && request.authorization_list.is_none() && !has_overrides
}

/// The least gas limit with which a call succeeds, as geth searches for it.
pub(crate) fn estimate(site: CallSite, request: TransactionRequest) -> Result<u64, RpcError> {
    let rules = site.rules()?;
    // More than a transaction may ask for is of no use to whoever asks.
    let most = site.block.gas_limit.min(rules.transaction_gas_cap().unwrap_or(GAS_CAP)).min(GAS_CAP);
    let wanted = request.gas.filter(|gas| *gas >= TRANSFER_GAS).unwrap_or(most).min(most);
    let high = affordable(&site, &request, wanted)?;
    let is_transfer = is_plain_transfer(&site, &request)?;
    let tx = call_tx(&request, &site.state, site.config.chain_id, high)
        .map_err(|error| failed_with(high, error))?;
    let mut search = Search { evm: site.evm(is_free(&request))?, tx };
    if is_transfer && let Ok(Some(_)) = search.try_with(TRANSFER_GAS.min(high)) {
        return Ok(TRANSFER_GAS);
    }
    // With all gas there is: if this fails, nothing helps.
    let result = search.run(high).map_err(|error| failed_with(high, error))?;
    let (used, refunded) = match result {
        ExecutionResult::Success { gas, .. } => (gas.tx_gas_used(), gas.final_refunded()),
        ExecutionResult::Revert { output, .. } => return Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => {
            return Err(RpcError::Refused(
                match halt_text(&reason, search.evm.0.inspector.last_step()).as_str() {
                    "out of gas" => format!("gas required exceeds allowance ({high})"),
                    other => other.into(),
                },
            ));
        }
    };
    let (mut low, mut high) = (used.saturating_sub(1), high);
    // Most calls need what they used, refunds aside, and the 64th part that inner calls leave.
    let guess = (used + refunded + CALL_STIPEND).saturating_mul(64) / 63;
    if guess < high {
        match search.try_with(guess)? {
            Some(()) => high = guess,
            None => low = guess,
        }
    }
    while low + 1 < high {
        if (high - low).saturating_mul(1000) < high.saturating_mul(ESTIMATE_ERROR_THOUSANDTHS) {
            break;
        }
        // Most calls need little more than they use, so lean to the lower end.
        let middle = (low + (high - low) / 2).min(low.saturating_mul(2));
        match search.try_with(middle)? {
            Some(()) => high = middle,
            None => low = middle,
        }
    }
    Ok(high)
}

/// A refusal that no gas limit helps against.
fn failed_with(gas: u64, error: RpcError) -> RpcError {
    match error {
        RpcError::Unfit { code, message } => {
            RpcError::Unfit { code, message: format!("failed with {gas} gas: {message}") }
        }
        other => other,
    }
}

/// As much of `wanted` as the sender can pay for at the price that the request offers.
fn affordable(site: &CallSite, request: &TransactionRequest, wanted: u64) -> Result<u64, RpcError> {
    let price = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default();
    if price == 0 {
        return Ok(wanted);
    }
    let sender = request.from.unwrap_or_default();
    let balance = site.state.basic_ref(sender)?.unwrap_or_default().balance;
    let value = request.value.unwrap_or_default();
    let left = balance.checked_sub(value).filter(|left| !left.is_zero());
    let left = left.ok_or_else(|| RpcError::refused("insufficient funds for transfer"))?;
    let allowance: u64 = (left / U256::from(price)).saturating_to();
    if allowance < TRANSFER_GAS {
        let want = value.saturating_add(U256::from(price).saturating_mul(U256::from(TRANSFER_GAS)));
        return Err(RpcError::refused(format!(
            "insufficient funds for gas * price + value: address {sender} have {balance} want {want}"
        )));
    }
    Ok(wanted.min(allowance))
}

/// Whether a request only moves ether to an account without code.
fn is_plain_transfer(site: &CallSite, request: &TransactionRequest) -> Result<bool, RpcError> {
    let Some(to) = request.to.and_then(|to| to.into_to()) else {
        return Ok(false);
    };
    let plain = request.input.input().is_none_or(|input| input.is_empty())
        && request.access_list.is_none()
        && request.authorization_list.is_none();
    if !plain {
        return Ok(false);
    }
    let account = site.state.basic_ref(to)?;
    Ok(account.is_none_or(|account| account.code_hash == KECCAK_EMPTY))
}

/// Runs the same call with different gas limits.
struct Search {
    evm: CallEvm,
    tx: op_revm::OpTransaction<revm::context::TxEnv>,
}

impl Search {
    fn run(&mut self, gas: u64) -> Result<ExecutionResult<op_revm::OpHaltReason>, RpcError> {
        let mut tx = self.tx.clone();
        tx.base.gas_limit = gas;
        Ok(run(&mut self.evm, tx)?.result)
    }

    /// Whether the call succeeds with this gas limit.
    fn try_with(&mut self, gas: u64) -> Result<Option<()>, RpcError> {
        match self.run(gas) {
            Ok(result) => Ok(result.is_success().then_some(())),
            // Less than the call takes even to begin.
            Err(RpcError::Unfit { .. } | RpcError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The accounts and slots that a call uses, and what it costs with them listed.
fn access_list(site: CallSite, mut request: TransactionRequest) -> Result<AccessListResult, RpcError> {
    let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
    let free = is_free(&request);
    let chain_id = site.config.chain_id;
    let mut list = request.access_list.take().unwrap_or_default();
    let mut evm = site.evm(free)?;
    let mut result = None;
    for _ in 0..ACCESS_LIST_ROUNDS {
        request.access_list = Some(list.clone());
        request.transaction_type = Some(TxType::Eip2930.into());
        let tx = call_tx(&request, evm.0.ctx.db(), chain_id, gas)?;
        evm.0.inspector.tool = Tool::AccessList(AccessListInspector::new(list.clone()));
        let run = run(&mut evm, tx)?;
        let Tool::AccessList(inspector) = &evm.0.inspector.tool else { return Err(RpcError::Internal) };
        let mut found = inspector.access_list();
        found.0.sort_by_key(|item| item.address);
        for item in &mut found.0 {
            item.storage_keys.sort_unstable();
        }
        result = Some(run.result);
        if found == list {
            break;
        }
        list = found;
    }
    let (gas_used, error) = match result {
        // The reason is for `eth_call` to tell.
        Some(ExecutionResult::Revert { gas, .. }) => {
            (gas.tx_gas_used(), Some(super::error::revert_message(&[])))
        }
        Some(ExecutionResult::Halt { reason, gas, .. }) => {
            (gas.tx_gas_used(), Some(halt_text(&reason, evm.0.inspector.last_step())))
        }
        Some(ExecutionResult::Success { gas, .. }) => (gas.tx_gas_used(), None),
        None => (0, None),
    };
    Ok(AccessListResult { access_list: list, gas_used: U256::from(gas_used), error })
}
