//! A user whose proposer is gone: nobody decides the game, so `bridge finalize` does.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{IDisputeGame, IDisputeGameFactory};
use e2e::net::until;
use testnet::{Mining, Node, Role};

use super::{Setting, bridge::Cli};

pub(crate) async fn session(setting: &mut Setting, account: usize) -> Result<()> {
    // From now on the sequencer proposes nothing, and a proposer beside it does.
    let sequencer = setting.net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    let Role::Sequencer { proposer, .. } = &mut sequencer.options.role else { bail!("no sequencer") };
    let key = proposer.take().context("no proposer")?;
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let setting = &*setting;
    let anvil = &setting.net.devnet.anvil;
    let cli = Cli::new(setting, account)?;
    let to = Address::random();
    let (withdrawal, block) = cli.withdraw("stranded-withdraw", to).await?;

    // Its last deed is the game. L1 makes no blocks but these, so that it has no time to decide that.
    let mut options = setting.net.devnet.node_options("last-proposer", Role::Proposer { key })?;
    options.extra = ["--l1-poll", "50ms", "--propose-interval", "1s"].map(Into::into).into();
    let mut proposer = Node::spawn(options)?;
    anvil.set_mining(Mining::Manual).await?;
    let factory = IDisputeGameFactory::new(setting.summary.contracts.dispute_game_factory, anvil.provider());
    let game = until("the last game", Duration::from_secs(120), async || {
        anvil.mine(1).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let newest = factory.gameCount().call().await? - U256::from(1);
        let address = factory.gameAtIndex(newest).call().await?.game;
        let game = IDisputeGame::new(address, anvil.provider());
        let covers = game.l2SequenceNumber().call().await? >= U256::from(block);
        Ok(covers.then_some(game))
    })
    .await?;
    proposer.kill9()?;
    anvil.set_mining(Mining::Every(1)).await?;
    ensure!(
        game.status().call().await? == IDisputeGame::GameStatus::IN_PROGRESS,
        "the game is decided already"
    );

    cli.run("stranded-prove", &["prove", &withdrawal]).await?;
    let output = cli.run("stranded-finalize", &["finalize", &withdrawal]).await?;
    ensure!(output.contains("Resolving the game, which nobody else does"), "{output}");
    ensure!(game.status().call().await? == IDisputeGame::GameStatus::DEFENDER_WINS, "not decided");
    ensure!(!anvil.provider().get_balance(to).await?.is_zero(), "not paid");
    Ok(())
}
