//! The dashboard, as a file.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{check_names, listed, rules::with_window, text};

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// The data source that the user chooses when he imports the dashboard.
const SOURCE: &str = "${datasource}";

/// A query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct PanelQuery {
    pub(crate) panel: String,
    expression: String,
}

impl PanelQuery {
    /// What Grafana would ask: for all processes, and rates over `window`.
    pub(crate) fn filled(&self, window: &str) -> String {
        with_window(&self.expression.replace("$process", ".+"), window)
    }
}

fn panels(dashboard: &Value) -> Result<&Vec<Value>> {
    dashboard["panels"].as_array().context("no panels")
}

/// All queries of all panels.
pub(crate) fn queries() -> Result<Vec<PanelQuery>> {
    let dashboard: Value = serde_json::from_str(&text("dashboard.json"))?;
    let mut queries = Vec::new();
    for panel in panels(&dashboard)? {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
            let query = PanelQuery { panel: text(&panel["title"])?, expression: text(&target["expr"])? };
            queries.push(query);
        }
    }
    Ok(queries)
}

#[test]
fn queries_name_metrics_that_there_are() -> Result<()> {
    let (queries, known) = (queries()?, listed());
    ensure!(queries.len() > 50, "{} queries", queries.len());
    for query in &queries {
        check_names(&query.expression, &known);
        let own = [r#"{job="recourse",process=~"$process""#, r#"{job="recourse",alertstate="#];
        let is_filtered = own.iter().any(|filter| query.expression.contains(filter));
        ensure!(is_filtered, "{}: of all processes: {}", query.panel, query.expression);
        let ranges = query.expression.matches('[').count();
        let fitting = query.expression.matches("[$__rate_interval]").count();
        ensure!(ranges == fitting, "{}: a range of its own: {}", query.panel, query.expression);
    }
    Ok(())
}

#[test]
fn panels_are_whole_and_do_not_overlap() -> Result<()> {
    let dashboard: Value = serde_json::from_str(&text("dashboard.json"))?;
    ensure!(dashboard["id"].is_null(), "an id is one installation's");
    let variables = dashboard["templating"]["list"].as_array().context("no variables")?;
    let named = |name: &str| variables.iter().find(|variable| variable["name"] == name);
    ensure!(named("datasource").context("no data source")?["type"] == "datasource", "not a data source");
    ensure!(named("process").context("no process")?["datasource"]["uid"] == SOURCE, "another data source");

    let (mut ids, mut titles, mut cells) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard)? {
        let title = panel["title"].as_str().context("no title")?;
        ensure!(ids.insert(panel["id"].as_u64().context("no id")?), "{title}: an id twice");
        ensure!(titles.insert(title), "{title} twice");
        let place = |key: &str| panel["gridPos"][key].as_u64().with_context(|| format!("{title}: no {key}"));
        let (x, y, w, h) = (place("x")?, place("y")?, place("w")?, place("h")?);
        ensure!(x + w <= COLUMNS, "{title}: too far right");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            ensure!(cells.insert(cell), "{title} overlaps with another at {cell:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        ensure!(panel["datasource"]["uid"] == SOURCE, "{title}: a data source of its own");
        ensure!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{title}: what is it?");
        ensure!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: no unit");
        let targets = panel["targets"].as_array().filter(|targets| !targets.is_empty());
        let mut letters = BTreeSet::new();
        for target in targets.with_context(|| format!("{title}: no queries"))? {
            ensure!(target["datasource"]["uid"] == SOURCE, "{title}: a data source of its own");
            ensure!(target["legendFormat"].is_string(), "{title}: no legend");
            ensure!(
                letters.insert(target["refId"].as_str().context("no letter")?),
                "{title}: a letter twice"
            );
        }
    }
    Ok(())
}
