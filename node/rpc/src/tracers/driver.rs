//! Tells a tracer what revm does, as go-ethereum would have told it.

use std::time::Instant;

use alloy::primitives::{Address, Bytes, Log, U256};
use op_revm::{OpTransaction, transaction::OpTxTr};
use revm::{
    bytecode::{OpCode, opcode},
    context::{Cfg, ContextTr, TxEnv},
    context_interface::{CreateScheme, Transaction, transaction::AuthorizationTr},
    interpreter::{
        CallInputs, CallScheme, CreateInputs, Gas, InstructionResult, Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl},
    },
    primitives::{eip170::MAX_CODE_SIZE, eip3860::MAX_INITCODE_SIZE},
};

use super::{
    cost::{STACK_LIMIT, StepCost, cost},
    hooks::{Entered, Exited, FrameKind, RunTracer, Started, TracedStep, VmError, World, delegate},
};
use crate::{RpcError, answer::AnswerText};

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u32 = 512;

/// Refund of an authorization of an account that exists (EIP-7702).
const AUTHORIZATION_REFUND: u64 = 12_500;

/// A frame that has not ended.
#[derive(Debug)]
struct Open {
    /// What its own steps have added to the refund.
    refund: i64,
    /// It returned: if it fails now, then at storing its code.
    has_returned: bool,
    /// It creates from no code, for which revm executes a step that go-ethereum does not.
    is_idle: bool,
}

/// The step that came last.
#[derive(Debug, Default)]
struct Last {
    pc: usize,
    op: u8,
    gas: u64,
    cost: StepCost,
    stack: usize,
    refund: u64,
    /// Length of the code that it creates from.
    size: usize,
    /// What a self-destruction leaves, and to whom.
    left: Option<(Address, Address, U256)>,
}

/// Whether each step is priced before it is executed. That takes longer than to execute it; without it, why a step failed is
/// not always known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasons {
    /// Only where the tracer shows prices.
    Cheap,
    /// Where a step may fail for reasons that revm does not tell apart.
    All,
}

/// A tracer, and where its transaction stands.
pub(crate) struct Driver {
    tracer: Box<dyn RunTracer>,
    has_steps: bool,
    reasons: Reasons,
    lacks_reason: bool,
    frames: Vec<Open>,
    last: Last,
    /// Refund of what came before the first step.
    refund: u64,
    /// Logs of the block before this transaction.
    logs: usize,
    /// When the trace must have ended.
    deadline: Option<Instant>,
    steps: u32,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Driver").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Driver {
    pub(crate) fn new(
        tracer: Box<dyn RunTracer>,
        logs: usize,
        deadline: Option<Instant>,
        reasons: Reasons,
    ) -> Self {
        let has_steps = tracer.has_steps();
        let (frames, last) = (Vec::new(), Last::default());
        let lacks_reason = false;
        Self { tracer, has_steps, reasons, lacks_reason, frames, last, refund: 0, logs, deadline, steps: 0 }
    }

    /// Whether a step failed of which only its price could have told why.
    pub(crate) const fn lacks_reason(&self) -> bool {
        self.lacks_reason
    }

    fn check_time(&mut self) -> Result<(), RpcError> {
        self.steps = 0;
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(RpcError::refused("execution timeout")),
            _ => Ok(()),
        }
    }

    /// A transaction begins.
    pub(crate) fn start(&mut self, world: &mut World<'_>, tx: &OpTransaction<TxEnv>) -> Result<(), RpcError> {
        self.check_time()?;
        let base_fee = U256::from(world.context.block.basefee);
        let most = U256::from(tx.base.gas_price).saturating_sub(base_fee);
        let tip = tx.base.gas_priority_fee.map_or(most, |tip| most.min(U256::from(tip)));
        let authorities = tx.base.authorization_list.iter().filter_map(AuthorizationTr::authority).collect();
        self.refund = authorization_refund(world, &tx.base)?;
        let to = tx.base.kind.to().copied();
        let (from, gas_limit) = (tx.base.caller, tx.base.gas_limit);
        let tip = if tx.is_deposit() { U256::ZERO } else { tip };
        self.tracer.start(world, &Started { from, to, gas_limit, tip, authorities })
    }

    /// The transaction has ended and is committed.
    pub(crate) fn end(&mut self, world: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        self.tracer.end(world, gas_used)
    }

    pub(crate) fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        self.tracer.result(world)
    }

    pub(crate) fn call(&mut self, world: &mut World<'_>, inputs: &CallInputs) -> Result<(), RpcError> {
        let kind = match inputs.scheme {
            CallScheme::Call => FrameKind::Call,
            CallScheme::CallCode => FrameKind::CallCode,
            CallScheme::DelegateCall => FrameKind::DelegateCall,
            CallScheme::StaticCall => FrameKind::StaticCall,
        };
        let from = if kind == FrameKind::DelegateCall { inputs.target_address } else { inputs.caller };
        self.enter(
            world,
            Entered {
                depth: self.frames.len(),
                kind,
                from,
                to: inputs.bytecode_address,
                input: inputs.input.bytes_local(world.context.local()),
                gas: inputs.gas_limit,
                value: (kind != FrameKind::StaticCall).then(|| inputs.value.get()),
                is_precompile: world.is_precompile(inputs.bytecode_address),
            },
        )
    }

    pub(crate) fn create(&mut self, world: &mut World<'_>, inputs: &CreateInputs) -> Result<(), RpcError> {
        let nonce = world.account(inputs.caller())?.nonce;
        let kind = match inputs.scheme() {
            CreateScheme::Create2 { .. } => FrameKind::Create2,
            _ => FrameKind::Create,
        };
        self.enter(
            world,
            Entered {
                depth: self.frames.len(),
                kind,
                from: inputs.caller(),
                to: inputs.created_address(nonce),
                input: inputs.init_code().clone(),
                gas: inputs.gas_limit(),
                value: Some(inputs.value()),
                is_precompile: false,
            },
        )
    }

    fn enter(&mut self, world: &mut World<'_>, frame: Entered) -> Result<(), RpcError> {
        self.check_time()?;
        let is_idle = frame.kind.is_create() && frame.input.is_empty();
        self.frames.push(Open { refund: 0, has_returned: false, is_idle });
        self.last = Last::default();
        self.tracer.enter(world, &frame)
    }

    /// The innermost frame ends.
    pub(crate) fn leave(
        &mut self,
        world: &mut World<'_>,
        result: InstructionResult,
        limit: u64,
        gas: &Gas,
        output: &Bytes,
    ) -> Result<(), RpcError> {
        let has_returned = self.frames.pop().is_some_and(|frame| frame.has_returned);
        let error = match result {
            result if result.is_ok() => None,
            InstructionResult::OutOfGas if has_returned => Some(VmError::CodeStoreOutOfGas),
            result => Some(self.error(result, output.len())),
        };
        let is_spent = !result.is_ok() && !result.is_revert();
        if is_spent && !self.has_steps && self.reasons == Reasons::Cheap && has_reasons(self.last.op) {
            self.lacks_reason = true;
        }
        let gas_used = if is_spent { limit } else { limit.saturating_sub(gas.remaining()) };
        let (depth, error) = (self.frames.len(), error.as_ref());
        self.last = Last::default();
        self.tracer.exit(world, &Exited { depth, output, gas_used, error })
    }

    pub(crate) fn step(&mut self, world: &mut World<'_>, interpreter: &Interpreter) -> Result<(), RpcError> {
        let op = interpreter.bytecode.opcode();
        let gas = interpreter.gas.remaining();
        if let Some(frame) = self.frames.last_mut() {
            if frame.is_idle {
                return Ok(());
            }
            frame.refund = interpreter.gas.refunded();
        }
        let peek = |place: usize| interpreter.stack.peek(place).unwrap_or_default();
        self.last = Last {
            pc: interpreter.bytecode.pc(),
            op,
            gas,
            stack: interpreter.stack.len(),
            ..Last::default()
        };
        match op {
            opcode::SELFDESTRUCT => {
                let own = interpreter.input.target_address();
                let heir = Address::from_word(peek(0).into());
                self.last.left = Some((own, heir, world.account(own)?.balance));
            }
            opcode::CREATE | opcode::CREATE2 => self.last.size = peek(2).saturating_to(),
            _ => {}
        }
        if !self.has_steps && (self.reasons == Reasons::Cheap || !has_reasons(op)) {
            return Ok(());
        }
        self.last.cost = cost(interpreter, gas, world.context.cfg.gas_params(), world)?;
        if !self.has_steps {
            return Ok(());
        }
        self.steps += 1;
        if self.steps >= STEPS_BETWEEN_LOOKS {
            self.check_time()?;
        }
        let so_far: i64 = self.frames.iter().map(|frame| frame.refund).sum();
        let refund = (self.refund as i64).saturating_add(so_far).saturating_add(self.last.cost.refund);
        self.last.refund = refund.max(0) as u64;
        let step = show(&self.last, interpreter, self.frames.len(), self.last.cost.error.as_ref());
        self.tracer.step(world, &step)
    }

    pub(crate) fn step_end(
        &mut self,
        world: &mut World<'_>,
        interpreter: &mut Interpreter,
    ) -> Result<(), RpcError> {
        let Some(result) = interpreter.bytecode.instruction_result() else { return Ok(()) };
        if result.is_ok() {
            if let Some(frame) = self.frames.last_mut() {
                frame.has_returned = true;
            }
            if result == InstructionResult::SelfDestruct
                && let Some((from, to, value)) = self.last.left.take()
            {
                let (depth, input) = (self.frames.len(), Bytes::new());
                let kind = FrameKind::SelfDestruct;
                let value = Some(value);
                let frame = Entered { depth, kind, from, to, input, gas: 0, value, is_precompile: false };
                self.tracer.enter(world, &frame)?;
                let exited = Exited { depth, output: &frame.input, gas_used: 0, error: None };
                self.tracer.exit(world, &exited)?;
            }
        } else if self.has_steps && self.last.cost.error.is_none() {
            let error = self.error(result, 0);
            let step = show(&self.last, interpreter, self.frames.len(), Some(&error));
            self.tracer.fault(world, &step)?;
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, world: &mut World<'_>, log: &Log) -> Result<(), RpcError> {
        let index = self.logs + world.context.journaled_state.inner.logs.len().saturating_sub(1);
        self.tracer.log(world, log, index)
    }

    /// Why the frame failed in whose code the last step was.
    fn error(&self, result: InstructionResult, output: usize) -> VmError {
        use InstructionResult as Result;
        let Last { op, stack, size, ref cost, .. } = self.last;
        let code = OpCode::new(op);
        let required = usize::from(code.map_or(0, |code| code.inputs()));
        let refused = |error| VmError::OutOfGasFor(Box::new(error));
        match result {
            Result::Revert => VmError::Reverted,
            Result::CallTooDeep => VmError::Depth,
            Result::OutOfFunds => VmError::InsufficientBalance,
            Result::CreateCollision => VmError::AddressCollision,
            Result::CreateContractSizeLimit => VmError::CodeSize { size: output, limit: MAX_CODE_SIZE },
            Result::CreateContractStartingWithEF => VmError::InvalidCode,
            Result::NonceOverflow => VmError::NonceOverflow,
            Result::PrecompileOOG => VmError::OutOfGas,
            Result::PrecompileError => VmError::Precompile,
            _ if cost.error.is_some() => cost.error.clone().unwrap_or(VmError::OutOfGas),
            // The stack comes first. For revm, the gas does, and whoever doubles or swaps what is not there overflows.
            _ if stack < required => VmError::StackUnderflow { length: stack, required },
            Result::StackUnderflow => VmError::StackUnderflow { length: stack, required },
            Result::StackOverflow => {
                let grows = code.map_or(1, |op| op.io_diff()).max(1).unsigned_abs();
                VmError::StackOverflow { length: stack, limit: STACK_LIMIT - usize::from(grows) }
            }
            Result::OutOfGas | Result::MemoryOOG | Result::MemoryLimitOOG => VmError::OutOfGas,
            Result::InvalidOperandOOG => VmError::GasOverflow,
            Result::ReentrancySentryOOG => refused(VmError::ReentrancySentry),
            Result::OpcodeNotFound | Result::InvalidFEOpcode | Result::NotActivated => {
                VmError::InvalidOpcode(op)
            }
            Result::StateChangeDuringStaticCall | Result::CallNotAllowedInsideStatic => match op {
                opcode::TSTORE | opcode::LOG0..=opcode::LOG4 => VmError::WriteProtection,
                _ => refused(VmError::WriteProtection),
            },
            Result::InvalidJump => VmError::InvalidJump,
            Result::OutOfOffset => VmError::ReturnDataOutOfBounds,
            Result::CreateInitCodeSizeLimit => {
                refused(VmError::InitCodeSize { size, limit: MAX_INITCODE_SIZE })
            }
            other => VmError::Other(format!("{other:?}")),
        }
    }
}

/// Whether an operation may fail for reasons that revm does not tell apart.
const fn has_reasons(op: u8) -> bool {
    matches!(
        op,
        opcode::CALL
            | opcode::CALLCODE
            | opcode::DELEGATECALL
            | opcode::STATICCALL
            | opcode::SELFDESTRUCT
            | opcode::CREATE
            | opcode::CREATE2
            | opcode::MLOAD
            | opcode::MSTORE
            | opcode::MSTORE8
            | opcode::MCOPY
            | opcode::KECCAK256
            | opcode::CALLDATACOPY
            | opcode::CODECOPY
            | opcode::EXTCODECOPY
            | opcode::RETURNDATACOPY
            | opcode::RETURN
            | opcode::REVERT
            | opcode::LOG0..=opcode::LOG4
    )
}

/// The last step, as a tracer is shown it.
const fn show<'a>(
    last: &Last,
    interpreter: &'a Interpreter,
    depth: usize,
    error: Option<&'a VmError>,
) -> TracedStep<'a> {
    let Last { pc, op, gas, refund, .. } = *last;
    TracedStep { interpreter, pc, op, gas, cost: last.cost.gas, depth, refund, error }
}

/// What authorizations add to the refund before the first step (EIP-7702): a part of their price for each account that was
/// there already.
fn authorization_refund(world: &World<'_>, tx: &TxEnv) -> Result<u64, RpcError> {
    /// What earlier authorizations made of an account.
    struct Known {
        address: Address,
        nonce: u64,
    }
    let mut known: Vec<Known> = Vec::new();
    let mut refund = 0;
    for authorization in tx.authorization_list() {
        let chain = authorization.chain_id();
        let is_here = chain.is_zero() || chain == U256::from(world.context.cfg.chain_id());
        let Some(address) = authorization.authority().filter(|_| is_here) else { continue };
        let account = world.account(address)?;
        let code = world.code(address)?;
        let before = known.iter_mut().find(|known| known.address == address);
        let sent = u64::from(address == tx.caller);
        let nonce = before.as_ref().map_or(account.nonce + sent, |known| known.nonce);
        let is_open = code.is_empty() || delegate(&code).is_some();
        if !is_open || nonce != authorization.nonce() || nonce == u64::MAX {
            continue;
        }
        if before.is_some() || sent > 0 || !account.is_empty() {
            refund += AUTHORIZATION_REFUND;
        }
        match before {
            Some(before) => before.nonce += 1,
            None => known.push(Known { address, nonce: nonce + 1 }),
        }
    }
    Ok(refund)
}
