//! Options from a file, as an operator meets them: with the real binary.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Command, Output},
};

fn node(folder: &Path, file: &str, arguments: &[&str]) -> Output {
    let path = folder.join("options.toml");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_recourse-node"));
    // What the shell of whoever runs the tests exports is not meant for this.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("RECOURSE_")) {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--config").arg(path).output().unwrap()
}

#[test]
fn a_wrong_key_is_one_line_with_the_file_the_key_and_the_nearest_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = node(dir.path(), "l1-rcp = \"http://127.0.0.1:1\"\n", &["replica"]);
    assert_eq!(output.status.code(), Some(2));
    let path = dir.path().join("options.toml");
    let expected = format!("error: {}: unknown key \"l1-rcp\"; the nearest is \"l1-rpc\"\n", path.display());
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}

#[test]
fn a_key_file_in_the_shared_part_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let output = node(dir.path(), "batcher-key = \"batcher.key\"\n", &["sequencer"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("\"batcher-key\" names a private key") && said.lines().count() == 1, "{said}");
}

#[test]
fn config_prints_what_is_in_force_and_where_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = "rollup = \"/r.json\"\ndata-dir = \"/d\"\nl1-rpc = \"http://host/secret\"\n[batcher]\nbatch-interval = \"3s\"\n";
    let arguments =
        ["config", "batcher", "--feed", "ws://feed", "--batcher-key", "k", "--http", "127.0.0.1:1"];
    let output = node(dir.path(), file, &arguments);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(
        line("batch-interval").contains("3s") && line("batch-interval").ends_with("options.toml"),
        "{table}"
    );
    assert!(line("http ").ends_with("command line") && line("batch-blocks").ends_with("default"), "{table}");
    assert!(line("l1-rpc").contains("http://host/…") && !table.contains("secret"), "{table}");
}
