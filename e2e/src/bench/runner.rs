//! Runs benchmarks one after the other. Each stands alone: one that fails, or panics, is a row that says so, and what the
//! others have measured is written as soon as it is there.

use std::{any::Any, panic::AssertUnwindSafe, path::Path};

use anyhow::{Context, Result, anyhow};
use futures::{FutureExt, future::LocalBoxFuture};

use super::Row;

/// A benchmark to be run.
pub struct Part<'a> {
    name: &'static str,
    run: Box<dyn FnOnce() -> LocalBoxFuture<'a, Result<Vec<Row>>> + 'a>,
}

impl<'a> Part<'a> {
    /// A benchmark by its name. Nothing happens before its turn.
    pub fn new<F>(name: &'static str, run: impl FnOnce() -> F + 'a) -> Self
    where
        F: Future<Output = Result<Vec<Row>>> + 'a,
    {
        Self { name, run: Box::new(move || run().boxed_local()) }
    }
}

/// Runs all, and writes the rows so far to this file after each. Fails only if they cannot be written.
pub async fn run(parts: Vec<Part<'_>>, json: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    // Figures of an earlier run must not be taken for this one's, should it be killed.
    write(&rows, json)?;
    for part in parts {
        // Within, so that a panic before the first await counts, too.
        let measured = AssertUnwindSafe(async { (part.run)().await }).catch_unwind().await;
        match measured.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic)))) {
            Ok(measured) => rows.extend(measured),
            Err(error) => rows.push(Row::failed(part.name, &error)),
        }
        write(&rows, json)?;
    }
    Ok(rows)
}

/// Writes the rows whole or not at all.
fn write(rows: &[Row], json: &Path) -> Result<()> {
    rollup::files::write(json, &serde_json::to_vec_pretty(rows)?)
        .with_context(|| format!("cannot write {}", json.display()))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;
    use crate::bench::{Goal, table};

    fn row(name: &str) -> Vec<Row> {
        vec![Row::new(name, 3.0, "s", "limit", 4.0, Goal::AtMostPeer)]
    }

    async fn panics() -> Result<Vec<Row>> {
        panic!("at {}", 7)
    }

    fn stored(json: &Path) -> Vec<Value> {
        serde_json::from_slice(&fs::read(json).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_part_that_fails_is_a_row_and_loses_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("new/bench.json");
        let parts = vec![
            Part::new("first", || async { Ok(row("first")) }),
            Part::new("errs", || async { Err(anyhow!("second line").context("L1 has the batch")) }),
            Part::new("panics", panics),
            Part::new("last", || {
                // What came before is on disk before the next begins.
                let names: Vec<Value> = stored(&json).iter().map(|row| row["name"].clone()).collect();
                assert_eq!(names, ["first", "errs", "panics"]);
                async { Ok(row("last")) }
            }),
        ];
        let rows = run(parts, &json).await.unwrap();
        let errors: Vec<_> = rows.iter().map(|row| row.error.as_deref()).collect();
        assert_eq!(errors, [None, Some("L1 has the batch: second line"), Some("panic: at 7"), None]);
        assert!(rows[0].met && !rows[1].met && !rows[2].met && rows[3].met);

        let stored = stored(&json);
        assert_eq!(stored.len(), 4);
        assert_eq!((&stored[0]["value"], &stored[0]["met"]), (&3.0.into(), &true.into()));
        assert!(stored[0].get("error").is_none());
        assert_eq!((&stored[1]["value"], &stored[1]["met"]), (&Value::Null, &false.into()));
        assert_eq!(stored[1]["error"], "L1 has the batch: second line");
        let table = table(&rows);
        let line = table.lines().find(|line| line.starts_with("errs")).unwrap();
        assert!(line.contains("FAILED"), "{table}");
        assert!(table.contains("errs: L1 has the batch: second line"), "{table}");
        assert!(table.lines().any(|line| line.starts_with("last") && line.contains("3.00")), "{table}");
    }

    #[tokio::test]
    async fn figures_of_an_earlier_run_are_gone_when_the_next_begins() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("bench.json");
        fs::write(&json, "[{\"name\": \"old\"}]").unwrap();
        let parts = vec![Part::new("one", || {
            assert!(stored(&json).is_empty());
            async { Ok(row("one")) }
        })];
        assert_eq!(run(parts, &json).await.unwrap().len(), 1);
        assert_eq!(stored(&json).len(), 1);
    }
}
