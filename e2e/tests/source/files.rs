//! No file that nobody compiles, and none that is too long to be read in one go.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::modules::module_file;
use anyhow::{Context, Result, ensure};
use e2e::sources::{files, metadata, relative};
use syn::Item;

/// Lines beyond which a file should be two.
const MAX_LINES: usize = 520;

/// Longer files: tests that go through one contract from end to end.
const LONG: [&str; 2] = ["l1-contracts/test/Bridge.t.sol", "l1-contracts/test/PortalWithdrawals.t.sol"];

/// Notes a file and the files of its modules, tests included. `folder` holds those of its child modules.
fn visit(file: &Path, folder: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    seen.insert(file.to_owned());
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
    visit_items(&parsed.items, folder, seen)
}

fn visit_items(items: &[Item], folder: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let name = module.ident.to_string();
        let inner = folder.join(&name);
        if let Some((_, items)) = &module.content {
            visit_items(items, &inner, seen)?;
            continue;
        }
        let file = module_file(module, folder);
        visit(&file.with_context(|| format!("no file of module {name}"))?, &inner, seen)?;
    }
    Ok(())
}

#[test]
fn every_file_is_compiled() -> Result<()> {
    let metadata = metadata(&["--no-deps"])?;
    let mut compiled = BTreeSet::new();
    for package in metadata["packages"].as_array().context("packages")? {
        for target in package["targets"].as_array().context("targets")? {
            let path = PathBuf::from(target["src_path"].as_str().context("a path")?);
            visit(&path, path.parent().context("a folder")?, &mut compiled)?;
        }
    }
    let written: BTreeSet<PathBuf> = files("", &[".rs"])?.into_iter().collect();
    ensure!(written.len() > 300, "only {} files: something is not seen", written.len());
    let dead: Vec<_> = written.difference(&compiled).collect();
    ensure!(dead.is_empty(), "nobody compiles {dead:?}");
    Ok(())
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_go() -> Result<()> {
    let long = |path: &PathBuf| -> Result<bool> { Ok(fs::read_to_string(path)?.lines().count() > MAX_LINES) };
    for path in &files("", &[".rs", ".sol"])? {
        let name = relative(path);
        let known = LONG.contains(&name.as_str());
        ensure!(long(path)? == known, "{name}: over {MAX_LINES} lines, or no longer and still in the list");
    }
    Ok(())
}
