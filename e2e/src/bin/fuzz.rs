//! One decoder under libFuzzer, whose options it takes: `make fuzz` builds it with coverage and runs each target.
//!
//! - `FUZZ_TARGET` names the target.
//! - `FUZZ_SEEDS` names a folder that is filled with the target's seeds and its kept inputs before the search.
//! - `FUZZ_KEEP` names a folder whose files become the target's kept inputs, in place of a search.

#![no_main]

use std::{env, fs, path::PathBuf, process, sync::LazyLock};

use anyhow::{Context, Result};
use e2e::fuzz::{TARGETS, Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| {
        eprintln!("fuzz: FUZZ_TARGET is {name:?}; it must be one of:");
        for target in TARGETS {
            eprintln!("  {:<12} {}", target.name, target.about);
        }
        process::exit(2)
    })
});

/// Does what the environment asks for; returns whether there is to be a search.
fn prepare() -> Result<bool> {
    let folder = |variable| env::var_os(variable).map(PathBuf::from);
    if let Some(folder) = folder("FUZZ_SEEDS") {
        fs::create_dir_all(&folder)?;
        let inputs = [(TARGET.seeds)(), TARGET.corpus()?].concat();
        for (index, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("{index}")), input)?;
        }
    }
    if let Some(folder) = folder("FUZZ_KEEP") {
        let files = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let read = |file: std::io::Result<fs::DirEntry>| Ok(fs::read(file?.path())?);
        TARGET.keep(files.map(read).collect::<Result<_>>()?)?;
        return Ok(false);
    }
    Ok(true)
}

fn begin() {
    // Before anything else, so that a wrong name is one clear message.
    LazyLock::force(&TARGET);
    match prepare() {
        Ok(true) => {}
        Ok(false) => process::exit(0),
        Err(error) => {
            eprintln!("fuzz: {error:#}");
            process::exit(2)
        }
    }
}

fuzz_target!(
    init: begin(),
    |data: &[u8]| {
        (TARGET.run)(data);
    }
);
