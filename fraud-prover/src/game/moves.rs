//! The moves that add to a game: attacks and proofs of steps, with what the contract checks of them.

use alloy::primitives::{Address, B256, U256};
use rollup::interval::Interval;

use super::{Claim, ClaimId, ClaimIndex, Counter, Game, Level, Status, claim::Content};

/// Why the contract would refuse a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such claim.
    #[error("there is no claim {0}")]
    NoClaim(ClaimId),
    /// The claim is countered or decided.
    #[error("the claim is closed: {0:?}")]
    Closed(Status),
    /// The claim has no such part.
    #[error("the claim has {parts} parts, not a part {part}")]
    NoPart {
        /// The part asked for.
        part: u8,
        /// How many there are.
        parts: u64,
    },
    /// The part is a single block or step, or more than one: another kind of move is for it.
    #[error("a part of {length} units on this level is attacked otherwise")]
    WrongKind {
        /// Length of the part.
        length: u64,
    },
    /// The vector does not fit the interval.
    #[error("the vector must have {expected} elements, not {found}")]
    VectorLength {
        /// Parts of the interval.
        expected: u64,
        /// Elements given.
        found: usize,
    },
    /// The attack asserts what it disputes.
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
    /// The opened state is not the last one of the vector, or cannot be the end of a run.
    #[error("the opened state is not the end of the declared run")]
    Opening,
    /// The claimed value is the successor of the one before.
    #[error("the step is right")]
    RightStep,
    /// Time is left to attack the claim, or an attack on it is not countered.
    #[error("the claim cannot be decided yet")]
    Undecidable,
    /// Only the bond of a refuted claim is given away, once, after all attacks on it are decided.
    #[error("the bond cannot be given away: the claim is {status:?}, {open} attacks on it are not decided")]
    Unsettled {
        /// Where the claim stands.
        status: Status,
        /// Undecided attacks.
        open: usize,
    },
    /// There is nothing to withdraw.
    #[error("there is nothing to withdraw")]
    NoCredit,
}

/// The last state of a run, opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Hash of the state.
    pub state: B256,
    /// Steps executed in it.
    pub step: u64,
    /// Whether the machine has exited.
    pub exited: bool,
    /// Value of the run: its output if it exited well, else zero.
    pub value: B256,
}

/// A new claim that was checked, or that the contract accepted.
pub(crate) struct Accepted {
    pub(crate) parent: ClaimIndex,
    pub(crate) part: u8,
    pub(crate) level: Level,
    pub(crate) interval: Interval,
    pub(crate) start: B256,
    pub(crate) vector: Vec<B256>,
}

impl Game {
    /// Attacks a part of more than one unit, on either level.
    pub fn attack(
        &mut self,
        claim: ClaimId,
        part: u8,
        vector: Vec<B256>,
        claimant: Address,
        now: u64,
    ) -> Result<ClaimId, Refused> {
        let (index, parent, interval, start) = self.part_of(claim, part)?;
        if interval.length < 2 {
            return Err(Refused::WrongKind { length: interval.length });
        }
        if vector.last().copied() == parent.part_end(part) {
            return Err(Refused::SameAssertion);
        }
        let level = parent.level;
        let new = Accepted { parent: index, part, level, interval, start, vector };
        self.add_checked(new, claimant, now)
    }

    /// Attacks a part of one block by a run of the machine: `vector` over `(0, steps]` from `start`, the hash of the
    /// state that the contract computes from `boot_hash`, with the last state opened.
    #[allow(clippy::too_many_arguments)]
    pub fn attack_boundary(
        &mut self,
        claim: ClaimId,
        part: u8,
        run: Run,
        vector: Vec<B256>,
        opening: Opening,
        claimant: Address,
        now: u64,
    ) -> Result<ClaimId, Refused> {
        let (index, parent, interval, _) = self.part_of(claim, part)?;
        if parent.is_step_level() || interval.length != 1 {
            return Err(Refused::WrongKind { length: interval.length });
        }
        let max = self.rules.max_steps;
        if run.steps == 0 || run.steps > max {
            return Err(Refused::StepCount { max, found: run.steps });
        }
        // An exited machine stays at its count: so a run has one length, and the same run cannot be claimed twice.
        let ends = opening.step == run.steps && (opening.exited || run.steps == max);
        if !ends || vector.last() != Some(&opening.state) {
            return Err(Refused::Opening);
        }
        if parent.part_end(part) == Some(opening.value) {
            return Err(Refused::SameAssertion);
        }
        let level = Level::Steps { block: interval.end(), boot_hash: run.boot_hash };
        let interval = Interval { start: 0, length: run.steps };
        let new = Accepted { parent: index, part, level, interval, start: run.start, vector };
        self.add_checked(new, claimant, now)
    }

    /// Proves that the value at the end of a part of one step is not `successor`, the state after the value before.
    pub fn step(
        &mut self,
        claim: ClaimId,
        part: u8,
        successor: B256,
        by: Address,
        now: u64,
    ) -> Result<(), Refused> {
        let (index, parent, interval, _) = self.part_of(claim, part)?;
        if !parent.is_step_level() || interval.length != 1 {
            return Err(Refused::WrongKind { length: interval.length });
        }
        if parent.part_end(part) == Some(successor) {
            return Err(Refused::RightStep);
        }
        self.record_step(index, part, by, now);
        Ok(())
    }

    /// Adds a proof that the contract accepted.
    pub(crate) fn record_step(&mut self, claim: ClaimIndex, part: u8, by: Address, at: u64) {
        self.claims[claim].counter_by(Counter { part, at, by, child: None });
    }

    /// A part of a claim that can still be attacked: (claim's index, claim, part's interval, part's start value).
    fn part_of(&self, id: ClaimId, part: u8) -> Result<(ClaimIndex, &Claim, Interval, B256), Refused> {
        let index = self.index(id).ok_or(Refused::NoClaim(id))?;
        let claim = &self.claims[index];
        if claim.status != Status::Open {
            return Err(Refused::Closed(claim.status));
        }
        match (claim.part_interval(part), claim.part_start(part)) {
            (Some(interval), Some(start)) => Ok((index, claim, interval, start)),
            _ => Err(Refused::NoPart { part, parts: claim.interval.parts() }),
        }
    }

    fn add_checked(&mut self, new: Accepted, claimant: Address, now: u64) -> Result<ClaimId, Refused> {
        let expected = new.interval.parts();
        if new.vector.len() as u64 != expected {
            return Err(Refused::VectorLength { expected, found: new.vector.len() });
        }
        let parent = &self.claims[new.parent];
        let clock = self.clock_of_child(parent, new.level, new.interval.length, now);
        let used = clock.ok_or(Refused::OutOfTime)?;
        if self.index(self.content(&new).id(&self.subject)).is_some() {
            return Err(Refused::Duplicate);
        }
        let bond = self.rules.bonds.of(parent.depth + 1);
        Ok(self.record_claim(new, claimant, bond, (now, used)))
    }

    fn content<'a>(&self, new: &'a Accepted) -> Content<'a> {
        Content {
            parent: self.claims[new.parent].id,
            part: new.part,
            level: new.level,
            interval: new.interval,
            start: new.start,
            vector: &new.vector,
        }
    }

    /// Adds a claim that the contract accepts, made at the first of `clock` with the second used up.
    pub(crate) fn record_claim(
        &mut self,
        new: Accepted,
        claimant: Address,
        bond: U256,
        (created, used): (u64, u64),
    ) -> ClaimId {
        let id = self.content(&new).id(&self.subject);
        let Accepted { parent, part, level, interval, start, vector } = new;
        self.insert(Claim {
            id,
            parent: Some(parent),
            part,
            depth: self.claims[parent].depth + 1,
            level,
            interval,
            start,
            vector,
            claimant,
            bond,
            created,
            used,
            children: Vec::new(),
            status: Status::Open,
            counter: None,
        });
        id
    }

    /// The child that an attack with this vector would be, if it is there: the byte-equal claim.
    pub fn equal_attack(&self, claim: &Claim, part: u8, vector: &[B256]) -> Option<&Claim> {
        let children = claim.children.iter().map(|child| &self.claims[*child]);
        children.into_iter().find(|child| child.part == part && child.vector == vector)
    }
}

/// A run of the machine over one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What the machine is started with.
    pub boot_hash: B256,
    /// Hash of the state that it starts in.
    pub start: B256,
    /// Steps until it has exited, or the limit.
    pub steps: u64,
}
