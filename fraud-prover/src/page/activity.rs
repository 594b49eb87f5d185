//! What happened on L2 lately.

use alloy::{consensus::Transaction as _, primitives::U256};
use db::{Reader, StoredReceipt, StoredTransaction};
use rollup::chain::BlockRef;
use serde::Serialize;
use stf::Transaction;

use super::error::PageError;
use crate::report::decimal;

/// Seconds of a point of [`Activity`].
const SECONDS: u64 = 60;

/// Points of [`Activity`]: an hour.
const POINTS: u64 = 60;

/// Most blocks that are read for [`Activity`]. Of more, only the newest count.
const MOST_BLOCKS: u64 = 20_000;

/// What happened in a stretch of time, from `time` on.
#[derive(Clone, Debug, Default, Serialize)]
struct Point {
    time: u64,
    blocks: u64,
    transactions: usize,
    gas: u64,
    #[serde(with = "decimal")]
    fees: U256,
}

/// The last hour.
#[derive(Debug, Serialize)]
pub(super) struct Activity {
    seconds: u64,
    points: Vec<Point>,
}

/// What happened in the hour up to a block. It is the block that the points end with, not the clock's minute: of one that has
/// just begun there would be little, which looks like an end.
pub(super) fn lately(reader: &Reader, head: BlockRef) -> Result<Activity, PageError> {
    let begin = (head.timestamp + 1).saturating_sub(POINTS * SECONDS);
    let mut points: Vec<Point> =
        (0..POINTS).map(|minute| Point { time: begin + minute * SECONDS, ..Point::default() }).collect();
    let oldest = reader.oldest_block()?.max(head.number.saturating_sub(MOST_BLOCKS - 1)).max(1);
    for number in (oldest..=head.number).rev() {
        let Some(header) = reader.header(number)? else { break };
        let Some(after) = header.timestamp.checked_sub(begin) else { break };
        let Some(point) = points.get_mut((after / SECONDS) as usize) else { continue };
        point.blocks += 1;
        point.gas += header.gas_used;
        // What has no users needs no more reading.
        let transactions = reader.transactions(number)?.unwrap_or_default();
        point.transactions += users(&transactions);
        if transactions.iter().any(|tx| !tx.is_deposit()) {
            let receipts = reader.receipts(number)?.unwrap_or_default();
            point.fees += fees(&transactions, &receipts, header.base_fee_per_gas.unwrap_or_default());
        }
    }
    Ok(Activity { seconds: SECONDS, points })
}

/// Transactions of a block without the one that it begins with, which is nobody's.
pub(super) fn users(transactions: &[StoredTransaction]) -> usize {
    transactions.len().saturating_sub(1)
}

/// What the users of a block paid for execution, in wei. (What data on L1 costs is not stored.)
pub(super) fn fees(transactions: &[StoredTransaction], receipts: &[StoredReceipt], base_fee: u64) -> U256 {
    let paid = |(stored, receipt): (&StoredTransaction, &StoredReceipt)| {
        if stored.is_deposit() {
            return None;
        }
        let tx = Transaction::stored(stored.raw.clone(), stored.sender).ok()?;
        let price = tx.envelope().effective_gas_price(Some(base_fee));
        Some(U256::from(price) * U256::from(receipt.gas_used))
    };
    transactions.iter().zip(receipts).filter_map(paid).sum()
}
