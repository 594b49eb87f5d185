//! One claim.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use rollup::interval::Interval;

use super::{ClaimIndex, GameParameters, Subject};

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
    /// Hashes of the VM's states while it runs one block.
    Steps {
        /// The block.
        block: u64,
        /// Hash of the run's BootInfo.
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
/// refuted, bond distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It can be attacked while its attackers' clock runs, and steps can be proven.
    Open,
    /// A child was upheld or a step was proven: it takes no more attacks and proofs, and can be resolved at once.
    Countered,
    /// Resolved: nobody countered it in time. Its bond was returned.
    Upheld,
    /// Resolved: it is countered. Its bond waits.
    Refuted,
    /// Resolved, and half of its bond was given to its left-most counter.
    BondDistributed,
    /// Its bond was given back whole, because the machine is broken.
    BondReclaimed,
}

impl Status {
    /// Whether the claim is resolved.
    pub const fn is_resolved(self) -> bool {
        !matches!(self, Self::Open | Self::Countered)
    }

    /// Whether the claim is countered, resolved or not.
    pub const fn is_countered(self) -> bool {
        matches!(self, Self::Countered | Self::Refuted | Self::BondDistributed)
    }
}

/// A move that counters a claim: an upheld child or a proven step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The segment that it disputes.
    pub segment: u8,
    /// When it was made, in seconds.
    pub at: u64,
    /// Who made it.
    pub by: Address,
    /// The child; none: a step.
    pub child: Option<ClaimIndex>,
}

/// A claim: values at the ends of the segments of an interval, starting from a value that it agrees with.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// The claim that it attacks; none for the root.
    pub parent: Option<ClaimIndex>,
    /// The segment of the parent whose value it disputes.
    pub segment: u8,
    /// How many claims are above it.
    pub depth: usize,
    /// What its values are.
    pub level: Level,
    /// The blocks or steps that it is about.
    pub interval: Interval,
    /// The agreed value at the interval's start.
    pub agreed: B256,
    /// Claimed values at the ends of the segments.
    pub commitments: Vec<B256>,
    /// Who made it, and paid the bond.
    pub claimant: Address,
    /// Its bond, in wei.
    pub bond: U256,
    /// When it was made, in seconds.
    pub created: u64,
    /// Time that its side had used by then, in seconds.
    pub elapsed: u64,
    /// The claims that attack it, in the order in which they were made.
    pub children: Vec<ClaimIndex>,
    /// Where it stands.
    pub status: Status,
    /// Its left-most counter so far: of the moves that counter it, the earliest at the lowest segment. Who made it gets the
    /// reward.
    pub counter: Option<Counter>,
    /// When its counter became the left-most, in seconds.
    pub won_at: Option<u64>,
    /// When anything was last resolved or proven, in seconds, that may decide which counter is the left-most.
    pub moved_at: Option<u64>,
}

/// What makes a claim: the input of its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) parent: ClaimId,
    pub(super) segment: u8,
    pub(super) level: Level,
    pub(super) interval: Interval,
    pub(super) agreed: B256,
    pub(super) commitments: &'a [B256],
}

impl Content<'_> {
    /// As the contract computes it.
    pub(super) fn id(&self, subject: &Subject) -> ClaimId {
        let packed: Vec<u8> = self.commitments.iter().flat_map(|value| value.0).collect();
        let fields = (
            subject.game,
            self.parent.0,
            U256::from(self.segment),
            U256::from(self.level.number()),
            self.level.boot_hash(),
            self.interval.start,
            self.interval.length,
            self.agreed,
            keccak256(packed),
        );
        ClaimId(keccak256(fields.abi_encode()))
    }
}

impl Claim {
    pub(super) fn root(
        subject: &Subject,
        parameters: &GameParameters,
        commitments: Vec<B256>,
        proposer: Address,
        now: u64,
    ) -> Self {
        let content = Content {
            parent: ClaimId::default(),
            segment: 0,
            level: Level::Blocks,
            interval: subject.blocks,
            agreed: subject.anchor_output,
            commitments: &commitments,
        };
        Self {
            id: content.id(subject),
            parent: None,
            segment: 0,
            depth: 0,
            level: Level::Blocks,
            interval: subject.blocks,
            agreed: subject.anchor_output,
            commitments,
            claimant: proposer,
            bond: parameters.bonds.of(0),
            created: now,
            elapsed: 0,
            children: Vec::new(),
            status: Status::Open,
            counter: None,
            won_at: None,
            moved_at: None,
        }
    }

    /// The blocks or steps of a segment; none behind the last.
    pub fn segment_interval(&self, segment: u8) -> Option<Interval> {
        self.interval.segment(segment.into())
    }

    /// The value before a segment: what an attack on the segment agrees with.
    pub fn value_before(&self, segment: u8) -> Option<B256> {
        match segment.checked_sub(1) {
            None => Some(self.agreed),
            Some(before) => self.commitments.get(usize::from(before)).copied(),
        }
    }

    /// The value claimed at the end of a segment: what an attack on the segment disputes.
    pub fn value_after(&self, segment: u8) -> Option<B256> {
        self.commitments.get(usize::from(segment)).copied()
    }

    /// The value claimed at the end of the interval, which is what the claim asserts.
    pub fn assertion(&self) -> B256 {
        self.commitments.last().copied().unwrap_or_default()
    }

    /// Whether it is on the step level.
    pub const fn is_step_level(&self) -> bool {
        matches!(self.level, Level::Steps { .. })
    }
}
