//! What the tests share.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use anyhow::{Result, ensure};
use e2e::dispute::{Arena, Plot};
use fraud_prover::game::{Game, Status};

/// How long a dispute may take until a step is proven.
pub(crate) const PLAY: Duration = Duration::from_secs(300);

/// A game in which nothing happened for so long is at rest, but for its clocks.
pub(crate) const QUIET: Duration = Duration::from_secs(4);

/// Proposes a lie.
pub(crate) async fn propose(
    arena: &mut Arena,
    plot: impl Into<Plot>,
    key: usize,
    target: u64,
) -> Result<Address> {
    let liar = arena.liar(plot)?;
    arena.propose(&e2e::net::user(key)?, &liar, target).await
}

/// Checks that the right side has won and that no honest claim fell.
pub(crate) async fn check(arena: &mut Arena, end: &Game, honest: &[Address], right: bool) -> Result<()> {
    let game = end.subject.game;
    let stood = end.root().status == Status::Upheld;
    ensure!(stood == right, "the wrong side has won: {:#?}", arena.sketch(game).await?);
    for claim in end.claims.iter().filter(|claim| honest.contains(&claim.claimant)) {
        ensure!(claim.status == Status::Upheld, "an honest claim fell: {:#?}", arena.sketch(game).await?);
    }
    // What the contract still holds is what it owes, what is open, and what it burned.
    let open: U256 = end
        .claims
        .iter()
        .filter(|claim| !matches!(claim.status, Status::Upheld | Status::BondDistributed))
        .map(|claim| claim.bond)
        .sum();
    let owed: U256 = end.credits.values().sum();
    let held = arena.balance(game).await?;
    ensure!(held == open + owed + end.burned, "the game holds {held}, not {open} + {owed} + {}", end.burned);
    for (account, credit) in &end.credits {
        ensure!(arena.credit(game, *account).await? == *credit, "the contract owes {account} something else");
    }
    Ok(())
}
