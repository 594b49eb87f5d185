//! Who may import whom. The order of the crates is part of the design: consensus code must not come to depend on a
//! database, a socket or a clock by way of another crate.

use std::collections::BTreeMap;

use e2e::sources::{files, metadata, root};
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
    ("fraud-prover", &["bindings", "bridge", "db", "rollup", "rpc", "sequencing", "stf", "vm"]),
    ("testnet", &["bindings", "rollup", "stf", "verify"]),
    (
        "e2e",
        &["bindings", "db", "fraud-prover", "rollup", "rpc", "sequencing", "stf", "testnet", "trie", "vm"],
    ),
];

/// What a challenger's judgement and moves must not come from: whoever verifies needs no pool, sequencer, batcher or server. Its
/// page, which decides nothing, answers requests by them.
const FOREIGN_TO_A_VERIFIER: &[&str] =
    &["sequencing", "rpc", "bridge", "verify", "node", "jsonrpsee", "axum"];

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

/// Whether a file names something of a crate.
fn uses(text: &str, name: &str) -> bool {
    // Modules of alloy, in a list of what is imported of it.
    let text = text.replace("rpc::types", "").replace("rpc::client", "");
    text.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = text[..at].trim_end_matches("::");
        // A part of another name, or a module in another's path.
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    })
}

#[test]
fn a_crate_is_found_where_it_is_used() {
    for text in ["use rpc::Listener;", "let server = ::rpc::serve();", "x(rpc::serve())", "    rpc::{a, b},"]
    {
        assert!(uses(text, "rpc"), "{text}");
    }
    for text in
        ["use alloy::{\n    rpc::types::Log,\n};", "alloy::rpc::json_rpc::Id", "jsonrpc::a", "self.rpc()"]
    {
        assert!(!uses(text, "rpc"), "{text}");
    }
}

#[test]
fn of_a_challenger_only_its_page_knows_of_servers() {
    let page = root().join("fraud-prover/src/page");
    let mut seen = 0;
    for path in files("fraud-prover/src", &[".rs"]).expect("a folder") {
        if path.starts_with(&page) {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).expect("a file is text");
        for foreign in FOREIGN_TO_A_VERIFIER {
            assert!(!uses(&text, foreign), "{} uses {foreign}", path.display());
        }
    }
    assert!(seen > 20, "only {seen} files");
}
