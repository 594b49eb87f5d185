//! The struct logger: every step, with stack, storage and, where asked for, memory and what the last call returned.
//!
//! Steps are written down as the text that the answer shows. That is smaller than anything else that could be kept, and its
//! length is what the option `limit` counts.

use std::{collections::BTreeMap, fmt::Write};

use alloy::primitives::{Address, Bytes, U256, hex};
use revm::{bytecode::opcode, primitives::HashMap};

use super::hooks::{Exited, RunTracer, TracedStep, VmError, World, op_name};
use crate::{
    RpcError,
    answer::{AnswerText, MAX_RESPONSE_SIZE},
    budget::Budget,
};

/// Bytes by which the text grows at least.
const FIRST_PIECE: usize = 16 << 10;

/// Bytes that a slot takes that is remembered, besides the text.
const SLOT: usize = 160;

/// What steps are shown with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepOptions {
    pub(crate) memory: bool,
    pub(crate) no_stack: bool,
    pub(crate) no_storage: bool,
    pub(crate) return_data: bool,
    /// Length of the text of steps behind which no more are shown; zero for no limit.
    pub(crate) limit: usize,
}

/// A tracer of steps.
#[derive(Debug)]
pub(crate) struct StepTracer {
    options: StepOptions,
    text: String,
    /// Length of the steps without what is between them.
    length: usize,
    /// Slots that steps have shown.
    storage: HashMap<Address, BTreeMap<U256, U256>>,
    gas: u64,
    failed: bool,
    output: Bytes,
}

impl StepTracer {
    pub(crate) fn new(options: StepOptions) -> Self {
        let (text, storage, output) = (String::new(), HashMap::default(), Bytes::new());
        Self { options, text, length: 0, storage, gas: 0, failed: false, output }
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, budget: &Budget, bytes: usize) -> Result<(), RpcError> {
        let needed = self.text.len() + bytes;
        let held = self.text.capacity();
        if needed <= held {
            return Ok(());
        }
        if needed > MAX_RESPONSE_SIZE {
            return Err(RpcError::TooLarge(format!(
                "response too large: an answer may have {MAX_RESPONSE_SIZE} bytes: use limit, or trace less"
            )));
        }
        let size = needed.max(2 * held).clamp(FIRST_PIECE, MAX_RESPONSE_SIZE);
        budget.take(size)?;
        self.text.reserve_exact(size - self.text.len());
        budget.give(held);
        Ok(())
    }

    /// The slots to show, if this step shows any.
    fn shown(
        &mut self,
        world: &World<'_>,
        step: &TracedStep<'_>,
    ) -> Result<Option<&BTreeMap<U256, U256>>, RpcError> {
        if self.options.no_storage || step.error.is_some() {
            return Ok(None);
        }
        let address = step.address();
        let (slot, value) = match (step.op, step.peek(0), step.peek(1)) {
            (opcode::SLOAD, Some(slot), _) => (slot, world.storage(address, slot)?),
            (opcode::SSTORE, Some(slot), Some(value)) => (slot, value),
            _ => return Ok(None),
        };
        let slots = self.storage.entry(address).or_default();
        if slots.insert(slot, value).is_none() {
            world.take(SLOT)?;
        }
        Ok(Some(slots))
    }

    fn write(&mut self, world: &World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        let options = self.options;
        let slots = self.shown(world, step)?.map_or(0, BTreeMap::len);
        let stack = if options.no_stack { &[][..] } else { step.stack() };
        let memory = step.memory();
        let memory = if options.memory { &*memory } else { &[][..] };
        let returned = if options.return_data { step.return_data() } else { &[][..] };
        // Each part at its longest.
        let most = 512 + 70 * stack.len() + 3 * memory.len() + 70 + 2 * returned.len() + 144 * slots;
        self.reserve(world.budget(), most)?;
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let start = self.text.len();
        let out = &mut self.text;
        let _ = write!(
            out,
            r#"{{"pc":{},"op":"{}","gas":{},"gasCost":{},"depth":{}"#,
            step.pc,
            op_name(step.op),
            step.gas,
            step.cost,
            step.depth
        );
        if let Some(error) = step.error {
            let _ = write!(out, r#","error":{}"#, go_text(&error.to_string()));
        }
        if !options.no_stack {
            list(out, "stack", stack.iter(), |out, word| {
                let _ = write!(out, "{word:#x}");
            });
        }
        if !returned.is_empty() {
            let _ = write!(out, r#","returnData":"{}""#, hex::encode_prefixed(returned));
        }
        if !memory.is_empty() {
            list(out, "memory", memory.chunks(32), |out, part| {
                let mut word = [0; 32];
                word[..part.len()].copy_from_slice(part);
                out.push_str(&hex::encode_prefixed(word));
            });
        }
        if slots > 0
            && let Some(slots) = self.storage.get(&step.address())
        {
            out.push_str(r#","storage":{"#);
            for (index, (slot, value)) in slots.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(out, r#"{comma}"{slot:#066x}":"{value:#066x}""#);
            }
            out.push('}');
        }
        if step.refund > 0 {
            let _ = write!(out, r#","refund":{}"#, step.refund);
        }
        out.push('}');
        self.length += out.len() - start;
        Ok(())
    }
}

/// A list of texts.
fn list<T>(out: &mut String, name: &str, items: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":[");
    for (index, item) in items.enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        write(out, item);
        out.push('"');
    }
    out.push(']');
}

/// A text as Go's JSON has it, with `<` and `>` escaped, so that lengths agree.
fn go_text(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e")
}

impl RunTracer for StepTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        if self.options.limit != 0 && self.length > self.options.limit {
            return Ok(());
        }
        self.write(world, step)
    }

    fn exit(&mut self, _: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        if frame.depth == 0 {
            self.failed = frame.error.is_some();
            let is_shown = matches!(frame.error, None | Some(VmError::Reverted));
            self.output = if is_shown { frame.output.clone() } else { Bytes::new() };
        }
        Ok(())
    }

    fn end(&mut self, _: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        self.gas = gas_used;
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        self.reserve(world.budget(), 2 * self.output.len() + 256)?;
        let head = format!(
            r#"{{"gas":{},"failed":{},"returnValue":"{}","structLogs":["#,
            self.gas, self.failed, self.output
        );
        self.text.insert_str(0, &head);
        self.text.push_str("]}");
        AnswerText::of_json(std::mem::take(&mut self.text))
    }
}
