//! The call tracer: frames within frames, as go-ethereum's `callTracer` shows them.

use alloy::primitives::{Address, B256, Bytes, Log, U64, U256};
use serde::Serialize;

use super::{
    config::Config,
    hooks::{Entered, Exited, FrameKind, RunTracer, Started, VmError, World},
};
use crate::{RpcError, answer::AnswerText, error::revert_reason};

/// A log of a frame.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FrameLog {
    pub(crate) address: Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
    pub(crate) index: U64,
    /// Frames within this one before it.
    pub(crate) position: U64,
}

impl FrameLog {
    pub(crate) fn new(log: &Log, index: usize, position: usize) -> Self {
        Self {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.clone(),
            index: U64::from(index),
            position: U64::from(position),
        }
    }
}

/// A frame and those within it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallFrame {
    #[serde(rename = "type", serialize_with = "kind_name")]
    pub(crate) kind: FrameKind,
    pub(crate) from: Address,
    pub(crate) gas: U64,
    pub(crate) gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Address>,
    pub(crate) input: Bytes,
    #[serde(skip_serializing_if = "is_nothing")]
    pub(crate) output: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<Self>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<FrameLog>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<U256>,
}

/// Whether bytes need not be shown.
pub(crate) fn is_nothing(bytes: &Bytes) -> bool {
    bytes.is_empty()
}

pub(crate) fn kind_name<S: serde::Serializer>(kind: &FrameKind, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(kind.name())
}

impl CallFrame {
    fn new(frame: &Entered) -> Self {
        Self {
            kind: frame.kind,
            from: frame.from,
            gas: U64::from(frame.gas),
            gas_used: U64::ZERO,
            to: Some(frame.to),
            input: frame.input.clone(),
            output: Bytes::new(),
            error: None,
            revert_reason: None,
            calls: Vec::new(),
            logs: Vec::new(),
            value: frame.value,
        }
    }

    fn close(&mut self, frame: &Exited<'_>) {
        let outcome = Outcome::of(frame);
        if outcome.error.is_some() && self.kind.is_create() {
            self.to = None;
        }
        Outcome { output: self.output, error: self.error, revert_reason: self.revert_reason } = outcome;
    }

    /// Logs of what failed were not written.
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

/// How a frame ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) output: Bytes,
    pub(crate) error: Option<String>,
    pub(crate) revert_reason: Option<String>,
}

impl Outcome {
    pub(crate) fn of(frame: &Exited<'_>) -> Self {
        match frame.error {
            None => Self { output: frame.output.clone(), ..Self::default() },
            Some(error) => {
                let is_reverted = *error == VmError::Reverted;
                let output = if is_reverted { frame.output.clone() } else { Bytes::new() };
                let revert_reason = if is_reverted { revert_reason(&output) } else { None };
                Self { output, error: Some(error.to_string()), revert_reason }
            }
        }
    }
}

/// The tracer.
#[derive(Debug, Default)]
pub(crate) struct CallTracer {
    only_top_call: bool,
    with_log: bool,
    gas_limit: u64,
    depth: usize,
    open: Vec<CallFrame>,
}

impl CallTracer {
    pub(crate) fn new(config: &Config<'_>) -> Result<Self, RpcError> {
        let config = config.object("callTracerConfig")?;
        let (only_top_call, with_log) = (config.flag("onlyTopCall")?, config.flag("withLog")?);
        Ok(Self { only_top_call, with_log, ..Self::default() })
    }

    /// The outermost frame, when it has ended.
    pub(crate) fn take(&mut self) -> Result<CallFrame, RpcError> {
        let frame = self.open.pop().filter(|_| self.open.is_empty());
        frame.ok_or_else(|| RpcError::refused("incorrect number of top-level calls"))
    }
}

impl RunTracer for CallTracer {
    fn start(&mut self, _: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.gas_limit = tx.gas_limit;
        Ok(())
    }

    fn enter(&mut self, _: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        self.depth = frame.depth;
        if self.only_top_call && frame.depth > 0 {
            return Ok(());
        }
        let mut call = CallFrame::new(frame);
        if frame.depth == 0 {
            call.gas = U64::from(self.gas_limit);
        }
        self.open.push(call);
        Ok(())
    }

    fn exit(&mut self, _: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        if frame.depth == 0 {
            if let [call] = &mut self.open[..] {
                call.close(frame);
            }
            return Ok(());
        }
        self.depth = frame.depth - 1;
        if self.only_top_call || self.open.len() < 2 {
            return Ok(());
        }
        if let Some(mut call) = self.open.pop() {
            call.gas_used = U64::from(frame.gas_used);
            call.close(frame);
            if let Some(parent) = self.open.last_mut() {
                parent.calls.push(call);
            }
        }
        Ok(())
    }

    fn log(&mut self, _: &mut World<'_>, log: &Log, index: usize) -> Result<(), RpcError> {
        if self.with_log
            && !(self.only_top_call && self.depth > 0)
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
        AnswerText::new(&self.take()?, world.budget())
    }
}
