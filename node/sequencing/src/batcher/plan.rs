//! Deciding what the next batch is: from the inbox as read, and the local chain.

use alloy::primitives::{B256, Bytes};
use db::{Reader, StoredTransaction};
use stf::{
    BlockSpec, MessageHeader,
    codec::{EncodeError, MAX_DECOMPRESSED_SIZE, MAX_TRANSACTIONS, encode},
    derive::message_cursor,
};

use rollup::{chain::Chain, l1::Position};

/// Where the batches end on L1.
#[derive(Clone, Copy, Debug)]
pub(super) struct InboxView {
    /// Timestamp of the L1 block that was looked at.
    pub(super) timestamp: u64,
    pub(super) last_block: u64,
    pub(super) message_end: u64,
    pub(super) batches: u64,
    pub(super) batch_acc: B256,
}

/// What bounds a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Wanted size of the payload; several blocks never exceed it.
    pub(super) payload_size: usize,
    /// Largest payload of a single block.
    pub(super) max_payload: usize,
    pub(super) max_blocks: u64,
    pub(super) quality: u8,
    /// Payload bytes that a byte of transactions is expected to take.
    pub(super) ratio: f64,
    /// Age in seconds past which messages must be covered.
    pub(super) force_delay: u64,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Plan {
    /// Nothing now.
    Wait(&'static str),
    /// Post this.
    Post(Box<Batch>),
    /// There is no lawful batch of the local blocks: have one forced.
    Force {
        /// Header of the first unconsumed message, if it is overdue.
        old_header: Bytes,
        reason: &'static str,
    },
}

/// A batch to post.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) payload: Vec<u8>,
    pub(super) first_block: u64,
    pub(super) block_count: u64,
    pub(super) message_end: u64,
    pub(super) message_acc: B256,
    pub(super) young_header: Bytes,
    /// Bytes of the transactions in it.
    pub(super) raw_bytes: usize,
}

/// Why no batch can be built.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The local chain lacks something that it should have.
    #[error("{what} {number} is missing in the database")]
    Missing {
        /// Which kind of record.
        what: &'static str,
        /// Its number or index.
        number: u64,
    },
    /// The payload does not compress.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No lawful batch holds the local blocks.
    #[error("the local blocks can't be posted: {0}")]
    Impossible(&'static str),
}

/// A block's transactions without deposits.
pub(super) fn user_transactions(body: &[StoredTransaction]) -> impl Iterator<Item = &Bytes> {
    body.iter().filter(|tx| !tx.is_deposit()).map(|tx| &tx.raw)
}

/// The local blocks that come next, as far as they may be in a batch.
struct Blocks {
    specs: Vec<BlockSpec>,
    /// Queue index after each.
    cursors: Vec<u64>,
    /// Bytes of transactions up to and with each.
    bytes: Vec<usize>,
}

pub(super) fn plan(chain: &Chain, view: &InboxView, limits: &Limits) -> Result<Plan, PlanError> {
    let reader = chain.db().read()?;
    let local = Position::load(&reader)?;
    if (local.batches, local.batch_acc) != (view.batches, view.batch_acc) {
        return Ok(Plan::Wait("the local chain has not derived the newest batch"));
    }
    if reader.safe()?.unwrap_or(0) != view.last_block {
        return Ok(Plan::Wait("the local chain is being changed"));
    }
    let latest = view.timestamp.saturating_add(chain.config().chain.max_drift);
    let blocks = load(&reader, view, limits, latest)?;
    if blocks.specs.is_empty() {
        return Ok(Plan::Wait("no block that L1's time allows"));
    }
    let old_header = || overdue(&reader, view, limits, view.message_end);
    let Some((payload, count)) = fit(&blocks, limits, chain.config().chain.chain_id)? else {
        let old_header = old_header()?.unwrap_or_default();
        return Ok(Plan::Force { old_header, reason: "a block is too large for an L1 transaction" });
    };
    let message_end = blocks.cursors[count - 1];
    if overdue(&reader, view, limits, message_end)?.is_some() {
        if reader.head()?.is_some_and(|(head, _)| head == view.last_block + count as u64) {
            return Ok(Plan::Wait("a message is overdue that no block has consumed yet"));
        }
        let old_header = old_header()?.unwrap_or_default();
        return Ok(Plan::Force { old_header, reason: "a batch can't reach the messages that are overdue" });
    }
    let message_acc = match message_end.checked_sub(1) {
        Some(last) => header_and_acc(&reader, last)?.ok_or(missing("message", last))?.1,
        None => B256::ZERO,
    };
    // The message after the batch proves that nothing overdue stays behind. Where there is none yet, the newest
    // one does, in case another slips in before the batch.
    let young = match header_and_acc(&reader, message_end)? {
        Some(next) => Some(next),
        None => message_end.checked_sub(1).map(|last| header_and_acc(&reader, last)).transpose()?.flatten(),
    };
    Ok(Plan::Post(Box::new(Batch {
        payload,
        first_block: view.last_block + 1,
        block_count: count as u64,
        message_end,
        message_acc,
        young_header: young.map(|(header, _)| header).unwrap_or_default(),
        raw_bytes: blocks.bytes[count - 1],
    })))
}

const fn missing(what: &'static str, number: u64) -> PlanError {
    PlanError::Missing { what, number }
}

fn header_and_acc(reader: &Reader, index: u64) -> Result<Option<(Bytes, B256)>, PlanError> {
    Ok(reader.message(index)?.map(|message| (Bytes::copy_from_slice(&message.header), message.acc)))
}

/// The header of message `index`, if the message is overdue.
fn overdue(
    reader: &Reader,
    view: &InboxView,
    limits: &Limits,
    index: u64,
) -> Result<Option<Bytes>, PlanError> {
    let Some((header, _)) = header_and_acc(reader, index)? else {
        return Ok(None);
    };
    let sent = MessageHeader::decode(&header).map_or(u64::MAX, |header| header.l1_timestamp);
    Ok((sent.saturating_add(limits.force_delay) < view.timestamp).then_some(header))
}

/// Loads the blocks after those on L1: as many as can matter for one batch, and none from the future.
fn load(reader: &Reader, view: &InboxView, limits: &Limits, latest: u64) -> Result<Blocks, PlanError> {
    let mut blocks = Blocks { specs: Vec::new(), cursors: Vec::new(), bytes: Vec::new() };
    let parent = reader.header(view.last_block)?.ok_or(missing("header", view.last_block))?;
    let mut cursor = message_cursor(&parent).unwrap_or(0);
    let mut total = 0;
    let first = view.last_block + 1;
    for number in first..first.saturating_add(limits.max_blocks) {
        let Some(header) = reader.header(number)? else {
            break;
        };
        // Later than this a block would come out with another timestamp.
        if header.timestamp > latest || total > MAX_DECOMPRESSED_SIZE {
            break;
        }
        let body = reader.transactions(number)?.ok_or(missing("body", number))?;
        let transactions: Vec<Bytes> = user_transactions(&body).cloned().collect();
        let next = message_cursor(&header).unwrap_or(cursor);
        total += transactions.iter().map(|tx| tx.len()).sum::<usize>();
        blocks.specs.push(BlockSpec {
            timestamp: header.timestamp,
            messages: next.saturating_sub(cursor),
            transactions,
        });
        blocks.cursors.push(next);
        blocks.bytes.push(total);
        cursor = next;
    }
    Ok(blocks)
}

/// The payload of as many of the blocks as fit, and how many; `None` if not even the first does.
fn fit(blocks: &Blocks, limits: &Limits, chain_id: u64) -> Result<Option<(Vec<u8>, usize)>, PlanError> {
    let scaled = |count: usize, size: usize, limit: usize| {
        let fraction = limit as f64 / size.max(1) as f64 * 0.97;
        ((count as f64 * fraction) as usize).clamp(1, count - 1)
    };
    // A first guess from the size of the transactions, generous because the payload may come out smaller.
    let guess = 1.25 * limits.payload_size as f64 / limits.ratio.max(0.01);
    let mut count =
        blocks.bytes.partition_point(|bytes| (*bytes as f64) < guess).max(1).min(blocks.specs.len());
    loop {
        let limit = if count == 1 { limits.max_payload } else { limits.payload_size };
        match encode(&blocks.specs[..count], chain_id, limits.quality) {
            Ok(payload) if payload.len() <= limit => return Ok(Some((payload, count))),
            Ok(_) | Err(EncodeError::TooLarge(_) | EncodeError::TooManyTransactions(_)) if count == 1 => {
                return Ok(None);
            }
            Ok(payload) => count = scaled(count, payload.len(), limit),
            Err(EncodeError::TooLarge(size)) => count = scaled(count, size, MAX_DECOMPRESSED_SIZE),
            Err(EncodeError::TooManyTransactions(found)) => count = scaled(count, found, MAX_TRANSACTIONS),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stf::codec::decode;

    const CHAIN: u64 = 42_069;

    /// Blocks of bytes that do not compress.
    fn blocks(sizes: &[usize]) -> Blocks {
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let mut blocks = Blocks { specs: Vec::new(), cursors: Vec::new(), bytes: Vec::new() };
        let mut total = 0;
        for (number, size) in sizes.iter().enumerate() {
            let raw: Vec<u8> = (0..*size).map(|_| noise()).collect();
            total += size;
            let transactions = if raw.is_empty() { Vec::new() } else { vec![raw.into()] };
            blocks.specs.push(BlockSpec { timestamp: number as u64, messages: 0, transactions });
            blocks.cursors.push(0);
            blocks.bytes.push(total);
        }
        blocks
    }

    fn limits() -> Limits {
        Limits {
            payload_size: 10_000,
            max_payload: 20_000,
            max_blocks: 4096,
            quality: 5,
            ratio: 1.0,
            force_delay: 60,
        }
    }

    fn check(sizes: &[usize], ratio: f64) -> Option<usize> {
        let blocks = blocks(sizes);
        let (payload, count) = fit(&blocks, &Limits { ratio, ..limits() }, CHAIN).unwrap()?;
        assert!(payload.len() <= if count == 1 { 20_000 } else { 10_000 });
        assert_eq!(decode(&payload, CHAIN, 0..usize::MAX).unwrap(), blocks.specs[..count]);
        Some(count)
    }

    #[test]
    fn as_many_blocks_as_fit() {
        for ratio in [0.05, 0.5, 1.0, 1.1] {
            let few = check(&[1000; 5], ratio).unwrap();
            assert_eq!(few, 5, "all fit");
            let many = check(&[1000; 100], ratio).unwrap();
            assert!((8..=9).contains(&many), "{many} blocks of 1,000 bytes in 10,000");
            assert_eq!(check(&[0; 4096], ratio), Some(4096), "empty blocks cost next to nothing");
        }
    }

    #[test]
    fn a_large_block_goes_alone_and_a_huge_one_not_at_all() {
        assert_eq!(check(&[15_000, 10], 1.0), Some(1));
        assert_eq!(check(&[15_000], 1.0), Some(1));
        assert_eq!(check(&[10, 15_000], 1.0), Some(1));
        assert_eq!(check(&[25_000, 10], 1.0), None);
        assert_eq!(check(&[MAX_DECOMPRESSED_SIZE + 1], 1.0), None);
    }
}
