//! Reading a range: batches from a node of the rollup, what they cost from L1, what was paid from the L2 receipts.

use std::{
    collections::HashSet,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use alloy::{
    network::ReceiptResponse,
    primitives::{B256, U64, U256},
    providers::Provider,
};
use anyhow::{Context, Result, bail, ensure};
use bridge::Session;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tracing::info;

use super::weigh::{DataPaid, PostingCost};

/// Requests for receipts that are under way at a time.
const CONCURRENT: usize = 16;
/// How often to say how far reading is.
const TELL_INTERVAL: Duration = Duration::from_secs(5);

/// The L2 blocks that are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRange {
    pub(super) from: u64,
    /// `None`: the safe head.
    pub(super) to: Option<u64>,
}

/// The whole batches that hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BatchRange {
    /// The blocks of these batches.
    pub(super) blocks: RangeInclusive<u64>,
    /// Their indices.
    pub(super) batches: RangeInclusive<u64>,
    /// How many are in blobs.
    pub(super) in_blobs: u64,
    /// How many are in calldata.
    pub(super) in_calldata: u64,
    /// How many were forced: their cost is not the operator's.
    pub(super) forced: u64,
}

/// A batch, as a node of the rollup tells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchOnL1 {
    index: U64,
    first_block: U64,
    last_block: U64,
    l1_transaction_hash: B256,
    da_kind: String,
}

#[derive(Debug, Deserialize)]
struct SafeHead {
    safe: SafeNumber,
}

#[derive(Debug, Deserialize)]
struct SafeNumber {
    number: U64,
}

/// What an L2 receipt says of L1 data. That of a deposit says nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataReceipt {
    #[serde(default)]
    l1_fee: Option<U256>,
    #[serde(default)]
    l1_gas_used: Option<U256>,
    #[serde(default)]
    l1_gas_price: Option<U256>,
    #[serde(default)]
    l1_blob_base_fee: Option<U256>,
}

/// What was paid over the batches that hold these blocks, and what posting them cost.
pub(super) async fn read(
    session: &Session,
    asked: BlockRange,
) -> Result<(BatchRange, DataPaid, PostingCost)> {
    let to = match asked.to {
        Some(to) => to,
        None => {
            let status: SafeHead = session.l2.raw_request("recourse_status".into(), ()).await?;
            status.safe.number.to()
        }
    };
    // The genesis is in no batch.
    let from = asked.from.max(1);
    ensure!(from <= to, "there are no blocks from {from} to {to}");
    let batches = batches(session, from, to).await?;
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        bail!("no batch holds block {from}")
    };
    let count = |kind: &str| batches.iter().filter(|batch| batch.da_kind == kind).count() as u64;
    let range = BatchRange {
        blocks: first.first_block.to()..=last.last_block.to(),
        batches: first.index.to()..=last.index.to(),
        in_blobs: count("blobs"),
        in_calldata: count("calldata"),
        forced: count("none"),
    };
    let cost = cost(session, &batches).await?;
    let paid = paid(session, range.blocks.clone()).await?;
    Ok((range, paid, cost))
}

/// The batches that hold these blocks.
async fn batches(session: &Session, from: u64, to: u64) -> Result<Vec<BatchOnL1>> {
    let mut batches: Vec<BatchOnL1> = Vec::new();
    let mut next = from;
    while next <= to {
        let found: Option<BatchOnL1> = session
            .l2
            .raw_request("recourse_batchOfBlock".into(), [U64::from(next)])
            .await
            .with_context(|| format!("cannot read the batch of L2 block {next}"))?;
        let batch = found.with_context(|| format!("block {next} is in no batch on L1 yet"))?;
        let last = batch.last_block.to::<u64>();
        ensure!(last >= next, "the node says that block {next} is in a batch that ends at {last}");
        next = last.saturating_add(1);
        batches.push(batch);
    }
    Ok(batches)
}

/// What the transactions of these batches cost. Forced ones are not the operator's.
async fn cost(session: &Session, batches: &[BatchOnL1]) -> Result<PostingCost> {
    let posted = batches.iter().filter(|batch| batch.da_kind != "none");
    let transactions: HashSet<B256> = posted.map(|batch| batch.l1_transaction_hash).collect();
    let receipts = stream::iter(transactions).map(async |hash| {
        let receipt = session.l1.get_transaction_receipt(hash).await?;
        receipt.with_context(|| format!("L1 has no receipt of {hash}, which posted a batch"))
    });
    let mut cost = PostingCost::default();
    let mut receipts = receipts.buffered(CONCURRENT);
    while let Some(receipt) = receipts.try_next().await? {
        cost.gas += receipt.gas_used();
        cost.gas_wei += U256::from(receipt.gas_used()) * U256::from(receipt.effective_gas_price());
        let (blob_gas, price) =
            (receipt.blob_gas_used().unwrap_or_default(), receipt.blob_gas_price().unwrap_or_default());
        cost.blob_gas += blob_gas;
        cost.blob_gas_wei += U256::from(blob_gas) * U256::from(price);
    }
    Ok(cost)
}

/// What the transactions of these blocks paid.
async fn paid(session: &Session, blocks: RangeInclusive<u64>) -> Result<DataPaid> {
    let last = *blocks.end();
    let receipts = stream::iter(blocks).map(async |number| {
        let params = [U64::from(number)];
        let found: Option<Vec<DataReceipt>> = session
            .l2
            .raw_request("eth_getBlockReceipts".into(), params)
            .await
            .with_context(|| format!("cannot read the receipts of L2 block {number}"))?;
        anyhow::Ok((number, found.with_context(|| format!("L2 has no block {number} any more"))?))
    });
    let mut paid = DataPaid::default();
    let mut told = Instant::now();
    let mut receipts = receipts.buffered(CONCURRENT);
    while let Some((number, receipts)) = receipts.try_next().await? {
        for receipt in receipts {
            let (Some(fee), Some(gas), Some(base_fee)) =
                (receipt.l1_fee, receipt.l1_gas_used, receipt.l1_gas_price)
            else {
                continue;
            };
            paid.add(gas, fee, base_fee, receipt.l1_blob_base_fee.unwrap_or_default());
        }
        if told.elapsed() >= TELL_INTERVAL {
            told = Instant::now();
            info!(target: "node::fees", block = number, last, "reading receipts");
        }
    }
    Ok(paid)
}
