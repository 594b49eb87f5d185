//! The moves that are possible now in a dispute, and by whom.

use serde::Serialize;

use crate::{
    game::{Claim, ClaimIndex, Game, Status},
    l1::ether,
    strategy::{Move, Plan, PlannedMove},
};

/// A move that is possible now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextMove {
    /// The claim that it is about.
    pub claim: ClaimIndex,
    /// The segment, if it is about one.
    pub segment: Option<u8>,
    /// What it is, in words.
    pub what: String,
    /// Who gains by it.
    pub who: Side,
    /// The first second at which it is too late; none: it can wait.
    pub deadline: Option<u64>,
}

/// Who has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who holds that the proposal is wrong.
    Challengers,
    /// Who holds that it is right.
    Proposers,
    /// Any account may.
    Anyone,
}

/// Who attacks a claim.
const fn attackers(claim: &Claim) -> Side {
    if claim.depth.is_multiple_of(2) { Side::Challengers } else { Side::Proposers }
}

/// The honest answers that are missing, by their deadlines; then what closes the game.
pub(super) fn all(game: &Game, plan: &Plan, now: u64) -> Vec<NextMove> {
    let mut moves: Vec<NextMove> = plan.moves.iter().filter_map(|planned| answer(game, planned)).collect();
    moves
        .extend(game.claims.iter().enumerate().filter_map(|(index, claim)| closing(game, index, claim, now)));
    for (account, credit) in game.credits.iter().filter(|(_, credit)| !credit.is_zero()) {
        let what = format!("pay {} ETH out to {account}", ether(*credit));
        moves.push(NextMove { claim: 0, segment: None, what, who: Side::Anyone, deadline: None });
    }
    moves
}

fn answer(game: &Game, planned: &PlannedMove) -> Option<NextMove> {
    let (id, segment, what) = match &planned.action {
        Move::Attack { claim, segment, .. } => (claim, segment, "say what is right inside this part"),
        Move::AttackBlock { claim, segment, .. } => {
            (claim, segment, "show the machine's run over this block")
        }
        Move::Step { claim, segment, .. } => (claim, segment, "let L1 execute this step"),
        _ => return None,
    };
    let index = game.index(*id)?;
    Some(NextMove {
        claim: index,
        segment: Some(*segment),
        what: what.to_owned(),
        who: attackers(&game.claims[index]),
        deadline: planned.deadline,
    })
}

fn closing(game: &Game, index: ClaimIndex, claim: &Claim, now: u64) -> Option<NextMove> {
    let what = match game.resolvable(claim, now) {
        Some(true) => "resolve it: nobody countered it in time",
        Some(false) => "resolve it: it is countered",
        None if is_distributable(game, claim, now) => "distribute its bond",
        None => return None,
    };
    Some(NextMove { claim: index, segment: None, what: what.to_owned(), who: Side::Anyone, deadline: None })
}

/// Whether the bond of a claim can be distributed: its counter is certain, and has been for a while.
fn is_distributable(game: &Game, claim: &Claim, now: u64) -> bool {
    let until = claim.moved_at.unwrap_or(0).saturating_add(game.parameters.extension);
    claim.status == Status::Refuted && game.open_children(claim) == 0 && now >= until
}
