//! How far a dispute is.

use alloy::{primitives::Address, transports::http::reqwest};
use anyhow::Result;
use fraud_prover::game::{Claim, Game, Status};

/// Whether the VM was asked, and a claim fell by it.
pub fn step_proven(game: &Game) -> bool {
    game.claims.iter().any(|claim| claim.counter.is_some_and(|counter| counter.child.is_none()))
}

/// Whether liars have no move left, but for other branches: the VM was asked, or one of these players claims the
/// states after each of some steps, or the one before the last of them.
pub fn narrowed(game: &Game, players: &[Address]) -> bool {
    let last = |claim: &Claim| {
        let segment = claim.interval.segments().checked_sub(1).and_then(|last| claim.interval.segment(last));
        claim.is_step_level() && segment.is_some_and(|segment| segment.length == 1)
    };
    step_proven(game) || game.claims.iter().any(|claim| players.contains(&claim.claimant) && last(claim))
}

/// Whether a game is resolved, with all claims of these accounts.
fn is_decided(state: &Game, honest: &[Address]) -> bool {
    let decided = |claim: &Claim| !honest.contains(&claim.claimant) || claim.status.is_resolved();
    state.root().status.is_resolved() && state.claims.iter().all(decided)
}

/// Whether a game is resolved, and nothing is left that these accounts have to do or to get.
pub fn is_over(state: &Game, honest: &[Address]) -> bool {
    let paid = |account: &Address| state.credits.get(account).is_none_or(|credit| credit.is_zero());
    let due = |claim: &Claim| {
        claim.status == Status::Refuted && claim.counter.is_some_and(|counter| honest.contains(&counter.by))
    };
    is_decided(state, honest) && honest.iter().all(paid) && !state.claims.iter().any(due)
}

/// Seconds that a challenger's VM has run, by its own count: it serves metrics at this address.
pub async fn machine_seconds(address: &str) -> Result<f64> {
    // Absent until the VM has run.
    metric(address, "recourse_challenger_machine_seconds").await
}

/// What a process that serves metrics at this address says of one of them; 0 if nothing.
pub async fn metric(address: &str, name: &str) -> Result<f64> {
    let text = reqwest::get(format!("http://{address}/metrics")).await?.text().await?;
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()).map_or(Ok(0.0), |value| Ok(value.parse()?))
}
