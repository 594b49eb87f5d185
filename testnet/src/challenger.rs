//! `challenger watch` as a process, with its page.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{Key, Process, ProcessExit, tools};

/// How long it may take until the page is there.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A challenger's command line.
#[derive(Clone, Debug)]
pub struct ChallengerOptions {
    /// Path of `rollup.json`.
    pub rollup: PathBuf,
    /// Folder of its database.
    pub data_dir: PathBuf,
    /// L1 endpoint, where blobs are read, too.
    pub l1_rpc: String,
    /// The sequencer, whose newest block the page shows.
    pub l2_rpc: Option<String>,
    /// Pays for its moves.
    pub key: Key,
    /// Port of the page.
    pub page_port: u16,
    /// File for its output.
    pub log: PathBuf,
}

impl ChallengerOptions {
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(tools::challenger()?);
        command.arg("watch").arg("--rollup").arg(&self.rollup).arg("--data-dir").arg(&self.data_dir);
        command.args(["--l1-rpc", &self.l1_rpc, "--l1-beacon", &self.l1_rpc]);
        command.arg("--key").arg(self.key.path());
        command.args(["--page", &self.page().to_string()]);
        if let Some(url) = &self.l2_rpc {
            command.args(["--l2-rpc", url]);
        }
        Ok(command)
    }

    fn page(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.page_port).into()
    }
}

/// A challenger that runs.
#[derive(Debug)]
pub struct ChallengerProcess {
    page: SocketAddr,
    process: Process,
}

impl ChallengerProcess {
    /// Starts one, and waits until its page is served.
    pub async fn start(options: &ChallengerOptions) -> Result<Self> {
        let process = Process::spawn("challenger", &mut options.command()?, &options.log)?;
        let mut challenger = Self { page: options.page(), process };
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(challenger.page).is_err() {
            challenger.check_alive()?;
            ensure!(
                Instant::now() < deadline,
                "the challenger serves no page at {} after {} s; see {}",
                challenger.page_url(),
                START_LIMIT.as_secs(),
                options.log.display()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(challenger)
    }

    /// Where its page is.
    pub fn page_url(&self) -> String {
        format!("http://{}", self.page)
    }

    /// An error with the tail of the log if it is not running.
    pub fn check_alive(&mut self) -> Result<()> {
        self.process.check_alive()
    }

    /// Ends it.
    pub async fn stop(&mut self) -> Result<ProcessExit> {
        self.process.stop(STOP_LIMIT).await
    }
}
