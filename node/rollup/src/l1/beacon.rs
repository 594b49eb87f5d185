//! Blobs, from beacon nodes.
//!
//! L1's execution nodes forget blobs at once, beacon nodes after some 18 days. A blob is asked for by its slot and its
//! versioned hash, and counts only by its own commitment: whoever gives it need not be believed.

use std::{collections::HashMap, sync::Arc, time::Instant};

use alloy::{
    primitives::{B256, Bytes},
    transports::http::reqwest::StatusCode,
};
use parking_lot::Mutex;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::ConnectError,
    http::{AskOrder, BlobPlace, BlobServer},
};
use crate::{
    blobs::versioned_hash,
    words::{line, words},
};

/// Longest answer that is read: all blobs of a block with 128 of them, in hexadecimal. Mainnet's blocks hold 21 at most
/// (EIP-7892's schedule of 2026).
const MAX_BODY: usize = 64 << 20;

/// Beacon nodes, the preferred one first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Beacons {
    nodes: Arc<[Beacon]>,
    order: AskOrder,
}

#[derive(Debug)]
struct Beacon {
    server: BlobServer,
    /// As the node told it. Forgotten with each failure: what was told once may have been wrong.
    clock: Mutex<Option<SlotClock>>,
}

/// How a node counts slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotClock {
    /// By time, from genesis on.
    Time { genesis: u64, seconds: u64 },
    /// A development chain's: a slot for each block.
    Blocks,
}

#[derive(Deserialize)]
struct BeaconAnswer<T> {
    data: T,
}

#[derive(Deserialize)]
struct BeaconGenesis {
    genesis_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct BeaconSpec {
    seconds_per_slot: String,
}

#[derive(Deserialize)]
struct BeaconBlob {
    blob: Bytes,
}

impl Beacons {
    /// The nodes at these URLs. None is asked anything yet.
    ///
    /// # Errors
    /// One that is no URL of HTTP.
    pub fn new(urls: &[String]) -> Result<Self, ConnectError> {
        let nodes: Result<Vec<Beacon>, ConnectError> = urls.iter().map(|url| Beacon::new(url)).collect();
        Ok(Self { nodes: nodes?.into(), order: AskOrder::default() })
    }

    /// Whether there is one.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The blobs with these versioned hashes, in their order, of an L1 block; or why each node failed.
    pub(super) async fn blobs(
        &self,
        place: BlobPlace,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Box<[u8]>>, String> {
        let mut reasons = Vec::with_capacity(self.nodes.len());
        for index in self.order.places(self.nodes.len()) {
            let (node, begun) = (&self.nodes[index], Instant::now());
            match node.blobs(place, versioned_hashes).await {
                Ok(blobs) => {
                    self.order.answered(index, begun.elapsed());
                    metrics::counter!("recourse_l1_blobs_total").increment(blobs.len() as u64);
                    return Ok(blobs);
                }
                Err(reason) => {
                    *node.clock.lock() = None;
                    metrics::counter!("recourse_l1_blob_failures_total").increment(1);
                    node.server.tell("a beacon node", place.number, place.batch, &reason);
                    reasons.push(format!("{}: {reason}", node.server.name));
                }
            }
        }
        Err(reasons.join("; "))
    }
}

impl Beacon {
    fn new(url: &str) -> Result<Self, ConnectError> {
        Ok(Self { server: BlobServer::new(url)?, clock: Mutex::default() })
    }

    async fn blobs(&self, place: BlobPlace, wanted: &[B256]) -> Result<Vec<Box<[u8]>>, String> {
        let known = *self.clock.lock();
        let clock = match known {
            Some(clock) => clock,
            None => self.read_clock().await?,
        };
        *self.clock.lock() = Some(clock);
        let slot = match clock {
            SlotClock::Time { genesis, seconds } => place
                .timestamp
                .checked_sub(genesis)
                .map(|since| since / seconds)
                .ok_or("its chain began after the block")?,
            SlotClock::Blocks => place.number,
        };
        let mut reason = format!("slot {slot} lacks some of {} blobs", wanted.len());
        // The list as the specification has it; some take it in another form only, and are asked for all of the slot.
        for hashes in [wanted, &[]] {
            let (status, body) = self.get(&format!("eth/v1/beacon/blobs/{slot}"), hashes).await?;
            match read::<Vec<Bytes>>(status, &body) {
                Ok(blobs) => {
                    if let Some(found) = pick(blobs, wanted).await {
                        return Ok(found);
                    }
                }
                // No such slot, or no such question: older nodes have another one.
                Err(error) if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                    reason = error;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let (status, body) = self.get(&format!("eth/v1/beacon/blob_sidecars/{slot}"), &[]).await?;
        if status.is_success() {
            let blobs = read::<Vec<BeaconBlob>>(status, &body)?.into_iter().map(|sidecar| sidecar.blob);
            if let Some(found) = pick(blobs.collect(), wanted).await {
                return Ok(found);
            }
        }
        Err(reason)
    }

    async fn read_clock(&self) -> Result<SlotClock, String> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("no number: {}", line(text)));
        let (status, body) = self.get("eth/v1/config/spec", &[]).await?;
        if status == StatusCode::NOT_FOUND {
            // As Anvil has it. Its genesis tells that somebody serves this interface at all.
            let (status, body) = self.get("eth/v1/beacon/genesis", &[]).await?;
            return read::<BeaconGenesis>(status, &body).map(|_| SlotClock::Blocks);
        }
        let seconds = number(&read::<BeaconSpec>(status, &body)?.seconds_per_slot)?;
        let (status, body) = self.get("eth/v1/beacon/genesis", &[]).await?;
        let genesis = number(&read::<BeaconGenesis>(status, &body)?.genesis_time)?;
        match seconds {
            0 => Err("slots of no seconds".into()),
            seconds => Ok(SlotClock::Time { genesis, seconds }),
        }
    }

    async fn get(&self, path: &str, versioned_hashes: &[B256]) -> Result<(StatusCode, Vec<u8>), String> {
        let mut url = self.server.url.clone();
        url.set_path(&format!("{}/{path}", self.server.url.path().trim_end_matches('/')));
        if !versioned_hashes.is_empty() {
            let hashes = versioned_hashes.iter().map(|hash| ("versioned_hashes", hash.to_string()));
            url.query_pairs_mut().extend_pairs(hashes);
        }
        self.server.ask(|http| http.get(url), MAX_BODY).await.map_err(|error| error.to_string())
    }
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, String> {
    if !status.is_success() {
        return Err(format!("HTTP status {}: {}", status.as_u16(), words(body)));
    }
    let read = serde_json::from_slice::<BeaconAnswer<T>>(body);
    read.map(|read| read.data).map_err(|error| format!("unusable answer: {}", line(&error.to_string())))
}

/// Those of the blobs that are wanted, each by its own commitment; `None` if one is missing.
async fn pick(blobs: Vec<Bytes>, wanted: &[B256]) -> Option<Vec<Box<[u8]>>> {
    let wanted = wanted.to_vec();
    let picked = tokio::task::spawn_blocking(move || {
        let known: HashMap<B256, &Bytes> =
            blobs.iter().filter_map(|blob| Some((versioned_hash(blob)?, blob))).collect();
        wanted.iter().map(|hash| known.get(hash).map(|blob| blob.to_vec().into_boxed_slice())).collect()
    });
    picked.await.ok().flatten()
}
