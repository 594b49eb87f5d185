//! The embedded replica: a node that derives the chain from L1 alone, in this process, with its own database.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use rollup::{
    RollupConfig,
    chain::{Chain, ChainOptions},
    l1::{Follower, FollowerOptions, L1Client, L1Status, reach},
    maintenance,
    shutdown::Shutdown,
};
use tokio::{sync::watch, task::JoinSet};

/// How long its tasks may take to end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// How to run a replica.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// The rollup.
    pub config: Arc<RollupConfig>,
    /// Folder of the database.
    pub data_dir: std::path::PathBuf,
    /// HTTP endpoint of L1.
    pub l1_rpc: String,
    /// How often L1 is asked for new blocks.
    pub l1_poll: Option<Duration>,
    /// How long L1 may take to answer first; by default, for ever.
    pub l1_timeout: Option<Duration>,
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
    /// Its tasks, which end at shutdown, or fail.
    pub tasks: JoinSet<Result<()>>,
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
        let reached = reach(&options.l1_rpc, &options.config, options.l1_timeout, &mut shutdown).await?;
        let Some(client) = reached else {
            return Ok(None);
        };
        let chain = open(&options.data_dir, options.config.clone()).await?;
        let follow = FollowerOptions { poll_interval: options.l1_poll, ..FollowerOptions::default() };
        let follower = Follower::new(chain.clone(), client.clone(), follow);
        let status = follower.watch();
        let mut tasks = JoinSet::new();
        let (kept, l1, stop) = (chain.clone(), client.clone(), shutdown.clone());
        // All states are kept: a dispute that began at an earlier anchor may still be open.
        tasks.spawn(async move { Ok(maintenance::run(kept, l1, None, stop).await?) });
        tasks.spawn(async move {
            follower.run(shutdown).await;
            Ok(())
        });
        Ok(Some(Self { chain, client, status, tasks }))
    }

    /// Waits for the end of its tasks after shutdown, but not for long: what they leave undone is redone at the next start.
    pub async fn end(mut self) -> Result<()> {
        let ended = tokio::time::timeout(SHUTDOWN_GRACE, async {
            while let Some(ended) = self.tasks.join_next().await {
                ended??;
            }
            Ok(())
        });
        ended.await.unwrap_or(Ok(()))
    }
}
