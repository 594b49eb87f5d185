//! Whether one of several endpoints is used: one that fails, lags, lies or is of another chain is left out for a time.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tracing::{debug, info, warn};

const TARGET: &str = "node::l1";

/// Failures in a row after which an endpoint is left out: a single one is nothing.
const FAILURES: u32 = 3;
/// How long it is left out first; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest time: an endpoint that is well again should be of use soon.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// Longest time for "too many requests", whatever the endpoint asks for.
const MAX_BUSY_PAUSE: Duration = Duration::from_secs(60);
/// Answers after which it counts as well again.
const WELL_AFTER: u32 = 64;

/// Why an endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// It does not answer, or with what is none.
    Failing,
    /// It has had too many requests.
    Busy,
    /// It is behind L1.
    Lagging,
    /// It contradicts itself, or most others.
    Wrong,
    /// It serves another chain, or another rollup is on it.
    OtherChain,
}

impl LeftOut {
    const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Busy => "busy",
            Self::Lagging => "lagging",
            Self::Wrong => "wrong",
            Self::OtherChain => "other chain",
        }
    }
}

/// Whether an endpoint is used. That of a lone one does not change: there is no other to go to.
#[derive(Debug)]
pub(super) struct Standing {
    endpoint: Arc<str>,
    is_alone: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// Since it was used again.
    answers: u32,
    /// How often in a row it was left out.
    times: u32,
    /// Until when it is not even tried.
    out: Option<Instant>,
    /// What was told of it, since it was well.
    told: Option<LeftOut>,
}

impl Standing {
    /// An endpoint that is used.
    pub(super) fn new(endpoint: Arc<str>, is_alone: bool) -> Self {
        let standing = Self { endpoint, is_alone, state: Mutex::default() };
        standing.show(true);
        standing
    }

    /// Whether there is no other.
    pub(super) const fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Whether it is used.
    pub(super) fn is_used(&self) -> bool {
        self.state.lock().out.is_none()
    }

    /// Whether it is left out, and may be tried again.
    pub(super) fn is_due(&self) -> bool {
        self.state.lock().out.is_some_and(|until| until <= Instant::now())
    }

    /// It has answered.
    pub(super) fn answered(&self) {
        let mut state = self.state.lock();
        state.failures = 0;
        state.answers = state.answers.saturating_add(1);
        if state.out.is_none() && state.answers >= WELL_AFTER {
            (state.times, state.told) = (0, None);
        }
    }

    /// It has failed.
    pub(super) fn failed(&self, error: &dyn Display) {
        let failures = {
            let mut state = self.state.lock();
            state.failures = state.failures.saturating_add(1);
            if state.out.is_some() { 0 } else { state.failures }
        };
        if failures >= FAILURES {
            self.leave_out(LeftOut::Failing, error);
        }
    }

    /// It has had too many requests, and may have named a time.
    pub(super) fn is_busy(&self, retry_after: Option<Duration>) {
        let pause = retry_after.unwrap_or(FIRST_PAUSE).clamp(Duration::from_secs(1), MAX_BUSY_PAUSE);
        let newly = !self.is_alone && self.state.lock().out.replace(Instant::now() + pause).is_none();
        if newly {
            self.tell(LeftOut::Busy, &"too many requests", pause);
        }
    }

    /// From now on it is not used. What was expected of it and what was found is told once.
    pub(super) fn leave_out(&self, why: LeftOut, what: &dyn Display) {
        if self.is_alone {
            return;
        }
        let pause = {
            let mut state = self.state.lock();
            let pause = FIRST_PAUSE.saturating_mul(1 << state.times.min(10)).min(MAX_PAUSE);
            state.times = state.times.saturating_add(1);
            (state.failures, state.answers) = (0, 0);
            state.out = Some(Instant::now() + pause);
            pause
        };
        self.tell(why, what, pause);
    }

    /// It is used again.
    pub(super) fn restore(&self) {
        let mut state = self.state.lock();
        let was_out = state.out.take().is_some();
        (state.failures, state.answers) = (0, 0);
        drop(state);
        if was_out {
            info!(target: TARGET, endpoint = %self.endpoint, "an L1 endpoint is used again");
            self.show(true);
        }
    }

    fn tell(&self, why: LeftOut, what: &dyn Display, pause: Duration) {
        let (endpoint, reason, seconds) = (&self.endpoint, why.name(), pause.as_secs());
        if self.state.lock().told.replace(why) == Some(why) {
            debug!(target: TARGET, %endpoint, reason, seconds, error = %what, "an L1 endpoint is left out again");
        } else {
            warn!(target: TARGET, %endpoint, reason, seconds, error = %what, "an L1 endpoint is left out");
        }
        let labels = [("endpoint", endpoint.to_string()), ("reason", reason.to_owned())];
        metrics::counter!("recourse_l1_endpoint_left_out_total", &labels).increment(1);
        self.show(false);
    }

    fn show(&self, is_used: bool) {
        let labels = [("endpoint", self.endpoint.to_string())];
        metrics::gauge!("recourse_l1_endpoint_used", &labels).set(f64::from(u8::from(is_used)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_endpoint_is_never_left_out() {
        let standing = Standing::new("http://a".into(), true);
        for _ in 0..10 {
            standing.failed(&"no answer");
        }
        standing.is_busy(None);
        standing.leave_out(LeftOut::Wrong, &"it lied");
        assert!(standing.is_used() && !standing.is_due());
    }

    #[test]
    fn failures_in_a_row_leave_one_of_several_out_until_it_is_restored() {
        let standing = Standing::new("http://a".into(), false);
        for _ in 0..10 {
            standing.failed(&"no answer");
            standing.failed(&"no answer");
            standing.answered();
        }
        assert!(standing.is_used(), "single failures are nothing");
        for _ in 0..FAILURES {
            standing.failed(&"no answer");
        }
        assert!(!standing.is_used() && !standing.is_due(), "it is not tried at once");
        standing.answered();
        assert!(!standing.is_used(), "an answer to an earlier request restores nothing");
        standing.restore();
        assert!(standing.is_used());
    }

    #[test]
    fn who_is_left_out_again_waits_longer_until_it_is_well() {
        let standing = Standing::new("http://a".into(), false);
        let left = |standing: &Standing| {
            standing.leave_out(LeftOut::Wrong, &"it lied");
            let until = standing.state.lock().out.unwrap();
            standing.restore();
            until.saturating_duration_since(Instant::now())
        };
        let first = left(&standing);
        assert!(first <= FIRST_PAUSE);
        assert!(left(&standing) > first + FIRST_PAUSE / 2);
        for _ in 0..20 {
            assert!(left(&standing) <= MAX_PAUSE);
        }
        for _ in 0..WELL_AFTER {
            standing.answered();
        }
        assert!(left(&standing) <= FIRST_PAUSE);
    }
}
