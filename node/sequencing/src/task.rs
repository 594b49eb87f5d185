//! What batcher and proposer are: a step that is made again and again, and that may fail.

use std::{fmt::Display, time::Duration};

use rollup::{failures::Failures, shutdown::Shutdown};
use tokio::time::sleep;

/// Longest pause after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Failures in a row from which on the operator is told. One or two are nothing: another transaction or a reorg came first.
const TELL_AFTER: u32 = 3;

/// What is known after a step that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stepped {
    /// It worked.
    Well,
    /// Something is on its way, and has yet to work or fail: this is no news.
    Open,
}

/// A task that looks at the chain, does what there is to do, and looks again.
pub(crate) trait Task: Send {
    /// Why a step fails.
    type Error: Display + Send;

    /// What it does, as in "posting batches failed".
    const WHAT: &'static str;

    /// Counter of its failures.
    const FAILURES: &'static str;

    /// Looks, and does what there is to do. It may be given up at any point: the next one looks anew.
    fn step(&mut self) -> impl Future<Output = Result<Stepped, Self::Error>> + Send;

    /// Pause between two steps.
    fn poll_interval(&self) -> Duration;

    /// Whether an error is worth telling at once. Others are told once they last.
    fn is_alarming(_error: &Self::Error) -> bool {
        false
    }
}

/// Makes steps until told to end. Failures only lengthen the pause.
pub(crate) async fn run<T: Task>(mut task: T, mut shutdown: Shutdown) {
    let mut failures = Failures::new(T::WHAT, TELL_AFTER, |_| metrics::counter!(T::FAILURES).increment(1));
    while !shutdown.is_set() {
        let step = tokio::select! {
            () = shutdown.wait() => break,
            step = task.step() => step,
        };
        let poll = task.poll_interval();
        let pause = match step {
            Ok(Stepped::Well) => {
                failures.worked();
                poll
            }
            Ok(Stepped::Open) => poll,
            Err(error) => {
                failures.failed(&error, T::is_alarming(&error));
                poll.saturating_mul(1 << failures.in_a_row().min(10)).min(MAX_BACKOFF)
            }
        };
        tokio::select! {
            () = shutdown.wait() => break,
            () = sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    /// Fails until it has been tried so often, and then counts.
    struct Flaky {
        tries: Arc<AtomicU32>,
        good_after: u32,
    }

    impl Task for Flaky {
        type Error = &'static str;

        const WHAT: &'static str = "doing it";
        const FAILURES: &'static str = "test_failures";

        async fn step(&mut self) -> Result<Stepped, Self::Error> {
            let tries = self.tries.fetch_add(1, Ordering::SeqCst) + 1;
            if tries > self.good_after { Ok(Stepped::Well) } else { Err("not yet") }
        }

        fn poll_interval(&self) -> Duration {
            Duration::from_millis(1)
        }
    }

    #[tokio::test]
    async fn failures_only_cost_time_and_shutdown_ends_it() {
        let tries = Arc::new(AtomicU32::new(0));
        let (stop, shutdown) = rollup::shutdown::channel();
        let running = tokio::spawn(run(Flaky { tries: tries.clone(), good_after: 4 }, shutdown));
        while tries.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished());
        stop.stop();
        running.await.expect("it ends");
    }
}
