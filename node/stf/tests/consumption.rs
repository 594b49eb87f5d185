//! What a batch covers, its blocks consume: the rule of consumption against a model, for hostile and honest sequencers.
#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use common::{CONFIG, Deposit, Queue, generator};
use rand::{Rng, rngs::StdRng};
use stf::{
    BatchHeader, BlockInputs, BlockSpec, ExtraData, Message, MessageSource,
    config::{DEPOSIT_GAS_CAP, GUARANTEE, MIN_MESSAGE_GAS},
    derive::{block_inputs, block_timestamp, consume},
    inbox::DaKind,
};

/// Time of the first message.
const TIME: u64 = 1_700_000_000;

struct Source<'a>(&'a Queue);

impl MessageSource for Source<'_> {
    type Error = Infallible;

    fn message(&mut self, index: u64) -> Result<Message, Infallible> {
        Ok(self.0.messages[index as usize].clone())
    }
}

fn queue(gas: &[u64]) -> Queue {
    let mut queue = Queue::default();
    for (&gas_limit, timestamp) in gas.iter().zip(TIME..) {
        queue.deposit(Address::ZERO, Deposit { gas_limit, ..Deposit::default() });
        queue.messages.last_mut().unwrap().header.l1_timestamp = timestamp;
    }
    queue
}

fn random_queue(rng: &mut StdRng, length: usize) -> Queue {
    let mut gas = || match rng.random_range(0..5) {
        0 => MIN_MESSAGE_GAS,
        1 => GUARANTEE,
        2 => GUARANTEE - rng.random_range(0..3),
        3 => GUARANTEE / 2 + rng.random_range(0..3),
        _ => rng.random_range(MIN_MESSAGE_GAS..=GUARANTEE),
    };
    queue(&(0..length).map(|_| gas()).collect::<Vec<_>>())
}

/// Gas of the messages before each queue index.
fn gas_before(queue: &Queue) -> Vec<u64> {
    let ends = queue.messages.iter().map(|message| message.header.gas_end);
    std::iter::once(0).chain(ends).collect()
}

/// How many messages each spec of a batch asks for; `None` is a default block.
type Asked = Vec<Option<u64>>;

fn random_asked(rng: &mut StdRng, blocks: usize) -> Asked {
    let mut ask = || match rng.random_range(0..6) {
        0..=2 => Some(0),
        3 => Some(rng.random_range(0..4)),
        4 => Some(u64::MAX),
        _ => None,
    };
    (0..blocks).map(|_| ask()).collect()
}

/// The rule as the documents say it, over what is counted before each queue index: the cursor after each block of a
/// batch that covers all that is counted. A block is greedy if more is left than `slack` and the blocks behind it are
/// sure to take; in the rule, `slack` is 1.
fn model(counted: &[u64], asked: &[Option<u64>], slack: u64) -> Vec<usize> {
    let end = counted.len() - 1;
    let mut cursors = Vec::new();
    let mut cursor = 0;
    for (index, asked_here) in asked.iter().enumerate() {
        let behind = (asked.len() - 1 - index) as u64;
        let left = counted[end] - counted[cursor];
        let greedy = behind == 0 || left > GUARANTEE * (behind + slack);
        let wanted = asked_here.filter(|_| !greedy).unwrap_or(u64::MAX);
        let (start, mut taken) = (cursor, 0);
        while cursor < end && taken < wanted && counted[cursor + 1] - counted[start] <= DEPOSIT_GAS_CAP {
            (cursor, taken) = (cursor + 1, taken + 1);
        }
        cursors.push(cursor);
    }
    cursors
}

/// Where L2 stands.
#[derive(Clone)]
struct Position {
    parent: Header,
    extra: ExtraData,
}

impl Position {
    fn start() -> Self {
        Self { parent: Header { timestamp: TIME - 10, ..Header::default() }, extra: ExtraData::default() }
    }

    fn next(&mut self, inputs: &BlockInputs) {
        self.parent.number += 1;
        self.parent.timestamp = inputs.timestamp;
        self.extra.message_cursor += inputs.messages.len() as u64;
        self.extra.consumed_gas =
            inputs.messages.last().map_or(self.extra.consumed_gas, |message| message.header.gas_end);
    }

    /// A batch from here on, up to a message of the queue.
    fn batch(&self, block_count: u64, message_end: u64, queue: &Queue, l1_timestamp: u64) -> BatchHeader {
        BatchHeader {
            da_kind: DaKind::Calldata,
            data_hash: B256::ZERO,
            payload_length: 0,
            first_block: self.parent.number + 1,
            block_count,
            message_end,
            message_acc: B256::ZERO,
            message_gas_end: gas_before(queue)[message_end as usize],
            l1_block_number: 1,
            l1_timestamp,
        }
    }

    /// Derives a batch. Returns its blocks.
    fn derive(
        &mut self,
        batch: &BatchHeader,
        specs: &[Option<BlockSpec>],
        queue: &Queue,
    ) -> Vec<BlockInputs> {
        let mut blocks = Vec::new();
        for spec in specs {
            let (parent, extra) = (&self.parent, &self.extra);
            let block =
                block_inputs(&CONFIG, parent, extra, batch, spec.clone(), &mut Source(queue)).unwrap();
            self.next(&block);
            blocks.push(block);
        }
        blocks
    }
}

fn specs(asked: &[Option<u64>]) -> Vec<Option<BlockSpec>> {
    let spec = |messages| BlockSpec { messages, ..BlockSpec::default() };
    asked.iter().map(|asked| asked.map(spec)).collect()
}

/// Derives a batch that the contract takes, and checks what it promises.
fn check_batch(position: &mut Position, asked: &[Option<u64>], message_end: u64, queue: &Queue) {
    let start = position.extra.message_cursor as usize;
    let batch = position.batch(asked.len() as u64, message_end, queue, TIME);
    let expected = model(&gas_before(queue)[start..=message_end as usize], asked, 1);
    let blocks = position.derive(&batch, &specs(asked), queue);
    let mut cursor = 0;
    for (block, expected) in blocks.iter().zip(&expected) {
        let gas: u64 = block.messages.iter().map(|message| message.header.gas).sum();
        assert!(gas <= DEPOSIT_GAS_CAP, "{gas} gas of messages in a block");
        cursor += block.messages.len();
        assert_eq!(cursor, *expected, "{asked:?}");
    }
    let extra = &position.extra;
    assert_eq!(extra.message_cursor, message_end, "the cursor is the batch's message end: {asked:?}");
    assert_eq!(extra.consumed_gas, batch.message_gas_end);
}

/// The largest message end that the contract takes of a batch.
fn furthest(position: &Position, blocks: u64, queue: &Queue) -> u64 {
    let most = position.extra.consumed_gas + GUARANTEE * blocks;
    gas_before(queue).iter().rposition(|gas| *gas <= most).unwrap() as u64
}

#[test]
fn after_every_batch_of_a_hostile_sequencer_the_cursor_is_its_message_end() {
    let mut rng = generator();
    for _ in 0..2_000 {
        let length = rng.random_range(1..60);
        let queue = random_queue(&mut rng, length);
        let mut position = Position::start();
        while (position.extra.message_cursor as usize) < length {
            let blocks = rng.random_range(1..8);
            let furthest = furthest(&position, blocks, &queue);
            let from = position.extra.message_cursor;
            let end = if rng.random() { furthest } else { rng.random_range(from..=furthest) };
            let asked = random_asked(&mut rng, blocks as usize);
            check_batch(&mut position, &asked, end, &queue);
        }
    }
}

/// All queues of four messages, all batches of up to three blocks, all specs.
#[test]
fn the_same_holds_of_all_small_batches() {
    let sizes = [MIN_MESSAGE_GAS, GUARANTEE / 2, GUARANTEE / 2 + 1, GUARANTEE];
    let asks = [Some(0), Some(1), Some(2), None];
    for code in 0..4usize.pow(4) {
        let queue = queue(&[0, 1, 2, 3].map(|place| sizes[code / 4usize.pow(place) % 4]));
        for blocks in 1..=3u32 {
            let furthest = furthest(&Position::start(), blocks.into(), &queue);
            for code in 0..asks.len().pow(blocks) {
                let asked: Vec<_> = (0..blocks).map(|place| asks[code / 4usize.pow(place) % 4]).collect();
                for end in 0..=furthest {
                    check_batch(&mut Position::start(), &asked, end, &queue);
                }
            }
        }
    }
}

/// One block less in the rule, and honest blocks change; one more, and a batch leaves covered messages behind.
#[test]
fn no_other_number_of_blocks_would_do() {
    // Three deposits of the most gas, which three blocks may cover.
    let full = [0, GUARANTEE, 2 * GUARANTEE, 3 * GUARANTEE];
    let honest = [Some(1); 3];
    assert_eq!(model(&full, &honest, 1), [1, 2, 3]);
    assert_eq!(model(&full, &honest, 0), [2, 3, 3], "R changes what an honest sequencer built");
    let hostile = [Some(0); 3];
    assert_eq!(model(&full, &hostile, 1), [0, 2, 3]);
    assert_eq!(model(&full, &hostile, 2), [0, 0, 2], "R + 2 leaves covered messages behind");
}

/// Blocks as an honest sequencer builds them: no more messages than the guarantee, in each by its own clock.
fn honest_blocks(rng: &mut StdRng, queue: &Queue, count: usize) -> Vec<BlockInputs> {
    let mut position = Position::start();
    let mut clock = TIME;
    let mut blocks = Vec::new();
    for _ in 0..count {
        clock += rng.random_range(0..4);
        let cursor = position.extra.message_cursor;
        let available = queue.messages.len() as u64 - cursor;
        let limit = [0, available.min(1), available, rng.random_range(0..=available)][rng.random_range(0..4)];
        let messages = consume(cursor, limit, GUARANTEE, &mut Source(queue)).unwrap();
        let timestamp = block_timestamp(&position.parent, &messages, clock);
        let transactions = vec![vec![blocks.len() as u8].into()];
        let block = BlockInputs { timestamp, messages, transactions };
        position.next(&block);
        blocks.push(block);
    }
    blocks
}

#[test]
fn every_partition_into_batches_gives_the_blocks_of_an_honest_sequencer() {
    let mut rng = generator();
    for _ in 0..1_000 {
        let length = rng.random_range(0..40);
        let queue = random_queue(&mut rng, length);
        let count = rng.random_range(1..30);
        let blocks = honest_blocks(&mut rng, &queue, count);
        for _ in 0..4 {
            let mut position = Position::start();
            let mut rest = &blocks[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rng.random_range(1..=rest.len()));
                rest = behind;
                let taken: usize = part.iter().map(|block| block.messages.len()).sum();
                let end = position.extra.message_cursor + taken as u64;
                assert!(
                    end <= furthest(&position, part.len() as u64, &queue),
                    "the contract takes the batch"
                );
                let (first, last) = (part[0].timestamp, part[part.len() - 1].timestamp);
                // An L1 block by whose time all timestamps are within drift and force delay.
                let l1_timestamp = rng.random_range(last - CONFIG.max_drift..=first + CONFIG.force_delay);
                let batch = position.batch(part.len() as u64, end, &queue, l1_timestamp);
                let specs = part.iter().map(|block| {
                    Some(BlockSpec {
                        timestamp: block.timestamp,
                        messages: block.messages.len() as u64,
                        transactions: block.transactions.clone(),
                    })
                });
                assert_eq!(position.derive(&batch, &specs.collect::<Vec<_>>(), &queue), part);
            }
        }
    }
}
