//! Whose code is linked: licences, versions and sources, as `.deny.toml` allows them. cargo-deny reads the same file and
//! knows of vulnerabilities besides (`make deny`); this needs nothing installed and no network.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::sources::{metadata, root};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: BTreeSet<String>,
}

/// A crate that is linked, or runs when something is built.
#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn rules() -> Result<Rules> {
    let path = root().join(".deny.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(toml::from_str(&text)?)
}

fn packages(rules: &Rules) -> Result<Vec<Package>> {
    let target = rules.graph.targets.first().context("a target")?;
    let metadata = metadata(&["--locked", "--filter-platform", target])?;
    let nodes = metadata["resolve"]["nodes"].as_array().context("nodes")?;
    let used: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let all = Vec::<Package>::deserialize(&metadata["packages"])?;
    Ok(all.into_iter().filter(|package| used.contains(package.id.as_str())).collect())
}

/// Whether one of the ways in which a licence expression can be met is allowed.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> Result<bool> {
    let expression = Expression::parse_mode(expression, ParseMode::LAX)?;
    Ok(expression.evaluate(|requirement| allow.contains(&requirement.to_string())))
}

#[test]
fn every_licence_is_allowed_and_every_allowed_one_is_needed() -> Result<()> {
    let rules = rules()?;
    let packages = packages(&rules)?;
    ensure!(packages.len() > 300, "only {} crates: something is not seen", packages.len());
    let refused = |allow: &BTreeSet<String>| -> Result<Vec<String>> {
        let mut refused = Vec::new();
        for Package { name, license, .. } in &packages {
            let license = license.as_deref().with_context(|| format!("{name} names no licence"))?;
            if !is_allowed(license, allow)? {
                refused.push(format!("{name} ({license})"));
            }
        }
        Ok(refused)
    };
    let found = refused(&rules.licenses.allow)?;
    ensure!(found.is_empty(), "licences that .deny.toml does not allow: {found:?}");
    for licence in &rules.licenses.allow {
        let mut fewer = rules.licenses.allow.clone();
        fewer.remove(licence);
        ensure!(!refused(&fewer)?.is_empty(), ".deny.toml allows {licence}, which nothing needs");
    }
    Ok(())
}

#[test]
fn licence_expressions_are_read_as_spdx_says() -> Result<()> {
    let allow = ["MIT", "ISC"].map(String::from).into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("ISC AND (GPL-3.0-only OR MIT)", true),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 WITH LLVM-exception", false),
    ] {
        ensure!(is_allowed(expression, &allow)? == expected, "{expression}");
    }
    Ok(())
}

#[test]
fn only_known_crates_are_there_in_several_versions() -> Result<()> {
    let rules = rules()?;
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages(&rules)? {
        versions.entry(package.name).or_default().insert(package.version);
    }
    for (name, versions) in &versions {
        let known = |version: &&String| rules.bans.skip.contains(&format!("{name}@{version}"));
        let unknown: Vec<_> = versions.iter().filter(|version| !known(version)).collect();
        ensure!(unknown.len() <= 1, "{name} is there as {unknown:?}: choose one, or say so in .deny.toml");
    }
    for entry in &rules.bans.skip {
        let there = entry.split_once('@').is_some_and(|(name, version)| {
            versions.get(name).is_some_and(|versions| versions.len() > 1 && versions.contains(version))
        });
        ensure!(there, ".deny.toml knows {entry}, which is gone: remove the line");
    }
    Ok(())
}

#[test]
fn every_dependency_comes_from_the_registry() -> Result<()> {
    for Package { name, source, .. } in packages(&rules()?)? {
        ensure!(source.as_deref().is_none_or(|source| source == REGISTRY), "{name} comes from {source:?}");
    }
    Ok(())
}
