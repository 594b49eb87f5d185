//! Putting a node together, and taking it apart again.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use alloy::primitives::Address;
use anyhow::{Context, Result, anyhow, bail};
use jsonrpsee::RpcModule;
use tokio::sync::watch;

use crate::cli::{
    BatcherArgs, Command, Common, ProposerArgs, Proposing, ReplicaArgs, SequencerArgs, VerifyArgs,
};
use rollup::{
    RollupConfig,
    chain::{Chain, ChainOptions, Heads},
    l1::{self, Follower, FollowerOptions, L1Client, L1Status, TxManager},
    maintenance,
    process::{Sending, stop_signal},
    shutdown::{self, Shutdown},
    signer::Signer,
    tasks::Tasks,
};
use rpc::{RpcConfig, RpcContext};
use sequencing::{
    announce::{AnnounceError, AnnounceLog, Announcer, take_back},
    batcher::{self, BatcherOptions},
    feed::{self, Evidence, FeedServer, FeedStatus, Signers},
    pool::Pool,
    proposer,
    sequencer::{self, SequencerOptions},
};

/// Runs a node until it is asked to stop (SIGINT, SIGTERM) or a part of it fails; another command until it is done. The code
/// is what the process ends with.
pub async fn run(command: Command) -> Result<ExitCode> {
    let (stop, shutdown) = shutdown::channel();
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!(target: "node", "stopping");
        stop.stop();
        // A second signal does not wait.
        stop_signal().await;
        std::process::exit(130);
    });
    match command {
        Command::Sequencer(args) => run_sequencer(*args, shutdown).await,
        Command::Replica(args) => run_replica(args, shutdown).await,
        Command::Batcher(args) => run_batcher(args, shutdown).await,
        Command::Proposer(args) => run_proposer(args, shutdown).await,
        Command::Bridge(args) => bridge::run(args, shutdown).await,
        Command::Fees(args) => crate::fees::run(args, shutdown).await,
        Command::VerifyRollup(args) => return run_verify(&args, shutdown).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The parts that every node has.
struct Base {
    chain: Chain,
    client: L1Client,
    l1: watch::Receiver<L1Status>,
    /// Of a node that follows the sequencer's feed.
    feed: Option<watch::Receiver<FeedStatus>>,
    tasks: Tasks,
    shutdown: Shutdown,
    serving: RpcConfig,
    /// Who signs for the node's roles.
    signers: Vec<Signer>,
}

impl Base {
    /// Starts what every node has. `None`: shutdown came before L1 answered.
    async fn start(common: &Common, mut shutdown: Shutdown) -> Result<Option<Self>> {
        let (least, given) = (common.l1_agreement, common.l1_rpc.len());
        if least > given {
            bail!("--l1-agreement is {least}, but --l1-rpc names {given} endpoints");
        }
        let blobs = common.blobs.sources()?;
        let config = Arc::new(RollupConfig::load(&common.rollup)?);
        if let Some(address) = common.metrics {
            rollup::telemetry::serve(
                address,
                &[rollup::telemetry::METRICS, sequencing::telemetry::METRICS, rpc::telemetry::METRICS],
            )?;
        }
        // A database is made only for a rollup that is there: a wrong rollup.json leaves none behind.
        let Some(client) = l1::reach(&common.l1_rpc, &config, common.l1_timeout, &mut shutdown).await? else {
            return Ok(None);
        };
        let chain = open_chain(&common.data_dir, config, common.max_db_size).await?;
        let options = FollowerOptions {
            poll_interval: common.l1_poll,
            range: common.l1_log_range,
            least_endpoints: common.l1_agreement,
            ..FollowerOptions::default()
        };
        let follower = Follower::new(chain.clone(), client.clone(), options).with_blobs(blobs);
        let mut base = Self {
            l1: follower.watch(),
            feed: None,
            chain,
            client,
            tasks: Tasks::new(shutdown.clone()),
            shutdown: shutdown.clone(),
            serving: common.serving.config(),
            signers: Vec::new(),
        };
        maintenance::start(&mut base.tasks, &base.chain, &base.client, common.upkeep(), &shutdown);
        let (client, config, until) = (base.client.clone(), base.chain.config().clone(), shutdown.clone());
        base.tasks.essential(
            "comparing the rules with L1's",
            "the node could compute blocks by other rules than L1 lets anyone prove",
            async move { l1::watch_rules(client, config, until).await },
        );
        base.tasks.essential(
            "the L1 follower",
            "the node serves an old chain as if it were the newest",
            async move {
                follower.run(shutdown).await;
                Ok(())
            },
        );
        Ok(Some(base))
    }

    /// Serves JSON-RPC.
    async fn serve(
        &mut self,
        pool: Option<Pool>,
        forward: Option<String>,
        feed: Option<jsonrpsee::Methods>,
    ) -> Result<()> {
        let (l1, followed_feed) = (self.l1.clone(), self.feed.clone());
        let context = RpcContext {
            chain: self.chain.clone(),
            pool,
            forward,
            feed,
            l1,
            followed_feed,
            signers: self.signers.clone(),
        };
        let handle = rpc::serve(self.serving.clone(), context, self.shutdown.clone()).await?;
        let head = self.chain.heads().unsafe_head.number;
        for (address, listener) in handle.addresses().iter().zip(&self.serving.listeners) {
            let api = &listener.namespaces;
            tracing::info!(target: "node", %address, head, %api, "serving JSON-RPC over HTTP and WebSocket");
        }
        self.tasks.essential("JSON-RPC", "transactions for this node are lost", async move {
            handle.stopped().await;
            Ok(())
        });
        Ok(())
    }

    /// Follows whose signature L1 wants the feed to have.
    fn follow_signers(&mut self) -> watch::Receiver<Signers> {
        let (named, signers) = watch::channel(Signers::default());
        let system_config = self.chain.config().contracts.system_config;
        let (client, l1, shutdown) = (self.client.clone(), self.l1.clone(), self.shutdown.clone());
        // Without it, the signer that was named last counts.
        self.tasks.housekeeping("following the feed's signer", move || {
            let task = feed::signers::follow(
                client.clone(),
                system_config,
                l1.clone(),
                named.clone(),
                shutdown.clone(),
            );
            async move {
                task.await;
                Ok(())
            }
        });
        signers
    }

    /// Tells the operator while L1 names another signer than the sequencer's own.
    fn watch_signer(&mut self, own: Address) {
        let (signers, shutdown) = (self.follow_signers(), self.shutdown.clone());
        self.tasks.housekeeping("watching the feed's own signer", move || {
            let task = feed::signers::watch_own(own, signers.clone(), shutdown.clone());
            async move {
                task.await;
                Ok(())
            }
        });
    }

    /// Takes unsafe blocks from the sequencer's feed; to post them, those too that are no confirmations.
    fn follow_feed(&mut self, url: String, to_post: bool) {
        let (chain, signers, shutdown) = (self.chain.clone(), self.follow_signers(), self.shutdown.clone());
        let (status, watched) = watch::channel(FeedStatus::default());
        self.feed = Some(watched);
        let evidence = Evidence::beside(&self.chain);
        // Without it, the same blocks come from L1, later.
        self.tasks.housekeeping("following the feed", move || {
            let client = feed::Client::new(chain.clone(), url.clone(), signers.clone(), status.clone())
                .with_evidence(evidence.clone());
            let client = if to_post { client.with_unconfirmed() } else { client };
            let shutdown = shutdown.clone();
            async move {
                client.run(shutdown).await;
                Ok(())
            }
        });
    }

    /// Serves the feed on an address of its own.
    async fn serve_feed(&mut self, address: SocketAddr, module: RpcModule<Arc<FeedServer>>) -> Result<()> {
        let server = feed::listen(address, module, self.shutdown.clone()).await?;
        tracing::info!(target: "node", %address, "serving the feed");
        self.tasks.essential("the feed's server", "replicas and the batcher get no blocks", async move {
            server.stopped().await;
            Ok(())
        });
        Ok(())
    }

    /// Drops what the log of announced blocks need not keep.
    fn keep_log(&mut self, log: &AnnounceLog) {
        let (chain, log, shutdown) = (self.chain.clone(), log.clone(), self.shutdown.clone());
        self.tasks.housekeeping("dropping old announced blocks", move || {
            sequencing::announce::keep_house(log.clone(), chain.clone(), shutdown.clone())
        });
    }

    fn post_batches(&mut self, key: Signer, options: BatcherOptions, sending: &Sending) {
        let sender = TxManager::new(self.client.clone(), key, sending.options("batcher"));
        let batcher = batcher::Batcher::new(self.chain.clone(), sender, options);
        let shutdown = self.shutdown.clone();
        self.tasks.essential("the batcher", "blocks that users were told of never get to L1", async move {
            batcher.run(shutdown).await;
            Ok(())
        });
    }

    fn propose(&mut self, key: Signer, proposing: &Proposing, sending: &Sending) {
        let (options, sending) = (proposing.options(), sending.options("proposer"));
        let (client, chain, shutdown) = (self.client.clone(), self.chain.clone(), self.shutdown.clone());
        // Without it, withdrawals wait, and nothing is lost.
        self.tasks.housekeeping("the proposer", move || {
            let sender = TxManager::new(client.clone(), key.clone(), sending);
            let proposer = proposer::Proposer::new(chain.clone(), sender, options);
            let shutdown = shutdown.clone();
            async move {
                proposer.run(shutdown).await;
                Ok(())
            }
        });
    }

    /// Waits for the end. An essential task that ends before it was asked to takes the node with it.
    async fn finish(mut self) -> Result<()> {
        self.tasks.ended().await?;
        self.tasks.finish().await?;
        tracing::info!(target: "node", "stopped");
        Ok(())
    }
}

async fn open_chain(path: &Path, config: Arc<RollupConfig>, max_gigabytes: usize) -> Result<Chain> {
    let path = path.to_owned();
    let Some(max_size) = max_gigabytes.checked_mul(1 << 30).filter(|size| *size > 0) else {
        bail!("a database of {max_gigabytes} GB is not possible");
    };
    let options = ChainOptions { database: db::Options { max_size, ..db::Options::default() } };
    tokio::task::spawn_blocking(move || Ok(Chain::open(&path, config, options)?)).await?
}

async fn run_sequencer(args: SequencerArgs, shutdown: Shutdown) -> Result<()> {
    // Keys first: a wrong path is found before anything starts.
    let signer = args.signer.options().open()?;
    let (batcher, proposer) = (args.batcher.options().open()?, args.proposer.options().open()?);
    let batching = args.batching.options(&args.common)?;
    let Some(mut base) = Base::start(&args.common, shutdown.clone()).await? else {
        return Ok(());
    };
    base.signers.extend([&signer, &batcher, &proposer].into_iter().flatten().cloned());
    let log = open_log(&args, &base.chain).await?;
    base.keep_log(&log);
    let pool = Pool::new(&base.chain, args.pooling.options())?;
    if let Some(signer) = &signer {
        base.watch_signer(signer.address());
    }
    let feed = signer.as_ref().map(|_| feed::module(base.chain.clone(), log.clone())).transpose()?;
    let feed = match (feed, args.feed_listen) {
        (Some(feed), Some(address)) => {
            base.serve_feed(address, feed).await?;
            None
        }
        (feed, _) => feed,
    };
    base.serve(Some(pool.clone()), None, feed.map(Into::into)).await?;
    if let Some(key) = batcher {
        base.post_batches(key, batching, &args.batcher_sending.over(&args.sending));
    }
    if let Some(key) = proposer {
        base.propose(key, &args.proposing, &args.proposer_sending.over(&args.sending));
    }
    let options = SequencerOptions {
        heartbeat: args.heartbeat.0,
        min_block_time: args.min_block_time.0,
        build_budget: args.build_budget.0,
        patience: args.patience.0,
        l1_confirmations: args.l1_confirmations,
    };
    let announcer = Announcer::start(log.clone(), signer, args.fresh_signer)?;
    let (chain, l1) = (base.chain.clone(), base.l1.clone());
    base.tasks.essential("the sequencer", "transactions that were taken are in no block", async move {
        // Blocks must build on all that is on L1 already.
        if caught_up(l1, chain.watch_heads(), shutdown.clone()).await {
            let thread = sequencer::Sequencer::new(chain, pool, announcer, options).spawn(shutdown)?;
            let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
            ended.map_err(|_| anyhow!("its thread panicked"))?;
        }
        Ok(())
    });
    base.finish().await?;
    Ok(log.close()?)
}

/// Opens the log of announced blocks, and takes back from it what can be had before L1 is there: so the first answer to a
/// client has it.
async fn open_log(args: &SequencerArgs, chain: &Chain) -> Result<AnnounceLog> {
    let (chain, durability) = (chain.clone(), args.durability);
    let open = move || -> Result<AnnounceLog, AnnounceError> {
        let log = AnnounceLog::beside(&chain, durability)?;
        take_back(&chain, &log)?;
        Ok(log)
    };
    Ok(tokio::task::spawn_blocking(open).await??)
}

/// Waits until L1 has been followed to its head, and all of it is derived. False: shutdown came first.
async fn caught_up(
    mut l1: watch::Receiver<L1Status>,
    mut heads: watch::Receiver<Heads>,
    mut shutdown: Shutdown,
) -> bool {
    let followed = |status: &L1Status| status.healthy && status.head > 0 && status.cursor >= status.head;
    let caught_up = async {
        // What is followed may still be on its way into the database.
        let read = l1.wait_for(followed).await.ok()?.head;
        heads.wait_for(|heads| heads.l1 >= read).await.ok().map(drop)
    };
    tokio::select! {
        () = shutdown.wait() => false,
        done = caught_up => done.is_some(),
    }
}

async fn run_replica(args: ReplicaArgs, shutdown: Shutdown) -> Result<()> {
    let Some(mut base) = Base::start(&args.common, shutdown).await? else {
        return Ok(());
    };
    if let Some(url) = args.feed.feed {
        base.follow_feed(url, false);
    }
    base.serve(None, args.sequencer_rpc, None).await?;
    base.finish().await
}

async fn run_batcher(args: BatcherArgs, shutdown: Shutdown) -> Result<()> {
    let key = args.batcher.options().open()?.context("--batcher-key is missing")?;
    let batching = args.batching.options(&args.common)?;
    let Some(mut base) = Base::start(&args.common, shutdown).await? else {
        return Ok(());
    };
    base.signers.push(key.clone());
    base.follow_feed(args.feed, true);
    base.serve(None, None, None).await?;
    base.post_batches(key, batching, &args.sending);
    base.finish().await
}

async fn run_proposer(args: ProposerArgs, shutdown: Shutdown) -> Result<()> {
    let key = args.proposer.options().open()?.context("--proposer-key is missing")?;
    let Some(mut base) = Base::start(&args.common, shutdown).await? else {
        return Ok(());
    };
    base.signers.push(key.clone());
    base.serve(None, None, None).await?;
    base.propose(key, &args.proposing, &args.sending);
    base.finish().await
}

async fn run_verify(args: &VerifyArgs, mut shutdown: Shutdown) -> Result<ExitCode> {
    tokio::select! {
        outcome = verify::args::run(args) => Ok(ExitCode::from(outcome.exit_code())),
        () = shutdown.wait() => bail!("stopped"),
    }
}
