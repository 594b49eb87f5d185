//! All benchmarks of the project: prints a table and writes `target/bench.json`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use e2e::bench::{
    attacks, batches, blob_dispute, derivation, dispute, execution, hostile, logs, posting, proving,
    requests,
    runner::{self, Part},
    sequencing, table,
};
use indicatif::ProgressBar;

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the node beside its peers, each in the same run on the same machine.
///
/// Each benchmark stands alone: one that fails is a row that says so, and the file has the figures of those that are done.
/// Ends with 0 unless a benchmark failed; a target that is missed only shows.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Only these benchmarks. Default: all.
    #[arg(value_enum)]
    only: Vec<Benchmark>,
    /// Where the figures go, as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Executing and committing recorded blocks, beside bare revm.
    Execution,
    /// Bytes and L1 gas per transfer.
    Batches,
    /// Rebuilding a long chain from L1.
    Derivation,
    /// Instructions of the fault proof VM per L2 gas, and its speed.
    Proving,
    /// What a dispute over a full block costs the honest side.
    Dispute,
    /// A dispute over the last block of six full blobs.
    BlobDispute,
    /// Transfers per second and latency, beside Anvil.
    Sequencing,
    /// Transfers a second through to safe, by the blobs that L1 takes.
    Posting,
    /// How long one hostile transaction delays others.
    Hostile,
    /// What hostile requests take of a node, and of other clients' time.
    Attacks,
    /// Searching a rare log in a long chain.
    Logs,
    /// JSON-RPC requests a second, beside geth and Anvil.
    Requests,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let progress = |message: &str| bar.set_message(message.to_owned());
    let all = [
        (Benchmark::Execution, Part::new("execution", move || async move { execution::run(progress) })),
        (Benchmark::Batches, {
            Part::new("batches", move || {
                progress("batches");
                batches::run()
            })
        }),
        (Benchmark::Derivation, Part::new("derivation", move || derivation::run(progress))),
        (Benchmark::Proving, Part::new("proving", move || async move { proving::run(progress) })),
        (Benchmark::Dispute, Part::new("dispute", move || dispute::run(progress))),
        (Benchmark::BlobDispute, Part::new("blob-dispute", move || blob_dispute::run(progress))),
        (Benchmark::Sequencing, Part::new("sequencing", move || sequencing::run(progress))),
        (Benchmark::Posting, Part::new("posting", move || posting::run(progress))),
        (Benchmark::Hostile, Part::new("hostile", move || async move { hostile::run(progress) })),
        (Benchmark::Attacks, Part::new("attacks", move || attacks::run(progress))),
        (Benchmark::Requests, Part::new("requests", move || requests::run(progress))),
        (Benchmark::Logs, Part::new("logs", move || async move { logs::run(progress) })),
    ];
    let wanted = |benchmark| arguments.only.is_empty() || arguments.only.contains(&benchmark);
    let parts = all.into_iter().filter_map(|(benchmark, part)| wanted(benchmark).then_some(part)).collect();
    let rows = runner::run(parts, &arguments.json).await?;
    bar.finish_and_clear();
    print!("{}", table(&rows));
    println!("written to {}", arguments.json.display());
    let failed: Vec<&str> =
        rows.iter().filter(|row| row.error.is_some()).map(|row| row.name.as_str()).collect();
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: these benchmarks failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}
