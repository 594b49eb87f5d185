//! What a tracer is told, in the order and the words in which go-ethereum tells it.
//!
//! A step is shown before it is executed, with what it will cost, or with why it cannot be executed. A frame is shown when it
//! begins and when it ends, whether or not it has code, and so is a self-destruction.

use std::{cell::Ref, fmt};

use alloy::primitives::{Address, B256, Bytes, Log, U256};
use revm::{
    DatabaseRef,
    bytecode::OpCode,
    context::{ContextTr, Journal},
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, ReturnData},
    },
    primitives::KECCAK_EMPTY,
    state::AccountInfo,
};

use crate::{
    RpcError,
    answer::AnswerText,
    budget::Budget,
    call_state::{CallState, EvmContext},
};

/// A tracer.
pub(crate) trait RunTracer {
    /// Whether it looks at steps: what does not is spared them.
    fn has_steps(&self) -> bool {
        false
    }

    /// A transaction begins; nothing of it has happened yet.
    fn start(&mut self, _world: &mut World<'_>, _tx: &Started) -> Result<(), RpcError> {
        Ok(())
    }

    /// A frame begins, or an account destroys itself.
    fn enter(&mut self, _world: &mut World<'_>, _frame: &Entered) -> Result<(), RpcError> {
        Ok(())
    }

    /// The frame that began last and has not ended ends.
    fn exit(&mut self, _world: &mut World<'_>, _frame: &Exited<'_>) -> Result<(), RpcError> {
        Ok(())
    }

    /// A step comes.
    fn step(&mut self, _world: &mut World<'_>, _step: &TracedStep<'_>) -> Result<(), RpcError> {
        Ok(())
    }

    /// The step that was shown last failed while it was executed.
    fn fault(&mut self, _world: &mut World<'_>, _step: &TracedStep<'_>) -> Result<(), RpcError> {
        Ok(())
    }

    /// A log was written, as the one with this index in the block.
    fn log(&mut self, _world: &mut World<'_>, _log: &Log, _index: usize) -> Result<(), RpcError> {
        Ok(())
    }

    /// The transaction has ended, and all that it changed is written.
    fn end(&mut self, _world: &mut World<'_>, _gas_used: u64) -> Result<(), RpcError> {
        Ok(())
    }

    /// What it found.
    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError>;
}

/// Where a transaction stands; a call stands nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TxPlace {
    pub(crate) block_hash: Option<B256>,
    pub(crate) block_number: Option<u64>,
    pub(crate) tx_hash: Option<B256>,
    pub(crate) tx_index: usize,
}

/// A transaction that begins.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) from: Address,
    /// Whom it calls; nobody where it creates.
    pub(crate) to: Option<Address>,
    pub(crate) gas_limit: u64,
    /// What it pays for gas above the base fee.
    pub(crate) tip: U256,
    /// Who signed its authorizations (EIP-7702).
    pub(crate) authorities: Vec<Address>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    Create,
    Create2,
    SelfDestruct,
}

impl FrameKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "CALL",
            Self::CallCode => "CALLCODE",
            Self::DelegateCall => "DELEGATECALL",
            Self::StaticCall => "STATICCALL",
            Self::Create => "CREATE",
            Self::Create2 => "CREATE2",
            Self::SelfDestruct => "SELFDESTRUCT",
        }
    }

    pub(crate) const fn is_create(self) -> bool {
        matches!(self, Self::Create | Self::Create2)
    }

    pub(crate) const fn is_call(self) -> bool {
        !self.is_create() && !matches!(self, Self::SelfDestruct)
    }
}

/// A frame that begins.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    /// Frames around it.
    pub(crate) depth: usize,
    pub(crate) kind: FrameKind,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
    /// A static call has none.
    pub(crate) value: Option<U256>,
    /// It calls a precompiled contract.
    pub(crate) is_precompile: bool,
}

/// A frame that ends.
#[derive(Debug)]
pub(crate) struct Exited<'a> {
    pub(crate) depth: usize,
    pub(crate) output: &'a Bytes,
    pub(crate) gas_used: u64,
    pub(crate) error: Option<&'a VmError>,
}

/// A step before it is executed.
#[derive(Debug)]
pub(crate) struct TracedStep<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) pc: usize,
    pub(crate) op: u8,
    pub(crate) gas: u64,
    pub(crate) cost: u64,
    /// One in the outermost frame.
    pub(crate) depth: usize,
    pub(crate) refund: u64,
    /// Why it is not executed, or why it failed.
    pub(crate) error: Option<&'a VmError>,
}

impl TracedStep<'_> {
    /// The stack; its top is at the end.
    pub(crate) fn stack(&self) -> &[U256] {
        self.interpreter.stack.data()
    }

    /// The word so far below the top.
    pub(crate) fn peek(&self, place: usize) -> Option<U256> {
        let stack = self.stack();
        stack.len().checked_sub(place + 1).map(|index| stack[index])
    }

    /// The address so far below the top.
    pub(crate) fn peek_address(&self, place: usize) -> Option<Address> {
        self.peek(place).map(|word| Address::from_word(word.into()))
    }

    pub(crate) fn memory(&self) -> Ref<'_, [u8]> {
        self.interpreter.memory.context_memory()
    }

    /// A part of the memory, with zeros where that ends. None where it is too far off.
    pub(crate) fn memory_part(&self, offset: U256, length: U256) -> Option<Vec<u8>> {
        padded(&self.memory(), offset.try_into().ok()?, length.try_into().ok()?)
    }

    /// Whose code it is by its storage.
    pub(crate) fn address(&self) -> Address {
        self.interpreter.input.target_address()
    }

    pub(crate) fn caller(&self) -> Address {
        self.interpreter.input.caller_address()
    }

    pub(crate) fn value(&self) -> U256 {
        self.interpreter.input.call_value()
    }

    pub(crate) fn input(&self, world: &World<'_>) -> Bytes {
        self.interpreter.input.input().bytes_local(world.context.local())
    }

    pub(crate) fn return_data(&self) -> &[u8] {
        self.interpreter.return_data.buffer()
    }
}

/// Most bytes behind the end of the memory that a tracer may ask for: go-ethereum's limit.
const MEMORY_PADDING: usize = 1 << 20;

/// A part of a memory, with zeros behind its end.
pub(crate) fn padded(memory: &[u8], offset: usize, length: usize) -> Option<Vec<u8>> {
    let end = offset.checked_add(length)?;
    if end.saturating_sub(memory.len()) > MEMORY_PADDING {
        return None;
    }
    let mut part = memory.get(offset..end.min(memory.len())).unwrap_or_default().to_vec();
    part.resize(length, 0);
    Some(part)
}

/// The state as it is at a moment of a transaction, and what a tracer may hold.
pub(crate) struct World<'a> {
    pub(crate) context: &'a mut EvmContext,
    budget: &'a Budget,
}

impl<'a> World<'a> {
    pub(crate) const fn new(context: &'a mut EvmContext, budget: &'a Budget) -> Self {
        Self { context, budget }
    }

    /// Takes what a tracer is about to hold from the request's budget. It is given back when the request is answered.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), RpcError> {
        self.budget.take(bytes)
    }

    pub(crate) const fn budget(&self) -> &'a Budget {
        self.budget
    }

    /// An account; an empty one where there is none.
    pub(crate) fn account(&self, address: Address) -> Result<AccountInfo, RpcError> {
        Ok(existing_account(&self.context.journaled_state, address)?.unwrap_or_default())
    }

    /// The code of an account.
    pub(crate) fn code(&self, address: Address) -> Result<Bytes, RpcError> {
        code(&self.context.journaled_state, address)
    }

    /// Whose code an account's code stands for (EIP-7702).
    pub(crate) fn delegate(&self, address: Address) -> Result<Option<Address>, RpcError> {
        Ok(delegate(&self.code(address)?))
    }

    /// A slot as it is.
    pub(crate) fn storage(&self, address: Address, slot: U256) -> Result<U256, RpcError> {
        Ok(self.slot(address, slot)?.1)
    }

    /// A slot as it was before the transaction, and as it is.
    pub(crate) fn slot(&self, address: Address, key: U256) -> Result<(U256, U256), RpcError> {
        slot(&self.context.journaled_state, address, key)
    }

    /// Whether the first use of an account is yet to be paid for (EIP-2929).
    pub(crate) fn is_cold(&self, address: Address) -> bool {
        let journal = &self.context.journaled_state.inner;
        let id = journal.transaction_id;
        journal.state.get(&address).is_none_or(|account| account.is_cold_transaction_id(id))
            && journal.warm_addresses.is_cold(&address)
    }

    /// Whether the first use of a slot is yet to be paid for.
    pub(crate) fn is_slot_cold(&self, address: Address, slot: U256) -> bool {
        let journal = &self.context.journaled_state.inner;
        let id = journal.transaction_id;
        let known = journal.state.get(&address).and_then(|account| account.storage.get(&slot));
        known.is_none_or(|slot| slot.is_cold_transaction_id(id))
            && !journal.warm_addresses.is_storage_warm(&address, &slot)
    }

    pub(crate) fn is_precompile(&self, address: Address) -> bool {
        self.context.journaled_state.inner.warm_addresses.precompiles().contains(&address)
    }
}

/// A state and what a transaction has changed in it so far.
pub(crate) type LiveState = Journal<CallState>;

/// An account, if there is one.
pub(crate) fn existing_account(state: &LiveState, address: Address) -> Result<Option<AccountInfo>, RpcError> {
    match state.inner.state.get(&address) {
        Some(account) if account.is_loaded_as_not_existing() && account.info.is_empty() => Ok(None),
        Some(account) => Ok(Some(account.info.clone())),
        None => Ok(state.database.basic_ref(address)?),
    }
}

/// The code of an account.
pub(crate) fn code(state: &LiveState, address: Address) -> Result<Bytes, RpcError> {
    let info = existing_account(state, address)?.unwrap_or_default();
    match info.code {
        _ if info.code_hash == KECCAK_EMPTY || info.code_hash.is_zero() => Ok(Bytes::new()),
        Some(code) => Ok(code.original_bytes()),
        None => Ok(state.database.code_by_hash_ref(info.code_hash)?.original_bytes()),
    }
}

/// A slot as it was before the transaction, and as it is.
pub(crate) fn slot(state: &LiveState, address: Address, key: U256) -> Result<(U256, U256), RpcError> {
    if let Some(account) = state.inner.state.get(&address) {
        match account.storage.get(&key) {
            Some(slot) => return Ok((slot.original_value(), slot.present_value())),
            None if account.is_created() => return Ok((U256::ZERO, U256::ZERO)),
            None => {}
        }
    }
    let value = state.database.storage_ref(address, key)?;
    Ok((value, value))
}

/// Whose code a code stands for: `0xef0100` and an address (EIP-7702).
pub(crate) fn delegate(code: &[u8]) -> Option<Address> {
    code.strip_prefix(&[0xef, 0x01, 0x00]).filter(|rest| rest.len() == 20).map(Address::from_slice)
}

/// Why a frame fails, in go-ethereum's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VmError {
    OutOfGas,
    /// The cost could not be told, for another reason.
    OutOfGasFor(Box<Self>),
    GasOverflow,
    ReentrancySentry,
    StackUnderflow {
        length: usize,
        required: usize,
    },
    StackOverflow {
        length: usize,
        limit: usize,
    },
    InvalidOpcode(u8),
    InvalidJump,
    WriteProtection,
    ReturnDataOutOfBounds,
    Reverted,
    CodeStoreOutOfGas,
    Depth,
    InsufficientBalance,
    AddressCollision,
    CodeSize {
        size: usize,
        limit: usize,
    },
    InitCodeSize {
        size: usize,
        limit: usize,
    },
    InvalidCode,
    NonceOverflow,
    Precompile,
    Other(String),
}

impl VmError {
    /// Whether gas did not suffice, be it for the code that is stored.
    pub(crate) const fn is_out_of_gas(&self) -> bool {
        matches!(self, Self::OutOfGas | Self::OutOfGasFor(_) | Self::CodeStoreOutOfGas)
    }
}

impl fmt::Display for VmError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::OutOfGas => "out of gas",
            Self::OutOfGasFor(why) => return write!(out, "out of gas: {why}"),
            Self::GasOverflow => "gas uint64 overflow",
            Self::ReentrancySentry => "not enough gas for reentrancy sentry",
            Self::StackUnderflow { length, required } => {
                return write!(out, "stack underflow ({length} <=> {required})");
            }
            Self::StackOverflow { length, limit } => {
                return write!(out, "stack limit reached {length} ({limit})");
            }
            Self::InvalidOpcode(op) => return write!(out, "invalid opcode: {}", op_name(*op)),
            Self::InvalidJump => "invalid jump destination",
            Self::WriteProtection => "write protection",
            Self::ReturnDataOutOfBounds => "return data out of bounds",
            Self::Reverted => "execution reverted",
            Self::CodeStoreOutOfGas => "contract creation code storage out of gas",
            Self::Depth => "max call depth exceeded",
            Self::InsufficientBalance => "insufficient balance for transfer",
            Self::AddressCollision => "contract address collision",
            Self::CodeSize { size, limit } => {
                return write!(out, "max code size exceeded: code size {size} limit {limit}");
            }
            Self::InitCodeSize { size, limit } => {
                return write!(out, "max initcode size exceeded: code size {size} limit {limit}");
            }
            Self::InvalidCode => "invalid code: must not begin with 0xef",
            Self::NonceOverflow => "nonce uint64 overflow",
            Self::Precompile => "precompiled contract failed",
            Self::Other(text) => text,
        };
        out.write_str(text)
    }
}

/// The name of an operation.
pub(crate) fn op_name(op: u8) -> String {
    OpCode::new(op).map_or_else(|| format!("opcode {op:#x} not defined"), |op| op.as_str().into())
}
