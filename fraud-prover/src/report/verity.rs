//! Claims compared with the truth, value by value.

use alloy::primitives::B256;
use serde::Serialize;

use crate::{
    game::{Claim, Level},
    truth::{Truth, Unknown},
};

/// Whether a value is what was computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verity {
    /// It is.
    Right,
    /// It is not.
    Wrong,
    /// Nothing is computed to compare it with.
    Unknown,
}

impl Verity {
    fn of(claimed: B256, computed: Result<B256, Unknown>) -> Self {
        match computed {
            Ok(computed) if computed == claimed => Self::Right,
            Ok(_) => Self::Wrong,
            Err(_) => Self::Unknown,
        }
    }
}

/// What is known of a claim as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimVerdict {
    /// All its values are right.
    Valid,
    /// What it agrees with is right, and a value of its own is wrong.
    Invalid,
    /// What it agrees with is wrong: it falls with the claim that it attacks.
    Poisoned,
    /// Not all is computed that it takes to tell.
    Unknown,
}

impl From<ClaimVerdict> for Verity {
    /// Whether a proposal is right, with all its values.
    fn from(verdict: ClaimVerdict) -> Self {
        match verdict {
            ClaimVerdict::Valid => Self::Right,
            ClaimVerdict::Invalid | ClaimVerdict::Poisoned => Self::Wrong,
            ClaimVerdict::Unknown => Self::Unknown,
        }
    }
}

/// The values of a claim, compared with the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimVerity {
    /// Of the value that it agrees with.
    pub agreed: Verity,
    /// Of its values.
    pub parts: Vec<Verity>,
}

impl ClaimVerity {
    /// Of a claim of which nothing is known.
    pub fn unknown(claim: &Claim) -> Self {
        Self { agreed: Verity::Unknown, parts: vec![Verity::Unknown; claim.commitments.len()] }
    }

    /// Compares a claim with the truth.
    pub fn of(truth: &(impl Truth + ?Sized), claim: &Claim) -> Self {
        match claim.level {
            Level::Blocks => Self {
                agreed: Verity::of(claim.agreed, truth.output(claim.interval.start)),
                parts: claim
                    .interval
                    .ends()
                    .zip(&claim.commitments)
                    .map(|(block, claimed)| Verity::of(*claimed, truth.output(block)))
                    .collect(),
            },
            Level::Steps { block, boot_hash } => Self::of_steps(truth, claim, block, boot_hash),
        }
    }

    fn of_steps(truth: &(impl Truth + ?Sized), claim: &Claim, block: u64, boot_hash: B256) -> Self {
        match truth.boot_hash(block) {
            Ok(right) if right == boot_hash => {}
            // States of a run that starts from something else. A state's hash covers what its run starts from.
            Ok(_) => {
                return Self { agreed: Verity::Wrong, parts: vec![Verity::Wrong; claim.commitments.len()] };
            }
            Err(_) => return Self::unknown(claim),
        }
        let state = |step: u64| truth.states(block, &[step])?.first().copied().ok_or(Unknown::Pending);
        let agreed = match claim.interval.start {
            0 => truth.run(block).map(|run| run.prestate),
            step => state(step),
        };
        let ends: Vec<u64> = claim.interval.ends().collect();
        let parts = match truth.states(block, &ends) {
            Ok(computed) => {
                let pairs = computed.into_iter().zip(&claim.commitments);
                pairs.map(|(computed, claimed)| Verity::of(*claimed, Ok(computed))).collect()
            }
            Err(_) => vec![Verity::Unknown; claim.commitments.len()],
        };
        Self { agreed: Verity::of(claim.agreed, agreed), parts }
    }

    /// How many of its values are judged.
    pub fn judged(&self) -> usize {
        let values = std::iter::once(&self.agreed).chain(&self.parts);
        values.filter(|verity| **verity != Verity::Unknown).count()
    }

    /// Whether all of them are.
    pub fn is_whole(&self) -> bool {
        self.judged() == self.parts.len() + 1
    }

    /// What is known of the claim as a whole.
    pub fn verdict(&self) -> ClaimVerdict {
        match self.agreed {
            Verity::Wrong => ClaimVerdict::Poisoned,
            Verity::Unknown => ClaimVerdict::Unknown,
            Verity::Right if self.parts.contains(&Verity::Wrong) => ClaimVerdict::Invalid,
            Verity::Right if self.parts.contains(&Verity::Unknown) => ClaimVerdict::Unknown,
            Verity::Right => ClaimVerdict::Valid,
        }
    }

    /// The first part whose value is wrong, where all before it are right.
    pub fn first_wrong(&self) -> Option<usize> {
        let place = self.parts.iter().position(|verity| *verity != Verity::Right)?;
        (self.agreed == Verity::Right && self.parts[place] == Verity::Wrong).then_some(place)
    }
}
