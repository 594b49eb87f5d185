//! What was compared, row by row: a table for people, or JSON.

use std::fmt;

use alloy::primitives::B256;
use serde_json::{Value, json};

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// L1 itself.
    L1,
    /// The code on L1.
    Code,
    /// What the contracts say of each other, and `rollup.json` of them.
    Links,
    /// How the contracts came to be: what their storage began with.
    History,
    /// Who can change what.
    Powers,
    /// How long anything takes.
    Delays,
    /// The version of the dispute game that is in force, and its standby.
    Game,
    /// L2's first block.
    Genesis,
    /// What matters to a user now.
    Present,
}

impl Theme {
    /// Its name, as it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::Code => "code",
            Self::Links => "links",
            Self::History => "history",
            Self::Powers => "powers",
            Self::Delays => "delays",
            Self::Game => "game",
            Self::Genesis => "genesis",
            Self::Present => "now",
        }
    }
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowVerdict {
    /// As expected.
    Ok,
    /// Nothing to compare with, or nothing that is wrong: for the user to know.
    Note,
    /// Not what this release deploys.
    Deviates,
}

impl RowVerdict {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Deviates => "DEVIATES",
        }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRow {
    /// What it is about.
    pub theme: Theme,
    /// What was compared; unique within the theme.
    pub name: String,
    /// What came of it.
    pub verdict: RowVerdict,
    /// What this release, or `rollup.json`, would have there. Empty where there is nothing to compare with.
    pub expected: String,
    /// What L1, or `rollup.json`, has there.
    pub found: String,
    /// Of what deviates: what it means for a user, in a sentence.
    pub meaning: String,
}

impl CheckRow {
    /// Theme and name, by which rows are told apart.
    pub fn id(&self) -> String {
        format!("{}: {}", self.theme.name(), self.name)
    }
}

/// All that was compared, in one block of L1.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// L1's chain id.
    pub l1_chain_id: u64,
    /// Number of the L1 block.
    pub l1_block: u64,
    /// Its hash.
    pub l1_hash: B256,
    /// The comparisons, by theme.
    pub rows: Vec<CheckRow>,
}

impl VerifyReport {
    /// The rows that deviate.
    pub fn deviations(&self) -> impl Iterator<Item = &CheckRow> {
        self.rows.iter().filter(|row| row.verdict == RowVerdict::Deviates)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "theme": row.theme.name(),
                "name": row.name,
                "verdict": row.verdict.name().to_lowercase(),
                "expected": row.expected,
                "found": row.found,
                "meaning": row.meaning,
            })
        });
        let rows: Vec<_> = rows.collect();
        json!({
            "l1ChainId": self.l1_chain_id,
            "l1Block": self.l1_block,
            "l1BlockHash": self.l1_hash,
            "deviations": self.deviations().count(),
            "rows": rows,
        })
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "L1 chain {}, block {} ({})", self.l1_chain_id, self.l1_block, self.l1_hash)?;
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let mut theme = None;
        for row in &self.rows {
            if theme.replace(row.theme) != Some(row.theme) {
                writeln!(f, "\n{}", row.theme.name())?;
            }
            let (verdict, name) = (row.verdict.name(), &row.name);
            write!(f, "  {verdict:8}  {name:width$}  ")?;
            match (row.verdict, row.expected.is_empty()) {
                (RowVerdict::Ok | RowVerdict::Note, _) => writeln!(f, "{}", row.found)?,
                (RowVerdict::Deviates, true) => writeln!(f, "{}", row.found)?,
                (RowVerdict::Deviates, false) => {
                    let gap = width + 14;
                    writeln!(f, "expected {}\n{:gap$}found    {}", row.expected, "", row.found)?;
                }
            }
            if row.verdict == RowVerdict::Deviates {
                writeln!(f, "{:gap$}{}", "", row.meaning, gap = width + 14)?;
            }
        }
        let notes = self.rows.iter().filter(|row| row.verdict == RowVerdict::Note).count();
        let (all, wrong) = (self.rows.len(), self.deviations().count());
        writeln!(f, "\n{all} comparisons: {wrong} deviate, {notes} are notes.")
    }
}
