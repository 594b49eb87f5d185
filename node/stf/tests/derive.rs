//! From batches and the queue to the inputs of blocks.
#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use common::{CONFIG, Deposit, Queue, generator};
use rand::Rng;
use stf::{
    BatchHeader, BlockInputs, BlockSpec, ExtraData, Message, MessageSource, codec,
    config::{DEPOSIT_GAS_CAP, GUARANTEE, MIN_MESSAGE_GAS},
    derive::{block_inputs, block_specs, block_timestamp, consume, is_greedy, message_cursor},
    inbox::{DaKind, MAX_PAYLOAD_SIZE, MessageKind},
};

/// Time of the L1 block that holds the batch.
const L1_TIME: u64 = 1_800_000_000;

/// Hands out messages, and notes the furthest that was asked for.
struct Source<'a> {
    messages: &'a [Message],
    furthest: u64,
}

impl MessageSource for Source<'_> {
    type Error = Infallible;

    fn message(&mut self, index: u64) -> Result<Message, Infallible> {
        self.furthest = self.furthest.max(index);
        Ok(self.messages[usize::try_from(index).unwrap()].clone())
    }
}

/// A batch over the whole of a queue.
fn batch(first_block: u64, block_count: u64, queue: &Queue) -> BatchHeader {
    BatchHeader {
        da_kind: DaKind::Calldata,
        data_hash: B256::ZERO,
        payload_length: 0,
        first_block,
        block_count,
        message_end: queue.messages.len() as u64,
        message_acc: B256::ZERO,
        message_gas_end: queue.gas_end(),
        l1_block_number: 1,
        l1_timestamp: L1_TIME,
    }
}

fn parent(number: u64, timestamp: u64) -> Header {
    Header { number, timestamp, ..Header::default() }
}

/// The parent's `extraData` at this place of a queue.
fn at(queue: &Queue, cursor: u64) -> ExtraData {
    let before = cursor.checked_sub(1).map(|last| &queue.messages[last as usize]);
    let consumed_gas = before.map_or(0, |message| message.header.gas_end);
    ExtraData { message_cursor: cursor, consumed_gas, excess_gas: 0 }
}

fn inputs(
    parent: &Header,
    extra: &ExtraData,
    batch: &BatchHeader,
    spec: Option<BlockSpec>,
    queue: &Queue,
) -> BlockInputs {
    let mut source = Source { messages: &queue.messages, furthest: 0 };
    let inputs = block_inputs(&CONFIG, parent, extra, batch, spec, &mut source).unwrap();
    assert!(source.furthest < batch.message_end.max(1), "asked for a message that the batch may not consume");
    inputs
}

/// Messages of times long past.
fn deposits(gas_limits: &[u64]) -> Queue {
    let mut queue = Queue::default();
    for &gas_limit in gas_limits {
        queue.deposit(Address::repeat_byte(1), Deposit { gas_limit, ..Deposit::default() });
    }
    queue.messages.iter_mut().for_each(|message| message.header.l1_timestamp = 0);
    queue
}

#[test]
fn timestamps_follow_the_rule() {
    // max(parent, newest message, clamp(spec, L1 − force delay, L1 + drift)); without a spec, L1's time is it.
    const EARLIEST: u64 = L1_TIME - 43_200;
    const LATEST: u64 = L1_TIME + 600;
    for (parent_time, message, spec, expected) in [
        (0, 0, Some(EARLIEST), EARLIEST),
        (0, 0, Some(EARLIEST - 1), EARLIEST),
        (0, 0, Some(0), EARLIEST),
        (0, 0, Some(L1_TIME), L1_TIME),
        (0, 0, Some(LATEST), LATEST),
        (0, 0, Some(LATEST + 1), LATEST),
        (0, 0, Some(u64::MAX), LATEST),
        (EARLIEST + 5, 0, Some(0), EARLIEST + 5),
        (LATEST + 5, 0, Some(LATEST), LATEST + 5),
        (LATEST + 5, 0, Some(u64::MAX), LATEST + 5),
        (0, EARLIEST + 7, Some(0), EARLIEST + 7),
        (EARLIEST + 5, EARLIEST + 7, Some(EARLIEST + 6), EARLIEST + 7),
        (EARLIEST + 8, EARLIEST + 7, Some(EARLIEST + 6), EARLIEST + 8),
        (EARLIEST + 5, EARLIEST + 7, Some(EARLIEST + 9), EARLIEST + 9),
        (0, L1_TIME, Some(0), L1_TIME),
        (0, 0, None, L1_TIME),
        (0, EARLIEST, None, L1_TIME),
        (L1_TIME + 5, 0, None, L1_TIME + 5),
    ] {
        let spec = spec.map(|timestamp| BlockSpec { timestamp, messages: 9, ..BlockSpec::default() });
        let mut queue = deposits(&[30_000; 2]);
        queue.messages[1].header.l1_timestamp = message;
        let found =
            inputs(&parent(4, parent_time), &at(&queue, 0), &batch(5, 2, &queue), spec.clone(), &queue);
        assert_eq!(found.messages.len(), 2);
        assert_eq!(found.timestamp, expected, "parent {parent_time}, message {message}, {spec:?}");
    }
    let late = BatchHeader { l1_timestamp: u64::MAX, ..batch(5, 1, &Queue::default()) };
    let spec = BlockSpec { timestamp: u64::MAX, ..BlockSpec::default() };
    let found = inputs(&parent(4, 1), &ExtraData::default(), &late, Some(spec), &Queue::default());
    assert_eq!(found.timestamp, u64::MAX);
}

#[test]
fn time_never_goes_back_and_keeps_up_with_l1() {
    let mut rng = generator();
    for _ in 0..2_000 {
        let mut queue = Queue::default();
        let (mut l1, mut parent_header, mut extra) = (L1_TIME, parent(0, 0), ExtraData::default());
        for _ in 0..6 {
            l1 += [0, 12, 5_000, 100_000][rng.random_range(0..4)];
            for _ in 0..rng.random_range(0..3) {
                queue.info().l1_timestamp = l1;
            }
            let count = rng.random_range(1..4);
            let batch = BatchHeader { l1_timestamp: l1, ..batch(parent_header.number + 1, count, &queue) };
            for _ in 0..count {
                let timestamp = [0, l1 - 50_000, l1, l1 + 700, rng.random()][rng.random_range(0..5)];
                let spec = BlockSpec { timestamp, messages: rng.random_range(0..3), ..BlockSpec::default() };
                let spec = rng.random_ratio(4, 5).then_some(spec);
                let found = inputs(&parent_header, &extra, &batch, spec, &queue);
                assert!(found.timestamp >= parent_header.timestamp);
                assert!(found.timestamp >= l1 - CONFIG.force_delay);
                assert!(found.timestamp <= (l1 + CONFIG.max_drift).max(parent_header.timestamp));
                extra = at(&queue, extra.message_cursor + found.messages.len() as u64);
                let consumed = &queue.messages[..extra.message_cursor as usize];
                assert!(consumed.iter().all(|message| message.header.l1_timestamp <= found.timestamp));
                parent_header = parent(parent_header.number + 1, found.timestamp);
            }
        }
    }
}

/// The builder's timestamp is what derivation makes of it, whichever L1 block the batch comes to stand in, as long as
/// that is within drift and force delay.
#[test]
fn what_the_builder_computes_is_what_is_derived() {
    let mut rng = generator();
    for _ in 0..2_000 {
        let clock = L1_TIME + rng.random_range(0..1_000);
        let mut queue = deposits(&[30_000; 3]);
        queue.messages[2].header.l1_timestamp = clock - rng.random_range(0..100);
        let parent = parent(4, clock - rng.random_range(0..100));
        let messages = &queue.messages[..rng.random_range(0..=3)];
        let built = block_timestamp(&parent, messages, clock);
        let spec = BlockSpec { timestamp: built, messages: messages.len() as u64, ..BlockSpec::default() };
        let l1_timestamp =
            built - CONFIG.max_drift + rng.random_range(0..CONFIG.max_drift + CONFIG.force_delay);
        let end = BatchHeader {
            l1_timestamp,
            message_end: messages.len() as u64,
            message_gas_end: messages.last().map_or(0, |message| message.header.gas_end),
            ..batch(5, 2, &queue)
        };
        let found = inputs(&parent, &ExtraData::default(), &end, Some(spec), &queue);
        assert_eq!((found.timestamp, &found.messages[..]), (built, messages));
    }
}

#[test]
fn a_block_consumes_what_its_spec_says_and_the_last_one_the_rest() {
    let queue = deposits(&[30_000; 8]);
    let longer = deposits(&[30_000; 10]);
    let count = |block: u64, cursor: u64, messages: u64| {
        let spec = BlockSpec { messages, ..BlockSpec::default() };
        let (parent, batch) = (parent(block - 1, 0), batch(5, 3, &queue));
        inputs(&parent, &at(&queue, cursor), &batch, Some(spec), &longer).messages.len()
    };
    assert_eq!(count(5, 0, 0), 0);
    assert_eq!(count(5, 0, 3), 3);
    assert_eq!(count(5, 0, 8), 8);
    assert_eq!(count(5, 0, u64::MAX), 8, "no further than the batch's end");
    assert_eq!(count(5, 6, 5), 2);
    assert_eq!(count(5, 8, 5), 0);
    assert_eq!(count(7, 3, 0), 5, "the last block takes all that is left");
    assert_eq!(count(7, 8, 3), 0);
    let default = |block: u64, cursor: u64| {
        inputs(&parent(block - 1, 0), &at(&queue, cursor), &batch(5, 3, &queue), None, &longer).messages
    };
    assert_eq!(default(7, 3), queue.messages[3..8]);
    assert_eq!(default(5, 0), queue.messages[..8], "default blocks are greedy, wherever they are");
}

#[test]
fn the_cap_ends_a_block_and_the_next_goes_on() {
    let third = DEPOSIT_GAS_CAP / 3;
    let queue = deposits(&[third, third, third, third, GUARANTEE, GUARANTEE, GUARANTEE, 21_000]);
    let blocks = |gas: u64| {
        let (mut cursor, mut blocks) = (0, Vec::new());
        while cursor < 8 {
            let mut source = Source { messages: &queue.messages, furthest: 0 };
            let messages = consume(cursor, 8 - cursor, gas, &mut source).unwrap();
            cursor += messages.len() as u64;
            blocks.push(messages.len());
        }
        blocks
    };
    assert_eq!(blocks(DEPOSIT_GAS_CAP), [3, 2, 2, 1]);
    assert_eq!(blocks(GUARANTEE), [1; 8], "any message fits");

    let mut many = Queue::default();
    for _ in 0..1_000 {
        many.info();
    }
    let mut source = Source { messages: &many.messages, furthest: 0 };
    let most = (DEPOSIT_GAS_CAP / MIN_MESSAGE_GAS) as usize;
    assert_eq!(consume(0, 1_000, DEPOSIT_GAS_CAP, &mut source).unwrap().len(), most);
    assert_eq!(source.furthest, most as u64 - 1, "a full block costs no further read");
}

#[test]
fn no_message_blocks_the_queue() {
    let mut queue = deposits(&[GUARANTEE, GUARANTEE, GUARANTEE]);
    // Gas that no contract writes counts as the most and the least of what it does write.
    for gas in [GUARANTEE + 1, u64::MAX, 0] {
        queue.deposit_counted(Address::ZERO, gas, Deposit { gas_limit: gas, ..Deposit::default() });
    }
    queue.push(MessageKind::Deposit, Address::ZERO, vec![]);
    queue.push(MessageKind::Deposit, Address::ZERO, vec![0xff; 93]);
    queue.push(MessageKind::Config, Address::ZERO, vec![0xff; 500]);
    queue.config(77, U256::MAX);
    let end = queue.messages.len() as u64;
    let mut source = Source { messages: &queue.messages, furthest: 0 };
    let mut count = |cursor: u64| consume(cursor, end - cursor, DEPOSIT_GAS_CAP, &mut source).unwrap().len();
    assert_eq!(
        [count(0), count(2), count(3), count(4)],
        [2, 2, 2, 6],
        "malformed ones too count what headers say"
    );
}

#[test]
fn hostile_cursors_and_ends_do_not_overflow() {
    let mut source = Source { messages: &[], furthest: 0 };
    assert!(consume(u64::MAX, 5, u64::MAX, &mut source).unwrap().is_empty());
    let far = BatchHeader {
        message_end: 3,
        message_gas_end: u64::MAX,
        ..batch(u64::MAX, u64::MAX, &Queue::default())
    };
    assert_eq!(far.last_block(), u64::MAX);
    let spec = Some(BlockSpec { messages: 5, ..BlockSpec::default() });
    let beyond = ExtraData { message_cursor: 7, consumed_gas: u64::MAX, excess_gas: 0 };
    for number in [0, 7, u64::MAX] {
        let found = inputs(&parent(number, 0), &beyond, &far, spec.clone(), &Queue::default());
        assert!(found.messages.is_empty(), "a cursor beyond the end leaves nothing");
    }
    assert!(!is_greedy(&far, 0, 0), "the most blocks behind it");
    assert_eq!(message_cursor(&Header { extra_data: Bytes::from(vec![0; 8]), ..Header::default() }), None);
    let extra = ExtraData { message_cursor: 5, ..ExtraData::default() };
    assert_eq!(message_cursor(&Header { extra_data: extra.into(), ..Header::default() }), Some(5));
}

#[test]
fn specs_are_taken_ignored_or_replaced_by_default_blocks() {
    let specs: Vec<_> = (0..4u64)
        .map(|timestamp| BlockSpec {
            timestamp,
            messages: 1,
            transactions: vec![Bytes::from(vec![timestamp as u8; 4])],
        })
        .collect();
    let payload = codec::encode(&specs, CONFIG.chain_id, 9).unwrap();
    let all = 0..usize::MAX;
    let read = |count: u64, payload: &[u8]| {
        block_specs(&CONFIG, &batch(1, count, &Queue::default()), payload, all.clone())
    };
    let some = |count: usize| specs[..count].iter().cloned().map(Some).collect::<Vec<_>>();

    assert_eq!(read(4, &payload), some(4));
    assert_eq!(read(2, &payload), some(2), "specs beyond the batch's blocks are ignored");
    assert_eq!(read(5, &payload), vec![None; 5], "too few specs: default blocks, all of them");
    assert_eq!(read(3, &[]), vec![None; 3], "a forced batch has no payload");
    assert_eq!(read(3, &payload[..payload.len() - 1]), vec![None; 3]);
    assert_eq!(read(3, &[&payload[..], &[0]].concat()), vec![None; 3]);
    assert_eq!(read(2, &vec![0; MAX_PAYLOAD_SIZE + 1]), vec![None; 2]);
    let none = codec::encode(&[], CONFIG.chain_id, 9).unwrap();
    assert_eq!(read(1, &none), vec![None]);

    let wanted = block_specs(&CONFIG, &batch(1, 4, &Queue::default()), &payload, 2..3);
    let without = |spec: &BlockSpec| BlockSpec { transactions: vec![], ..spec.clone() };
    assert_eq!(wanted[2], Some(specs[2].clone()));
    assert_eq!(wanted[3], Some(without(&specs[3])));
}
