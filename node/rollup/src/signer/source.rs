//! Where a key is, as a command line says it.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy::primitives::Address;
use anyhow::{Context, Result, bail, ensure};

use super::{
    Signer,
    clef::NO_HASHES,
    remote::{Remote, RpcProtocol},
};
use crate::{keys, options::shown};

/// Where a key is: a file (a key, or a keystore), or a signer elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// The URL of a signer, of one kind if it begins with `clef+` or `web3signer+`.
    Url(String),
    /// A key of AWS KMS: its id, ARN or alias.
    Aws(String),
    /// A key of GCP KMS: its resource name, `projects/…/cryptoKeyVersions/1`.
    Gcp(String),
}

impl FromStr for KeySource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            Some(("aws", id)) => Self::Aws(id.into()),
            Some(("gcp", name)) => Self::Gcp(name.into()),
            Some((_, rest)) if rest.starts_with("//") => Self::Url(text.into()),
            _ => Self::File(text.into()),
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(&shown(url)),
            Self::Aws(id) => write!(f, "aws:{id}"),
            Self::Gcp(name) => write!(f, "gcp:{name}"),
        }
    }
}

/// What a command line says of the key of a role.
#[derive(Clone, Copy, Debug)]
pub struct KeyOptions<'a> {
    /// The role, as logs and metrics name it.
    pub role: &'static str,
    /// What the names of its options begin with, such as `--batcher-`.
    pub prefix: &'static str,
    /// Where the key is.
    pub key: Option<&'a KeySource>,
    /// File with a keystore's password.
    pub password: Option<&'a Path>,
    /// The account that the key must be of. A signer elsewhere must be told.
    pub address: Option<Address>,
}

impl KeyOptions<'_> {
    /// Opens it, within a runtime. Files are read; a signer elsewhere is not asked yet, and may come later. `None` without a
    /// key.
    ///
    /// # Errors
    /// What was expected of which option.
    pub fn open(&self) -> Result<Option<Signer>> {
        self.key.map(|key| self.open_key(key)).transpose()
    }

    fn open_key(&self, key: &KeySource) -> Result<Signer> {
        let (role, prefix) = (self.role, self.prefix);
        if let KeySource::File(path) = key {
            let key = keys::open(path, self.password).with_context(|| format!("{prefix}key"))?;
            if let Some(expected) = self.address {
                let found = key.address();
                ensure!(
                    found == expected,
                    "{prefix}key {}: expected the key of {expected}, found that of {found}",
                    path.display()
                );
            }
            return Ok(Signer::local(key, role));
        }
        let account = self.address.with_context(|| {
            format!("{prefix}key {key}: {prefix}address is missing: it says for which account a signer signs")
        })?;
        let remote = match key {
            KeySource::File(_) => bail!("{prefix}key: expected a signer, found a file"),
            KeySource::Url(url) => {
                let (protocol, url) = match url.split_once('+') {
                    Some(("clef", url)) => (Some(RpcProtocol::Clef), url),
                    Some(("web3signer", url)) => (Some(RpcProtocol::Web3Signer), url),
                    _ => (None, url.as_str()),
                };
                ensure!(
                    role != "signer" || protocol != Some(RpcProtocol::Clef),
                    "{prefix}key {key}: {NO_HASHES}"
                );
                Remote::at(url, protocol).with_context(|| format!("{prefix}key"))?
            }
            #[cfg(feature = "aws-kms")]
            KeySource::Aws(id) => Remote::Kms(super::kms::KmsSigner::aws(id)),
            #[cfg(not(feature = "aws-kms"))]
            KeySource::Aws(_) => bail!("{prefix}key {key}: this build has no AWS KMS: cargo feature aws-kms"),
            #[cfg(feature = "gcp-kms")]
            KeySource::Gcp(name) => Remote::Kms(super::kms::KmsSigner::gcp(name)?),
            #[cfg(not(feature = "gcp-kms"))]
            KeySource::Gcp(_) => bail!("{prefix}key {key}: this build has no GCP KMS: cargo feature gcp-kms"),
        };
        Ok(Signer::elsewhere(account, remote, role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(key: &KeySource) -> KeyOptions<'_> {
        KeyOptions {
            role: "batcher",
            prefix: "--batcher-",
            key: Some(key),
            password: None,
            address: Some(Address::ZERO),
        }
    }

    #[test]
    fn a_key_is_a_file_or_a_signer_and_prints_as_it_may_be_shown() {
        let table = [
            ("batcher.key", "batcher.key"),
            ("/keys/a:b", "/keys/a:b"),
            ("http://127.0.0.1:8550", "http://127.0.0.1:8550"),
            ("clef+http://user:secret@host:1/x", "clef+http://host:1/…"),
            ("aws:alias/batcher", "aws:alias/batcher"),
            ("gcp:projects/p/locations/l", "gcp:projects/p/locations/l"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<KeySource>().map(|key| key.to_string()), Ok(expected.into()));
        }
    }

    #[tokio::test]
    async fn what_cannot_sign_is_an_error_that_names_the_option() {
        let error = |text: &str, change: fn(&mut KeyOptions<'_>)| {
            let key: KeySource = text.parse().unwrap();
            let mut options = options(&key);
            change(&mut options);
            format!("{:#}", options.open().unwrap_err())
        };
        let missing = error("http://host", |options| options.address = None);
        assert!(missing.contains("--batcher-address is missing"), "{missing}");
        let scheme = error("ftp://host/", |_| ());
        assert!(scheme.starts_with("--batcher-key: expected the URL of a signer"), "{scheme}");
        let clef = error("clef+http://host", |options| options.role = "signer");
        assert!(clef.contains("clef signs transactions"), "{clef}");
        if cfg!(not(feature = "aws-kms")) {
            let aws = error("aws:1", |_| ());
            assert!(aws.contains("cargo feature aws-kms"), "{aws}");
        }
    }
}
