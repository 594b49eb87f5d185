//! The tracer of ERC-4337 bundlers: frames with what ERC-7562 lets a user operation's validation do or not do, in the form of
//! go-ethereum's `erc7562Tracer`, which Alto, Rundler and the reference bundler read.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alloy::primitives::{Address, B256, Bytes, Log, U64, U256};
use revm::bytecode::opcode;
use serde::Serialize;

use super::{
    calls::{FrameLog, Outcome, is_nothing, kind_name},
    config::Config,
    hooks::{Entered, Exited, FrameKind, RunTracer, Started, TracedStep, World},
};
use crate::{RpcError, answer::AnswerText};

/// Words of the stack that are kept of a step.
const STACK_WORDS: u64 = 3;

/// Bytes that a note about a slot, an operation or an account takes, as it is kept and as it is shown.
const NOTE: usize = 384;

/// Operations that say nothing, besides all that push, double and swap.
const IGNORED: [u8; 16] = [
    opcode::POP,
    opcode::ADD,
    opcode::SUB,
    opcode::MUL,
    opcode::DIV,
    opcode::EQ,
    opcode::LT,
    opcode::GT,
    opcode::SLT,
    opcode::SGT,
    opcode::SHL,
    opcode::SHR,
    opcode::AND,
    opcode::OR,
    opcode::NOT,
    opcode::ISZERO,
];

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Slots {
    reads: BTreeMap<B256, [B256; 1]>,
    writes: BTreeMap<B256, u64>,
    transient_reads: BTreeMap<B256, u64>,
    transient_writes: BTreeMap<B256, u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SizeSeen {
    contract_size: usize,
    opcode: u8,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BundlerFrame {
    #[serde(rename = "type", serialize_with = "kind_name")]
    kind: FrameKind,
    from: Address,
    gas: U64,
    gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    input: Bytes,
    #[serde(skip_serializing_if = "is_nothing")]
    output: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<FrameLog>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
    accessed_slots: Slots,
    ext_code_access_info: Vec<Address>,
    used_opcodes: BTreeMap<U64, u64>,
    contract_size: BTreeMap<Address, SizeSeen>,
    out_of_gas: bool,
    /// What was hashed in the whole transaction, in the outermost frame.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    keccak: BTreeSet<Bytes>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Self>,
}

impl BundlerFrame {
    fn close(&mut self, frame: &Exited<'_>) {
        let outcome = Outcome::of(frame);
        if outcome.error.is_some() && self.kind.is_create() {
            self.to = None;
        }
        Outcome { output: self.output, error: self.error, revert_reason: self.revert_reason } = outcome;
    }

    fn clear_failed_logs(&mut self, is_failed: bool) {
        let is_failed = is_failed || self.error.is_some();
        if is_failed {
            self.logs = Vec::new();
        }
        for call in &mut self.calls {
            call.clear_failed_logs(is_failed);
        }
    }
}

/// The step before.
#[derive(Clone, Copy, Debug)]
struct Before {
    op: u8,
    top: Option<U256>,
}

/// The tracer.
#[derive(Debug)]
pub(crate) struct BundlerTracer {
    has_words: bool,
    ignored: HashSet<u8>,
    with_log: bool,
    gas_limit: u64,
    open: Vec<BundlerFrame>,
    before: Option<Before>,
    keccak: BTreeSet<Bytes>,
}

const fn is_ext(op: u8) -> bool {
    matches!(op, opcode::EXTCODEHASH | opcode::EXTCODESIZE | opcode::EXTCODECOPY)
}

const fn is_call(op: u8) -> bool {
    matches!(op, opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL)
}

impl BundlerTracer {
    pub(crate) fn new(config: &Config<'_>) -> Result<Self, RpcError> {
        let config = config.object("erc7562TracerConfig")?;
        let default = || (opcode::PUSH0..=opcode::SWAP16).chain(IGNORED).collect();
        let given = config.quantities("ignoredOpcodes")?;
        let ignored = given.map_or_else(default, |list| list.into_iter().map(|op| op as u8).collect());
        Ok(Self {
            has_words: config.number("stackTopItemsSize")?.unwrap_or(STACK_WORDS) > 0,
            ignored,
            with_log: config.flag("withLog")?,
            gas_limit: 0,
            open: Vec::new(),
            before: None,
            keccak: BTreeSet::new(),
        })
    }

    fn storage(frame: &mut BundlerFrame, world: &World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        let Some(slot) = step.peek(0) else { return Ok(()) };
        let (key, slots) = (B256::from(slot), &mut frame.accessed_slots);
        let count = match step.op {
            opcode::SLOAD => {
                if !slots.reads.contains_key(&key) && !slots.writes.contains_key(&key) {
                    world.take(NOTE)?;
                    slots.reads.insert(key, [world.storage(step.address(), slot)?.into()]);
                }
                return Ok(());
            }
            opcode::SSTORE => &mut slots.writes,
            opcode::TLOAD => &mut slots.transient_reads,
            opcode::TSTORE => &mut slots.transient_writes,
            _ => return Ok(()),
        };
        let count = count.entry(key).or_default();
        if *count == 0 {
            world.take(NOTE)?;
        }
        *count += 1;
        Ok(())
    }
}

impl RunTracer for BundlerTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn start(&mut self, _: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.gas_limit = tx.gas_limit;
        Ok(())
    }

    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        world.take(NOTE)?;
        self.open.push(BundlerFrame {
            kind: frame.kind,
            from: frame.from,
            gas: U64::from(if frame.depth == 0 { self.gas_limit } else { frame.gas }),
            gas_used: U64::ZERO,
            to: Some(frame.to),
            input: frame.input.clone(),
            output: Bytes::new(),
            error: None,
            revert_reason: None,
            logs: Vec::new(),
            value: frame.value,
            accessed_slots: Slots::default(),
            ext_code_access_info: Vec::new(),
            used_opcodes: BTreeMap::new(),
            contract_size: BTreeMap::new(),
            out_of_gas: false,
            keccak: BTreeSet::new(),
            calls: Vec::new(),
        });
        Ok(())
    }

    fn exit(&mut self, _: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        if frame.depth == 0 {
            if let [call] = &mut self.open[..] {
                call.close(frame);
            }
            return Ok(());
        }
        if self.open.len() > 1
            && let Some(mut call) = self.open.pop()
        {
            call.out_of_gas = frame.error.is_some_and(|error| error.is_out_of_gas());
            call.gas_used = U64::from(frame.gas_used);
            call.close(frame);
            if let Some(parent) = self.open.last_mut() {
                parent.calls.push(call);
            }
        }
        Ok(())
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        let op = step.op;
        if matches!(op, opcode::REVERT | opcode::RETURN) {
            self.before = None;
        }
        let Some(frame) = self.open.last_mut() else { return Ok(()) };
        if let Some(before) = self.before
            && is_ext(before.op)
            && let Some(word) = before.top
            && !(before.op == opcode::EXTCODESIZE && op == opcode::ISZERO)
        {
            world.take(NOTE)?;
            frame.ext_code_access_info.push(Address::from_word(word.into()));
        }
        if is_ext(op) || is_call(op) {
            let address = step.peek_address(usize::from(is_call(op)));
            if let Some(address) = address.filter(|address| !frame.contract_size.contains_key(address)) {
                world.take(NOTE)?;
                let contract_size = world.code(address)?.len();
                frame.contract_size.insert(address, SizeSeen { contract_size, opcode: op });
            }
        }
        let mut count = |op: u8| *frame.used_opcodes.entry(U64::from(op)).or_default() += 1;
        if self.before.is_some_and(|before| before.op == opcode::GAS) && !is_call(op) {
            count(opcode::GAS);
        }
        if op != opcode::GAS && !self.ignored.contains(&op) {
            count(op);
        }
        Self::storage(frame, world, step)?;
        if op == opcode::KECCAK256
            && let (Some(offset), Some(length)) = (step.peek(0), step.peek(1))
            && let Some(image) = step.memory_part(offset, length)
            && !self.keccak.contains(&image[..])
        {
            world.take(NOTE + 3 * image.len())?;
            self.keccak.insert(image.into());
        }
        self.before = Some(Before { op, top: step.peek(0).filter(|_| self.has_words) });
        Ok(())
    }

    fn log(&mut self, _: &mut World<'_>, log: &Log, index: usize) -> Result<(), RpcError> {
        if self.with_log
            && let Some(call) = self.open.last_mut()
        {
            call.logs.push(FrameLog::new(log, index, call.calls.len()));
        }
        Ok(())
    }

    fn end(&mut self, _: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        if let Some(call) = self.open.first_mut() {
            call.gas_used = U64::from(gas_used);
            if self.with_log {
                call.clear_failed_logs(false);
            }
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        let frame = self.open.pop().filter(|_| self.open.is_empty());
        let mut frame = frame.ok_or_else(|| RpcError::refused("incorrect number of top-level calls"))?;
        frame.keccak = std::mem::take(&mut self.keccak);
        AnswerText::new(&frame, world.budget())
    }
}
