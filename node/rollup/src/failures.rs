//! What the operator is told of failures of something that is tried again and again.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use tracing::{debug, info, warn};

const TARGET: &str = "node::tasks";

/// Time after which the operator is told again, though nothing is new: a log that says nothing is taken for good news.
const TELL_AGAIN: Duration = Duration::from_secs(300);

/// Failures of one thing. All are counted; the operator is told of those that last, of each new one once and of an old one
/// every five minutes.
#[derive(Debug)]
pub struct Failures {
    what: &'static str,
    patience: u32,
    count: fn(&'static str),
    in_a_row: u32,
    told: Option<(String, Instant)>,
}

impl Failures {
    /// Nothing has failed yet. `what` is tried, as in "posting batches failed". The operator is told from failure number
    /// `patience` in a row on. `count` is called with `what` at each failure.
    pub const fn new(what: &'static str, patience: u32, count: fn(&'static str)) -> Self {
        Self { what, patience, count, in_a_row: 0, told: None }
    }

    /// Failures of a housekeeping task: the operator is told of the first one.
    pub const fn of_housekeeping(what: &'static str) -> Self {
        Self::new(what, 1, |task| {
            metrics::counter!("recourse_housekeeping_failures_total", "task" => task).increment(1);
        })
    }

    /// How many there were since it last worked.
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Notes what an attempt came to.
    pub fn note<E: Display>(&mut self, attempt: Result<(), E>) {
        match attempt {
            Ok(()) => self.worked(),
            Err(error) => self.failed(&error, false),
        }
    }

    /// Notes that an attempt succeeded.
    pub fn worked(&mut self) {
        self.in_a_row = 0;
        if self.told.take().is_some() {
            info!(target: TARGET, "{} works again", self.what);
        }
    }

    /// Notes that an attempt failed. The operator is told of an alarming failure at once.
    pub fn failed(&mut self, error: &impl Display, is_alarming: bool) {
        (self.count)(self.what);
        if self.is_to_be_told(&error.to_string(), is_alarming, Instant::now()) {
            warn!(target: TARGET, %error, "{} failed; will keep trying", self.what);
        } else {
            debug!(target: TARGET, %error, failures = self.in_a_row, "{} failed", self.what);
        }
    }

    /// Counts a failure, and decides whether the operator is told.
    fn is_to_be_told(&mut self, error: &str, is_alarming: bool, now: Instant) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let told = self.told.as_ref();
        let is_news = told
            .is_none_or(|(last, when)| last != error || now.saturating_duration_since(*when) >= TELL_AGAIN);
        let tell = is_news && (is_alarming || self.in_a_row >= self.patience);
        if tell {
            self.told = Some((error.to_owned(), now));
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_of_what_lasts_of_what_is_new_and_every_five_minutes() {
        let start = Instant::now();
        let mut failures = Failures::new("trying", 3, |_| ());
        let mut told = |seconds, error: &str, is_alarming| {
            failures.is_to_be_told(error, is_alarming, start + Duration::from_secs(seconds))
        };
        assert_eq!([told(0, "a", false), told(1, "a", false)], [false; 2], "it may pass");
        assert!(told(2, "a", false));
        assert_eq!([told(3, "a", false), told(301, "a", false)], [false; 2], "known");
        assert!(told(302, "a", false), "five minutes later");
        assert!(told(303, "b", false), "another");
        assert!(!told(304, "b", false));
        failures.worked();
        assert_eq!(failures.in_a_row(), 0);
        assert!(!failures.is_to_be_told("b", false, start), "it begins anew");
        assert!(failures.is_to_be_told("c", true, start), "alarming");
        assert!(!failures.is_to_be_told("c", true, start));
    }
}
