//! `recourse-node`: the command line over the node library.

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use node::cli::{Cli, LogFormat};
use tracing_subscriber::EnvFilter;

/// Many small allocations that one thread makes and another frees: the system's allocator is slow at these.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,db=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(node::run::run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        // One line, whatever the depth of the cause.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
