//! What is to be done in all games, and the next transaction of it.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, keccak256};
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
    /// What it does, for the log.
    pub(crate) what: &'static str,
    pub(crate) game: Address,
    /// Tells it from others.
    pub(crate) key: B256,
}

/// The most urgent transaction that can be made now, but for those that L1 has refused lately.
pub(crate) fn next_call(
    plans: &[GamePlan],
    provers: &dyn Provers,
    skip: &BTreeSet<B256>,
    multicall: Address,
) -> Option<Next> {
    let planned = || plans.iter().filter_map(|plan| plan.state.as_ref().ok());
    let mut answers: Vec<_> = planned()
        .flat_map(|(game, plan)| plan.moves.iter().map(move |due| (due.deadline, game, &due.action)))
        .filter(|(_, _, action)| action.is_answer())
        .collect();
    answers.sort_by_key(|(deadline, ..)| *deadline);
    for (_, game, action) in answers {
        // What is still being computed is sent at the next look.
        if let Ok(call) = answer(game, provers, action) {
            let key = keccak256(&call.data);
            if !skip.contains(&key) {
                let what = match action {
                    Move::Attack { .. } => "attack",
                    Move::Boundary { .. } => "attack on a block",
                    _ => "proof of a step",
                };
                return Some(Next { request: call.into(), what, game: game.subject.game, key });
            }
        }
    }
    let mut closing = Vec::new();
    for (game, plan) in planned() {
        for due in plan.moves.iter().filter(|due| !due.action.is_answer()) {
            let call = match &due.action {
                Move::Decide { claim } => Call::decide(game, *claim).ok(),
                Move::Settle { claim } => Some(Call::settle(game, *claim)),
                Move::Withdraw { account } => Some(Call::withdraw(game, *account)),
                _ => None,
            };
            closing.extend(call.filter(|call| !skip.contains(&keccak256(&call.data))));
        }
    }
    closing.truncate(TOGETHER);
    let game = closing.first()?.to;
    let gas_limit = GAS_BASE + GAS_EACH * closing.len() as u64;
    let request = TxRequest { gas_limit: Some(gas_limit), ..Call::together(closing, multicall) };
    let key = keccak256(&request.data);
    (!skip.contains(&key)).then_some(Next { request, what: "closing", game, key })
}

fn answer(game: &Game, provers: &dyn Provers, action: &Move) -> Result<Call, Unknown> {
    let prover = || provers.prover(&game.subject);
    let missing = |error: crate::l1::MissingClaim| Unknown::Failed(error.to_string());
    match action {
        Move::Attack { claim, part, vector } => {
            Call::attack(game, *claim, *part, vector.clone()).map_err(missing)
        }
        Move::Boundary { claim, part, block, run, vector } => {
            let last = prover().last_state(*block)?;
            Call::attack_block(game, *claim, *part, run.steps, vector.clone(), last).map_err(missing)
        }
        Move::Step { claim, part, block, step } => {
            let proof = prover().proof(*block, *step)?;
            Call::step(game, *claim, *part, proof.state, proof.witness).map_err(missing)
        }
        _ => Err(Unknown::Failed("not an answer".into())),
    }
}
