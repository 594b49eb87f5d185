use std::time::{Duration, Instant};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Sealable, U256, keccak256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};
use stf::StateChanges;
use trie::{Account, Trie};

use crate::{BlockRecord, Database, NodeBuffer, Options, StoredReceipt, Table};

fn env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn rand(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 33
}

#[test]
#[ignore = "prints timings"]
fn speed() {
    let accounts = env("ACCOUNTS", 1_000_000);
    let blocks = env("BLOCKS", 100);
    let sync_every = env("SYNC", 10);
    let dir = tempfile::tempdir_in(std::env::var("DIR").unwrap_or("/tmp".into())).unwrap();
    let database = Database::open(dir.path(), &super::open::IDENTITY, &Options::default()).unwrap();
    let mut trie = Trie::empty();
    let mut nodes = NodeBuffer::new();
    let mut hashes: Vec<B256> = (0..accounts as u64).map(|i| keccak256(i.to_be_bytes())).collect();
    hashes.sort();
    let account = |n: u64| Account { nonce: n, balance: U256::from(n) << 40, ..Account::EMPTY };
    let mut changes = StateChanges::default();
    for hash in &hashes {
        trie.insert(&(), None, &hash[..], &account(1).encode()).unwrap();
        changes.accounts.push((*hash, Some(account(1))));
    }
    let root = trie.commit(None, &mut nodes);
    let mut head = Header { state_root: root, ..Default::default() }.seal_slow();
    let start = Instant::now();
    let mut writer = database.write().unwrap();
    writer
        .append_genesis(&BlockRecord {
            header: &head,
            transactions: &[],
            hashes: &[],
            senders: &[],
            receipts: &[],
            changes: &changes,
            nodes: &nodes,
        })
        .unwrap();
    writer.commit().unwrap();
    database.sync().unwrap();
    println!("genesis {accounts} accounts, {} nodes: {:?}, {} MB", nodes.len(), start.elapsed(), database.used_bytes().unwrap() >> 20);
    let mut state = 7;
    let (mut appends, mut commits, mut syncs) = (Vec::new(), Vec::new(), Duration::ZERO);
    let (mut reads, mut nread) = (Duration::ZERO, 0);
    let mut nnodes = 0;
    for n in 1..=blocks as u64 {
        let mut touched: Vec<_> = (0..2000).map(|_| rand(&mut state) as usize % accounts).collect();
        touched.sort();
        touched.dedup();
        let mut changes = StateChanges::default();
        {
            let reader = database.read().unwrap();
            let at = reader.state_at(n - 1).unwrap();
            let t = Instant::now();
            for i in &touched {
                nread += 1;
                assert!(at.account(&hashes[*i]).unwrap().is_some());
            }
            reads += t.elapsed();
        }
        for i in touched {
            changes.accounts.push((hashes[i], Some(account(n + 1))));
            trie.insert(&(), None, &hashes[i][..], &account(n + 1).encode()).unwrap();
        }
        nodes.clear();
        let root = trie.commit(None, &mut nodes);
        nnodes += nodes.len();
        let txs: Vec<Bytes> = (0..1000u64).map(|i| [&[2; 100][..], &(n * 1000 + i).to_be_bytes()].concat().into()).collect();
        let txh: Vec<B256> = txs.iter().map(keccak256).collect();
        let senders = vec![Address::ZERO; 1000];
        let receipts: Vec<_> = (0..1000)
            .map(|i| StoredReceipt {
                receipt: OpReceiptEnvelope::from_parts(true, 21000 * i, &[], OpTxType::Eip1559, None, None),
                gas_used: 21000,
                l1_fee: None,
            })
            .collect();
        head = Header { number: n, parent_hash: head.hash(), state_root: root, ..Default::default() }.seal_slow();
        let record = BlockRecord {
            header: &head,
            transactions: &txs,
            hashes: &txh,
            senders: &senders,
            receipts: &receipts,
            changes: &changes,
            nodes: &nodes,
        };
        let start = Instant::now();
        let mut writer = database.write().unwrap();
        writer.append_block(&record).unwrap();
        appends.push(start.elapsed());
        let start = Instant::now();
        writer.commit().unwrap();
        commits.push(start.elapsed());
        if n as usize % sync_every == 0 {
            let start = Instant::now();
            database.sync().unwrap();
            syncs += start.elapsed();
        }
    }
    let show = |name: &str, times: &mut Vec<Duration>| {
        let mean = times.iter().sum::<Duration>() / times.len() as u32;
        times.sort();
        println!("{name}: mean {mean:?} median {:?} p90 {:?} max {:?}", times[times.len() / 2], times[times.len() * 9 / 10], times[times.len() - 1]);
    };
    println!("nodes per block {}", nnodes / blocks);
    show("append", &mut appends);
    show("commit", &mut commits);
    println!("sync {syncs:?} in all; read account {:?}; used {} MB", reads / nread, database.used_bytes().unwrap() >> 20);
    let reader = database.read().unwrap();
    for table in Table::ALL {
        let s = reader.inner.db_stat(&reader.handles[table]).unwrap();
        if s.entries() > 1000 {
            println!("  {table:?} entries {} depth {} branch {} leaf {} overflow {}", s.entries(), s.depth(), s.branch_pages(), s.leaf_pages(), s.overflow_pages());
        }
    }
    drop(reader);
    if std::env::var("PRUNE").is_ok() {
        let start = Instant::now();
        let mut writer = database.write().unwrap();
        writer.prune(blocks as u64 / 2, usize::MAX).unwrap();
        writer.commit().unwrap();
        println!("prune a block {:?}", start.elapsed() / (blocks as u32 / 2));
        let start = Instant::now();
        let mut writer = database.write().unwrap();
        writer.truncate_above(blocks as u64 / 2).unwrap();
        writer.commit().unwrap();
        println!("truncate a block {:?}", start.elapsed() / (blocks as u32 / 2));
    }
}
