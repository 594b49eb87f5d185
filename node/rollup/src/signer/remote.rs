//! A signer elsewhere.

use alloy::primitives::{Address, Signature};
use anyhow::Result;
use tokio::sync::OnceCell;

use super::{SignError, UnsignedTx, clef, rpc::RpcSigner, web3signer};

/// A signer elsewhere.
pub(super) enum Remote {
    Rpc(RpcSigner, OnceCell<RpcProtocol>),
    #[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
    Kms(super::kms::KmsSigner),
}

impl Remote {
    /// A signer at a URL; which one it is, if that is known. It is not asked yet.
    pub(super) fn at(url: &str, protocol: Option<RpcProtocol>) -> Result<Self> {
        Ok(Self::Rpc(RpcSigner::new(url)?, OnceCell::new_with(protocol)))
    }

    pub(super) async fn sign_transaction(
        &self,
        account: Address,
        tx: &UnsignedTx,
    ) -> Result<Signature, SignError> {
        match self {
            Self::Rpc(signer, protocol) => match *find_out(signer, protocol).await? {
                RpcProtocol::Clef => clef::sign_transaction(signer, account, tx).await,
                RpcProtocol::Web3Signer => web3signer::sign_transaction(signer, account, tx).await,
            },
            #[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
            Self::Kms(signer) => {
                signer.sign_hash(account, alloy::consensus::SignableTransaction::signature_hash(tx)).await
            }
        }
    }

    /// Signs the hash of these bytes.
    pub(super) async fn sign_bytes(&self, account: Address, bytes: &[u8]) -> Result<Signature, SignError> {
        match self {
            Self::Rpc(signer, protocol) => match *find_out(signer, protocol).await? {
                RpcProtocol::Clef => Err(clef::NO_HASHES),
                RpcProtocol::Web3Signer => web3signer::sign_bytes(signer, account, bytes).await,
            },
            #[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
            Self::Kms(signer) => signer.sign_hash(account, alloy::primitives::keccak256(bytes)).await,
        }
    }

    /// Whether it is there, and has the account, as far as it tells.
    pub(super) async fn check(&self, account: Address) -> Result<(), SignError> {
        match self {
            Self::Rpc(signer, protocol) => match *find_out(signer, protocol).await? {
                RpcProtocol::Clef => clef::check(signer).await,
                RpcProtocol::Web3Signer => web3signer::check(signer, account).await,
            },
            #[cfg(any(feature = "aws-kms", feature = "gcp-kms"))]
            Self::Kms(signer) => signer.check().await,
        }
    }
}

/// Which methods a signer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RpcProtocol {
    Clef,
    Web3Signer,
}

/// Which signer it is: found out once it answers.
async fn find_out<'a>(
    signer: &RpcSigner,
    protocol: &'a OnceCell<RpcProtocol>,
) -> Result<&'a RpcProtocol, SignError> {
    let ask = async || {
        // Web3Signer passes on what it does not know, to a node that may not be there.
        if clef::check(signer).await.is_ok() {
            return Ok(RpcProtocol::Clef);
        }
        web3signer::accounts(signer).await.map(|_| RpcProtocol::Web3Signer)
    };
    protocol.get_or_try_init(ask).await
}
