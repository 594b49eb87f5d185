//! Tracers, as go-ethereum has them, on the hooks of revm.
//!
//! ```text
//! meter            holds each run to the request's budget
//!   └ driver       tells a tracer what happens, as go-ethereum would (hooks, cost)
//!       └ steps · calls · flat · prestate · bundler · counts · legacy · mux · script
//! ```
//!
//! `revm-inspectors` has tracers of these names. They are replaced here, because they differ from go-ethereum's in what tools
//! read: errors are Rust's names of them, a step's cost and refund are those after it instead of before, storage misses
//! reverted writes, the flat tracer has no transaction's gas, the mux takes few configurations, and the bundlers' tracer has
//! another form. It remains behind the namespace `trace`, whose form it has (`parity`).
//!
//! What a tracer keeps it takes from the request's budget when it keeps it; frames and logs are weighed by the meter.

mod bundler;
mod calls;
mod config;
mod cost;
mod counts;
mod driver;
mod flat;
mod hooks;
mod legacy;
mod mux;
mod prestate;
mod script;
mod steps;

use std::{collections::BTreeMap, time::Instant};

use alloy::rpc::types::state::StateOverride;
use serde_json::value::RawValue;

pub(crate) use config::{TraceCallOptions, TraceOptions};
pub(crate) use driver::{Driver, Reasons};
pub(crate) use hooks::{TxPlace, World};
pub(crate) use script::apart;

use self::{
    bundler::BundlerTracer,
    calls::CallTracer,
    config::Config,
    counts::{FunctionTracer, LegacyFunctionTracer, NoopTracer, PreimageTracer, SequenceTracer, StepCounter},
    flat::FlatTracer,
    hooks::RunTracer,
    legacy::{DisassemblyTracer, LegacyCallTracer},
    mux::MuxTracer,
    prestate::PrestateTracer,
    script::ScriptTracer,
    steps::StepTracer,
};
use super::{RpcError, overrides::BlockChanges};

/// Most muxes within one another.
const MAX_MUX_DEPTH: usize = 8;

/// Most tracers of a mux and the muxes within it.
const MAX_TRACERS: usize = 32;

/// The tracer that is asked for, of a transaction that begins now and stands there, behind so many logs of its block.
pub(crate) fn driver(
    options: &TraceOptions,
    place: TxPlace,
    logs: usize,
    reasons: Reasons,
) -> Result<Driver, RpcError> {
    let deadline = options.deadline()?;
    let tracer: Box<dyn RunTracer> = match &options.tracer {
        None => Box::new(StepTracer::new(options.steps())),
        Some(name) => {
            let mut maker = Maker { place, deadline, left: MAX_TRACERS };
            maker.tracer(name, Config(options.tracer_config.as_deref()), MAX_MUX_DEPTH)?
        }
    };
    Ok(Driver::new(tracer, logs, deadline, reasons))
}

/// Names of tracers that are no scripts.
const NAMES: [&str; 16] = [
    "evmdisTracer",
    "callTracerLegacy",
    "callTracer",
    "flatCallTracer",
    "prestateTracer",
    "erc7562Tracer",
    "muxTracer",
    "4byteTracer",
    "4byteTracerLegacy",
    "keccak256PreimageTracer",
    "noopTracer",
    "noopTracerLegacy",
    "opcountTracer",
    "unigramTracer",
    "bigramTracer",
    "trigramTracer",
];

/// Whether a trace may run a script, which then has to run apart.
pub(crate) fn has_script(options: &TraceOptions) -> bool {
    match options.tracer.as_deref() {
        None => false,
        // A mux within a mux is not looked into: apart, anything may run.
        Some("muxTracer") => {
            let config = Config(options.tracer_config.as_deref());
            let configs: Option<BTreeMap<String, &RawValue>> = match serde_json::from_str(config.text()) {
                Ok(configs) => configs,
                // What is wrong with it is told where it is read.
                Err(_) => return true,
            };
            let mut names = configs.iter().flat_map(BTreeMap::keys);
            names.any(|name| name == "muxTracer" || !NAMES.contains(&name.as_str()))
        }
        Some(name) => !NAMES.contains(&name),
    }
}

/// Makes tracers, up to a number.
struct Maker {
    place: TxPlace,
    deadline: Option<Instant>,
    left: usize,
}

impl Maker {
    fn tracer(
        &mut self,
        name: &str,
        config: Config<'_>,
        depth: usize,
    ) -> Result<Box<dyn RunTracer>, RpcError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            RpcError::Limit(format!("a trace may have {MAX_TRACERS} tracers: ask for fewer at once"))
        })?;
        Ok(match name {
            "callTracer" => Box::new(CallTracer::new(&config)?),
            "flatCallTracer" => Box::new(FlatTracer::new(&config, self.place)?),
            "prestateTracer" => Box::new(PrestateTracer::new(&config)?),
            "erc7562Tracer" => Box::new(BundlerTracer::new(&config)?),
            "muxTracer" => self.mux(config, depth)?,
            "4byteTracer" => Box::new(FunctionTracer::default()),
            "4byteTracerLegacy" => Box::new(LegacyFunctionTracer::default()),
            "keccak256PreimageTracer" => Box::new(PreimageTracer::default()),
            "noopTracer" | "noopTracerLegacy" => Box::new(NoopTracer),
            "opcountTracer" => Box::new(StepCounter::default()),
            "unigramTracer" => Box::new(SequenceTracer::of(1)),
            "bigramTracer" => Box::new(SequenceTracer::of(2)),
            "trigramTracer" => Box::new(SequenceTracer::of(3)),
            "evmdisTracer" => Box::new(DisassemblyTracer::new()),
            "callTracerLegacy" => Box::new(LegacyCallTracer::default()),
            script => Box::new(ScriptTracer::new(script, config.text(), self.place, self.deadline)?),
        })
    }

    fn mux(&mut self, config: Config<'_>, depth: usize) -> Result<Box<dyn RunTracer>, RpcError> {
        let depth = depth.checked_sub(1).ok_or_else(|| {
            RpcError::Limit(format!("muxes may be {MAX_MUX_DEPTH} deep: ask for fewer within one another"))
        })?;
        let configs: Option<BTreeMap<String, Box<RawValue>>> =
            serde_json::from_str(config.text()).map_err(|_| config.mismatch("map[string]json.RawMessage"))?;
        let mut tracers = BTreeMap::new();
        for (name, config) in configs.unwrap_or_default() {
            let tracer = self.tracer(&name, Config(Some(&config)), depth)?;
            tracers.insert(name, tracer);
        }
        Ok(Box::new(MuxTracer::new(tracers)))
    }
}

/// The options of a call's trace, each for itself.
pub(crate) fn split(
    mut options: TraceCallOptions,
) -> (TraceOptions, Option<StateOverride>, Option<BlockChanges>, Option<usize>) {
    let index = options.tx_index.map(|index| index.saturating_to());
    (options.trace(), options.state_overrides.take(), options.block_overrides.take(), index)
}
