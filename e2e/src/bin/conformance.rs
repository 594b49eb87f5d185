//! Runs the public `ethereum/tests` suite over the rollup's state, trie and database.

use std::{num::NonZero, path::PathBuf, process::ExitCode, thread};

use anyhow::Result;
use clap::Parser;
use e2e::conformance::Suite;

/// Runs the state and trie tests of the public ethereum/tests suite over the rollup's own state, trie and database.
///
/// Prints what failed and what was left out, and why; the last line has the counts. Ends with 0 if nothing failed.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Arguments {
    /// A checkout of ethereum/tests (the folder with GeneralStateTests and TrieTests), or an archive of one.
    dir: PathBuf,
    /// Runs only files whose path contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Threads; as many as there are cores if not given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut suite = Suite::open(&arguments.dir)?;
    if let Some(text) = &arguments.filter {
        suite.filter(text);
    }
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => thread::available_parallelism()?,
    };
    let report = suite.run(threads.get())?;
    println!("{report}");
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
