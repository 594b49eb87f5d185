//! Tracers that are scripts: go-ethereum's interface for JavaScript, on QuickJS.
//!
//! The engine has limits of its own on memory and stack, and asks whether to go on after every so many steps. What its
//! functions do between two steps it cannot be asked about, so a script runs on a thread of its own, which is left to itself
//! when it does not end in time ([`apart`]).

mod engine;
mod natives;
mod shared;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use alloy::primitives::{U256, hex};
use revm::bytecode::opcode;
use serde_json::{Value, json};

use self::engine::{Function, ScriptEngine};
use super::hooks::{Entered, Exited, FrameKind, RunTracer, Started, TracedStep, TxPlace, World};
use crate::{RpcError, answer::AnswerText, budget::Budget, work};

/// Most scripts that run at a time. One that does not end keeps its place.
const MAX_SCRIPTS: usize = 4;

/// How long one is waited for behind the end of its time.
const GRACE: Duration = Duration::from_millis(500);

/// Stack of a script's thread, of which the engine may take a part.
const THREAD_STACK: usize = 4 << 20;

/// Scripts that run.
static SCRIPTS: AtomicUsize = AtomicUsize::new(0);

/// A place among the scripts that run.
struct Turn;

impl Turn {
    fn take() -> Result<Self, RpcError> {
        let taken = SCRIPTS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |scripts| {
            (scripts < MAX_SCRIPTS).then_some(scripts + 1)
        });
        match taken {
            Ok(_) => Ok(Self),
            Err(_) => Err(RpcError::Limit("too many tracers in JavaScript at once: try again later".into())),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        SCRIPTS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does work of this request in which scripts run, on a thread of its own.
pub(crate) fn apart<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, RpcError> + Send + 'static,
) -> Result<R, RpcError> {
    let turn = Turn::take()?;
    let request = work::current();
    let time = request.budget.time_left() + GRACE;
    let (sender, receiver) = channel();
    let run = move || {
        let result = request.here(work);
        drop(turn);
        // Nobody waits any more if it took too long.
        let _ = sender.send(result);
    };
    thread::Builder::new()
        .name("tracer script".into())
        .stack_size(THREAD_STACK)
        .spawn(run)
        .map_err(RpcError::internal)?;
    receiver.recv_timeout(time).map_err(|error| match error {
        RecvTimeoutError::Timeout => RpcError::Limit("tracer does not end: it is not waited for".into()),
        RecvTimeoutError::Disconnected => RpcError::Internal,
    })?
}

/// The tracer.
pub(crate) struct ScriptTracer {
    engine: ScriptEngine,
    has_steps: bool,
    has_frames: bool,
    /// What the script's last function is given besides the state.
    context: BTreeMap<&'static str, Value>,
    /// The frame and the length of the memory that the engine was given, unless it may have changed.
    memory: Option<(usize, usize)>,
}

fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    json!(["bytes", hex::encode(bytes)])
}

fn big(number: U256) -> Value {
    json!(["big", format!("{number:x}")])
}

fn plain(value: impl Into<Value>) -> Value {
    json!(["", value.into()])
}

impl ScriptTracer {
    pub(crate) fn new(
        code: &str,
        config: &str,
        place: TxPlace,
        deadline: Option<Instant>,
    ) -> Result<Self, RpcError> {
        let budget: Arc<Budget> = work::current().budget;
        let (engine, functions) = ScriptEngine::new(code, config, budget, deadline)?;
        let mut context = BTreeMap::new();
        if let Some(hash) = place.block_hash {
            context.insert("blockHash", bytes(hash));
            if let Some(hash) = place.tx_hash {
                context.insert("txIndex", plain(place.tx_index));
                context.insert("txHash", bytes(hash));
            }
        }
        let (has_steps, has_frames) = (functions.contains("step"), functions.contains("frames"));
        Ok(Self { engine, has_steps, has_frames, context, memory: None })
    }

    /// Shows the script a step.
    fn show(&mut self, world: &World<'_>, step: &TracedStep<'_>) {
        let memory = step.memory();
        let mut data = self.engine.data();
        data.numbers[..8].copy_from_slice(&[
            step.pc as f64,
            step.gas as f64,
            step.cost as f64,
            step.depth as f64,
            step.refund as f64,
            f64::from(step.op),
            step.stack().len() as f64,
            memory.len() as f64,
        ]);
        data.error = step.error.map(ToString::to_string);
        data.op = step.op;
        data.stack.clear();
        data.stack.extend_from_slice(step.stack());
        if self.memory != Some((step.depth, memory.len())) {
            data.memory.clear();
            data.memory.extend_from_slice(&memory);
        }
        (data.caller, data.address, data.value) = (step.caller(), step.address(), step.value());
        data.input = step.input(world);
        self.memory = Some((step.depth, memory.len())).filter(|_| !changes_memory(step.op));
    }
}

/// Whether an operation may change the memory without a change of its length.
const fn changes_memory(op: u8) -> bool {
    matches!(
        op,
        opcode::MSTORE
            | opcode::MSTORE8
            | opcode::MCOPY
            | opcode::CALLDATACOPY
            | opcode::CODECOPY
            | opcode::EXTCODECOPY
            | opcode::RETURNDATACOPY
            | opcode::CALL
            | opcode::CALLCODE
            | opcode::DELEGATECALL
            | opcode::STATICCALL
            | opcode::CREATE
            | opcode::CREATE2
    )
}

impl RunTracer for ScriptTracer {
    /// Faults are steps, too.
    fn has_steps(&self) -> bool {
        true
    }

    fn start(&mut self, world: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.engine.know(world);
        let block = &world.context.block;
        self.context.insert("block", plain(block.number.saturating_to::<u64>()));
        self.context.insert("coinbase", bytes(block.beneficiary));
        self.context.insert("gas", plain(tx.gas_limit));
        self.context.insert("gasPrice", big(tx.tip));
        Ok(())
    }

    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        self.memory = None;
        if frame.depth == 0 {
            let kind = if frame.kind == FrameKind::Create { "CREATE" } else { "CALL" };
            self.context.insert("type", plain(kind));
            self.context.insert("from", bytes(frame.from));
            self.context.insert("to", bytes(frame.to));
            self.context.insert("input", bytes(&frame.input));
            self.context.insert("value", big(frame.value.unwrap_or_default()));
            return Ok(());
        }
        if !self.has_frames {
            return Ok(());
        }
        {
            let mut data = self.engine.data();
            data.numbers[8] = frame.gas as f64;
            data.frame_texts[0] = Some(frame.kind.name().into());
            data.frame_texts[1] = frame.value.map(|value| format!("{value:x}"));
            data.frame_bytes[0] = frame.from.to_vec().into();
            data.frame_bytes[1] = frame.to.to_vec().into();
            data.frame_bytes[2] = frame.input.clone();
        }
        self.engine.call(world, Function::Enter)
    }

    fn exit(&mut self, world: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        self.memory = None;
        let error = frame.error.map(ToString::to_string);
        if frame.depth == 0 {
            if let Some(error) = error {
                self.context.insert("error", plain(error));
            }
            self.context.insert("output", bytes(frame.output));
            return Ok(());
        }
        if !self.has_frames {
            return Ok(());
        }
        {
            let mut data = self.engine.data();
            data.numbers[9] = frame.gas_used as f64;
            data.frame_texts[2] = error;
            data.frame_bytes[3] = frame.output.clone();
        }
        self.engine.call(world, Function::Exit)
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        self.show(world, step);
        if self.has_steps { self.engine.call(world, Function::Step) } else { Ok(()) }
    }

    fn fault(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        // All else is as the step was shown.
        self.engine.data().error = step.error.map(ToString::to_string);
        self.engine.call(world, Function::Fault)
    }

    fn end(&mut self, _: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        self.context.insert("gasUsed", plain(gas_used));
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        let context = serde_json::to_string(&self.context).map_err(RpcError::internal)?;
        let text = self.engine.result(world, &context)?;
        AnswerText::of_json(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_in_its_time_is_left_to_itself() {
        let nobody = work::current();
        let time = Duration::from_millis(50);
        let budget = nobody.budget.within(crate::budget::Scope::Request, 1 << 20).for_at_most(time);
        let start = Instant::now();
        let refused = work::Request::new(Arc::new(budget), nobody.peer.clone()).here(|| {
            apart(|| {
                thread::sleep(Duration::from_secs(3));
                Ok(())
            })
        });
        assert_eq!(refused.unwrap_err().to_string(), "tracer does not end: it is not waited for");
        assert!(start.elapsed() < Duration::from_secs(2));
        // What ends is answered.
        assert_eq!(nobody.here(|| apart(|| Ok(7))).unwrap(), 7);
    }
}
