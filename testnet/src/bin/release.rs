//! `release`: what goes into a package of the contracts, and the hashes that a stranger compares.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use alloy::primitives::keccak256;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use testnet::CompiledContract;

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
