//! Many wrong roots at once.

use std::time::Duration;

use alloy::providers::Provider;
use anyhow::{Result, ensure};
use e2e::{
    dispute::{Arena, Setting, is_over},
    net::{until, user},
};
use fraud_prover::game::Status;
use rollup::l1::TxManager;

use crate::common::{PLAY, Root, check, leave};

/// At one answer a block, as many as outrun the clocks of a devnet.
const ROOTS: usize = 58;

/// All are answered within the fewest blocks that nodes' pools allow; then all fall, and nobody honest has lost anything.
#[tokio::test(flavor = "multi_thread")]
async fn many_wrong_roots_are_answered_within_a_few_blocks() -> Result<()> {
    // The last segment has several blocks: no machine is needed.
    let mut arena = Arena::start("dispute-crowd", Setting { clock: 600, blocks: 20 }).await?;
    let honest = user(1)?.address();
    let games = arena.propose_wrong_roots(&user(5)?, 20, ROOTS).await?;
    let gate = arena.miner.pause().await;
    let challenger = arena.challenger("honest", &user(1)?, &[])?;
    let l1 = arena.net.devnet.anvil.provider().clone();
    let mut blocks = 0;
    loop {
        let mut unanswered = 0;
        for game in &games {
            unanswered += usize::from(arena.game(*game).await?.root().children.is_empty());
        }
        if unanswered == 0 {
            break;
        }
        let due = unanswered.min(TxManager::MAX_IN_FLIGHT) as u64;
        until("answers are in the pool", PLAY, async || {
            let mined = l1.get_transaction_count(honest).await?;
            let pending = l1.get_transaction_count(honest).pending().await?;
            Ok((pending - mined >= due).then_some(()))
        })
        .await?;
        arena.net.devnet.anvil.mine(1).await?;
        blocks += 1;
    }
    ensure!(blocks == ROOTS.div_ceil(TxManager::MAX_IN_FLIGHT), "it took {blocks} blocks");
    drop(gate);
    arena.expire().await?;
    for game in games {
        let over =
            arena.wait(game, "the game ends", Duration::from_secs(120), |game| is_over(game, &[honest]));
        let end = over.await?;
        ensure!(
            end.root().status == Status::BondDistributed && end.claims.len() == 2,
            "{:#?}",
            arena.sketch(game).await?
        );
        check(&mut arena, &end, &[honest], Root::Wrong).await?;
    }
    leave(arena, [challenger], []).await
}
