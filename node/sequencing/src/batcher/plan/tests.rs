//! A case for each outcome of planning.

use std::collections::BTreeMap;

use alloy::primitives::U256;
use stf::{BlockSpec, codec::decode, inbox::MessageKind};

use super::*;
use crate::batcher::{
    fit::tests::{CHAIN, blocks, limits},
    snapshot::{CandidateBlocks, Course, InboxView, LoadedQueue, QueuedMessage},
};

/// L1's time in the cases. Messages are overdue that are older than [`limits`]' force delay.
const NOW: u64 = 10_000;
const OLD: u64 = NOW - 61;
const YOUNG: u64 = NOW - 60;

fn message(index: u64, l1_timestamp: u64) -> QueuedMessage {
    let header = MessageHeader {
        kind: MessageKind::Deposit,
        sender: Default::default(),
        l1_block_number: index,
        l1_timestamp,
        gas: 21_000,
        gas_end: 21_000 * (index + 1),
        base_fee: U256::ZERO,
        blob_base_fee: U256::ZERO,
        prev_randao: B256::ZERO,
        data_hash: B256::ZERO,
    };
    QueuedMessage { header: header.encode(), acc: B256::with_last_byte(index as u8 + 1) }
}

/// The local chain has derived one batch of ten blocks, which consumed two messages. Since then there are `blocks`, by
/// the messages and the bytes in each, and the messages of the queue from 2 on, by their time.
fn scene(sizes: &[(u64, usize)], queue: &[u64]) -> BatchSnapshot {
    let inbox = InboxView {
        number: 1_000,
        timestamp: NOW,
        base_fee: 0,
        allowance: 60_000,
        last_block: 10,
        message_end: 2,
        batches: 1,
        batch_acc: B256::repeat_byte(7),
    };
    let mut candidates = CandidateBlocks::default();
    let bytes: Vec<usize> = sizes.iter().map(|(_, size)| *size).collect();
    for (spec, (messages, _)) in blocks(&bytes).specs.into_iter().zip(sizes) {
        candidates.push(2, B256::repeat_byte(3), BlockSpec { messages: *messages, ..spec });
    }
    let times = [YOUNG, YOUNG].into_iter().chain(queue.iter().copied());
    let messages: BTreeMap<u64, QueuedMessage> =
        (0u64..).zip(times).map(|(index, time)| (index, message(index, time))).collect();
    BatchSnapshot {
        chain_id: CHAIN,
        inbox,
        course: Course::default(),
        standing: 0,
        derived: (1, inbox.batch_acc),
        safe: 10,
        unsafe_head: 10 + sizes.len() as u64,
        blocks: candidates,
        queue: LoadedQueue { count: messages.len() as u64, messages },
        forced_end: forced_end(),
    }
}

/// Where a forced batch would end.
fn forced_end() -> ForcedEnd {
    ForcedEnd { message_end: 3, header: Bytes::from_static(b"header") }
}

fn header(snapshot: &BatchSnapshot, index: u64) -> Bytes {
    Bytes::copy_from_slice(&snapshot.queue.messages[&index].header)
}

fn planned(snapshot: &BatchSnapshot) -> BatchPlan {
    plan(snapshot, &limits()).unwrap()
}

fn posted(snapshot: &BatchSnapshot) -> NextBatch {
    match planned(snapshot) {
        BatchPlan::Post(batch) => *batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_waits_while_the_local_chain_and_the_inbox_differ() {
    let good = scene(&[(0, 10)], &[]);
    posted(&good);
    let not_derived = BatchPlan::Wait("the local chain has not derived the newest batch");
    assert_eq!(planned(&BatchSnapshot { derived: (0, B256::ZERO), ..good.clone() }), not_derived);
    assert_eq!(
        planned(&BatchSnapshot { derived: (1, B256::repeat_byte(8)), ..good.clone() }),
        not_derived,
        "a reorg"
    );
    let changed = BatchPlan::Wait("the local chain is being changed");
    assert_eq!(planned(&BatchSnapshot { safe: 9, ..good }), changed);
}

#[test]
fn it_waits_for_a_block_that_l1s_time_allows() {
    assert_eq!(planned(&scene(&[], &[OLD])), BatchPlan::Wait("no block that L1's time allows"));
}

#[test]
fn it_posts_what_fits_and_names_the_queue_that_it_was_built_on() {
    let snapshot = scene(&[(1, 100), (0, 0), (2, 100), (0, 9_900)], &[YOUNG; 4]);
    let batch = posted(&snapshot);
    assert_eq!(
        (batch.first_block, batch.block_count),
        (11, 3),
        "the fourth block does not fit beside the others"
    );
    assert_eq!((batch.message_end, batch.message_acc), (5, snapshot.queue.messages[&4].acc));
    assert_eq!((batch.raw_bytes, batch.has_room), (200, false));
    assert!(posted(&scene(&[(1, 100), (0, 0)], &[YOUNG])).has_room);
    assert_eq!(decode(&batch.payload, CHAIN, 0..usize::MAX).unwrap(), snapshot.blocks.specs[..3]);
}

#[test]
fn the_shown_header_is_that_of_the_next_message_or_else_of_the_last() {
    let next = scene(&[(1, 0)], &[OLD, YOUNG]);
    assert_eq!(posted(&next).end_header, header(&next, 3));
    let last = scene(&[(1, 0)], &[OLD]);
    assert_eq!(posted(&last).end_header, header(&last, 2), "the batch covers everything");

    let mut empty = scene(&[(0, 0)], &[]);
    empty.inbox.message_end = 0;
    empty.blocks.cursors = vec![0];
    empty.queue = LoadedQueue::default();
    let batch = posted(&empty);
    assert_eq!((batch.end_header, batch.message_acc), (Bytes::new(), B256::ZERO), "no message ever");
}

#[test]
fn an_overdue_message_that_a_later_block_may_consume_is_waited_for() {
    let wait = BatchPlan::Wait("a message is overdue that no block has consumed yet");
    assert_eq!(planned(&scene(&[(0, 0), (0, 0)], &[OLD])), wait);
    assert_eq!(planned(&scene(&[(1, 0)], &[OLD, OLD])), wait);
    // It is overdue only when it is older than the delay.
    posted(&scene(&[(0, 0)], &[YOUNG]));
}

#[test]
fn overdue_messages_that_a_full_batch_cant_reach_are_forced() {
    // The block that consumes the second message does not fit.
    let snapshot = scene(&[(1, 9_000), (1, 9_000)], &[OLD, OLD]);
    let reason = "a batch can't reach the messages that are overdue";
    assert_eq!(
        planned(&snapshot),
        BatchPlan::Force { old_header: header(&snapshot, 2), end: forced_end(), reason }
    );
    // L1's clock does not allow it yet.
    let mut snapshot = scene(&[(1, 0)], &[OLD, OLD]);
    snapshot.unsafe_head += 1;
    assert_eq!(
        planned(&snapshot),
        BatchPlan::Force { old_header: header(&snapshot, 2), end: forced_end(), reason }
    );
}

#[test]
fn a_block_that_fits_no_transaction_of_l1_is_forced_away() {
    let reason = "a block is too large for an L1 transaction";
    let overdue = scene(&[(1, 25_000)], &[OLD]);
    assert_eq!(
        planned(&overdue),
        BatchPlan::Force { old_header: header(&overdue, 2), end: forced_end(), reason }
    );
    // Without an overdue message only the batcher's silence allows it, which needs no header.
    for queue in [&[][..], &[YOUNG]] {
        let young = scene(&[(0, 25_000), (0, 0)], queue);
        assert_eq!(planned(&young), BatchPlan::Force { old_header: Bytes::new(), end: forced_end(), reason });
    }
}

#[test]
fn a_message_that_was_not_loaded_is_an_error_and_not_the_end_of_the_queue() {
    let mut snapshot = scene(&[(1, 0)], &[YOUNG, YOUNG]);
    snapshot.queue.messages.remove(&3);
    let error = plan(&snapshot, &limits()).unwrap_err();
    assert!(matches!(error, PlanError::Chain(ChainError::Missing { what: "message", number: 3 })), "{error}");
}

#[test]
fn no_batch_is_behind_the_messages_that_the_inbox_counts_as_consumed() {
    let mut snapshot = scene(&[(0, 10), (1, 10)], &[YOUNG, YOUNG]);
    posted(&snapshot);
    snapshot.inbox.message_end = 4;
    let reason = "the local blocks are behind the messages that the inbox counts as consumed";
    assert_eq!(planned(&snapshot), BatchPlan::Wait(reason));
}

#[test]
fn an_inbox_without_allowance_is_waited_for() {
    let mut snapshot = scene(&[(0, 10)], &[]);
    snapshot.inbox.allowance = 0;
    assert_eq!(planned(&snapshot), BatchPlan::Wait("the inbox takes no more blocks for now"));
}

#[test]
fn a_message_is_overdue_only_after_as_many_blocks_of_l1() {
    // The message is of L1 block 2, and the delay of 60 seconds counts three.
    let mut snapshot = scene(&[(0, 0)], &[OLD]);
    snapshot.inbox.number = 5;
    posted(&snapshot);
    snapshot.inbox.number = 6;
    let wait = BatchPlan::Wait("a message is overdue that no block has consumed yet");
    assert_eq!(planned(&snapshot), wait);
}

#[test]
fn a_batch_fills_its_blobs_unless_it_would_leave_overdue_messages_behind() {
    // What fills two blobs of 3,000 bytes and a little of a third, beside messages in the last block.
    let sizes: Vec<(u64, usize)> = (0..64).map(|block| (u64::from(block == 63), 100)).collect();
    let limits = Limits { blob_room: Some(3_000), ..limits() };
    let posted = |snapshot: &BatchSnapshot| match plan(snapshot, &limits).unwrap() {
        BatchPlan::Post(batch) => *batch,
        other => panic!("{other:?}"),
    };
    let young = posted(&scene(&sizes, &[YOUNG]));
    assert!((5_900..=6_000).contains(&young.payload.len()), "{}", young.payload.len());
    assert_eq!(posted(&scene(&sizes, &[OLD])).block_count, 64);
}

/// The scene with two batches of five blocks on their way after block 10; they cover three messages.
fn course(mut snapshot: BatchSnapshot) -> BatchSnapshot {
    let ends = vec![(15, B256::repeat_byte(4)), (20, B256::repeat_byte(5))];
    snapshot.course = Course { before: 10, ends, message_end: 3 };
    snapshot.standing = 2;
    snapshot.unsafe_head += 10;
    for cursor in &mut snapshot.blocks.cursors {
        *cursor += 1;
    }
    snapshot
}

#[test]
fn the_next_batch_follows_those_on_their_way() {
    let mut snapshot = course(scene(&[(1, 10), (0, 10)], &[YOUNG; 3]));
    let next = posted(&snapshot);
    assert_eq!((next.first_block, next.block_count, next.message_end), (21, 2, 4));
    assert_eq!(next.last_hash, snapshot.blocks.hashes[1]);
    // The first is on L1, where the local chain has not seen it yet; then both; then it has seen one.
    (snapshot.inbox.batches, snapshot.inbox.last_block) = (2, 15);
    assert_eq!(posted(&snapshot), next);
    (snapshot.inbox.batches, snapshot.inbox.last_block) = (3, 20);
    assert_eq!(posted(&snapshot), next);
    (snapshot.derived.0, snapshot.safe) = (2, 15);
    assert_eq!(posted(&snapshot), next);
    // What is on its way uses up the allowance.
    (snapshot.inbox.allowance, snapshot.inbox.last_block, snapshot.inbox.batches) = (5, 15, 2);
    assert_eq!(planned(&snapshot), BatchPlan::Wait("the inbox takes no more blocks for now"));
}

#[test]
fn a_batch_behind_others_does_not_count_on_the_end_of_the_queue() {
    // The newest message is old, and the batch before brings another: the inbox would ask for that one's header.
    let old = scene(&[(0, 10)], &[OLD]);
    let reason = "a young message comes with the batch before";
    assert_eq!(planned(&course(old)), BatchPlan::Wait(reason));
    posted(&course(scene(&[(0, 10)], &[YOUNG])));
    posted(&course(scene(&[(0, 10)], &[OLD, YOUNG])));
    // Alone, it is the end of the queue that proves it.
    posted(&scene(&[(1, 10)], &[OLD]));
}

#[test]
fn it_waits_where_the_inbox_has_something_else_than_what_is_on_its_way() {
    let good = course(scene(&[(0, 10)], &[YOUNG]));
    posted(&good);
    let with = |batches: u64, last_block: u64| {
        let inbox = InboxView { batches, last_block, ..good.inbox };
        planned(&BatchSnapshot { inbox, ..good.clone() })
    };
    let others = BatchPlan::Wait("a batch is on L1 that is none of those on their way");
    assert_eq!(with(2, 14), others);
    let unknown = BatchPlan::Wait("the local chain has not derived the newest batch");
    // A forced batch of as many blocks as both together.
    assert_eq!(with(2, 20), unknown);
    let endpoint_is_behind = BatchSnapshot { derived: (2, B256::ZERO), safe: 15, ..good.clone() };
    assert_eq!(planned(&endpoint_is_behind), unknown);
    assert_eq!(planned(&BatchSnapshot { derived: (1, B256::ZERO), ..good.clone() }), unknown, "a reorg");
    let replaced = BatchPlan::Wait("the local chain has other blocks than a batch on its way");
    assert_eq!(planned(&BatchSnapshot { standing: 1, ..good.clone() }), replaced);
}
