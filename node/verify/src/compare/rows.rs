//! Collecting rows, and saying amounts.

use std::fmt::Display;

use crate::report::{CheckRow, RowVerdict, Theme};

/// What stands where a contract did not answer.
const NO_ANSWER: &str = "no answer";

/// The rows of a theme.
pub(super) struct Rows {
    theme: Theme,
    list: Vec<CheckRow>,
}

impl Rows {
    pub(super) const fn new(theme: Theme) -> Self {
        Self { theme, list: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<CheckRow> {
        self.list
    }

    fn push(
        &mut self,
        name: impl Into<String>,
        verdict: RowVerdict,
        expected: String,
        found: String,
        meaning: &str,
    ) {
        let (theme, name, meaning) = (self.theme, name.into(), meaning.to_owned());
        self.list.push(CheckRow { theme, name, verdict, expected, found, meaning });
    }

    /// As expected.
    pub(super) fn ok(&mut self, name: impl Into<String>, found: impl Display) {
        self.push(name, RowVerdict::Ok, String::new(), found.to_string(), "");
    }

    /// For the user to know.
    pub(super) fn note(&mut self, name: impl Into<String>, found: impl Display) {
        self.push(name, RowVerdict::Note, String::new(), found.to_string(), "");
    }

    /// Not as expected, and what that means for a user.
    pub(super) fn deviates(
        &mut self,
        name: impl Into<String>,
        expected: impl Display,
        found: impl Display,
        meaning: &str,
    ) {
        self.push(name, RowVerdict::Deviates, expected.to_string(), found.to_string(), meaning);
    }

    /// As expected or not.
    pub(super) fn check(
        &mut self,
        name: impl Into<String>,
        is_right: bool,
        expected: impl Display,
        found: impl Display,
        meaning: &str,
    ) {
        match is_right {
            true => self.push(name, RowVerdict::Ok, expected.to_string(), found.to_string(), ""),
            false => self.deviates(name, expected, found, meaning),
        }
    }

    /// Equal or not; no answer is not equal.
    pub(super) fn equal<T: Display + PartialEq>(
        &mut self,
        name: impl Into<String>,
        expected: T,
        found: Option<T>,
        meaning: &str,
    ) {
        let is_right = found.as_ref() == Some(&expected);
        self.check(name, is_right, expected, shown(found), meaning);
    }
}

/// What was answered.
pub(super) fn shown(found: Option<impl Display>) -> String {
    found.map_or_else(|| NO_ANSWER.into(), |found| found.to_string())
}

/// Seconds, in days, hours, minutes and seconds, the greatest two units that matter.
pub(super) fn time(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, name) in units {
        if rest >= unit {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (3_600, "1 h"),
            (90, "1 min 30 s"),
            (2_808_000, "32 d 12 h"),
            (86_461, "1 d 1 min"),
        ] {
            assert_eq!(time(seconds), expected);
        }
    }
}
