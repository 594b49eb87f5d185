//! Where the binaries are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Names of npm's platform packages: `<tool>-<system>-<architecture>`.
const PLATFORM: &str = if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    "linux-arm64"
} else if cfg!(target_os = "linux") {
    "linux-amd64"
} else if cfg!(target_arch = "aarch64") {
    "darwin-arm64"
} else {
    "darwin-amd64"
};

/// Anvil: `$ANVIL`, the npm package in `l1-contracts`, or the search path.
pub fn anvil() -> Result<PathBuf> {
    foundry("anvil", "ANVIL")
}

/// Cast: `$CAST`, the npm package in `l1-contracts`, or the search path.
pub fn cast() -> Result<PathBuf> {
    foundry("cast", "CAST")
}

/// Forge: `$FORGE`, the npm package in `l1-contracts`, or the search path.
pub fn forge() -> Result<PathBuf> {
    foundry("forge", "FORGE")
}

/// `recourse-node`: `$RECOURSE_NODE`, beside the running executable, or the search path.
pub fn recourse_node() -> Result<PathBuf> {
    ours("recourse-node", "RECOURSE_NODE")
}

/// `challenger`: `$CHALLENGER`, beside the running executable, or the search path.
pub fn challenger() -> Result<PathBuf> {
    ours("challenger", "CHALLENGER")
}

/// `testnet`: `$TESTNET`, beside the running executable, or the search path.
pub fn testnet() -> Result<PathBuf> {
    ours("testnet", "TESTNET")
}

/// clef, go-ethereum's signer: `$CLEF`, or as `testnet/scripts/geth-tools.sh` has built it, which this runs: some minutes the
/// first time.
pub fn clef() -> Result<PathBuf> {
    geth_tool("clef", "CLEF", None)
}

/// geth: `$GETH`, or as [`clef`].
pub fn geth() -> Result<PathBuf> {
    geth_tool("geth", "GETH", None)
}

/// The newest geth, to be measured beside: `$GETH`, or built like [`clef`].
pub fn newest_geth() -> Result<PathBuf> {
    geth_tool("geth", "GETH", Some("newest"))
}

fn geth_tool(name: &str, variable: &str, version: Option<&str>) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/geth-tools.sh");
    let built = Command::new(&script).args(version).output().with_context(|| script.display().to_string())?;
    let errors = String::from_utf8_lossy(&built.stderr);
    let folder = String::from_utf8_lossy(&built.stdout);
    let path = Path::new(folder.trim()).join(name);
    ensure!(built.status.success() && path.is_file(), "no {name}: {}", errors.trim());
    Ok(path)
}

/// Looks a name up in the search path.
pub fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

fn ours(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let own = env::current_exe().context("cannot tell where this program is")?;
    // Tests lie in `deps`, below the binaries.
    let beside = own.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|path| path.is_file());
    beside
        .or_else(|| in_path(name))
        .with_context(|| format!("no {name}: run `make build`, or set {variable} to its path"))
}

fn foundry(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let package = format!("@foundry-rs/{name}-{PLATFORM}/bin/{name}");
    // The launcher in `.bin` is a script that starts this binary: ending it would leave the binary running.
    let modules = modules_dirs().map(|dir| dir.join(&package)).find(|path| path.is_file());
    modules
        .or_else(|| in_path(name))
        .with_context(|| format!("no {name}: run `make setup`, or set {variable} to its path"))
}

/// `l1-contracts/node_modules` as seen from the current directory and from where the sources were.
fn modules_dirs() -> impl Iterator<Item = PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above: Vec<PathBuf> =
        here.ancestors().chain(sources.ancestors().skip(1).take(1)).map(Into::into).collect();
    above.into_iter().map(|dir| dir.join("l1-contracts/node_modules"))
}
