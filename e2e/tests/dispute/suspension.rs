//! An L1 fork breaks the machine.

use std::{fs, time::Duration};

use alloy::{eips::BlockId, primitives::U256, sol_types::SolCall};
use anyhow::{Result, ensure};
use bindings::IDisputeGame;
use e2e::{
    dispute::{Arena, Divergence, Lie, Setting, narrowed},
    net::{soon, user},
};
use fraud_prover::{
    game::{Game, Status},
    truth::Provers,
};
use rollup::{blobs::DaChoice, l1::TxRequest};

use crate::common::{PLAY, propose};

/// L1 goes back to a fork without precompiles that the machine relies on (Cancun has no BLS12-381). The challenger sees it,
/// suspends the version, and takes its bonds back, as the liar does; nothing is proposed any more, and L2 goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_machine_is_suspended_and_every_bond_goes_back() -> Result<()> {
    // Bonds wait for a tenth of a clock: for longer than L1's time goes on below until the challenger looks at the machine.
    let setting = Setting { clock: 3000, ..Setting::default() };
    let mut options = Arena::options("suspension", setting)?;
    // Cancun knows no cell proofs.
    options.da = DaChoice::Calldata;
    options.l1_state = Some(options.dir.join("l1-state.json"));
    let mut arena = Arena::with(options).await?;
    arena.wait_for_blocks(setting.blocks).await?;
    let (honest, liar) = (user(1)?.address(), user(6)?.address());
    let mut challenger = arena.challenger("honest", &user(1)?, &["--record-checks", "10m"])?;
    let version = arena.version().await?;
    let client = arena.client().clone();
    let health = async || client.view(version, IDisputeGame::healthCall {}, BlockId::latest()).await;
    // Checks are recorded as they become old.
    let deployed = health().await?.soundAt;
    // None is recorded after the step, which would stand then.
    arena.net.devnet.anvil.increase_time(600).await?;
    soon("a check is recorded", async || Ok((health().await?.soundAt > deployed).then_some(()))).await?;

    let plot = (Lie::FlippedBit { block: 7 }, Divergence::Share(500));
    let rival = arena.rival("liar", user(6)?, plot)?;
    let target = arena.newest();
    let game = propose(&mut arena, plot, 5, target).await?;
    arena.wait(game, "the dispute narrows", PLAY, |game| narrowed(game, &[honest])).await?;

    {
        let _gate = arena.miner.pause().await;
        arena.net.devnet.anvil.fork("cancun").await?;
        arena.net.devnet.anvil.increase_time(60).await?;
    }
    let returned = |game: &Game| {
        let of = |account| game.claims.iter().filter(move |claim| claim.claimant == account);
        let is_back = |status| matches!(status, Status::BondReclaimed | Status::Upheld);
        game.suspension.is_some()
            && of(honest).chain(of(liar)).all(|claim| is_back(claim.status))
            && [honest, liar].iter().all(|account| game.credits.get(account).is_none_or(U256::is_zero))
    };
    let end = arena.wait(game, "bonds have gone back", Duration::from_secs(120), returned).await?;
    ensure!(end.claims.iter().any(|claim| claim.claimant == honest), "the honest side had no bond there");
    let log = fs::read_to_string(arena.net.devnet.dir.join("logs/honest.log"))?;
    for word in ["does not run the MACHINE", "new games are impossible"] {
        ensure!(log.contains(word), "{word:?} is not in the log");
    }
    ensure!(health().await?.suspendedAt > 0, "the version is not suspended");

    // The root's bond goes back to who paid it, whoever calls; nothing is left, and nothing was burned.
    let manager = arena.manager(&user(8)?);
    for data in [
        IDisputeGame::reclaimCall { id: end.root().id.0 }.abi_encode(),
        IDisputeGame::claimCreditCall { recipient: end.root().claimant }.abi_encode(),
    ] {
        manager.send(TxRequest { to: game, data: data.into(), ..TxRequest::default() }).await?;
    }
    ensure!(arena.balance(game).await?.is_zero(), "something is left: {:#?}", arena.sketch(game).await?);
    let truth = arena.observer.honest.clone();
    let refused = arena.propose(&user(4)?, &truth as &dyn Provers, target).await.map(|_| ());
    ensure!(refused.is_err(), "a proposal of a suspended version was taken");

    // L2 goes on.
    arena.wait_for_blocks(arena.newest() + 10).await?;
    challenger.check_alive()?;
    rival.end().await?;
    arena.end().await
}
