//! The keys of a node's roles.

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::Args;
use rollup::signer::{KeyOptions, KeySource};

/// Who signs the feed.
#[derive(Clone, Debug, Args)]
pub struct FeedKey {
    /// What signs the feed: a file with a hexadecimal private key, a keystore (see --signer-password), or a signer
    /// elsewhere: the URL of a Web3Signer, or a key of a KMS, as for --batcher-key. Without it there is no feed.
    #[arg(long, value_name = "FILE|URL")]
    pub signer_key: Option<KeySource>,

    /// File with the password of the keystore that --signer-key names.
    #[arg(long, value_name = "FILE")]
    pub signer_password: Option<PathBuf>,

    /// The account of --signer-key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS")]
    pub signer_address: Option<Address>,
}

/// Who posts batches.
#[derive(Clone, Debug, Args)]
pub struct BatcherKey {
    /// What signs the batcher's transactions: a file with a hexadecimal private key, a keystore (see --batcher-password), or
    /// a signer elsewhere, which needs --batcher-address: clef+http://…, web3signer+http://…, or http://… to find out which;
    /// in builds with AWS or GCP, aws:KEY or gcp:KEY_VERSION. Without it this process posts no batches.
    #[arg(long, value_name = "FILE|URL")]
    pub batcher_key: Option<KeySource>,

    /// File with the password of the keystore that --batcher-key names.
    #[arg(long, value_name = "FILE")]
    pub batcher_password: Option<PathBuf>,

    /// The account of --batcher-key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS")]
    pub batcher_address: Option<Address>,
}

/// Who proposes outputs.
#[derive(Clone, Debug, Args)]
pub struct ProposerKey {
    /// What signs the proposer's transactions: as --batcher-key. Without it this process proposes nothing.
    #[arg(long, value_name = "FILE|URL")]
    pub proposer_key: Option<KeySource>,

    /// File with the password of the keystore that --proposer-key names.
    #[arg(long, value_name = "FILE")]
    pub proposer_password: Option<PathBuf>,

    /// The account of --proposer-key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS")]
    pub proposer_address: Option<Address>,
}

impl FeedKey {
    /// What was said of it.
    pub fn options(&self) -> KeyOptions<'_> {
        KeyOptions {
            role: "signer",
            prefix: "--signer-",
            key: self.signer_key.as_ref(),
            password: self.signer_password.as_deref(),
            address: self.signer_address,
        }
    }
}

impl BatcherKey {
    /// What was said of it.
    pub fn options(&self) -> KeyOptions<'_> {
        KeyOptions {
            role: "batcher",
            prefix: "--batcher-",
            key: self.batcher_key.as_ref(),
            password: self.batcher_password.as_deref(),
            address: self.batcher_address,
        }
    }
}

impl ProposerKey {
    /// What was said of it.
    pub fn options(&self) -> KeyOptions<'_> {
        KeyOptions {
            role: "proposer",
            prefix: "--proposer-",
            key: self.proposer_key.as_ref(),
            password: self.proposer_password.as_deref(),
            address: self.proposer_address,
        }
    }
}
