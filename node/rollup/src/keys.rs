//! Private keys from files: a key as it is, or one in a keystore (Web3 Secret Storage, version 3), which a password opens.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use crate::files;

/// Most bytes of a key file: a key has 67 with all that may be around it, a keystore some 500, and editors add some.
const MAX_KEY_FILE: u64 = 4096;

/// The version of keystores that wallets write.
const KEYSTORE_VERSION: u64 = 3;

/// Permissions of a file that anybody but its owner has.
const OTHERS: u32 = 0o077;

/// Reads a key: one line of 64 hexadecimal digits, with or without 0x. The error never shows what was read. That others can
/// read the file too is said in the log, but no error: where that is so, they may have read it already.
pub fn read(path: &Path) -> Result<PrivateKeySigner> {
    open(path, None)
}

/// As [`read`]; the file may also be a keystore, whose password is the first line of another file.
pub fn open(path: &Path, password: Option<&Path>) -> Result<PrivateKeySigner> {
    let name = path.display();
    let text = read_secret(path, "key file")?;
    if text.trim_start().starts_with('{') {
        return open_keystore(path, &text, password);
    }
    let Ok(bytes) = text.trim().parse::<B256>() else {
        bail!("{name} is not a key file: expected one line of 64 hexadecimal digits, or a keystore in JSON");
    };
    PrivateKeySigner::from_bytes(&bytes)
        .ok()
        .with_context(|| format!("{name} does not hold a valid private key"))
}

/// What is looked at of a keystore before it is opened.
#[derive(Deserialize)]
struct Keystore {
    version: u64,
    address: Option<String>,
}

fn open_keystore(path: &Path, text: &str, password: Option<&Path>) -> Result<PrivateKeySigner> {
    let name = path.display();
    let Ok(keystore) = serde_json::from_str::<Keystore>(text) else {
        bail!("{name} is not a keystore: expected JSON with a version");
    };
    let found = keystore.version;
    ensure!(found == KEYSTORE_VERSION, "{name}: expected a keystore of version 3, found version {found}");
    let password = password.with_context(|| {
        format!("{name} is a keystore: a file with its password is needed (the option --…password)")
    })?;
    let secret = read_secret(password, "password file")?;
    let secret = secret.lines().next().unwrap_or_default();
    let opened = PrivateKeySigner::decrypt_keystore(path, secret);
    let key = opened.map_err(|error| match error.to_string() {
        // In the words of the library, whose error cannot be named here.
        text if text == "Mac Mismatch" => {
            anyhow!("{name}: wrong password in {}, or the keystore is damaged", password.display())
        }
        text => anyhow!("{name} is a damaged keystore: {text}"),
    })?;
    // Some write no address, so that the file does not say whose it is.
    if let Some(expected) = keystore.address.and_then(|address| address.parse::<Address>().ok()) {
        let found = key.address();
        ensure!(
            found == expected,
            "{name}: it says that it has the key of {expected}, but has that of {found}"
        );
    }
    Ok(key)
}

/// Reads a file that nobody but its owner should read.
fn read_secret(path: &Path, what: &str) -> Result<String> {
    let name = path.display();
    let found = fs::metadata(path).with_context(|| format!("cannot read the {what} {name}"))?;
    if !found.is_file() {
        // A pipe without a writer would be waited for, for ever.
        bail!("{name} is not a {what}: it is {}", kind(&found));
    }
    if let Some(warning) = exposure(path, what, &found) {
        tracing::warn!(target: "node", "{warning}");
    }
    files::read_text(path, MAX_KEY_FILE).with_context(|| format!("cannot read the {what} {name}"))
}

fn kind(found: &Metadata) -> &'static str {
    if found.is_dir() { "a folder" } else { "a pipe or device" }
}

/// What is to be said of a key file that others than its owner can read or change.
fn exposure(path: &Path, what: &str, found: &Metadata) -> Option<String> {
    let mode = found.permissions().mode() & 0o777;
    let name = path.display();
    (mode & OTHERS != 0).then(|| {
        format!(
            "others than its owner (user {}) can get at the {what} {name}: its mode is {mode:03o}, expected 600; \
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
        assert!(error.contains("at most 4096 are expected"), "{error}");
    }

    #[test]
    fn a_keystore_is_opened_by_its_password_alone() {
        let dir = tempfile::tempdir().unwrap();
        // Made by `cast wallet import`, with the password "open sesame".
        let path = dir.path().join("keystore");
        fs::write(&path, include_str!("keystore.json")).unwrap();
        let with = |password: &str| {
            let file = dir.path().join("password");
            fs::write(&file, password).unwrap();
            open(&path, Some(&file)).map_err(|error| format!("{error:#}"))
        };
        for password in ["open sesame", "open sesame\n", "open sesame\r\nand nothing else"] {
            assert_eq!(with(password).unwrap().to_bytes(), B256::repeat_byte(0x11));
        }
        let error = with("open barley").unwrap_err();
        assert!(error.contains("wrong password in") && !error.contains("barley"), "{error}");
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("is a keystore: a file with its password is needed"), "{error}");
        for (text, expected) in [("{", "is not a keystore"), ("{\"version\": 1}", "found version 1")] {
            fs::write(&path, text).unwrap();
            let error = with("open sesame").unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        fs::write(&path, "{\"version\": 3, \"id\": \"\"}").unwrap();
        assert!(with("open sesame").unwrap_err().contains("is a damaged keystore"));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_told_of_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "11".repeat(32)).unwrap();
        let with = |mode: u32| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            exposure(&path, "key file", &fs::metadata(&path).unwrap())
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
