//! `challenger`: the command line over the fraud-prover library.

use std::process::ExitCode;

use fraud_prover::cli::{self, Cli};
use rollup::options;

fn main() -> ExitCode {
    let cli: Cli = match options::run_or_print(&["watch"]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(cli::run(cli));
    // A thread that still computes is not waited for.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        // One line, whatever the depth of the cause.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
