use std::{collections::BTreeMap, fmt};

/// What came out of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases that came out as the suite says.
    pub passed: usize,
    /// Cases that did not.
    pub failures: Vec<Failure>,
    /// Cases that were left out, by reason.
    pub excluded: BTreeMap<&'static str, usize>,
}

/// A case that did not come out as the suite says.
#[derive(Debug)]
pub struct Failure {
    /// File, test, fork and index.
    pub case: String,
    /// What was expected and what was found.
    pub reason: String,
}

impl Report {
    /// Notes how a case went.
    pub(super) fn note(&mut self, case: impl FnOnce() -> String, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.failures.push(Failure { case: case(), reason: format!("{error:#}") }),
        }
    }

    /// Notes cases left out.
    pub(super) fn exclude(&mut self, reason: &'static str, count: usize) {
        *self.excluded.entry(reason).or_default() += count;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        for (reason, count) in other.excluded {
            self.exclude(reason, count);
        }
    }
}

/// All failures, all exclusions, and the counts in the last line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {}\n       {}", failure.case, failure.reason)?;
        }
        for (reason, count) in &self.excluded {
            writeln!(f, "excluded {count}: {reason}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failures.len())
    }
}
