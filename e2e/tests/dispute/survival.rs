//! What a challenger must survive: kills, reorgs, endpoints that fail, an empty database, griefers, and its own kind.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    dispute::{Arena, Fault, Lie, Setting},
    net::{seeded, user},
};
use rand::Rng;

use crate::{
    common::{PLAY, check, propose, step_proven},
    griefer::Griefer,
    proxy::{Fault as Misbehaviour, Proxy},
};

const LIE: Lie = Lie::WrongReceipt { block: 11 };
const FAULT: Fault = Fault::Share(300);
const LONG: Setting = Setting { clock: 3_000, blocks: 18 };

/// Killed again and again, at random moments, sometimes with its database removed: it still wins, without a move made
/// twice or a bond lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_kills() -> Result<()> {
    let mut rng = seeded("dispute kills")?;
    let mut arena = Arena::start("dispute-kill", LONG).await?;
    let honest = user(1)?.address();
    let rival = arena.rival("liar", user(6)?, LIE, FAULT)?;
    let target = arena.newest();
    let game = propose(&mut arena, LIE, FAULT, 5, target).await?;
    let mut kills = 0;
    let mut challenger = arena.challenger("honest", &user(1)?, &[])?;
    let deadline = std::time::Instant::now() + PLAY;
    while !step_proven(&arena.game(game).await?) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        let moves = arena.game(game).await?.claims.len();
        tokio::time::sleep(Duration::from_millis(rng.random_range(500..3_000))).await;
        // Not more often than it gets anywhere: each life must be long enough for one move.
        if arena.game(game).await?.claims.len() == moves {
            continue;
        }
        drop(challenger);
        kills += 1;
        if kills % 3 == 0 {
            fs::remove_dir_all(arena.data_dir("honest"))?;
        }
        challenger = arena.challenger("honest", &user(1)?, &[])?;
    }
    ensure!(kills >= 2, "killed only {kills} times");
    let end = arena.finish(game, &[honest]).await?;
    check(&mut arena, &end, &[honest], false).await?;
    drop(challenger);
    rival.end().await?;
    arena.end().await
}

/// L1 reorgs that undo moves, its own and the liar's.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_reorgs() -> Result<()> {
    let mut rng = seeded("dispute reorgs")?;
    let mut arena = Arena::start("dispute-reorg", LONG).await?;
    let honest = user(1)?.address();
    let rival = arena.rival("liar", user(6)?, LIE, FAULT)?;
    let mut challenger = arena.challenger("honest", &user(1)?, &[])?;
    let target = arena.newest();
    let game = propose(&mut arena, LIE, FAULT, 5, target).await?;
    let mut undone = 0;
    let deadline = std::time::Instant::now() + PLAY;
    loop {
        let state = arena.entry(game).await?;
        if step_proven(state.game()?) && undone >= 3 {
            break;
        }
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        tokio::time::sleep(Duration::from_millis(rng.random_range(400..2_000))).await;
        let _gate = arena.miner.pause().await;
        let latest = arena.net.devnet.anvil.latest().await?.header.number;
        // Never the proposal: it would be gone for good.
        let depth = rng.random_range(1..=6).min(latest.saturating_sub(state.proposal.block));
        let last = state.events.last().map(|event| event.block);
        if undone < 5 && depth > 0 && last.is_some_and(|block| block > latest - depth) {
            arena.net.devnet.anvil.reorg(depth).await?;
            undone += 1;
        }
    }
    let end = arena.finish(game, &[honest]).await?;
    check(&mut arena, &end, &[honest], false).await?;
    challenger.check_alive()?;
    drop(challenger);
    rival.end().await?;
    arena.end().await
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
    let rival = arena.rival("liar", user(6)?, LIE, FAULT)?;
    let mut griefer = Griefer::new(user(7)?, 12);
    let before =
        [arena.balance(honest[0]).await?, arena.balance(honest[1]).await?, arena.balance(honest[2]).await?];
    let target = arena.newest();
    let game = propose(&mut arena, LIE, FAULT, 5, target).await?;
    let deadline = std::time::Instant::now() + PLAY;
    while griefer.budget > 0 || !step_proven(&arena.game(game).await?) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        griefer.act(&mut arena, game, &mut rng).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    eprintln!("griefer {}: {:?}", griefer.account(), griefer.deeds);
    let end = arena.finish(game, &honest).await?;
    check(&mut arena, &end, &honest, false).await?;
    for (account, before) in honest.iter().zip(before) {
        // Whoever was not the first paid gas for nothing, but no bond.
        let lost = before.saturating_sub(arena.balance(*account).await?);
        ensure!(lost < end.rules.bonds.leaf, "{account} has lost {lost}");
    }
    for mut challenger in challengers {
        challenger.check_alive()?;
    }
    rival.end().await?;
    arena.end().await
}

/// An L1 endpoint that goes away, lags, forgets logs and talks nonsense.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenger_survives_its_endpoint() -> Result<()> {
    let mut rng = seeded("dispute endpoint")?;
    let mut arena = Arena::start("dispute-endpoint", LONG).await?;
    let honest = user(1)?.address();
    let proxy = Proxy::start(arena.net.devnet.anvil.url()).await;
    let rival = arena.rival("liar", user(6)?, LIE, FAULT)?;
    let mut challenger = arena.challenger_at("honest", &user(1)?, proxy.url(), &[])?;
    let target = arena.newest();
    let game = propose(&mut arena, LIE, FAULT, 5, target).await?;
    let deadline = std::time::Instant::now() + PLAY;
    let faults = [
        Misbehaviour::Down,
        Misbehaviour::Garbage,
        Misbehaviour::Null,
        Misbehaviour::NoLogs,
        Misbehaviour::Behind(6),
        Misbehaviour::MaxRange(1),
    ];
    let mut round = 0;
    while !step_proven(&arena.game(game).await?) {
        ensure!(std::time::Instant::now() < deadline, "no step: {:#?}", arena.sketch(game).await?);
        proxy.set(faults[round % faults.len()]);
        tokio::time::sleep(Duration::from_millis(rng.random_range(300..1_500))).await;
        proxy.set(Misbehaviour::None);
        // Long enough to recover and to move.
        tokio::time::sleep(Duration::from_millis(rng.random_range(2_000..4_000))).await;
        round += 1;
    }
    ensure!(round >= 2, "the endpoint failed only {round} times");
    let end = arena.finish(game, &[honest]).await?;
    check(&mut arena, &end, &[honest], false).await?;
    challenger.check_alive()?;
    drop(challenger);
    rival.end().await?;
    arena.end().await
}
