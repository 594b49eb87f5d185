//! A devnet whose proposer is whoever a test says, and the players in a dispute over it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionResponse,
    primitives::{Address, B256, U256, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory};
use fraud_prover::{
    WatchOptions,
    game::{Game, RunRules, Subject},
    l1::{GameEntry, LogReader},
    traces::{ReplicaProvers, VmRunner},
    truth::{Provers, Truth, Unknown},
    watch,
};
use rollup::{
    blobs::DaChoice,
    interval::Interval,
    l1::{L1Client, TxManager, TxOptions, TxRequest, connect},
    process::BlobReading,
    program::program_path,
    shutdown::{self, Stop},
};
use testnet::{DevnetOptions, Key, Process, tools};
use tokio::task::JoinHandle;
use vm::Image;

use super::{Lying, Plot, is_over};
use crate::net::{L1_BLOCK_TIME, Miner, Net, NodeStatus, until};

/// How a dispute is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Each side's clock, in seconds of L1's time.
    pub clock: u64,
    /// L2 blocks that there are at least before anything is proposed.
    pub blocks: u64,
}

impl Default for Setting {
    fn default() -> Self {
        Self { clock: 600, blocks: 20 }
    }
}

/// A rollup without a proposer, and a look at its games.
pub struct Arena {
    /// The rollup.
    pub net: Net,
    /// Makes L1 blocks.
    pub miner: Miner,
    reader: LogReader,
    pub(super) client: L1Client,
    /// A replica that is honest: the test's own view of the truth.
    pub observer: Observer,
    /// The fault proof programs that players have.
    pub programs: Vec<PathBuf>,
}

/// The test's own view of the truth.
pub struct Observer {
    /// Its chain.
    pub chain: rollup::chain::Chain,
    /// What is true.
    pub honest: ReplicaProvers,
    /// The fault proof program.
    pub image: Image,
    /// How the games of the arena prove blocks.
    pub rules: RunRules,
    tasks: rollup::tasks::Tasks,
    stop: Stop,
}

/// A challenger in this process, whose truth may be patched.
pub struct Rival {
    stop: Stop,
    task: JoinHandle<Result<()>>,
}

impl Rival {
    /// Ends it.
    pub async fn end(self) -> Result<()> {
        self.stop.stop();
        self.task.await?
    }
}

/// What accounts have spent on a game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Transactions.
    pub transactions: u64,
    /// Gas of them.
    pub gas: u64,
}

impl Arena {
    /// Options for a devnet on which nobody proposes.
    pub fn options(name: &str, setting: Setting) -> Result<DevnetOptions> {
        let mut options = Net::options(name)?;
        options.proposer = false;
        options.replica = false;
        options.da = DaChoice::Blobs;
        options.deploy.max_clock_duration = setting.clock;
        options.deploy.clock_extension = setting.clock / 10;
        options.deploy.boundary_extension = setting.clock / 4;
        Ok(options)
    }

    /// Starts a rollup, and waits until so many blocks are on L1.
    pub async fn start(name: &str, setting: Setting) -> Result<Self> {
        let arena = Self::with(Self::options(name, setting)?).await?;
        arena.wait_for_blocks(setting.blocks).await?;
        Ok(arena)
    }

    /// Starts a rollup.
    pub async fn with(options: DevnetOptions) -> Result<Self> {
        Self::paced(options, L1_BLOCK_TIME).await
    }

    /// Starts a rollup with so much time between L1 blocks.
    pub async fn paced(options: DevnetOptions, l1_block_time: Duration) -> Result<Self> {
        let net = Net::start(options).await?;
        let miner = Miner::start(net.devnet.anvil.provider().clone(), l1_block_time);
        let config = Arc::new(net.devnet.rollup.clone());
        let client = connect(net.devnet.anvil.url(), &config).await?;
        let reader = LogReader::new(client.clone(), config.contracts, config.l1_start_block);
        let observer = Observer::start(&net, config).await?;
        Ok(Self { net, miner, reader, client, observer, programs: vec![program_path()?] })
    }

    /// Waits until the sequencer's blocks up to this one are on L1, and the observer knows them.
    pub async fn wait_for_blocks(&self, block: u64) -> Result<()> {
        NodeStatus::wait_safe(self.net.devnet.sequencer()?, block).await?;
        let chain = &self.observer.chain;
        until("the observer follows", Duration::from_secs(60), async || {
            Ok((chain.heads().safe.number >= block).then_some(()))
        })
        .await
    }

    /// The newest block that can be proposed.
    pub fn newest(&self) -> u64 {
        self.observer.chain.heads().safe.number
    }

    /// What a proposal about this block pins now, if the anchor is the genesis.
    pub fn subject(&self, block: u64) -> Result<(Subject, Vec<u8>)> {
        self.subject_after(0, self.net.devnet.rollup.genesis_output_root, block)
    }

    fn subject_after(&self, anchor: u64, anchor_output: B256, block: u64) -> Result<(Subject, Vec<u8>)> {
        let reader = self.observer.chain.db().read()?;
        let count = reader.batch_count()?;
        let batch = reader.batch(count.checked_sub(1).context("no batch yet")?)?.context("no batch")?;
        let blocks = Interval::between(anchor, block);
        let blocks = blocks.with_context(|| format!("block {anchor} is the anchor, not before {block}"))?;
        let (batch_acc, header) = (batch.acc, batch.header.to_vec());
        let rules = self.observer.rules;
        let subject =
            Subject { game: Address::ZERO, blocks, anchor_output, batch_count: count, batch_acc, rules };
        Ok((subject, header))
    }

    /// Steps of the VM's run over a block.
    pub async fn steps(&self, block: u64) -> Result<u64> {
        let prover = self.observer.honest.of(&self.subject(block)?.0);
        until("the VM has run", Duration::from_secs(60), async || match prover.run(block) {
            Ok(run) => Ok(Some(run.steps)),
            Err(Unknown::Pending) => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// The calls of the VM in the run over a block, with the numbers of steps before them.
    pub fn calls(&self, block: u64) -> Result<Vec<(u64, vm::Call)>> {
        let Observer { chain, image, .. } = &self.observer;
        super::calls_of(chain, image, block, self.subject(block)?.0.batch_count)
    }

    /// The block that proposals start from now, and its output.
    pub async fn anchor(&self) -> Result<(u64, B256)> {
        let registry = self.net.devnet.rollup.contracts.anchor_state_registry;
        let latest = alloy::eips::BlockId::latest();
        let anchor = self.client.view(registry, IAnchorStateRegistry::anchorsCall {}, latest).await?;
        Ok((anchor.l2SequenceNumber.saturating_to(), anchor.root))
    }

    /// Proposes what these provers take for the output of a block, from the anchor on.
    pub async fn propose(
        &mut self,
        key: &PrivateKeySigner,
        provers: &dyn Provers,
        block: u64,
    ) -> Result<Address> {
        let from = self.anchor().await?;
        let subject = self.subject_after(from.0, from.1, block)?;
        let truth = provers.prover(&subject.0);
        let commitments: Result<Vec<B256>, _> =
            subject.0.blocks.ends().map(|end| truth.output(end)).collect();
        let request = self.proposal(subject, from.0, commitments?).await?;
        self.manager(key).send(request).await?;
        self.reader.sync().await?;
        // Others propose, too.
        let own = |entry: &&GameEntry| entry.proposal.event.proposer == key.address();
        let newest = self.reader.games().iter().filter(own).last().context("the proposal made no game")?;
        Ok(newest.address())
    }

    /// Proposes many roots for a block at once, each with another last value that is nobody's output.
    pub async fn propose_wrong_roots(
        &mut self,
        key: &PrivateKeySigner,
        block: u64,
        count: usize,
    ) -> Result<Vec<Address>> {
        let manager = self.manager(key);
        let mut sends = tokio::task::JoinSet::new();
        for number in 0..count {
            let subject = self.subject(block)?;
            let truth = self.observer.honest.prover(&subject.0);
            let commitments: Result<Vec<B256>, _> =
                subject.0.blocks.ends().map(|end| truth.output(end)).collect();
            let mut commitments = commitments?;
            *commitments.last_mut().context("no segments")? = keccak256(number.to_be_bytes());
            let request = self.proposal(subject, 0, commitments).await?;
            let manager = manager.clone();
            sends.spawn(async move { manager.send(request).await });
        }
        while let Some(sent) = sends.join_next().await {
            sent??;
        }
        self.reader.sync().await?;
        let mut games: Vec<_> = self.reader.games().iter().map(GameEntry::address).collect();
        ensure!(games.len() >= count, "{count} proposals made {} games", games.len());
        Ok(games.split_off(games.len() - count))
    }

    /// The transaction that proposes these outputs, with the bond.
    async fn proposal(
        &self,
        (subject, header): (Subject, Vec<u8>),
        anchor: u64,
        commitments: Vec<B256>,
    ) -> Result<TxRequest> {
        let factory = self.net.devnet.rollup.contracts.dispute_game_factory;
        let latest = alloy::eips::BlockId::latest();
        let value = self.client.view(factory, IDisputeGameFactory::bondCall {}, latest).await?;
        let implementation =
            self.client.view(factory, IDisputeGameFactory::gameImplementationCall {}, latest).await?;
        let call = IDisputeGameFactory::proposeCall {
            implementation,
            anchorBlock: anchor,
            l2Block: subject.blocks.end(),
            vector: commitments,
            batchCount: subject.batch_count,
            batchAcc: subject.batch_acc,
            lastBatchHeader: header.into(),
        };
        Ok(TxRequest { to: factory, data: call.abi_encode().into(), value, ..TxRequest::default() })
    }

    /// L1, as this test sees it.
    pub const fn client(&self) -> &L1Client {
        &self.client
    }

    /// Sends from a key.
    pub fn manager(&self, key: &PrivateKeySigner) -> Arc<TxManager> {
        let options = TxOptions { poll_interval: Some(Duration::from_millis(50)), ..TxOptions::default() };
        TxManager::new(self.client.clone(), key.clone(), options)
    }

    /// The provers of a liar.
    pub fn liar(&self, plot: impl Into<Plot>) -> Result<Lying> {
        let Observer { chain, honest, image, .. } = &self.observer;
        Lying::new(chain.clone(), honest.clone(), image.clone(), plot.into())
    }

    fn watch_options(&self, name: &str, key: Option<PrivateKeySigner>) -> Result<WatchOptions> {
        Ok(WatchOptions {
            config: Arc::new(self.net.devnet.rollup.clone()),
            data_dir: self.data_dir(name),
            l1_rpc: vec![self.net.devnet.anvil.url().into()],
            blobs: blobs(&self.net),
            l1_poll: Some(Duration::from_millis(50)),
            l1_timeout: None,
            l1_agreement: 1,
            key: key.map(Into::into),
            programs: self.programs.clone(),
            metrics: None,
            page: None,
            transactions: TxOptions {
                poll_interval: Some(Duration::from_millis(50)),
                ..TxOptions::default()
            },
            record_checks: None,
            once: false,
        })
    }

    /// Where a player keeps its database.
    pub fn data_dir(&self, name: &str) -> PathBuf {
        self.net.devnet.dir.join("data").join(name)
    }

    /// A liar that plays, by the challenger's own code.
    pub fn rival(&self, name: &str, key: PrivateKeySigner, plot: impl Into<Plot>) -> Result<Rival> {
        let options = self.watch_options(name, Some(key))?;
        let image = self.observer.image.clone();
        let plot = plot.into();
        let (stop, shutdown) = shutdown::channel();
        let patch = Box::new(move |chain, honest| {
            let lying = Lying::new(chain, honest, image, plot)?;
            Ok(Arc::new(lying) as Arc<dyn Provers>)
        });
        Ok(Rival { stop, task: tokio::spawn(watch(options, Some(patch), shutdown)) })
    }

    /// An honest challenger as a process.
    pub fn challenger(&self, name: &str, key: &PrivateKeySigner, extra: &[&str]) -> Result<Process> {
        self.challenger_at(name, key, self.net.devnet.anvil.url(), extra)
    }

    /// An honest challenger as a process, with another L1 endpoint.
    pub fn challenger_at(
        &self,
        name: &str,
        key: &PrivateKeySigner,
        l1: &str,
        extra: &[&str],
    ) -> Result<Process> {
        let dir = &self.net.devnet.dir;
        let key = Key::write(&dir.join("keys").join(format!("{name}.key")), key)?;
        let mut command = Command::new(tools::challenger()?);
        command.arg("watch").arg("--rollup").arg(self.net.devnet.rollup_path());
        command.args(["--l1-rpc", l1, "--l1-beacon", self.net.devnet.anvil.url(), "--l1-poll", "50ms"]);
        command.arg("--data-dir").arg(self.data_dir(name)).arg("--key").arg(key.path());
        self.programs.iter().for_each(|program| {
            command.arg("--program").arg(program);
        });
        command.args(extra);
        Process::spawn(name, &mut command, &dir.join("logs").join(format!("{name}.log")))
    }

    /// A game as L1 has it now.
    pub async fn game(&mut self, game: Address) -> Result<Game> {
        self.reader.sync().await?;
        Ok(self.reader.games().get(game).context("there is no such game")?.game()?.clone())
    }

    /// A game with its events, as L1 has it now.
    pub async fn entry(&mut self, game: Address) -> Result<GameEntry> {
        self.reader.sync().await?;
        self.reader.games().get(game).context("there is no such game").cloned()
    }

    /// Waits until a game is as it should be.
    pub async fn wait(
        &mut self,
        game: Address,
        what: &str,
        limit: Duration,
        check: impl Fn(&Game) -> bool,
    ) -> Result<Game> {
        let deadline = Instant::now() + limit;
        loop {
            let state = self.game(game).await;
            if let Ok(state) = state
                && check(&state)
            {
                return Ok(state);
            }
            if Instant::now() >= deadline {
                bail!("{what}: not after {} s; {:#?}", limit.as_secs(), self.sketch(game).await?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing has happened in some games for a while of real time.
    pub async fn wait_quiet(&mut self, games: &[Address], quiet: Duration, limit: Duration) -> Result<()> {
        let start = Instant::now();
        let mut last = (Instant::now(), 0);
        while last.0.elapsed() < quiet {
            ensure!(start.elapsed() < limit, "the games do not come to rest");
            self.reader.sync().await?;
            let all = games.iter().filter_map(|game| self.reader.games().get(*game));
            let events = all.map(|entry| entry.events.len()).sum();
            if events != last.1 {
                last = (Instant::now(), events);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Lets all clocks run out.
    pub async fn expire(&self) -> Result<()> {
        let _gate = self.miner.pause().await;
        self.net.devnet.anvil.increase_time(self.net.devnet.options.deploy.max_clock_duration).await?;
        self.net.devnet.anvil.mine(1).await
    }

    /// Waits for the end of a game, with clocks run out as often as it takes.
    pub async fn finish(&mut self, game: Address, honest: &[Address]) -> Result<Game> {
        let over = |state: &Game| is_over(state, honest);
        // Bonds wait, too, and each that is won may be what another waits for.
        for _ in 0..8 {
            self.expire().await?;
            if let Ok(end) = self.wait(game, "the game ends", Duration::from_secs(15), over).await {
                return Ok(end);
            }
        }
        self.wait(game, "the game ends", Duration::from_secs(1), over).await
    }

    /// The claims in short, for messages.
    pub async fn sketch(&mut self, game: Address) -> Result<Vec<String>> {
        let state = self.game(game).await?;
        let line = |claim: &fraud_prover::game::Claim| {
            format!(
                "depth {} segment {} {:?} by {} {:?} children {:?}",
                claim.depth, claim.segment, claim.interval, claim.claimant, claim.status, claim.children
            )
        };
        Ok(state.claims.iter().map(line).collect())
    }

    /// What an account has, in wei.
    pub async fn balance(&self, account: Address) -> Result<U256> {
        Ok(self.net.devnet.anvil.provider().get_balance(account).await?)
    }

    /// What accounts have spent on transactions since an L1 block, and each one's number and gas.
    pub async fn costs(&self, since: u64) -> Result<BTreeMap<Address, Costs>> {
        let l1 = self.net.devnet.anvil.provider();
        let mut costs: BTreeMap<Address, Costs> = BTreeMap::new();
        for number in since..=l1.get_block_number().await? {
            let Some(block) = l1.get_block_by_number(BlockNumberOrTag::Number(number)).full().await? else {
                continue;
            };
            for tx in block.transactions.txns() {
                let receipt = l1.get_transaction_receipt(tx.tx_hash()).await?.context("no receipt")?;
                let cost = costs.entry(tx.from()).or_default();
                cost.transactions += 1;
                cost.gas += receipt.gas_used;
            }
        }
        Ok(costs)
    }

    /// What the contract owes an account.
    pub async fn credit(&self, game: Address, recipient: Address) -> Result<U256> {
        let call = IDisputeGame::creditCall { recipient };
        Ok(self.client.view(game, call, alloy::eips::BlockId::latest()).await?)
    }

    /// Ends everything.
    pub async fn end(self) -> Result<()> {
        let Self { net, miner, observer, .. } = self;
        drop(miner);
        observer.end().await?;
        net.finish().await
    }
}

/// Anvil keeps blobs as a beacon node does.
fn blobs(net: &Net) -> BlobReading {
    BlobReading { l1_beacon: vec![net.devnet.anvil.url().into()], ..BlobReading::default() }
}

impl Observer {
    async fn start(net: &Net, config: Arc<rollup::RollupConfig>) -> Result<Self> {
        let (stop, shutdown) = shutdown::channel();
        let options = fraud_prover::replica::ReplicaOptions {
            config,
            data_dir: net.devnet.dir.join("data/observer"),
            l1_rpc: vec![net.devnet.anvil.url().into()],
            blobs: blobs(net),
            l1_poll: Some(Duration::from_millis(50)),
            l1_timeout: None,
            l1_agreement: 1,
            index_logs: false,
        };
        let replica = fraud_prover::replica::Replica::start(&options, shutdown).await?;
        let replica = replica.context("the observer was stopped")?;
        let image = Image::load(&std::fs::read(program_path()?)?)?;
        let rules = RunRules {
            program_root: image.root(),
            program_entry: image.entry().into(),
            max_steps: net.devnet.options.deploy.max_steps(),
            config_hash: replica.chain.config().chain.hash(),
        };
        let runner = VmRunner::new(replica.chain.clone(), vec![image.clone()], &options.data_dir)?;
        let honest = ReplicaProvers::new(replica.chain.clone(), runner);
        Ok(Self { chain: replica.chain, honest, image, rules, tasks: replica.tasks, stop })
    }

    async fn end(self) -> Result<()> {
        self.stop.stop();
        self.tasks.finish().await
    }
}
