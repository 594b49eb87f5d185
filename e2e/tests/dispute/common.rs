//! What the tests share.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use anyhow::{Result, ensure};
use e2e::dispute::{Arena, Plot, Rival};
use fraud_prover::game::{Game, Status};
use testnet::Process;

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

/// What was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// A wrong output root.
    Wrong,
    /// The right one, by this honest account, which claims its own bond.
    Right(Address),
}

/// Lets a game end, with clocks run out as often as it takes, and checks its end.
pub(crate) async fn finish(
    arena: &mut Arena,
    game: Address,
    challengers: &[Address],
    root: Root,
) -> Result<Game> {
    let end = arena.finish(game, challengers).await?;
    check(arena, &end, challengers, root).await?;
    Ok(end)
}

/// Ends a test: all challengers are still alive, liars and the rollup end well.
pub(crate) async fn leave(
    arena: Arena,
    challengers: impl IntoIterator<Item = Process>,
    liars: impl IntoIterator<Item = Rival>,
) -> Result<()> {
    for mut challenger in challengers {
        challenger.check_alive()?;
    }
    for liar in liars {
        liar.end().await?;
    }
    arena.end().await
}

/// Checks that the right side has won, that no honest claim was refuted, and that all money is accounted for.
pub(crate) async fn check(arena: &mut Arena, end: &Game, challengers: &[Address], root: Root) -> Result<()> {
    let game = end.subject.game;
    let is_upheld = end.root().status == Status::Upheld;
    ensure!(is_upheld == (root != Root::Wrong), "the wrong side has won: {:#?}", arena.sketch(game).await?);
    let is_honest = |account: Address| challengers.contains(&account) || root == Root::Right(account);
    for claim in end.claims.iter().filter(|claim| is_honest(claim.claimant)) {
        ensure!(
            claim.status == Status::Upheld,
            "an honest claim was refuted: {:#?}",
            arena.sketch(game).await?
        );
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
