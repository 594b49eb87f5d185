//! Blocks of L2, and how many there were lately.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, U256};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use db::Reader;
use serde::Serialize;

use super::{
    activity::{Activity, fees, lately, users},
    error::PageError,
    paging::Paging,
    source::Source,
};
use crate::report::decimal;

/// How many times as long as it took what happened lately is not computed again, whoever asks: a young chain's is new soon,
/// and a long one's takes a twentieth of a processor.
const FRESH_TIMES: u32 = 20;

/// At most for this time.
const FRESH: Duration = Duration::from_secs(5);

/// A block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockLine {
    number: u64,
    hash: B256,
    time: u64,
    transactions: usize,
    gas_used: u64,
    gas_limit: u64,
    base_fee: String,
    #[serde(with = "decimal")]
    fees: U256,
    batch: Option<u64>,
}

/// A page of blocks, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct BlockList {
    blocks: Vec<BlockLine>,
    next: Option<u64>,
}

/// `GET /api/v1/blocks`
pub(super) async fn blocks(
    State(source): State<Arc<Source>>,
    Query(paging): Query<Paging>,
) -> Result<Json<BlockList>, PageError> {
    source
        .read(move |source, reader| {
            let head = source.known.chain.heads().unsafe_head.number;
            let first = reader.oldest_block()?;
            let (blocks, next) = paging.page(first, head + 1, |number| line(reader, number))?;
            Ok(Json(BlockList { blocks, next }))
        })
        .await
}

/// `GET /api/v1/block/NUMBER`
pub(super) async fn one(
    State(source): State<Arc<Source>>,
    Path(number): Path<String>,
) -> Result<Json<BlockLine>, PageError> {
    let number =
        number.parse().map_err(|_| PageError::Wrong(format!("{number:?} is no number of a block")))?;
    source.read(move |_, reader| Ok(Json(line(reader, number)?))).await
}

fn line(reader: &Reader, number: u64) -> Result<BlockLine, PageError> {
    let missing = || PageError::Missing(format!("block {number} is not here"));
    let header = reader.header(number)?.ok_or_else(missing)?;
    let transactions = reader.transactions(number)?.unwrap_or_default();
    let receipts = reader.receipts(number)?.unwrap_or_default();
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    Ok(BlockLine {
        number,
        hash: header.hash(),
        time: header.timestamp,
        transactions: users(&transactions),
        gas_used: header.gas_used,
        gas_limit: header.gas_limit,
        base_fee: base_fee.to_string(),
        fees: fees(&transactions, &receipts, base_fee),
        batch: reader.batch_of_block(number)?,
    })
}

/// `GET /api/v1/activity`
pub(super) async fn activity(State(source): State<Arc<Source>>) -> Result<Json<Arc<Activity>>, PageError> {
    let mut known = source.activity.lock().await;
    let now = Instant::now();
    if let Some((_, activity)) = known.as_ref().filter(|(until, _)| now < *until) {
        return Ok(Json(activity.clone()));
    }
    let lately = |source: &Source, reader: &Reader| lately(reader, source.known.chain.heads().unsafe_head);
    let activity = Arc::new(source.read(lately).await?);
    let fresh = (now.elapsed() * FRESH_TIMES).min(FRESH);
    *known = Some((Instant::now() + fresh, activity.clone()));
    Ok(Json(activity))
}
