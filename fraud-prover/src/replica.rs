//! The embedded replica: a node that derives the chain from L1 alone, in this process, with its own database.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use rollup::{
    RollupConfig,
    chain::{Chain, ChainOptions},
    l1::{Follower, FollowerOptions, L1Client, L1Status, reach},
    maintenance::{self, Upkeep},
    process::BlobReading,
    shutdown::Shutdown,
    tasks::Tasks,
};
use tokio::sync::watch;

/// How to run a replica.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// The rollup.
    pub config: Arc<RollupConfig>,
    /// Folder of the database.
    pub data_dir: std::path::PathBuf,
    /// HTTP endpoints of L1, the preferred one first.
    pub l1_rpc: Vec<String>,
    /// Where batches in blobs are read from.
    pub blobs: BlobReading,
    /// How often L1 is asked for new blocks.
    pub l1_poll: Option<Duration>,
    /// How long L1 may take to answer first; by default, for ever.
    pub l1_timeout: Option<Duration>,
    /// Least L1 endpoints that must say the same of what is derived.
    pub l1_agreement: usize,
    /// Whether there is an index of logs and of senders and recipients: a page wants one.
    pub index_logs: bool,
}

/// A replica that follows L1.
#[derive(Debug)]
pub struct Replica {
    /// The chain that it derives.
    pub chain: Chain,
    /// Its L1 endpoint.
    pub client: L1Client,
    /// How far it follows L1.
    pub status: watch::Receiver<L1Status>,
    /// Its tasks.
    pub tasks: Tasks,
}

/// Opens the database in a folder.
pub async fn open(path: &Path, config: Arc<RollupConfig>) -> Result<Chain> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        Chain::open(&path, config, ChainOptions::default())
            .with_context(|| format!("cannot open the database in {}", path.display()))
    })
    .await?
}

impl Replica {
    /// Starts one. `None`: shutdown came before L1 answered.
    pub async fn start(options: &ReplicaOptions, mut shutdown: Shutdown) -> Result<Option<Self>> {
        let blobs = options.blobs.sources()?;
        let reached = reach(&options.l1_rpc, &options.config, options.l1_timeout, &mut shutdown).await?;
        let Some(client) = reached else {
            return Ok(None);
        };
        let chain = open(&options.data_dir, options.config.clone()).await?;
        let follow = FollowerOptions {
            poll_interval: options.l1_poll,
            least_endpoints: options.l1_agreement,
            ..FollowerOptions::default()
        };
        let follower = Follower::new(chain.clone(), client.clone(), follow).with_blobs(blobs);
        let status = follower.watch();
        let mut tasks = Tasks::new(shutdown.clone());
        // All states are kept: a dispute that began at an earlier anchor may still be open.
        let upkeep = Upkeep { index_logs: options.index_logs, ..Upkeep::default() };
        maintenance::start(&mut tasks, &chain, &client, upkeep, &shutdown);
        tasks.essential("the L1 follower", "new proposals are not checked", async move {
            follower.run(shutdown).await;
            Ok(())
        });
        Ok(Some(Self { chain, client, status, tasks }))
    }
}
