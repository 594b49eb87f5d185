//! What operators watch a rollup with: the alert rules, the dashboard and the example of a configuration in `testnet/monitoring`.
//! They name what there is, and where Prometheus is installed, a real one reads a running rollup, fires each alert by a real
//! fault, and answers each query of the dashboard.

mod dashboard;
mod faults;
mod prometheus;
mod rules;

use std::{collections::BTreeMap, fs, path::PathBuf};

use e2e::sources::root;

/// The folder with what is tested.
fn folder() -> PathBuf {
    root().join("testnet/monitoring")
}

/// One of its files.
fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The metrics that the documents list, each with its kind. `rollup/metrics.rs` compares them with what is served.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("node/docs/metrics.md")).expect("the document");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim);
        let name = cells.next().expect("a name").trim_end_matches('`');
        (name.to_owned(), cells.next().expect("a kind").to_owned())
    })
    .collect()
}

/// Fails if an expression names a metric that is not listed. A histogram has series under names of their own, too.
fn check_names(expression: &str, known: &BTreeMap<String, String>) {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut count = 0;
    for word in words.filter(|word| word.starts_with("recourse_")) {
        let whole = ["_count", "_sum"].iter().find_map(|end| word.strip_suffix(end));
        let is_part = whole.and_then(|name| known.get(name)).is_some_and(|kind| kind == "histogram");
        assert!(is_part || known.contains_key(word), "{word} is no metric: {expression}");
        count += 1;
    }
    let is_own = ["up{", "ALERTS{"].iter().any(|name| expression.contains(name));
    assert!(count > 0 || is_own, "no metric: {expression}");
}
