//! Ends a run of the EVM from outside: for a sequencer that others wait for.

use alloc::{boxed::Box, string::String};
use revm::{
    Inspector,
    context::ContextTr,
    context_interface::context::ContextError,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
};

/// Steps between two questions. The longest step of one frame takes some hundred microseconds.
const STEPS: u32 = 64;

/// Asks whether to go on at every call, and every so many steps in between.
#[derive(Default)]
pub struct Stopper {
    stop: Option<Box<dyn FnMut() -> bool + Send>>,
    steps: u32,
    is_stopped: bool,
}

impl core::fmt::Debug for Stopper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stopper").field("is_stopped", &self.is_stopped).finish_non_exhaustive()
    }
}

impl Stopper {
    /// Before a run, which ends once `stop` says so.
    pub(super) fn new(stop: impl FnMut() -> bool + Send + 'static) -> Self {
        Self { stop: Some(Box::new(stop)), ..Self::default() }
    }

    /// Whether the run was ended.
    pub(super) const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    fn ask<CTX: ContextTr>(&mut self, context: &mut CTX) {
        self.steps = 0;
        if !self.is_stopped
            && let Some(stop) = &mut self.stop
            && stop()
        {
            self.is_stopped = true;
            *context.error() = Err(ContextError::Custom(String::from("stopped")));
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Stopper {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps += 1;
        if self.steps >= STEPS {
            self.ask(context);
        }
        if self.is_stopped {
            interpreter.halt_fatal();
        }
    }

    fn call(&mut self, context: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.ask(context);
        None
    }

    fn create(&mut self, context: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.ask(context);
        None
    }
}
