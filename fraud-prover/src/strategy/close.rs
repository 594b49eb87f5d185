//! Rule 5: closing what is over.

use std::collections::BTreeSet;

use alloy::primitives::Address;

use super::{Move, View};
use crate::{
    game::{ClaimId, ClaimIndex, Game, Status},
    truth::Judgement,
};

/// Resolves claims, distributes bonds and claims credit, in an order in which each move is possible after those before it.
///
/// It closes a game whose root is invalid, and a game in which the account has a stake: what the root's resolution waits
/// for, and what the account's bonds and rewards wait for. Other claims would cost gas and earn nothing; those who made
/// them can close them.
///
/// Two resolutions are never made, because they would help an invalid claim: that of a claim in `unanswered`, whose
/// answer is still to be made or computed (a step counters until the resolution, whatever the clock says), and one by
/// which an invalid root would be upheld.
///
/// If the machine is broken, only bonds are left: see [`close_suspended`].
pub fn rule_5_close(
    view: View<'_>,
    judgements: &[Option<Judgement>],
    unanswered: &BTreeSet<ClaimId>,
) -> Vec<Move> {
    if view.game.suspension.is_some() {
        return close_suspended(view);
    }
    let mut moves = Vec::new();
    // A copy in which the moves are made, so that each sees what those before it make possible.
    let mut game = view.game.clone();
    let needed = needed(view, judgements);
    // Claims come after what they attack, so this order resolves a claim's attacks before the claim.
    for index in needed.iter().rev().copied() {
        let claim = game.claims[index].id;
        // Resolved while it is open, a claim is upheld.
        let is_open = game.claims[index].status == Status::Open;
        let is_invalid = matches!(judgements.get(index), Some(Some(Judgement::FirstInvalid(_))));
        if is_open && (unanswered.contains(&claim) || (index == 0 && is_invalid)) {
            continue;
        }
        if game.resolve_claim(claim, view.now).is_ok() {
            moves.push(Move::ResolveClaim { claim });
        }
    }
    let Some(me) = view.me else {
        return moves;
    };
    for index in needed.iter().copied() {
        let claim = game.claims[index].id;
        let earns = game.claims[index].counter.is_some_and(|counter| counter.by == me);
        if earns && game.distribute_bond(claim, view.now).is_ok() {
            moves.push(Move::DistributeBond { claim });
        }
    }
    if game.claim_credit(me).is_ok() {
        moves.push(Move::ClaimCredit { account: me });
    }
    moves
}

/// Takes back the account's bonds, and the rewards for what it countered while the machine worked.
fn close_suspended(view: View<'_>) -> Vec<Move> {
    let Some(me) = view.me else {
        return Vec::new();
    };
    let mut moves = Vec::new();
    let mut game = view.game.clone();
    for index in 0..game.claims.len() {
        let (id, claimant, counter) = {
            let claim = &game.claims[index];
            (claim.id, claim.claimant, claim.counter)
        };
        if counter.is_some_and(|counter| counter.by == me) && game.distribute_bond(id, view.now).is_ok() {
            moves.push(Move::DistributeBond { claim: id });
        } else if claimant == me && game.reclaim(id).is_ok() {
            moves.push(Move::Reclaim { claim: id });
        }
    }
    if game.claim_credit(me).is_ok() {
        moves.push(Move::ClaimCredit { account: me });
    }
    moves
}

/// The claims to resolve.
fn needed(view: View<'_>, judgements: &[Option<Judgement>]) -> BTreeSet<ClaimIndex> {
    let game = view.game;
    let judged = |index: ClaimIndex| judgements.get(index).copied().flatten();
    let mine = |account: Address| view.me == Some(account);
    // The account may get the reward: it attacks the claim, or countered it by a step.
    let earns = |index: ClaimIndex| {
        let claim = &game.claims[index];
        game.children(claim).any(|child| mine(child.claimant))
            || claim.counter.is_some_and(|counter| mine(counter.by))
    };
    let has_stake = |index: ClaimIndex| mine(game.claims[index].claimant) || earns(index);
    let mut open: Vec<_> = (0..game.claims.len()).filter(|index| has_stake(*index)).collect();
    if !open.is_empty() || matches!(judged(0), Some(Judgement::FirstInvalid(_))) {
        open.push(0);
    }
    let mut needed = BTreeSet::new();
    while let Some(index) = open.pop() {
        if !needed.insert(index) {
            continue;
        }
        // A valid claim is upheld when all attacks on it are refuted. The bond of an invalid one is distributed when all
        // attacks on it are resolved. If the account does not get that bond, only what may counter the claim matters.
        let last = match judged(index) {
            Some(Judgement::FirstInvalid(segment)) if !pays(game, index, &mine) => segment,
            _ => u8::MAX,
        };
        let children = game.claims[index].children.iter().copied();
        open.extend(children.filter(|child| game.claims[*child].segment <= last));
    }
    needed
}

/// Whether the bond of a claim would go to the account now.
fn pays(game: &Game, index: ClaimIndex, mine: &impl Fn(Address) -> bool) -> bool {
    let claim = &game.claims[index];
    claim.status != Status::BondDistributed && claim.counter.is_some_and(|counter| mine(counter.by))
}
