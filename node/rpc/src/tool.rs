//! What looks at a run of the EVM, and what of it is kept for an answer.

use std::sync::Arc;

use revm::{
    Inspector,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter, interpreter_types::Jumps,
    },
    primitives::{Address, Log, U256},
};
use revm_inspectors::{access_list::AccessListInspector, tracing::TracingInspector};

use super::{
    RpcError,
    budget::Budget,
    call_state::EvmContext,
    halts::LastStep,
    instructions::stop,
    meter::LOG,
    tracers::{Driver, World},
    transfers::Transfers,
};

/// Bytes that a frame of a trace takes besides its input and output: as it is recorded, and as it is answered.
const FRAME: usize = 3 << 10;

/// How often a tracer holds what goes into a frame and comes out of it.
const FRAME_COPIES: usize = 2;

/// Bytes of a recorded step besides its stack and memory, as it is recorded and as it is answered.
const STEP: usize = 640;

/// Bytes for each word of a step's stack.
const STACK_WORD: usize = 64;

/// Most frames of a trace in Parity's form. To put them into one another takes time by their square: a second for so many.
const MAX_FRAMES: usize = 8192;

/// What looks at a run besides.
#[derive(Debug)]
pub(crate) enum Tool {
    /// Nothing: the run's result is all that counts.
    None,
    /// A tracer.
    Tracer(Box<Driver>),
    /// What notes frames, and steps if it is told to, for the namespace `trace`.
    Parity(Box<TracingInspector>),
    /// What notes accounts and slots.
    AccessList(AccessListInspector),
    /// What notes logs, and transfers of ether as if they were some.
    Transfers(Transfers),
}

/// Looks at runs, within a request's budget.
#[derive(Debug)]
pub(crate) struct Looker {
    /// What is recorded is taken from it.
    pub(crate) budget: Arc<Budget>,
    /// Frames of this trace.
    frames: usize,
    /// The run must end.
    is_refused: bool,
    /// The newest step.
    last: Option<LastStep>,
    /// What looks.
    pub(crate) tool: Tool,
    /// Whether a tracer looks at this run.
    pub(crate) is_tracing: bool,
}

impl Looker {
    /// Without a tracer.
    pub(crate) const fn new(budget: Arc<Budget>) -> Self {
        let tool = Tool::None;
        Self { budget, frames: 0, is_refused: false, last: None, tool, is_tracing: true }
    }

    /// Whether anything looks at the next run.
    pub(crate) const fn is_needed(&self) -> bool {
        self.is_traced() || matches!(self.tool, Tool::AccessList(_) | Tool::Transfers(_))
    }

    /// A run begins.
    pub(crate) const fn begin(&mut self) {
        (self.frames, self.is_refused, self.last) = (0, false, None);
    }

    /// The last step of the last run, if it was noted.
    pub(crate) const fn last_step(&self) -> Option<LastStep> {
        self.last
    }

    /// Whether a tracer looks at this run.
    const fn is_traced(&self) -> bool {
        self.is_tracing && matches!(self.tool, Tool::Tracer(_) | Tool::Parity(_))
    }

    /// Tells the tracer of this run something.
    fn tell(
        &mut self,
        context: &mut EvmContext,
        event: impl FnOnce(&mut Driver, &mut World<'_>) -> Result<(), RpcError>,
    ) {
        if let Tool::Tracer(driver) = &mut self.tool
            && self.is_tracing
            && !self.is_refused
            && let Err(error) = event(driver, &mut World::new(context, &self.budget))
        {
            self.refuse(context, error);
        }
    }

    fn refuse(&mut self, context: &mut EvmContext, error: RpcError) {
        self.is_refused = true;
        stop(error, context);
    }

    /// Takes what the tracer records. It is given back with the budget.
    fn record(&mut self, context: &mut EvmContext, bytes: usize) {
        if let Err(error) = self.budget.take(bytes) {
            self.refuse(context, error);
        }
    }

    fn enter(&mut self, context: &mut EvmContext, input: usize) {
        if self.is_traced() {
            self.frames += 1;
            self.record(context, FRAME + FRAME_COPIES * input);
            if self.frames > MAX_FRAMES && matches!(self.tool, Tool::Parity(_)) {
                let text = format!(
                    "trace has more than {MAX_FRAMES} frames: use debug_traceTransaction, or trace less"
                );
                self.refuse(context, RpcError::Limit(text));
            }
        }
    }

    fn leave(&mut self, context: &mut EvmContext, output: usize) {
        if self.is_traced() {
            self.record(context, FRAME_COPIES * output);
        }
    }

    fn weigh_log(&mut self, context: &mut EvmContext, log: &Log) {
        if self.is_traced() {
            self.record(context, LOG + FRAME_COPIES * log.data.data.len());
        }
    }

    /// Weighs what is kept of the step that comes.
    fn weigh(&mut self, context: &mut EvmContext, interpreter: &Interpreter) {
        if let Tool::Parity(inspector) = &self.tool
            && self.is_tracing
            && inspector.config().record_steps
        {
            self.record(context, STEP + STACK_WORD * interpreter.stack.len());
        }
    }
}

/// Calls what else looks at this run, if it is an inspector of revm's.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.tool {
            Tool::Parity(inspector) if $self.is_tracing => {
                <TracingInspector as Inspector<EvmContext>>::$method(inspector, $($argument),*)
            }
            Tool::AccessList(list) => {
                <AccessListInspector as Inspector<EvmContext>>::$method(list, $($argument),*)
            }
            Tool::Transfers(transfers) => {
                <Transfers as Inspector<EvmContext>>::$method(transfers, $($argument),*)
            }
            Tool::Tracer(_) | Tool::Parity(_) | Tool::None => Default::default(),
        }
    };
}

impl Inspector<EvmContext> for Looker {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        delegate!(self, initialize_interp(interpreter, context))
    }

    #[inline]
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        self.last = Some(LastStep { opcode: interpreter.bytecode.opcode(), stack: interpreter.stack.len() });
        match &self.tool {
            Tool::None => {}
            Tool::Tracer(_) => self.tell(context, |driver, world| driver.step(world, interpreter)),
            Tool::Parity(_) | Tool::AccessList(_) | Tool::Transfers(_) => {
                self.weigh(context, interpreter);
                delegate!(self, step(interpreter, context));
            }
        }
        if self.is_refused {
            interpreter.halt_fatal();
        }
    }

    #[inline]
    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext) {
        match &self.tool {
            Tool::None => {}
            Tool::Tracer(_) => self.tell(context, |driver, world| driver.step_end(world, interpreter)),
            Tool::Parity(_) | Tool::AccessList(_) | Tool::Transfers(_) => {
                delegate!(self, step_end(interpreter, context))
            }
        }
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext, log: Log) {
        self.weigh_log(context, &log);
        self.tell(context, |driver, world| driver.log(world, &log));
        delegate!(self, log_full(interpreter, context, log))
    }

    fn log(&mut self, context: &mut EvmContext, log: Log) {
        self.weigh_log(context, &log);
        self.tell(context, |driver, world| driver.log(world, &log));
        delegate!(self, log(context, log))
    }

    fn call(&mut self, context: &mut EvmContext, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter(context, inputs.input.len());
        self.tell(context, |driver, world| driver.call(world, inputs));
        delegate!(self, call(context, inputs))
    }

    fn call_end(&mut self, context: &mut EvmContext, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let result = &outcome.result;
        self.leave(context, result.output.len());
        self.tell(context, |driver, world| {
            driver.leave(world, result.result, inputs.gas_limit, &result.gas, &result.output)
        });
        delegate!(self, call_end(context, inputs, outcome))
    }

    fn create(&mut self, context: &mut EvmContext, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter(context, inputs.init_code().len());
        self.tell(context, |driver, world| driver.create(world, inputs));
        delegate!(self, create(context, inputs))
    }

    fn create_end(&mut self, context: &mut EvmContext, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        let result = &outcome.result;
        self.leave(context, result.output.len());
        self.tell(context, |driver, world| {
            driver.leave(world, result.result, inputs.gas_limit(), &result.gas, &result.output)
        });
        delegate!(self, create_end(context, inputs, outcome))
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        delegate!(self, selfdestruct(contract, target, value))
    }
}
