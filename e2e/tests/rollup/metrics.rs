//! The lists of metrics say what the code counts, what the documents explain, and what processes serve.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use alloy::transports::http::reqwest;
use anyhow::Result;
use e2e::{
    net::{Load, Net, soon, user},
    sources::{files, root},
};
use rollup::telemetry::{Metric, MetricKind};
use testnet::{Process, ports, tools};

fn node() -> impl Iterator<Item = &'static Metric> {
    [rollup::telemetry::METRICS, sequencing::telemetry::METRICS, rpc::telemetry::METRICS]
        .into_iter()
        .flatten()
}

fn all() -> BTreeMap<&'static str, &'static Metric> {
    node().chain(fraud_prover::telemetry::METRICS).map(|metric| (metric.name, metric)).collect()
}

/// The names in calls of `counter!`, `gauge!` and `histogram!`, and of tasks' failures.
fn counted() -> BTreeSet<(String, MetricKind)> {
    let files = ["node", "fraud-prover"].map(|folder| files(folder, &[".rs"]).expect("a folder"));
    let mut names = BTreeSet::new();
    for file in files.iter().flatten().filter(|file| !file.ends_with("telemetry.rs")) {
        let text = fs::read_to_string(file).expect("a text");
        // Tests count what they like.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let calls = [
            ("counter!(", MetricKind::Counter),
            ("gauge!(", MetricKind::Gauge),
            ("histogram!(", MetricKind::Histogram),
            ("const FAILURES: &'static str =", MetricKind::Counter),
        ];
        for (call, kind) in calls {
            for (at, _) in text.match_indices(call) {
                let rest = text[at + call.len()..].trim_start();
                if let Some(name) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    names.insert((name.to_owned(), kind));
                }
            }
        }
    }
    names
}

#[test]
fn what_is_counted_is_listed_and_what_is_listed_is_counted() {
    let kind = |metric: &Metric| (metric.name.to_owned(), metric.kind);
    let listed: BTreeSet<_> = all().into_values().map(kind).collect();
    let names = |all: &BTreeSet<(String, MetricKind)>| format!("{all:?}").replace("), (", "),\n(");
    assert_eq!(names(&counted()), names(&listed));
    for metric in all().values() {
        assert!(metric.name.starts_with("recourse_"), "{}", metric.name);
        assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
    }
}

#[test]
fn the_documents_explain_every_metric() {
    let text = fs::read_to_string(root().join("node/docs/metrics.md")).expect("the document");
    let rows: BTreeSet<String> =
        text.lines().filter(|line| line.starts_with("| `")).map(Into::into).collect();
    let row = |metric: &Metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        format!("| `{}` | {kind} | {} | {} |", metric.name, metric.labels, metric.help)
    };
    let expected: BTreeSet<String> = all().into_values().map(row).collect();
    assert_eq!(rows, expected);
    // What operations says to alert on exists.
    let operations = fs::read_to_string(root().join("node/docs/operations.md")).expect("the document");
    let known = all();
    for word in operations.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let is_method = word == "recourse_status" || word.contains(|c: char| c.is_ascii_uppercase());
        let is_known = !word.starts_with("recourse_") || known.contains_key(word);
        assert!(is_method || is_known, "{word} in operations.md");
    }
}

/// The metrics that an address serves: name to the number of its lines.
async fn served(port: u16) -> Result<BTreeSet<String>> {
    let text = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await?.text().await?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    // A histogram has several lines under names of their own.
    let base = |name: String| {
        let base =
            ["_sum", "_count", "_bucket"].iter().find_map(|end| name.strip_suffix(end).map(str::to_owned));
        base.filter(|base| {
            all().get(base.as_str()).is_some_and(|metric| metric.kind == MetricKind::Histogram)
        })
        .unwrap_or(name)
    };
    Ok(lines.map(name).map(base).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_serve_what_is_listed() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("metrics")?;
    let (sequencer, replica) = (ports::free()?, ports::free()?);
    options.sequencer_arguments.extend(["--metrics".into(), format!("127.0.0.1:{sequencer}")]);
    options.replica_arguments.extend(["--metrics".into(), format!("127.0.0.1:{replica}")]);
    let net = Net::start(options).await?;
    let miner = net.miner();
    let challenger = ports::free()?;
    let mut watch = {
        let mut command = std::process::Command::new(tools::challenger()?);
        command.arg("watch").arg("--rollup").arg(net.devnet.rollup_path());
        let l1 = net.devnet.anvil.url();
        command.args(["--l1-rpc", l1, "--l1-beacon", l1, "--l1-poll", "50ms"]);
        command.arg("--data-dir").arg(net.devnet.dir.join("data/challenger"));
        command.args(["--metrics", &format!("127.0.0.1:{challenger}")]);
        Process::spawn("challenger", &mut command, &net.devnet.dir.join("logs/challenger.log"))?
    };
    let load =
        Load::start(net.devnet.sequencer()?.provider(), net.devnet.rollup.chain.chain_id, vec![user(0)?]);

    let known = all();
    let counters = |list: &[Metric]| -> BTreeSet<String> {
        let plain =
            list.iter().filter(|metric| metric.kind == MetricKind::Counter && metric.labels.is_empty());
        plain.map(|metric| metric.name.to_owned()).collect()
    };
    // Gauges come with the first value; these have one in any node that works.
    let gauges =
        ["recourse_unsafe_head", "recourse_l1_head", "recourse_l1_cursor", "recourse_database_bytes"];
    let challenges = ["recourse_challenger_open_games", "recourse_challenger_l1_time"];
    // Port, counters, gauges.
    type Case<'a> = (u16, Vec<BTreeSet<String>>, Vec<&'a str>);
    let cases: [Case<'_>; 3] = [
        (
            sequencer,
            vec![counters(rollup::telemetry::METRICS), counters(sequencing::telemetry::METRICS)],
            gauges.to_vec(),
        ),
        (
            replica,
            vec![counters(rollup::telemetry::METRICS), counters(sequencing::telemetry::METRICS)],
            gauges.to_vec(),
        ),
        (
            challenger,
            vec![counters(rollup::telemetry::METRICS), counters(fraud_prover::telemetry::METRICS)],
            challenges.to_vec(),
        ),
    ];
    for (port, expected, gauges) in cases {
        let names = soon("metrics are served", async || {
            let Ok(names) = served(port).await else { return Ok(None) };
            Ok(gauges.iter().all(|gauge| names.contains(*gauge)).then_some(names))
        })
        .await?;
        for name in &names {
            assert!(known.contains_key(name.as_str()), "{name} is served and not listed");
        }
        for name in expected.iter().flatten() {
            assert!(names.contains(name), "{name} is listed and not served");
        }
    }
    load.stop().await?;
    watch.stop(std::time::Duration::from_secs(10)).await?;
    drop(miner);
    net.finish().await
}
