//! Batches: what of L2 is on L1, and what that cost.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use alloy::primitives::{B256, U256};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use db::{BatchRecord, Reader};
use serde::Serialize;
use stf::{
    BatchHeader,
    inbox::{DaKind, MAX_BLOCKS_PER_BATCH},
};

use super::{costs::Posting, error::PageError, paging::Paging, source::Source};
use crate::report::decimal;

/// Transactions that L1 is asked for at once, by two requests each. Of more, the others are not known yet.
const AT_ONCE: usize = 25;

/// A batch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch {
    index: u64,
    first_block: u64,
    blocks: u64,
    transactions: u64,
    kind: &'static str,
    bytes: u64,
    raw: u64,
    l1_block: u64,
    l1_transaction: B256,
    time: u64,
    cost: Option<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<Vec<B256>>,
}

/// What an L1 transaction paid, in wei.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    #[serde(with = "decimal")]
    gas: U256,
    #[serde(with = "decimal")]
    blobs: U256,
    #[serde(with = "decimal")]
    total: U256,
    per_transaction: Option<String>,
}

/// A page of batches, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct BatchList {
    batches: Vec<Batch>,
    next: Option<u64>,
}

/// `GET /api/v1/batches`
pub(super) async fn batches(
    State(source): State<Arc<Source>>,
    Query(paging): Query<Paging>,
) -> Result<Json<BatchList>, PageError> {
    let (mut batches, next) = source
        .read(move |source, reader| {
            paging.page(0, reader.batch_count()?, |index| batch(source, reader, index))
        })
        .await?;
    let places = batches.iter().map(|batch| (batch.l1_transaction, batch.l1_block)).collect();
    let postings = postings(&source, places).await;
    for batch in &mut batches {
        batch.set_cost(postings.get(&batch.l1_transaction));
    }
    Ok(Json(BatchList { batches, next }))
}

/// `GET /api/v1/batch/INDEX`
pub(super) async fn one(
    State(source): State<Arc<Source>>,
    Path(index): Path<String>,
) -> Result<Json<Batch>, PageError> {
    let index = index.parse().map_err(|_| PageError::Wrong(format!("{index:?} is no number of a batch")))?;
    let mut batch = source.read(move |source, reader| batch(source, reader, index)).await?;
    let postings = postings(&source, vec![(batch.l1_transaction, batch.l1_block)]).await;
    let posting = postings.get(&batch.l1_transaction);
    batch.set_cost(posting);
    batch.blobs = Some(posting.map(|posting| posting.blobs.clone()).unwrap_or_default());
    Ok(Json(batch))
}

/// The batch of a number.
fn batch(source: &Source, reader: &Reader, index: u64) -> Result<Batch, PageError> {
    let place = reader.batch_place(index)?;
    let place = place.ok_or_else(|| PageError::Missing(format!("there is no batch {index} yet")))?;
    let header = header(&place)?;
    let (transactions, raw) = match source.counts.get(&place.acc) {
        Some(counts) => counts,
        None => {
            let counts = counts(reader, &place)?;
            source.counts.insert(place.acc, counts);
            counts
        }
    };
    Ok(Batch {
        index,
        first_block: place.first_block,
        blocks: header.block_count,
        transactions,
        kind: if header.da_kind == DaKind::Blobs { "blobs" } else { "calldata" },
        bytes: header.payload_length,
        raw,
        l1_block: place.l1_block,
        l1_transaction: place.tx_hash,
        time: header.l1_timestamp,
        cost: None,
        blobs: None,
    })
}

/// The transactions of a batch's users, and their bytes.
fn counts(reader: &Reader, place: &BatchRecord) -> Result<(u64, u64), PageError> {
    let (mut transactions, mut raw) = (0, 0);
    let last = place.last_block.min(place.first_block.saturating_add(MAX_BLOCKS_PER_BATCH - 1));
    for body in reader.bodies(place.first_block..=last)? {
        for tx in body?.1.iter().filter(|tx| !tx.is_deposit()) {
            transactions += 1;
            raw += tx.raw.len() as u64;
        }
    }
    Ok((transactions, raw))
}

/// What L1 says of transactions in its blocks, as far as it does so soon.
pub(super) async fn postings(source: &Source, places: Vec<(B256, u64)>) -> HashMap<B256, Posting> {
    let (mut found, mut missing) = source.postings.known(places);
    missing.truncate(AT_ONCE);
    let requests = u32::try_from(2 * missing.len()).ok().and_then(NonZeroU32::new);
    if let Some(requests) = requests
        && let Ok(_turn) = source.turn(requests).await
    {
        found.extend(source.postings.ask(&source.known.client, missing).await);
    }
    found
}

pub(super) fn header(record: &BatchRecord) -> Result<BatchHeader, PageError> {
    BatchHeader::decode(&record.header).map_err(PageError::internal)
}

impl Batch {
    fn set_cost(&mut self, posting: Option<&Posting>) {
        self.cost = posting.map(|posting| {
            let total = posting.gas + posting.blob_gas;
            let each = total.checked_div(U256::from(self.transactions));
            let per_transaction = each.map(|each| each.to_string());
            Cost { gas: posting.gas, blobs: posting.blob_gas, total, per_transaction }
        });
    }
}
