//! The engine of a script: its limits, and what passes between it and the node.

use std::{cell::RefMut, rc::Rc, sync::Arc, time::Instant};

use revm::{context::Journal, database::CacheDB};
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Object, Persistent, Runtime, Value, context::EvalOptions,
};

use super::{
    natives,
    shared::{ScriptShared, Shown},
};
use crate::{RpcError, budget::Budget, tracers::hooks::World};

/// Most bytes that a script may hold.
const SCRIPT_MEMORY: usize = 32 << 20;

/// Bytes of the stack that a script may take: some thousand calls within one another.
const SCRIPT_STACK: usize = 512 << 10;

/// What the engine makes of its memory's end.
const OUT_OF_MEMORY: &str = "out of memory";

/// How often the text of a result is held: in the engine, here, and as an answer.
const RESULT_COPIES: usize = 3;

const PRELUDE: &str = include_str!("prelude.js");

/// A function of the script that is called while a transaction runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Step,
    Fault,
    Enter,
    Exit,
}

impl Function {
    const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Fault => "fault",
            Self::Enter => "enter",
            Self::Exit => "exit",
        }
    }
}

/// An engine with a script.
pub(super) struct ScriptEngine {
    // What the engine owns goes before it does.
    bridge: Option<Persistent<Object<'static>>>,
    context: Context,
    runtime: Runtime,
    shared: Rc<ScriptShared>,
    budget: Arc<Budget>,
}

impl ScriptEngine {
    /// Reads a script, and says which functions it has.
    pub(super) fn new(
        code: &str,
        config: &str,
        budget: Arc<Budget>,
        deadline: Option<Instant>,
    ) -> Result<(Self, String), RpcError> {
        budget.take(SCRIPT_MEMORY)?;
        // From here on the engine gives it back.
        let made = Runtime::new().and_then(|runtime| Ok((Context::full(&runtime)?, runtime)));
        let (context, runtime) = made.map_err(|error| {
            budget.give(SCRIPT_MEMORY);
            RpcError::internal(error)
        })?;
        runtime.set_memory_limit(SCRIPT_MEMORY);
        runtime.set_max_stack_size(SCRIPT_STACK);
        let shared = Rc::new(ScriptShared::default());
        let mut engine = Self { bridge: None, context, runtime, shared, budget };
        let (watched, time) = (engine.shared.clone(), engine.budget.clone());
        engine.runtime.set_interrupt_handler(Some(Box::new(move || {
            let is_over = deadline.is_some_and(|end| end <= Instant::now()) || time.check_time().is_err();
            watched.is_over.set(watched.is_over.get() || is_over);
            is_over
        })));
        let shared = engine.shared.clone();
        let begun = engine.context.with(|ctx| {
            let begin = || -> rquickjs::Result<_> {
                let natives = natives::install(&ctx, &shared)?;
                ctx.globals().set("node", natives)?;
                let bridge: Object<'_> = ctx.eval(PRELUDE)?;
                let mut options = EvalOptions::default();
                options.strict = false;
                let made: Value<'_> = ctx.eval_with_options(format!("({code})"), options)?;
                let begin: rquickjs::Function<'_> = bridge.get("begin")?;
                let said: String = begin.call((made, config))?;
                Ok((Persistent::save(&ctx, bridge), said))
            };
            begin().catch(&ctx).map_err(|error| failure(&ctx, error))
        });
        let (bridge, said) = begun.map_err(|failure| engine.explain(failure, None))?;
        engine.bridge = Some(bridge);
        match said.strip_prefix('+') {
            Some(functions) => Ok((engine, functions.into())),
            None => Err(RpcError::Refused(said)),
        }
    }

    /// What the script is shown.
    pub(super) fn data(&self) -> RefMut<'_, Shown> {
        self.shared.shown.borrow_mut()
    }

    /// Knows the state of a transaction that begins.
    pub(super) fn know(&self, world: &World<'_>) {
        let stand_in = CacheDB::new(world.context.journaled_state.database.db.twin());
        *self.shared.state.borrow_mut() = Some(revm::context::JournalTr::new(stand_in));
    }

    /// Calls a function of the script.
    pub(super) fn call(&self, world: &mut World<'_>, function: Function) -> Result<(), RpcError> {
        self.within(world, function.name(), |ctx, bridge| {
            let function: rquickjs::Function<'_> = bridge.get(function.name())?;
            let _: Value<'_> = function.call(())?;
            let _ = ctx;
            Ok(())
        })
    }

    /// What the script found, as JSON.
    pub(super) fn result(&self, world: &mut World<'_>, context: &str) -> Result<String, RpcError> {
        let text = self.within(world, "result", |_, bridge| {
            let function: rquickjs::Function<'_> = bridge.get("result")?;
            let text: rquickjs::String<'_> = function.call((context,))?;
            text.to_string()
        })?;
        self.budget.take(RESULT_COPIES * text.len())?;
        Ok(text)
    }

    /// Works in the engine with the state at hand.
    fn within<R>(
        &self,
        world: &mut World<'_>,
        name: &'static str,
        work: impl for<'js> FnOnce(&Ctx<'js>, Object<'js>) -> rquickjs::Result<R>,
    ) -> Result<R, RpcError> {
        let bridge = self.bridge.clone().ok_or(RpcError::Internal)?;
        self.swap(world);
        let worked = self.context.with(|ctx| {
            let worked = bridge.restore(&ctx).and_then(|bridge| work(&ctx, bridge));
            worked.catch(&ctx).map_err(|error| failure(&ctx, error))
        });
        self.swap(world);
        let worked = worked.map_err(|failure| self.explain(failure, Some(name)))?;
        // A script may catch what was thrown because the trace must end.
        match self.shared.refused.borrow_mut().take() {
            Some(refused) => Err(refused),
            None => Ok(worked),
        }
    }

    /// Exchanges the state that the EVM works on and the one that the script reads.
    fn swap(&self, world: &mut World<'_>) {
        if let Some(state) = self.shared.state.borrow_mut().as_mut() {
            let live: &mut Journal<_> = &mut world.context.journaled_state;
            std::mem::swap(live, state);
        }
    }

    /// Why a script failed, as an answer.
    fn explain(&self, failure: String, function: Option<&str>) -> RpcError {
        if let Some(refused) = self.shared.refused.borrow_mut().take() {
            return refused;
        }
        if self.shared.is_over.get() {
            return match self.budget.check_time() {
                Err(error) => error,
                Ok(()) => RpcError::refused("execution timeout"),
            };
        }
        if failure.contains(OUT_OF_MEMORY) {
            return RpcError::Limit(format!("tracer takes more than {SCRIPT_MEMORY} bytes of memory"));
        }
        RpcError::Refused(match function {
            None => failure,
            Some(name) => format!("{failure}    in server-side tracer function '{name}'"),
        })
    }
}

impl Drop for ScriptEngine {
    fn drop(&mut self) {
        self.budget.give(SCRIPT_MEMORY);
    }
}

/// Longest text of a script's own error that is passed on.
const LONGEST_ERROR: usize = 4096;

/// What was thrown, as text.
fn failure<'js>(ctx: &Ctx<'js>, error: CaughtError<'js>) -> String {
    let mut text = match error {
        CaughtError::Exception(exception) => {
            let name: Option<String> = exception.as_object().get("name").ok();
            let message = exception.message().unwrap_or_default();
            match name.filter(|name| !name.is_empty()) {
                Some(name) if message.is_empty() => name,
                Some(name) => format!("{name}: {message}"),
                None => message,
            }
        }
        CaughtError::Value(value) => match value.as_string() {
            Some(text) => text.to_string().unwrap_or_default(),
            // There was no room for an error.
            None if value.is_null() => OUT_OF_MEMORY.into(),
            None => {
                let text = ctx.json_stringify(value).ok().flatten();
                text.and_then(|text| text.to_string().ok()).unwrap_or_default()
            }
        },
        CaughtError::Error(rquickjs::Error::Allocation) => OUT_OF_MEMORY.into(),
        CaughtError::Error(error) => error.to_string(),
    };
    if text.len() > LONGEST_ERROR {
        let end = (0..=LONGEST_ERROR).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
    text
}
