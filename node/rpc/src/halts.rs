//! Why a call is refused, or stops: in geth's words, which clients match on.

use alloy::primitives::{Address, Bytes, U256};
use op_revm::{OpHaltReason, OpTransactionError};
use revm::{
    bytecode::opcode::{INVALID, OpCode},
    context::{
        TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    primitives::eip3860::MAX_INITCODE_SIZE,
};

use super::{RpcError, call_state::CallError};

/// Codes of what the EVM refuses before it runs, by which `eth_simulateV1` tells it (execution-apis).
mod code {
    pub(super) const NONCE_TOO_LOW: i32 = -38010;
    pub(super) const NONCE_TOO_HIGH: i32 = -38011;
    pub(super) const FEE_BELOW_BASE_FEE: i32 = -38012;
    pub(super) const INTRINSIC_GAS: i32 = -38013;
    pub(super) const INSUFFICIENT_FUNDS: i32 = -38014;
    pub(super) const SENDER_HAS_CODE: i32 = -38024;
    pub(super) const INITCODE_TOO_LONG: i32 = -38025;
    pub(super) const INVALID_PARAMS: i32 = -32602;
    pub(super) const OTHER: i32 = -32603;
}

/// What of a transaction stands in a refusal.
#[derive(Debug)]
pub(crate) struct Offer {
    caller: Address,
    max_fee: u128,
    tip: u128,
    /// Bytes of code to create a contract with.
    data: usize,
}

impl Offer {
    /// That of a transaction.
    pub(crate) fn of(tx: &TxEnv) -> Self {
        let tip = tx.gas_priority_fee.unwrap_or(tx.gas_price);
        Self { caller: tx.caller, max_fee: tx.gas_price, tip, data: tx.data.len() }
    }
}

/// Why the EVM refuses a call.
pub(crate) fn refusal(error: CallError, offer: &Offer, base_fee: u64) -> RpcError {
    let invalid = match error {
        EVMError::Transaction(OpTransactionError::Base(invalid)) => invalid,
        EVMError::Transaction(error) => return RpcError::refused(error),
        EVMError::Database(error) => return error.into(),
        error => return RpcError::internal(error),
    };
    let Offer { caller, max_fee, tip, data } = offer;
    let (code, message) = match invalid {
        InvalidTransaction::NonceTooLow { tx, state } | InvalidTransaction::NonceTooHigh { tx, state } => {
            return wrong_nonce(*caller, tx, state);
        }
        InvalidTransaction::NonceOverflowInTransaction => (code::OTHER, "nonce uint64 overflow".into()),
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => (
            code::INSUFFICIENT_FUNDS,
            format!("insufficient funds for gas * price + value: address {caller} have {balance} want {fee}"),
        ),
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => (
            code::INVALID_PARAMS,
            format!(
                "max priority fee per gas higher than max fee per gas: address {caller}, \
                 maxPriorityFeePerGas: {tip}, maxFeePerGas: {max_fee}"
            ),
        ),
        InvalidTransaction::GasPriceLessThanBasefee => (
            code::FEE_BELOW_BASE_FEE,
            format!(
                "max fee per gas less than block base fee: address {caller}, maxFeePerGas: {max_fee}, \
                 baseFee: {base_fee}"
            ),
        ),
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            (code::INTRINSIC_GAS, format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}"))
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => (
            code::INTRINSIC_GAS,
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}"),
        ),
        InvalidTransaction::RejectCallerWithCode => {
            (code::SENDER_HAS_CODE, format!("sender not an eoa: address {caller}"))
        }
        InvalidTransaction::CreateInitCodeSizeLimit => (
            code::INITCODE_TOO_LONG,
            format!("max initcode size exceeded: code size {data} limit {MAX_INITCODE_SIZE}"),
        ),
        invalid => (code::OTHER, invalid.to_string()),
    };
    RpcError::Unfit { code, message }
}

/// That a transaction has a nonce below or above its sender's.
pub(crate) fn wrong_nonce(sender: Address, tx: u64, state: u64) -> RpcError {
    let (code, what) = if tx < state { (code::NONCE_TOO_LOW, "low") } else { (code::NONCE_TOO_HIGH, "high") };
    RpcError::Unfit { code, message: format!("nonce too {what}: address {sender}, tx: {tx} state: {state}") }
}

/// That a sender has less than a call costs, or gives away.
pub(crate) fn insufficient_funds(sender: Address, have: U256, want: U256) -> RpcError {
    let message =
        format!("insufficient funds for gas * price + value: address {sender} have {have} want {want}");
    RpcError::Unfit { code: code::INSUFFICIENT_FUNDS, message }
}

/// The step at which a run ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastStep {
    pub(crate) opcode: u8,
    /// Words on the stack before it.
    pub(crate) stack: usize,
}

/// Whether why a call stopped can only be told with its last step.
pub(crate) const fn needs_last_step(result: &ExecutionResult<OpHaltReason>) -> bool {
    matches!(
        result,
        ExecutionResult::Halt {
            reason: OpHaltReason::Base(HaltReason::OpcodeNotFound | HaltReason::StackUnderflow),
            ..
        }
    )
}

/// Why a call stopped. `last` says at which step, where that is known.
pub(crate) fn halt_text(reason: &OpHaltReason, last: Option<LastStep>) -> String {
    let text = match reason {
        OpHaltReason::FailedDeposit => "failed deposit",
        OpHaltReason::Base(HaltReason::OutOfGas(_)) => "out of gas",
        OpHaltReason::Base(HaltReason::OutOfFunds) => "insufficient balance for transfer",
        OpHaltReason::Base(HaltReason::InvalidFEOpcode) => "invalid opcode: INVALID",
        OpHaltReason::Base(HaltReason::OpcodeNotFound) => return undefined(last),
        OpHaltReason::Base(HaltReason::InvalidJump) => "invalid jump destination",
        OpHaltReason::Base(HaltReason::StackUnderflow) => return underflow(last),
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

fn undefined(last: Option<LastStep>) -> String {
    match last {
        Some(LastStep { opcode: INVALID, .. }) => "invalid opcode: INVALID".into(),
        Some(LastStep { opcode, .. }) => format!("invalid opcode: opcode {opcode:#x} not defined"),
        None => "invalid opcode".into(),
    }
}

fn underflow(last: Option<LastStep>) -> String {
    let wanted = |last: LastStep| OpCode::new(last.opcode).map(|opcode| (last.stack, opcode.inputs()));
    match last.and_then(wanted) {
        Some((have, want)) => format!("stack underflow ({have} <=> {want})"),
        None => "stack underflow".into(),
    }
}

/// What a call returned, or why it did not.
pub(crate) fn output(
    result: ExecutionResult<OpHaltReason>,
    last: Option<LastStep>,
) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::Refused(halt_text(&reason, last))),
    }
}
