//! Rule 5: closing what is over.

use std::collections::BTreeSet;

use alloy::primitives::Address;

use super::{Move, View};
use crate::{
    game::{ClaimIndex, Game, Status},
    truth::Judgement,
};

/// Decides, settles and withdraws what is due, in an order in which each move is possible after those before it.
///
/// Only what matters is closed: what decides a game whose root is wrong or in which the account has a stake, and what its
/// bonds and rewards wait for. Other claims cost gas and earn nothing: those who made them can close them.
pub fn rule_5_close(view: View<'_>, judgements: &[Option<Judgement>]) -> Vec<Move> {
    let mut moves = Vec::new();
    // A copy in which the moves are made, so that each sees what those before it make possible.
    let mut game = view.game.clone();
    let needed = needed(view, judgements);
    // Later claims hang below earlier ones: backwards, a claim's attacks are decided before it is.
    for index in needed.iter().rev().copied() {
        let claim = game.claims[index].id;
        if game.decide(claim, view.now).is_ok() {
            moves.push(Move::Decide { claim });
        }
    }
    let Some(me) = view.me else {
        return moves;
    };
    for index in needed.iter().copied() {
        let claim = game.claims[index].id;
        let earns = game.claims[index].counter.is_some_and(|counter| counter.by == me);
        if earns && game.settle(claim).is_ok() {
            moves.push(Move::Settle { claim });
        }
    }
    if game.withdraw(me).is_ok() {
        moves.push(Move::Withdraw { account: me });
    }
    moves
}

/// The claims whose decision matters.
fn needed(view: View<'_>, judgements: &[Option<Judgement>]) -> BTreeSet<ClaimIndex> {
    let game = view.game;
    let judged = |index: ClaimIndex| judgements.get(index).copied().flatten();
    let mine = |account: Address| view.me == Some(account);
    // A reward, or the prospect of one: the account attacks the claim, or countered it by a step.
    let earns = |index: ClaimIndex| {
        let claim = &game.claims[index];
        game.children(claim).any(|child| mine(child.claimant))
            || claim.counter.is_some_and(|counter| mine(counter.by))
    };
    let has_stake = |index: ClaimIndex| mine(game.claims[index].claimant) || earns(index);
    let mut open: Vec<_> = (0..game.claims.len()).filter(|index| has_stake(*index)).collect();
    if !open.is_empty() || matches!(judged(0), Some(Judgement::WrongFrom(_))) {
        open.push(0);
    }
    let mut needed = BTreeSet::new();
    while let Some(index) = open.pop() {
        if !needed.insert(index) {
            continue;
        }
        // A right claim is upheld when all attacks on it are countered, and the bond of a wrong one is given away when all
        // are decided. Otherwise only what may counter it matters.
        let last = match judged(index) {
            Some(Judgement::WrongFrom(part)) if !is_worth(game, index, &mine) => part,
            _ => u8::MAX,
        };
        let children = game.claims[index].children.iter().copied();
        open.extend(children.filter(|child| game.claims[*child].part <= last));
    }
    needed
}

/// Whether the bond of a claim goes to one of the accounts, as things stand.
fn is_worth(game: &Game, index: ClaimIndex, mine: &impl Fn(Address) -> bool) -> bool {
    let claim = &game.claims[index];
    claim.status != Status::Settled && claim.counter.is_some_and(|counter| mine(counter.by))
}
