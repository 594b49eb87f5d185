//! Those who play against the truth, or beside it.

use alloy::primitives::{Address, B256};
use fraud_prover::{
    game::{Claim, Game, Run},
    strategy::{Move, View, plan},
    truth::{Judgement, judge},
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use rollup::interval::Interval;

use crate::world::{TRUE, World, garbage};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Plays the honest strategy in a timeline of its own.
    Liar(u32),
    /// Makes the honest moves before the honest, and abandons them.
    Copier,
    /// Attacks invalid claims with wrong values, at the segment of the honest attack or before it.
    Freeloader,
    /// Attacks anything with anything.
    Garbage,
    /// Proves whatever step can be proven.
    Stepper,
    /// Resolves claims and distributes bonds as soon as it can.
    Closer,
}

#[derive(Clone, Debug)]
pub(crate) struct Adversary {
    pub(crate) kind: Kind,
    pub(crate) account: Address,
    /// Moves left.
    pub(crate) budget: u32,
    /// Waits for the last seconds of a clock.
    pub(crate) late: bool,
}

impl Adversary {
    /// A move that it would like to make now.
    pub(crate) fn choose(&self, rng: &mut StdRng, world: &World, game: &Game, now: u64) -> Option<Move> {
        let candidates: Vec<usize> = (0..game.claims.len())
            .filter(|index| {
                let claim = &game.claims[*index];
                let left = game.time_left(claim, now);
                !claim.status.is_resolved() && (!self.late || (1..=3).contains(&left))
            })
            .collect();
        match self.kind {
            Kind::Liar(line) => self.honest_in(rng, world, game, line, now, &candidates),
            Kind::Copier => self.honest_in(rng, world, game, TRUE, now, &candidates),
            Kind::Freeloader => {
                let claim = &game.claims[*candidates.choose(rng)?];
                let Ok(Judgement::FirstInvalid(first)) = judge(&world.believer(TRUE), claim) else {
                    return None;
                };
                attack(rng, world, claim, rng.clone().random_range(0..=first))
            }
            Kind::Garbage => {
                let claim = &game.claims[*candidates.choose(rng)?];
                let segment = rng.random_range(0..claim.interval.segments()) as u8;
                attack(rng, world, claim, segment)
            }
            Kind::Stepper => {
                let claim = &game.claims[*candidates.choose(rng)?];
                let segment = rng.random_range(0..claim.interval.segments()) as u8;
                Some(Move::Step { claim: claim.id, segment, block: 0, step: 0 })
            }
            Kind::Closer => {
                let claim = game.claims.choose(rng)?.id;
                Some(if rng.random() { Move::ResolveClaim { claim } } else { Move::DistributeBond { claim } })
            }
        }
    }

    fn honest_in(
        &self,
        rng: &mut StdRng,
        world: &World,
        game: &Game,
        line: u32,
        now: u64,
        candidates: &[usize],
    ) -> Option<Move> {
        let plan = plan(View { game, now, me: None }, &world.believer(line));
        let answers: Vec<_> = plan.moves.into_iter().filter(|due| due.action.is_answer()).collect();
        let timely = |action: &Move| match target(action).and_then(|claim| game.index(claim)) {
            Some(index) => candidates.contains(&index),
            None => false,
        };
        let answers: Vec<_> = answers.into_iter().filter(|due| timely(&due.action)).collect();
        answers.choose(rng).map(|due| due.action.clone())
    }
}

/// The claim that a move answers.
pub(crate) fn target(action: &Move) -> Option<fraud_prover::game::ClaimId> {
    match action {
        Move::Attack { claim, .. } | Move::AttackBlock { claim, .. } | Move::Step { claim, .. } => {
            Some(*claim)
        }
        _ => None,
    }
}

/// An attack with values that are right up to somewhere, then those of another timeline or nothing at all.
fn attack(rng: &mut StdRng, world: &World, claim: &Claim, segment: u8) -> Option<Move> {
    let interval = claim.segment_interval(segment)?;
    let id = claim.id;
    if interval.length > 1 {
        let mut commitments = values(rng, world, claim, interval);
        if rng.random_ratio(1, 4) {
            // Wrong commitments before a right last one.
            let right =
                fraud_prover::truth::commitments(&world.believer(TRUE), claim.level, interval).ok()?;
            *commitments.last_mut()? = *right.last()?;
        }
        return Some(Move::Attack { claim: id, segment, commitments });
    }
    if claim.is_step_level() {
        return Some(Move::Step { claim: id, segment, block: 0, step: 0 });
    }
    let steps = match rng.random_range(0..4) {
        0 => world.parameters.rules.max_steps,
        1 => 1,
        _ => rng.random_range(1..=world.parameters.rules.max_steps),
    };
    let run = Run { boot_hash: B256::ZERO, prestate: B256::ZERO, steps };
    let level = fraud_prover::game::Level::Steps { block: interval.end(), boot_hash: B256::ZERO };
    let like = Claim { level, ..claim.clone() };
    let commitments = values(rng, world, &like, Interval { start: 0, length: steps });
    Some(Move::AttackBlock { claim: id, segment, block: interval.end(), run, commitments })
}

fn values(rng: &mut StdRng, world: &World, claim: &Claim, interval: Interval) -> Vec<B256> {
    let mut values =
        fraud_prover::truth::commitments(&world.believer(TRUE), claim.level, interval).unwrap_or_default();
    let from = rng.random_range(0..values.len());
    let honest_tail = rng.random_ratio(1, 3);
    for (place, value) in values.iter_mut().enumerate() {
        if place == from || (place > from && !honest_tail) {
            *value = garbage(rng);
        }
    }
    values
}
