//! What L1 says of the transactions that posted batches.

use std::{collections::HashMap, time::Duration};

use alloy::{
    consensus::Transaction as _,
    network::ReceiptResponse,
    primitives::{B256, U256},
    providers::Provider,
};
use rollup::l1::L1Client;

use super::remembered::Remembered;

/// How long L1 has to tell what a page of batches cost. What it has not told by then is shown as not known.
const PATIENCE: Duration = Duration::from_secs(2);

/// L1 transactions that are remembered.
const REMEMBERED: usize = 1 << 14;

/// What L1 says of a transaction that posted a batch.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    /// What its gas cost, in wei.
    pub(super) gas: U256,
    /// What its blobs cost, in wei.
    pub(super) blob_gas: U256,
    /// Versioned hashes of its blobs.
    pub(super) blobs: Vec<B256>,
}

/// What L1 has said so far, by transaction and L1 block.
#[derive(Debug)]
pub(super) struct Postings(Remembered<(B256, u64), Posting>);

impl Default for Postings {
    fn default() -> Self {
        Self(Remembered::new(REMEMBERED))
    }
}

impl Postings {
    /// What was said of transactions, by their hashes and L1 blocks, and which have to be asked for.
    pub(super) fn known(&self, mut places: Vec<(B256, u64)>) -> (HashMap<B256, Posting>, Vec<(B256, u64)>) {
        places.sort_unstable();
        places.dedup();
        let known = |place: &(B256, u64)| Some((place.0, self.0.get(place)?));
        let found: HashMap<B256, Posting> = places.iter().filter_map(known).collect();
        places.retain(|(hash, _)| !found.contains_key(hash));
        (found, places)
    }

    /// Asks L1 for transactions, as far as it answers soon.
    pub(super) async fn ask(&self, client: &L1Client, places: Vec<(B256, u64)>) -> HashMap<B256, Posting> {
        let mut found = HashMap::new();
        let asked = async {
            for (hash, block) in places {
                // One that it does not know is no reason to leave the others.
                let Some(posting) = ask(client, hash, block).await else { continue };
                self.0.insert((hash, block), posting.clone());
                found.insert(hash, posting);
            }
        };
        // What is not told in time is not known; what was told is remembered.
        let _ = tokio::time::timeout(PATIENCE, asked).await;
        found
    }
}

async fn ask(client: &L1Client, hash: B256, block: u64) -> Option<Posting> {
    let provider = client.provider();
    let receipt = provider.get_transaction_receipt(hash).await.ok()??;
    // L1 was reorganised: what it costs there is not what is asked for.
    if receipt.block_number() != Some(block) {
        return None;
    }
    let tx = provider.get_transaction_by_hash(hash).await.ok()??;
    let gas = U256::from(receipt.effective_gas_price()) * U256::from(receipt.gas_used());
    let blob_gas =
        U256::from(receipt.blob_gas_price().unwrap_or(0)) * U256::from(receipt.blob_gas_used().unwrap_or(0));
    let blobs = tx.blob_versioned_hashes().map(<[B256]>::to_vec).unwrap_or_default();
    Some(Posting { gas, blob_gas, blobs })
}
