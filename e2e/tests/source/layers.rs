//! Who may import whom. The order of the crates is part of the design: consensus code must not come to depend on a
//! database, a socket or a clock by way of another crate.

use std::{collections::BTreeMap, process::Command};

use e2e::sources::{metadata, root};
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
    ("rollup", &["bindings", "db", "rollup", "stf", "trie"]),
    ("sequencing", &["bindings", "db", "rollup", "stf"]),
    ("rpc", &["db", "rollup", "sequencing", "stf", "trie"]),
    ("bridge", &["bindings", "rollup"]),
    ("verify", &["bindings", "rollup", "vm"]),
    ("node", &["bindings", "bridge", "db", "rollup", "rpc", "sequencing", "verify"]),
    ("fraud-prover", &["bindings", "db", "rollup", "stf", "vm"]),
    ("testnet", &["bindings", "rollup", "stf", "verify"]),
    (
        "e2e",
        &["bindings", "db", "fraud-prover", "rollup", "rpc", "sequencing", "stf", "testnet", "trie", "vm"],
    ),
];

/// What a challenger must not link, by any way: whoever verifies needs no pool, sequencer, batcher or server.
const FOREIGN_TO_A_VERIFIER: &[&str] = &["sequencing", "rpc", "bridge", "verify", "node", "jsonrpsee"];

/// Crates that the guest is made of: nothing here may bring in threads, sockets, files or clocks.
const GUEST: &[&str] = &["keccak-lanes", "trie", "stf", "program"];
const FOREIGN_TO_THE_GUEST: &[&str] = &["tokio", "signet-libmdbx", "reqwest", "jsonrpsee", "tracing", "rand"];

/// Crate → its dependencies as (name, kind).
fn dependencies() -> BTreeMap<String, Vec<(String, Option<String>)>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    metadata(&["--no-deps"]).expect("cargo knows the workspace")["packages"]
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

#[test]
fn a_challenger_links_no_sequencer_and_no_server() {
    // The whole tree, other people's crates included: a wall with a door in it is none.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "fraud-prover", "--edges", "normal", "--prefix", "none", "--offline"])
        .args(["--format", "{p}", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    let linked: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(linked.contains(&"rollup"), "the tree of the challenger: {linked:?}");
    for foreign in FOREIGN_TO_A_VERIFIER {
        assert!(!linked.contains(foreign), "the challenger links {foreign}");
    }
}
