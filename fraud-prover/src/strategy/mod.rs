//! The honest strategy: what to do in a game, given the truth.
//!
//! It is one pure function, [`plan`], and goes by content alone. It does not matter who made a claim, what was done
//! before, or whether other honest challengers are at work: it reads the game, compares it with the truth, and answers.
//! So it can be killed and restarted at any move. The rules, each a function of its own, and the attack that each
//! answers:
//!
//! 1. [`rule_1_root`] Counter the root claim if it is invalid.
//! 2. [`rule_2_children`], [`rule_2_siblings`], [`rule_2_freeloaders`] Defend every valid claim, whoever made it. Counter
//!    every invalid claim that attacks it: otherwise an adversary copies a valid claim and abandons it. Counter every
//!    invalid claim beside it at the same or a lower segment: otherwise a freeloader takes its reward.
//! 3. [`rule_3_answer`] Only a byte-equal claim is an answer. Another account's attack on the same claim may be invalid.
//! 4. [`rule_4_step`] Where the first invalid segment is one step, prove the step.
//! 5. [`rule_5_close`] Resolve claims, distribute bonds and claim credit, where the account earns by it or the root is invalid, and where no answer is lost by it.
//!
//! Each answer is planned with what hangs on it and what its branch can still cost. Over all games, [`answers`] puts those
//! first that decide a root, and holds back money for them.
//!
//! A claim with an invalid prestate is never answered: an answer would have to agree with the wrong value that it starts
//! from. Such a claim can only stand below an invalid claim, behind its first invalid segment. There it neither decides
//! anything nor earns anything.
//!
//! `tests/` has a scenario for each of these attacks, with the expected moves beside it.

mod close;
mod costs;
mod order;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, U256};

use crate::{
    game::{Claim, ClaimId, ClaimIndex, Game, Level, Run, Status},
    truth::{Judgement, Truth, Unknown, Urgency, commitments, judge},
};

pub use close::rule_5_close;
use costs::{Branches, cost_of_answer};
pub use costs::{Cost, Purpose, whole_dispute};
pub use order::{Answers, Funds, answers, reserve};

/// What the strategy looks at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The game as L1 has it.
    pub game: &'a Game,
    /// L1's time, in seconds.
    pub now: u64,
    /// The account that acts; none for a read-only challenger. Only rule 5 depends on it: which bonds and which credit
    /// are the account's.
    pub me: Option<Address>,
}

/// A move in a game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Attack a segment of several blocks or steps.
    Attack {
        /// The claim to attack.
        claim: ClaimId,
        /// Its segment.
        segment: u8,
        /// The right values at the ends of the new claim's segments.
        commitments: Vec<B256>,
    },
    /// Attack a segment of one block by a run of the VM.
    AttackBlock {
        /// The claim to attack.
        claim: ClaimId,
        /// Its segment.
        segment: u8,
        /// The block.
        block: u64,
        /// The run.
        run: Run,
        /// The right state hashes.
        commitments: Vec<B256>,
    },
    /// Prove that a segment of one step is wrong.
    Step {
        /// The claim to counter.
        claim: ClaimId,
        /// Its segment.
        segment: u8,
        /// The block that the VM runs.
        block: u64,
        /// Steps executed before the one to prove.
        step: u64,
    },
    /// Resolve a claim.
    ResolveClaim {
        /// The claim.
        claim: ClaimId,
    },
    /// Distribute the bond of a refuted claim.
    DistributeBond {
        /// The claim.
        claim: ClaimId,
    },
    /// Take back the bond of a claim of a game whose machine is broken.
    Reclaim {
        /// The claim.
        claim: ClaimId,
    },
    /// Pay out what the game owes to an account.
    ClaimCredit {
        /// The account.
        account: Address,
    },
}

impl Move {
    /// The claim that it counters. Other moves close what is over.
    pub const fn answered(&self) -> Option<ClaimId> {
        match self {
            Self::Attack { claim, .. } | Self::AttackBlock { claim, .. } | Self::Step { claim, .. } => {
                Some(*claim)
            }
            Self::ResolveClaim { .. }
            | Self::DistributeBond { .. }
            | Self::Reclaim { .. }
            | Self::ClaimCredit { .. } => None,
        }
    }

    /// Whether it counters a claim.
    pub const fn is_answer(&self) -> bool {
        self.answered().is_some()
    }
}

/// A move to make, and by when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMove {
    /// The move.
    pub action: Move,
    /// The first second at which the move is too late; none if it can wait.
    pub deadline: Option<u64>,
    /// What hangs on it.
    pub purpose: Purpose,
    /// What the branch that it goes down can still cost, the move itself included. Nothing for a closing move.
    pub cost: Cost,
}

impl PlannedMove {
    const fn close(action: Move) -> Self {
        Self { action, deadline: None, purpose: Purpose::Close, cost: Cost { bonds: U256::ZERO, gas: 0 } }
    }

    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        Urgency { is_minor: self.purpose != Purpose::Root, deadline: self.deadline.unwrap_or(u64::MAX) }
    }
}

/// What to do in a game.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Moves in the order in which they should be made: answers that decide the root by their deadlines, other answers by
    /// theirs, then what closes the game.
    pub moves: Vec<PlannedMove>,
    /// The judgement of each claim, in the order of [`Game::claims`]; none if it is not known yet.
    pub judgements: Vec<Option<Judgement>>,
    /// Invalid claims that were not answered in time.
    pub missed: Vec<ClaimId>,
    /// Values that are not known yet, and the claims that wait for them.
    pub unknown: Vec<(ClaimId, Unknown)>,
    /// What the answers that decide the root can still cost, down to the steps.
    pub reserve: Cost,
    /// The same of other branches in which the account has a bond.
    pub own: Cost,
}

/// The honest strategy.
pub fn plan(view: View<'_>, truth: &(impl Truth + ?Sized)) -> Plan {
    let mut plan = Plan::default();
    if view.game.suspension.is_some() {
        // Nothing is answered any more, so nothing need be known.
        plan.judgements = vec![None; view.game.claims.len()];
        plan.moves = rule_5_close(view, &[], &BTreeSet::new()).into_iter().map(PlannedMove::close).collect();
        return plan;
    }
    for claim in &view.game.claims {
        let judged = judge(truth, claim).map_err(|unknown| plan.unknown.push((claim.id, unknown)));
        plan.judgements.push(judged.ok());
    }
    let judged = Judged { game: view.game, judgements: &plan.judgements };
    let mut to_answer: BTreeSet<ClaimIndex> = rule_1_root(&judged)
        .into_iter()
        .chain(judged.valid().flat_map(|valid| rule_2_children(&judged, valid)))
        .chain(judged.valid().flat_map(|valid| rule_2_siblings(&judged, valid)))
        .collect();
    // A freeloader's clock may be short, so it is answered together with the claim that it attacks, before that answer is
    // on L1. Claims come after what they attack, so one pass also finds freeloaders below freeloaders.
    for index in 0..view.game.claims.len() {
        if to_answer.contains(&index) {
            to_answer.extend(rule_2_freeloaders(&judged, index));
        }
    }
    let branches = Branches::of(view, &judged);
    (plan.reserve, plan.own) = (branches.reserve, branches.own);
    for index in to_answer {
        let claim = &view.game.claims[index];
        let Some(segment) = judged.first_invalid(index) else {
            continue;
        };
        match rule_3_answer(view, truth, claim, segment) {
            Ok(Answer::Made) => {}
            Ok(Answer::TooLate) => plan.missed.push(claim.id),
            Ok(Answer::Needed(action)) => {
                let cost = cost_of_answer(view.game, claim, segment);
                let (purpose, deadline) = (branches.purpose(index), Some(view.game.deadline(claim)));
                plan.moves.push(PlannedMove { action, deadline, purpose, cost });
            }
            Err(unknown) => plan.unknown.push((claim.id, unknown)),
        }
    }
    plan.moves.sort_by_key(PlannedMove::urgency);
    hurry(view, &judged, &branches, &plan.unknown, truth);
    let answers = plan.moves.iter().filter_map(|planned| planned.action.answered());
    let unanswered = answers.chain(plan.unknown.iter().map(|(claim, _)| *claim)).collect();
    let closing = rule_5_close(view, &plan.judgements, &unanswered);
    plan.moves.extend(closing.into_iter().map(PlannedMove::close));
    plan
}

/// Says how urgent the runs are that claims wait for.
fn hurry(
    view: View<'_>,
    judged: &Judged<'_>,
    branches: &Branches,
    unknown: &[(ClaimId, Unknown)],
    truth: &(impl Truth + ?Sized),
) {
    for (id, _) in unknown.iter().filter(|(_, reason)| *reason == Unknown::Pending) {
        let Some(index) = view.game.index(*id) else {
            continue;
        };
        let claim = &view.game.claims[index];
        // On the block level, only the answer to a claim about single blocks needs a run.
        let block = match (claim.level, judged.first_invalid(index)) {
            (Level::Steps { block, .. }, _) => Some(block),
            (Level::Blocks, segment) => {
                segment.and_then(|segment| claim.segment_interval(segment)).map(|block| block.end())
            }
        };
        let is_minor = branches.purpose(index) != Purpose::Root;
        let urgency = Urgency { is_minor, deadline: view.game.deadline(claim) };
        block.into_iter().for_each(|block| truth.hurry(block, urgency));
    }
}

/// A game with the judgements of its claims.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The game.
    pub game: &'a Game,
    /// One for each claim; none where it is not known yet.
    pub judgements: &'a [Option<Judgement>],
}

impl Judged<'_> {
    fn is_valid(&self, claim: ClaimIndex) -> bool {
        self.judgements.get(claim).copied().flatten() == Some(Judgement::Valid)
    }

    fn valid(&self) -> impl Iterator<Item = ClaimIndex> {
        (0..self.game.claims.len()).filter(|claim| self.is_valid(*claim))
    }

    /// The first invalid segment of an invalid claim; none for others.
    fn first_invalid(&self, claim: ClaimIndex) -> Option<u8> {
        match self.judgements.get(claim).copied().flatten() {
            Some(Judgement::FirstInvalid(segment)) => Some(segment),
            _ => None,
        }
    }

    fn is_invalid_prestate(&self, claim: ClaimIndex) -> bool {
        self.judgements.get(claim).copied().flatten() == Some(Judgement::InvalidPrestate)
    }

    fn is_invalid(&self, claim: ClaimIndex) -> bool {
        self.first_invalid(claim).is_some()
    }
}

/// A wrong output that nobody counters becomes final: answer the root claim if it is invalid.
pub fn rule_1_root(judged: &Judged<'_>) -> Option<ClaimIndex> {
    judged.is_invalid(0).then_some(0)
}

/// A single attack that is upheld counters a valid claim, whoever made the claim. Answer all invalid attacks on a valid
/// claim, also those that somebody else has attacked already: whoever did may abandon that attack.
pub fn rule_2_children(judged: &Judged<'_>, valid: ClaimIndex) -> Vec<ClaimIndex> {
    let children = judged.game.claims[valid].children.iter().copied();
    children.filter(|child| judged.is_invalid(*child)).collect()
}

/// The left-most counter gets the reward. Answer the invalid claims beside a valid one, at its segment or a lower one.
pub fn rule_2_siblings(judged: &Judged<'_>, valid: ClaimIndex) -> Vec<ClaimIndex> {
    let claim = &judged.game.claims[valid];
    let Some(parent) = judged.game.parent(claim) else {
        return Vec::new();
    };
    let beside =
        |index: &ClaimIndex| judged.game.claims[*index].segment <= claim.segment && judged.is_invalid(*index);
    parent.children.iter().copied().filter(beside).collect()
}

/// The same for an answer that is about to be made. Answer the invalid claims that would stand beside it, at its segment
/// or a lower one.
pub fn rule_2_freeloaders(judged: &Judged<'_>, invalid: ClaimIndex) -> Vec<ClaimIndex> {
    let Some(segment) = judged.first_invalid(invalid) else {
        return Vec::new();
    };
    let beside =
        |index: &ClaimIndex| judged.game.claims[*index].segment <= segment && judged.is_invalid(*index);
    judged.game.claims[invalid].children.iter().copied().filter(beside).collect()
}

/// Whether an invalid claim is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer is made, or the claim needs none: it is countered or resolved.
    Made,
    /// The answer to make.
    Needed(Move),
    /// The attackers' clock has run out.
    TooLate,
}

/// The answer to an invalid claim whose first invalid segment is `segment`: an attack on it, with the right values. Only a
/// byte-equal claim counts as that answer.
pub fn rule_3_answer(
    view: View<'_>,
    truth: &(impl Truth + ?Sized),
    claim: &Claim,
    segment: u8,
) -> Result<Answer, Unknown> {
    if claim.status != Status::Open {
        return Ok(Answer::Made);
    }
    let Some(interval) = claim.segment_interval(segment) else {
        return Ok(Answer::Made);
    };
    if claim.is_step_level() && interval.length == 1 {
        return Ok(rule_4_step(claim, segment, interval.start));
    }
    let id = claim.id;
    let (values, action) = if claim.level == Level::Blocks && interval.length == 1 {
        let block = interval.end();
        let run = truth.run(block)?;
        let level = Level::Steps { block, boot_hash: run.boot_hash };
        let steps = rollup::interval::Interval { start: 0, length: run.steps };
        let values = commitments(truth, level, steps)?;
        (values.clone(), Move::AttackBlock { claim: id, segment, block, run, commitments: values })
    } else {
        let values = commitments(truth, claim.level, interval)?;
        (values.clone(), Move::Attack { claim: id, segment, commitments: values })
    };
    if view.game.equal_attack(claim, segment, &values).is_some() {
        return Ok(Answer::Made);
    }
    Ok(in_time(view, claim, action))
}

/// The step that ends a branch. It counters the claim at once and for good. No clock limits it: it is possible until the
/// claim is resolved.
pub fn rule_4_step(claim: &Claim, segment: u8, step: u64) -> Answer {
    let Level::Steps { block, .. } = claim.level else {
        return Answer::Made;
    };
    Answer::Needed(Move::Step { claim: claim.id, segment, block, step })
}

fn in_time(view: View<'_>, claim: &Claim, action: Move) -> Answer {
    if view.game.time_left(claim, view.now) == 0 { Answer::TooLate } else { Answer::Needed(action) }
}
