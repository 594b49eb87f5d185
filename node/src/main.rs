//! `recourse-node`: the command line over the node library.

use std::process::ExitCode;

use node::cli::Cli;
use rollup::options;

/// Many small allocations that one thread makes and another frees: the system's allocator is slow at these.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli: Cli = match options::run_or_print(&["sequencer", "replica", "batcher", "proposer"]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    cli.log_format.start();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(node::run::run(cli.command)) {
        Ok(code) => code,
        // One line, whatever the depth of the cause.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
