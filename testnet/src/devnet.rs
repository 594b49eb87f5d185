//! Everything together.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rollup::{RollupConfig, blobs::DaChoice};

use crate::{
    Anvil, AnvilOptions, ChallengerOptions, ChallengerProcess, DeployConfig, Key, Mining, Node, NodeOptions,
    ProcessExit, Role, Roles, SampleToken, accounts, deploy, ports, token::deploy_sample_token,
};

/// Name of the file that a running devnet keeps locked.
const LOCK: &str = "lock";
/// File with the private key of the first user.
pub(crate) const USER_KEY: &str = "keys/user.key";
/// File with the private key of the last user: for a challenger, whose key nothing else should use.
pub(crate) const CHALLENGER_KEY: &str = "keys/challenger.key";

/// How to set up a devnet.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
    /// Folder for everything it writes. What an earlier devnet left there is removed.
    pub dir: PathBuf,
    /// The rollup's parameters.
    pub deploy: DeployConfig,
    /// The keys of those who run it.
    pub roles: Roles,
    /// When L1 blocks are made, once the contracts are deployed.
    pub mining: Mining,
    /// Blocks between L1's `latest` and `safe`, and between `safe` and `finalized`.
    pub slots_in_an_epoch: u64,
    /// File that L1 keeps its chain in, so that it can fork: for tests.
    pub l1_state: Option<PathBuf>,
    /// Port of L1; a free one if not given.
    pub l1_port: Option<u16>,
    /// Port of the sequencer; a free one if not given.
    pub l2_port: Option<u16>,
    /// Port of the replica; a free one if not given.
    pub replica_port: Option<u16>,
    /// Whether to start a sequencer.
    pub sequencer: bool,
    /// Whether the sequencer posts batches.
    pub batcher: bool,
    /// Whether the sequencer proposes outputs.
    pub proposer: bool,
    /// Whether to put a sample ERC-20 on both layers.
    pub sample_token: bool,
    /// Whether to start a replica that follows L1 and the sequencer's feed.
    pub replica: bool,
    /// Port of a challenger's page. Without one, there is no challenger.
    pub page_port: Option<u16>,
    /// Where the sequencer posts batches.
    pub da: DaChoice,
    /// Further arguments for the sequencer.
    pub sequencer_arguments: Vec<String>,
    /// Further arguments for the replica.
    pub replica_arguments: Vec<String>,
}

impl DevnetOptions {
    /// A devnet with everything in it, on free ports, with an L1 block each second.
    pub fn new(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.into(),
            deploy: DeployConfig::devnet()?,
            roles: Roles::development()?,
            mining: Mining::Every(1),
            slots_in_an_epoch: 4,
            l1_state: None,
            l1_port: None,
            l2_port: None,
            replica_port: None,
            sequencer: true,
            batcher: true,
            proposer: true,
            sample_token: false,
            replica: true,
            page_port: None,
            da: DaChoice::Blobs,
            sequencer_arguments: ["--batch-interval", "2s", "--propose-interval", "30s"]
                .map(Into::into)
                .into(),
            replica_arguments: Vec::new(),
        })
    }
}

/// What a devnet that starts is doing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Starting Anvil.
    L1,
    /// Deploying the contracts.
    Contracts,
    /// Starting the sequencer.
    Sequencer,
    /// Starting the replica.
    Replica,
    /// Starting the challenger, with its page.
    Challenger,
}

/// A running rollup. Dropping it kills its processes.
#[derive(Debug)]
pub struct Devnet {
    /// The folder with its files.
    pub dir: PathBuf,
    /// What it was started with.
    pub options: DevnetOptions,
    /// L1.
    pub anvil: Anvil,
    /// What the nodes read from `rollup.json`.
    pub rollup: RollupConfig,
    /// The sample token, if there is one.
    pub sample_token: Option<SampleToken>,
    sequencer: Option<Node>,
    replica: Option<Node>,
    challenger: Option<ChallengerProcess>,
    _lock: File,
}

impl Devnet {
    /// Starts one, telling `progress` of each stage that begins.
    pub async fn start(options: DevnetOptions, mut progress: impl FnMut(Stage)) -> Result<Self> {
        let (dir, lock) = prepare(&options.dir)?;
        progress(Stage::L1);
        let anvil = Anvil::start(&AnvilOptions {
            port: options.l1_port,
            slots_in_an_epoch: options.slots_in_an_epoch,
            state: options.l1_state.clone(),
            ..AnvilOptions::new(&dir.join("logs/l1.log"))
        })
        .await?;
        progress(Stage::Contracts);
        let rollup = deploy(&anvil, &options.deploy, &options.roles).await?;
        fs::write(dir.join("rollup.json"), serde_json::to_vec_pretty(&rollup)?)?;
        Key::write(&dir.join(USER_KEY), &accounts::account(0)?)?;
        if let Some(last) = accounts::users()?.last() {
            Key::write(&dir.join(CHALLENGER_KEY), last)?;
        }
        let sample_token = match options.sample_token {
            true => Some(
                deploy_sample_token(&anvil, &options.roles, options.deploy.funded.first().copied(), &rollup)
                    .await?,
            ),
            false => None,
        };
        anvil.set_mining(options.mining).await?;

        let mut devnet = Self {
            dir,
            options,
            anvil,
            rollup,
            sample_token,
            sequencer: None,
            replica: None,
            challenger: None,
            _lock: lock,
        };
        if devnet.options.sequencer {
            progress(Stage::Sequencer);
            devnet.start_sequencer().await?;
        }
        if devnet.options.replica {
            progress(Stage::Replica);
            devnet.start_replica().await?;
        }
        if let Some(port) = devnet.options.page_port {
            progress(Stage::Challenger);
            devnet.start_challenger(port).await?;
        }
        Ok(devnet)
    }

    /// Path of `rollup.json`.
    pub fn rollup_path(&self) -> PathBuf {
        self.dir.join("rollup.json")
    }

    /// The sequencer.
    pub fn sequencer(&self) -> Result<&Node> {
        self.sequencer.as_ref().context("this devnet has no sequencer")
    }

    /// The sequencer, to start and stop it.
    pub fn sequencer_mut(&mut self) -> Result<&mut Node> {
        self.sequencer.as_mut().context("this devnet has no sequencer")
    }

    /// The replica.
    pub fn replica(&self) -> Result<&Node> {
        self.replica.as_ref().context("this devnet has no replica")
    }

    /// The replica, to start and stop it.
    pub fn replica_mut(&mut self) -> Result<&mut Node> {
        self.replica.as_mut().context("this devnet has no replica")
    }

    /// Options for one more node with an empty database, on a free port.
    pub fn node_options(&self, name: &str, role: Role) -> Result<NodeOptions> {
        Ok(NodeOptions {
            name: name.into(),
            role,
            rollup: self.rollup_path(),
            data_dir: self.dir.join("data").join(name),
            l1_rpc: self.anvil.url().into(),
            l1_beacon: Some(self.anvil.url().into()),
            port: ports::free()?,
            metrics: None,
            log: self.dir.join("logs").join(format!("{name}.log")),
            extra: Vec::new(),
            environment: Vec::new(),
        })
    }

    /// The sequencer's role, with the tasks that the options name.
    pub fn sequencer_role(&self) -> Result<Role> {
        let roles = &self.options.roles;
        let key = |name: &str, signer| Key::write(&self.dir.join("keys").join(name), signer);
        Ok(Role::Sequencer {
            signer: key("signer.key", &roles.signer)?,
            batcher: self.options.batcher.then(|| key("batcher.key", &roles.batcher)).transpose()?,
            proposer: self.options.proposer.then(|| key("proposer.key", &roles.proposer)).transpose()?,
        })
    }

    async fn start_sequencer(&mut self) -> Result<()> {
        let mut options = self.node_options("sequencer", self.sequencer_role()?)?;
        options.port = self.options.l2_port.unwrap_or(options.port);
        options.extra.clone_from(&self.options.sequencer_arguments);
        options.extra.extend(["--da".into(), self.options.da.to_string()]);
        self.sequencer.insert(Node::spawn(options)?).wait_ready().await
    }

    async fn start_replica(&mut self) -> Result<()> {
        let role = Role::Replica {
            feed: self.sequencer.as_ref().map(Node::ws_url),
            sequencer_rpc: self.sequencer.as_ref().map(Node::http_url),
        };
        let mut options = self.node_options("replica", role)?;
        options.port = self.options.replica_port.unwrap_or(options.port);
        options.extra.clone_from(&self.options.replica_arguments);
        self.replica.insert(Node::spawn(options)?).wait_ready().await
    }

    async fn start_challenger(&mut self, page_port: u16) -> Result<()> {
        let options = ChallengerOptions {
            rollup: self.rollup_path(),
            data_dir: self.dir.join("data/challenger"),
            l1_rpc: self.anvil.url().into(),
            l2_rpc: self.sequencer.as_ref().map(Node::http_url),
            key: Key::at(&self.dir.join(CHALLENGER_KEY).to_string_lossy()),
            page_port,
            log: self.dir.join("logs/challenger.log"),
        };
        self.challenger = Some(ChallengerProcess::start(&options).await?);
        Ok(())
    }

    /// Where its challenger's page is, if it has one.
    pub fn page_url(&self) -> Option<String> {
        self.challenger.as_ref().map(ChallengerProcess::page_url)
    }

    /// An error, with the tail of the log, if one of its processes has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        self.anvil.process().check_alive()?;
        for node in [&mut self.sequencer, &mut self.replica].into_iter().flatten() {
            if node.is_started() {
                node.check_alive()?;
            }
        }
        self.challenger.as_mut().map_or(Ok(()), ChallengerProcess::check_alive)
    }

    /// Ends all processes, nodes before L1. Returns those that had to be killed.
    pub async fn stop(&mut self) -> Result<Vec<String>> {
        let mut killed = Vec::new();
        if let Some(challenger) = &mut self.challenger
            && challenger.stop().await? == ProcessExit::Killed
        {
            killed.push("challenger".into());
        }
        for node in [&mut self.replica, &mut self.sequencer].into_iter().flatten() {
            if node.stop().await? == Some(ProcessExit::Killed) {
                killed.push(node.options.name.clone());
            }
        }
        if self.anvil.stop().await? == ProcessExit::Killed {
            killed.push("anvil".into());
        }
        Ok(killed)
    }
}

/// Locks the folder and empties it.
fn prepare(dir: &Path) -> Result<(PathBuf, File)> {
    let shown = dir.display();
    fs::create_dir_all(dir).with_context(|| format!("cannot create {shown}"))?;
    let dir = dir.canonicalize()?;
    let is_ours = dir.join(LOCK).exists();
    let is_empty = fs::read_dir(&dir)?.next().is_none();
    if !is_ours && !is_empty {
        bail!("{shown} holds something else than a devnet: give another folder with --dir");
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("a devnet runs in {shown} already: stop it first, or give another folder with --dir")
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {shown}")),
    }
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        let path = entry.path();
        let removed =
            if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok((dir, lock))
}
