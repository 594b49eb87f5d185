//! Private keys from files.

use std::{fs, path::Path};

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use anyhow::{Context, Result, bail};

/// Reads a key: one line of 64 hexadecimal digits, with or without 0x. The error never shows what was read.
pub fn read(path: &Path) -> Result<PrivateKeySigner> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the key file {name}"))?;
    let Ok(bytes) = text.trim().parse::<B256>() else {
        bail!("{name} is not a key file: expected one line of 64 hexadecimal digits");
    };
    PrivateKeySigner::from_bytes(&bytes)
        .ok()
        .with_context(|| format!("{name} does not hold a valid private key"))
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
    }
}
