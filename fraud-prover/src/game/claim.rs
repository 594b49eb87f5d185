//! One claim.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use rollup::interval::Interval;

use super::{ClaimIndex, Rules, Subject};

/// Id of a claim: a hash of the game and of everything that the claim says, so that the same claim cannot be made
/// twice in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub B256);

impl std::fmt::Display for ClaimId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a claim's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Output roots of L2 blocks.
    Blocks,
    /// State hashes of the machine while it runs one block.
    Steps {
        /// The block.
        block: u64,
        /// What the machine was started with.
        boot_hash: B256,
    },
}

impl Level {
    /// The number in the contract.
    pub const fn number(self) -> u8 {
        match self {
            Self::Blocks => 0,
            Self::Steps { .. } => 1,
        }
    }

    const fn boot_hash(self) -> B256 {
        match self {
            Self::Blocks => B256::ZERO,
            Self::Steps { boot_hash, .. } => boot_hash,
        }
    }
}

/// Where a claim stands, as the contract has it. It only moves down one of two lists: open, upheld; or open, countered,
/// refuted, settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It can be attacked while its attackers' clock runs, and steps can be proven.
    Open,
    /// A child was upheld or a step was proven: it takes no more attacks and proofs, and can be decided at once.
    Countered,
    /// Decided: nobody countered it in time. Its bond was returned.
    Upheld,
    /// Decided: it is countered. Its bond waits.
    Refuted,
    /// Decided, and its bond was given to whom it is due.
    Settled,
}

impl Status {
    /// Whether the claim is decided.
    pub const fn is_decided(self) -> bool {
        !matches!(self, Self::Open | Self::Countered)
    }

    /// Whether the claim is countered, decided or not.
    pub const fn is_countered(self) -> bool {
        matches!(self, Self::Countered | Self::Refuted | Self::Settled)
    }
}

/// A move that counters a claim: an upheld child or a proven step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The part that it disputes.
    pub part: u8,
    /// When it was made, in seconds.
    pub at: u64,
    /// Who made it.
    pub by: Address,
    /// The child; none: a step.
    pub child: Option<ClaimIndex>,
}

/// A claim: values at the ends of the parts of an interval, starting from a value that it agrees with.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// The claim that it attacks; none for the root.
    pub parent: Option<ClaimIndex>,
    /// The part of the parent whose value it disputes.
    pub part: u8,
    /// How many claims are above it.
    pub depth: usize,
    /// What its values are.
    pub level: Level,
    /// The blocks or steps that it covers.
    pub interval: Interval,
    /// The agreed value at the interval's start.
    pub start: B256,
    /// Claimed values at the ends of the parts.
    pub vector: Vec<B256>,
    /// Who made it, and paid the bond.
    pub claimant: Address,
    /// Wei.
    pub bond: U256,
    /// When it was made, in seconds.
    pub created: u64,
    /// Time on its side's clock that was used up by then, in seconds.
    pub used: u64,
    /// The claims that attack it, in the order in which they were made.
    pub children: Vec<ClaimIndex>,
    /// Where it stands.
    pub status: Status,
    /// Who gets its bond if it is countered, as things stand: of what counters it, the move at the lowest part, the
    /// earliest there.
    pub counter: Option<Counter>,
}

/// What makes a claim: the input of its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) parent: ClaimId,
    pub(super) part: u8,
    pub(super) level: Level,
    pub(super) interval: Interval,
    pub(super) start: B256,
    pub(super) vector: &'a [B256],
}

impl Content<'_> {
    /// As the contract computes it.
    pub(super) fn id(&self, subject: &Subject) -> ClaimId {
        let vector: Vec<u8> = self.vector.iter().flat_map(|value| value.0).collect();
        let fields = (
            subject.game,
            self.parent.0,
            U256::from(self.part),
            U256::from(self.level.number()),
            self.level.boot_hash(),
            self.interval.start,
            self.interval.length,
            self.start,
            keccak256(vector),
        );
        ClaimId(keccak256(fields.abi_encode()))
    }
}

impl Claim {
    pub(super) fn root(
        subject: &Subject,
        rules: &Rules,
        vector: Vec<B256>,
        proposer: Address,
        now: u64,
    ) -> Self {
        let content = Content {
            parent: ClaimId::default(),
            part: 0,
            level: Level::Blocks,
            interval: subject.blocks,
            start: subject.anchor_output,
            vector: &vector,
        };
        Self {
            id: content.id(subject),
            parent: None,
            part: 0,
            depth: 0,
            level: Level::Blocks,
            interval: subject.blocks,
            start: subject.anchor_output,
            vector,
            claimant: proposer,
            bond: rules.bonds.of(0),
            created: now,
            used: 0,
            children: Vec::new(),
            status: Status::Open,
            counter: None,
        }
    }

    /// The blocks or steps of a part; none behind the last.
    pub fn part_interval(&self, part: u8) -> Option<Interval> {
        self.interval.part(part.into())
    }

    /// The value that a part starts from.
    pub fn part_start(&self, part: u8) -> Option<B256> {
        match part.checked_sub(1) {
            None => Some(self.start),
            Some(before) => self.vector.get(usize::from(before)).copied(),
        }
    }

    /// The value claimed at the end of a part.
    pub fn part_end(&self, part: u8) -> Option<B256> {
        self.vector.get(usize::from(part)).copied()
    }

    /// The value claimed at the end of the interval.
    pub fn assertion(&self) -> B256 {
        self.vector.last().copied().unwrap_or_default()
    }

    /// Whether it is about steps of the machine.
    pub const fn is_step_level(&self) -> bool {
        matches!(self.level, Level::Steps { .. })
    }
}
