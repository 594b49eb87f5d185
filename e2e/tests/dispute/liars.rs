//! Each liar loses, as a proposer and as an attacker, and no honest bond is lost.

use alloy::primitives::Address;
use anyhow::{Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting, narrowed},
    net::{Load, user},
};
use fraud_prover::truth::Provers;
use rollup::blobs::DaChoice;

use crate::common::{PLAY, QUIET, Root, finish, leave, propose};

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found() -> Result<()> {
    flipped_bit(DaChoice::Blobs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_where_batches_are_calldata() -> Result<()> {
    flipped_bit(DaChoice::Calldata).await
}

async fn flipped_bit(da: DaChoice) -> Result<()> {
    let setting = Setting::default();
    let mut options = Arena::options("flipped", setting)?;
    options.da = da;
    let mut arena = Arena::with(options).await?;
    arena.wait_for_blocks(setting.blocks).await?;
    let honest = user(1)?.address();
    let plot = (Lie::FlippedBit { block: 7 }, Divergence::Share(500));
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let rival = arena.rival("liar", user(6)?, plot)?;
    let before = arena.balance(honest).await?;
    let target = arena.newest();
    let game = propose(&mut arena, plot, 5, target).await?;
    let right = arena.observer.honest.clone();
    let right = arena.propose(&user(4)?, &right as &dyn Provers, target).await?;
    for game in [game, right] {
        arena.wait(game, "the dispute narrows", PLAY, |game| narrowed(game, &[honest])).await?;
    }
    arena.wait_quiet(&[game, right], QUIET, PLAY).await?;
    finish(&mut arena, game, &[honest], Root::Wrong).await?;
    finish(&mut arena, right, &[honest], Root::Right(user(4)?.address())).await?;
    // The reward is more than the gas.
    ensure!(arena.balance(honest).await? > before, "the honest challenger has lost");
    leave(arena, [challenger], [rival]).await
}

/// All kinds of lies at once, each with a liar who defends it, and attacks those of the others: for each liar, all the
/// others are wrong.
#[tokio::test(flavor = "multi_thread")]
async fn every_lie_falls_and_the_truth_stands() -> Result<()> {
    let mut arena = Arena::start("lies", Setting { clock: 3_000, blocks: 5 }).await?;
    let load = Load::start(
        arena.net.devnet.sequencer()?.provider(),
        arena.net.devnet.rollup.chain.chain_id,
        vec![user(2)?, user(3)?],
    );
    arena.wait_for_blocks(40).await?;
    load.stop().await?;
    let target = arena.newest();
    let busy = (5..=target).find(|block| transactions(&arena, *block) > 1);
    let block = busy.ok_or_else(|| anyhow::anyhow!("no block has transactions"))?;
    let lies = [
        (Lie::WrongBalance { block: 3 }, Divergence::First),
        (Lie::WrongReceipt { block: target }, Divergence::Last),
        (Lie::SkippedTransaction { block }, Divergence::Call(vm::Call::Preimage)),
        (Lie::IgnoredBatch { block }, Divergence::Call(vm::Call::Accel(0))),
    ];
    let honest = user(1)?.address();
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let mut rivals = Vec::new();
    let mut games = Vec::new();
    for (place, plot) in lies.into_iter().enumerate() {
        rivals.push(arena.rival(&format!("liar{place}"), user(5 + place)?, plot)?);
        games.push(propose(&mut arena, plot, 5 + place, target).await?);
    }
    let truth = arena.observer.honest.clone();
    let right = arena.propose(&user(4)?, &truth as &dyn Provers, target).await?;
    for game in &games {
        arena.wait(*game, "the dispute narrows", PLAY, |game| narrowed(game, &[honest])).await?;
    }
    // The right root is attacked by each liar.
    arena
        .wait(right, "the right root is attacked and defended", PLAY, |game| {
            game.root().children.len() >= 4 && narrowed(game, &[honest])
        })
        .await?;
    // The liars go on attacking each other for a while.
    let all: Vec<Address> = games.iter().copied().chain([right]).collect();
    arena.wait_quiet(&all, QUIET, PLAY).await?;
    for game in games {
        finish(&mut arena, game, &[honest], Root::Wrong).await?;
    }
    finish(&mut arena, right, &[honest], Root::Right(user(4)?.address())).await?;
    leave(arena, [challenger], rivals).await
}

fn transactions(arena: &Arena, block: u64) -> usize {
    let reader = arena.observer.chain.db().read();
    reader
        .ok()
        .and_then(|reader| reader.transactions(block).ok().flatten())
        .map_or(0, |transactions| transactions.len())
}

/// Intervals of every shape: single blocks, one segment more or less, the edges of a stride.
#[tokio::test(flavor = "multi_thread")]
async fn every_interval_can_be_disputed() -> Result<()> {
    const LENGTHS: [u64; 7] = [1, 2, 15, 16, 17, 255, 257];
    let mut arena = Arena::start("intervals", Setting { clock: 4_000, blocks: 2 }).await?;
    let load = Load::start(
        arena.net.devnet.sequencer()?.provider(),
        arena.net.devnet.rollup.chain.chain_id,
        vec![user(2)?, user(3)?],
    );
    arena.wait_for_blocks(257).await?;
    load.stop().await?;
    let honest = user(1)?.address();
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let plot = (Lie::FlippedBit { block: 1 }, Divergence::Last);
    let rival = arena.rival("liar", user(6)?, plot)?;
    let mut games = Vec::new();
    for length in LENGTHS {
        games.push(propose(&mut arena, plot, 5, length).await?);
    }
    for game in &games {
        arena.wait(*game, "the dispute narrows", PLAY, |game| narrowed(game, &[honest])).await?;
    }
    arena.wait_quiet(&games, QUIET, PLAY).await?;
    for game in games {
        finish(&mut arena, game, &[honest], Root::Wrong).await?;
    }
    leave(arena, [challenger], [rival]).await
}
