//! A dispute as a whole.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use serde::Serialize;

use super::{
    claim::ClaimReport,
    decimal,
    next::{self, NextMove},
    summary::GameSummary,
    verity::ClaimVerity,
};
use crate::{
    game::Game,
    l1::{GameEntry, GameEvent},
    strategy::{Plan, View, plan},
    truth::Truth,
};

/// A dispute with all its claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameReport {
    /// What lists show of it.
    #[serde(flatten)]
    pub summary: GameSummary,
    /// L1's time as of this report, in seconds.
    pub now: u64,
    /// Number of pinned batches.
    pub batches: u64,
    /// The constants of its version.
    pub parameters: Parameters,
    /// The claims, the root first, each behind what it attacks.
    pub tree: Vec<ClaimReport>,
    /// The moves that are possible now.
    pub moves: Vec<NextMove>,
    /// What the game owes to accounts.
    pub credits: Vec<Credit>,
    /// What it has paid to accounts.
    pub paid: Vec<Credit>,
    /// What was burned, in wei.
    #[serde(with = "decimal")]
    pub burned: U256,
}

/// The constants of a game's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// Time of each side, in seconds.
    pub clock: u64,
    /// Least time for an answer, in seconds.
    pub extension: u64,
    /// Least time for an answer that may need a run of the machine, in seconds.
    pub boundary_extension: u64,
    /// Bond of a root claim, in wei.
    #[serde(with = "decimal")]
    pub root_bond: U256,
    /// Bond of the deepest claims, in wei.
    #[serde(with = "decimal")]
    pub leaf_bond: U256,
    /// Most steps of a block's run.
    pub max_steps: u64,
}

/// What a game owes to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Credit {
    /// The account.
    pub account: Address,
    /// In wei.
    #[serde(with = "decimal")]
    pub amount: U256,
}

impl GameReport {
    /// Reports on a game of an entry, at a time of L1.
    pub fn new(entry: &GameEntry, game: &Game, truth: &(impl Truth + ?Sized), now: u64) -> Self {
        let verities: Vec<ClaimVerity> =
            game.claims.iter().map(|claim| ClaimVerity::of(truth, claim)).collect();
        Self::with(entry, game, &verities, &plan(View { game, now, me: None }, truth), now)
    }

    /// Reports on a game whose claims were compared with the truth.
    pub fn with(entry: &GameEntry, game: &Game, verities: &[ClaimVerity], plan: &Plan, now: u64) -> Self {
        let parameters = &game.parameters;
        let credits = game.credits.iter().filter(|(_, amount)| !amount.is_zero());
        Self {
            summary: GameSummary::of(entry, game, verities, now),
            now,
            batches: game.subject.batch_count,
            parameters: Parameters {
                clock: parameters.max_clock_duration,
                extension: parameters.extension,
                boundary_extension: parameters.boundary_extension,
                root_bond: parameters.bonds.root,
                leaf_bond: parameters.bonds.leaf,
                max_steps: game.subject.rules.max_steps,
            },
            tree: game
                .claims
                .iter()
                .enumerate()
                .map(|(index, claim)| ClaimReport::of(game, index, claim, verities.get(index), now))
                .collect(),
            moves: next::all(game, plan, now),
            credits: credits.map(|(account, amount)| Credit { account: *account, amount: *amount }).collect(),
            paid: paid(entry),
            burned: game.burned,
        }
    }
}

/// What a game has paid, by account.
fn paid(entry: &GameEntry) -> Vec<Credit> {
    let mut paid: BTreeMap<Address, U256> = BTreeMap::new();
    for logged in &entry.events {
        if let GameEvent::CreditClaimed(event) = &logged.event {
            *paid.entry(event.recipient).or_default() += event.amount;
        }
    }
    paid.into_iter().map(|(account, amount)| Credit { account, amount }).collect()
}
