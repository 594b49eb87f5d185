//! One claim as it is reported.

use alloy::primitives::{Address, B256, U256};
use serde::Serialize;

use super::{
    decimal,
    verity::{ClaimVerdict, ClaimVerity, Verity},
};
use crate::game::{Claim, ClaimIndex, Game, Level, Status};

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReport {
    /// Place in the list.
    pub index: ClaimIndex,
    /// Its id.
    pub id: B256,
    /// The claim that it attacks; none for the root.
    pub parent: Option<ClaimIndex>,
    /// The segment of that claim whose value it disputes.
    pub segment: u8,
    /// How many claims are above it.
    pub depth: usize,
    /// What its values are.
    pub level: LevelName,
    /// The block whose steps it is about; none where it is about blocks.
    pub block: Option<u64>,
    /// Blocks or steps before what it is about.
    pub start: u64,
    /// How many it is about.
    pub length: u64,
    /// The value at its start, which it agrees with.
    pub agreed: Value,
    /// Its values.
    pub parts: Vec<ClaimPart>,
    /// What is known of it as a whole.
    pub verdict: ClaimVerdict,
    /// The first part whose value is wrong, where all before it are right.
    pub first_wrong: Option<usize>,
    /// Who made it, and paid the bond.
    pub claimant: Address,
    /// In wei.
    #[serde(with = "decimal")]
    pub bond: U256,
    /// When it was made, in seconds.
    pub created: u64,
    /// Time that its side had used by then, in seconds.
    pub elapsed: u64,
    /// Of those who attack it.
    pub clock: Clock,
    /// Where it stands.
    pub status: StatusName,
    /// The move that counters it and is paid for it, as things stand.
    pub counter: Option<CounterReport>,
    /// The claims that attack it.
    pub children: Vec<ClaimIndex>,
}

/// What a claim's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelName {
    /// Outputs of blocks.
    Blocks,
    /// States of the machine.
    Steps,
}

/// A value, and whether it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// As it is claimed.
    pub value: B256,
    /// Whether it is right.
    pub truth: Verity,
}

/// A segment with the value at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimPart {
    /// Blocks or steps before it.
    pub start: u64,
    /// Its last block or step.
    pub end: u64,
    /// The value at its end.
    #[serde(flatten)]
    pub value: Value,
}

/// Time to attack a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// What is left, in seconds.
    pub left: u64,
    /// The first second without any, if it runs.
    pub ends: u64,
    /// Whether it runs.
    pub runs: bool,
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusName {
    /// It can be attacked.
    Open,
    /// It is countered.
    Countered,
    /// It stood.
    Upheld,
    /// It fell; its bond waits.
    Refuted,
    /// It fell; half of its bond was paid.
    Distributed,
    /// Its bond was given back, because the machine is broken.
    Reclaimed,
}

impl From<Status> for StatusName {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Countered => Self::Countered,
            Status::Upheld => Self::Upheld,
            Status::Refuted => Self::Refuted,
            Status::BondDistributed => Self::Distributed,
            Status::BondReclaimed => Self::Reclaimed,
        }
    }
}

/// A move that counters a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CounterReport {
    /// The segment that it disputes.
    pub segment: u8,
    /// Who made it.
    pub by: Address,
    /// When, in seconds.
    pub at: u64,
    /// The claim; none: a step that L1 executed.
    pub child: Option<ClaimIndex>,
}

impl ClaimReport {
    pub(super) fn of(
        game: &Game,
        index: ClaimIndex,
        claim: &Claim,
        verity: Option<&ClaimVerity>,
        now: u64,
    ) -> Self {
        let nothing = ClaimVerity::unknown(claim);
        let verity = verity.unwrap_or(&nothing);
        let (level, block) = match claim.level {
            Level::Blocks => (LevelName::Blocks, None),
            Level::Steps { block, .. } => (LevelName::Steps, Some(block)),
        };
        let segments = (0..).map_while(|segment| claim.segment_interval(segment));
        let values = claim.commitments.iter().zip(&verity.parts);
        let parts = segments.zip(values).map(|(segment, (value, truth))| ClaimPart {
            start: segment.start,
            end: segment.end(),
            value: Value { value: *value, truth: *truth },
        });
        Self {
            index,
            id: claim.id.0,
            parent: claim.parent,
            segment: claim.segment,
            depth: claim.depth,
            level,
            block,
            start: claim.interval.start,
            length: claim.interval.length,
            agreed: Value { value: claim.agreed, truth: verity.agreed },
            parts: parts.collect(),
            verdict: verity.verdict(),
            first_wrong: verity.first_wrong(),
            claimant: claim.claimant,
            bond: claim.bond,
            created: claim.created,
            elapsed: claim.elapsed,
            clock: Clock {
                left: game.time_left(claim, now),
                ends: game.deadline(claim),
                runs: claim.status == Status::Open,
            },
            status: claim.status.into(),
            counter: claim.counter.map(|counter| CounterReport {
                segment: counter.segment,
                by: counter.by,
                at: counter.at,
                child: counter.child,
            }),
            children: claim.children.clone(),
        }
    }
}
