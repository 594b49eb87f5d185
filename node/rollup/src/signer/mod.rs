//! Whoever signs for a role: a key in this process, or a signer elsewhere that has it.
//!
//! | key | where it lies | signs |
//! |---|---|---|
//! | file, keystore | in this process | all, at once |
//! | clef | in a process of its own | transactions |
//! | Web3Signer | in a service | all |
//! | AWS KMS, GCP KMS | in a service | all; only in builds with the feature |
//!
//! What a signer elsewhere answers is not trusted: a signature counts only if it is of exactly what was asked for, by the
//! account that was named ([`SignError::Invalid`]). A signer that is away, refuses or lies is a state, not an end: each error
//! says so once ([`SignerHealth`]), and whoever asked asks again later. Nothing is sent or announced without a signature.
//!
//! ```
//! use alloy::primitives::keccak256;
//! use rollup::signer::Signer;
//!
//! let signer = Signer::from(alloy::signers::local::PrivateKeySigner::random());
//! let signature = signer.sign_bytes_now(b"a block")?;
//! assert_eq!(signature.recover_address_from_prehash(&keccak256(b"a block")).ok(), Some(signer.address()));
//! # Ok::<(), rollup::signer::SignError>(())
//! ```

mod answer;
mod clef;
mod error;
mod health;
#[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
mod kms;
mod remote;
mod rpc;
mod source;
mod web3signer;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, mpsc},
    time::Duration,
};

use alloy::{
    consensus::{EthereumTypedTransaction, SignableTransaction, TxEip4844},
    primitives::{Address, Signature, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};

pub use error::SignError;
pub use health::SignerHealth;
pub use source::{KeyOptions, KeySource};

use remote::Remote;

/// A transaction to be signed; of one with blobs, their hashes alone.
pub type UnsignedTx = EthereumTypedTransaction<TxEip4844>;

/// The longest that a signature of a block may take, all requests for it together. Building waits for it.
const BLOCK_LIMIT: Duration = Duration::from_secs(5);

/// What a signer elsewhere is asked.
type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, SignError>> + Send + 'a>>;

/// Signs for one account. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    address: Address,
    kind: Kind,
    health: SignerHealth,
}

enum Kind {
    Local(PrivateKeySigner),
    Remote { remote: Remote, runtime: tokio::runtime::Handle },
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("address", &self.0.address).finish_non_exhaustive()
    }
}

impl From<PrivateKeySigner> for Signer {
    fn from(key: PrivateKeySigner) -> Self {
        Self::local(key, "sender")
    }
}

impl Signer {
    /// A key in this process, for a role as logs and metrics name it.
    pub fn local(key: PrivateKeySigner, role: &'static str) -> Self {
        Self::of(key.address(), Kind::Local(key), role)
    }

    /// A signer elsewhere. To be called within a runtime, which must outlive it.
    fn elsewhere(address: Address, remote: Remote, role: &'static str) -> Self {
        Self::of(address, Kind::Remote { remote, runtime: tokio::runtime::Handle::current() }, role)
    }

    fn of(address: Address, kind: Kind, role: &'static str) -> Self {
        Self(Arc::new(Inner { address, kind, health: SignerHealth::new(role) }))
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.0.address
    }

    /// Whether it signs, as far as is known.
    pub fn health(&self) -> &SignerHealth {
        &self.0.health
    }

    /// Signs a transaction.
    ///
    /// # Errors
    /// There is no signature for now: see [`SignError`].
    pub async fn sign_transaction(&self, tx: &UnsignedTx) -> Result<Signature, SignError> {
        match &self.0.kind {
            Kind::Local(key) => Ok(key.sign_hash_sync(&tx.signature_hash())?),
            Kind::Remote { remote, .. } => {
                // Boxed: what a client of a service awaits is too deep for the compiler otherwise.
                let asked: Asking<'_, Signature> = Box::pin(remote.sign_transaction(self.address(), tx));
                let signed = asked.await;
                self.noted(signed)
            }
        }
    }

    /// Signs the Keccak-256 hash of these bytes.
    ///
    /// # Errors
    /// There is no signature for now: see [`SignError`].
    pub async fn sign_bytes(&self, bytes: &[u8]) -> Result<Signature, SignError> {
        match &self.0.kind {
            Kind::Local(key) => Ok(key.sign_hash_sync(&keccak256(bytes))?),
            Kind::Remote { remote, .. } => {
                let asked: Asking<'_, Signature> = Box::pin(remote.sign_bytes(self.address(), bytes));
                let signed = asked.await;
                self.noted(signed)
            }
        }
    }

    /// As [`sign_bytes`](Self::sign_bytes), for a thread that waits, with a limit: at once where the key is in this process.
    ///
    /// # Errors
    /// There is no signature for now: see [`SignError`].
    pub fn sign_bytes_now(&self, bytes: &[u8]) -> Result<Signature, SignError> {
        let (signer, owned) = (self.clone(), bytes.to_vec());
        match &self.0.kind {
            Kind::Local(key) => Ok(key.sign_hash_sync(&keccak256(bytes))?),
            Kind::Remote { runtime, .. } => {
                let signed = wait_for(runtime, async move { signer.sign_bytes(&owned).await });
                signed.unwrap_or_else(|| self.noted(Err(SignError::late(BLOCK_LIMIT))))
            }
        }
    }

    /// Asks a signer elsewhere whether it is there, and has the account.
    ///
    /// # Errors
    /// It is not, or does not.
    pub async fn check(&self) -> Result<(), SignError> {
        let Kind::Remote { remote, .. } = &self.0.kind else { return Ok(()) };
        let asked: Asking<'_, ()> = Box::pin(remote.check(self.address()));
        let checked = asked.await;
        match &checked {
            Ok(()) => self.0.health.is_there(),
            Err(error) => self.0.health.failed(error),
        }
        checked
    }

    /// As [`check`](Self::check), for a thread that waits, with a limit.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_now(&self) -> Result<(), SignError> {
        let Kind::Remote { runtime, .. } = &self.0.kind else { return Ok(()) };
        let signer = self.clone();
        let checked = wait_for(runtime, async move { signer.check().await });
        checked.unwrap_or(Err(SignError::late(BLOCK_LIMIT)))
    }

    fn noted<T>(&self, signed: Result<T, SignError>) -> Result<T, SignError> {
        match &signed {
            Ok(_) => self.0.health.signed(),
            Err(error) => self.0.health.failed(error),
        }
        signed
    }
}

/// What a task comes to, for a thread that is none of the runtime's, or of another one. `None`: not in time.
fn wait_for<T: Send + 'static>(
    runtime: &tokio::runtime::Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (done, waits) = mpsc::channel();
    let task = runtime.spawn(async move {
        // Nobody waits any more: nobody wants it.
        let _ = done.send(work.await);
    });
    let result = waits.recv_timeout(BLOCK_LIMIT).ok();
    task.abort();
    result
}
