//! The repository's own files, for tests of its structure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Folders of what is built or fetched: by name, wherever they are, and by path.
const FOREIGN: &[&str] = &["target", "node_modules", ".git", ".cargo", ".devnet"];
const FOREIGN_PATHS: &[&str] = &["l1-contracts/out", "l1-contracts/cache"];

/// The repository's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The files under a folder of the repository that somebody wrote and whose names end so, in order of their paths.
pub fn files(folder: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if !entry.file_type()?.is_dir() {
                if endings.iter().any(|ending| name.ends_with(ending)) {
                    found.push(path);
                }
            } else if !FOREIGN.contains(&name.as_str()) && !FOREIGN_PATHS.contains(&relative(&path).as_str())
            {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's path from the repository's folder on.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// What `cargo metadata` says of the workspace, with these options besides; without the network.
pub fn metadata(options: &[&str]) -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(options)
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
