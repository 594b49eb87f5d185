//! Tracers that go-ethereum keeps for those who still use them, and that it has as scripts: the disassembler's
//! (`evmdisTracer`) and the one that makes frames of steps (`callTracerLegacy`).

use std::collections::BTreeMap;

use alloy::primitives::{Address, Bytes, U256};
use revm::bytecode::{OpCode, opcode};
use serde::Serialize;
use serde_json::{Value, json};

use super::hooks::{Entered, Exited, FrameKind, RunTracer, Started, TracedStep, World, op_name};
use crate::{RpcError, answer::AnswerText};

/// Bytes that a step of the disassembler takes, as it is kept and as it is shown, and for each byte of a call's input.
const STEP: usize = 512;
const INPUT_BYTE: usize = 24;

/// Bytes that a frame takes.
const FRAME: usize = 1 << 10;

/// A step, or a call with its steps.
#[derive(Debug, Default, Serialize)]
struct Dissected {
    op: Value,
    depth: usize,
    result: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pc: Option<usize>,
    #[serde(flatten)]
    call: Option<DissectedCall>,
    #[serde(skip)]
    code: u8,
}

#[derive(Debug, Serialize)]
struct DissectedCall {
    gas: Value,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    input: BTreeMap<usize, u8>,
    error: Option<String>,
    #[serde(rename = "return")]
    returned: Option<BTreeMap<usize, u8>>,
    ops: Vec<Dissected>,
}

/// The disassembler's tracer: steps with what they leave on the stack, those of calls within them.
#[derive(Debug)]
pub(crate) struct DisassemblyTracer {
    /// The steps of each open call; those of the transaction first.
    open: Vec<Vec<Dissected>>,
}

impl DisassemblyTracer {
    pub(crate) fn new() -> Self {
        Self { open: vec![Vec::new()] }
    }

    /// Puts the steps of calls that have ended into them, down to a depth.
    fn close(&mut self, depth: usize) {
        while self.open.len() > depth.max(1) {
            let Some(ops) = self.open.pop() else { return };
            let call = self
                .open
                .last_mut()
                .and_then(|steps| steps.iter_mut().rev().find(|step| step.call.is_some()));
            if let Some(call) = call.and_then(|step| step.call.as_mut()) {
                call.ops = ops;
            }
        }
    }
}

/// How many words an operation leaves of which the disassembler asks.
fn results_of(op: u8) -> usize {
    match op {
        opcode::DUP1..=opcode::DUP16 => usize::from(op - opcode::DUP1) + 2,
        opcode::SWAP1..=opcode::SWAP16 => usize::from(op - opcode::SWAP1) + 2,
        // Later operations are none that it knows.
        opcode::DELEGATECALL | opcode::STATICCALL | opcode::PUSH0 | opcode::MCOPY | opcode::CREATE2 => 0,
        opcode::SHL..=opcode::CLZ | opcode::EXTCODEHASH | opcode::TLOAD => 0,
        opcode::RETURNDATASIZE | opcode::CHAINID..=opcode::BLOBBASEFEE => 0,
        _ => OpCode::new(op).map_or(0, |op| op.outputs().into()),
    }
}

/// Bytes as a script's JSON has them: by their places.
fn places(bytes: Vec<u8>) -> BTreeMap<usize, u8> {
    bytes.into_iter().enumerate().collect()
}

/// A number as a script's JSON has it.
fn number(word: U256) -> Value {
    u64::try_from(word).map_or_else(|_| json!(f64::from(word)), Value::from)
}

impl RunTracer for DisassemblyTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        if let Some(error) = step.error {
            // Where it happens in the transaction's own code, it is not shown.
            let caller = self.open.len().checked_sub(2).and_then(|depth| self.open.get_mut(depth));
            let call = caller.and_then(|steps| steps.last_mut()).and_then(|step| step.call.as_mut());
            if let Some(call) = call {
                call.error = Some(error.to_string());
            }
            return Ok(());
        }
        if step.depth != self.open.len() {
            self.close(step.depth);
            return Ok(());
        }
        world.take(STEP)?;
        if let Some(before) = self.open.last_mut().and_then(|steps| steps.last_mut()) {
            let left = (0..results_of(before.code)).map_while(|place| step.peek(place));
            before.result.extend(left.map(|word| format!("{word:x}")));
        }
        let peek = |place| step.peek(place).unwrap_or_default();
        let mut next =
            Dissected { op: json!(step.op), depth: step.depth, code: step.op, ..Dissected::default() };
        let place = match step.op {
            opcode::CALL | opcode::CALLCODE => Some(3),
            opcode::DELEGATECALL | opcode::STATICCALL => Some(2),
            _ => None,
        };
        if let Some(place) = place {
            let input = step.memory_part(peek(place), peek(place + 1)).unwrap_or_default();
            world.take(INPUT_BYTE * input.len())?;
            let has_value = place == 3;
            if !has_value {
                next.op = json!(op_name(step.op));
            }
            next.call = Some(DissectedCall {
                gas: number(peek(0)),
                to: format!("{:x}", peek(1)),
                value: has_value.then(|| peek(2).to_string()),
                input: places(input),
                error: None,
                returned: None,
                ops: Vec::new(),
            });
        }
        let returned = match step.op {
            opcode::RETURN | opcode::REVERT => step.memory_part(peek(0), peek(1)),
            opcode::STOP | opcode::SELFDESTRUCT => Some(Vec::new()),
            _ => None,
        };
        if let Some(returned) = returned {
            world.take(INPUT_BYTE * returned.len())?;
            let depth = self.open.len();
            let caller = depth.checked_sub(2).and_then(|depth| self.open.get_mut(depth));
            let call = caller.and_then(|steps| steps.last_mut()).and_then(|step| step.call.as_mut());
            if let Some(call) = call {
                call.returned = Some(places(returned));
            }
        }
        next.pc = (step.op == opcode::JUMPDEST).then_some(step.pc);
        next.len = (opcode::PUSH0..=opcode::PUSH32).contains(&step.op).then(|| step.op - 0x5e);
        let is_call = next.call.is_some();
        if let Some(steps) = self.open.last_mut() {
            steps.push(next);
        }
        if is_call {
            self.open.push(Vec::new());
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        self.close(1);
        AnswerText::new(&self.open.pop().unwrap_or_default(), world.budget())
    }
}

/// A frame of the older call tracer.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LegacyFrame {
    #[serde(rename = "type")]
    kind: &'static str,
    from: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Self>,
    /// It has executed a step.
    #[serde(skip)]
    steps: bool,
    /// It has failed at one.
    #[serde(skip)]
    is_faulty: bool,
    /// So many bytes of what it returns are taken.
    #[serde(skip)]
    taken: Option<usize>,
}

/// The older call tracer. What a frame of an account without code had of gas it does not tell, and precompiled contracts it
/// leaves out.
#[derive(Debug, Default)]
pub(crate) struct LegacyCallTracer {
    gas_limit: u64,
    open: Vec<LegacyFrame>,
    hidden: Vec<bool>,
    /// How many bytes the call takes whose step came last.
    taken: Option<usize>,
}

fn quantity(number: u64) -> Option<String> {
    Some(format!("{number:#x}"))
}

impl RunTracer for LegacyCallTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn start(&mut self, _: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.gas_limit = tx.gas_limit;
        Ok(())
    }

    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        world.take(FRAME)?;
        let is_top = frame.depth == 0;
        self.hidden.push(!is_top && frame.is_precompile && frame.kind.is_call());
        if self.hidden.last() == Some(&true) {
            return Ok(());
        }
        let has_value = is_top || !matches!(frame.kind, FrameKind::DelegateCall | FrameKind::StaticCall);
        self.open.push(LegacyFrame {
            kind: if is_top && frame.kind.is_create() { "CREATE" } else { frame.kind.name() },
            from: frame.from,
            to: Some(frame.to),
            value: frame.value.filter(|_| has_value),
            gas: quantity(if is_top { self.gas_limit } else { frame.gas }),
            input: (frame.kind != FrameKind::SelfDestruct).then(|| frame.input.clone()),
            steps: is_top,
            taken: self.taken.take(),
            ..LegacyFrame::default()
        });
        Ok(())
    }

    fn step(&mut self, _: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        if let Some(frame) = self.open.last_mut() {
            frame.steps |= step.error.is_none();
            frame.is_faulty |= step.error.is_some();
        }
        let place = match step.op {
            opcode::CALL | opcode::CALLCODE => Some(6),
            opcode::DELEGATECALL | opcode::STATICCALL => Some(5),
            _ => None,
        };
        self.taken = place.and_then(|place| step.peek(place)).map(|length| length.saturating_to());
        Ok(())
    }

    fn exit(&mut self, _: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        if self.hidden.pop() == Some(true) {
            return Ok(());
        }
        let is_top = frame.depth == 0;
        let Some(mut call) = self.open.pop() else { return Ok(()) };
        let is_create = matches!(call.kind, "CREATE" | "CREATE2");
        call.error = frame.error.map(ToString::to_string);
        let is_destroyed = call.kind == "SELFDESTRUCT";
        if call.error.is_some() && !call.steps && !call.is_faulty {
            call.error = Some("internal failure".into());
        }
        if !is_top && (is_destroyed || !call.steps) {
            call.gas = None;
        }
        if !is_destroyed && (call.steps || (is_create && !call.is_faulty)) {
            call.gas_used = quantity(frame.gas_used);
        }
        if call.error.is_some() && is_create && !is_top {
            call.to = None;
        }
        let is_shown = if is_top {
            call.error.is_none()
                || (call.error.as_deref() == Some("execution reverted") && !frame.output.is_empty())
        } else {
            call.error.is_none() && !is_destroyed
        };
        let taken = call.taken.unwrap_or(usize::MAX).min(frame.output.len());
        call.output = is_shown.then(|| frame.output.slice(..taken));
        match self.open.last_mut() {
            Some(parent) => parent.calls.push(call),
            None => self.open.push(call),
        }
        Ok(())
    }

    fn end(&mut self, _: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        if let Some(call) = self.open.first_mut() {
            call.gas_used = quantity(gas_used);
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        let frame =
            self.open.pop().ok_or_else(|| RpcError::refused("incorrect number of top-level calls"))?;
        AnswerText::new(&frame, world.budget())
    }
}
