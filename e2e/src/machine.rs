//! The one-step contract of the fault proof VM, run in this process.

use alloy::sol_types::SolCall;
use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context as _, Result, ensure};
use bindings::{IRiscV, artifacts, artifacts::Contract};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::{
        Cfg, ContextTr, Evm, TxEnv,
        result::{ExecutionResult, Output},
    },
    database::InMemoryDB,
    handler::{EthFrame, EthPrecompiles, MainnetContext, PrecompileProvider, instructions::EthInstructions},
    interpreter::{CallInputs, InstructionResult, InterpreterResult, interpreter::EthInterpreter},
    primitives::{TxKind, hardfork::SpecId},
    state::{AccountInfo, Bytecode},
};

/// Gas of a call unless something else is asked for: the cap of a transaction (EIP-7825).
pub const GAS: u64 = 1 << 24;

/// Where the contract is.
const CONTRACT: Address = Address::repeat_byte(0x57);

/// Precompiles that cost so many times what Osaka charges.
#[derive(Debug)]
struct Repriced {
    inner: EthPrecompiles,
    times: u64,
}

impl<CTX: ContextTr> PrecompileProvider<CTX> for Repriced {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <CTX::Cfg as Cfg>::Spec) -> bool {
        PrecompileProvider::<CTX>::set_spec(&mut self.inner, spec)
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        let Some(mut result) = self.inner.run(context, inputs)? else { return Ok(None) };
        let cost = inputs.gas_limit.saturating_sub(result.gas.remaining());
        if result.is_ok() && !result.gas.record_regular_cost(cost.saturating_mul(self.times - 1)) {
            result.gas.spend_all();
            result.result = InstructionResult::PrecompileOOG;
            result.output = Bytes::new();
        }
        Ok(Some(result))
    }

    fn warm_addresses(&self) -> Box<impl Iterator<Item = Address>> {
        self.inner.warm_addresses()
    }

    fn contains(&self, address: &Address) -> bool {
        self.inner.contains(address)
    }
}

type L1Context = MainnetContext<InMemoryDB>;
type L1Evm =
    Evm<L1Context, (), EthInstructions<EthInterpreter, L1Context>, Repriced, EthFrame<EthInterpreter>>;

/// L1's machine: a contract that executes one step.
pub struct OneStep {
    evm: L1Evm,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Hash of the next state; `None` if the contract, or the chain, refused the call.
    pub post_hash: Option<B256>,
    /// Gas that the transaction used; 0 if it could not even start.
    pub gas_used: u64,
}

impl OneStep {
    /// Deploys the contract, with its constructor's check of the precompiles, on a chain of Ethereum's latest rules.
    pub fn new() -> Result<Self> {
        Self::repriced(1)
    }

    /// The same, on a chain that then charges so many times as much for precompiles.
    pub fn repriced(times: u64) -> Result<Self> {
        let mut db = InMemoryDB::default();
        let creation = TxEnv {
            kind: TxKind::Create,
            data: artifacts::creation_code(Contract::RiscV),
            gas_limit: GAS,
            gas_price: 0,
            ..Default::default()
        };
        let spec = |cfg: &mut revm::context::CfgEnv| cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
        let mut evm = Context::mainnet().with_db(db.clone()).modify_cfg_chained(spec).build_mainnet();
        let result = evm.transact(creation)?.result;
        let ExecutionResult::Success { output: Output::Create(code, _), .. } = result else {
            anyhow::bail!("the contract is not deployed: {result:?}");
        };
        db.insert_account_info(CONTRACT, AccountInfo::from_bytecode(Bytecode::new_raw(code)));
        let evm = Context::mainnet().with_db(db).modify_cfg_chained(spec).build_mainnet();
        let precompiles = Repriced { inner: EthPrecompiles::new(SpecId::OSAKA), times: times.max(1) };
        Ok(Self { evm: evm.with_precompiles(precompiles) })
    }

    /// Asks the contract for the hash of the state that follows.
    pub fn step(&mut self, state: &[u8], witness: &[u8]) -> Result<Verdict> {
        self.step_with_gas(state, witness, GAS)
    }

    /// The same, with a gas limit for the transaction.
    pub fn step_with_gas(&mut self, state: &[u8], witness: &[u8], gas: u64) -> Result<Verdict> {
        let call = IRiscV::stepCall {
            state: Bytes::copy_from_slice(state),
            witness: Bytes::copy_from_slice(witness),
        };
        self.call(call.abi_encode().into(), gas)
    }

    /// A call with any data.
    pub fn call(&mut self, data: Bytes, gas: u64) -> Result<Verdict> {
        let tx =
            TxEnv { kind: TxKind::Call(CONTRACT), data, gas_limit: gas, gas_price: 0, ..Default::default() };
        // What can't start has too little gas for its data; nothing else is wrong with these transactions.
        let Ok(outcome) = self.evm.transact(tx) else {
            return Ok(Verdict { post_hash: None, gas_used: 0 });
        };
        let ExecutionResult::Success { output: Output::Call(output), gas, logs, .. } = outcome.result else {
            return Ok(Verdict { post_hash: None, gas_used: outcome.result.tx_gas_used() });
        };
        ensure!(logs.is_empty(), "a step has no effects");
        let hash = <[u8; 32]>::try_from(&output[..]).ok().context("the answer is no hash")?;
        Ok(Verdict { post_hash: Some(hash.into()), gas_used: gas.tx_gas_used() })
    }
}
