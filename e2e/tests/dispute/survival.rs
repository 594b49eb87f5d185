//! What a challenger must survive: kills, reorgs, endpoints that fail, an empty database, griefers, and its own kind.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting, narrowed},
    faults::{Fault, Proxy},
    net::{Load, seeded, user},
};
use rand::Rng;

use crate::{
    common::{PLAY, QUIET, Root, finish, leave, propose},
    griefer::Griefer,
};

const PLOT: (Lie, Divergence) = (Lie::WrongReceipt { block: 11 }, Divergence::Share(300));
/// How late a griefer attacks: a few L1 blocks before a clock has run out, in seconds.
const LAST_SECONDS: u64 = 30;
const LONG: Setting = Setting { clock: 3_000, blocks: 18 };

/// Killed again and again, at random moments, sometimes with its database removed: it still wins, without a move made
/// twice or a bond lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_kills() -> Result<()> {
    let mut rng = seeded("dispute kills")?;
    let mut arena = Arena::start("dispute-kill", LONG).await?;
    let honest = user(1)?.address();
    let rival = arena.rival("liar", user(6)?, PLOT)?;
    let target = arena.newest();
    let game = propose(&mut arena, PLOT, 5, target).await?;
    let mut kills = 0;
    let mut challenger = arena.challenger("honest", &user(1)?, &[])?;
    let deadline = std::time::Instant::now() + PLAY;
    let mut seen = 0;
    while !narrowed(&arena.game(game).await?, &[honest]) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        let claims = arena.game(game).await?.claims;
        let mine = claims.iter().filter(|claim| claim.claimant == honest).count();
        // Each life is long enough for one move; it ends when that is on L1, or a little later, in the middle of the next.
        if mine > seen {
            seen = mine;
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..250))).await;
            drop(challenger);
            kills += 1;
            if kills % 2 == 0 {
                fs::remove_dir_all(arena.data_dir("honest"))?;
            }
            challenger = arena.challenger("honest", &user(1)?, &[])?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(kills >= 2, "killed only {kills} times");
    finish(&mut arena, game, &[honest], Root::Wrong).await?;
    leave(arena, [challenger], [rival]).await
}

/// L1 reorgs that undo moves, its own and the liar's.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_reorgs() -> Result<()> {
    let mut rng = seeded("dispute reorgs")?;
    let mut arena = Arena::start("dispute-reorg", LONG).await?;
    let honest = user(1)?.address();
    let rival = arena.rival("liar", user(6)?, PLOT)?;
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let target = arena.newest();
    let game = propose(&mut arena, PLOT, 5, target).await?;
    let mut undone = 0;
    let deadline = std::time::Instant::now() + PLAY;
    loop {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        let gate = arena.miner.pause().await;
        let state = arena.entry(game).await?;
        let proven = narrowed(state.game()?, &[honest]);
        if proven && undone >= 3 {
            break;
        }
        let latest = arena.net.devnet.anvil.latest().await?.header.number;
        // The newest move goes, and perhaps some before it; never the proposal: it would be gone for good.
        if let Some(last) = state.events.last().map(|event| event.block)
            && (proven || rng.random_ratio(1, 3))
        {
            let depth = (latest + 1 - last) + rng.random_range(0..3);
            let depth = depth.min(latest.saturating_sub(state.proposal.block));
            if depth > latest - last && undone < 6 {
                arena.net.devnet.anvil.reorg(depth).await?;
                undone += 1;
            }
        }
        drop(gate);
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..800))).await;
    }
    finish(&mut arena, game, &[honest], Root::Wrong).await?;
    leave(arena, [challenger], [rival]).await
}

/// Three honest challengers that know nothing of each other, and a griefer who copies, freeloads and spams.
#[tokio::test(flavor = "multi_thread")]
async fn honest_challengers_do_each_other_no_harm() -> Result<()> {
    let mut rng = seeded("dispute griefer")?;
    let mut arena = Arena::start("dispute-three", LONG).await?;
    let keys = [user(1)?, user(2)?, user(3)?];
    let honest = keys.each_ref().map(|key| key.address());
    let mut challengers = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        challengers.push(arena.challenger(&format!("honest{place}"), key, &[])?);
    }
    let rival = arena.rival("liar", user(6)?, PLOT)?;
    let mut griefer = Griefer::new(user(7)?, 12);
    let before =
        [arena.balance(honest[0]).await?, arena.balance(honest[1]).await?, arena.balance(honest[2]).await?];
    let target = arena.newest();
    let game = propose(&mut arena, PLOT, 5, target).await?;
    // The griefer may be the one who copied the last answer.
    let players = [&honest[..], &[griefer.account()]].concat();
    let deadline = std::time::Instant::now() + PLAY;
    while griefer.budget > 0 || !narrowed(&arena.game(game).await?, &players) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        griefer.act(&mut arena, game, &mut rng).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    eprintln!("griefer {}: {:?}", griefer.account(), griefer.deeds);
    arena.wait_quiet(&[game], QUIET, PLAY).await?;
    let end = finish(&mut arena, game, &honest, Root::Wrong).await?;
    for (account, before) in honest.iter().zip(before) {
        // Whoever was not the first paid gas for nothing, but no bond.
        let lost = before.saturating_sub(arena.balance(*account).await?);
        ensure!(lost < end.parameters.bonds.leaf, "{account} has lost {lost}");
    }
    leave(arena, challengers, [rival]).await
}

/// Somebody who attacks in the last seconds in which that is possible, again and again: there is always time to answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_second_is_no_advantage() -> Result<()> {
    let mut arena = Arena::start("dispute-late", LONG).await?;
    let l2 = arena.net.devnet.sequencer()?.provider();
    let load = Load::start(l2, arena.net.devnet.rollup.chain.chain_id, vec![user(2)?, user(3)?]);
    // So many that claims about blocks can be attacked twice.
    arena.wait_for_blocks(257).await?;
    load.stop().await?;
    let honest = user(1)?.address();
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let mut griefer = Griefer::new(user(7)?, 0);
    let game = propose(&mut arena, PLOT, 5, 257).await?;
    arena.wait(game, "the lie is countered", PLAY, |game| game.claims.len() == 2).await?;
    for round in 1..=2 {
        let state = arena.game(game).await?;
        let claim = state.claims.last().context("no claim")?;
        ensure!(claim.claimant == honest, "whose claim is it? {:#?}", arena.sketch(game).await?);
        // Blocks of L1 are made by the clock again once it is late.
        let gate = arena.miner.pause().await;
        let now = arena.net.devnet.anvil.latest().await?.header.timestamp;
        let late = state.deadline(claim) - LAST_SECONDS;
        arena.net.devnet.anvil.increase_time(late.saturating_sub(now)).await?;
        drop(gate);
        griefer.attack(&arena, &state, claim).await?;
        let claims = 2 + 2 * round;
        arena.wait(game, "the late attack is answered", PLAY, |game| game.claims.len() == claims).await?;
    }
    finish(&mut arena, game, &[honest], Root::Wrong).await?;
    leave(arena, [challenger], []).await
}

/// An L1 endpoint that goes away, lags, leaves out logs and answers garbage.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_its_endpoint() -> Result<()> {
    let mut rng = seeded("dispute endpoint")?;
    let mut arena = Arena::start("dispute-endpoint", LONG).await?;
    let honest = user(1)?.address();
    let proxy = Proxy::start(arena.net.devnet.anvil.url()).await?;
    let rival = arena.rival("liar", user(6)?, PLOT)?;
    let target = arena.newest();
    let game = propose(&mut arena, PLOT, 5, target).await?;
    let challenger = arena.challenger_at("honest", &user(1)?, proxy.url(), &[])?;
    let deadline = std::time::Instant::now() + PLAY;
    let faults =
        [Fault::Down, Fault::Garbage, Fault::Null, Fault::NoLogs, Fault::Behind(6), Fault::MaxRange(1)];
    let mut round = 0;
    while !narrowed(&arena.game(game).await?, &[honest]) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        proxy.set(faults[round % faults.len()]);
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..900))).await;
        proxy.set(Fault::None);
        // Until the next move, so that each fault meets it in another place.
        let events = arena.entry(game).await?.events.len();
        while arena.entry(game).await?.events.len() == events {
            ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        round += 1;
    }
    ensure!(round >= 3, "the endpoint failed only {round} times");
    finish(&mut arena, game, &[honest], Root::Wrong).await?;
    leave(arena, [challenger], [rival]).await
}
