//! Keys of AWS and GCP, which sign hashes and never leave the service.
//!
//! Who may use the key is the service's matter: its client takes the credentials of the machine, as its documentation says.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Signature},
    signers::Signer as AlloySigner,
};
use tokio::{sync::OnceCell, time::timeout};

use super::{SignError, answer};
use crate::words::innermost;

/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A key of a KMS.
pub(super) struct KmsSigner {
    name: KmsKey,
    client: OnceCell<Box<dyn AlloySigner + Send + Sync>>,
}

enum KmsKey {
    #[cfg(feature = "aws-kms")]
    Aws(String),
    #[cfg(feature = "gcp-kms")]
    Gcp { project: String, location: String, ring: String, key: String, version: u64 },
}

impl KmsSigner {
    /// A key of AWS KMS, by its id, ARN or alias.
    #[cfg(feature = "aws-kms")]
    pub(super) fn aws(id: &str) -> Self {
        Self { name: KmsKey::Aws(id.into()), client: OnceCell::new() }
    }

    /// A version of a key of GCP KMS, by its resource name.
    #[cfg(feature = "gcp-kms")]
    pub(super) fn gcp(name: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let names = ["projects", "locations", "keyRings", "cryptoKeys", "cryptoKeyVersions"];
        let is_named = parts.len() == 10 && parts.iter().step_by(2).eq(&names);
        let version = parts.last().and_then(|version| version.parse().ok()).filter(|_| is_named);
        let Some(version) = version else {
            anyhow::bail!(
                "expected gcp:projects/…/locations/…/keyRings/…/cryptoKeys/…/cryptoKeyVersions/NUMBER, found gcp:{name}"
            );
        };
        let part = |index: usize| parts[index].to_owned();
        let name = KmsKey::Gcp { project: part(1), location: part(3), ring: part(5), key: part(7), version };
        Ok(Self { name, client: OnceCell::new() })
    }

    pub(super) async fn sign_hash(&self, account: Address, hash: B256) -> Result<Signature, SignError> {
        let signing = async {
            let client = self.client().await?;
            client.sign_hash(&hash).await.map_err(|error| SignError::Away(innermost(&error)))
        };
        let signature = timeout(TIMEOUT, signing).await.map_err(|_| SignError::late(TIMEOUT))??;
        answer::by(account, hash, signature)
    }

    /// Whether it has answered at all: each question costs money.
    pub(super) async fn check(&self) -> Result<(), SignError> {
        timeout(TIMEOUT, self.client()).await.map_err(|_| SignError::late(TIMEOUT))?.map(drop)
    }

    async fn client(&self) -> Result<&(dyn AlloySigner + Send + Sync), SignError> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        Ok(client.as_ref())
    }

    async fn connect(&self) -> Result<Box<dyn AlloySigner + Send + Sync>, SignError> {
        match &self.name {
            #[cfg(feature = "aws-kms")]
            KmsKey::Aws(id) => {
                use alloy::signers::aws::{AwsSigner, aws_sdk_kms};
                let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
                let signer = AwsSigner::new(aws_sdk_kms::Client::new(&config), id.clone(), None).await;
                Ok(Box::new(signer.map_err(|error| SignError::Away(innermost(&error)))?))
            }
            #[cfg(feature = "gcp-kms")]
            KmsKey::Gcp { project, location, ring, key, version } => {
                use alloy::signers::gcp::{
                    GcpKeyRingRef, GcpSigner, KeySpecifier,
                    gcloud_sdk::{
                        GoogleApi,
                        google::cloud::kms::v1::key_management_service_client::KeyManagementServiceClient,
                    },
                };
                let service = "https://cloudkms.googleapis.com";
                let client = GoogleApi::from_function(KeyManagementServiceClient::new, service, None).await;
                let client = client.map_err(|error| SignError::Away(innermost(&error)))?;
                let ring = GcpKeyRingRef::new(project, location, ring);
                let signer = GcpSigner::new(client, KeySpecifier::new(ring, key, *version), None).await;
                Ok(Box::new(signer.map_err(|error| SignError::Away(innermost(&error)))?))
            }
        }
    }
}
