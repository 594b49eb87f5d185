//! Private keys from files.

use std::path::Path;

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use anyhow::{Context, Result, bail};

use crate::files;

/// Most bytes of a key file: a key has 67 with all that may be around it, and editors add some.
const MAX_KEY_FILE: u64 = 1024;

/// Reads a key: one line of 64 hexadecimal digits, with or without 0x. The error never shows what was read.
pub fn read(path: &Path) -> Result<PrivateKeySigner> {
    let name = path.display();
    let text =
        files::read_text(path, MAX_KEY_FILE).with_context(|| format!("cannot read the key file {name}"))?;
    let Ok(bytes) = text.trim().parse::<B256>() else {
        bail!("{name} is not a key file: expected one line of 64 hexadecimal digits");
    };
    PrivateKeySigner::from_bytes(&bytes)
        .ok()
        .with_context(|| format!("{name} does not hold a valid private key"))
}

#[cfg(test)]
mod tests {
    use std::fs;

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
}
