//! The honest strategy: what to do in a game, given the truth.
//!
//! It is one pure function, [`plan`], and goes by content alone. It does not matter who made a claim, what was done
//! before, or whether other honest challengers are at work: it reads the game, compares it with the truth, and answers.
//! So it can be killed and restarted at any move. The rules, each a function of its own, and the attack that each
//! answers:
//!
//! 1. [`rule_1_root`] Counter the root claim if it is wrong.
//! 2. [`rule_2_children`], [`rule_2_siblings`], [`rule_2_freeloaders`] Defend every right claim, whoever made it: counter every wrong claim that
//!    attacks it (else an adversary copies a right claim and abandons it), and every wrong claim beside it at the same
//!    or a lower part (else a freeloader takes the reward of the right one).
//! 3. [`rule_3_answer`] Only a byte-equal claim is an answer. Another's attack on the same claim may be wrong itself.
//! 4. [`rule_4_step`] Where the first wrong part is one step, prove the step.
//! 5. [`rule_5_close`] Decide, settle and withdraw what is due.
//!
//! A claim that starts from a wrong value is never answered: an answer would have to agree with that value. It can only
//! hang below a wrong claim, at a part behind the first wrong one, where it neither decides nor earns anything.

mod close;

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256};

use crate::{
    game::{Claim, ClaimId, ClaimIndex, Game, Level, Run, Status},
    truth::{Judgement, Truth, Unknown, judge, vector},
};

pub use close::rule_5_close;

/// What the strategy looks at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The game as L1 has it.
    pub game: &'a Game,
    /// L1's time, in seconds.
    pub now: u64,
    /// The account that acts. Nothing but what it can withdraw, and what it has an interest in closing, depends on it.
    pub me: Option<Address>,
}

/// A move in a game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Attack a part of several units.
    Attack {
        /// The claim to attack.
        claim: ClaimId,
        /// Its part.
        part: u8,
        /// The right values at the ends of the part's parts.
        vector: Vec<B256>,
    },
    /// Attack a part of one block by a run of the machine.
    Boundary {
        /// The claim to attack.
        claim: ClaimId,
        /// Its part.
        part: u8,
        /// The block.
        block: u64,
        /// The run.
        run: Run,
        /// The right state hashes.
        vector: Vec<B256>,
    },
    /// Prove that a part of one step is wrong.
    Step {
        /// The claim to counter.
        claim: ClaimId,
        /// Its part.
        part: u8,
        /// The block that the machine runs.
        block: u64,
        /// Steps executed before the one to prove.
        step: u64,
    },
    /// Decide a claim.
    Decide {
        /// The claim.
        claim: ClaimId,
    },
    /// Give a refuted claim's bond to whom it is due.
    Settle {
        /// The claim.
        claim: ClaimId,
    },
    /// Take what is due.
    Withdraw {
        /// To whom.
        account: Address,
    },
}

impl Move {
    /// Whether it adds to the dispute, as against closing it.
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Attack { .. } | Self::Boundary { .. } | Self::Step { .. })
    }
}

/// A move with the time until which it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What to do.
    pub action: Move,
    /// The first second at which it is too late; none if it can wait.
    pub deadline: Option<u64>,
}

/// What is to be done in a game.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Moves, in the order in which they should be made: answers first, the most urgent before others.
    pub moves: Vec<Due>,
    /// What each claim is worth, in the order of [`Game::claims`]; none if that is not known yet.
    pub judgements: Vec<Option<Judgement>>,
    /// Wrong claims that had to be answered and can't be any more.
    pub missed: Vec<ClaimId>,
    /// What is not known yet.
    pub unknown: Vec<(ClaimId, Unknown)>,
}

/// The honest strategy.
pub fn plan(view: View<'_>, truth: &(impl Truth + ?Sized)) -> Plan {
    let mut plan = Plan::default();
    for claim in &view.game.claims {
        let judged = judge(truth, claim).map_err(|unknown| plan.unknown.push((claim.id, unknown)));
        plan.judgements.push(judged.ok());
    }
    let judged = Judged { game: view.game, judgements: &plan.judgements };
    let mut to_answer: BTreeSet<ClaimIndex> = rule_1_root(&judged)
        .into_iter()
        .chain(judged.right().flat_map(|right| rule_2_children(&judged, right)))
        .chain(judged.right().flat_map(|right| rule_2_siblings(&judged, right)))
        .collect();
    // Freeloaders are answered along with what they attack, before the answer to that is on L1: their clock may be short.
    // Claims come after what they attack, so that one pass finds those below freeloaders as well.
    for index in 0..view.game.claims.len() {
        if to_answer.contains(&index) {
            to_answer.extend(rule_2_freeloaders(&judged, index));
        }
    }
    for index in to_answer {
        let claim = &view.game.claims[index];
        let Some(part) = judged.first_wrong(index) else {
            continue;
        };
        match rule_3_answer(view, truth, claim, part) {
            Ok(Answer::Given) => {}
            Ok(Answer::TooLate) => plan.missed.push(claim.id),
            Ok(Answer::Due(action)) => {
                plan.moves.push(Due { action, deadline: Some(view.game.deadline(claim)) });
            }
            Err(unknown) => plan.unknown.push((claim.id, unknown)),
        }
    }
    plan.moves.sort_by_key(|due| due.deadline);
    let closing = rule_5_close(view, &plan.judgements);
    plan.moves.extend(closing.into_iter().map(|action| Due { action, deadline: None }));
    plan
}

/// A game with what its claims are worth.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The game.
    pub game: &'a Game,
    /// One for each claim, as far as it is known.
    pub judgements: &'a [Option<Judgement>],
}

impl Judged<'_> {
    fn is_right(&self, claim: ClaimIndex) -> bool {
        self.judgements.get(claim).copied().flatten() == Some(Judgement::Right)
    }

    fn right(&self) -> impl Iterator<Item = ClaimIndex> {
        (0..self.game.claims.len()).filter(|claim| self.is_right(*claim))
    }

    /// First wrong part of a claim that can be beaten.
    fn first_wrong(&self, claim: ClaimIndex) -> Option<u8> {
        match self.judgements.get(claim).copied().flatten() {
            Some(Judgement::WrongFrom(part)) => Some(part),
            _ => None,
        }
    }

    fn is_wrong(&self, claim: ClaimIndex) -> bool {
        self.first_wrong(claim).is_some()
    }
}

/// A wrong output that nobody counters becomes final: the claim to answer is the root, if it is wrong.
pub fn rule_1_root(judged: &Judged<'_>) -> Option<ClaimIndex> {
    judged.is_wrong(0).then_some(0)
}

/// One attack that stands counters a right claim, even one that was copied by somebody who does not defend it: the
/// claims to answer are all wrong ones that attack it, also those that another attack counters already, which may be
/// abandoned.
pub fn rule_2_children(judged: &Judged<'_>, right: ClaimIndex) -> Vec<ClaimIndex> {
    let children = judged.game.claims[right].children.iter().copied();
    children.filter(|child| judged.is_wrong(*child)).collect()
}

/// A claim's bond goes to the lowest part's earliest attack that stands: the claims to answer are the wrong ones beside a
/// right one, at its part or a lower one.
pub fn rule_2_siblings(judged: &Judged<'_>, right: ClaimIndex) -> Vec<ClaimIndex> {
    let claim = &judged.game.claims[right];
    let Some(parent) = judged.game.parent(claim) else {
        return Vec::new();
    };
    let beside =
        |index: &ClaimIndex| judged.game.claims[*index].part <= claim.part && judged.is_wrong(*index);
    parent.children.iter().copied().filter(beside).collect()
}

/// The same for a wrong claim whose answer is only about to be made: the wrong claims that would stand beside it, at its
/// part or a lower one.
pub fn rule_2_freeloaders(judged: &Judged<'_>, wrong: ClaimIndex) -> Vec<ClaimIndex> {
    let Some(part) = judged.first_wrong(wrong) else {
        return Vec::new();
    };
    let beside = |index: &ClaimIndex| judged.game.claims[*index].part <= part && judged.is_wrong(*index);
    judged.game.claims[wrong].children.iter().copied().filter(beside).collect()
}

/// How things stand with the answer to a wrong claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there, or the claim is decided.
    Given,
    /// It is to be made.
    Due(Move),
    /// The time for it is over.
    TooLate,
}

/// The answer to a wrong claim whose first wrong part is `part`: an attack on it, with the right values. It counts as
/// given only by a claim that is equal to the byte.
pub fn rule_3_answer(
    view: View<'_>,
    truth: &(impl Truth + ?Sized),
    claim: &Claim,
    part: u8,
) -> Result<Answer, Unknown> {
    if claim.status != Status::Open {
        return Ok(Answer::Given);
    }
    let Some(interval) = claim.part_interval(part) else {
        return Ok(Answer::Given);
    };
    if claim.is_step_level() && interval.length == 1 {
        return Ok(rule_4_step(claim, part, interval.start));
    }
    let id = claim.id;
    let (vector, action) = if claim.level == Level::Blocks && interval.length == 1 {
        let block = interval.end();
        let run = truth.run(block)?;
        let level = Level::Steps { block, boot_hash: run.boot_hash };
        let steps = rollup::interval::Interval { start: 0, length: run.steps };
        let vector = vector(truth, level, steps)?;
        (vector.clone(), Move::Boundary { claim: id, part, block, run, vector })
    } else {
        let vector = vector(truth, claim.level, interval)?;
        (vector.clone(), Move::Attack { claim: id, part, vector })
    };
    if view.game.equal_attack(claim, part, &vector).is_some() {
        return Ok(Answer::Given);
    }
    Ok(in_time(view, claim, action))
}

/// The proof that ends a branch. It counters the claim at once, and for good. No clock limits proofs: they are possible
/// until the claim is decided.
pub fn rule_4_step(claim: &Claim, part: u8, step: u64) -> Answer {
    let Level::Steps { block, .. } = claim.level else {
        return Answer::Given;
    };
    Answer::Due(Move::Step { claim: claim.id, part, block, step })
}

fn in_time(view: View<'_>, claim: &Claim, action: Move) -> Answer {
    if view.game.time_left(claim, view.now) == 0 { Answer::TooLate } else { Answer::Due(action) }
}
