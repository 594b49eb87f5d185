//! An upgrade of the game under disputes.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting, another_program, narrowed},
    net::{until, user},
};
use fraud_prover::{
    game::RunRules,
    traces::{ReplicaProvers, VmRunner},
};
use rollup::program::program_path;
use stf::{ForkSchedule, config::Activation};
use vm::Image;

use crate::common::{PLAY, Root, finish, leave, propose};

/// Seconds that an upgrade waits.
const DELAY: u64 = 6;
/// A change of rules far ahead, by rules that nobody knows yet.
const LATER: u64 = 1 << 40;

/// Old games end under the old program and rules, new ones under the new, and one challenger plays both. One that has only
/// the old says so before the upgrade is in force.
#[tokio::test(flavor = "multi_thread")]
async fn games_in_flight_end_under_their_rules_and_new_ones_have_the_new() -> Result<()> {
    let setting = Setting { clock: 3_000, ..Setting::default() };
    let mut options = Arena::options("upgrade", setting)?;
    options.deploy.upgrade_delay = Some(DELAY);
    let mut arena = Arena::with(options).await?;
    arena.wait_for_blocks(setting.blocks).await?;
    let honest = user(1)?.address();
    let plot = (Lie::FlippedBit { block: 7 }, Divergence::Share(500));
    let target = arena.newest();
    let mut unprepared = arena.challenger("unprepared", &user(1)?, &[])?;
    let first = arena.rival("liar", user(6)?, plot)?;
    let old = propose(&mut arena, plot, 5, target).await?;

    // The new program and a new schedule.
    let elf = another_program(&fs::read(program_path()?)?)?;
    let image = Image::load(&elf)?;
    ensure!(image.root() != arena.observer.image.root(), "another program");
    let path = arena.net.devnet.dir.join("new-program.elf");
    fs::write(&path, &elf)?;
    let mut chain = arena.net.devnet.rollup.chain;
    let later = Activation { rules: 200, timestamp: LATER };
    chain.forks = ForkSchedule::new(&[chain.forks.activations(), &[later]].concat())?;
    let rules = RunRules { program_root: image.root(), config_hash: chain.hash(), ..arena.observer.rules };
    let before = arena.version().await?;
    let upgrade = arena.schedule_version(rules, LATER).await?;
    let log = arena.net.devnet.dir.join("logs/unprepared.log");
    until("the unprepared challenger says so", Duration::from_secs(60), async || {
        Ok(fs::read_to_string(&log)?.contains("CANNOT BE PLAYED").then_some(()))
    })
    .await?;
    ensure!(arena.version().await? == before, "it was said in time");
    // It plays the old game on. A prepared one takes its place.
    unprepared.check_alive()?;
    arena.wait(old, "the dispute begins", PLAY, |game| !game.root().children.is_empty()).await?;
    unprepared.stop(Duration::from_secs(10)).await?;
    arena.net.devnet.rollup.chain = chain;
    fs::write(arena.net.devnet.rollup_path(), serde_json::to_vec(&arena.net.devnet.rollup)?)?;
    arena.programs.push(path);
    let challenger = arena.challenger("prepared", &user(1)?, &[])?;

    arena.execute(&upgrade).await?;
    let programs = vec![arena.observer.image.clone(), image.clone()];
    let replica = arena.observer.chain.clone();
    let runner = VmRunner::new(replica.clone(), programs, &arena.data_dir("new-observer"))?;
    arena.observer.honest = ReplicaProvers::new(replica, runner);
    (arena.observer.image, arena.observer.rules) = (image, rules);
    let second = arena.rival("second-liar", user(7)?, plot)?;
    let new = propose(&mut arena, plot, 8, target).await?;
    let versions = [arena.entry(old).await?.version(), arena.entry(new).await?.version()];
    ensure!(versions == [before, upgrade.version], "{versions:?}");
    for game in [old, new] {
        arena.wait(game, "the dispute narrows", PLAY, |game| narrowed(game, &[honest])).await?;
    }
    finish(&mut arena, old, &[honest], Root::Wrong).await?;
    finish(&mut arena, new, &[honest], Root::Wrong).await?;
    leave(arena, [challenger], [first, second]).await
}
