//! `challenger watch`: follows games on L1, compares them with the truth, and makes the honest moves.
//!
//! All that it needs is on L1 and in the replica's database, which is itself rebuilt from L1. It looks at L1, plans, sends
//! the moves, and looks again. A kill at any instant, an L1 reorg that undoes moves, or an endpoint that fails only costs
//! time.

mod alerts;
mod machines;
mod plans;
mod sender;
mod versions;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy::{primitives::B256, providers::Provider};
use anyhow::{Context, Result};
use rollup::{
    RollupConfig,
    chain::Chain,
    failures::Failures,
    l1::{L1Client, L1Header, TxManager, TxOptions},
    process::BlobReading,
    shutdown::Shutdown,
    signer::Signer,
};
use tokio::{sync::watch as channel, time::sleep};
use tracing::{debug, info, warn};
use vm::{Image, MAX_ELF};

use crate::{
    game::Subject,
    l1::LogReader,
    page::{self, PageOptions, Seen},
    replica::{Replica, ReplicaOptions},
    strategy::Funds,
    traces::{ReplicaProvers, VmRunner},
    truth::Provers,
};
use alerts::Alerts;
use machines::Machines;
use plans::{GamePlan, plan_all};
use sender::Sender;
use versions::Known;

pub(crate) use sender::explain;

pub(crate) const TARGET: &str = "challenger::watch";
/// Longest time between two looks at an endpoint that fails.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Looks that fail in a row before the operator is told: endpoints fail now and then.
const PATIENCE: u32 = 3;

/// Time that an endpoint has to tell the balance. Without it the answers that decide a root are made all the same.
const BALANCE_TIMEOUT: Duration = Duration::from_secs(5);
/// Tip in the price of gas that the reserve is computed with, in wei.
const TIP: u128 = 2_000_000_000;

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The rollup.
    pub config: Arc<RollupConfig>,
    /// Folder of the replica's database.
    pub data_dir: PathBuf,
    /// HTTP endpoints of L1, the preferred one first.
    pub l1_rpc: Vec<String>,
    /// Where batches in blobs are read from.
    pub blobs: BlobReading,
    /// How often L1 is asked for new blocks; by default what suits the chain.
    pub l1_poll: Option<Duration>,
    /// How long L1 may take to answer first; by default, for ever.
    pub l1_timeout: Option<Duration>,
    /// Least L1 endpoints that must say the same of what is derived.
    pub l1_agreement: usize,
    /// The key that acts. Without it, the challenger is read-only: it reports and sends nothing.
    pub key: Option<Signer>,
    /// The fault proof programs, ELF files: one for each version of the game that may be played.
    pub programs: Vec<PathBuf>,
    /// Address that serves Prometheus metrics.
    pub metrics: Option<SocketAddr>,
    /// Where the page is served; none: nowhere.
    pub page: Option<PageOptions>,
    /// How transactions are sent.
    pub transactions: TxOptions,
    /// Age of the last recorded check of the machine at which it is checked again on L1; none: never.
    pub record_checks: Option<Duration>,
    /// Make the moves that can be made now, and end when there are none.
    pub once: bool,
}

/// Replaces the truth by what a liar wants to be true: for tests, whose adversaries are this very program.
pub type Patch = Box<dyn FnOnce(Chain, ReplicaProvers) -> Result<Arc<dyn Provers>> + Send>;

/// Watches until shutdown.
pub async fn watch(options: WatchOptions, patch: Option<Patch>, mut shutdown: Shutdown) -> Result<()> {
    if let Some(address) = options.metrics {
        rollup::telemetry::serve(address, &[rollup::telemetry::METRICS, crate::telemetry::METRICS])?;
    }
    let programs: Vec<Image> = options.programs.iter().map(|path| load(path)).collect::<Result<_>>()?;
    let replica = ReplicaOptions {
        config: options.config.clone(),
        data_dir: options.data_dir.clone(),
        l1_rpc: options.l1_rpc.clone(),
        blobs: options.blobs.clone(),
        l1_poll: options.l1_poll,
        l1_timeout: options.l1_timeout,
        l1_agreement: options.l1_agreement,
        index_logs: options.page.is_some(),
    };
    let Some(mut replica) = Replica::start(&replica, shutdown.clone()).await? else {
        return Ok(());
    };
    let contracts = options.config.contracts;
    let mut reader = LogReader::new(replica.client.clone(), contracts, options.config.l1_start_block);
    let known = Known::new(options.config.chain, &programs);
    if !check_present(&mut reader, &known, &mut shutdown).await? {
        return Ok(());
    }
    let roots: Vec<B256> = programs.iter().map(Image::root).collect();
    let runner = VmRunner::new(replica.chain.clone(), programs, &options.data_dir)?;
    let computed = runner.changed();
    let honest = ReplicaProvers::new(replica.chain.clone(), runner.clone());
    let provers = match patch {
        Some(patch) => patch(replica.chain.clone(), honest)?,
        None => Arc::new(honest),
    };
    let (seen, watched) = channel::channel(None);
    if let Some(page) = &options.page {
        let files = roots.into_iter().zip(options.programs.clone()).collect();
        let page = page::start(page, &replica, provers.clone(), files, watched, shutdown.clone()).await?;
        info!(target: TARGET, url = %format!("http://{page}"), "the page is served");
    }
    let client = replica.client.clone();
    let manager = options.key.clone().map(|key| TxManager::new(client.clone(), key, options.transactions));
    match &manager {
        Some(manager) => info!(target: TARGET, account = %manager.address(), "watching, and acting"),
        None => info!(target: TARGET, "watching; without a key, nothing is done"),
    }
    let challenger = Challenger {
        poll: options.l1_poll.unwrap_or(client.default_poll_interval()),
        client,
        reader,
        provers,
        runner,
        kept: Vec::new(),
        known,
        sender: manager.map(|manager| Sender::new(manager, contracts.multicall3)),
        alerts: Alerts::default(),
        machines: Machines::new(contracts.dispute_game_factory, options.record_checks),
        seen,
        once: options.once,
    };
    let derived = replica.chain.watch_heads();
    let asked = shutdown.clone();
    tokio::select! {
        () = challenger.run(derived, computed, shutdown) => {}
        ended = replica.tasks.ended() => ended?,
    }
    if asked.is_set() {
        replica.tasks.finish().await?;
    }
    Ok(())
}

/// Reads a program.
pub(crate) fn load(path: &std::path::Path) -> Result<Image> {
    let name = path.display();
    let file = rollup::files::read(path, MAX_ELF as u64)
        .with_context(|| format!("cannot read the fault proof program {name}"))?;
    Image::load(&file).with_context(|| format!("{name} is not a program for the fault proof VM"))
}

/// Reads which version new games have, and checks that it can be played here. False: shutdown came first.
async fn check_present(reader: &mut LogReader, known: &Known, shutdown: &mut Shutdown) -> Result<bool> {
    loop {
        let read = tokio::select! {
            () = shutdown.wait() => return Ok(false),
            read = reader.sync() => read,
        };
        match read {
            Ok(_) => {}
            Err(error) => warn!(target: TARGET, %error, "reading the games failed; trying again"),
        }
        if let Some(present) = reader.present().and_then(|version| reader.games().version(version)) {
            known.check_present(&present.rules)?;
            return Ok(true);
        }
        tokio::select! {
            () = shutdown.wait() => return Ok(false),
            () = sleep(Duration::from_secs(1)) => {}
        }
    }
}

struct Challenger {
    client: L1Client,
    poll: Duration,
    reader: LogReader,
    provers: Arc<dyn Provers>,
    runner: Arc<VmRunner>,
    /// The games whose runs are kept.
    kept: Vec<Subject>,
    known: Known,
    sender: Option<Sender>,
    alerts: Alerts,
    machines: Machines,
    /// What was seen last, for the page.
    seen: channel::Sender<Option<Seen>>,
    once: bool,
}

impl Challenger {
    async fn run(
        mut self,
        mut derived: channel::Receiver<rollup::chain::Heads>,
        mut computed: channel::Receiver<u64>,
        mut shutdown: Shutdown,
    ) {
        let mut failures = Failures::new("watching the games", PATIENCE, |_| {
            metrics::counter!("recourse_challenger_failures_total").increment(1);
        });
        let mut quiet = 0;
        while !shutdown.is_set() {
            // What changes while this looks is looked at next.
            derived.mark_unchanged();
            computed.mark_unchanged();
            let looked = tokio::select! {
                () = shutdown.wait() => break,
                looked = self.look() => looked,
            };
            let pause = match looked {
                Ok(busy) => {
                    failures.worked();
                    quiet = if busy { 0 } else { quiet + 1 };
                    if self.once && quiet > 2 {
                        break;
                    }
                    self.poll
                }
                Err(error) => {
                    failures.failed(&error, false);
                    self.poll.saturating_mul(1 << failures.in_a_row().min(8)).min(MAX_PAUSE)
                }
            };
            tokio::select! {
                () = shutdown.wait() => break,
                () = self.wait(pause, &mut derived, &mut computed) => {}
            }
        }
    }

    /// Waits until looking again may show something new.
    async fn wait(
        &mut self,
        pause: Duration,
        derived: &mut channel::Receiver<rollup::chain::Heads>,
        computed: &mut channel::Receiver<u64>,
    ) {
        let sent = async {
            match &mut self.sender {
                Some(sender) => sender.done().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            _ = computed.changed() => {}
            () = sent => {}
            // The chain moves often while it catches up.
            _ = async { let _ = derived.changed().await; sleep(pause.min(Duration::from_millis(100))).await } => {}
        }
    }

    /// Looks at L1, plans, and sends moves, the most urgent first. Returns whether something is under way.
    async fn look(&mut self) -> Result<bool> {
        // Before the games are read: what has ended by now is in what is read, unless the endpoint is behind.
        if let Some(sender) = &mut self.sender {
            sender.collect();
        }
        let head = self.reader.sync().await?;
        let me = self.sender.as_ref().map(Sender::account);
        let games = self.reader.games().clone();
        let provers = self.provers.clone();
        // The next block's time is not known, but it is not before the head's.
        let now = head.timestamp();
        let plans = tokio::task::spawn_blocking(move || plan_all(&games, &*provers, now, me)).await?;
        let plans = Arc::new(plans);
        // Moves first: an endpoint that hangs on what the alerts ask for must not delay an answer. Only answers that decide
        // nothing wait for the balance.
        let mut funds = None;
        if plans::need_funds(&plans) {
            funds = self.funds(&head).await;
        }
        let busy = self.play(&plans, head.number(), funds).await?;
        if funds.is_none() {
            funds = self.funds(&head).await;
        }
        self.alerts.report(&plans, now, funds);
        self.seen.send_replace(Some(Seen {
            head: head.clone(),
            games: self.reader.games().clone(),
            account: me,
            balance: funds.map(|funds| funds.balance),
            disagreements: self.runner.disagreements().len(),
        }));
        self.machines.look(&self.client, &self.reader, &head, &mut self.sender).await;
        let scheduled = self.reader.scheduled().await?;
        self.known.report(self.reader.games(), &scheduled);
        self.alerts.disagreements(&self.runner.disagreements());
        self.forget_runs(&plans).await?;
        Ok(busy)
    }

    /// Deletes the runs of games that are over.
    async fn forget_runs(&mut self, plans: &[GamePlan]) -> Result<()> {
        let open: Option<Vec<Subject>> = plans.iter().map(GamePlan::subject).collect();
        // Games whose events do not fit together may ask for any run once they are read again.
        let Some(open) = open.filter(|open| *open != self.kept) else {
            return Ok(());
        };
        self.kept.clone_from(&open);
        let runner = self.runner.clone();
        Ok(tokio::task::spawn_blocking(move || runner.keep_only(&open)).await?)
    }

    /// What the account can spend, in the block up to which the games are read; none without an account or an answer.
    async fn funds(&self, head: &L1Header) -> Option<Funds> {
        let account = self.sender.as_ref()?.account();
        let asked = self.client.provider().get_balance(account).hash(head.hash);
        match tokio::time::timeout(BALANCE_TIMEOUT, async { asked.await }).await {
            Ok(Ok(balance)) => {
                let gas_price = head.base_fee().saturating_mul(2).saturating_add(TIP);
                Some(Funds { balance, gas_price })
            }
            Ok(Err(error)) => {
                debug!(target: TARGET, %error, "the balance is not known: only answers that decide a root are made");
                None
            }
            Err(_) => None,
        }
    }

    /// Sends the moves that can be made now. Returns whether something is under way.
    async fn play(&mut self, plans: &Arc<Vec<GamePlan>>, head: u64, funds: Option<Funds>) -> Result<bool> {
        let planned = plans::planned(plans);
        let waits = planned.iter().any(|(_, plan)| !plan.unknown.is_empty());
        let moves: usize = planned.iter().map(|(_, plan)| plan.moves.len()).sum();
        let Some(sender) = &mut self.sender else {
            return Ok(waits || moves > 0);
        };
        let places = sender.places();
        if places == 0 {
            return Ok(true);
        }
        let (provers, plans) = (self.provers.clone(), plans.clone());
        let (skip, closing) = (sender.skip(head), sender.closing());
        let round = move || plans::next_calls(&plans, &*provers, &skip, places, closing, funds);
        let round = tokio::task::spawn_blocking(round).await?;
        self.alerts.withheld(round.withheld);
        for next in round.next {
            sender.send(next);
        }
        Ok(waits || moves > round.withheld || !sender.is_idle())
    }
}
