//! The moves that add to a game: attacks and proofs of steps, with what the contract checks of them.

use alloy::primitives::{Address, B256, U256};
use rollup::interval::Interval;

use super::{Claim, ClaimId, ClaimIndex, Counter, Game, Level, Status, claim::Content};

/// Why the contract would refuse a move: the rule that it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMove {
    /// There is no such claim.
    #[error("there is no claim {0}")]
    NoClaim(ClaimId),
    /// The claim is countered or resolved.
    #[error("the claim is closed: {0:?}")]
    Closed(Status),
    /// The claim has no such segment.
    #[error("the claim has {segments} segments, not a segment {segment}")]
    NoSegment {
        /// The segment asked for.
        segment: u8,
        /// How many there are.
        segments: u64,
    },
    /// The segment is a single block or step, or more than one: another kind of move is for it.
    #[error("this kind of move is not for a segment of length {length} on this level")]
    WrongKind {
        /// Length of the segment.
        length: u64,
    },
    /// Not one commitment for each segment of the interval.
    #[error("the claim has {expected} segments, not {found} as there are commitments")]
    CommitmentCount {
        /// Segments of the interval.
        expected: u64,
        /// Commitments given.
        found: usize,
    },
    /// The attack claims the value that it disputes.
    #[error("the last value equals the disputed one")]
    SameAssertion,
    /// The same claim was made before.
    #[error("the same claim was made before")]
    Duplicate,
    /// The attackers' clock has run out.
    #[error("the time to attack the claim is over")]
    OutOfTime,
    /// The declared number of steps is impossible.
    #[error("a run has between 1 and {max} steps, not {found}")]
    StepCount {
        /// Most steps.
        max: u64,
        /// Steps declared.
        found: u64,
    },
    /// The opened state is not the last commitment, or no run of that length ends in it.
    #[error("the opened state is not the end of the declared run")]
    Opening,
    /// The claimed value is the successor of the one before.
    #[error("the step is right")]
    RightStep,
    /// Time is left to attack the claim, or an attack on it is not countered.
    #[error("the claim cannot be resolved yet")]
    NotResolvable,
    /// The machine is broken.
    #[error("the machine is broken: nothing is answered or resolved any more")]
    Suspended,
    /// The bond waits, so that a broken machine can be suspended before it moves.
    #[error("the bond waits until {0}")]
    BondWaits(u64),
    /// Bonds are given back where the machine is broken, and did not counter the claim while it worked.
    #[error("the bond cannot be given back: the claim is {0:?}")]
    NotReclaimable(Status),
    /// Only the bond of a refuted claim is distributed, once, after all attacks on it are resolved.
    #[error("the bond cannot be distributed: the claim is {status:?}, {open} attacks on it are not resolved")]
    NotDistributable {
        /// Where the claim stands.
        status: Status,
        /// Unresolved attacks.
        open: usize,
    },
    /// The game owes the account nothing.
    #[error("the game owes the account nothing")]
    NoCredit,
}

/// The last state of a run, opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Hash of the state.
    pub state: B256,
    /// Steps executed in it.
    pub step: u64,
    /// Whether the VM has exited.
    pub exited: bool,
    /// Value of the run: its output if it exited with code 0, else zero.
    pub value: B256,
}

/// A new claim that was checked, or that the contract accepted.
pub(crate) struct NewClaim {
    pub(crate) parent: ClaimIndex,
    pub(crate) segment: u8,
    pub(crate) level: Level,
    pub(crate) interval: Interval,
    pub(crate) agreed: B256,
    pub(crate) commitments: Vec<B256>,
}

impl Game {
    /// Attacks a segment of more than one block or step.
    pub fn attack(
        &mut self,
        claim: ClaimId,
        segment: u8,
        commitments: Vec<B256>,
        claimant: Address,
        now: u64,
    ) -> Result<ClaimId, InvalidMove> {
        let (index, parent, interval, agreed) = self.open_segment(claim, segment)?;
        if interval.length < 2 {
            return Err(InvalidMove::WrongKind { length: interval.length });
        }
        if commitments.last().copied() == parent.value_after(segment) {
            return Err(InvalidMove::SameAssertion);
        }
        let level = parent.level;
        let new = NewClaim { parent: index, segment, level, interval, agreed, commitments };
        self.add_checked(new, claimant, now)
    }

    /// Attacks a segment of one block by a run of the VM: `commitments` over `(0, run.steps]`. The contract computes the
    /// prestate from the boot hash. The last state is opened.
    #[allow(clippy::too_many_arguments)]
    pub fn attack_block(
        &mut self,
        claim: ClaimId,
        segment: u8,
        run: Run,
        commitments: Vec<B256>,
        opening: Opening,
        claimant: Address,
        now: u64,
    ) -> Result<ClaimId, InvalidMove> {
        let (index, parent, interval, _) = self.open_segment(claim, segment)?;
        if parent.is_step_level() || interval.length != 1 {
            return Err(InvalidMove::WrongKind { length: interval.length });
        }
        let max = self.parameters.rules.max_steps;
        if run.steps == 0 || run.steps > max {
            return Err(InvalidMove::StepCount { max, found: run.steps });
        }
        // An exited VM counts no more steps: a run has one length, and the same run cannot be claimed twice.
        let ends = opening.step == run.steps && (opening.exited || run.steps == max);
        if !ends || commitments.last() != Some(&opening.state) {
            return Err(InvalidMove::Opening);
        }
        if parent.value_after(segment) == Some(opening.value) {
            return Err(InvalidMove::SameAssertion);
        }
        let level = Level::Steps { block: interval.end(), boot_hash: run.boot_hash };
        let interval = Interval { start: 0, length: run.steps };
        let new = NewClaim { parent: index, segment, level, interval, agreed: run.prestate, commitments };
        self.add_checked(new, claimant, now)
    }

    /// Proves that the value at the end of a segment of one step is not `successor`, the state after the value before.
    pub fn step(
        &mut self,
        claim: ClaimId,
        segment: u8,
        successor: B256,
        by: Address,
        now: u64,
    ) -> Result<(), InvalidMove> {
        let (index, parent, interval, _) = self.open_segment(claim, segment)?;
        if !parent.is_step_level() || interval.length != 1 {
            return Err(InvalidMove::WrongKind { length: interval.length });
        }
        if parent.value_after(segment) == Some(successor) {
            return Err(InvalidMove::RightStep);
        }
        self.record_step(index, segment, by, now);
        Ok(())
    }

    /// Adds a proof that the contract accepted.
    pub(crate) fn record_step(&mut self, claim: ClaimIndex, segment: u8, by: Address, at: u64) {
        self.claims[claim].counter_by(Counter { segment, at, by, child: None }, at);
    }

    /// A segment of an open claim: (claim's index, claim, segment's interval, value before the segment).
    fn open_segment(
        &self,
        id: ClaimId,
        segment: u8,
    ) -> Result<(ClaimIndex, &Claim, Interval, B256), InvalidMove> {
        let index = self.index(id).ok_or(InvalidMove::NoClaim(id))?;
        let claim = &self.claims[index];
        if self.suspension.is_some() {
            return Err(InvalidMove::Suspended);
        }
        if claim.status != Status::Open {
            return Err(InvalidMove::Closed(claim.status));
        }
        match (claim.segment_interval(segment), claim.value_before(segment)) {
            (Some(interval), Some(agreed)) => Ok((index, claim, interval, agreed)),
            _ => Err(InvalidMove::NoSegment { segment, segments: claim.interval.segments() }),
        }
    }

    fn add_checked(&mut self, new: NewClaim, claimant: Address, now: u64) -> Result<ClaimId, InvalidMove> {
        let expected = new.interval.segments();
        if new.commitments.len() as u64 != expected {
            return Err(InvalidMove::CommitmentCount { expected, found: new.commitments.len() });
        }
        let parent = &self.claims[new.parent];
        let elapsed = self.elapsed_of_attack(parent, new.level, new.interval.length, now);
        let elapsed = elapsed.ok_or(InvalidMove::OutOfTime)?;
        if self.index(self.content(&new).id(&self.subject)).is_some() {
            return Err(InvalidMove::Duplicate);
        }
        let bond = self.parameters.bonds.of(parent.depth + 1);
        Ok(self.record_claim(new, claimant, bond, (now, elapsed)))
    }

    fn content<'a>(&self, new: &'a NewClaim) -> Content<'a> {
        Content {
            parent: self.claims[new.parent].id,
            segment: new.segment,
            level: new.level,
            interval: new.interval,
            agreed: new.agreed,
            commitments: &new.commitments,
        }
    }

    /// Adds a claim that the contract accepts. `created` and `elapsed` are those of [`Claim`].
    pub(crate) fn record_claim(
        &mut self,
        new: NewClaim,
        claimant: Address,
        bond: U256,
        (created, elapsed): (u64, u64),
    ) -> ClaimId {
        let id = self.content(&new).id(&self.subject);
        let NewClaim { parent, segment, level, interval, agreed, commitments } = new;
        self.insert(Claim {
            id,
            parent: Some(parent),
            segment,
            depth: self.claims[parent].depth + 1,
            level,
            interval,
            agreed,
            commitments,
            claimant,
            bond,
            created,
            elapsed,
            children: Vec::new(),
            status: Status::Open,
            counter: None,
            won_at: None,
            moved_at: None,
        });
        id
    }

    /// The byte-equal claim: the attack on this segment with these commitments, if it was made.
    pub fn equal_attack(&self, claim: &Claim, segment: u8, commitments: &[B256]) -> Option<&Claim> {
        let children = claim.children.iter().map(|child| &self.claims[*child]);
        children.into_iter().find(|child| child.segment == segment && child.commitments == commitments)
    }
}

/// A run of the VM over one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Hash of its BootInfo.
    pub boot_hash: B256,
    /// Hash of the VM's state before the first step.
    pub prestate: B256,
    /// Steps until the VM has exited, or the limit.
    pub steps: u64,
}
