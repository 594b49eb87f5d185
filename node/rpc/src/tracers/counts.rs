//! Tracers that count: called functions, hashed bytes, operations and what follows on what.

use std::collections::{BTreeMap, btree_map::Entry};

use alloy::primitives::{B256, Bytes, hex, keccak256};
use revm::bytecode::opcode;

use super::hooks::{Entered, RunTracer, TracedStep, World, op_name};
use crate::{RpcError, answer::AnswerText};

/// Bytes that an entry of a count takes, as it is kept and as it is shown.
const ENTRY: usize = 256;

/// Bytes of a function's selector.
const SELECTOR: usize = 4;

/// Finds nothing (`noopTracer`).
#[derive(Debug)]
pub(crate) struct NoopTracer;

impl RunTracer for NoopTracer {
    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        AnswerText::new(&BTreeMap::<u8, u8>::new(), world.budget())
    }
}

/// Counts called functions, by selector and length of arguments (`4byteTracer`).
#[derive(Debug, Default)]
pub(crate) struct FunctionTracer {
    found: Counts,
}

/// How often something was seen.
type Counts = BTreeMap<String, u64>;

/// Counts something once more.
fn count(world: &World<'_>, counts: &mut Counts, name: String) -> Result<(), RpcError> {
    let count = counts.entry(name).or_default();
    if *count == 0 {
        world.take(ENTRY)?;
    }
    *count += 1;
    Ok(())
}

fn function(selector: &[u8], length: usize) -> String {
    format!("{}-{}", hex::encode_prefixed(selector), length - SELECTOR)
}

impl RunTracer for FunctionTracer {
    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        let input = &frame.input;
        if input.len() < SELECTOR || !frame.kind.is_call() || frame.is_precompile {
            return Ok(());
        }
        count(world, &mut self.found, function(&input[..SELECTOR], input.len()))
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        AnswerText::new(&self.found, world.budget())
    }
}

/// The same as the steps show it, whether or not the call comes about (`4byteTracerLegacy`).
#[derive(Debug, Default)]
pub(crate) struct LegacyFunctionTracer {
    found: Counts,
    input: Bytes,
}

impl RunTracer for LegacyFunctionTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn enter(&mut self, _: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        if frame.depth == 0 {
            self.input = frame.input.clone();
        }
        Ok(())
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        let place = match step.op {
            opcode::CALL | opcode::CALLCODE => 3,
            opcode::DELEGATECALL | opcode::STATICCALL => 2,
            _ => return Ok(()),
        };
        let (Some(to), Some(offset), Some(length)) =
            (step.peek_address(1), step.peek(place), step.peek(place + 1))
        else {
            return Ok(());
        };
        let (offset, length) = (offset.saturating_to(), length.saturating_to::<usize>());
        if world.is_precompile(to) || length < SELECTOR {
            return Ok(());
        }
        let Some(selector) = super::hooks::padded(&step.memory(), offset, SELECTOR) else { return Ok(()) };
        count(world, &mut self.found, function(&selector, length))
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        if self.input.len() >= SELECTOR {
            let name = function(&self.input[..SELECTOR], self.input.len());
            count(world, &mut self.found, name)?;
        }
        AnswerText::new(&self.found, world.budget())
    }
}

/// What was hashed, by its hash (`keccak256PreimageTracer`).
#[derive(Debug, Default)]
pub(crate) struct PreimageTracer {
    found: BTreeMap<B256, Bytes>,
}

impl RunTracer for PreimageTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        if step.op == opcode::KECCAK256
            && let (Some(offset), Some(length)) = (step.peek(0), step.peek(1))
            && let Some(image) = step.memory_part(offset, length)
        {
            let hash = keccak256(&image);
            if let Entry::Vacant(vacant) = self.found.entry(hash) {
                world.take(ENTRY + 3 * image.len())?;
                vacant.insert(image.into());
            }
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        AnswerText::new(&self.found, world.budget())
    }
}

/// Counts steps (`opcountTracer`).
#[derive(Debug, Default)]
pub(crate) struct StepCounter {
    steps: u64,
}

impl RunTracer for StepCounter {
    fn has_steps(&self) -> bool {
        true
    }

    fn step(&mut self, _: &mut World<'_>, _: &TracedStep<'_>) -> Result<(), RpcError> {
        self.steps += 1;
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        AnswerText::new(&self.steps, world.budget())
    }
}

/// Counts operations, or pairs or triples of them in a row in one frame (`unigramTracer`, `bigramTracer`, `trigramTracer`).
#[derive(Debug)]
pub(crate) struct SequenceTracer {
    /// Operations before the counted one that are named.
    before: usize,
    last: Vec<String>,
    depth: usize,
    found: Counts,
}

impl SequenceTracer {
    /// Of so many operations.
    pub(crate) fn of(length: usize) -> Self {
        let before = length - 1;
        Self { before, last: vec![String::new(); before], depth: 0, found: Counts::new() }
    }
}

impl RunTracer for SequenceTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        let op = op_name(step.op);
        let is_new = self.before > 0 && step.depth != self.depth;
        self.depth = step.depth;
        if is_new && self.before > 1 {
            // A triple does not see the first step of a frame at all.
            self.last = vec![String::new(); self.before];
            return Ok(());
        }
        if !is_new {
            let mut name = String::new();
            for last in &self.last {
                name.push_str(last);
                name.push('-');
            }
            name.push_str(&op);
            count(world, &mut self.found, name)?;
        }
        if self.before > 0 {
            self.last.remove(0);
            self.last.push(op);
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        AnswerText::new(&self.found, world.budget())
    }
}
