//! Who may import whom. The order of the crates is part of the design: consensus code must not come to depend on a
//! database, a socket or a clock by way of another crate.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Crate → the workspace crates that it may import, tests included.
const ALLOWED: &[(&str, &[&str])] = &[
    ("keccak-lanes", &[]),
    ("trie", &["keccak-lanes"]),
    ("stf", &["trie"]),
    ("db", &["stf", "trie"]),
    ("bindings", &[]),
    ("vm", &["keccak-lanes"]),
    ("program", &["stf", "trie"]),
    ("node", &["bindings", "db", "stf", "trie", "testnet"]),
    ("fraud-prover", &["bindings", "db", "node", "stf", "trie", "vm"]),
    ("testnet", &["bindings", "node", "stf", "vm"]),
    ("e2e", &["bindings", "db", "fraud-prover", "node", "stf", "testnet", "trie", "vm"]),
];

/// Crates that the guest is made of: nothing here may bring in threads, sockets, files or clocks.
const GUEST: &[&str] = &["keccak-lanes", "trie", "stf", "program"];
const FOREIGN_TO_THE_GUEST: &[&str] = &["tokio", "signet-libmdbx", "reqwest", "jsonrpsee", "tracing", "rand"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// Crate → its dependencies as (name, kind).
fn dependencies() -> BTreeMap<String, Vec<(String, Option<String>)>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    metadata()["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            let list = dependencies.map(|one| (text(&one["name"]).unwrap_or_default(), text(&one["kind"])));
            (text(&package["name"]).unwrap_or_default(), list.collect())
        })
        .collect()
}

#[test]
fn crates_import_only_those_below_them() {
    let dependencies = dependencies();
    let ours: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let mut found: Vec<_> = dependencies.keys().map(String::as_str).collect();
    found.sort_unstable();
    let mut expected = ours.clone();
    expected.sort_unstable();
    assert_eq!(found, expected, "a crate is new or gone: say here what it may import");
    for (name, allowed) in ALLOWED {
        for (dependency, kind) in &dependencies[*name] {
            // Integration tests may use the devnet; nothing that is shipped may.
            let shipped = kind.as_deref() != Some("dev");
            let permitted = allowed.contains(&dependency.as_str())
                && (!shipped || dependency != "testnet" || *name == "e2e");
            assert!(
                permitted || !ours.contains(&dependency.as_str()),
                "{name} must not import {dependency} (allowed: {allowed:?})"
            );
        }
    }
}

#[test]
fn the_guests_crates_bring_in_no_operating_system() {
    let dependencies = dependencies();
    for name in GUEST {
        for (dependency, kind) in &dependencies[*name] {
            let shipped = kind.as_deref() != Some("dev");
            assert!(
                !shipped || !FOREIGN_TO_THE_GUEST.contains(&dependency.as_str()),
                "{name} must not import {dependency}"
            );
        }
    }
}
