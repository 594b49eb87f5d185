//! The verifier contract, run in this process: the very code that is deployed, without an L1.

use alloy::{
    primitives::{Address, B256},
    sol_types::SolCall,
};
use bindings::{
    IRiscV,
    artifacts::{Contract, deployed_code},
};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::TxEnv,
    context_interface::result::ExecutionResult,
    database::{CacheDB, EmptyDB},
    primitives::{TxKind, hardfork::SpecId},
    state::{AccountInfo, Bytecode},
};

use crate::truth::Proof;

/// Where the contract stands.
const VERIFIER: Address = Address::repeat_byte(0x51);
/// Most gas that L1 allows a transaction (EIP-7825).
const GAS_LIMIT: u64 = 1 << 24;

/// Why the contract gave no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It refuses the witness.
    #[error("the contract refuses the witness: {0}")]
    Refused(String),
    /// It could not be run.
    #[error("the contract could not be run: {0}")]
    Failed(String),
}

/// Hash of the state after a proven step, and the gas that it takes as a transaction.
pub fn step_in_process(proof: &Proof) -> Result<(B256, u64), ContractError> {
    let failed = |error: String| ContractError::Failed(error);
    let mut database = CacheDB::new(EmptyDB::default());
    let code = Bytecode::new_raw(deployed_code(Contract::RiscV));
    database.insert_account_info(VERIFIER, AccountInfo::default().with_code(code));
    let mut evm = Context::mainnet()
        .with_db(database)
        .modify_cfg_chained(|config| {
            config.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            config.disable_nonce_check = true;
        })
        .build_mainnet();
    let call = IRiscV::stepCall { state: proof.state.clone(), witness: proof.witness.clone() };
    let tx = TxEnv::builder()
        .kind(TxKind::Call(VERIFIER))
        .data(call.abi_encode().into())
        .gas_limit(GAS_LIMIT)
        .gas_price(0)
        .build()
        .map_err(|error| failed(format!("{error:?}")))?;
    let done = evm.transact(tx).map_err(|error| failed(error.to_string()))?;
    let gas = done.result.tx_gas_used();
    match done.result {
        ExecutionResult::Success { output, .. } => {
            let next = IRiscV::stepCall::abi_decode_returns(output.data());
            Ok((next.map_err(|error| failed(error.to_string()))?, gas))
        }
        ExecutionResult::Revert { output, .. } => Err(ContractError::Refused(output.to_string())),
        ExecutionResult::Halt { reason, .. } => Err(ContractError::Refused(format!("{reason:?}"))),
    }
}
