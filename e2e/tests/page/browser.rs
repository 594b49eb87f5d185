//! The scripts in `e2e/browser`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::sources::root;
use testnet::{Process, tools};

/// How long a script may take, beside the minutes that it is told to.
const LIMIT: Duration = Duration::from_secs(300);

/// Chromium, and the script's folder.
pub(crate) struct Browser {
    chromium: PathBuf,
    node: PathBuf,
    folder: PathBuf,
    logs: PathBuf,
    devnet_json: PathBuf,
}

impl Browser {
    /// Nothing, and a line that says so, where there is no Chromium: `CHROMIUM`, or in the search path.
    pub(crate) fn find(logs: &Path, devnet_json: &Path) -> Result<Option<Self>> {
        let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let Some(chromium) = named.or_else(|| tools::in_path("chromium")) else {
            eprintln!(
                "page: there is no Chromium here (`make setup`, or CHROMIUM): nothing is tried in a browser"
            );
            return Ok(None);
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        ensure!(
            folder.join("node_modules/playwright-core").exists(),
            "nothing to drive a browser with: run `make setup`"
        );
        let node = tools::in_path("node").context("no Node.js in the search path")?;
        let (logs, devnet_json) = (logs.to_owned(), devnet_json.to_owned());
        Ok(Some(Self { chromium, node, folder, logs, devnet_json }))
    }

    /// Runs a script to its end, and prints what it found.
    pub(crate) async fn run(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.node);
        command.arg(self.folder.join(format!("{name}.mjs"))).arg(&self.devnet_json).args(arguments);
        command.env("CHROMIUM", &self.chromium);
        // Where pictures go: those of the README are made by `PICTURES=fraud-prover/page/pictures`.
        let pictures =
            std::env::var_os("PICTURES").map_or_else(|| self.logs.clone(), |path| root().join(path));
        command.env("PICTURES", pictures);
        let log = self.logs.join(format!("browser-{name}.log"));
        let mut process = Process::spawn(name, &mut command, &log)?;
        let status = process.wait(LIMIT + long(arguments)).await?;
        let output = std::fs::read_to_string(&log)?;
        let status = status.with_context(|| format!("{name} does not end:\n{output}"))?;
        // What ends by itself before its last line did not do everything.
        let is_done = status.success() && output.trim_end().ends_with("done");
        ensure!(is_done, "{name} ended with {status}:\n{output}");
        eprintln!("{name}:\n{output}");
        Ok(())
    }
}

/// Minutes that a script was asked to take: its second argument.
fn long(arguments: &[&str]) -> Duration {
    let minutes = arguments.get(1).and_then(|minutes| minutes.parse::<f64>().ok()).unwrap_or(0.0);
    Duration::from_secs_f64(minutes.clamp(0.0, 10_000.0) * 60.0)
}
