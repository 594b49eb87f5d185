//! What can be said to `recourse-node verify-rollup`, and what it answers.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use rollup::{RollupConfig, l1::L1Client};

use crate::{Program, verify};

/// How long L1 is waited for if it is not said: whoever typed the command looks on.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

const EXAMPLES: &str = "\
Compares, in one block of L1: the code of every contract and of what stands behind it, what the contracts say of each other,
who can change them and how long that takes, the version of the dispute game, the fault proof program, and L2's genesis.

It trusts the L1 endpoint, this binary, and the program that lies beside it: use your own.

Exit codes: 0 if nothing deviates, 1 if something does, 3 if a file could not be read or L1 not be asked, which says nothing
of the rollup.

Examples:
  recourse-node verify-rollup rollup.json --l1-rpc http://127.0.0.1:8545
  recourse-node verify-rollup rollup.json --l1-rpc http://127.0.0.1:8545 --program recourse-program.elf --json";

/// `recourse-node verify-rollup`
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// The rollup's configuration, as whoever runs it gives it out.
    #[arg(value_name = "FILE", env = "RECOURSE_ROLLUP")]
    pub rollup: PathBuf,

    /// HTTP endpoint of an L1 node, which is believed: your own. Several, by commas or by repeating it: the first that
    /// answers is asked.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC", required = true, value_delimiter = ',')]
    pub l1_rpc: Vec<String>,

    /// The fault proof program, an ELF file that you built or trust. Default: the one that belongs to this binary.
    #[arg(long, value_name = "ELF")]
    pub program: Option<PathBuf>,

    /// Give up if L1 has not answered all questions by then.
    #[arg(long, value_name = "TIME", value_parser = rollup::process::duration)]
    pub l1_timeout: Option<Duration>,

    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// Nothing deviates.
    Same,
    /// Something does.
    Deviates,
    /// A file could not be read, or L1 not be asked: nothing is known.
    Unknown,
}

impl VerifyOutcome {
    /// The code that the process ends with. 2 is clap's.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Deviates => 1,
            Self::Unknown => 3,
        }
    }
}

/// Compares, and prints.
pub async fn run(args: &VerifyArgs) -> VerifyOutcome {
    match compare(args).await {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error:#}");
            VerifyOutcome::Unknown
        }
    }
}

async fn compare(args: &VerifyArgs) -> Result<VerifyOutcome> {
    let config = RollupConfig::read(&args.rollup)?;
    let program = match &args.program {
        Some(path) => Program::read(path)?,
        None => Program::load().context("cannot load this release's fault proof program")?,
    };
    let limit = args.l1_timeout.unwrap_or(DEFAULT_TIMEOUT);
    let compared = async {
        let client = dial(&args.l1_rpc).await?;
        verify(&client, &config, &program).await.map_err(|error| client.unreachable(error).to_string())
    };
    let report = tokio::time::timeout(limit, compared).await;
    let report = report.unwrap_or_else(|_| Err(format!("L1 has not answered everything within {limit:?}")));
    let report = report
        .map_err(|error| anyhow!("L1 could not be asked, which says nothing of the rollup: {error}"))?;
    match args.json {
        true => println!("{:#}", report.json()),
        false => print!("{report}"),
    }
    let deviates = report.deviations().next().is_some();
    Ok(if deviates { VerifyOutcome::Deviates } else { VerifyOutcome::Same })
}

/// Connects to the first endpoint that answers.
async fn dial(urls: &[String]) -> Result<L1Client, String> {
    let mut errors = Vec::new();
    for url in urls {
        match L1Client::dial(url).await {
            Ok(client) => return Ok(client),
            Err(error) => errors.push(error.to_string()),
        }
    }
    Err(errors.join("; "))
}
