//! All benchmarks of the project: prints a table and writes `target/bench.json`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use e2e::bench::{Row, batches, derivation, dispute, execution, proving, sequencing, table};
use indicatif::ProgressBar;

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the node beside its peers, each in the same run on the same machine.
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
    /// Instructions of the fraud-proof machine per L2 gas, and its speed.
    Proving,
    /// What a dispute over a full block costs the honest side.
    Dispute,
    /// Transfers per second and latency, beside Anvil.
    Sequencing,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runs = |benchmark| arguments.only.is_empty() || arguments.only.contains(&benchmark);
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let progress = |message: &str| bar.set_message(message.to_owned());
    let mut rows: Vec<Row> = Vec::new();
    if runs(Benchmark::Execution) {
        rows.extend(execution::run(progress).context("execution")?);
    }
    if runs(Benchmark::Batches) {
        progress("batches");
        rows.extend(batches::run().await.context("batches")?);
    }
    if runs(Benchmark::Derivation) {
        rows.extend(derivation::run(progress).await.context("derivation")?);
    }
    if runs(Benchmark::Proving) {
        rows.extend(proving::run(progress).context("proving")?);
    }
    if runs(Benchmark::Dispute) {
        rows.extend(dispute::run(progress).await.context("dispute")?);
    }
    if runs(Benchmark::Sequencing) {
        rows.extend(sequencing::run(progress).await.context("sequencing")?);
    }
    bar.finish_and_clear();
    print!("{}", table(&rows));
    if let Some(folder) = arguments.json.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.json, serde_json::to_vec_pretty(&rows)?)
        .with_context(|| format!("cannot write {}", arguments.json.display()))?;
    println!("written to {}", arguments.json.display());
    Ok(())
}
