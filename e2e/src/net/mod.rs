//! A rollup under test, and what tests do with it.

mod batches;
mod deposits;
mod load;
mod miner;
mod status;
mod wait;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::blobs::DaChoice;
use testnet::{Devnet, DevnetOptions, Mining, Node, Role, accounts};

pub use batches::{PostedBatch, Poster, batches};
pub use deposits::{Deposited, UserDeposit};
pub use load::{Included, Load, sign, transfer};
pub use miner::Miner;
pub use status::{Head, NodeStatus, block, receipt, status};
pub use wait::{soon, until};

/// How long anything may take that should happen within a second or two: machines of CI are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Time between L1 blocks, with a [`Miner`]. Their timestamps are a second apart at least, so L1's time runs ahead.
pub const L1_BLOCK_TIME: Duration = Duration::from_millis(200);

/// A devnet in a folder of its own, whose L1 makes blocks on demand.
///
/// The folder is removed by [`finish`](Self::finish); a test that fails before leaves it, and says where.
#[derive(Debug)]
pub struct Net {
    /// The devnet.
    pub devnet: Devnet,
    dir: PathBuf,
    finished: bool,
}

impl Net {
    /// Options for a quick devnet: batches every half second, blocks every 300 ms at least.
    pub fn options(name: &str) -> Result<DevnetOptions> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique =
            format!("recourse-{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let words = |line: &str| line.split(' ').map(Into::into).collect();
        let mut options = DevnetOptions::new(&std::env::temp_dir().join(unique))?;
        options.mining = Mining::Manual;
        options.slots_in_an_epoch = 16;
        // What tests take out of L1's pool, to send it again, is whole there.
        options.da = DaChoice::Calldata;
        options.deploy = options.deploy.posting_in(options.da);
        // L1's time runs faster than the clock here.
        options.deploy.chain.force_delay = 3600;
        options.deploy.sequencer_timeout = 3600;
        options.sequencer_arguments =
            words("--l1-poll 50ms --heartbeat 300ms --batch-interval 500ms --propose-interval 5s");
        options.replica_arguments = words("--l1-poll 50ms");
        Ok(options)
    }

    /// Options for people and their clients, who compute with the clock: L1 makes a block each second; a dispute takes five, so
    /// that a withdrawal is paid within a minute.
    pub fn options_by_the_clock(name: &str) -> Result<DevnetOptions> {
        let mut options = Self::options(name)?;
        options.mining = Mining::Every(1);
        options.sample_token = true;
        options.replica = false;
        options.deploy.max_clock_duration = 5;
        options.deploy.clock_extension = 1;
        options.deploy.boundary_extension = 2;
        options.deploy.finality_delay = 2;
        options.deploy.proof_maturity_delay = 3;
        options.sequencer_arguments =
            "--l1-poll 100ms --heartbeat 500ms --batch-interval 1s --propose-interval 3s"
                .split(' ')
                .map(Into::into)
                .collect();
        Ok(options)
    }

    /// Starts a devnet.
    pub async fn start(options: DevnetOptions) -> Result<Self> {
        let dir = options.dir.clone();
        let started = Devnet::start(options, |_| {}).await;
        let devnet = started.with_context(|| format!("the devnet in {} did not start", dir.display()))?;
        Ok(Self { devnet, dir, finished: false })
    }

    /// Starts one more replica with an empty database, that knows nothing but L1.
    pub async fn replica_from_l1(&self, name: &str) -> Result<Node> {
        let mut options =
            self.devnet.node_options(name, Role::Replica { feed: None, sequencer_rpc: None })?;
        options.extra.clone_from(&self.devnet.options.replica_arguments);
        let mut node = Node::spawn(options)?;
        node.wait_ready().await?;
        Ok(node)
    }

    /// Starts making L1 blocks.
    pub fn miner(&self) -> Miner {
        Miner::start(self.devnet.anvil.provider().clone(), L1_BLOCK_TIME)
    }

    /// Ends the sequencer, and with it its batcher. A batch that it had sent as its last may still wait for an L1 block, or
    /// be in one that nobody has read: this waits until L1 has it, so that what the inbox says from then on stays. The
    /// result posts what comes next.
    pub async fn stop_sequencer(&mut self) -> Result<Poster> {
        self.devnet.sequencer_mut()?.stop().await?;
        let poster = self.poster()?;
        poster.settle().await?;
        Ok(poster)
    }

    /// A batcher to be used by hand, where no sequencer posts.
    pub fn poster(&self) -> Result<Poster> {
        Poster::new(&self.devnet)
    }

    /// Ends all processes and removes the folder.
    pub async fn finish(mut self) -> Result<()> {
        self.devnet.check_alive()?;
        self.devnet.stop().await?;
        self.finished = true;
        std::fs::remove_dir_all(&self.dir)?;
        Ok(())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !self.finished {
            eprintln!("the logs are in {}", self.dir.join("logs").display());
        }
    }
}

/// A funded account.
pub fn user(index: usize) -> Result<PrivateKeySigner> {
    accounts::users()?.into_iter().nth(index).context("no such account")
}

/// The kinds of batches that a long test is run with: one by a seed, so that runs take turns; with `BOTH` set, both.
pub fn kinds(test: &str) -> Result<Vec<DaChoice>> {
    let both = [DaChoice::Calldata, DaChoice::Blobs];
    if std::env::var_os("BOTH").is_some() {
        return Ok(both.into());
    }
    let one = both[usize::from(seeded(test)?.random_bool(0.5))];
    eprintln!("{test}: batches in {one:?} alone; BOTH=1 tries both kinds");
    Ok(vec![one])
}

/// Randomness for a test, from `SEED` or a new seed, which it prints.
pub fn seeded(test: &str) -> Result<StdRng> {
    let seed = match std::env::var("SEED") {
        Ok(text) => text.parse().context("SEED is not a number")?,
        Err(_) => rand::random(),
    };
    eprintln!("{test}: SEED={seed}");
    Ok(StdRng::seed_from_u64(seed))
}
