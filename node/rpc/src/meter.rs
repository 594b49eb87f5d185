//! What a run of the EVM holds, and how long it takes.
//!
//! Gas bounds neither well: a call of all gas that is allowed can hold some tens of megabytes in nested frames, more in what they
//! return and in the journal, and a trace of it many gigabytes. So each run has an inspector that looks at the EVM's memory, its journal and what frames
//! returned, at every call and every so many steps in between, and weighs what a tracer records. What the state gives is
//! counted where it is read (`evm`).

use std::sync::Arc;

use revm::{
    DatabaseRef, Inspector,
    bytecode::opcode,
    context::{ContextTr, JournalEntry, LocalContextTr},
    context_interface::context::ContextError,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::{Jumps, MemoryTr},
    },
    primitives::{Address, Log, U256, map::HashSet},
};
use revm_inspectors::{
    access_list::AccessListInspector,
    tracing::{DebugInspector, StackSnapshotType},
};

use super::{RpcError, budget::Budget};

/// Most bytes that the EVM may hold in a run, apart from what it reads. A call needs some megabytes at most; all gas that is
/// allowed buys some fifty in nested frames, of which each has a 64th less than the one before.
const EVM_MEMORY: usize = 64 << 20;

/// Steps between two looks. In so many, memory can grow by what gas buys in one frame: some megabytes.
const STEPS: u32 = 1024;

/// Bytes of an entry of the journal. It grows to twice its size at a time.
const JOURNAL_ENTRY: usize = 2 * size_of::<JournalEntry>();

/// Bytes that a log takes besides its data.
const LOG: usize = 256;

/// Bytes that a frame of a trace takes besides its input and output: as it is recorded, and as it is answered.
const FRAME: usize = 3 << 10;

/// How often a tracer holds what goes into a frame and comes out of it.
const FRAME_COPIES: usize = 2;

/// Bytes of a recorded step besides its stack and memory, as it is recorded and as it is answered.
const STEP: usize = 640;

/// Bytes for each word of a step's stack.
const STACK_WORD: usize = 64;

/// Most frames of a trace. To put them into one another takes time by their square: a second for so many.
const MAX_FRAMES: usize = 8192;

/// Bytes for each byte of a step's memory where it is shown: as it is, and as hexadecimal words.
const MEMORY_COPIES: usize = 4;

/// Bytes for each slot that a step shows: every step that reads or writes storage shows all that came before.
const SHOWN_SLOT: usize = 128;

/// What a tracer keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Recorded {
    steps: bool,
    stack: bool,
    /// How often it holds the memory before each step.
    memory: usize,
    /// Steps show storage.
    storage: bool,
}

impl Recorded {
    fn by(tracer: &DebugInspector) -> Self {
        let (config, memory, storage) = match tracer {
            DebugInspector::Default(inspector, options) => {
                (inspector.config(), MEMORY_COPIES, options.is_storage_enabled())
            }
            DebugInspector::Erc7562Tracer(inspector, _) => (inspector.config(), 1, false),
            // These keep frames and counts, but no steps.
            _ => return Self::default(),
        };
        Self {
            steps: config.record_steps,
            stack: config.record_stack_snapshots != StackSnapshotType::None,
            memory: if config.record_memory_snapshots { memory } else { 0 },
            storage,
        }
    }
}

/// What looks at a run besides.
#[derive(Debug)]
pub(crate) enum Tool {
    /// Nothing: the run's result is all that counts.
    None,
    /// A tracer.
    Tracer(Box<DebugInspector>),
    /// What notes accounts and slots.
    AccessList(AccessListInspector),
}

/// An inspector that holds a run to its budget, around a tracer if there is one.
#[derive(Debug)]
pub(crate) struct Metered {
    budget: Arc<Budget>,
    /// What the EVM held when it was last looked at.
    evm: usize,
    /// Steps since then.
    steps: u32,
    /// Frames of this trace.
    frames: usize,
    /// What the last callee of each frame returned, which stays until the next one does.
    returned: Vec<usize>,
    all_returned: usize,
    logged: usize,
    /// Slots that the steps of this trace have shown.
    slots: HashSet<(Address, U256)>,
    /// The length of the journal before a step that may show one more.
    journal: Option<usize>,
    /// Why the run must end.
    refused: Option<RpcError>,
    recorded: Recorded,
    /// What else looks at the runs.
    pub(crate) tool: Tool,
    /// Whether it looks at this one.
    pub(crate) is_tracing: bool,
}

impl Metered {
    /// Without a tracer.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            evm: 0,
            steps: 0,
            frames: 0,
            returned: Vec::new(),
            all_returned: 0,
            logged: 0,
            slots: HashSet::default(),
            journal: None,
            refused: None,
            recorded: Recorded::default(),
            tool: Tool::None,
            is_tracing: true,
        }
    }

    /// With a tracer.
    pub(crate) fn with_tracer(budget: Arc<Budget>, tracer: DebugInspector) -> Self {
        let mut new = Self::new(budget);
        new.recorded = Recorded::by(&tracer);
        new.tool = Tool::Tracer(Box::new(tracer));
        new
    }

    /// Why the last run failed, if not for a reason of its own.
    pub(crate) fn refusal(&mut self) -> Option<RpcError> {
        self.refused.take()
    }

    /// Whether a tracer looks at this run.
    const fn is_traced(&self) -> bool {
        self.is_tracing && matches!(self.tool, Tool::Tracer(_))
    }

    /// Takes what the tracer records; it is given back when the request is answered.
    fn record(&mut self, bytes: usize) {
        if let Err(error) = self.budget.take(bytes) {
            self.refused = Some(error);
        }
    }

    /// Looks at what the EVM holds.
    fn look<CTX: ContextTr<Journal: JournalExt>>(&mut self, context: &mut CTX) {
        self.steps = 0;
        let memory = context.local().shared_memory_buffer().borrow().capacity();
        let journal = context.journal_ref().journal().len() * JOURNAL_ENTRY;
        let now = memory + journal + self.all_returned + self.logged;
        let looked = if now > EVM_MEMORY {
            Err(RpcError::Limit(format!("call takes more than {EVM_MEMORY} bytes of memory: ask for less")))
        } else if now > self.evm {
            self.budget.take(now - self.evm)
        } else {
            self.budget.give(self.evm - now);
            Ok(())
        };
        if looked.is_ok() {
            self.evm = now;
        }
        if let Err(error) = looked.and_then(|()| self.budget.check_time()) {
            self.refused = Some(error);
        }
        self.check(context);
    }

    /// Tells the EVM that it must end.
    fn check<CTX: ContextTr>(&self, context: &mut CTX) {
        if let Some(error) = &self.refused
            && context.error().is_ok()
        {
            *context.error() = Err(ContextError::Custom(error.to_string()));
        }
    }

    fn enter<CTX: ContextTr<Journal: JournalExt>>(&mut self, context: &mut CTX, input: usize) {
        if self.returned.is_empty() {
            // A run begins.
            (self.all_returned, self.logged, self.frames) = (0, 0, 0);
            self.slots.clear();
        }
        self.returned.push(0);
        if self.is_traced() {
            self.frames += 1;
            self.record(FRAME + FRAME_COPIES * input);
            if self.frames > MAX_FRAMES {
                self.refused = Some(RpcError::Limit(format!(
                    "trace has more than {MAX_FRAMES} frames: use onlyTopCall, or trace less"
                )));
            }
        }
        self.look(context);
    }

    fn leave<CTX: ContextTr<Journal: JournalExt>>(&mut self, context: &mut CTX, output: usize) {
        self.all_returned -= self.returned.pop().unwrap_or_default();
        if let Some(last) = self.returned.last_mut() {
            self.all_returned = self.all_returned - *last + output;
            *last = output;
        }
        if self.is_traced() {
            self.record(FRAME_COPIES * output);
        }
        self.look(context);
    }

    /// Weighs what the tracer keeps of the step that comes.
    fn weigh<CTX: ContextTr<Journal: JournalExt>>(&mut self, interpreter: &Interpreter, context: &CTX) {
        let stack = if self.recorded.stack { STACK_WORD * interpreter.stack.len() } else { 0 };
        self.record(STEP + stack + self.recorded.memory * interpreter.memory.size());
        let has_slot = matches!(interpreter.bytecode.opcode(), opcode::SLOAD | opcode::SSTORE);
        self.journal = (self.recorded.storage && has_slot).then(|| context.journal_ref().journal().len());
    }

    /// Weighs the storage that the step shows: all slots that steps have shown so far, if it was noted in the journal.
    fn weigh_storage<CTX: ContextTr<Journal: JournalExt>>(&mut self, context: &CTX) {
        let Some(before) = self.journal.take() else { return };
        let journal = context.journal_ref().journal();
        if journal.len() == before {
            return;
        }
        if let Some(
            JournalEntry::StorageChanged { address, key, .. } | JournalEntry::StorageWarmed { address, key },
        ) = journal.last()
        {
            self.slots.insert((*address, *key));
            self.record(SHOWN_SLOT * self.slots.len());
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.budget.give(self.evm);
    }
}

/// Calls what else looks at this run.
macro_rules! delegate {
    ($self:ident, $context:ty, $method:ident($($argument:expr),*)) => {
        match &mut $self.tool {
            Tool::Tracer(tracer) if $self.is_tracing => {
                <DebugInspector as Inspector<$context>>::$method(tracer, $($argument),*)
            }
            Tool::AccessList(list) => {
                <AccessListInspector as Inspector<$context>>::$method(list, $($argument),*)
            }
            Tool::Tracer(_) | Tool::None => Default::default(),
        }
    };
}

impl<CTX> Inspector<CTX> for Metered
where
    CTX: ContextTr<Journal: JournalExt, Db: DatabaseRef>,
{
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        delegate!(self, CTX, initialize_interp(interpreter, context))
    }

    #[inline]
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps += 1;
        if self.steps >= STEPS {
            self.look(context);
        }
        if self.recorded.steps && self.is_tracing {
            self.weigh(interpreter, context);
            self.check(context);
        }
        delegate!(self, CTX, step(interpreter, context));
        if self.refused.is_some() {
            interpreter.halt_fatal();
        }
    }

    #[inline]
    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if self.journal.is_some() {
            self.weigh_storage(context);
        }
        delegate!(self, CTX, step_end(interpreter, context));
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut CTX, log: Log) {
        self.logged += LOG + log.data.data.len();
        if self.is_traced() {
            self.record(LOG + FRAME_COPIES * log.data.data.len());
        }
        delegate!(self, CTX, log_full(interpreter, context, log))
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        delegate!(self, CTX, log(context, log))
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter(context, inputs.input.len());
        delegate!(self, CTX, call(context, inputs))
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(context, outcome.result.output.len());
        delegate!(self, CTX, call_end(context, inputs, outcome))
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter(context, inputs.init_code().len());
        delegate!(self, CTX, create(context, inputs))
    }

    fn create_end(&mut self, context: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(context, outcome.result.output.len());
        delegate!(self, CTX, create_end(context, inputs, outcome))
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        delegate!(self, CTX, selfdestruct(contract, target, value))
    }
}
