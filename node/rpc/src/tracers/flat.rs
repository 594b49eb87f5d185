//! The flat call tracer: frames in a row, each with its place, in the form that Parity gave them, with go-ethereum's words or,
//! where asked for, with Parity's.

use alloy::primitives::{Address, B256, Bytes, U64, U256};
use serde::Serialize;

use super::{
    calls::{CallFrame, CallTracer},
    config::Config,
    hooks::{Entered, Exited, FrameKind, RunTracer, Started, TxPlace, World},
};
use crate::{RpcError, answer::AnswerText};

/// Go-ethereum's words and Parity's.
const PARITY_ERRORS: [(&str, &str); 10] = [
    ("contract creation code storage out of gas", "Out of gas"),
    ("out of gas", "Out of gas"),
    ("gas uint64 overflow", "Out of gas"),
    ("max code size exceeded", "Out of gas"),
    ("invalid jump destination", "Bad jump destination"),
    ("execution reverted", "Reverted"),
    ("return data out of bounds", "Out of bounds"),
    ("stack limit reached 1024 (1023)", "Out of stack"),
    ("precompiled failed", "Built-in failed"),
    ("invalid input length", "Built-in failed"),
];

/// The same, for words that only begin so.
const PARITY_ERROR_BEGINNINGS: [(&str, &str); 3] = [
    ("out of gas:", "Out of gas"),
    ("invalid opcode:", "Bad instruction"),
    ("stack underflow", "Stack underflow"),
];

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    #[serde(rename = "address", skip_serializing_if = "Option::is_none")]
    destroyed: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlatResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Bytes>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlatFrame {
    action: Action,
    block_hash: Option<B256>,
    block_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<FlatResult>,
    subtraces: usize,
    trace_address: Vec<usize>,
    transaction_hash: Option<B256>,
    transaction_position: usize,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The tracer.
#[derive(Debug)]
pub(crate) struct FlatTracer {
    calls: CallTracer,
    place: TxPlace,
    convert_errors: bool,
    include_precompiles: bool,
    /// Whether each open frame is left out when it ends.
    hidden: Vec<bool>,
}

impl FlatTracer {
    pub(crate) fn new(config: &Config<'_>, place: TxPlace) -> Result<Self, RpcError> {
        let config = config.object("flatCallTracerConfig")?;
        Ok(Self {
            calls: CallTracer::default(),
            place,
            convert_errors: config.flag("convertParityErrors")?,
            include_precompiles: config.flag("includePrecompiles")?,
            hidden: Vec::new(),
        })
    }

    /// Appends a frame and those within it.
    fn flatten(
        &self,
        world: &World<'_>,
        frame: CallFrame,
        place: &mut Vec<usize>,
        out: &mut Vec<FlatFrame>,
    ) -> Result<(), RpcError> {
        // The place of a frame is as long as the frame is deep.
        world.take(size_of::<FlatFrame>() + size_of_val(&place[..]))?;
        let CallFrame { kind, from, gas, gas_used, to, input, output, error, calls, value, .. } = frame;
        let value = value.or(Some(U256::ZERO).filter(|_| !place.is_empty()));
        let lower = kind.name().to_lowercase();
        let (name, action, result) = match kind {
            FrameKind::Create | FrameKind::Create2 => {
                let method = Some(lower);
                let (from, gas, init) = (Some(from), Some(gas), Some(input));
                let action = Action { creation_method: method, from, gas, init, value, ..Action::default() };
                let result = FlatResult { address: to, code: Some(output), gas_used, output: None };
                ("create", action, Some(result))
            }
            FrameKind::SelfDestruct => {
                let (destroyed, balance, refund_address) = (Some(from), value, to);
                ("suicide", Action { destroyed, balance, refund_address, ..Action::default() }, None)
            }
            _ => {
                let call_type = Some(lower);
                let (from, gas, input) = (Some(from), Some(gas), Some(input));
                let action = Action { call_type, from, gas, input, to, value, ..Action::default() };
                let result = FlatResult { address: None, code: None, gas_used, output: Some(output) };
                ("call", action, Some(result))
            }
        };
        let is_shown = error.as_deref().is_none_or(|error| error == "execution reverted");
        out.push(FlatFrame {
            action,
            block_hash: self.place.block_hash,
            block_number: self.place.block_number.unwrap_or_default(),
            error: error.map(|error| if self.convert_errors { parity_error(error) } else { error }),
            result: result.filter(|_| is_shown),
            subtraces: calls.len(),
            trace_address: place.clone(),
            transaction_hash: self.place.tx_hash,
            transaction_position: self.place.tx_index,
            kind: name,
        });
        for (index, call) in calls.into_iter().enumerate() {
            place.push(index);
            self.flatten(world, call, place, out)?;
            place.pop();
        }
        Ok(())
    }
}

/// Parity's words for an error.
fn parity_error(error: String) -> String {
    let exact = PARITY_ERRORS.iter().find(|(words, _)| *words == error);
    let found = exact.or_else(|| PARITY_ERROR_BEGINNINGS.iter().find(|(words, _)| error.starts_with(words)));
    found.map_or(error, |(_, parity)| (*parity).into())
}

impl RunTracer for FlatTracer {
    fn start(&mut self, world: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.calls.start(world, tx)
    }

    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        let is_hidden = !self.include_precompiles
            && frame.depth > 0
            && frame.is_precompile
            && matches!(frame.kind, FrameKind::Call | FrameKind::StaticCall);
        self.hidden.push(is_hidden);
        if is_hidden { Ok(()) } else { self.calls.enter(world, frame) }
    }

    fn exit(&mut self, world: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        if self.hidden.pop() == Some(true) { Ok(()) } else { self.calls.exit(world, frame) }
    }

    fn end(&mut self, world: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        self.calls.end(world, gas_used)
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        let (frame, mut flat) = (self.calls.take()?, Vec::new());
        self.flatten(world, frame, &mut Vec::new(), &mut flat)?;
        AnswerText::new(&flat, world.budget())
    }
}
