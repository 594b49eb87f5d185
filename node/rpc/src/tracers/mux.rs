//! Several tracers at once (`muxTracer`), each with its own configuration, be it a mux again.

use std::collections::BTreeMap;

use alloy::primitives::Log;

use super::hooks::{Entered, Exited, RunTracer, Started, TracedStep, World};
use crate::{RpcError, answer::AnswerText};

/// The tracer.
pub(crate) struct MuxTracer {
    tracers: BTreeMap<String, Box<dyn RunTracer>>,
}

impl MuxTracer {
    pub(crate) const fn new(tracers: BTreeMap<String, Box<dyn RunTracer>>) -> Self {
        Self { tracers }
    }

    fn each(
        &mut self,
        mut tell: impl FnMut(&mut dyn RunTracer) -> Result<(), RpcError>,
    ) -> Result<(), RpcError> {
        self.tracers.values_mut().try_for_each(|tracer| tell(tracer.as_mut()))
    }
}

impl RunTracer for MuxTracer {
    fn has_steps(&self) -> bool {
        self.tracers.values().any(|tracer| tracer.has_steps())
    }

    fn start(&mut self, world: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        self.each(|tracer| tracer.start(world, tx))
    }

    fn enter(&mut self, world: &mut World<'_>, frame: &Entered) -> Result<(), RpcError> {
        self.each(|tracer| tracer.enter(world, frame))
    }

    fn exit(&mut self, world: &mut World<'_>, frame: &Exited<'_>) -> Result<(), RpcError> {
        self.each(|tracer| tracer.exit(world, frame))
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        self.each(|tracer| if tracer.has_steps() { tracer.step(world, step) } else { Ok(()) })
    }

    fn fault(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        self.each(|tracer| tracer.fault(world, step))
    }

    fn log(&mut self, world: &mut World<'_>, log: &Log, index: usize) -> Result<(), RpcError> {
        self.each(|tracer| tracer.log(world, log, index))
    }

    fn end(&mut self, world: &mut World<'_>, gas_used: u64) -> Result<(), RpcError> {
        self.each(|tracer| tracer.end(world, gas_used))
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        let mut results = BTreeMap::new();
        for (name, tracer) in &mut self.tracers {
            results.insert(name, tracer.result(world)?);
        }
        AnswerText::new(&results, world.budget())
    }
}
