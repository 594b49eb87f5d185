//! What is to be done in all games, and the next transactions of it.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, Keccak256};
use rollup::l1::TxRequest;

use crate::{
    game::{Game, Status},
    l1::{Call, EventError, Games},
    strategy::{Move, Plan, View, plan},
    truth::{Provers, Unknown},
};

/// Closing moves in one transaction.
const TOGETHER: usize = 24;
/// Gas for each of them, about twice what it needs. It cannot be estimated: the transaction succeeds without them.
const GAS_EACH: u64 = 150_000;
const GAS_BASE: u64 = 100_000;

/// A game with what is to be done in it.
pub(crate) struct GamePlan {
    pub(crate) index: u64,
    pub(crate) address: Address,
    pub(crate) state: Result<(Game, Plan), EventError>,
}

impl GamePlan {
    /// Whether something is to be done, or will be once something is known.
    pub(crate) fn is_busy(&self) -> bool {
        self.state.as_ref().is_ok_and(|(_, plan)| !plan.moves.is_empty() || !plan.unknown.is_empty())
    }
}

/// Plans all games that are not over.
pub(crate) fn plan_all(games: &Games, provers: &dyn Provers, now: u64, me: Option<Address>) -> Vec<GamePlan> {
    let mut plans = Vec::new();
    for entry in games.iter() {
        let state = match entry.game() {
            Ok(game) if is_over(game, me) => continue,
            Ok(game) => {
                let prover = provers.prover(&game.subject);
                Ok((game.clone(), plan(View { game, now, me }, &*prover)))
            }
            Err(error) => Err(error),
        };
        plans.push(GamePlan { index: entry.index, address: entry.address(), state });
    }
    plans
}

/// Whether nothing can happen in a game any more that matters to an account.
fn is_over(game: &Game, me: Option<Address>) -> bool {
    let settled = |me: Address| {
        let due = |claim: &&crate::game::Claim| {
            claim.status == Status::Refuted && claim.counter.is_some_and(|counter| counter.by == me)
        };
        game.claims.iter().find(due).is_none() && game.credits.get(&me).is_none_or(|credit| credit.is_zero())
    };
    game.claims.iter().all(|claim| claim.status.is_decided()) && me.is_none_or(settled)
}

/// A transaction to send.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) request: TxRequest,
    pub(crate) kind: Kind,
    pub(crate) game: Address,
    /// Tells it from others.
    pub(crate) key: MoveKey,
    /// The moves that it makes.
    pub(crate) moves: Vec<MoveKey>,
}

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Attack,
    Boundary,
    Step,
    Closing,
}

impl Kind {
    /// For the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Boundary => "attack on a block",
            Self::Step => "proof of a step",
            Self::Closing => "closing",
        }
    }
}

/// Tells a move from all others, of other games too. It is had without what is dear to compute, a step's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MoveKey(B256);

impl MoveKey {
    fn of(game: &Game, action: &Move) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update(game.subject.game);
        let mut put = |kind: u8, claim: B256, part: u8, number: u64, vector: &[B256]| {
            hasher.update([kind]);
            hasher.update(claim);
            hasher.update([part]);
            hasher.update(number.to_be_bytes());
            vector.iter().for_each(|value| hasher.update(value));
        };
        match action {
            Move::Attack { claim, part, vector } => put(0, claim.0, *part, 0, vector),
            Move::Boundary { claim, part, run, vector, .. } => put(1, claim.0, *part, run.steps, vector),
            Move::Step { claim, part, step, .. } => put(2, claim.0, *part, *step, &[]),
            Move::Decide { claim } => put(3, claim.0, 0, 0, &[]),
            Move::Settle { claim } => put(4, claim.0, 0, 0, &[]),
            Move::Withdraw { account } => put(5, account.into_word(), 0, 0, &[]),
        }
        Self(hasher.finalize())
    }

    fn of_all(moves: &[Self]) -> Self {
        let mut hasher = Keccak256::new();
        moves.iter().for_each(|key| hasher.update(key.0));
        Self(hasher.finalize())
    }
}

/// Transactions that can be made now, at most so many, the most urgent first, but for moves that are on their way or that
/// L1 has refused lately. A closing one only if asked for.
pub(crate) fn next_calls(
    plans: &[GamePlan],
    provers: &dyn Provers,
    skip: &BTreeSet<MoveKey>,
    most: usize,
    closing: Option<Multicall>,
) -> Vec<Next> {
    let planned = || plans.iter().filter_map(|plan| plan.state.as_ref().ok());
    let mut answers: Vec<_> = planned()
        .flat_map(|(game, plan)| plan.moves.iter().map(move |due| (due.deadline, game, &due.action)))
        .filter(|(_, game, action)| action.is_answer() && !skip.contains(&MoveKey::of(game, action)))
        .collect();
    answers.sort_by_key(|(deadline, ..)| *deadline);
    // What is still being computed is sent at a later look.
    let mut next: Vec<_> = answers
        .into_iter()
        .filter_map(|(_, game, action)| answer(game, provers, action).ok())
        .take(most)
        .collect();
    if next.len() < most
        && let Some(multicall) = closing
    {
        next.extend(close(planned(), skip, multicall));
    }
    next
}

/// The contract that makes several calls in one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multicall(pub(crate) Address);

/// Several closing moves in one transaction.
fn close<'a>(
    planned: impl Iterator<Item = &'a (Game, Plan)>,
    skip: &BTreeSet<MoveKey>,
    multicall: Multicall,
) -> Option<Next> {
    let mut calls = Vec::new();
    let mut moves = Vec::new();
    for (game, plan) in planned {
        for due in &plan.moves {
            let call = match &due.action {
                Move::Decide { claim } => Call::decide(game, *claim).ok(),
                Move::Settle { claim } => Some(Call::settle(game, *claim)),
                Move::Withdraw { account } => Some(Call::withdraw(game, *account)),
                _ => None,
            };
            let key = MoveKey::of(game, &due.action);
            if let Some(call) = call.filter(|_| calls.len() < TOGETHER && !skip.contains(&key)) {
                calls.push(call);
                moves.push(key);
            }
        }
    }
    let game = calls.first()?.to;
    let gas_limit = GAS_BASE + GAS_EACH * calls.len() as u64;
    let request = TxRequest { gas_limit: Some(gas_limit), ..Call::together(calls, multicall.0) };
    let key = MoveKey::of_all(&moves);
    (!skip.contains(&key)).then_some(Next { request, kind: Kind::Closing, game, key, moves })
}

fn answer(game: &Game, provers: &dyn Provers, action: &Move) -> Result<Next, Unknown> {
    let prover = || provers.prover(&game.subject);
    let missing = |error: crate::l1::MissingClaim| Unknown::Failed(error.to_string());
    let (kind, call) = match action {
        Move::Attack { claim, part, vector } => {
            (Kind::Attack, Call::attack(game, *claim, *part, vector.clone()).map_err(missing)?)
        }
        Move::Boundary { claim, part, block, run, vector } => {
            let last = prover().last_state(*block)?;
            let call = Call::attack_block(game, *claim, *part, run.steps, vector.clone(), last);
            (Kind::Boundary, call.map_err(missing)?)
        }
        Move::Step { claim, part, block, step } => {
            let proof = prover().proof(*block, *step)?;
            (Kind::Step, Call::step(game, *claim, *part, proof.state, proof.witness).map_err(missing)?)
        }
        _ => return Err(Unknown::Failed("not an answer".into())),
    };
    let key = MoveKey::of(game, action);
    Ok(Next { request: call.into(), kind, game: game.subject.game, key, moves: vec![key] })
}
