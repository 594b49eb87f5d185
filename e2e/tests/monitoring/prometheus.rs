//! Prometheus and promtool as processes.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::transports::http::reqwest::{self, Url};
use anyhow::{Context, Result, ensure};
use e2e::net::{PATIENCE, soon, until};
use serde_json::Value;
use testnet::{Process, ports, tools};

use crate::{folder, rules::shortened, text};

/// Time between two looks at a process, and between two looks at the rules.
const INTERVAL: &str = "500ms";
/// How far back the rules look: some rounds of a process's own measuring, which is each second.
pub(crate) const WINDOW: &str = "8s";
/// How long an alert may take: an account is looked at each 20 seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// An alert, and the process that it is about.
pub(crate) type Alarm = (&'static str, &'static str);

/// A Prometheus that reads a rollup by the example's configuration.
pub(crate) struct Prometheus {
    process: Process,
    url: String,
    started: f64,
    fired: BTreeSet<String>,
}

/// Whether Prometheus and promtool are installed; says it if not.
pub(crate) fn is_installed() -> bool {
    let is_here = ["prometheus", "promtool"].iter().all(|name| tools::in_path(name).is_some());
    if !is_here {
        eprintln!(
            "monitoring: no prometheus and promtool (`make setup` installs them): nothing is tried with them"
        );
    }
    is_here
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Runs promtool.
pub(crate) fn promtool(arguments: &[&str], file: &Path) -> Result<()> {
    let output = Command::new("promtool").args(arguments).arg(file).output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

/// The example with the addresses of processes that run, each with the name that the example gives it, and short intervals.
fn configuration(processes: &[(&str, u16)]) -> Result<String> {
    let example = text("prometheus.yml");
    let mut lines: Vec<String> = Vec::new();
    for line in example.lines() {
        let key = line.split_once(": ").map(|(key, _)| key);
        let name = line.trim().strip_prefix("process: ");
        if let Some((_, port)) = processes.iter().find(|(process, _)| Some(*process) == name) {
            let target = lines.iter_mut().rev().find(|line| line.contains("- targets: "));
            let target = target.context("a process without a target")?;
            let indent = target.split("- ").next().unwrap_or_default();
            *target = format!("{indent}- targets: [\"127.0.0.1:{port}\"]");
        }
        lines.push(match key {
            Some(key) if key.ends_with("_interval") => format!("{key}: {INTERVAL}"),
            _ => line.to_owned(),
        });
    }
    let text = lines.join("\n") + "\n";
    for (name, port) in processes {
        ensure!(text.contains(&port.to_string()), "the example does not have {name}");
    }
    ensure!(text.matches("- targets: ").count() == processes.len(), "the example has others, too");
    Ok(text)
}

impl Prometheus {
    /// Starts one in a folder, for these processes, by name and port.
    pub(crate) async fn start(dir: &Path, processes: &[(&str, u16)]) -> Result<Self> {
        let files = dir.join("prometheus");
        fs::create_dir_all(&files)?;
        fs::write(files.join("alerts.yml"), shortened(&text("alerts.yml"), WINDOW))?;
        let config = files.join("prometheus.yml");
        fs::write(&config, configuration(processes)?)?;
        promtool(&["check", "config"], &config)?;
        let port = ports::free()?;
        let mut command = Command::new("prometheus");
        command.arg("--config.file").arg(&config).arg("--storage.tsdb.path").arg(files.join("data"));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--log.level=warn");
        let process = Process::spawn("prometheus", &mut command, &dir.join("logs/prometheus.log"))?;
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { process, url, started: now(), fired: BTreeSet::new() };
        soon("Prometheus answers", async || Ok(prometheus.get("query", &[("query", "1")]).await.ok()))
            .await?;
        Ok(prometheus)
    }

    /// An answer of its API.
    async fn get(&self, path: &str, arguments: &[(&str, &str)]) -> Result<Value> {
        let url = Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), arguments)?;
        let answer: Value = serde_json::from_str(&reqwest::get(url).await?.text().await?)?;
        ensure!(answer["status"] == "success", "{path} {arguments:?}: {answer}");
        Ok(answer["data"].clone())
    }

    /// The alerts that fire now: their labels, and what they say.
    async fn firing(&self) -> Result<Vec<Value>> {
        let alerts = self.get("alerts", &[]).await?;
        let alerts = alerts["alerts"].as_array().context("no list")?;
        Ok(alerts.iter().filter(|alert| alert["state"] == "firing").cloned().collect())
    }

    async fn find(&self, (name, process): Alarm) -> Result<Option<Value>> {
        let is_it = |alert: &Value| {
            let labels = &alert["labels"];
            labels["alertname"] == name && labels["process"] == process
        };
        Ok(self.firing().await?.into_iter().find(is_it))
    }

    /// Waits until nothing fires.
    pub(crate) async fn wait_quiet(&self) -> Result<()> {
        until("no alert fires", LIMIT, async || {
            let firing = self.firing().await?;
            let labels: Vec<_> = firing.iter().map(|alert| alert["labels"].to_string()).collect();
            ensure!(labels.is_empty(), "{labels:?}");
            Ok(Some(()))
        })
        .await
    }

    /// These alerts do not fire; then something happens, and they do.
    pub(crate) async fn fires(
        &mut self,
        alarms: &[Alarm],
        fault: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        for alarm in alarms {
            let what = format!("{alarm:?} does not fire before its fault");
            soon(&what, async || Ok(self.find(*alarm).await?.is_none().then_some(()))).await?;
        }
        fault.await?;
        for alarm in alarms {
            self.wait(*alarm).await?;
        }
        Ok(())
    }

    /// Waits for an alert; what it says must be whole.
    pub(crate) async fn wait(&mut self, alarm: Alarm) -> Result<()> {
        let began = now();
        let alert = until(&format!("{alarm:?}"), LIMIT, async || self.find(alarm).await).await?;
        let said = alert["annotations"].to_string();
        ensure!(!said.contains("<no value>") && !said.contains("<error"), "{said}");
        eprintln!("monitoring: {alarm:?} after {:.1} s: {}", now() - began, alert["annotations"]["summary"]);
        self.fired.insert(alarm.0.into());
        Ok(())
    }

    /// Waits until an alert that has fired does no more.
    pub(crate) async fn ends(&self, alarm: Alarm) -> Result<()> {
        let what = format!("{alarm:?} ends");
        until(&what, LIMIT, async || Ok(self.find(alarm).await?.is_none().then_some(()))).await
    }

    /// The alerts that have fired.
    pub(crate) const fn fired(&self) -> &BTreeSet<String> {
        &self.fired
    }

    /// How many points a query gives from the start to now.
    pub(crate) async fn points(&self, query: &str) -> Result<usize> {
        let (start, end) = (self.started.to_string(), now().to_string());
        let arguments = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        let data = self.get("query_range", &arguments).await?;
        let series = data["result"].as_array().context("no series")?;
        Ok(series.iter().filter_map(|one| one["values"].as_array()).map(Vec::len).sum())
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.process.check_alive()?;
        self.process.stop(PATIENCE).await?;
        Ok(())
    }
}

#[test]
fn promtool_takes_rules_and_example() -> Result<()> {
    if !is_installed() {
        return Ok(());
    }
    promtool(&["check", "rules", "--lint-fatal"], &folder().join("alerts.yml"))?;
    promtool(&["check", "config"], &folder().join("prometheus.yml"))
}
