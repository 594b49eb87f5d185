//! What a run of the EVM holds, and how long it takes.
//!
//! Gas bounds neither well: a call of all gas that is allowed can hold some tens of megabytes in nested frames, more in what they
//! return and in the journal. So some instructions have this looked at before they are executed (`instructions`). What the
//! state gives is counted where it is read (`call_state`), what a tracer records where it looks (`tool`).

use std::sync::Arc;

use super::{RpcError, budget::Budget};

/// Most bytes that the EVM may hold in a run, apart from what it reads. A call needs some megabytes at most; all gas that is
/// allowed buys some fifty in nested frames, of which each has a 64th less than the one before.
const EVM_MEMORY: usize = 64 << 20;

/// What is done between two looks: jumps, writes, and what takes as long. A look costs as much as some twenty steps.
const WORK: u32 = 64;

/// Bytes that a log takes besides its data.
pub(crate) const LOG: usize = 256;

/// Holds runs to a request's budget.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Arc<Budget>,
    /// What the EVM held when it was last looked at.
    held: usize,
    /// What was done since then.
    work: u32,
    /// What the last callee of each frame returned, which stays until the next one does.
    returned: Vec<usize>,
    all_returned: usize,
    logged: usize,
    /// Why the run must end.
    refused: Option<RpcError>,
}

impl Meter {
    pub(crate) const fn new(budget: Arc<Budget>) -> Self {
        let returned = Vec::new();
        Self { budget, held: 0, work: 0, returned, all_returned: 0, logged: 0, refused: None }
    }

    /// As much is done as so many jumps. Whether it is time to look.
    pub(crate) const fn count(&mut self, work: u32) -> bool {
        self.work = self.work.saturating_add(work);
        self.work >= WORK
    }

    /// A log has data of so many bytes.
    pub(crate) const fn log(&mut self, data: usize) {
        self.logged = self.logged.saturating_add(LOG).saturating_add(data);
    }

    /// The run must end.
    pub(crate) fn refuse(&mut self, error: RpcError) {
        self.refused.get_or_insert(error);
    }

    /// Whether something that may take long may be done.
    ///
    /// # Errors
    /// Not here.
    pub(crate) fn check_long(&self) -> Result<(), RpcError> {
        self.budget.check_long()
    }

    /// A run begins.
    pub(crate) fn begin(&mut self) {
        self.returned.clear();
        (self.all_returned, self.logged) = (0, 0);
    }

    /// Why the last run failed, if not for a reason of its own.
    pub(crate) fn refusal(&mut self) -> Option<RpcError> {
        self.refused.take()
    }

    /// Looks at what the EVM holds in a frame `depth` deep, whose last callee returned `returned` bytes.
    ///
    /// # Errors
    /// It is more than it may be, or there is no time to go on.
    pub(crate) fn look(&mut self, depth: usize, memory: usize, returned: usize) -> Result<(), RpcError> {
        self.work = 0;
        while self.returned.len() > depth {
            self.all_returned -= self.returned.pop().unwrap_or_default();
        }
        self.returned.resize(depth, 0);
        self.returned.push(returned);
        self.all_returned += returned;
        let now = memory + self.all_returned + self.logged;
        if now > EVM_MEMORY {
            let text = format!("call takes more than {EVM_MEMORY} bytes of memory: ask for less");
            return Err(RpcError::Limit(text));
        }
        if now > self.held {
            self.budget.take(now - self.held)?;
        } else {
            self.budget.give(self.held - now);
        }
        self.held = now;
        self.budget.check_time()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.budget.give(self.held);
    }
}
