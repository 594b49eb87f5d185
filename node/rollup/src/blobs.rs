//! Blobs as L1 knows them: commitments, and what a transaction carries.

use std::{fmt, str::FromStr, sync::Arc};

use alloy::{
    eips::{
        eip4844::{BYTES_PER_BLOB, Blob, c_kzg, kzg_to_versioned_hash},
        eip7594::BlobTransactionSidecarEip7594,
    },
    primitives::B256,
};
use stf::blob::pack;

/// The operator's choice of where payloads are posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DaChoice {
    /// Where it is cheaper.
    #[default]
    Auto,
    /// In calldata.
    Calldata,
    /// In blobs.
    Blobs,
}

impl FromStr for DaChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "calldata" => Ok(Self::Calldata),
            "blobs" => Ok(Self::Blobs),
            _ => Err(format!("expected auto, calldata or blobs, found {text:?}")),
        }
    }
}

impl fmt::Display for DaChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Calldata => "calldata",
            Self::Blobs => "blobs",
        })
    }
}

/// A payload in blobs, with their versioned hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedBlobs {
    /// The versioned hash of each.
    pub versioned_hashes: Vec<B256>,
    /// The blobs.
    pub blobs: Vec<Box<[u8]>>,
}

impl PackedBlobs {
    /// Puts a payload into as few blobs as it takes.
    pub fn of(payload: &[u8]) -> Self {
        let blobs = pack(payload);
        // Packing makes valid elements whatever the payload.
        let versioned_hashes = blobs.iter().filter_map(|blob| versioned_hash(blob)).collect();
        Self { versioned_hashes, blobs }
    }
}

/// Blobs with what L1's nodes want to see of them before they pass them on: commitments, and proofs of each blob's cells
/// (EIP-7594). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSidecar(Arc<(Vec<B256>, BlobTransactionSidecarEip7594)>);

impl BlobSidecar {
    /// Puts a payload into as few blobs as it takes, and proves them: some hundred milliseconds for each.
    ///
    /// # Errors
    /// The library's. There are none by what a payload holds.
    pub fn of(payload: &[u8]) -> Result<Self, c_kzg::Error> {
        let blobs: Vec<Blob> = pack(payload).iter().map(|blob| Blob::from_slice(blob)).collect();
        let sidecar = BlobTransactionSidecarEip7594::try_from_blobs_with_settings(blobs, settings())?;
        let versioned_hashes = sidecar.versioned_hashes().collect();
        Ok(Self(Arc::new((versioned_hashes, sidecar))))
    }

    /// The blobs' versioned hashes.
    pub fn versioned_hashes(&self) -> &[B256] {
        &self.0.0
    }

    /// What a transaction carries.
    pub fn sidecar(&self) -> &BlobTransactionSidecarEip7594 {
        &self.0.1
    }
}

/// The points of Ethereum's KZG ceremony. Tables that would make proofs some times faster take 100 MB: there are few proofs.
fn settings() -> &'static c_kzg::KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// The versioned hash of a blob (EIP-4844), by its own commitment. `None`: it is not 131,072 bytes of valid field elements.
pub fn versioned_hash(blob: &[u8]) -> Option<B256> {
    if blob.len() != BYTES_PER_BLOB {
        return None;
    }
    let blob = c_kzg::Blob::from_bytes(blob).ok()?;
    let commitment = settings().blob_to_kzg_commitment(&blob).ok()?;
    Some(kzg_to_versioned_hash(commitment.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_makes_valid_blobs() {
        // All bits of the packing set: just below 2^254, so below the field's order.
        let packed = PackedBlobs::of(&[0xff; 200_000]);
        assert_eq!((packed.versioned_hashes.len(), packed.blobs.len()), (2, 2));
        assert!(packed.versioned_hashes.iter().all(|hash| hash[0] == 1));
    }

    #[test]
    fn a_sidecar_has_the_blobs_of_the_payload() {
        let payload = vec![7; 130_049];
        let sidecar = BlobSidecar::of(&payload).unwrap();
        assert_eq!(sidecar.versioned_hashes(), PackedBlobs::of(&payload).versioned_hashes);
        sidecar.sidecar().validate(sidecar.versioned_hashes(), settings()).unwrap();
    }

    #[test]
    fn what_is_no_blob_has_no_hash() {
        let blob = &PackedBlobs::of(&[1]).blobs[0];
        assert_eq!(versioned_hash(&blob[1..]), None);
        assert_eq!(versioned_hash(&[]), None);
        // An element above the field's order.
        let mut above = blob.clone();
        above[..32].fill(0xff);
        assert_eq!(versioned_hash(&above), None);
        // The blob of zeros has the point at infinity as its commitment.
        let zeros = versioned_hash(&vec![0; BYTES_PER_BLOB]).unwrap();
        assert_eq!(zeros.to_string(), "0x010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");
    }

    #[test]
    fn choices_read_as_they_print() {
        for choice in [DaChoice::Auto, DaChoice::Calldata, DaChoice::Blobs] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("blob".parse::<DaChoice>().is_err());
    }
}
