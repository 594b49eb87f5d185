//! What is asked of a trace: its options and the configuration of its tracer, with the errors that go-ethereum gives.

use std::time::{Duration, Instant};

use alloy::rpc::types::state::StateOverride;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::steps::StepOptions;
use crate::{RpcError, overrides::BlockChanges};

/// How long one transaction may be traced, unless an option says something else: go-ethereum's time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of a trace. Go's client writes them by the names that its fields have; go-ethereum reads both.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TraceOptions {
    #[serde(alias = "Tracer")]
    pub(crate) tracer: Option<String>,
    #[serde(alias = "TracerConfig")]
    pub(crate) tracer_config: Option<Box<RawValue>>,
    #[serde(alias = "Timeout")]
    timeout: Option<String>,
    #[serde(alias = "EnableMemory")]
    enable_memory: Option<bool>,
    #[serde(alias = "DisableStack")]
    disable_stack: Option<bool>,
    #[serde(alias = "DisableStorage")]
    disable_storage: Option<bool>,
    #[serde(alias = "EnableReturnData")]
    enable_return_data: Option<bool>,
    #[serde(alias = "Limit")]
    limit: Option<i64>,
}

impl TraceOptions {
    /// What steps are shown with.
    pub(crate) fn steps(&self) -> StepOptions {
        StepOptions {
            memory: self.enable_memory.unwrap_or_default(),
            no_stack: self.disable_stack.unwrap_or_default(),
            no_storage: self.disable_storage.unwrap_or_default(),
            return_data: self.enable_return_data.unwrap_or_default(),
            limit: usize::try_from(self.limit.unwrap_or_default()).unwrap_or(1),
        }
    }

    /// When the trace of a transaction that begins now must have ended.
    pub(crate) fn deadline(&self) -> Result<Option<Instant>, RpcError> {
        let time = match &self.timeout {
            None => DEFAULT_TIMEOUT,
            Some(text) => go_duration(text).map_err(RpcError::Refused)?,
        };
        Ok(Instant::now().checked_add(time))
    }
}

/// Options of a trace of a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TraceCallOptions {
    #[serde(alias = "Tracer")]
    tracer: Option<String>,
    #[serde(alias = "TracerConfig")]
    tracer_config: Option<Box<RawValue>>,
    #[serde(alias = "Timeout")]
    timeout: Option<String>,
    #[serde(alias = "EnableMemory")]
    enable_memory: Option<bool>,
    #[serde(alias = "DisableStack")]
    disable_stack: Option<bool>,
    #[serde(alias = "DisableStorage")]
    disable_storage: Option<bool>,
    #[serde(alias = "EnableReturnData")]
    enable_return_data: Option<bool>,
    #[serde(alias = "Limit")]
    limit: Option<i64>,
    #[serde(alias = "StateOverrides")]
    pub(crate) state_overrides: Option<StateOverride>,
    #[serde(alias = "BlockOverrides")]
    pub(crate) block_overrides: Option<BlockChanges>,
    /// The transaction of the block before which to call; the end of the block if nothing is said.
    #[serde(alias = "TxIndex")]
    pub(crate) tx_index: Option<alloy::primitives::U64>,
}

impl TraceCallOptions {
    /// Those that every trace has. (`serde` cannot flatten what holds raw JSON.)
    pub(crate) fn trace(&mut self) -> TraceOptions {
        TraceOptions {
            tracer: self.tracer.take(),
            tracer_config: self.tracer_config.take(),
            timeout: self.timeout.take(),
            enable_memory: self.enable_memory,
            disable_stack: self.disable_stack,
            disable_storage: self.disable_storage,
            enable_return_data: self.enable_return_data,
            limit: self.limit,
        }
    }
}

/// A duration as Go writes it: `1h15m30.918s`.
fn go_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let (mut rest, mut seconds) = (unsigned, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        seconds += number * factor;
        rest = after;
    }
    if is_negative {
        return Ok(Duration::ZERO);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| invalid())
}

/// A tracer's configuration as it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config<'a>(pub(crate) Option<&'a RawValue>);

impl Config<'_> {
    /// As an object; Go's name of what it is read into stands in its errors.
    pub(crate) fn object(&self, name: &'static str) -> Result<ConfigObject, RpcError> {
        let value: Value = match self.0 {
            None => Value::Null,
            Some(raw) => serde_json::from_str(raw.get()).map_err(RpcError::refused)?,
        };
        match value {
            Value::Null => Ok(ConfigObject { name, fields: Map::new() }),
            Value::Object(fields) => Ok(ConfigObject { name, fields }),
            _ => Err(self.mismatch(&format!("native.{name}"))),
        }
    }

    /// That it is something else than what it is read into.
    pub(crate) fn mismatch(&self, wanted: &str) -> RpcError {
        let value = serde_json::from_str(self.text()).unwrap_or_default();
        RpcError::Refused(format!(
            "json: cannot unmarshal {} into Go value of type {wanted}",
            json_kind(&value)
        ))
    }

    /// The text, for what reads it itself.
    pub(crate) fn text(&self) -> &str {
        self.0.map_or("{}", RawValue::get)
    }
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A configuration that is an object.
#[derive(Debug)]
pub(crate) struct ConfigObject {
    name: &'static str,
    fields: Map<String, Value>,
}

impl ConfigObject {
    fn mismatch(&self, field: &str, value: &Value, wanted: &str) -> RpcError {
        RpcError::Refused(format!(
            "json: cannot unmarshal {} into Go struct field {}.{field} of type {wanted}",
            json_kind(value),
            self.name
        ))
    }

    /// Whether something is switched on.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, RpcError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.mismatch(field, other, "bool")),
        }
    }

    /// A number.
    pub(crate) fn number(&self, field: &str) -> Result<Option<u64>, RpcError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.mismatch(field, value, "int")),
            },
        }
    }

    /// A list of quantities, as `0x…`.
    pub(crate) fn quantities(&self, field: &str) -> Result<Option<Vec<u64>>, RpcError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let found: Result<Vec<alloy::primitives::U64>, _> = serde_json::from_value(value.clone());
                let found = found.map_err(|_| self.mismatch(field, value, "hexutil.Uint64"))?;
                Ok(Some(found.into_iter().map(|number| number.to()).collect()))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        // Recorded from Go 1.26's time.ParseDuration.
        assert_eq!(go_duration("1h15m30.5s").unwrap(), Duration::from_millis(4_530_500));
        assert_eq!(go_duration("250us").unwrap(), Duration::from_micros(250));
        assert_eq!(go_duration("-3s").unwrap(), Duration::ZERO);
        assert_eq!(go_duration("foo").unwrap_err(), "time: invalid duration \"foo\"");
        assert_eq!(go_duration("").unwrap_err(), "time: invalid duration \"\"");
        assert_eq!(go_duration("5").unwrap_err(), "time: missing unit in duration \"5\"");
        assert_eq!(go_duration("5x").unwrap_err(), "time: unknown unit \"x\" in duration \"5x\"");
        assert!(go_duration(&"9".repeat(400)).is_err());
    }
}
