//! `demo --pace`, with its page open: the dispute plays out on it.

use std::{path::Path, process::Command, time::Duration};

use alloy::transports::http::reqwest;
use anyhow::{Context, Result, ensure};
use e2e::net::until;
use rustix::process::Signal;
use serde_json::json;
use testnet::{Process, ports};

use super::{TURN, browser::Browser};

/// From the start to the page.
const START: Duration = Duration::from_secs(120);
/// For ending all processes.
const END: Duration = Duration::from_secs(60);

/// The demonstration. It is interrupted, not killed, so that its own processes end, too.
struct Demo(Process);

impl Demo {
    async fn end(&mut self) -> Result<bool> {
        self.0.signal(Signal::INT)?;
        Ok(self.0.wait(END).await?.context("it does not end")?.success())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.end_with_children(END);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_plays_out_before_peoples_eyes() -> Result<()> {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir()?;
    let page = format!("http://127.0.0.1:{}", ports::free()?);
    let devnet_json = folder.path().join("demo.json");
    std::fs::write(&devnet_json, serde_json::to_vec(&json!({ "page": page }))?)?;
    let Some(browser) = Browser::find(folder.path(), &devnet_json)? else { return Ok(()) };

    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_demo")));
    let port = page.rsplit(':').next().context("a port")?;
    command.args(["--pace", "3", "--page-port", port]).current_dir(folder.path());
    let mut demo = Demo(Process::spawn("demo", &mut command, &folder.path().join("demo.log"))?);
    until("the page is served", START, async || {
        demo.0.check_alive()?;
        Ok(reqwest::get(format!("{page}/api/v1/overview"))
            .await
            .ok()
            .filter(|answer| answer.status().is_success()))
    })
    .await?;
    let seen = browser.run("demo", &[]).await;
    if seen.is_err() {
        eprintln!("{}", demo.0.log_tail());
    }
    seen?;
    until("the demonstration is over", END, async || {
        demo.0.check_alive()?;
        Ok(std::fs::read_to_string(demo.0.log())?.contains("the page stays at").then_some(()))
    })
    .await?;
    ensure!(demo.end().await?, "it says that the lie was not beaten:\n{}", demo.0.log_tail());
    Ok(())
}
