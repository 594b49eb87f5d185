//! Which answers are made, and in which order, over all games.

use alloy::primitives::U256;

use super::{Cost, Move, Plan, PlannedMove, Purpose};
use crate::game::Game;

/// What an account can spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// Its balance in the L1 block up to which the games are read, in wei.
    pub balance: U256,
    /// What a unit of gas may cost, in wei.
    pub gas_price: u128,
}

/// The answers to make.
#[derive(Clone, Debug, Default)]
pub struct Answers<'a> {
    /// Those that decide a root, by their deadlines.
    pub deciding: Vec<(&'a Game, &'a PlannedMove)>,
    /// The others that the account can pay for, by their deadlines.
    pub others: Vec<(&'a Game, &'a PlannedMove)>,
    /// How many others it cannot pay for.
    pub withheld: usize,
}

/// What all deciding branches can still cost, over all games.
pub fn reserve<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Cost {
    plans.into_iter().map(|plan| plan.reserve).sum()
}

/// The answers to make, over all games. Answers that decide a root come first, by their deadlines, whatever the balance.
/// Others are made only from what is above the reserve of all games, and only if the whole branch that they begin can be
/// paid for: a branch that is given up costs the bonds in it. First among them are those that protect a bond of the
/// account; freeloaders are answered from what those leave.
///
/// `is_sent` names moves that are on their way to L1. They are not made again, and what is for others is less by what
/// they begin. Without `funds` only the deciding answers are made.
pub fn answers<'a>(
    plans: &[(&'a Game, &'a Plan)],
    funds: Option<Funds>,
    is_sent: impl Fn(&Game, &Move) -> bool,
) -> Answers<'a> {
    let mut answers = Answers::default();
    let mut others = Vec::new();
    let mut sent = Vec::new();
    for (game, plan) in plans {
        for planned in &plan.moves {
            match (planned.purpose, is_sent(game, &planned.action)) {
                (Purpose::Close, _) | (Purpose::Root, true) => {}
                (Purpose::Root, false) => answers.deciding.push((*game, planned)),
                (_, true) => sent.push(planned),
                (_, false) => others.push((*game, planned)),
            }
        }
    }
    answers.deciding.sort_by_key(|(_, planned)| planned.deadline);
    let Some(Funds { balance, gas_price }) = funds else {
        answers.withheld = others.len();
        return answers;
    };
    let rest = balance.saturating_sub(reserve(plans.iter().map(|(_, plan)| *plan)).wei(gas_price));
    let own: Cost = plans.iter().map(|(_, plan)| plan.own).sum();
    // What protects the account's bonds is part of `own`.
    let mut purses = [rest, rest.saturating_sub(own.wei(gas_price))];
    let purse = |planned: &PlannedMove| usize::from(planned.purpose != Purpose::Bond);
    for planned in sent {
        let left = &mut purses[purse(planned)];
        *left = left.saturating_sub(planned.cost.wei(gas_price));
    }
    others.sort_by_key(|(_, planned)| (planned.deadline, planned.purpose));
    for (game, planned) in others {
        let left = &mut purses[purse(planned)];
        match left.checked_sub(planned.cost.wei(gas_price)) {
            Some(less) => {
                *left = less;
                answers.others.push((game, planned));
            }
            None => answers.withheld += 1,
        }
    }
    answers
}
