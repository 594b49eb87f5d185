//! How long one hostile transaction delays others: the most gas that one may ask for, used up in each of the worst ways.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng};
use rollup::{
    chain::{Chain, ChainOptions},
    shutdown,
};
use sequencing::{
    announce::{AnnounceLog, Announcer, Durability},
    pool::{Pool, PoolOptions},
    sequencer::{Sequencer, SequencerOptions},
};
use stf::rules::TRANSACTION_GAS_CAP;

use super::{
    Goal, Row,
    workload::{Population, Workload, without_l1},
};
use crate::proving::{Burn, Catalogue};

/// Milliseconds that others may wait longer for one hostile transaction.
const LIMIT: f64 = 250.0;
/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two transfers of a steady stream.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends each hostile transaction to a sequencer, and a transfer right behind it.
pub fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let mut catalogue = Catalogue::new(42_069)?;
    let mut population = Population::new(2, 42_069);
    // A chain that begins now: the sequencer goes by the clock.
    let config = catalogue.rollup(&population)?;
    let mut genesis = config.genesis.clone();
    genesis.timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let config = without_l1(config.chain, genesis);
    let dir = tempfile::tempdir()?;
    let chain = Chain::open(dir.path(), config, ChainOptions::default())?;
    let pool = Pool::new(&chain, PoolOptions::default())?;
    let (stop, shutdown) = shutdown::channel();
    let announcer = Announcer::start(AnnounceLog::beside(&chain, Durability::Disk)?, None, false)?;
    let sequencer = Sequencer::new(chain.clone(), pool.clone(), announcer, SequencerOptions::default());
    let thread = sequencer.spawn(shutdown)?;
    let mut rng = StdRng::seed_from_u64(6);
    let mut transfer = || -> Result<Bytes> {
        population.transactions(Workload::Transfers, 1, &mut rng).pop().context("no transfer")
    };
    let mut alone = Duration::ZERO;
    for _ in 0..5 {
        alone = alone.max(delay(&chain, &pool, None, transfer()?)?);
    }
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let mut worst: Option<(Burn, Duration)> = None;
    for burn in Burn::all()? {
        progress(&format!("hostile: {}", burn.name));
        let hostile = catalogue.burn(&burn, TRANSACTION_GAS_CAP)?;
        let hash = keccak256(&hostile);
        let waited = delay(&chain, &pool, Some(hostile), transfer()?)?;
        if worst.as_ref().is_none_or(|(_, longest)| waited > *longest) {
            worst = Some((burn, waited));
        }
        wait_for(&chain, hash)?;
    }
    let (burn, waited) = worst.context("no hostile transaction")?;
    // Others come all the time, until it is in a block at last.
    let hostile = catalogue.burn(&burn, TRANSACTION_GAS_CAP)?;
    let hash = keccak256(&hostile);
    let mut longest = delay(&chain, &pool, Some(hostile), transfer()?)?;
    while chain.db().read()?.find_transaction(&hash)?.is_none() {
        // Slow enough for the inbox's allowance of blocks.
        std::thread::sleep(PAUSE);
        longest = longest.max(delay(&chain, &pool, None, transfer()?)?);
    }
    stop.stop();
    ensure!(thread.join().is_ok(), "the sequencer's thread panicked");
    Ok(vec![
        Row::new(
            format!("a transfer's wait behind one hostile transaction ({})", burn.name),
            milliseconds(waited),
            "ms",
            "limit",
            LIMIT,
            Goal::AtMostPeer,
        ),
        Row::new(
            "… the longest in a steady stream, until the hostile one is in a block",
            milliseconds(longest),
            "ms",
            "limit",
            LIMIT,
            Goal::Shown,
        ),
        Row::new("… behind none, the longest of 5", milliseconds(alone), "ms", "limit", LIMIT, Goal::Shown),
    ])
}

/// From the hostile transaction, or else the transfer, until the transfer is in a block.
fn delay(chain: &Chain, pool: &Pool, hostile: Option<Bytes>, transfer: Bytes) -> Result<Duration> {
    let start = Instant::now();
    if let Some(hostile) = hostile {
        pool.submit(hostile)?;
        // The sequencer takes it at once, as it would where the other comes a moment later.
        std::thread::sleep(Duration::from_millis(1));
    }
    wait_for(chain, pool.submit(transfer)?)?;
    Ok(start.elapsed())
}

fn wait_for(chain: &Chain, hash: B256) -> Result<()> {
    let start = Instant::now();
    while chain.db().read()?.find_transaction(&hash)?.is_none() {
        ensure!(start.elapsed() < PATIENCE, "{hash} is in no block");
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}
