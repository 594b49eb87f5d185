//! `release`: what goes into a package of the contracts, and what a stranger compares with L1.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use alloy::{
    network::Ethereum,
    primitives::keccak256,
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use rollup::RollupConfig;
use testnet::{CompiledContract, addresses_on_l1};

/// What a release is made of.
#[derive(Debug, Parser)]
#[command(name = "release", version)]
struct Cli {
    /// Forge's output.
    #[arg(long, global = true, value_name = "DIR", default_value = "l1-contracts/out")]
    contracts: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write ABI and bytecode of each contract to a folder.
    Artifacts {
        /// The folder.
        dir: PathBuf,
    },
    /// Print the hashes of each contract's code: as it is created, and as it is deployed, with immutables set to zero.
    Hashes,
    /// Compare the code of a rollup's contracts on L1 with what was compiled here.
    Compare {
        /// The rollup's configuration.
        #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
        rollup: PathBuf,
        /// HTTP endpoint of an L1 node.
        #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC")]
        l1_rpc: String,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let contracts = CompiledContract::all(&cli.contracts)?;
    match &cli.command {
        Command::Artifacts { dir } => artifacts(&contracts, dir),
        Command::Hashes => {
            hashes(&contracts);
            Ok(())
        }
        Command::Compare { rollup, l1_rpc } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(compare(&contracts, &RollupConfig::load(rollup)?, l1_rpc))
        }
    }
}

fn artifacts(contracts: &[CompiledContract], dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for contract in contracts {
        let path = dir.join(format!("{}.json", contract.name));
        let text = format!("{:#}\n", contract.artifact());
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn hashes(contracts: &[CompiledContract]) {
    println!("{:30} {:66} {:66} immutables", "contract", "creation code", "runtime code");
    for contract in contracts {
        let (creation, runtime) = (keccak256(&contract.creation), contract.hash_of(&contract.runtime));
        println!("{:30} {creation} {runtime} {}", contract.name, contract.immutables.len());
    }
}

async fn compare(contracts: &[CompiledContract], config: &RollupConfig, l1_rpc: &str) -> Result<()> {
    let l1 = RootProvider::<Ethereum>::new_http(l1_rpc.parse().context("--l1-rpc is not a URL")?);
    let mut different = Vec::new();
    for (name, address) in addresses_on_l1(config, &l1).await? {
        let contract = contracts.iter().find(|contract| contract.name == name);
        let contract = contract.with_context(|| format!("no contract {name} was compiled"))?;
        let code =
            l1.get_code_at(address).await.with_context(|| format!("cannot read the code of {name}"))?;
        let (found, expected) = (contract.hash_of(&code), contract.hash_of(&contract.runtime));
        let same = found == expected;
        println!("{name:24} {address} {}", if same { "same code" } else { "OTHER CODE" });
        if !same {
            different.push(format!("{name} at {address}: expected {expected}, found {found}"));
        }
    }
    if !different.is_empty() {
        bail!("L1 has other code than was compiled here: {}", different.join("; "));
    }
    Ok(())
}
