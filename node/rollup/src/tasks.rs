//! The tasks of a process, and which of them may end it.
//!
//! A process ends by itself only if going on would lie or lose. So each task is one of two kinds: an *essential* one ends
//! the process when it ends, and says what would be lost without it; *housekeeping* never does: it is started again,
//! whatever became of it.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use anyhow::{Result, anyhow};
use futures::FutureExt;
use tokio::task::JoinSet;

use crate::{failures::Failures, shutdown::Shutdown};

/// Time until housekeeping that ended is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long tasks may take to end before the process ends without them. What they leave undone is redone at the next
/// start: nothing but the database outlives them.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Ended {
    name: &'static str,
    /// What a process without the task does: lie or lose what.
    without: &'static str,
    result: Result<()>,
}

/// The tasks of a process.
#[derive(Debug)]
pub struct Tasks {
    essential: JoinSet<Ended>,
    housekeeping: JoinSet<()>,
    shutdown: Shutdown,
}

impl Tasks {
    /// No tasks yet. They end at shutdown.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { essential: JoinSet::new(), housekeeping: JoinSet::new(), shutdown }
    }

    /// Starts a task whose end is the process's. `without` says why: what a process without it does wrong.
    pub fn essential(
        &mut self,
        name: &'static str,
        without: &'static str,
        task: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        self.essential.spawn(async move { Ended { name, without, result: caught(task).await } });
    }

    /// Starts a task that is started again if it fails, panics or ends before shutdown.
    pub fn housekeeping<F>(&mut self, name: &'static str, mut start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut shutdown = self.shutdown.clone();
        self.housekeeping.spawn(async move {
            let mut failures = Failures::of_housekeeping(name);
            while !shutdown.is_set() {
                let ended = caught(start()).await;
                if shutdown.is_set() {
                    break;
                }
                failures.note(
                    ended.and_then(|()| Err(anyhow!("it ended"))).map_err(|error| format!("{error:#}")),
                );
                tokio::select! {
                    () = shutdown.wait() => {}
                    () = tokio::time::sleep(RESTART_PAUSE) => {}
                }
            }
        });
    }

    /// Returns when an essential task has ended: an error, unless that was at shutdown.
    pub async fn ended(&mut self) -> Result<()> {
        let Some(Ok(Ended { name, without, result })) = self.essential.join_next().await else {
            // There is none, and nothing to be lost.
            self.shutdown.wait().await;
            return Ok(());
        };
        match result {
            Err(error) => Err(error.context(format!("{name} failed"))),
            Ok(()) if self.shutdown.is_set() => Ok(()),
            Ok(()) => Err(anyhow!("{name} ended, and without it {without}")),
        }
    }

    /// Waits until all have ended after shutdown, but not for long. The first failure of an essential one counts.
    pub async fn finish(mut self) -> Result<()> {
        let mut outcome = Ok(());
        let all = async {
            while !self.essential.is_empty() {
                let ended = self.ended().await;
                outcome = std::mem::replace(&mut outcome, Ok(())).and(ended);
            }
            while self.housekeeping.join_next().await.is_some() {}
        };
        if tokio::time::timeout(SHUTDOWN_GRACE, all).await.is_err() {
            tracing::warn!(target: "node::tasks", "some tasks did not end in time");
        }
        outcome
    }
}

/// What a task comes to; a panic is an error. Nothing of the task is looked at after a panic.
async fn caught(task: impl Future<Output = Result<()>>) -> Result<()> {
    let panicked = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(anyhow!("it panicked: {text}"))
    };
    AssertUnwindSafe(task).catch_unwind().await.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use anyhow::bail;
    use tokio::sync::Notify;

    use super::*;
    use crate::shutdown;

    #[tokio::test]
    async fn housekeeping_that_fails_panics_or_ends_never_ends_the_process() {
        let (stop, shutdown) = shutdown::channel();
        let mut tasks = Tasks::new(shutdown.clone());
        let (starts, worked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        tasks.housekeeping("sweeping", {
            let (starts, worked, shutdown) = (starts.clone(), worked.clone(), shutdown.clone());
            move || {
                let (number, worked, mut shutdown) =
                    (starts.fetch_add(1, Ordering::Relaxed), worked.clone(), shutdown.clone());
                async move {
                    match number {
                        0 => bail!("no broom"),
                        1 => panic!("a spider"),
                        2 => Ok(()),
                        _ => {
                            worked.notify_one();
                            shutdown.wait().await;
                            Ok(())
                        }
                    }
                }
            }
        });
        let mut waiting = shutdown.clone();
        tasks.essential("the work", "nothing is done", async move {
            waiting.wait().await;
            Ok(())
        });
        tokio::select! {
            ended = tasks.ended() => panic!("{ended:?}"),
            () = worked.notified() => {}
        }
        assert_eq!(starts.load(Ordering::Relaxed), 4);
        stop.stop();
        tasks.finish().await.unwrap();
    }

    #[tokio::test]
    async fn an_essential_task_ends_the_process_and_says_why() {
        let (_stop, shutdown) = shutdown::channel();
        let text = async |task: fn() -> Result<()>| {
            let mut tasks = Tasks::new(shutdown.clone());
            tasks.housekeeping("sweeping", std::future::pending);
            tasks.essential("the clock", "nobody knows the time", async move { task() });
            format!("{:#}", tasks.ended().await.unwrap_err())
        };
        assert_eq!(text(|| bail!("no spring")).await, "the clock failed: no spring");
        assert_eq!(text(|| panic!("broken")).await, "the clock failed: it panicked: broken");
        assert_eq!(text(|| Ok(())).await, "the clock ended, and without it nobody knows the time");
    }
}
