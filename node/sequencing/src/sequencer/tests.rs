#![allow(clippy::unwrap_used)]

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, TxKind, U256},
};
use stf::{
    BatchHeader, Message, MessageHeader,
    derive::message_cursor,
    inbox::{DaKind, chunk_hash},
};
use tempfile::TempDir;

use super::*;
use crate::{
    announce::{AnnounceLog, Durability},
    pool::PoolOptions,
};
use rollup::{
    l1::{InboxEvent, L1Block, L1Update},
    shutdown::{self, Stop},
    testing::{self, transaction, transfer},
};

/// A sequencer at work.
struct Running {
    chain: Chain,
    pool: Pool,
    events: Events,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    _dir: TempDir,
}

impl Running {
    fn start(options: SequencerOptions) -> Self {
        Self::start_aged(options, 0)
    }

    fn start_aged(options: SequencerOptions, age: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chain = testing::open(dir.path(), &testing::config(20, age));
        let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
        let events = chain.subscribe();
        let (stop, shutdown) = shutdown::channel();
        let sequencer = Sequencer::new(chain.clone(), pool.clone(), announcer(&chain), options);
        let thread = sequencer.spawn(shutdown).unwrap();
        Self { chain, pool, events, stop, thread: Some(thread), _dir: dir }
    }

    fn submit(&self, from: u8, nonce: u64) -> B256 {
        self.pool.submit(transaction(from, transfer(nonce))).unwrap()
    }

    /// Waits until the chain has a transaction.
    fn wait_for(&self, hash: B256) -> u64 {
        let start = Instant::now();
        loop {
            if let Some(location) = self.chain.db().read().unwrap().find_transaction(&hash).unwrap() {
                return location.block;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{hash} is not included");
            thread::sleep(Duration::from_micros(100));
        }
    }

    fn head(&self) -> u64 {
        self.chain.heads().unsafe_head.number
    }

    fn stop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn announcer(chain: &Chain) -> Announcer {
    let log = AnnounceLog::beside(chain, Durability::Process).unwrap();
    Announcer::start(log, Some(testing::key(9).into()), false).unwrap()
}

/// A sequencer that is driven by hand, and has taken back what there was.
fn resumed(chain: &Chain, pool: Pool, options: SequencerOptions) -> Sequencer {
    let mut sequencer = Sequencer::new(chain.clone(), pool, announcer(chain), options);
    assert_eq!(sequencer.resume(Instant::now()).unwrap(), Some(Due::Now));
    sequencer
}

fn quiet() -> SequencerOptions {
    SequencerOptions { heartbeat: Duration::from_secs(3600), ..SequencerOptions::default() }
}

#[test]
fn a_transaction_is_in_a_block_at_once_and_leaves_the_pool() {
    let mut node = Running::start(quiet());
    let block = node.wait_for(node.submit(0, 0));
    let second = node.wait_for(node.submit(0, 1));
    assert!(second > block);
    node.stop();
    assert_eq!(node.pool.status().pending, 0);
    let receipts = node.chain.db().read().unwrap().receipts(second).unwrap().unwrap();
    assert_eq!(receipts.len(), 2);
    // Announced only once it is in the database, in order.
    let mut numbers = Vec::new();
    while let Ok(ChainEvent::Block(block)) = node.events.try_recv() {
        numbers.push(block.header.number);
    }
    assert_eq!(numbers, (1..=node.head()).collect::<Vec<_>>());
}

#[test]
fn without_transactions_there_is_a_block_per_heartbeat() {
    let mut node = Running::start(SequencerOptions {
        heartbeat: Duration::from_millis(50),
        ..SequencerOptions::default()
    });
    thread::sleep(Duration::from_millis(520));
    node.stop();
    assert!((5..=12).contains(&node.head()), "{} blocks", node.head());
    let head = node.head();
    thread::sleep(Duration::from_millis(120));
    assert_eq!(node.head(), head);
}

#[test]
fn all_transactions_are_included_in_order_of_nonces_within_the_gas_limit() {
    let node = Running::start(quiet());
    let hashes: Vec<_> = (0..100)
        .flat_map(|nonce| (0..20).map(move |from| (from, nonce)))
        .map(|(from, nonce)| node.submit(from, nonce))
        .collect();
    for hash in hashes {
        node.wait_for(hash);
    }
    let reader = node.chain.db().read().unwrap();
    for header in reader.headers(0..=node.head()).unwrap() {
        let (_, header) = header.unwrap();
        assert!(header.gas_used <= header.gas_limit);
    }
}

#[test]
fn a_block_holds_no_more_than_its_gas_limit_and_the_rest_waits() {
    let node = Running::start(quiet());
    // Ten at half a block each.
    let hashes: Vec<_> = (0..10)
        .map(|from| {
            // Init code that runs out of gas takes all of it: `jumpdest, push 0, jump`.
            let tx = TxEip1559 {
                to: TxKind::Create,
                input: [0x5b, 0x5f, 0x56].into(),
                gas_limit: 14_500_000,
                value: U256::ZERO,
                ..transfer(0)
            };
            node.pool.submit(transaction(from, tx)).unwrap()
        })
        .collect();
    let blocks: Vec<_> = hashes.into_iter().map(|hash| node.wait_for(hash)).collect();
    for block in &blocks {
        assert!(blocks.iter().filter(|other| *other == block).count() <= 2, "{blocks:?}");
    }
}

/// Takes all of its gas, by going in circles: `jumpdest, push 0, jump`.
fn endless(tip: u128) -> TxEip1559 {
    TxEip1559 {
        to: TxKind::Create,
        input: [0x5b, 0x5f, 0x56].into(),
        value: U256::ZERO,
        gas_limit: 3_000_000,
        max_priority_fee_per_gas: tip,
        ..transfer(0)
    }
}

#[test]
fn a_transaction_that_runs_for_long_is_put_off_while_others_wait_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(3, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let options = SequencerOptions { patience: Duration::ZERO, ..quiet() };
    let mut sequencer = resumed(&chain, pool.clone(), options);
    let has = |hash: B256| chain.db().read().unwrap().find_transaction(&hash).unwrap().is_some();
    // It pays most, and comes first.
    let tip = transfer(0).max_priority_fee_per_gas;
    let start = Instant::now();
    let long = pool.submit(transaction(0, endless(tip))).unwrap();
    let mut others = 0;
    while !has(long) {
        let other =
            pool.submit(transaction(1, TxEip1559 { max_priority_fee_per_gas: tip - 1, ..transfer(others) }));
        let other = other.unwrap();
        others += 1;
        assert_eq!(sequencer.step().unwrap(), Due::Now);
        assert!(has(other), "the others do not wait for it");
        assert!(start.elapsed() < Duration::from_secs(60), "it is in no block");
    }
    assert!(start.elapsed() >= Duration::from_secs(4), "it comes last: {:?}", start.elapsed());
    assert!(others > 10, "{others}");
    // Nobody waits: it runs to its end, and no block is made without it.
    let long = pool.submit(transaction(2, endless(tip))).unwrap();
    assert_eq!(sequencer.step().unwrap(), Due::Now);
    assert!(has(long));
}

#[test]
fn a_sequencer_with_nothing_but_a_transaction_that_was_put_off_rests_until_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(3, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let options = SequencerOptions { patience: Duration::ZERO, ..quiet() };
    let mut sequencer = resumed(&chain, pool.clone(), options);
    let tip = transfer(0).max_priority_fee_per_gas;
    let long = pool.submit(transaction(0, endless(tip))).unwrap();
    pool.submit(transaction(1, transfer(0))).unwrap();
    assert_eq!(sequencer.step().unwrap(), Due::Now);
    let head = chain.heads().unsafe_head.number;
    assert!(pool.get(&long).is_some());
    let Due::At(next) = sequencer.step().unwrap() else { panic!("a block without a reason") };
    assert_eq!(chain.heads().unsafe_head.number, head);
    thread::sleep(next.saturating_duration_since(Instant::now()));
    assert_eq!(sequencer.step().unwrap(), Due::Now);
    assert!(pool.get(&long).is_none(), "it was its turn, and nobody waited");
}

#[test]
fn invalid_transactions_leave_the_pool() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(3, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let mut sequencer = resumed(&chain, pool.clone(), quiet());
    // A second sequencer's block takes the money and the nonce, and this pool is not told.
    let hash = pool.submit(transaction(0, transfer(0))).unwrap();
    let poor = TxEip1559 { nonce: 1, value: U256::from(10).pow(U256::from(20)), ..transfer(1) };
    pool.submit(transaction(0, poor)).unwrap();
    let rich = U256::from(10).pow(U256::from(18)) * U256::from(950);
    let all = TxEip1559 { value: rich, ..transfer(0) };
    let rival = stf::Transaction::recover(transaction(0, all)).unwrap();
    let plan = BuildPlan { timestamp: 0, max_messages: 0, message_l1_limit: 0 };
    chain.build(plan, |builder| builder.execute(&rival).unwrap().unwrap()).unwrap();
    sequencer.events = chain.subscribe();
    assert_eq!(pool.status().pending, 2);
    while pool.has_pending(|_| false) {
        assert_eq!(sequencer.step().unwrap(), Due::Now);
        assert!(chain.heads().unsafe_head.number < 5, "the sequencer does not get rid of it");
    }
    assert!(pool.get(&hash).is_none());
    assert_eq!(pool.status().pending + pool.status().queued, 0);
}

#[test]
fn a_reorg_brings_dropped_transactions_back() {
    let dir = tempfile::tempdir().unwrap();
    let chain = testing::open(dir.path(), &testing::config(3, 0));
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let mut sequencer = resumed(&chain, pool.clone(), quiet());
    let hash = pool.submit(transaction(0, transfer(0))).unwrap();
    sequencer.step().unwrap();
    assert!(pool.get(&hash).is_none());
    // Another block 1 comes from elsewhere.
    let other = tempfile::tempdir().unwrap();
    let rival = testing::open(other.path(), chain.config());
    let plan = BuildPlan { timestamp: 0, max_messages: 0, message_l1_limit: 0 };
    rival.build(plan, |_| ()).unwrap();
    chain.import_unsafe(&[testing::feed_block(&rival, 1)]).unwrap();
    sequencer.drain_events();
    assert!(pool.get(&hash).is_some());
    sequencer.step().unwrap();
    assert!(chain.db().read().unwrap().find_transaction(&hash).unwrap().is_some());
    assert!(pool.get(&hash).is_none());
}

#[test]
fn an_l1_that_is_away_makes_blocks_rarer_and_stops_nothing() {
    // What is known of L1 is older than any drift.
    let node = Running::start_aged(quiet(), 3_000);
    let start = Instant::now();
    let blocks: Vec<u64> = (0..4).map(|nonce| node.wait_for(node.submit(0, nonce))).collect();
    assert!(blocks.is_sorted_by(|a, b| a < b), "{blocks:?}");
    // (10,800 − 3,000) s for 60,000 blocks is 130 ms for each.
    assert!(start.elapsed() >= Duration::from_millis(3 * 125), "{:?}", start.elapsed());
}

#[test]
fn nothing_is_confirmed_while_the_newest_batch_is_too_old_and_an_empty_block_ends_that() {
    let mut node = Running::start_aged(quiet(), 10_900);
    let hash = node.submit(0, 0);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(node.head(), 1, "a block that nobody was told of");
    assert_eq!(node.chain.block(1).unwrap().unwrap().transactions.len(), 1);
    assert!(node.pool.get(&hash).is_some());
    // Its batch is on L1: it goes on.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let spec = testing::feed_block(&node.chain, 1).spec;
    let payload = stf::codec::encode(&[spec], testing::CHAIN_ID, 1).unwrap();
    let info = message_of(MessageKind::L1Info, 10, 0, now);
    let header = BatchHeader {
        da_kind: DaKind::Calldata,
        data_hash: chunk_hash(&payload),
        payload_length: payload.len() as u64,
        first_block: 1,
        block_count: 1,
        message_end: 0,
        message_acc: B256::ZERO,
        message_gas_end: 0,
        l1_block_number: 10,
        l1_timestamp: now,
    };
    let tx_hash = B256::repeat_byte(1);
    let event =
        InboxEvent::Batch { index: 0, header, acc: tx_hash, info_index: 0, info, data: payload, tx_hash };
    node.chain.apply_l1(l1_block_with(10, now, event)).unwrap();
    assert_eq!(node.wait_for(hash), 2);
    node.stop();
}

#[test]
fn timestamps_follow_the_clock_and_never_go_back() {
    let mut node = Running::start_aged(
        SequencerOptions { heartbeat: Duration::from_millis(20), ..SequencerOptions::default() },
        50,
    );
    thread::sleep(Duration::from_millis(100));
    node.stop();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let head = node.chain.heads().unsafe_head;
    assert!(head.number > 1 && now - head.timestamp <= 1, "{head:?} at {now}");
}

/// A message of an L1 block.
fn message_of(kind: MessageKind, number: u64, index: u64, timestamp: u64) -> Message {
    let mut data = vec![0; 93];
    data[..20].copy_from_slice(&[0x66; 20]);
    data[51] = 5;
    data[83] = 5;
    data[84..92].copy_from_slice(&100_000u64.to_be_bytes());
    let header = MessageHeader {
        kind,
        sender: Address::repeat_byte(0x55),
        l1_block_number: number,
        l1_timestamp: timestamp,
        gas: 100_000,
        gas_end: 100_000 * (index + 1),
        base_fee: U256::from(1),
        blob_base_fee: U256::from(1),
        prev_randao: B256::ZERO,
        data_hash: B256::ZERO,
    };
    Message { header, data, acc: B256::with_last_byte(index as u8 + 1) }
}

/// An L1 block with one message.
fn l1_block(number: u64, kind: MessageKind, index: u64, timestamp: u64) -> L1Update {
    let message = message_of(kind, number, index, timestamp);
    l1_block_with(number, timestamp, InboxEvent::Message { index, message, client_hash: None })
}

fn l1_block_with(number: u64, timestamp: u64, event: InboxEvent) -> L1Update {
    L1Update::Blocks(vec![L1Block {
        number,
        hash: B256::with_last_byte(number as u8),
        parent_hash: B256::with_last_byte(number as u8 - 1),
        timestamp,
        events: vec![event],
    }])
}

#[test]
fn a_deposit_is_worth_a_block_once_it_is_deep_enough_and_a_report_of_l1_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = testing::config(1, 0);
    let time = config.genesis.timestamp;
    let chain = testing::open(dir.path(), &config);
    let pool = Pool::new(&chain, PoolOptions::default()).unwrap();
    let mut sequencer = resumed(&chain, pool, SequencerOptions { l1_confirmations: 2, ..quiet() });
    sequencer.step().unwrap();
    let mut apply = |update| {
        chain.apply_l1(update).unwrap();
        while sequencer.step().unwrap() == Due::Now {}
        let head = chain.db().read().unwrap().head().unwrap().unwrap().0;
        let header = chain.db().read().unwrap().header(head).unwrap().unwrap();
        (head, message_cursor(&header).unwrap())
    };
    assert_eq!(apply(l1_block(10, MessageKind::L1Info, 0, time)), (1, 0));
    assert_eq!(apply(l1_block(11, MessageKind::Deposit, 1, time)), (1, 0));
    assert_eq!(apply(l1_block(12, MessageKind::L1Info, 2, time)), (1, 0));
    // The deposit has two blocks on top now; the reports behind it are not deep enough.
    assert_eq!(apply(l1_block(13, MessageKind::L1Info, 3, time)), (2, 2));
    assert_eq!(apply(l1_block(14, MessageKind::L1Info, 4, time)), (2, 2));
}

#[test]
fn where_l1_is_ahead_its_time_counts() {
    let node = Running::start(quiet());
    let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 5_000;
    node.chain.apply_l1(l1_block(10, MessageKind::L1Info, 0, ahead)).unwrap();
    let block = node.wait_for(node.submit(0, 0));
    assert_eq!(node.chain.block(block).unwrap().unwrap().header.timestamp, ahead);
}

/// Shown, not judged: `cargo test --release -p node sequencer -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn latency_and_throughput() {
    let node = Running::start(SequencerOptions::default());
    let mut events = node.chain.subscribe();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut times: Vec<_> = (0..500)
        .map(|nonce| {
            thread::sleep(Duration::from_millis(5));
            let raw = transaction(0, transfer(nonce));
            let start = Instant::now();
            let hash = node.pool.submit(raw).unwrap();
            loop {
                let Ok(ChainEvent::Block(block)) = runtime.block_on(events.recv()) else { panic!() };
                if block.transactions.iter().any(|tx| tx.hash() == hash) {
                    return start.elapsed();
                }
            }
        })
        .collect();
    times.sort_unstable();
    println!("send to announced block: median {:?}, 99 %: {:?}", times[250], times[495]);

    let to = |index: u64| TxKind::Call(Address::left_padding_from(&(index + 0x10_0000).to_be_bytes()));
    let all: Vec<_> = (0..20_000u64)
        .map(|index| {
            let (from, nonce) = ((index % 19 + 1) as u8, index / 19);
            let tx = TxEip1559 { to: to(index % 5000), ..transfer(nonce) };
            stf::Transaction::recover(transaction(from, tx)).unwrap()
        })
        .collect();
    let first = node.head();
    let last = all.last().unwrap().hash();
    let start = Instant::now();
    for tx in all {
        node.pool.submit_recovered(tx).unwrap();
    }
    let submitted = start.elapsed();
    let block = node.wait_for(last);
    let elapsed = start.elapsed();
    println!(
        "20,000 transfers: submitted in {submitted:?}, all included in {elapsed:?} and {} blocks: {:.0}/s",
        block - first,
        20_000.0 / elapsed.as_secs_f64()
    );
}
