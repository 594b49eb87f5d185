//! A dispute in one line.

use alloy::primitives::{Address, U256};
use serde::Serialize;

use super::{
    decimal,
    verity::{ClaimVerdict, ClaimVerity, Verity},
};
use crate::{
    game::{Game, Status},
    l1::GameEntry,
};

/// A dispute, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameSummary {
    /// Index in the factory.
    pub index: u64,
    /// Its contract.
    pub address: Address,
    /// Who proposed.
    pub proposer: Address,
    /// The block that it starts from.
    pub anchor_block: u64,
    /// The block whose output is proposed.
    pub block: u64,
    /// When it was proposed, in seconds.
    pub created: u64,
    /// How many claims there are.
    pub claims: usize,
    /// What became of the proposal.
    pub status: GameStatus,
    /// Who wins if nobody moves any more; none once that is decided.
    pub ahead: Option<Leader>,
    /// Whether the proposal is right, with all its values.
    pub root: Verity,
    /// Whether something is computed of which a judgement waits.
    pub computing: bool,
    /// When the next clock runs out, in seconds.
    pub deadline: Option<u64>,
    /// Bonds that are not distributed, in wei.
    #[serde(with = "decimal")]
    pub bonds: U256,
    /// Whether its machine was shown to be broken.
    pub suspended: bool,
    /// Why its events cannot be read.
    pub error: Option<String>,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GameStatus {
    /// It is not decided.
    Open,
    /// It stood.
    Upheld,
    /// It fell.
    Refuted,
    /// Its machine broke, and its bond was given back.
    Reclaimed,
    /// The endpoint's events about it do not fit together.
    Unreadable,
}

/// A side of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Leader {
    /// Who holds that the proposal is right.
    Proposal,
    /// Who holds that it is wrong.
    Challengers,
}

impl GameSummary {
    /// Of a game whose claims were compared with the truth.
    pub fn of(entry: &GameEntry, game: &Game, verities: &[ClaimVerity], now: u64) -> Self {
        let root = game.root();
        let open = game.claims.iter().filter(|claim| !claim.status.is_resolved());
        let deadlines = open.map(|claim| game.deadline(claim)).filter(|deadline| *deadline > now);
        let status = match root.status {
            Status::Open | Status::Countered => GameStatus::Open,
            Status::Upheld => GameStatus::Upheld,
            Status::Refuted | Status::BondDistributed => GameStatus::Refuted,
            Status::BondReclaimed => GameStatus::Reclaimed,
        };
        let leader = if game.stands(0) { Leader::Proposal } else { Leader::Challengers };
        let is_decided = |status: Status| {
            matches!(status, Status::Upheld | Status::BondDistributed | Status::BondReclaimed)
        };
        let waiting = game.claims.iter().filter(|claim| !is_decided(claim.status));
        Self {
            claims: game.claims.len(),
            status,
            ahead: (status == GameStatus::Open && game.suspension.is_none()).then_some(leader),
            root: verities.first().map_or(Verity::Unknown, |root| root.verdict().into()),
            computing: verities.iter().any(|verity| verity.verdict() == ClaimVerdict::Unknown),
            deadline: deadlines.min(),
            bonds: waiting.map(|claim| claim.bond).sum(),
            suspended: game.suspension.is_some(),
            ..Self::unreadable(entry, None)
        }
    }

    /// Of a game whose events do not fit together.
    pub fn unreadable(entry: &GameEntry, error: Option<String>) -> Self {
        let proposal = &entry.proposal.event;
        Self {
            index: entry.index,
            address: entry.address(),
            proposer: proposal.proposer,
            anchor_block: proposal.anchorBlock,
            block: proposal.l2Block,
            created: entry.proposal.timestamp,
            claims: 0,
            status: GameStatus::Unreadable,
            ahead: None,
            root: Verity::Unknown,
            computing: false,
            deadline: None,
            bonds: U256::ZERO,
            suspended: false,
            error,
        }
    }
}
