//! What the tests share.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use anyhow::{Context, Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Plot, Rival, last_depth, step_proven},
    net::{soon, user},
};
use fraud_prover::{
    game::{Game, Status},
    truth::Provers,
};
use rollup::interval::Interval;
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
    arena.propose(&user(key)?, &liar, target).await
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

/// Where a dispute's first wrong state is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepLie {
    /// In the run over this block.
    pub(crate) block: u64,
    /// What the liar is told.
    pub(crate) divergence: Divergence,
    /// After so many steps, which is the same.
    pub(crate) step: u64,
}

/// Plays a dispute for each target and lie, all at once, against wrong proposals and for right ones; checks that each ends
/// with the step on L1, and ends the test.
pub(crate) async fn prove_steps(mut arena: Arena, lies: BTreeMap<u64, StepLie>) -> Result<()> {
    let plot = lies.iter().map(|(target, lie)| {
        let flipped = Lie::FlippedBit { block: lie.block };
        (*target, (flipped, lie.divergence))
    });
    let plot = Plot::ByTarget(Arc::new(plot.collect()));
    let (honest, proposer) = (user(1)?, user(4)?);
    let challenger = arena.challenger("honest", &honest, &[])?;
    let rival = arena.rival("liar", user(6)?, plot.clone())?;
    let truth = arena.observer.honest.clone();
    let mut games = Vec::new();
    for (target, StepLie { block, step, .. }) in lies {
        let blocks = Interval::between(0, target).context("nothing to propose")?;
        // Whoever proposes, it is the honest side that is asked for the step.
        let right = !last_depth(blocks, block, arena.steps(block).await?, step).is_multiple_of(2);
        let game = match right {
            true => arena.propose(&proposer, &truth as &dyn Provers, target).await?,
            false => propose(&mut arena, plot.clone(), 5, target).await?,
        };
        games.push((game, right));
    }
    for (game, _) in &games {
        arena.wait(*game, "a step is proven", PLAY, step_proven).await?;
    }
    let all: Vec<Address> = games.iter().map(|(game, _)| *game).collect();
    arena.wait_quiet(&all, QUIET, PLAY).await?;
    for (game, right) in games {
        let root = if right { Root::Right(proposer.address()) } else { Root::Wrong };
        finish(&mut arena, game, &[honest.address()], root).await?;
    }
    leave(arena, [challenger], [rival]).await
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
    // Liars go on taking what is theirs, so it is looked at until nothing has moved in between.
    soon("the game's money adds up", async || adds_up(arena, game).await).await
}

/// Whether what a game's contract holds is what it owes, what is open, and what it burned.
async fn adds_up(arena: &mut Arena, game: Address) -> Result<Option<()>> {
    let now = arena.game(game).await?;
    let open: U256 = now
        .claims
        .iter()
        .filter(|claim| !matches!(claim.status, Status::Upheld | Status::BondDistributed))
        .map(|claim| claim.bond)
        .sum();
    let owed: U256 = now.credits.values().sum();
    if arena.balance(game).await? != open + owed + now.burned {
        return Ok(None);
    }
    for (account, credit) in &now.credits {
        if arena.credit(game, *account).await? != *credit {
            return Ok(None);
        }
    }
    Ok(Some(()))
}
