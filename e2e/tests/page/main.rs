//! The challenger's page: what its server answers and refuses, and what people see of it in a browser.
//!
//! The browser is Chromium, where it is installed; without it that part says so, and passes. `PAGE_MINUTES=60` looks at the
//! page's memory for an hour; `PICTURES=fraud-prover/page/pictures` makes the README's pictures.

mod api;
mod browser;
mod demo;
mod large;
mod views;

use std::path::PathBuf;

use anyhow::{Context, Result};
use e2e::net::Net;
use testnet::{Summary, ports};

/// One browser at a time: what is measured is the page, not how many tests share two processors.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A rollup with a challenger that serves a page.
struct Setting {
    net: Net,
    page: String,
    /// What scripts are told of it.
    devnet_json: PathBuf,
}

impl Setting {
    async fn start(name: &str) -> Result<Self> {
        let mut options = Net::options_by_the_clock(name)?;
        options.page_port = Some(ports::free()?);
        let net = Net::start(options).await?;
        let summary = net.devnet.summary()?;
        let page = summary.page.clone().context("the devnet has no page")?;
        let devnet_json = write(&net, &summary)?;
        Ok(Self { net, page, devnet_json })
    }
}

fn write(net: &Net, summary: &Summary) -> Result<PathBuf> {
    let path = net.dir().join("devnet.json");
    std::fs::write(&path, serde_json::to_vec_pretty(summary)?)?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_finds_the_way() -> Result<()> {
    let _turn = TURN.lock().await;
    let setting = Setting::start("page").await?;
    api::reads(&setting.page).await?;
    api::strangers(&setting.page).await?;
    api::events(&setting.page).await?;
    if let Some(browser) = browser::Browser::find(&setting.net.dir().join("logs"), &setting.devnet_json)? {
        tokio::try_join!(browser.run("newcomer", &["0"]), browser.run("hostile", &["1"]))?;
        let minutes = std::env::var("PAGE_MINUTES").unwrap_or_else(|_| "0.5".into());
        browser.run("speed", &["2", &minutes]).await?;
    }
    api::floods(&setting.page).await?;
    setting.net.finish().await
}
