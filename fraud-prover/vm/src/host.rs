//! What a run reads from outside: preimages and blobs.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{B256, Bytes};

use crate::verify::evaluation_point;

/// Where a machine's preimages and blobs come from.
///
/// A host is asked only for what a program asks for. What it gives is checked before it is used (preimages, by their
/// hash) or at the latest when a step is proven (blob elements).
pub trait Host {
    /// The bytes whose keccak256 is `hash`; `None` if the host doesn't have them.
    fn preimage(&mut self, hash: &B256) -> Option<Bytes>;

    /// Field element `index` (below 4,096) of the blob with this versioned hash, as 32 big-endian bytes; `None` if
    /// the host doesn't have it.
    fn blob_element(&mut self, versioned_hash: &B256, index: u16) -> Option<B256>;

    /// The KZG commitment of the blob, and the proof of its element `index`; for witnesses only.
    fn blob_proof(&mut self, versioned_hash: &B256, index: u16) -> Option<BlobProof>;
}

/// What shows that a blob has an element: the last two inputs of L1's point evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobProof {
    /// The blob's commitment; its versioned hash is derived from it.
    pub commitment: [u8; 48],
    /// The opening's proof.
    pub proof: [u8; 48],
}

/// A host without anything, for programs that read nothing.
impl Host for () {
    fn preimage(&mut self, _: &B256) -> Option<Bytes> {
        None
    }

    fn blob_element(&mut self, _: &B256, _: u16) -> Option<B256> {
        None
    }

    fn blob_proof(&mut self, _: &B256, _: u16) -> Option<BlobProof> {
        None
    }
}

/// Bytes of a blob, and of a field element in it.
const BLOB: usize = 131_072;
const ELEMENT: usize = 32;

/// A host of what hashes stand for: preimages by keccak256, and blobs by their versioned hashes. Cloning it is cheap: clones
/// share what it has.
#[derive(Clone, Debug, Default)]
pub struct Preimages {
    preimages: Arc<BTreeMap<B256, Bytes>>,
    blobs: Arc<BTreeMap<B256, Bytes>>,
}

impl Preimages {
    /// The same with blobs by their versioned hashes. One that is not a blob's length is none.
    #[must_use]
    pub fn with_blobs(self, blobs: BTreeMap<B256, Bytes>) -> Self {
        Self { blobs: Arc::new(blobs), ..self }
    }
}

impl From<BTreeMap<B256, Bytes>> for Preimages {
    fn from(preimages: BTreeMap<B256, Bytes>) -> Self {
        Self { preimages: Arc::new(preimages), blobs: Arc::default() }
    }
}

impl FromIterator<(B256, Bytes)> for Preimages {
    fn from_iter<I: IntoIterator<Item = (B256, Bytes)>>(preimages: I) -> Self {
        BTreeMap::from_iter(preimages).into()
    }
}

impl Host for Preimages {
    fn preimage(&mut self, hash: &B256) -> Option<Bytes> {
        self.preimages.get(hash).cloned()
    }

    fn blob_element(&mut self, versioned_hash: &B256, index: u16) -> Option<B256> {
        let blob = self.blobs.get(versioned_hash).filter(|blob| blob.len() == BLOB)?;
        let at = usize::from(index) * ELEMENT;
        Some(B256::from_slice(blob.get(at..at + ELEMENT)?))
    }

    fn blob_proof(&mut self, versioned_hash: &B256, index: u16) -> Option<BlobProof> {
        let blob = c_kzg::Blob::from_bytes(self.blobs.get(versioned_hash)?).ok()?;
        let settings = c_kzg::ethereum_kzg_settings(0);
        let point = c_kzg::Bytes32::new(evaluation_point(index).to_be_bytes());
        let (proof, _) = settings.compute_kzg_proof(&blob, &point).ok()?;
        let commitment = settings.blob_to_kzg_commitment(&blob).ok()?;
        Some(BlobProof { commitment: *commitment.to_bytes(), proof: *proof.to_bytes() })
    }
}

impl<H: Host + ?Sized> Host for &mut H {
    fn preimage(&mut self, hash: &B256) -> Option<Bytes> {
        (**self).preimage(hash)
    }

    fn blob_element(&mut self, versioned_hash: &B256, index: u16) -> Option<B256> {
        (**self).blob_element(versioned_hash, index)
    }

    fn blob_proof(&mut self, versioned_hash: &B256, index: u16) -> Option<BlobProof> {
        (**self).blob_proof(versioned_hash, index)
    }
}

/// Why a run can't go on. The program has not failed: the host has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The program asks for a preimage that the host doesn't have.
    #[error("step {step}: no preimage of {hash}")]
    NoPreimage {
        /// The step that asks.
        step: u64,
        /// What it asks for.
        hash: B256,
    },
    /// The host gave other bytes than those with the hash.
    #[error("step {step}: the preimage given for {expected} has the hash {found}")]
    WrongPreimage {
        /// The step that asks.
        step: u64,
        /// What it asks for.
        expected: B256,
        /// What it got.
        found: B256,
    },
    /// The program asks for a blob that the host doesn't have.
    #[error("step {step}: no element {index} of blob {versioned_hash}")]
    NoBlob {
        /// The step that asks.
        step: u64,
        /// The blob.
        versioned_hash: B256,
        /// The element.
        index: u16,
    },
}
