use std::{collections::BTreeMap, fmt};

use super::Folder;

/// What came out of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// How many cases came out as the suite says, by folder.
    pub passed: BTreeMap<Folder, usize>,
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
    /// How many cases came out as the suite says.
    pub fn passed(&self) -> usize {
        self.passed.values().sum()
    }

    /// Notes how a case went.
    pub(super) fn note(&mut self, folder: Folder, case: impl FnOnce() -> String, result: anyhow::Result<()>) {
        match result {
            Ok(()) => *self.passed.entry(folder).or_default() += 1,
            Err(error) => self.failures.push(Failure { case: case(), reason: format!("{error:#}") }),
        }
    }

    /// Notes cases left out.
    pub(super) fn exclude(&mut self, reason: &'static str, count: usize) {
        *self.excluded.entry(reason).or_default() += count;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (folder, count) in other.passed {
            *self.passed.entry(folder).or_default() += count;
        }
        self.failures.extend(other.failures);
        for (reason, count) in other.excluded {
            self.exclude(reason, count);
        }
    }
}

/// All failures, all exclusions, what passed of each folder, and the counts in the last line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {}\n       {}", failure.case, failure.reason)?;
        }
        for (reason, count) in &self.excluded {
            writeln!(f, "excluded {count}: {reason}")?;
        }
        for (folder, count) in &self.passed {
            writeln!(f, "{folder}: {count} passed")?;
        }
        write!(f, "{} passed, {} failed", self.passed(), self.failures.len())
    }
}
