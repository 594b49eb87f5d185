//! Blobs, from other nodes of the rollup.
//!
//! Every node keeps the whole blobs of all batches, and serves them by `recourse_blobOfBatch`, by a batch's index and a
//! blob's place in it: `--archive` names nodes that are asked where no beacon node has a blob. The index is where the batch
//! stands in the inbox's own list, so a node has no other list to keep, and none to take back when L1 is reorganised: one
//! that follows another L1 than ours has another blob there, or none, and its answer does not count.
//!
//! An archive is trusted for nothing. A blob counts by its own commitment, held against the versioned hash in L1's
//! transaction; one that lies, lacks a blob, fails, or takes too long is passed over for the next.

use std::{sync::Arc, time::Instant};

use alloy::primitives::{B256, Bytes, U64};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::ConnectError,
    http::{AskOrder, BlobPlace, BlobServer, NoAnswer},
};
use crate::{
    blobs::versioned_hash,
    words::{line, words},
};

/// The method by which a node serves a blob.
const METHOD: &str = "recourse_blobOfBatch";

/// Longest answer that is read: a blob of 131,072 bytes has 262,144 hexadecimal digits, and the rest of an answer a few.
const MAX_ANSWER: usize = 512 << 10;

/// Other nodes, the preferred one first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Archives {
    nodes: Arc<[BlobServer]>,
    order: AskOrder,
}

/// Why an archive gave no blob. It does not matter to who asks, but to whoever runs the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ArchiveFault {
    #[error("it does not have blob {0}")]
    Lacking(usize),
    #[error("its blob {place} has the versioned hash {found}, but L1 names {expected}")]
    Wrong { place: usize, expected: B256, found: B256 },
    #[error("its blob {0} is none: not 131072 bytes of valid field elements")]
    Malformed(usize),
    #[error("{0}")]
    Failing(String),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl ArchiveFault {
    /// As the metric has it.
    const fn label(&self) -> &'static str {
        match self {
            Self::Lacking(_) => "lacking",
            Self::Wrong { .. } | Self::Malformed(_) => "wrong",
            Self::Failing(_) | Self::NoAnswer(NoAnswer::Failed(_)) => "failing",
            Self::NoAnswer(NoAnswer::Silent | NoAnswer::StillSilent) => "silent",
        }
    }
}

#[derive(Deserialize)]
struct ArchiveAnswer {
    #[serde(default)]
    result: Option<Bytes>,
    #[serde(default)]
    error: Option<Value>,
}

impl Archives {
    /// The nodes with JSON-RPC at these URLs. None is asked anything yet.
    ///
    /// # Errors
    /// One that is no URL of HTTP.
    pub fn new(urls: &[String]) -> Result<Self, ConnectError> {
        let nodes: Result<Vec<BlobServer>, ConnectError> =
            urls.iter().map(|url| BlobServer::new(url)).collect();
        Ok(Self { nodes: nodes?.into(), order: AskOrder::default() })
    }

    /// Whether there is one.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The blobs with these versioned hashes, each from the first archive that has it; or why each archive failed.
    pub(super) async fn blobs(
        &self,
        place: BlobPlace,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Box<[u8]>>, String> {
        let mut blobs = Vec::with_capacity(versioned_hashes.len());
        for (index, wanted) in versioned_hashes.iter().enumerate() {
            blobs.push(self.blob(place, index, *wanted).await?);
        }
        Ok(blobs)
    }

    async fn blob(&self, place: BlobPlace, index: usize, wanted: B256) -> Result<Box<[u8]>, String> {
        let mut reasons = Vec::with_capacity(self.nodes.len());
        for one in self.order.places(self.nodes.len()) {
            let (node, begun) = (&self.nodes[one], Instant::now());
            match ask(node, place.batch, index, wanted).await {
                Ok(blob) => {
                    self.order.answered(one, begun.elapsed());
                    metrics::counter!("recourse_archive_blobs_total").increment(1);
                    return Ok(blob);
                }
                Err(fault) => {
                    let (archive, reason) = (node.name.to_string(), fault.label());
                    metrics::counter!("recourse_archive_failures_total", "archive" => archive, "reason" => reason)
                        .increment(1);
                    let reason = fault.to_string();
                    node.tell("an archive", place.number, place.batch, &reason);
                    reasons.push(format!("{}: {reason}", node.name));
                }
            }
        }
        Err(reasons.join("; "))
    }
}

/// Asks one for a blob, and holds it against its versioned hash.
async fn ask(node: &BlobServer, batch: u64, index: usize, wanted: B256) -> Result<Box<[u8]>, ArchiveFault> {
    let params = [U64::from(batch), U64::from(index)];
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": METHOD, "params": params });
    let (status, body) = node.ask(|http| http.post(node.url.clone()).json(&request), MAX_ANSWER).await?;
    if !status.is_success() {
        return Err(ArchiveFault::Failing(format!("HTTP status {}: {}", status.as_u16(), words(&body))));
    }
    let answer: ArchiveAnswer = serde_json::from_slice(&body)
        .map_err(|error| ArchiveFault::Failing(format!("unusable answer: {}", line(&error.to_string()))))?;
    let blob = match answer {
        ArchiveAnswer { result: Some(blob), .. } => blob,
        ArchiveAnswer { error: Some(_), .. } => return Err(ArchiveFault::Failing(words(&body))),
        ArchiveAnswer { result: None, error: None } => return Err(ArchiveFault::Lacking(index)),
    };
    // A commitment takes some milliseconds.
    let checked = tokio::task::spawn_blocking(move || (versioned_hash(&blob), blob)).await;
    match checked {
        Ok((Some(found), blob)) if found == wanted => Ok(blob.to_vec().into_boxed_slice()),
        Ok((Some(found), _)) => Err(ArchiveFault::Wrong { place: index, expected: wanted, found }),
        Ok((None, _)) => Err(ArchiveFault::Malformed(index)),
        Err(error) => Err(ArchiveFault::Failing(line(&error.to_string()))),
    }
}
