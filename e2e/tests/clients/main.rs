//! Existing clients, unmodified, move value in and out of a devnet beside one another: viem's OP Stack client, ethers,
//! cast, and the node's own `bridge`. Its node keeps no more state than it must.

mod backing;
mod bridge;
mod cast;
mod guardian;
mod history;
mod scripts;
mod stranded;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use e2e::net::Net;
use testnet::{Process, Summary};

/// How long a session may take. The whole way of a withdrawal is about a minute here.
const SESSION_LIMIT: Duration = Duration::from_secs(300);

/// A rollup with everything that clients use, and what a session needs to know of it.
struct Setting {
    net: Net,
    summary: Summary,
    devnet_json: PathBuf,
}

impl Setting {
    async fn start(name: &str) -> Result<Self> {
        let mut options = Net::options_by_the_clock(name)?;
        options.sequencer_arguments.extend(["--retain", "16"].map(Into::into));
        let net = Net::start(options).await?;
        let summary = net.devnet.summary()?;
        let devnet_json = net.dir().join("devnet.json");
        std::fs::write(&devnet_json, serde_json::to_vec_pretty(&summary)?)?;
        Ok(Self { net, summary, devnet_json })
    }

    /// Starts a command, with a log of its own.
    fn spawn(&self, name: &str, command: &mut Command) -> Result<Process> {
        let log = self.net.dir().join("logs").join(format!("{name}.log"));
        // Not behind what an earlier command of that name said.
        match std::fs::remove_file(&log) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Process::spawn(name, command, &log),
        }
    }

    /// Runs a command to its end; an error with its output if it fails or takes too long.
    async fn run(&self, name: &str, command: &mut Command) -> Result<String> {
        let mut process = self.spawn(name, command)?;
        let status = process.wait(SESSION_LIMIT).await?;
        let output = std::fs::read_to_string(process.log()).unwrap_or_default();
        match status {
            Some(status) if status.success() => Ok(output),
            Some(status) => bail!("{name} ended with {status}:\n{output}"),
            None => bail!("{name} did not end:\n{output}"),
        }
    }
}

/// A file with the private key of a funded account.
fn key_file(setting: &Setting, account: usize) -> Result<PathBuf> {
    let path: &Path = setting.net.dir();
    let path = path.join(format!("user-{account}.key"));
    let account = setting.summary.accounts.get(account).context("no such account")?;
    std::fs::write(&path, account.private_key.to_string())?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_move_value_in_and_out() -> Result<()> {
    let mut setting = Setting::start("clients").await?;
    tokio::try_join!(
        scripts::run(&setting, "viem", 0),
        scripts::run(&setting, "ethers", 1),
        cast::session(&setting, 2),
        bridge::session(&setting, 3),
    )?;
    guardian::session(&setting, 4).await?;
    history::check(&setting).await?;
    stranded::session(&mut setting, 5).await?;
    backing::check(&setting).await?;
    setting.net.finish().await
}
