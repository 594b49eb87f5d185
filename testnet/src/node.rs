//! `recourse-node` as a process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use alloy::{
    network::Ethereum,
    primitives::hex,
    providers::{DynProvider, Provider, ProviderBuilder, RootProvider},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use crate::{Process, ProcessExit, tools};

/// How long a node may take to answer first.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What a node does.
#[derive(Clone, Debug)]
pub enum Role {
    /// Makes blocks. The batcher and the proposer run only with a key.
    Sequencer {
        /// Signs the feed.
        signer: Key,
        /// Posts batches.
        batcher: Option<Key>,
        /// Proposes outputs.
        proposer: Option<Key>,
    },
    /// Follows L1.
    Replica {
        /// WebSocket endpoint of a sequencer, for blocks that are not on L1 yet.
        feed: Option<String>,
        /// HTTP endpoint of a sequencer, to pass transactions on to.
        sequencer_rpc: Option<String>,
    },
    /// Posts batches for a sequencer elsewhere.
    Batcher {
        /// WebSocket endpoint of the sequencer.
        feed: String,
        /// Posts batches.
        key: Key,
    },
    /// Proposes outputs.
    Proposer {
        /// Proposes outputs.
        key: Key,
    },
}

/// A private key in a file.
#[derive(Clone, Debug)]
pub struct Key {
    path: PathBuf,
}

impl Key {
    /// Writes a key file that only its owner can read.
    pub fn write(path: &Path, signer: &PrivateKeySigner) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;

        fs::create_dir_all(path.parent().context("a key file needs a folder")?)?;
        fs::write(path, format!("{}\n", hex::encode_prefixed(signer.to_bytes())))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { path: path.into() })
    }

    /// A key that is there already, or a signer elsewhere, as the node's options name it.
    pub fn at(place: &str) -> Self {
        Self { path: place.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A node's command line.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Name in messages and of the log file.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Path of `rollup.json`.
    pub rollup: PathBuf,
    /// Folder of its database.
    pub data_dir: PathBuf,
    /// L1 endpoint.
    pub l1_rpc: String,
    /// Where blobs are read from.
    pub l1_beacon: Option<String>,
    /// Port for HTTP and WebSocket.
    pub port: u16,
    /// Port for metrics.
    pub metrics: Option<u16>,
    /// File for its output.
    pub log: PathBuf,
    /// Further arguments.
    pub extra: Vec<String>,
    /// Further variables of its environment.
    pub environment: Vec<(String, String)>,
}

impl NodeOptions {
    /// The program and its arguments.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(tools::recourse_node()?);
        command.arg(match self.role {
            Role::Sequencer { .. } => "sequencer",
            Role::Replica { .. } => "replica",
            Role::Batcher { .. } => "batcher",
            Role::Proposer { .. } => "proposer",
        });
        command.arg("--rollup").arg(&self.rollup).arg("--data-dir").arg(&self.data_dir);
        command.args(["--l1-rpc", &self.l1_rpc, "--http", &format!("127.0.0.1:{}", self.port)]);
        if let Some(url) = &self.l1_beacon {
            command.args(["--l1-beacon", url]);
        }
        // Everything for developers, and for the pages that they make.
        command.args(["--rpc-api", "all", "--rpc-cors", "*"]);
        if let Some(port) = self.metrics {
            command.args(["--metrics", &format!("127.0.0.1:{port}")]);
        }
        match &self.role {
            Role::Sequencer { signer, batcher, proposer } => {
                command.arg("--signer-key").arg(signer.path());
                if let Some(batcher) = batcher {
                    command.arg("--batcher-key").arg(batcher.path());
                }
                if let Some(proposer) = proposer {
                    command.arg("--proposer-key").arg(proposer.path());
                }
            }
            Role::Replica { feed, sequencer_rpc } => {
                if let Some(feed) = feed {
                    command.args(["--feed", feed]);
                }
                if let Some(url) = sequencer_rpc {
                    command.args(["--sequencer-rpc", url]);
                }
            }
            Role::Batcher { feed, key } => {
                command.args(["--feed", feed]).arg("--batcher-key").arg(key.path());
            }
            Role::Proposer { key } => {
                command.arg("--proposer-key").arg(key.path());
            }
        }
        command.args(&self.extra).envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

/// A node that runs, or ran and can be started again.
#[derive(Debug)]
pub struct Node {
    /// Its command line, for the next start.
    pub options: NodeOptions,
    process: Option<Process>,
    provider: RootProvider,
}

impl Node {
    /// Starts a node; does not wait until it answers.
    pub fn spawn(options: NodeOptions) -> Result<Self> {
        let provider = RootProvider::new_http(format!("http://127.0.0.1:{}", options.port).parse()?);
        let mut node = Self { options, process: None, provider };
        node.start()?;
        Ok(node)
    }

    /// Starts it again after it ended.
    pub fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.options.name);
        self.process =
            Some(Process::spawn(&self.options.name, &mut self.options.command()?, &self.options.log)?);
        Ok(())
    }

    /// Waits until it answers.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while self.provider.get_chain_id().await.is_err() {
            self.check_alive()?;
            ensure!(
                Instant::now() < deadline,
                "{} does not answer at {} after {} s; see {}",
                self.options.name,
                self.http_url(),
                START_LIMIT.as_secs(),
                self.options.log.display()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Another server could have taken the port in the meantime and be the one that answered.
        self.check_alive()
    }

    /// Whether it was started and not yet ended from here.
    pub fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// The process, while it is started.
    pub fn process(&mut self) -> Result<&mut Process> {
        let name = &self.options.name;
        self.process.as_mut().with_context(|| format!("{name} does not run"))
    }

    /// An error with the tail of the log if it is not running.
    pub fn check_alive(&mut self) -> Result<()> {
        self.process()?.check_alive()
    }

    /// `kill -9`.
    pub fn kill9(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill9(),
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits for that.
    pub async fn stop(&mut self) -> Result<Option<ProcessExit>> {
        match self.process.take() {
            Some(mut process) => Ok(Some(process.stop(STOP_LIMIT).await?)),
            None => Ok(None),
        }
    }

    /// Its HTTP endpoint.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.options.port)
    }

    /// Its WebSocket endpoint, which is also its feed.
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.options.port)
    }

    /// A client that only reads.
    pub fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// A client that signs with this key.
    pub fn wallet(&self, key: &PrivateKeySigner) -> Result<DynProvider<Ethereum>> {
        let provider = ProviderBuilder::new().wallet(key.clone()).connect_http(self.http_url().parse()?);
        Ok(provider.erased())
    }

    /// Calls a method.
    pub async fn call<R>(&self, method: &'static str, params: impl serde::Serialize) -> Result<R>
    where
        R: DeserializeOwned + Send + Sync + Unpin + std::fmt::Debug + 'static,
    {
        let params = serde_json::to_value(params)?;
        let answer = self.provider.raw_request(method.into(), params).await;
        answer.with_context(|| format!("{method} on {}", self.options.name))
    }
}
