//! Runs the public `ethereum/tests` suite over the rollup's state, trie, database and decoders.

use std::{num::NonZero, path::PathBuf, process::ExitCode, thread};

use anyhow::{Result, ensure};
use clap::Parser;
use e2e::conformance::{Report, Suite};

/// Runs the state, trie, transaction and RLP tests of the public ethereum/tests suite over the rollup's own state, trie,
/// database and decoders.
///
/// Prints what failed and what was left out, and why; then what passed of each folder; the last line has the counts. Ends with 0 if tests ran and none
/// failed, with 1 if some failed, with 2 if none ran: no suite there, or nothing in it that the filter matches.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Arguments {
    /// A checkout of ethereum/tests (the folder with GeneralStateTests, TrieTests, TransactionTests and RLPTests), a release
    /// of ethereum/execution-spec-tests (the folder with state_tests), or an archive of one.
    dir: PathBuf,
    /// Runs only files whose path contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Threads; as many as there are cores if not given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

/// No test ran.
const NOTHING_RAN: u8 = 2;

fn main() -> ExitCode {
    let report = match run(&Arguments::parse()) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: {error:#}");
            return NOTHING_RAN.into();
        }
    };
    println!("{report}");
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Arguments) -> Result<Report> {
    let mut suite = Suite::open(&arguments.dir)?;
    if let Some(text) = &arguments.filter {
        suite.filter(text)?;
    }
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => thread::available_parallelism()?,
    };
    let report = suite.run(threads.get())?;
    // Files without a case, or with none that applies here, show nothing either.
    let excluded = || report.excluded.iter().map(|(reason, count)| format!("{count}: {reason}"));
    ensure!(
        report.passed() > 0 || !report.failures.is_empty(),
        "no test ran; excluded: {}",
        excluded().collect::<Vec<_>>().join("; ")
    );
    Ok(report)
}
