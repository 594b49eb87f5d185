//! Every view in a browser, with a dispute down to one step: contrast, names, width, keyboard.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    dispute::{Arena, Setting, ends_in_a_step, step_proven},
    net::{Load, user},
};
use testnet::ports;

use super::{TURN, browser::Browser, write};

/// The first wrong block, of those that are proposed.
const WRONG: u64 = 13;
/// Blocks that the proposal may be about: more than 16 are narrowed down once more.
const TARGETS: [u64; 2] = [20, 16];

#[tokio::test(flavor = "multi_thread")]
async fn every_view_can_be_read_and_used() -> Result<()> {
    let _turn = TURN.lock().await;
    let mut arena = Arena::start("views", Setting { blocks: 2, ..Setting::default() }).await?;
    let mut summary = arena.net.devnet.summary()?;
    let address = format!("127.0.0.1:{}", ports::free()?);
    summary.page = Some(format!("http://{address}"));
    let devnet_json = write(&arena.net, &summary)?;
    let Some(browser) = Browser::find(&arena.net.dir().join("logs"), &devnet_json)? else {
        return arena.end().await;
    };

    let sequencer = arena.net.devnet.sequencer()?;
    let load =
        Load::start(sequencer.provider(), arena.net.devnet.rollup.chain.chain_id, vec![user(2)?, user(3)?]);
    arena.wait_for_blocks(TARGETS[0]).await?;
    load.stop().await?;
    let page = ["--page", &address, "--l2-rpc", &summary.l2_rpc];
    let (honest, liar) = (user(1)?, user(6)?);
    let mut challenger = arena.challenger("challenger", &honest, &page)?;
    let (target, plot) = ends_in_a_step(&arena, WRONG..TARGETS[1], &TARGETS).await?;
    let rival = arena.rival("liar", liar.clone(), plot)?;
    let lying = arena.liar(plot)?;
    let game = arena.propose(&liar, &lying, target).await?;
    arena.wait(game, "a step is proven", Duration::from_secs(120), step_proven).await?;

    browser.run("looks", &["4"]).await?;
    challenger.check_alive()?;
    rival.end().await?;
    arena.end().await
}
