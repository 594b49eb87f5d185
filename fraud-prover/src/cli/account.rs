//! The account of a challenger.

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::Args;
use rollup::signer::{KeyOptions, KeySource};

/// Who makes moves, and pays for them.
#[derive(Clone, Debug, Args)]
pub struct AccountKey {
    /// What signs for the account that makes moves and pays bonds: a file with a hexadecimal private key, a keystore (see
    /// --password), or a signer elsewhere, which needs --address: clef+http://…, web3signer+http://…, or http://… to find
    /// out which; in builds with AWS or GCP, aws:KEY or gcp:KEY_VERSION. Without it, `watch` is read-only: it reports and
    /// sends nothing.
    // Not RECOURSE_KEY: a user's key for the bridge must not make a challenger act.
    #[arg(long, value_name = "FILE|URL", env = "RECOURSE_CHALLENGER_KEY")]
    pub key: Option<KeySource>,

    /// File with the password of the keystore that --key names.
    #[arg(long, value_name = "FILE", env = "RECOURSE_CHALLENGER_PASSWORD")]
    pub password: Option<PathBuf>,

    /// The account of --key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS", env = "RECOURSE_CHALLENGER_ADDRESS")]
    pub address: Option<Address>,
}

impl AccountKey {
    /// What was said of it.
    pub(crate) fn options(&self) -> KeyOptions<'_> {
        KeyOptions {
            role: "challenger",
            prefix: "--",
            key: self.key.as_ref(),
            password: self.password.as_deref(),
            address: self.address,
        }
    }
}
