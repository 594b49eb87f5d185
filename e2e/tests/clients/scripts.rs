//! The scripts in `e2e/js`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use testnet::tools;

use super::Setting;

/// Runs a script with a funded account, which is its alone.
pub(crate) async fn run(setting: &Setting, name: &str, account: usize) -> Result<()> {
    output(setting, name, account, &[]).await.map(drop)
}

/// viem's word for how far a withdrawal is.
pub(crate) async fn status(setting: &Setting, account: usize, withdrawal: &str) -> Result<String> {
    let output = output(setting, "status", account, &[withdrawal]).await?;
    let line = output.lines().find_map(|line| line.strip_prefix("status "));
    Ok(line.with_context(|| format!("no status in:\n{output}"))?.to_owned())
}

async fn output(setting: &Setting, name: &str, account: usize, arguments: &[&str]) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    ensure!(folder.join("node_modules/viem").exists(), "no client libraries: run `make setup`");
    let node = tools::in_path("node").context("no Node.js in the search path")?;
    let mut command = Command::new(node);
    command.arg(folder.join(format!("{name}.mjs"))).arg(&setting.devnet_json).arg(account.to_string());
    let output = setting.run(name, command.args(arguments)).await?;
    // What ends by itself before its last line did not do everything.
    ensure!(output.trim_end().ends_with("done"), "{name} stopped early:\n{output}");
    Ok(output)
}
