//! Deciding what the next batch is, from a snapshot and nothing else.

use alloy::primitives::{B256, Bytes};
use rollup::{
    chain::ChainError,
    inbox_rules::{ForcedEnd, SECONDS_PER_L1_BLOCK},
};
use stf::MessageHeader;

use super::{
    error::PlanError,
    fit::{Fitting, Limits, fit, whole_blobs},
    snapshot::BatchSnapshot,
};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BatchPlan {
    /// Nothing now.
    Wait(&'static str),
    /// Post this.
    Post(Box<NextBatch>),
    /// There is no valid batch of the local blocks: have one forced.
    Force {
        /// Header of the first message that no batch covers, if it is overdue.
        old_header: Bytes,
        /// What the forced batch covers.
        end: ForcedEnd,
        reason: &'static str,
    },
}

/// A batch to post.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NextBatch {
    pub(super) payload: Vec<u8>,
    pub(super) first_block: u64,
    pub(super) block_count: u64,
    /// Hash of the last block.
    pub(super) last_hash: B256,
    pub(super) message_end: u64,
    pub(super) message_acc: B256,
    /// Header of message `message_end`, or of the one before it.
    pub(super) end_header: Bytes,
    /// Bytes of the transactions in it.
    pub(super) raw_bytes: usize,
    /// Whether all blocks that there are would have fitted.
    pub(super) has_room: bool,
}

/// Decides.
pub(super) fn plan(snapshot: &BatchSnapshot, limits: &Limits) -> Result<BatchPlan, PlanError> {
    if let Some(reason) = snapshot.obstacle() {
        return Ok(BatchPlan::Wait(reason));
    }
    let blocks = &snapshot.blocks;
    if blocks.specs.is_empty() {
        return Ok(BatchPlan::Wait("no block that L1's time allows"));
    }
    let (last_block, covered) = snapshot.end();
    let force = |reason| {
        let old_header = overdue(snapshot, limits, covered)?.unwrap_or_default();
        Ok(BatchPlan::Force { old_header, end: snapshot.forced_end.clone(), reason })
    };
    if snapshot.allowance() == 0 {
        return Ok(BatchPlan::Wait("the inbox takes no more blocks for now"));
    }
    let Some(mut fitting) = fit(blocks, limits, snapshot.chain_id)? else {
        return force("a block is too large for an L1 transaction");
    };
    let has_room = snapshot.unsafe_head == last_block + fitting.count as u64;
    if let Some(whole) = whole_blobs(&fitting, limits)
        && let Some(cut) = fit(blocks, &Limits { payload_size: whole, ..*limits }, snapshot.chain_id)?
        && overdue(snapshot, limits, blocks.cursors[cut.count - 1])?.is_none()
    {
        fitting = cut;
    }
    let Fitting { payload, count } = fitting;
    let message_end = blocks.cursors[count - 1];
    if message_end < covered {
        // Not with blocks that follow on those derived from the inbox; the inbox would refuse it.
        return Ok(BatchPlan::Wait(
            "the local blocks are behind the messages that the inbox counts as consumed",
        ));
    }
    if overdue(snapshot, limits, message_end)?.is_some() {
        if snapshot.unsafe_head == last_block + count as u64 {
            return Ok(BatchPlan::Wait("a message is overdue that no block has consumed yet"));
        }
        return force("a batch can't reach the messages that are overdue");
    }
    let last = message_end.checked_sub(1);
    let last = last.map(|last| snapshot.queue.get(last)).transpose()?.flatten();
    let message_acc = match last {
        Some(last) => last.acc,
        None if message_end == 0 => B256::ZERO,
        None => return Err(ChainError::Missing { what: "message", number: message_end - 1 }.into()),
    };
    // The message after the batch proves that nothing overdue stays behind. Where there is none yet, the newest
    // one does, in case another slips in before the batch.
    let next = snapshot.queue.get(message_end)?;
    if next.is_none()
        && !snapshot.course.ends.is_empty()
        && let Some(last) = message_end.checked_sub(1)
        && overdue(snapshot, limits, last)?.is_some()
    {
        // The batch before this one brings one, and then the end of the queue is no proof any more.
        return Ok(BatchPlan::Wait("a young message comes with the batch before"));
    }
    let young = next.or(last);
    Ok(BatchPlan::Post(Box::new(NextBatch {
        payload,
        first_block: last_block + 1,
        block_count: count as u64,
        last_hash: blocks.hashes[count - 1],
        message_end,
        message_acc,
        end_header: young.map(|message| Bytes::copy_from_slice(&message.header)).unwrap_or_default(),
        raw_bytes: blocks.bytes[count - 1],
        has_room,
    })))
}

/// The header of message `index`, if the message is overdue.
fn overdue(snapshot: &BatchSnapshot, limits: &Limits, index: u64) -> Result<Option<Bytes>, PlanError> {
    let Some(message) = snapshot.queue.get(index)? else {
        return Ok(None);
    };
    let inbox = &snapshot.inbox;
    let is_overdue = MessageHeader::decode(&message.header).is_ok_and(|header| {
        let blocks = limits.force_delay.div_ceil(SECONDS_PER_L1_BLOCK);
        header.l1_timestamp.saturating_add(limits.force_delay) < inbox.timestamp
            && header.l1_block_number.saturating_add(blocks) < inbox.number
    });
    Ok(is_overdue.then(|| Bytes::copy_from_slice(&message.header)))
}

#[cfg(test)]
mod tests;
