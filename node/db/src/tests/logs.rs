//! The index of logs against a plain search.

use std::time::{Duration, Instant};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log, Sealable, Sealed, U256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};
use rand::{Rng, SeedableRng, rngs::StdRng};
use stf::StateChanges;

use super::open;
use crate::{
    BlockRecord, Database, Error, LogIndexer, LogQuery, NodeBuffer, Reader, StoredReceipt, Table, TxLocation,
    Writer, logs::Sizes,
};

/// So small that a short chain has runs of every kind.
pub(super) const SIZES: Sizes =
    Sizes { least_blocks: 4, most_blocks: 16, most_pairs: 60, fan: 3, full: 3_000, records: 2 };

/// A block of nothing but logs.
struct Block {
    header: Sealed<Header>,
    logs: Vec<Log>,
}

fn address(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

fn topic(number: u64) -> B256 {
    B256::from(U256::from(number))
}

impl Block {
    fn new(parent: Option<&Self>, salt: u64, logs: Vec<Log>) -> Self {
        let (number, parent_hash) =
            parent.map_or((0, B256::ZERO), |parent| (parent.header.number + 1, parent.header.hash()));
        let extra_data = salt.to_be_bytes().to_vec().into();
        let header = Header { number, parent_hash, extra_data, ..Header::default() };
        Self { header: header.seal_slow(), logs }
    }

    fn random(parent: Option<&Self>, rng: &mut StdRng) -> Self {
        let mut logs = Vec::new();
        // Some are rare, some are everywhere, and some blocks have none.
        for _ in 0..[0, 0, 1, 3, 9][rng.random_range(0..5)] {
            let value = |rng: &mut StdRng| u64::from(rng.random_range(1..=u32::MAX).leading_zeros());
            let topics = (0..rng.random_range(0..5)).map(|_| topic(value(rng))).collect();
            logs.push(Log::new_unchecked(address(value(rng)), topics, Bytes::from(vec![1; 3])));
        }
        Self::new(parent, rng.random(), logs)
    }

    fn append(&self, writer: &mut Writer) {
        let receipts: Vec<StoredReceipt> = self
            .logs
            .chunks(2)
            .map(|logs| StoredReceipt {
                receipt: OpReceiptEnvelope::from_parts(true, 1, logs, OpTxType::Eip1559, None, None),
                gas_used: 1,
                l1_fee: None,
            })
            .collect();
        let transactions: Vec<Bytes> = receipts.iter().map(|_| B256::random().to_vec().into()).collect();
        let hashes: Vec<B256> = transactions.iter().map(alloy_primitives::keccak256).collect();
        let record = BlockRecord {
            header: &self.header,
            transactions: &transactions,
            hashes: &hashes,
            senders: &vec![Address::ZERO; hashes.len()],
            receipts: &receipts,
            changes: &StateChanges::default(),
            nodes: &NodeBuffer::new(),
        };
        match self.header.number {
            0 => writer.append_genesis(&record).unwrap(),
            _ => writer.append_block(&record).unwrap(),
        }
    }
}

/// What is searched for.
struct Wanted {
    addresses: Vec<Address>,
    topics: [Vec<B256>; 4],
}

impl Wanted {
    fn random(rng: &mut StdRng) -> Self {
        let mut some = |one_in: u32| -> Vec<u64> {
            let count = if rng.random_ratio(1, one_in) { rng.random_range(1..4) } else { 0 };
            (0..count).map(|_| rng.random_range(0..18)).collect()
        };
        let addresses = some(2).into_iter().map(address).collect();
        Self { addresses, topics: [(); 4].map(|()| some(3).into_iter().map(topic).collect()) }
    }

    fn fits(&self, address: &Address, topics: &[B256]) -> bool {
        let mut wanted = self.topics.iter().enumerate();
        (self.addresses.is_empty() || self.addresses.contains(address))
            && wanted.all(|(at, any)| any.is_empty() || topics.get(at).is_some_and(|one| any.contains(one)))
    }

    /// Whether a block has something of each kind, if not in one log.
    fn may_fit(&self, block: &Block) -> bool {
        let has_address =
            self.addresses.is_empty() || block.logs.iter().any(|log| self.addresses.contains(&log.address));
        let mut topics = self.topics.iter().enumerate().filter(|(_, any)| !any.is_empty());
        has_address
            && !block.logs.is_empty()
            && topics.all(|(at, any)| {
                block.logs.iter().any(|log| log.topics().get(at).is_some_and(|one| any.contains(one)))
            })
    }

    /// Searches a range, and compares what the index says of each block with what the block has. Returns how many blocks
    /// are indexed.
    fn check(&self, reader: &Reader, blocks: &[Block], from: u64, to: u64) -> u64 {
        let query = LogQuery::new(&self.addresses, &self.topics);
        let (mut next, mut indexed) = (from, 0);
        while next <= to {
            let Some(stretch) = reader.search_logs(&query, next..=to).unwrap() else {
                next += 1;
                continue;
            };
            assert!((next..=to).contains(&stretch.last));
            let expected = (next..=stretch.last).filter(|number| self.may_fit(&blocks[*number as usize]));
            assert_eq!(stretch.blocks, expected.collect::<Vec<_>>(), "{next} to {}", stretch.last);
            indexed += stretch.last + 1 - next;
            next = stretch.last + 1;
        }
        for number in from..=to {
            let found = reader.logs_where(number, |address, topics| self.fits(address, topics)).unwrap();
            let logs = blocks[number as usize].logs.iter();
            let expected = logs.filter(|log| self.fits(&log.address, log.topics()));
            assert!(found.iter().map(|found| &found.log).eq(expected), "{number}");
        }
        indexed
    }
}

/// A step, with `between` what is read and what is written. False: there was nothing to do.
fn step(database: &Database, indexer: &mut LogIndexer, between: impl FnOnce()) -> bool {
    if !indexer.prepare(&database.read().unwrap()).unwrap() {
        return false;
    }
    between();
    let mut writer = database.write().unwrap();
    indexer.write(&mut writer).unwrap();
    writer.commit().unwrap();
    true
}

/// Works until there is nothing to do.
pub(super) fn index(database: &Database) {
    let mut indexer = LogIndexer::with_sizes(SIZES);
    while step(database, &mut indexer, || {}) {}
}

/// Every record belongs to a run that counts; returns how many runs there are.
fn check_runs(reader: &Reader) -> usize {
    let runs = reader.cursor(Table::LogRuns).unwrap().records();
    let ids: Vec<&[u8]> = runs.iter().filter(|(key, _)| key[0] == 0).map(|(_, run)| &run[..8]).collect();
    assert_eq!(ids.len(), runs.len(), "all that was dropped is swept up");
    for (key, _) in reader.cursor(Table::LogIndex).unwrap().records() {
        assert!(ids.contains(&&key[..8]));
    }
    let ranges = runs.iter().map(|(key, run)| {
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
        (number(&key[1..]), number(&run[8..16]))
    });
    let ranges: Vec<_> = ranges.collect();
    assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "without gaps: {ranges:?}");
    runs.len()
}

fn run(seed: u64) {
    println!("SEED={seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut database = open::open(dir.path()).unwrap();
    let mut blocks = vec![Block::random(None, rng)];
    let mut writer = database.write().unwrap();
    blocks[0].append(&mut writer);
    writer.set_finalized(0).unwrap();
    writer.commit().unwrap();
    let mut indexer = LogIndexer::with_sizes(SIZES);
    let (mut finalized, mut pruned) = (0, 0);
    for _ in 0..300 {
        let mut change = |blocks: &mut Vec<Block>, rng: &mut StdRng| {
            let mut writer = database.write().unwrap();
            match rng.random_range(0..8) {
                0..5 => {
                    for _ in 0..rng.random_range(1..12) {
                        let block = Block::random(blocks.last(), rng);
                        block.append(&mut writer);
                        blocks.push(block);
                    }
                }
                5 => {
                    let depth = [1, 3, 30][rng.random_range(0..3)];
                    let head = blocks.len() as u64 - 1;
                    let to = head.saturating_sub(rng.random_range(0..depth)).max(finalized);
                    writer.truncate_above(to).unwrap();
                    blocks.truncate(to as usize + 1);
                }
                6 if rng.random_ratio(1, 3) => {
                    pruned = rng.random_range(pruned..=finalized);
                    writer.prune_blocks(pruned, rng.random_range(1..40)).unwrap();
                }
                6 => {
                    finalized = rng.random_range(finalized..blocks.len() as u64);
                    writer.set_finalized(finalized).unwrap();
                }
                _ => {}
            }
            writer.commit().unwrap();
        };
        match rng.random_range(0..12) {
            0..3 => change(&mut blocks, rng),
            3 => {
                step(&database, &mut indexer, || change(&mut blocks, rng));
            }
            4 if rng.random_ratio(1, 3) => indexer = LogIndexer::with_sizes(SIZES),
            5 if rng.random_ratio(1, 8) => {
                indexer = LogIndexer::with_sizes(SIZES);
                drop(database);
                database = open::open(dir.path()).unwrap();
            }
            _ => {
                step(&database, &mut indexer, || {});
            }
        }
        if rng.random_ratio(1, 6) {
            let head = blocks.len() as u64 - 1;
            let from = rng.random_range(pruned..=head);
            let to = rng.random_range(from..=head);
            Wanted::random(rng).check(&database.read().unwrap(), &blocks, from, to);
        }
    }
    index(&database);
    let reader = database.read().unwrap();
    let runs = check_runs(&reader);
    let head = blocks.len() as u64 - 1;
    let end = reader.log_index_end().unwrap();
    assert!(end + SIZES.least_blocks > head + 1, "{end} of {head}");
    for _ in 0..100 {
        assert_eq!(Wanted::random(rng).check(&reader, &blocks, pruned, head), end - pruned);
    }
    if pruned > 1 {
        for number in [1, pruned - 1] {
            let gone = |result: Result<(), Error>| {
                assert!(matches!(result, Err(Error::Pruned { .. })), "{result:?}")
            };
            gone(reader.transactions(number).map(drop));
            gone(reader.receipts(number).map(drop));
            gone(reader.transaction(TxLocation { block: number, index: 0 }).map(drop));
            gone(reader.logs_where(number, |_, _| true).map(drop));
            gone(reader.transaction_hashes(number, |_| true).map(drop));
        }
    }
    assert!(reader.transactions(0).unwrap().is_some());
    println!("{} blocks, {runs} runs", blocks.len());
}

#[test]
fn the_index_says_of_random_chains_what_a_plain_search_says() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let start: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 20));
    let count = if seed.is_some() { 1 } else { 20 };
    (start..start + count).for_each(run);
}

#[test]
fn of_pruned_blocks_nothing_but_headers_is_left() {
    const BLOCKS: u64 = 100;
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    long(&database, BLOCKS, 3);
    index(&database);
    let mut writer = database.write().unwrap();
    writer.set_finalized(60).unwrap();
    let error = writer.prune_blocks(61, 1).unwrap_err();
    assert!(matches!(error, Error::NotFinal { number: 61, finalized: 60 }), "{error}");
    let mut steps = 0;
    while !writer.prune_blocks(50, 7).unwrap() {
        steps += 1;
        assert_eq!(writer.oldest_block().unwrap(), 50, "all are out of reach at once");
    }
    assert!(steps > 3);
    assert!(writer.prune_blocks(20, usize::MAX).unwrap());
    assert_eq!(writer.oldest_block().unwrap(), 50, "it never goes back");
    writer.commit().unwrap();
    index(&database);
    let reader = database.read().unwrap();
    check_runs(&reader);
    let numbers =
        |table| reader.records(table, 0..=u64::MAX, |_| Some(())).unwrap().map(|item| item.unwrap().0);
    for table in [Table::Bodies, Table::Receipts] {
        assert!(numbers(table).eq([0].into_iter().chain(50..BLOCKS)), "{table:?}");
    }
    assert!(numbers(Table::Headers).eq(0..BLOCKS));
    // One transaction in each.
    assert_eq!(reader.cursor(Table::TxLookup).unwrap().records().len() as u64, BLOCKS - 50 + 1);
    let first = reader.cursor(Table::LogRuns).unwrap().records().remove(0);
    assert!(first.1[8..16] >= 50u64.to_be_bytes()[..], "runs of pruned blocks are gone");
}

/// Blocks with one kind of log everywhere and one in one block.
fn long(database: &Database, count: u64, rare: u64) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut writer = database.write().unwrap();
    for number in 0..count {
        let mut logs = vec![Log::new_unchecked(address(1), vec![topic(1)], Bytes::new())];
        if number == rare {
            logs.push(Log::new_unchecked(address(2), vec![topic(1), topic(9)], Bytes::new()));
        }
        let block = Block::new(blocks.last(), 0, logs);
        block.append(&mut writer);
        blocks.push(block);
    }
    writer.set_finalized(count - 1).unwrap();
    writer.commit().unwrap();
    blocks
}

#[test]
fn runs_are_merged_until_few_are_left() {
    const BLOCKS: u64 = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let blocks = long(&database, BLOCKS, 777);
    let indexer = || LogIndexer::with_sizes(Sizes { most_blocks: 4, ..SIZES });
    // As a chain that grows is indexed: in the smallest runs.
    let mut at = indexer();
    while step(&database, &mut at, || {}) {}
    let reader = database.read().unwrap();
    let runs = check_runs(&reader);
    assert!((2..20).contains(&runs), "{runs} runs of {} small ones", BLOCKS / 4);
    let topics = [vec![], vec![topic(9)], vec![], vec![]];
    let wanted = Wanted { addresses: vec![address(2)], topics };
    assert_eq!(wanted.check(&reader, &blocks, 0, BLOCKS - 1), BLOCKS);
    // What every block has takes next to no room.
    let bytes: usize =
        reader.cursor(Table::LogIndex).unwrap().records().iter().map(|(_, run)| run.len()).sum();
    assert!(bytes < 100 * runs, "{bytes} bytes");
}

/// A version without an index may exchange blocks and leave the index as it is.
#[test]
fn a_run_of_other_blocks_does_not_count_and_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut blocks = long(&database, 40, 20);
    index(&database);
    let runs = super::dump(&database.read().unwrap());
    let mut writer = database.write().unwrap();
    writer.set_finalized(0).unwrap();
    writer.truncate_above(30).unwrap();
    blocks.truncate(31);
    for _ in 31..40 {
        let logs = vec![Log::new_unchecked(address(2), vec![], Bytes::new())];
        let block = Block::new(blocks.last(), 5, logs);
        block.append(&mut writer);
        blocks.push(block);
    }
    // As it was before.
    for (table, key, value) in runs.iter().filter(|(table, ..)| *table == Table::LogRuns) {
        writer.put(*table, key, value).unwrap();
    }
    writer.commit().unwrap();
    let wanted = Wanted { addresses: vec![address(2)], topics: Default::default() };
    wanted.check(&database.read().unwrap(), &blocks, 0, 39);
    index(&database);
    assert_eq!(wanted.check(&database.read().unwrap(), &blocks, 0, 39), 40);
}

/// What a block full of logs costs: as many different topics as its gas can buy.
#[test]
fn a_block_full_of_topics_takes_less_room_than_its_logs() {
    const LOGS: u64 = 32_000;
    let dir = tempfile::tempdir().unwrap();
    let database = open::open(dir.path()).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut writer = database.write().unwrap();
    for number in 0..SIZES.least_blocks {
        let topics = |log: u64| {
            (0..4)
                .map(move |at| alloy_primitives::keccak256([number, log, at].map(u64::to_be_bytes).concat()))
        };
        let logs =
            (0..LOGS).map(|log| Log::new_unchecked(address(log % 7), topics(log).collect(), Bytes::new()));
        let block = Block::new(blocks.last(), 0, logs.collect());
        block.append(&mut writer);
        blocks.push(block);
    }
    writer.commit().unwrap();
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    let mut indexer = LogIndexer::with_sizes(Sizes { least_blocks: SIZES.least_blocks, ..Sizes::default() });
    loop {
        let mut written = Instant::now();
        if !step(&database, &mut indexer, || written = Instant::now()) {
            break;
        }
        longest = longest.max(written.elapsed());
    }
    let reader = database.read().unwrap();
    let size = |table| -> usize {
        reader.cursor(table).unwrap().records().iter().map(|(key, record)| key.len() + record.len()).sum()
    };
    let (index, receipts) = (size(Table::LogIndex), size(Table::Receipts));
    println!(
        "{} topics a block: {:?} a block, {index} bytes in the index, {receipts} in the receipts; a writer waited {longest:?}",
        4 * LOGS,
        start.elapsed() / SIZES.least_blocks as u32
    );
    assert!(index * 3 < receipts, "{index} of {receipts}");
}
