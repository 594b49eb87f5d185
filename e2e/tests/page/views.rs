//! Every view in a browser, with a dispute down to one step: contrast, names, width, keyboard.

use std::time::Duration;

use alloy::primitives::Address;
use anyhow::Result;
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting, narrowed},
    net::{Load, user},
};
use testnet::ports;

use super::{TURN, browser::Browser, write};

/// The first wrong block, of those that are proposed.
const WRONG: u64 = 13;
const BLOCKS: u64 = 20;

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
    arena.wait_for_blocks(BLOCKS).await?;
    load.stop().await?;
    let page = ["--page", &address, "--l2-rpc", &summary.l2_rpc];
    let (honest, liar) = (user(1)?, user(6)?);
    let mut challenger = arena.challenger("challenger", &honest, &page)?;
    let plot = (Lie::WrongBalance { block: WRONG }, Divergence::Share(500));
    let rival = arena.rival("liar", liar.clone(), plot)?;
    let lying = arena.liar(plot)?;
    let game = arena.propose(&liar, &lying, BLOCKS).await?;
    let players: [Address; 2] = [honest.address(), liar.address()];
    arena
        .wait(game, "a single step is left", Duration::from_secs(120), |game| narrowed(game, &players))
        .await?;

    browser.run("looks", &["4"]).await?;
    challenger.check_alive()?;
    rival.end().await?;
    arena.end().await
}
