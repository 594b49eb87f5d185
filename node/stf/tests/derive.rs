//! From batches and the queue to the inputs of blocks.
#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use common::{CONFIG, Deposit, Queue};
use stf::{
    BatchHeader, BlockInputs, BlockSpec, Message, MessageSource, codec,
    config::{DEPOSIT_GAS_CAP, MIN_MESSAGE_GAS},
    derive::{block_inputs, block_specs, consume, message_cursor},
    inbox::{DaKind, MAX_PAYLOAD_SIZE, MessageKind},
};

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

fn batch(first_block: u64, block_count: u64, message_end: u64) -> BatchHeader {
    BatchHeader {
        da_kind: DaKind::Calldata,
        data_hash: B256::ZERO,
        payload_length: 0,
        first_block,
        block_count,
        message_end,
        message_acc: B256::ZERO,
        l1_block_number: 1,
        l1_timestamp: 10_000,
    }
}

fn parent(number: u64, timestamp: u64) -> Header {
    Header { number, timestamp, ..Header::default() }
}

fn inputs(
    parent: &Header,
    cursor: u64,
    batch: &BatchHeader,
    spec: Option<BlockSpec>,
    queue: &Queue,
) -> BlockInputs {
    let mut source = Source { messages: &queue.messages, furthest: 0 };
    let inputs = block_inputs(&CONFIG, parent, cursor, batch, spec, &mut source).unwrap();
    assert!(source.furthest < batch.message_end.max(1), "asked for a message that the batch may not consume");
    inputs
}

fn deposits(gas_limits: &[u64]) -> Queue {
    let mut queue = Queue::default();
    for &gas_limit in gas_limits {
        queue.deposit(Address::repeat_byte(1), Deposit { gas_limit, ..Deposit::default() });
    }
    queue
}

#[test]
fn timestamps_follow_the_rule() {
    // max(parent, min(spec, L1 + drift)); without a spec max(parent, L1). L1 is at 10,000, the drift 600.
    for (parent_time, spec, expected) in [
        (9_000, Some(9_500), 9_500),
        (9_000, Some(9_000), 9_000),
        (9_000, Some(8_000), 9_000),
        (9_000, Some(0), 9_000),
        (9_000, Some(10_600), 10_600),
        (9_000, Some(10_601), 10_600),
        (9_000, Some(u64::MAX), 10_600),
        (11_000, Some(10_700), 11_000),
        (11_000, Some(u64::MAX), 11_000),
        (9_000, None, 10_000),
        (10_500, None, 10_500),
    ] {
        let spec = spec.map(|timestamp| BlockSpec { timestamp, ..BlockSpec::default() });
        let found = inputs(&parent(4, parent_time), 0, &batch(5, 2, 0), spec.clone(), &Queue::default());
        assert_eq!(found.timestamp, expected, "parent {parent_time}, {spec:?}");
    }
    let late = BatchHeader { l1_timestamp: u64::MAX, ..batch(5, 1, 0) };
    let spec = BlockSpec { timestamp: u64::MAX, ..BlockSpec::default() };
    assert_eq!(inputs(&parent(4, 1), 0, &late, Some(spec), &Queue::default()).timestamp, u64::MAX);
}

#[test]
fn a_block_consumes_what_its_spec_says_and_the_last_one_the_rest() {
    let queue = deposits(&[30_000; 10]);
    let count = |block: u64, cursor: u64, messages: u64| {
        let spec = BlockSpec { messages, ..BlockSpec::default() };
        inputs(&parent(block - 1, 0), cursor, &batch(5, 3, 8), Some(spec), &queue).messages.len()
    };
    assert_eq!(count(5, 0, 0), 0);
    assert_eq!(count(5, 0, 3), 3);
    assert_eq!(count(5, 0, 8), 8);
    assert_eq!(count(5, 0, u64::MAX), 8, "no further than the batch's end");
    assert_eq!(count(5, 6, 5), 2);
    assert_eq!(count(5, 8, 5), 0);
    assert_eq!(count(7, 3, 0), 5, "the last block takes all that is left");
    assert_eq!(count(7, 8, 3), 0);
    let messages = inputs(&parent(6, 0), 3, &batch(5, 3, 8), None, &queue).messages;
    assert_eq!(messages, queue.messages[3..8]);
    let first = inputs(&parent(4, 0), 0, &batch(5, 3, 8), None, &queue).messages;
    assert_eq!(first, queue.messages[..8], "default blocks are greedy, wherever they are");
}

#[test]
fn the_cap_ends_a_block_and_the_next_goes_on() {
    let third = DEPOSIT_GAS_CAP / 3;
    let queue = deposits(&[third, third, third, third, DEPOSIT_GAS_CAP, 21_000]);
    let mut cursor = 0;
    let mut blocks = Vec::new();
    while cursor < 6 {
        let mut source = Source { messages: &queue.messages, furthest: 0 };
        let messages = consume(cursor, 6 - cursor, &mut source).unwrap();
        cursor += messages.len() as u64;
        blocks.push(messages.len());
    }
    assert_eq!(blocks, [3, 1, 1, 1]);

    let mut many = Queue::default();
    (0..1_000).for_each(|_| many.info());
    let mut source = Source { messages: &many.messages, furthest: 0 };
    let most = (DEPOSIT_GAS_CAP / MIN_MESSAGE_GAS) as usize;
    assert_eq!(consume(0, 1_000, &mut source).unwrap().len(), most);
    assert_eq!(source.furthest, most as u64 - 1, "a full block costs no further read");
}

#[test]
fn no_message_blocks_the_queue() {
    let mut queue = deposits(&[DEPOSIT_GAS_CAP, DEPOSIT_GAS_CAP + 1, u64::MAX, 0]);
    queue.push(MessageKind::Deposit, Address::ZERO, vec![]);
    queue.push(MessageKind::Deposit, Address::ZERO, vec![0xff; 92]);
    queue.push(MessageKind::Deposit, Address::ZERO, vec![0xff; 93]);
    queue.push(MessageKind::Config, Address::ZERO, vec![0xff; 500]);
    queue.config(77, U256::MAX);
    let end = queue.messages.len() as u64;
    let mut source = Source { messages: &queue.messages, furthest: 0 };
    assert_eq!(consume(0, end, &mut source).unwrap().len(), 1, "the greatest deposit fills a block");
    let rest = consume(1, end - 1, &mut source).unwrap();
    assert_eq!(rest.len() as u64, end - 1, "malformed ones count the least");
}

#[test]
fn hostile_cursors_and_ends_do_not_overflow() {
    let mut source = Source { messages: &[], furthest: 0 };
    assert!(consume(u64::MAX, 5, &mut source).unwrap().is_empty());
    let far = batch(u64::MAX, u64::MAX, 3);
    assert_eq!(far.last_block(), u64::MAX);
    let spec = Some(BlockSpec { messages: 5, ..BlockSpec::default() });
    let found = inputs(&parent(u64::MAX, 0), 7, &far, spec, &Queue::default());
    assert!(found.messages.is_empty(), "a cursor beyond the end leaves nothing");
    assert_eq!(message_cursor(&Header { extra_data: Bytes::from(vec![0; 7]), ..Header::default() }), None);
    assert_eq!(
        message_cursor(&Header { extra_data: 5u64.to_be_bytes().into(), ..Header::default() }),
        Some(5)
    );
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
    let read = |count: u64, payload: &[u8]| block_specs(&CONFIG, &batch(1, count, 0), payload, all.clone());
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

    let wanted = block_specs(&CONFIG, &batch(1, 4, 0), &payload, 2..3);
    let without = |spec: &BlockSpec| BlockSpec { transactions: vec![], ..spec.clone() };
    assert_eq!(wanted[2], Some(specs[2].clone()));
    assert_eq!(wanted[3], Some(without(&specs[3])));
}
