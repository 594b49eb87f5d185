//! Where the blobs of batches are read from: beacon nodes, and where none has them other nodes of the rollup.

use alloy::primitives::B256;

use super::{Archives, Beacons, http::BlobPlace};

/// Why blobs are not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is nobody to ask.
    #[error(
        "a batch is in blobs, and neither a beacon node (--l1-beacon) nor an archive (--archive) is named to \
         take them from"
    )]
    Nobody,
    /// Nobody has them. What each said.
    #[error("nobody has the blobs of batch {batch} in L1 block {block}: {reasons}")]
    Missing {
        /// The batch's index.
        batch: u64,
        /// The L1 block.
        block: u64,
        /// By beacon node and archive.
        reasons: String,
    },
}

/// Who is asked for blobs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct BlobSources {
    /// First: they have all that is younger than some 18 days.
    pub beacons: Beacons,
    /// Where none of them has a blob, or there is none.
    pub archives: Archives,
}

impl BlobSources {
    /// The blobs with these versioned hashes, in their order.
    pub(super) async fn blobs(
        &self,
        place: BlobPlace,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Box<[u8]>>, BlobError> {
        let mut reasons = Vec::new();
        if !self.beacons.is_empty() {
            match self.beacons.blobs(place, versioned_hashes).await {
                Ok(blobs) => return Ok(blobs),
                Err(reason) => reasons.push(reason),
            }
        }
        if !self.archives.is_empty() {
            match self.archives.blobs(place, versioned_hashes).await {
                Ok(blobs) => return Ok(blobs),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() {
            return Err(BlobError::Nobody);
        }
        let (batch, block) = (place.batch, place.number);
        Err(BlobError::Missing { batch, block, reasons: reasons.join("; ") })
    }
}
