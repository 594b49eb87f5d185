//! The alert rules, as a file.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, ensure};
use e2e::sources::root;

use crate::{check_names, listed, text};

/// A rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) name: String,
    expression: String,
    wait: String,
    severity: String,
    summary: String,
    description: String,
    guide: String,
    /// Whether a comment stands before it, with the reason for its threshold.
    is_explained: bool,
}

/// All rules. The file keeps to one line for each field, which `promtool` does not ask for.
pub(crate) fn rules() -> Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut is_explained = false;
    for line in text("alerts.yml").lines() {
        let line = line.trim();
        if line.starts_with('#') {
            is_explained = true;
            continue;
        }
        if let Some(name) = line.strip_prefix("- alert: ") {
            rules.push(Rule { name: name.into(), is_explained, ..Rule::default() });
        } else if let (Some(rule), Some((key, value))) = (rules.last_mut(), line.split_once(": ")) {
            let field = match key {
                "expr" => &mut rule.expression,
                "for" => &mut rule.wait,
                "severity" => &mut rule.severity,
                "summary" => &mut rule.summary,
                "description" => &mut rule.description,
                "guide" => &mut rule.guide,
                _ => anyhow::bail!("{}: an unknown field: {line}", rule.name),
            };
            ensure!(field.is_empty(), "{}: {key} twice", rule.name);
            value.trim_matches('"').clone_into(field);
        }
        is_explained = false;
    }
    Ok(rules)
}

/// The rules with times for a test: each waits a second, and looks back for `window`. Nothing else is changed.
pub(crate) fn shortened(text: &str, window: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        lines.push(match rest.split_once(": ") {
            Some(("for", _)) => format!("{indent}for: 1s"),
            Some(("expr", expression)) => format!("{indent}expr: {}", with_window(expression, window)),
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

/// An expression whose ranges, in brackets, and offsets are all this long.
pub(crate) fn with_window(expression: &str, window: &str) -> String {
    let mut pieces = expression.split('[');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.split_once(']').map_or("", |(_, rest)| rest);
        out += &format!("[{window}]{rest}");
    }
    let mut pieces = out.split(" offset ");
    let mut done = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let length = piece.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(piece.len());
        done += &format!(" offset {window}{}", &piece[length..]);
    }
    done
}

/// The place that a link from `node/docs` names is there: a file, and a heading in it.
fn check_guide(link: &str) -> Result<()> {
    let (file, anchor) = link.split_once('#').context("no heading")?;
    let text = fs::read_to_string(root().join("node/docs").join(file)).context("no such file")?;
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchors: BTreeSet<String> = headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
        })
        .collect();
    ensure!(anchors.contains(anchor), "no heading {anchor}");
    Ok(())
}

#[test]
fn rules_say_what_to_do_and_name_metrics_that_there_are() -> Result<()> {
    let (rules, known) = (rules()?, listed());
    ensure!(rules.len() >= 10, "{} rules", rules.len());
    let names: BTreeSet<_> = rules.iter().map(|rule| &rule.name).collect();
    ensure!(names.len() == rules.len(), "two rules of one name");
    for rule in &rules {
        let name = &rule.name;
        check_names(&rule.expression, &known);
        ensure!(name.starts_with("Recourse"), "{name}: others have alerts, too");
        ensure!(rule.is_explained, "{name}: no comment says why its threshold is what it is");
        ensure!(!rule.wait.is_empty(), "{name}: for how long?");
        ensure!(["critical", "warning"].contains(&rule.severity.as_str()), "{name}: how severe?");
        ensure!(rule.summary.contains("{{ $labels.process }}"), "{name}: whose alert is it?");
        ensure!(rule.description.len() > 40, "{name}: what is to be done?");
        check_guide(&rule.guide).with_context(|| format!("{name}: {}", rule.guide))?;
        // What is not of this job may have metrics of the same names.
        ensure!(rule.expression.contains(r#"job="recourse""#), "{name}: of all jobs");
    }
    Ok(())
}

#[test]
fn times_are_shortened_and_nothing_else() {
    let rule =
        "  - alert: A\n    expr: changes(a[5m]) == 0 and (b unless b offset 15m)\n    for: 1h\n    labels:\n";
    let short =
        "  - alert: A\n    expr: changes(a[8s]) == 0 and (b unless b offset 8s)\n    for: 1s\n    labels:\n";
    assert_eq!(shortened(rule, "8s"), short);
    assert_eq!(with_window("rate(a[1m]) / rate(b[2h:1m])", "9s"), "rate(a[9s]) / rate(b[9s])");
}
