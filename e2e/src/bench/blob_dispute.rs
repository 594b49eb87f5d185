//! A dispute over the last block of a batch that fills six blobs: the machine reads all of the payload before it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fraud_prover::game::Status;
use rand::{SeedableRng, rngs::StdRng};
use stf::{
    BatchHeader,
    blob::{BLOB_ROOM, MAX_BLOBS},
};

use super::{
    Goal, Row, sequencing,
    workload::{Population, Workload},
};
use crate::{
    dispute::{Arena, Divergence, Lie, Setting},
    net::{batches, until, user},
};

/// Transfers: more than six blobs hold.
const TRANSFERS: usize = 13_000;
/// Accounts that send.
const POPULATION: usize = 200;
/// What of its blobs the batch fills at least, in percent.
const FULLNESS: u64 = 95;
/// Each side's clock, in seconds of L1's time.
const CLOCK: u64 = 600;
/// How long the batch, and the dispute, may take.
const LIMIT: Duration = Duration::from_secs(180);
/// Seconds within which a lie is to be countered.
const FIRST_MOVE: f64 = 5.0;

/// Fills a batch by the node, and plays the dispute.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    progress("blob-dispute: filling six blobs");
    let mut options = Arena::options("bench-blob-dispute", Setting { clock: CLOCK, blocks: 0 })?;
    let mut population = Population::new(POPULATION, options.deploy.chain.chain_id);
    options.deploy.funded.extend(population.signers.iter().map(|signer| signer.address()));
    // So that the batch is large because it is full, and not old.
    options.deploy.chain.force_delay = 43_200;
    options.deploy.sequencer_timeout = 21_600;
    let arguments = "--l1-poll 50ms --heartbeat 300ms --batch-interval 30m";
    options.sequencer_arguments = arguments.split(' ').map(Into::into).collect();
    let mut arena = Arena::with(options).await?;
    let batch = fill(&arena, &mut population).await?;
    until("the observer has the batch", LIMIT, async || {
        Ok((arena.newest() >= batch.last_block()).then_some(()))
    })
    .await?;
    let (first, last) = (arena.steps(batch.first_block).await?, arena.steps(batch.last_block()).await?);

    progress("blob-dispute: playing");
    let (honest, liar) = (user(1)?, user(6)?);
    let mut challenger = arena.challenger("challenger", &honest, &[])?;
    let plot = (Lie::WrongBalance { block: batch.last_block() }, Divergence::After(last / 1_000 * 618));
    let rival = arena.rival("liar", liar.clone(), plot)?;
    let lying = arena.liar(plot)?;
    let game = arena.propose(&liar, &lying, batch.last_block()).await?;
    let start = Instant::now();
    arena.wait(game, "the lie is countered", LIMIT, |game| !game.root().children.is_empty()).await?;
    let counter = start.elapsed().as_secs_f64();
    let end = arena.finish(game, &[honest.address()]).await?;
    ensure!(matches!(end.root().status, Status::Refuted | Status::BondDistributed), "the lie has won");
    challenger.check_alive()?;
    drop(challenger);
    rival.end().await?;
    arena.end().await?;

    let steps = |name: &str, steps: u64, peer: &str, peers: u64| {
        Row::new(name, steps as f64 / 1e6, "M steps", peer, peers as f64 / 1e6, Goal::Shown)
    };
    Ok(vec![
        steps("steps of the first block of a batch of six blobs", first, "itself", first),
        steps("… of its last", last, "the first", first),
        Row::new(
            "… time to the first counter-move there",
            counter,
            "s",
            "limit",
            FIRST_MOVE,
            Goal::AtMostPeer,
        ),
    ])
}

/// Sends transfers until a batch has six full blobs, and returns it.
async fn fill(arena: &Arena, population: &mut Population) -> Result<BatchHeader> {
    let devnet = &arena.net.devnet;
    let raw = population.transactions(Workload::Transfers, TRANSFERS, &mut StdRng::seed_from_u64(15));
    let address = sequencing::address_of(&devnet.sequencer()?.http_url())?;
    sequencing::throughput(address, population, raw, false).await?;
    let full = MAX_BLOBS as u64 * BLOB_ROOM as u64 * FULLNESS / 100;
    let posted = until("a batch of six full blobs", LIMIT, async || {
        let all = batches(devnet.anvil.provider(), devnet).await?;
        Ok(all.into_iter().find(|batch| batch.header.payload_length >= full))
    })
    .await
    .context("the batcher has filled no blobs")?;
    Ok(posted.header)
}
