//! What a call may change of the state and of the block that it runs in.

use std::collections::HashMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256, map::B256HashMap},
    rpc::types::{
        BlockOverrides, Withdrawals,
        state::{AccountOverride, StateOverride},
    },
};
use op_revm::{OpSpecId, precompiles::OpPrecompiles};
use revm::{
    DatabaseRef,
    context::{BlockEnv, ContextTr},
    handler::PrecompileProvider,
    interpreter::{CallInputs, InterpreterResult},
};
use serde::Deserialize;
use stf::state::bytecode;

use super::{
    RpcError,
    call_state::{CallState, EvmContext},
    instructions::stop,
};

/// Changes to what is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) state: Option<StateOverride>,
    pub(crate) block: Option<BlockChanges>,
}

/// Fields of a block that a call sees otherwise than they are. Geth's names, and those that other clients have for them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BlockChanges {
    pub(crate) number: Option<U256>,
    pub(crate) difficulty: Option<U256>,
    #[serde(alias = "timestamp")]
    pub(crate) time: Option<U256>,
    pub(crate) gas_limit: Option<U256>,
    #[serde(alias = "coinbase")]
    pub(crate) fee_recipient: Option<Address>,
    #[serde(alias = "random")]
    pub(crate) prev_randao: Option<B256>,
    #[serde(alias = "baseFee")]
    pub(crate) base_fee_per_gas: Option<U256>,
    pub(crate) blob_base_fee: Option<U256>,
    pub(crate) beacon_root: Option<B256>,
    pub(crate) withdrawals: Option<Withdrawals>,
    /// Hashes of blocks by their numbers.
    pub(crate) block_hash: Option<HashMap<U256, B256>>,
}

impl From<BlockOverrides> for BlockChanges {
    fn from(overrides: BlockOverrides) -> Self {
        let BlockOverrides {
            number,
            difficulty,
            time,
            gas_limit,
            coinbase,
            random,
            base_fee,
            block_hash,
            ..
        } = overrides;
        Self {
            number,
            difficulty,
            time: time.map(U256::from),
            gas_limit: gas_limit.map(U256::from),
            fee_recipient: coinbase,
            prev_randao: random,
            base_fee_per_gas: base_fee,
            block_hash: block_hash
                .map(|hashes| hashes.into_iter().map(|(number, hash)| (U256::from(number), hash)).collect()),
            ..Self::default()
        }
    }
}

impl BlockChanges {
    /// Applies them.
    pub(crate) fn apply(self, env: &mut BlockEnv, state: &mut CallState) {
        env.number = self.number.unwrap_or(env.number);
        env.timestamp = self.time.unwrap_or(env.timestamp);
        env.gas_limit = self.gas_limit.map_or(env.gas_limit, |limit| limit.saturating_to());
        env.beneficiary = self.fee_recipient.unwrap_or(env.beneficiary);
        env.prevrandao = self.prev_randao.or(env.prevrandao);
        env.basefee = self.base_fee_per_gas.map_or(env.basefee, |fee| fee.saturating_to());
        if let (Some(fee), Some(blob)) = (self.blob_base_fee, &mut env.blob_excess_gas_and_price) {
            blob.blob_gasprice = fee.saturating_to();
        }
        for (number, hash) in self.block_hash.into_iter().flatten() {
            state.cache.block_hashes.insert(number, hash);
        }
    }

    /// Refuses what only a block that is made can have.
    pub(crate) fn check_for_call(&self) -> Result<(), RpcError> {
        let refused = |name| {
            RpcError::refused(format!("block override \"{name}\" is not supported for this RPC method"))
        };
        match self {
            Self { beacon_root: Some(_), .. } => Err(refused("beaconRoot")),
            Self { withdrawals: Some(_), .. } => Err(refused("withdrawals")),
            _ => Ok(()),
        }
    }
}

/// Changes accounts, in the order of their addresses, and with them which precompiles there are: one whose account is
/// changed is none any more, and may be moved elsewhere.
pub(crate) fn override_state(
    state: &mut CallState,
    precompiles: &mut Precompiles,
    overrides: StateOverride,
) -> Result<(), RpcError> {
    let mut changes: Vec<(Address, AccountOverride)> = overrides.into_iter().collect();
    changes.sort_unstable_by_key(|(address, _)| *address);
    for (address, change) in &changes {
        let Some(to) = change.move_precompile_to else { continue };
        if !precompiles.has(address) {
            return Err(RpcError::refused(format!("account {address} is not a precompile")));
        }
        if changes.binary_search_by_key(&to, |(address, _)| *address).is_ok() {
            return Err(RpcError::refused(format!("account {to} is already overridden")));
        }
    }
    precompiles.change(&changes);
    for (address, change) in changes {
        override_account(state, address, change)?;
    }
    Ok(())
}

fn override_account(
    state: &mut CallState,
    address: Address,
    change: AccountOverride,
) -> Result<(), RpcError> {
    let mut info = state.basic_ref(address)?.unwrap_or_default();
    info.balance = change.balance.unwrap_or(info.balance);
    info.nonce = change.nonce.unwrap_or(info.nonce);
    if let Some(code) = change.code {
        set_code(&mut info, code);
    }
    state.insert_account_info(address, info);
    let slots = |slots: B256HashMap<B256>| slots.into_iter().map(|(key, value)| (key.into(), value.into()));
    match (change.state, change.state_diff) {
        (Some(_), Some(_)) => {
            return Err(RpcError::refused(format!("account {address} has both 'state' and 'stateDiff'")));
        }
        (Some(all), None) => state.replace_account_storage(address, slots(all).collect())?,
        (None, Some(some)) => {
            for (key, value) in slots(some) {
                state.insert_account_storage(address, key, value)?;
            }
        }
        (None, None) => {}
    }
    Ok(())
}

fn set_code(info: &mut revm::state::AccountInfo, code: Bytes) {
    info.code_hash = keccak256(&code);
    info.code = Some(bytecode(code));
}

/// The precompiles of a call: those of the rules, unless overrides took some away or moved them.
#[derive(Clone, Debug)]
pub(crate) struct Precompiles {
    own: OpPrecompiles,
    /// Where there is a precompile, and which one of the rules' it is; absent while each is where the rules have it.
    moved: Option<HashMap<Address, Address>>,
}

impl Precompiles {
    /// Those of the rules.
    pub(crate) fn of(spec: OpSpecId) -> Self {
        Self { own: OpPrecompiles::new_with_spec(spec), moved: None }
    }

    /// Whether there is one.
    pub(crate) fn has(&self, address: &Address) -> bool {
        self.at(address).is_some()
    }

    /// Which one of the rules' there is at an address, if any.
    fn at(&self, address: &Address) -> Option<Address> {
        match &self.moved {
            None => self.own.precompiles().contains(address).then_some(*address),
            Some(moved) => moved.get(address).copied(),
        }
    }

    fn change(&mut self, changes: &[(Address, AccountOverride)]) {
        if changes.iter().all(|(address, _)| !self.has(address)) {
            return;
        }
        let own = self.own.precompiles().addresses();
        let moved = self.moved.get_or_insert_with(|| own.map(|address| (*address, *address)).collect());
        for (address, change) in changes {
            if let Some(precompile) = moved.remove(address)
                && let Some(to) = change.move_precompile_to
            {
                moved.insert(to, precompile);
            }
        }
    }
}

impl PrecompileProvider<EvmContext> for Precompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: OpSpecId) -> bool {
        PrecompileProvider::<EvmContext>::set_spec(&mut self.own, spec)
    }

    fn run(
        &mut self,
        context: &mut EvmContext,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let here = inputs.bytecode_address;
        let Some(precompile) = self.at(&here) else { return Ok(None) };
        if let Err(error) = context.db_ref().db.check_precompile(&precompile, inputs.input.len()) {
            let text = error.to_string();
            stop(error, context);
            return Err(text);
        }
        if precompile == here {
            return self.own.run(context, inputs);
        }
        let inputs = CallInputs { bytecode_address: precompile, ..inputs.clone() };
        self.own.run(context, &inputs)
    }

    /// Those of the rules, wherever they are now: as by geth.
    fn warm_addresses(&self) -> Box<impl Iterator<Item = Address>> {
        Box::new(self.own.precompiles().addresses().copied())
    }

    fn contains(&self, address: &Address) -> bool {
        self.has(address)
    }
}
