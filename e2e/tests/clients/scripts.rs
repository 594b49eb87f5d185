//! The scripts in `e2e/js`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use testnet::tools;

use super::Setting;

/// Runs a script with a funded account, which is its alone.
pub(crate) async fn run(setting: &Setting, name: &str, account: usize) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    ensure!(folder.join("node_modules/viem").exists(), "no client libraries: run `make setup`");
    let node = tools::in_path("node").context("no Node.js in the search path")?;
    let mut command = Command::new(node);
    command.arg(folder.join(format!("{name}.mjs"))).arg(&setting.devnet_json).arg(account.to_string());
    let output = setting.run(name, &mut command).await?;
    // What ends by itself before its last line did not do everything.
    ensure!(output.trim_end().ends_with("done"), "{name} stopped early:\n{output}");
    Ok(())
}
