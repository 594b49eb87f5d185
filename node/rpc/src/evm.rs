//! Running calls on a state: what `eth_call`, estimation, simulation and tracing have in common.

use std::sync::Arc;

use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use op_revm::{OpHaltReason, OpTransaction, OpTransactionError};
use revm::{
    DatabaseRef, InspectEvm,
    context::{
        BlockEnv, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction, ResultAndState},
    },
    context_interface::either::Either,
    database::CacheDB,
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode},
};
use stf::{
    ChainConfig, Rules,
    evm::{BlockEvm, block_env, evm, evm_config},
    state::{account_info, bytecode},
};

use super::{RpcError, budget::Budget, meter::Metered, work};
use rollup::chain::StateView;

/// Most gas that a call, an estimate or all calls of a simulation may use, whatever the request says.
pub(crate) const GAS_CAP: u64 = 100_000_000;

/// Bytes that an account takes: as it is cached, in the journal, and in what is made of it.
const ACCOUNT: usize = 1024;

/// Bytes that a slot takes.
const SLOT: usize = 512;

/// How often the bytes of a code are held: as they are, with their jump table, and as an answer shows them.
const CODE_COPIES: usize = 2;

/// A stored state, to be read through a shared reference. What is read stays in memory, so it counts.
#[derive(Debug)]
pub(crate) struct StoredState {
    view: StateView,
    budget: Arc<Budget>,
}

/// Why a state cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ReadError(RpcError);

impl DBErrorMarker for ReadError {}

impl From<RpcError> for ReadError {
    fn from(error: RpcError) -> Self {
        Self(error)
    }
}

impl From<db::Error> for ReadError {
    fn from(error: db::Error) -> Self {
        Self(error.into())
    }
}

impl From<ReadError> for RpcError {
    fn from(error: ReadError) -> Self {
        error.0
    }
}

impl StoredState {
    /// A state for the request that is worked on.
    pub(crate) fn new(view: StateView) -> Self {
        Self { view, budget: work::current().budget }
    }

    fn count(&self, bytes: usize) -> Result<(), RpcError> {
        self.budget.check_time()?;
        self.budget.take(bytes)
    }
}

impl DatabaseRef for StoredState {
    type Error = ReadError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        self.count(ACCOUNT)?;
        Ok(self.view.at()?.account(&keccak256(address))?.map(|account| account_info(&account)))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, ReadError> {
        let code = self.view.reader().code(&code_hash)?;
        self.count(CODE_COPIES * code.len())?;
        Ok(bytecode(code))
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, ReadError> {
        self.count(SLOT)?;
        let key = keccak256(key.to_be_bytes::<32>());
        Ok(self.view.at()?.storage(&keccak256(address), &key)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ReadError> {
        self.count(0)?;
        Ok(self.view.at()?.block_hash(number)?)
    }
}

/// A stored state with changes on top.
pub(crate) type CallState = CacheDB<StoredState>;

/// The EVM on such a state.
pub(crate) type CallEvm = BlockEvm<CallState, Metered>;

/// What the EVM fails with.
pub(crate) type CallError = EVMError<ReadError, OpTransactionError>;

/// Changes to what is stored.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) state: Option<StateOverride>,
    pub(crate) block: Option<BlockOverrides>,
}

/// A state and a block to call in.
pub(crate) struct CallSite {
    pub(crate) state: CallState,
    pub(crate) block: BlockEnv,
    pub(crate) config: ChainConfig,
}

impl CallSite {
    /// After the block with this header.
    pub(crate) fn new(
        view: StateView,
        header: &Header,
        config: ChainConfig,
        overrides: Overrides,
    ) -> Result<Self, RpcError> {
        let mut site = Self { state: CacheDB::new(StoredState::new(view)), block: block_env(header), config };
        site.apply(overrides)?;
        Ok(site)
    }

    /// Changes state and block.
    pub(crate) fn apply(&mut self, overrides: Overrides) -> Result<(), RpcError> {
        if let Some(block) = overrides.block {
            override_block(&mut self.block, &mut self.state, block);
        }
        override_state(&mut self.state, overrides.state.unwrap_or_default())
    }

    /// The rules that hold here.
    pub(crate) fn rules(&self) -> Result<Rules, RpcError> {
        self.config.rules_at(self.block.timestamp.saturating_to()).map_err(RpcError::refused)
    }

    /// An EVM that forgives what a call need not have: a funded sender, a nonce, a fee. `free`: no fee is charged and
    /// the base fee need not be met.
    pub(crate) fn evm(self, free: bool) -> Result<CallEvm, RpcError> {
        let mut config = evm_config(self.rules()?, self.config.chain_id);
        // A call is no transaction, so what one may ask for does not bound it.
        config.tx_gas_limit_cap = Some(u64::MAX);
        config.disable_nonce_check = true;
        config.disable_eip3607 = true;
        config.disable_block_gas_limit = true;
        config.disable_base_fee = free;
        config.disable_fee_charge = free;
        Ok(evm(config, self.block, self.state, Metered::new(work::current().budget)))
    }
}

fn override_block(env: &mut BlockEnv, state: &mut CallState, overrides: BlockOverrides) {
    let BlockOverrides { number, time, gas_limit, coinbase, random, base_fee, block_hash, .. } = overrides;
    env.number = number.unwrap_or(env.number);
    env.timestamp = time.map_or(env.timestamp, U256::from);
    env.gas_limit = gas_limit.unwrap_or(env.gas_limit);
    env.beneficiary = coinbase.unwrap_or(env.beneficiary);
    env.prevrandao = random.or(env.prevrandao);
    env.basefee = base_fee.map_or(env.basefee, |fee| fee.saturating_to());
    for (number, hash) in block_hash.into_iter().flatten() {
        state.cache.block_hashes.insert(U256::from(number), hash);
    }
}

fn override_state(state: &mut CallState, overrides: StateOverride) -> Result<(), RpcError> {
    for (address, change) in overrides {
        if change.move_precompile_to.is_some() {
            return Err(RpcError::invalid("movePrecompileToAddress is not supported"));
        }
        let mut info = state.basic_ref(address)?.unwrap_or_default();
        info.balance = change.balance.unwrap_or(info.balance);
        info.nonce = change.nonce.unwrap_or(info.nonce);
        if let Some(code) = change.code {
            info.code_hash = keccak256(&code);
            info.code = Some(bytecode(code));
        }
        state.insert_account_info(address, info);
        let slots = |slots: alloy::primitives::map::B256HashMap<B256>| {
            slots.into_iter().map(|(key, value)| (key.into(), value.into()))
        };
        match (change.state, change.state_diff) {
            (Some(_), Some(_)) => {
                return Err(RpcError::invalid(format!("account {address} has both 'state' and 'stateDiff'")));
            }
            (Some(all), None) => state.replace_account_storage(address, slots(all).collect())?,
            (None, Some(some)) => {
                for (key, value) in slots(some) {
                    state.insert_account_storage(address, key, value)?;
                }
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// Whether a request offers no fee, so that none is charged.
pub(crate) fn is_free(request: &TransactionRequest) -> bool {
    let fee = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default();
    fee == 0 && request.max_priority_fee_per_gas.unwrap_or_default() == 0
}

/// What op-revm executes for a request, with at most `gas`.
pub(crate) fn call_tx(
    request: &TransactionRequest,
    state: &CallState,
    chain_id: u64,
    gas: u64,
) -> Result<OpTransaction<TxEnv>, RpcError> {
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && dynamic {
        return Err(RpcError::invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
    }
    if let Some(found) = request.chain_id.filter(|found| *found != chain_id) {
        return Err(RpcError::invalid(format!(
            "chainId does not match node's (have={found}, want={chain_id})"
        )));
    }
    if request.has_eip4844_fields() {
        return Err(RpcError::invalid("blob transactions are not supported"));
    }
    let input = request
        .input
        .unique_input()
        .map_err(|_| RpcError::invalid("both \"data\" and \"input\" are set and not equal"))?;
    let caller = request.from.unwrap_or_default();
    let nonce = match request.nonce {
        Some(nonce) => nonce,
        None => state.basic_ref(caller)?.map_or(0, |info| info.nonce),
    };
    let authorizations = request.authorization_list.clone().unwrap_or_default();
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

/// Why the EVM refuses a call, in geth's words.
pub(crate) fn refusal(error: CallError) -> RpcError {
    match error {
        EVMError::Transaction(OpTransactionError::Base(invalid)) => match invalid {
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => RpcError::refused(format!(
                "insufficient funds for gas * price + value: have {balance} want {fee}"
            )),
            InvalidTransaction::GasPriceLessThanBasefee => {
                RpcError::refused("max fee per gas less than block base fee")
            }
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                RpcError::refused(format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}"))
            }
            invalid => RpcError::refused(invalid),
        },
        EVMError::Transaction(error) => RpcError::refused(error),
        EVMError::Database(error) => error.0,
        error => RpcError::internal(error),
    }
}

/// Executes a transaction within the request's budget.
pub(crate) fn run(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
) -> Result<ResultAndState<OpHaltReason>, RpcError> {
    let result = evm.inspect_tx(tx);
    // An error that the inspector made up comes before what the EVM makes of it.
    match evm.0.inspector.refusal() {
        Some(refused) => Err(refused),
        None => result.map_err(refusal),
    }
}

/// Why a call stopped, in geth's words.
pub(crate) fn halt_text(reason: &OpHaltReason) -> String {
    let text = match reason {
        OpHaltReason::FailedDeposit => "failed deposit",
        OpHaltReason::Base(HaltReason::OutOfGas(_)) => "out of gas",
        OpHaltReason::Base(HaltReason::OutOfFunds) => "insufficient funds for transfer",
        OpHaltReason::Base(HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode) => "invalid opcode",
        OpHaltReason::Base(HaltReason::InvalidJump) => "invalid jump destination",
        OpHaltReason::Base(HaltReason::StackUnderflow) => "stack underflow",
        OpHaltReason::Base(HaltReason::StackOverflow) => "stack limit reached 1024 (1023)",
        OpHaltReason::Base(HaltReason::OutOfOffset) => "return data out of bounds",
        OpHaltReason::Base(HaltReason::CreateCollision) => "contract address collision",
        OpHaltReason::Base(HaltReason::CreateContractSizeLimit) => "max code size exceeded",
        OpHaltReason::Base(HaltReason::CreateInitCodeSizeLimit) => "max initcode size exceeded",
        OpHaltReason::Base(HaltReason::CreateContractStartingWithEF) => {
            "invalid code: must not begin with 0xef"
        }
        OpHaltReason::Base(HaltReason::StateChangeDuringStaticCall) => "write protection",
        OpHaltReason::Base(HaltReason::CallTooDeep) => "max call depth exceeded",
        OpHaltReason::Base(other) => return other.to_string(),
    };
    text.into()
}

/// What a call returned, or why it did not.
pub(crate) fn output(result: ExecutionResult<OpHaltReason>) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::Refused(halt_text(&reason))),
    }
}
