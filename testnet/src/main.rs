//! `testnet`: a whole rollup on one machine.

mod cli;

use std::process::ExitCode;

use rollup::options;

fn main() -> ExitCode {
    let cli: cli::Cli = match options::run_or_print(&[]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
