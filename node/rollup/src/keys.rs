//! Private keys from files.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use anyhow::{Context, Result, bail};

use crate::files;

/// Most bytes of a key file: a key has 67 with all that may be around it, and editors add some.
const MAX_KEY_FILE: u64 = 1024;

/// Permissions of a file that anybody but its owner has.
const OTHERS: u32 = 0o077;

/// Reads a key: one line of 64 hexadecimal digits, with or without 0x. The error never shows what was read. That others can
/// read the file too is said in the log, but no error: where that is so, they may have read it already.
pub fn read(path: &Path) -> Result<PrivateKeySigner> {
    let name = path.display();
    let found = fs::metadata(path).with_context(|| format!("cannot read the key file {name}"))?;
    if !found.is_file() {
        // A pipe without a writer would be waited for, for ever.
        bail!("{name} is not a key file: it is {}", kind(&found));
    }
    if let Some(warning) = exposure(path, &found) {
        tracing::warn!(target: "node", "{warning}");
    }
    let text =
        files::read_text(path, MAX_KEY_FILE).with_context(|| format!("cannot read the key file {name}"))?;
    let Ok(bytes) = text.trim().parse::<B256>() else {
        bail!("{name} is not a key file: expected one line of 64 hexadecimal digits");
    };
    PrivateKeySigner::from_bytes(&bytes)
        .ok()
        .with_context(|| format!("{name} does not hold a valid private key"))
}

fn kind(found: &Metadata) -> &'static str {
    if found.is_dir() { "a folder" } else { "a pipe or device" }
}

/// What is to be said of a key file that others than its owner can read or change.
fn exposure(path: &Path, found: &Metadata) -> Option<String> {
    let mode = found.permissions().mode() & 0o777;
    let name = path.display();
    (mode & OTHERS != 0).then(|| {
        format!(
            "others than its owner (user {}) can get at the key file {name}: its mode is {mode:03o}, expected 600; \
             chmod 600 {name}, and use another key if somebody may have read it",
            found.uid()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_with_anything_else_is_refused_without_showing_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, format!("0x{}\n", "11".repeat(32))).unwrap();
        assert!(read(&path).is_ok());
        for wrong in ["".to_owned(), "11".repeat(31), "00".repeat(32), format!("secret{}", "1".repeat(58))] {
            fs::write(&path, &wrong).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(wrong.is_empty() || !error.contains(&wrong), "{error}");
        }
        assert!(read(&dir.path().join("none")).is_err());
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("at most 1024 are expected"), "{error}");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_told_of_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "11".repeat(32)).unwrap();
        let with = |mode: u32| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            exposure(&path, &fs::metadata(&path).unwrap())
        };
        for mode in [0o600, 0o400] {
            assert_eq!(with(mode), None);
        }
        for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
            let warning = with(mode).unwrap();
            assert!(warning.contains(&format!("its mode is {mode:o}, expected 600")), "{warning}");
            assert!(!warning.contains(&"11".repeat(32)), "{warning}");
        }
        assert!(read(&path).is_ok());
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = read(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not a key file: it is a folder"), "{error}");
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero")] {
            let error = read(path).unwrap_err().to_string();
            assert!(error.ends_with("is not a key file: it is a pipe or device"), "{error}");
        }
    }
}
