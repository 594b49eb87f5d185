//! Instructions that look at the run that they are part of.
//!
//! They are those that a run which takes long, or holds much, cannot do without: where jumps end, calls, writes, logs, and what works
//! on as many bytes as it is told. Between two of them code runs straight on.

use revm::{
    bytecode::opcode as op,
    context::{ContextTr, JournalEntry, LocalContextTr},
    context_interface::{JournalTr, context::ContextError},
    handler::instructions::EthInstructions,
    inspector::JournalExt,
    interpreter::{
        Instruction, InstructionContext, Interpreter,
        instructions::{arithmetic, contract, host, memory, system},
        interpreter::EthInterpreter,
        interpreter_types::{LegacyBytecode, LoopControl, ReturnData},
    },
    primitives::U256,
};

use super::{RpcError, call_state::EvmContext, meter::Meter};

/// An instruction that works on more bytes than this looks first.
const MUCH: U256 = U256::from_limbs([16 << 10, 0, 0, 0]);

/// Bytes to hash or to copy that take as long as some jumps.
const PIECE: usize = 256;

/// What EXP counts for: a long exponent takes 256 squarings.
const EXPONENT: u32 = 8;

/// On a network's thread, each so many bytes of a code count for a jump: they may all lie between two.
const STRAIGHT: usize = 1024;

/// Bytes of an entry of the journal. It grows to twice its size at a time.
const JOURNAL_ENTRY: usize = 2 * size_of::<JournalEntry>();

/// An instruction that is about to be executed.
type Step<'a> = InstructionContext<'a, EvmContext, EthInterpreter>;

/// Looks at a run. `false`: it must end.
fn look(interpreter: &mut Interpreter, context: &mut EvmContext) -> bool {
    let depth = context.journal_ref().depth();
    let memory = context.local().shared_memory_buffer().borrow().capacity();
    let journal = context.journal_ref().journal().len() * JOURNAL_ENTRY;
    let looked = meter(context).look(depth, memory + journal, interpreter.return_data.buffer().len());
    go_on(looked, interpreter, context)
}

/// Looks at a run that has done so much since the last look, if that is enough.
fn look_after(work: u32, interpreter: &mut Interpreter, context: &mut EvmContext) -> bool {
    !meter(context).count(work) || look(interpreter, context)
}

/// Looks at a run that is about to work on so many bytes at once.
fn look_at_much(size: U256, interpreter: &mut Interpreter, context: &mut EvmContext) -> bool {
    if size <= MUCH {
        return look_after(1 + (size.saturating_to::<usize>() / PIECE) as u32, interpreter, context);
    }
    let may_be_long = meter(context).check_long();
    go_on(may_be_long, interpreter, context) && look(interpreter, context)
}

/// Ends a run that may not go on.
fn go_on(looked: Result<(), RpcError>, interpreter: &mut Interpreter, context: &mut EvmContext) -> bool {
    let Err(error) = looked else { return true };
    stop(error, context);
    interpreter.halt_fatal();
    false
}

/// Tells the EVM that it must end.
pub(crate) fn stop(error: RpcError, context: &mut EvmContext) {
    if context.error().is_ok() {
        *context.error() = Err(ContextError::Custom(error.to_string()));
    }
    meter(context).refuse(error);
}

const fn meter(context: &mut EvmContext) -> &mut Meter {
    &mut context.journaled_state.database.db.meter
}

fn jump_destination(step: Step<'_>) {
    let straight = match meter(step.host).check_long() {
        Ok(()) => 0,
        Err(_) => step.interpreter.bytecode.bytecode_len() / STRAIGHT,
    };
    look_after(1 + straight as u32, step.interpreter, step.host);
}

/// An instruction that counts for so much.
macro_rules! counts {
    ($name:ident, $work:expr, $execute:expr) => {
        fn $name(step: Step<'_>) {
            if look_after($work, step.interpreter, step.host) {
                $execute(step);
            }
        }
    };
}

counts!(exponent, EXPONENT, arithmetic::exp);
counts!(store, 1, host::sstore);
counts!(store_transient, 1, host::tstore);

/// An instruction that looks first.
macro_rules! looks {
    ($name:ident, $execute:expr) => {
        fn $name(step: Step<'_>) {
            if look(step.interpreter, step.host) {
                $execute(step);
            }
        }
    };
}

looks!(create, contract::create::<_, false, _>);
looks!(create2, contract::create::<_, true, _>);
looks!(call, contract::call);
looks!(call_code, contract::call_code);
looks!(delegate_call, contract::delegate_call);
looks!(static_call, contract::static_call);

/// An instruction that works on as many bytes as the stack says at a place.
macro_rules! works_on {
    ($name:ident, $place:literal, $execute:expr) => {
        fn $name(step: Step<'_>) {
            let size = step.interpreter.stack.peek($place).unwrap_or_default();
            if look_at_much(size, step.interpreter, step.host) {
                $execute(step);
            }
        }
    };
}

works_on!(keccak, 1, system::keccak256);
works_on!(copy_input, 2, system::calldatacopy);
works_on!(copy_code, 2, system::codecopy);
works_on!(copy_returned, 2, system::returndatacopy);
works_on!(copy_memory, 2, memory::mcopy);
works_on!(copy_other_code, 3, host::extcodecopy);

fn log<const TOPICS: usize>(step: Step<'_>) {
    let size = step.interpreter.stack.peek(1).unwrap_or_default();
    if !look_at_much(size, step.interpreter, step.host) {
        return;
    }
    host::log::<TOPICS, _>(Step { interpreter: &mut *step.interpreter, host: &mut *step.host });
    // One that failed left none, whatever its size was said to be.
    if step.interpreter.bytecode.is_not_end() {
        meter(step.host).log(size.saturating_to());
    }
}

/// Lets the instructions of a run look at it.
pub(crate) fn measure(instructions: &mut EthInstructions<EthInterpreter, EvmContext>) {
    let looking: [(u8, fn(Step<'_>)); 21] = [
        (op::JUMPDEST, jump_destination),
        (op::EXP, exponent),
        (op::SSTORE, store),
        (op::TSTORE, store_transient),
        (op::CREATE, create),
        (op::CREATE2, create2),
        (op::CALL, call),
        (op::CALLCODE, call_code),
        (op::DELEGATECALL, delegate_call),
        (op::STATICCALL, static_call),
        (op::KECCAK256, keccak),
        (op::CALLDATACOPY, copy_input),
        (op::CODECOPY, copy_code),
        (op::RETURNDATACOPY, copy_returned),
        (op::MCOPY, copy_memory),
        (op::EXTCODECOPY, copy_other_code),
        (op::LOG0, log::<0>),
        (op::LOG1, log::<1>),
        (op::LOG2, log::<2>),
        (op::LOG3, log::<3>),
        (op::LOG4, log::<4>),
    ];
    for (code, execute) in looking {
        let price = instructions.instruction_table[usize::from(code)].static_gas();
        instructions.insert_instruction(code, Instruction::new(execute, price));
    }
}
