//! What a step will cost, told before it is executed.
//!
//! go-ethereum shows a step with its whole cost, be it more than there is gas, and revm tells no cost before. So it is worked
//! out here, for the rules from Cancun on, whose prices do not differ; what execution takes is compared with it by a test.

use alloy::primitives::{Address, U256};
use revm::{
    bytecode::{OpCode, opcode as op},
    context_interface::{cfg::gas_params::GasParams, context::SStoreResult},
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, Jumps, MemoryTr, RuntimeFlag},
    },
    primitives::eip3860::MAX_INITCODE_SIZE,
};

use super::hooks::{VmError, World, delegate};
use crate::RpcError;

/// Items that a stack may have.
pub(crate) const STACK_LIMIT: usize = 1024;

/// The largest memory whose price fits the arithmetic: go-ethereum's limit.
const MEMORY_LIMIT: u64 = 0x1f_ffff_ffe0;

/// What the first use of a slot costs, and of an account (EIP-2929).
const COLD_SLOT: u64 = 2100;
const COLD_ACCOUNT: u64 = 2600;
const WARM: u64 = 100;

/// What a transfer of value adds to a call, and what it adds where there was no account.
const CALL_VALUE: u64 = 9000;
const NEW_ACCOUNT: u64 = 25_000;

/// Gas that must be left for a write (EIP-2200).
const SENTRY: u64 = 2300;

/// What a step costs.
#[derive(Debug, Default)]
pub(crate) struct StepCost {
    pub(crate) gas: u64,
    /// What it adds to the refund.
    pub(crate) refund: i64,
    /// Why it is not executed.
    pub(crate) error: Option<VmError>,
}

/// What of it does not depend on anything.
const fn constant(code: u8) -> u64 {
    match code {
        op::JUMPDEST => 1,
        op::ADDRESS
        | op::ORIGIN
        | op::CALLER
        | op::CALLVALUE
        | op::CALLDATASIZE
        | op::CODESIZE
        | op::GASPRICE
        | op::COINBASE
        | op::TIMESTAMP
        | op::NUMBER
        | op::DIFFICULTY
        | op::GASLIMIT
        | op::CHAINID
        | op::RETURNDATASIZE
        | op::BASEFEE
        | op::BLOBBASEFEE
        | op::POP
        | op::PC
        | op::MSIZE
        | op::GAS
        | op::PUSH0 => 2,
        op::ADD
        | op::SUB
        | op::LT..=op::SAR
        | op::CALLDATALOAD
        | op::CALLDATACOPY
        | op::CODECOPY
        | op::RETURNDATACOPY
        | op::MCOPY
        | op::BLOBHASH
        | op::MLOAD
        | op::MSTORE
        | op::MSTORE8
        | op::PUSH1..=op::SWAP16 => 3,
        op::MUL | op::DIV | op::SDIV | op::MOD | op::SMOD | op::SIGNEXTEND | op::CLZ | op::SELFBALANCE => 5,
        op::ADDMOD | op::MULMOD | op::JUMP => 8,
        op::JUMPI => 10,
        op::BLOCKHASH => 20,
        op::KECCAK256 => 30,
        op::BALANCE
        | op::EXTCODESIZE
        | op::EXTCODECOPY
        | op::EXTCODEHASH
        | op::TLOAD
        | op::TSTORE
        | op::CALL
        | op::CALLCODE
        | op::DELEGATECALL
        | op::STATICCALL => WARM,
        op::SELFDESTRUCT => 5000,
        op::CREATE | op::CREATE2 => 32_000,
        _ => 0,
    }
}

/// What the step that comes costs.
pub(crate) fn cost(
    interpreter: &Interpreter,
    gas: u64,
    params: &GasParams,
    world: &World<'_>,
) -> Result<StepCost, RpcError> {
    let code = interpreter.bytecode.opcode();
    let length = interpreter.stack.len();
    let info = OpCode::new(code).map(|code| code.info());
    let (inputs, outputs) =
        info.map_or((0, 0), |info| (usize::from(info.inputs()), usize::from(info.outputs())));
    if length < inputs {
        let error = Some(VmError::StackUnderflow { length, required: inputs });
        return Ok(StepCost { gas: constant(code), error, ..StepCost::default() });
    }
    if length + outputs > STACK_LIMIT + inputs {
        let error = Some(VmError::StackOverflow { length, limit: STACK_LIMIT + inputs - outputs });
        return Ok(StepCost { gas: constant(code), error, ..StepCost::default() });
    }
    let first = constant(code);
    if gas < first {
        return Ok(StepCost { gas: first, error: Some(VmError::OutOfGas), ..StepCost::default() });
    }
    let pricing = Pricing { interpreter, params, world, code, left: gas - first };
    let found = match pricing.dynamic()? {
        Ok((more, refund)) => {
            let total = first.saturating_add(more);
            StepCost { gas: total, refund, error: (total > gas).then_some(VmError::OutOfGas) }
        }
        Err(error) => StepCost { gas: first, error: Some(error), ..StepCost::default() },
    };
    Ok(found)
}

/// A price and a refund, or why there is none.
type Priced = Result<(u64, i64), VmError>;

struct Pricing<'a, 'w> {
    interpreter: &'a Interpreter,
    params: &'a GasParams,
    world: &'a World<'w>,
    code: u8,
    /// Gas behind what is constant.
    left: u64,
}

impl Pricing<'_, '_> {
    fn peek(&self, place: usize) -> U256 {
        self.interpreter.stack.peek(place).unwrap_or_default()
    }

    fn address(&self, place: usize) -> Address {
        Address::from_word(self.peek(place).into())
    }

    /// The price of a memory that reaches to the end of regions, each by the places of its offset and its length.
    fn memory(&self, regions: &[(usize, usize)]) -> Result<u64, VmError> {
        let regions = regions.iter().map(|(offset, length)| (self.peek(*offset), self.peek(*length)));
        self.memory_for(regions)
    }

    fn memory_for(&self, regions: impl IntoIterator<Item = (U256, U256)>) -> Result<u64, VmError> {
        let mut end = 0;
        for (offset, length) in regions {
            if length.is_zero() {
                continue;
            }
            let (Ok(offset), Ok(length)) = (u64::try_from(offset), u64::try_from(length)) else {
                return Err(VmError::GasOverflow);
            };
            end = end.max(offset.checked_add(length).ok_or(VmError::GasOverflow)?);
        }
        if end > u64::MAX - 31 {
            return Err(VmError::GasOverflow);
        }
        if end.div_ceil(32) * 32 > MEMORY_LIMIT {
            return Err(overflow());
        }
        let cost = |words: u64| 3 * words + words * words / 512;
        let (now, then) = (self.interpreter.memory.size() as u64 / 32, end.div_ceil(32));
        Ok(if then > now { cost(then) - cost(now) } else { 0 })
    }

    /// So much for each word of a length.
    fn words(&self, place: usize, price: u64) -> Result<u64, VmError> {
        let length = u64::try_from(self.peek(place)).map_err(|_| overflow())?;
        length.div_ceil(32).checked_mul(price).ok_or_else(overflow)
    }

    fn is_static(&self) -> bool {
        self.interpreter.runtime_flag.is_static()
    }

    fn dynamic(&self) -> Result<Priced, RpcError> {
        Ok(match self.code {
            op::SLOAD => {
                let (target, slot) = (self.interpreter.input.target_address(), self.peek(0));
                Ok((if self.world.is_slot_cold(target, slot) { COLD_SLOT } else { WARM }, 0))
            }
            op::SSTORE => self.write()?,
            op::BALANCE | op::EXTCODESIZE | op::EXTCODEHASH => Ok((self.cold(self.address(0)), 0)),
            op::CALL | op::CALLCODE | op::DELEGATECALL | op::STATICCALL => self.call()?,
            op::SELFDESTRUCT => self.self_destruct()?,
            _ => self.stateless().map(|gas| (gas, 0)),
        })
    }

    /// What an account costs besides what it costs when it was used before.
    fn cold(&self, address: Address) -> u64 {
        if self.world.is_cold(address) { COLD_ACCOUNT - WARM } else { 0 }
    }

    fn stateless(&self) -> Result<u64, VmError> {
        let sum = |first: u64, second: u64| first.checked_add(second).ok_or_else(overflow);
        match self.code {
            op::EXP => Ok(10 + 50 * (self.peek(1).bit_len() as u64).div_ceil(8)),
            op::MLOAD | op::MSTORE => self.memory_for([(self.peek(0), U256::from(32))]),
            op::MSTORE8 => self.memory_for([(self.peek(0), U256::ONE)]),
            op::RETURN | op::REVERT => self.memory(&[(0, 1)]),
            op::KECCAK256 => sum(self.memory(&[(0, 1)])?, self.words(1, 6)?),
            op::CALLDATACOPY | op::CODECOPY | op::RETURNDATACOPY => {
                sum(self.memory(&[(0, 2)])?, self.words(2, 3)?)
            }
            op::MCOPY => {
                let start = self.peek(0).max(self.peek(1));
                sum(self.memory_for([(start, self.peek(2))])?, self.words(2, 3)?)
            }
            op::EXTCODECOPY => {
                let copied = sum(self.memory(&[(1, 3)])?, self.words(3, 3)?)?;
                sum(copied, self.cold(self.address(0)))
            }
            op::LOG0..=op::LOG4 => {
                let memory = self.memory(&[(0, 1)])?;
                let length = u64::try_from(self.peek(1)).map_err(|_| overflow())?;
                let topics = 375 * u64::from(self.code - op::LOG0);
                let data = length.checked_mul(8).ok_or_else(overflow)?;
                sum(memory, sum(375 + topics, data)?)
            }
            op::CREATE | op::CREATE2 => {
                let memory = self.memory(&[(1, 2)]);
                if self.is_static() && memory != Err(VmError::GasOverflow) {
                    return Err(protected());
                }
                let memory = memory?;
                let size = usize::try_from(self.peek(2)).map_err(|_| overflow())?;
                if size > MAX_INITCODE_SIZE {
                    let error = VmError::InitCodeSize { size, limit: MAX_INITCODE_SIZE };
                    return Err(VmError::OutOfGasFor(Box::new(error)));
                }
                let word = if self.code == op::CREATE2 { 2 + 6 } else { 2 };
                sum(memory, self.words(2, word)?)
            }
            _ => Ok(0),
        }
    }

    fn write(&self) -> Result<Priced, RpcError> {
        if self.is_static() {
            return Ok(Err(protected()));
        }
        if self.left <= SENTRY {
            return Ok(Err(VmError::OutOfGasFor(Box::new(VmError::ReentrancySentry))));
        }
        let (target, slot) = (self.interpreter.input.target_address(), self.peek(0));
        let is_cold = self.world.is_slot_cold(target, slot);
        let (original_value, present_value) = self.world.slot(target, slot)?;
        let change = SStoreResult { original_value, present_value, new_value: self.peek(1) };
        let gas = self.params.sstore_static_gas() + self.params.sstore_dynamic_gas(true, &change, is_cold);
        Ok(Ok((gas, self.params.sstore_refund(true, &change))))
    }

    fn call(&self) -> Result<Priced, RpcError> {
        let has_value = matches!(self.code, op::CALL | op::CALLCODE) && !self.peek(2).is_zero();
        let out_of_gas = || Ok(Err(VmError::OutOfGasFor(Box::new(VmError::OutOfGas))));
        let to = self.address(1);
        let regions: &[_] = match self.code {
            op::CALL | op::CALLCODE => &[(5, 6), (3, 4)],
            _ => &[(4, 5), (2, 3)],
        };
        let memory = self.memory(regions);
        if self.code == op::CALL && has_value && self.is_static() && memory != Err(VmError::GasOverflow) {
            return Ok(Err(protected()));
        }
        let memory = match memory {
            Ok(memory) => memory,
            Err(error) => return Ok(Err(error)),
        };
        let mut base = self.cold(to);
        if base > self.left {
            return out_of_gas();
        }
        base += memory + if has_value { CALL_VALUE } else { 0 };
        if base > self.left {
            return out_of_gas();
        }
        if self.code == op::CALL && has_value && self.world.account(to)?.is_empty() {
            base += NEW_ACCOUNT;
        }
        if base > self.left {
            return out_of_gas();
        }
        if let Some(target) = delegate(&self.world.code(to)?) {
            base += WARM + self.cold(target);
            // What is called is warm by now.
            if target == to {
                base -= self.cold(target);
            }
        }
        if base > self.left {
            return out_of_gas();
        }
        let left = self.left - base;
        let most = left - left / 64;
        let given = u64::try_from(self.peek(0)).map_or(most, |asked| asked.min(most));
        Ok(Ok((base + given, 0)))
    }

    fn self_destruct(&self) -> Result<Priced, RpcError> {
        if self.is_static() {
            return Ok(Err(protected()));
        }
        let heir = self.address(0);
        let mut gas = if self.world.is_cold(heir) { COLD_ACCOUNT } else { 0 };
        if gas > self.left {
            return Ok(Err(VmError::OutOfGasFor(Box::new(VmError::OutOfGas))));
        }
        let own = self.world.account(self.interpreter.input.target_address())?;
        if !own.balance.is_zero() && self.world.account(heir)?.is_empty() {
            gas += NEW_ACCOUNT;
        }
        Ok(Ok((gas, 0)))
    }
}

fn overflow() -> VmError {
    VmError::OutOfGasFor(Box::new(VmError::GasOverflow))
}

fn protected() -> VmError {
    VmError::OutOfGasFor(Box::new(VmError::WriteProtection))
}
