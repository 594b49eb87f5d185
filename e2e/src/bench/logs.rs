//! Searching a rare log in a long chain, by the database's index, beside the same search by the headers' blooms.
//!
//! Every block has a log, and so a bloom to look into. What the index costs is shown beside what the blocks cost.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{Header, Sealable, Sealed},
    primitives::{Address, B256, Bloom, Bytes, Log, keccak256},
};
use anyhow::{Result, ensure};
use db::{
    BlockRecord, Database, Identity, LogIndexer, LogQuery, NodeBuffer, Options, Reader, StoredReceipt, Writer,
};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};
use stf::StateChanges;

use super::{Goal, Row};

/// Blocks of the chain: some hours of a busy one.
const BLOCKS: u64 = 1_000_000;
/// Blocks written in one transaction.
const RUN: u64 = 1_000;
/// One block in so many has the rare log.
const RARE: u64 = 200_000;
/// Whose logs are everywhere.
const COMMON: Address = Address::repeat_byte(1);
/// Whose are rare.
const SEARCHED: Address = Address::repeat_byte(2);
/// The topic of all.
const TOPIC: B256 = B256::repeat_byte(3);
/// Times that each search is made; the best counts.
const ATTEMPTS: usize = 3;

/// Measures. `progress` is told what runs.
pub fn run(progress: impl Fn(&str)) -> Result<Vec<Row>> {
    let dir = tempfile::tempdir()?;
    let identity =
        Identity { l1_chain_id: 1, l2_chain_id: 2, genesis_hash: B256::ZERO, config_hash: B256::ZERO };
    let database = Database::open(dir.path(), &identity, &Options::default())?;
    progress("logs: writing blocks");
    let start = Instant::now();
    write_chain(&database)?;
    let written = start.elapsed();
    progress("logs: searching by blooms");
    let plain = best(|| by_blooms(&database.read()?))?;
    progress("logs: making the index");
    let start = Instant::now();
    let mut indexer = LogIndexer::default();
    while indexer.prepare(&database.read()?)? {
        let mut writer = database.write()?;
        indexer.write(&mut writer)?;
        writer.commit()?;
    }
    let indexed = start.elapsed();
    progress("logs: searching by the index");
    let found = best(|| by_index(&database.read()?))?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let per_block = |time: Duration| time.as_secs_f64() * 1e6 / BLOCKS as f64;
    Ok(vec![
        Row::new(
            format!("a rare log in {BLOCKS} blocks"),
            milliseconds(found),
            "ms",
            "by the headers' blooms",
            milliseconds(plain),
            Goal::RatioAtMost(0.1),
        ),
        Row::new(
            "… its index, a block",
            per_block(indexed),
            "µs",
            "writing the block, without execution",
            per_block(written),
            Goal::Shown,
        ),
    ])
}

/// The best time of a search, which must find what is there.
fn best(mut search: impl FnMut() -> Result<Vec<u64>>) -> Result<Duration> {
    let expected: Vec<u64> = (1..BLOCKS).filter(|number| number % RARE == 1).collect();
    let mut best = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let start = Instant::now();
        let found = search()?;
        best = best.min(start.elapsed());
        ensure!(found == expected, "found in blocks {found:?}, expected {expected:?}");
    }
    Ok(best)
}

fn fits(address: &Address, topics: &[B256]) -> bool {
    *address == SEARCHED && topics.first() == Some(&TOPIC)
}

fn by_blooms(reader: &Reader) -> Result<Vec<u64>> {
    let searched = bloom(SEARCHED);
    search_blooms(reader, &searched, 0)
}

fn search_blooms(reader: &Reader, searched: &Bloom, from: u64) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for header in reader.headers(from..=u64::MAX)? {
        let (number, header) = header?;
        if header.logs_bloom.contains(searched) && !reader.logs_where(number, fits)?.is_empty() {
            found.push(number);
        }
    }
    Ok(found)
}

/// As JSON-RPC searches: the index, and behind its end the blooms.
fn by_index(reader: &Reader) -> Result<Vec<u64>> {
    let query = LogQuery::new([&SEARCHED], [[&TOPIC]]);
    let (mut found, mut next) = (Vec::new(), 0);
    while let Some(stretch) = reader.search_logs(&query, next..=BLOCKS - 1)? {
        for number in stretch.blocks {
            if !reader.logs_where(number, fits)?.is_empty() {
                found.push(number);
            }
        }
        next = stretch.last + 1;
    }
    found.extend(search_blooms(reader, &bloom(SEARCHED), next)?);
    Ok(found)
}

fn bloom(address: Address) -> Bloom {
    let mut bloom = Bloom::ZERO;
    bloom.accrue_log(&Log::new_unchecked(address, vec![TOPIC], Bytes::new()));
    bloom
}

/// A block with one transaction, its hash, and which of the two kinds of receipt it has.
type Made = (Sealed<Header>, [Bytes; 1], [B256; 1], usize);

fn write_chain(database: &Database) -> Result<()> {
    let (changes, nodes) = (StateChanges::default(), NodeBuffer::new());
    let receipt = |address: Address| StoredReceipt {
        receipt: OpReceiptEnvelope::from_parts(
            true,
            21_000,
            &[Log::new_unchecked(address, vec![TOPIC], Bytes::new())],
            OpTxType::Eip1559,
            None,
            None,
        ),
        gas_used: 21_000,
        l1_fee: None,
    };
    let kinds = [COMMON, SEARCHED].map(|address| (bloom(address), [receipt(address)]));
    let mut parent = B256::ZERO;
    for first in (0..BLOCKS).step_by(RUN as usize) {
        let mut blocks: Vec<Made> = Vec::new();
        for number in first..first + RUN {
            let kind = usize::from(number % RARE == 1);
            let logs_bloom = kinds[kind].0;
            let header = Header { number, parent_hash: parent, logs_bloom, ..Header::default() }.seal_slow();
            parent = header.hash();
            let raw = Bytes::from([&number.to_be_bytes()[..], &[2; 100]].concat());
            let hash = keccak256(&raw);
            blocks.push((header, [raw], [hash], kind));
        }
        let records = blocks.iter().map(|(header, transactions, hashes, kind)| BlockRecord {
            header,
            transactions,
            hashes,
            senders: &[COMMON],
            receipts: &kinds[*kind].1,
            changes: &changes,
            nodes: &nodes,
        });
        let records: Vec<BlockRecord<'_>> = records.collect();
        let mut writer: Writer = database.write()?;
        match records.split_first() {
            Some((genesis, rest)) if first == 0 => {
                writer.append_genesis(genesis)?;
                writer.append_blocks(rest)?;
            }
            _ => writer.append_blocks(&records)?,
        }
        writer.set_finalized(first + RUN - 1)?;
        writer.commit()?;
    }
    Ok(())
}
