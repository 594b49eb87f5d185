//! Running calls on a state: what `eth_call`, estimation, simulation and tracing have in common.

use alloy::{
    consensus::Header,
    primitives::{Bytes, TxKind},
    rpc::types::{TransactionRequest, state::StateOverride},
};
use op_revm::{OpEvm, OpHaltReason, OpSpecId, OpTransaction};
use revm::{
    DatabaseRef, ExecuteEvm, InspectEvm,
    context::{BlockEnv, CfgEnv, ContextTr, TxEnv, result::ResultAndState},
    context_interface::either::Either,
    database::CacheDB,
    handler::instructions::EthInstructions,
    interpreter::interpreter::EthInterpreter,
};
use stf::{
    ChainConfig, Rules,
    evm::{BlockEvm, block_env, evm, evm_config},
};

use super::{
    RpcError,
    call_state::{CallError, CallState, EvmContext, StoredState},
    halts::{Offer, insufficient_funds, needs_last_step, refusal},
    instructions::measure,
    overrides::{Overrides, Precompiles, override_state},
    tool::Looker,
    work,
};
use rollup::chain::StateView;

/// Most gas that a call, an estimate or all calls of a simulation may use, whatever the request says.
pub(crate) const GAS_CAP: u64 = 100_000_000;

/// The EVM on such a state, with precompiles where overrides have them.
pub(crate) type CallEvm = OpEvm<EvmContext, Looker, EthInstructions<EthInterpreter, EvmContext>, Precompiles>;

/// A state and a block to call in.
pub(crate) struct CallSite {
    pub(crate) state: CallState,
    pub(crate) block: BlockEnv,
    pub(crate) config: ChainConfig,
    /// Those of the rules, unless the state overrides changed them.
    pub(crate) precompiles: Option<Precompiles>,
}

impl CallSite {
    /// After the block with this header.
    pub(crate) fn new(
        view: StateView,
        header: &Header,
        config: ChainConfig,
        overrides: Overrides,
    ) -> Result<Self, RpcError> {
        let (state, block) = (CacheDB::new(StoredState::new(view)), block_env(header));
        let mut site = Self { state, block, config, precompiles: None };
        site.apply(overrides)?;
        Ok(site)
    }

    /// Changes state and block.
    pub(crate) fn apply(&mut self, overrides: Overrides) -> Result<(), RpcError> {
        if let Some(block) = overrides.block {
            block.check_for_call()?;
            block.apply(&mut self.block, &mut self.state);
        }
        self.override_state(overrides.state.unwrap_or_default())
    }

    /// Changes the state, and which precompiles there are.
    pub(crate) fn override_state(&mut self, overrides: StateOverride) -> Result<(), RpcError> {
        if overrides.is_empty() {
            return Ok(());
        }
        let mut precompiles = self.own_precompiles()?;
        override_state(&mut self.state, &mut precompiles, overrides)?;
        self.precompiles = Some(precompiles);
        Ok(())
    }

    fn own_precompiles(&mut self) -> Result<Precompiles, RpcError> {
        match self.precompiles.take() {
            Some(precompiles) => Ok(precompiles),
            None => Ok(Precompiles::of(self.rules()?.spec())),
        }
    }

    /// The rules that hold here.
    pub(crate) fn rules(&self) -> Result<Rules, RpcError> {
        self.config.rules_at(self.block.timestamp.saturating_to()).map_err(RpcError::refused)
    }

    /// An EVM that forgives what a call need not have: a funded sender, a nonce, a fee. `free`: no fee is charged, and as by
    /// geth the block has no base fee that it could be too low for.
    pub(crate) fn evm(mut self, free: bool) -> Result<CallEvm, RpcError> {
        if free {
            self.block.basefee = 0;
        }
        self.checked_evm(false, free)
    }

    /// The same, with the checks of a transaction where `validation` wants them.
    pub(crate) fn checked_evm(mut self, validation: bool, free: bool) -> Result<CallEvm, RpcError> {
        let mut config = evm_config(self.rules()?, self.config.chain_id);
        // A call is no transaction, so what one may ask for does not bound it.
        config.tx_gas_limit_cap = Some(u64::MAX);
        config.disable_nonce_check = !validation;
        config.disable_eip3607 = true;
        config.disable_block_gas_limit = true;
        config.disable_base_fee = free;
        config.disable_fee_charge = free;
        let precompiles = self.own_precompiles()?;
        let mut evm = measured_evm(config, self.block, self.state).with_precompiles(precompiles);
        set_known(&mut evm, free);
        Ok(evm)
    }
}

/// An EVM whose runs are held to the budget of the request that is worked on.
pub(crate) fn measured_evm(
    config: CfgEnv<OpSpecId>,
    block: BlockEnv,
    state: CallState,
) -> BlockEvm<CallState, Looker> {
    let mut evm = evm(config, block, state, Looker::new(work::current().budget));
    measure(&mut evm.0.instruction);
    evm
}

/// Where no fee is charged, what L1 costs need not be read from the state.
fn set_known(evm: &mut CallEvm, free: bool) {
    evm.0.ctx.chain.l2_block = free.then_some(evm.0.ctx.block.number);
}

/// Whether a request offers no fee, so that none is charged.
pub(crate) fn is_free(request: &TransactionRequest) -> bool {
    let fee = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default();
    fee == 0 && request.max_priority_fee_per_gas.unwrap_or_default() == 0
}

/// What op-revm executes for a call that is checked no further, with at most `gas`.
pub(crate) fn call_tx(
    request: &TransactionRequest,
    state: &CallState,
    chain_id: u64,
    gas: u64,
) -> Result<OpTransaction<TxEnv>, RpcError> {
    let tx = checked_tx(request, state, chain_id, gas)?;
    // Where a fee is charged, the EVM adds it up.
    if is_free(request) && !tx.base.value.is_zero() {
        let balance = state.basic_ref(tx.base.caller)?.unwrap_or_default().balance;
        if balance < tx.base.value {
            return Err(insufficient_funds(tx.base.caller, balance, tx.base.value));
        }
    }
    Ok(tx)
}

/// What op-revm executes for a request, with at most `gas`.
pub(crate) fn checked_tx(
    request: &TransactionRequest,
    state: &CallState,
    chain_id: u64,
    gas: u64,
) -> Result<OpTransaction<TxEnv>, RpcError> {
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && dynamic {
        return Err(RpcError::refused("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
    }
    if let Some(found) = request.chain_id.filter(|found| *found != chain_id) {
        return Err(RpcError::refused(format!(
            "chainId does not match node's (have={found}, want={chain_id})"
        )));
    }
    if request.has_eip4844_fields() {
        return Err(RpcError::invalid("blob transactions are not supported"));
    }
    // Where both are given, geth takes the one with the newer name.
    let input = request.input.input.as_ref().or(request.input.data.as_ref());
    let caller = request.from.unwrap_or_default();
    let nonce = match request.nonce {
        Some(nonce) => nonce,
        None => state.basic_ref(caller)?.map_or(0, |account| account.nonce),
    };
    let authorizations = request.authorization_list.clone().unwrap_or_default();
    if request.authorization_list.is_some() {
        if authorizations.is_empty() {
            return Err(RpcError::refused(format!(
                "EIP-7702 transaction with empty auth list (sender {caller})"
            )));
        }
        if request.to.is_none_or(|to| to.is_create()) {
            return Err(RpcError::refused("EIP-7702 transaction cannot be used to create contract"));
        }
    }
    let tx_type = match () {
        () if !authorizations.is_empty() => 4,
        () if dynamic => 2,
        () if request.access_list.is_some() => 1,
        () => 0,
    };
    let base = TxEnv {
        tx_type,
        caller,
        gas_limit: gas,
        gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or_default(),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: input.cloned().unwrap_or_default(),
        nonce,
        chain_id: Some(chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: dynamic.then(|| request.max_priority_fee_per_gas.unwrap_or_default()),
        authorization_list: authorizations.into_iter().map(Either::Left).collect(),
        ..TxEnv::default()
    };
    // A call has no encoding. An empty one costs nothing on L1.
    Ok(OpTransaction { base, enveloped_tx: Some(Bytes::new()), deposit: Default::default() })
}

/// Makes the next call of an EVM free of fees or not, in a block with this base fee.
pub(crate) fn set_free(evm: &mut CallEvm, free: bool, base_fee: u64) {
    let context = &mut evm.0.ctx;
    (context.cfg.disable_base_fee, context.cfg.disable_fee_charge) = (free, free);
    context.block.basefee = if free { 0 } else { base_fee };
    set_known(evm, free);
}

/// Executes a transaction within the request's budget.
pub(crate) fn run(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
) -> Result<ResultAndState<OpHaltReason>, RpcError> {
    run_told(evm, tx, |refused| refused)
}

/// The same, with other words for what the EVM itself refuses.
pub(crate) fn run_told(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
    tell: impl FnOnce(RpcError) -> RpcError,
) -> Result<ResultAndState<OpHaltReason>, RpcError> {
    let offer = Offer::of(&tx.base);
    let result = execute(evm, tx);
    // Why the run had to end comes before what the EVM makes of it.
    match evm.0.ctx.db_mut().db.meter.refusal() {
        Some(refused) => Err(refused),
        None => result.map_err(|error| tell(refusal(error, &offer, evm.0.ctx.block.basefee))),
    }
}

/// Executes a transaction: step by step where something looks at it.
fn execute(evm: &mut CallEvm, tx: OpTransaction<TxEnv>) -> Result<ResultAndState<OpHaltReason>, CallError> {
    evm.0.inspector.begin();
    evm.0.ctx.db_mut().db.meter.begin();
    if evm.0.inspector.is_needed() {
        return evm.inspect_tx(tx);
    }
    let run = evm.transact(tx)?;
    if !needs_last_step(&run.result) {
        return Ok(run);
    }
    // To note each step would make all calls slower; so a call that fails like this is executed once more.
    let again = evm.0.ctx.tx.clone();
    evm.0.ctx.db_mut().db.meter.begin();
    evm.inspect_tx(again)
}
