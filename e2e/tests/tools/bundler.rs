//! ERC-4337: a bundler from npm (Pimlico's alto) on a node of ours, and a smart account that a user operation makes.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use alloy::{
    primitives::Address,
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, ensure};
use bindings::preinstalls::ENTRY_POINT_V070;
use e2e::net::{Net, PATIENCE, until};
use testnet::{Mining, Process, ports, tools};

/// How long the session of a wallet may take. It takes some seconds.
const SESSION_LIMIT: Duration = Duration::from_secs(120);

/// With this set, the bundler traces what it validates, with JavaScript of its own. The node runs that; but alto 0.0.20 then
/// takes what the EntryPoint's inner call reverted with (`DelegateAndRevert`) for its simulation's result, and refuses the first
/// operation, on any node.
const SAFE_MODE: &str = "BUNDLER_SAFE_MODE";

/// The most gas of an operation and of a bundle: less than a transaction may have.
const GAS_LIMIT: &str = "15000000";

/// The bundler's npm project.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("js/bundler")
}

/// Starts the bundler with two funded accounts of its own, and waits until it answers.
async fn start(net: &Net, node: &Path) -> Result<(Process, String)> {
    let summary = net.devnet.summary()?;
    let key = |account: usize| -> Result<String> {
        Ok(summary.accounts.get(account).context("no such account")?.private_key.to_string())
    };
    let port = ports::free()?;
    let is_safe = std::env::var_os(SAFE_MODE).is_some();
    let mut command = Command::new(node);
    command.arg(folder().join("node_modules/@pimlico/alto/esm/cli/alto.js"));
    command.args(["--rpc-url", &summary.l2_rpc, "--port", &port.to_string()]);
    command.args(["--entrypoints", &ENTRY_POINT_V070.to_string(), "--chain-type", "op-stack"]);
    command.args(["--executor-private-keys", &key(8)?, "--utility-private-key", &key(7)?]);
    command.args(["--max-gas-per-user-op", GAS_LIMIT, "--max-gas-per-bundle", GAS_LIMIT]);
    command.args(["--safe-mode", &is_safe.to_string(), "--block-time", "300", "--log-level", "warn"]);
    let mut process = Process::spawn("alto", &mut command, &net.dir().join("logs/alto.log"))?;
    let url = format!("http://127.0.0.1:{port}");
    let client: RootProvider = RootProvider::new_http(url.parse()?);
    // It deploys contracts of its own before. Parameters are a list, if an empty one.
    let none: [(); 0] = [];
    until("the bundler answers", PATIENCE, async || {
        process.check_alive()?;
        let answer = client.raw_request::<_, Vec<Address>>("eth_supportedEntryPoints".into(), none).await;
        Ok(answer.is_ok_and(|supported| supported == [ENTRY_POINT_V070]).then_some(()))
    })
    .await?;
    Ok((process, url))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundler_makes_and_uses_a_smart_account() -> Result<()> {
    ensure!(folder().join("node_modules/@pimlico/alto").exists(), "no bundler: run `make setup`");
    let node = tools::in_path("node").context("no Node.js in the search path")?;
    let mut options = Net::options("bundler")?;
    options.mining = Mining::Every(1);
    options.replica = false;
    let net = Net::start(options).await?;
    let devnet_json = net.dir().join("devnet.json");
    std::fs::write(&devnet_json, serde_json::to_vec_pretty(&net.devnet.summary()?)?)?;

    let (mut bundler, url) = start(&net, &node).await?;
    let mut command = Command::new(node);
    command.arg(folder().join("userop.mjs")).arg(&devnet_json).args(["6", &url]);
    let mut session = Process::spawn("userop", &mut command, &net.dir().join("logs/userop.log"))?;
    let status = session.wait(SESSION_LIMIT).await?;
    let output = std::fs::read_to_string(session.log())?;
    ensure!(
        status.is_some_and(|status| status.success()) && output.trim_end().ends_with("done"),
        "the session ended with {status:?}:\n{output}\nthe bundler:\n{}",
        bundler.log_tail()
    );
    bundler.stop(Duration::from_secs(10)).await?;
    net.finish().await
}
