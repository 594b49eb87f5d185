//! Executing and committing blocks: what a node does with every block, beside what no node can do without.

use std::time::{Duration, Instant};

use alloy::primitives::{Bytes, U256, keccak256};
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use revm::{
    ExecuteCommitEvm,
    database::{CacheDB, EmptyDB},
    state::{AccountInfo, Bytecode},
};
use rollup::chain::{BuildPlan, Chain, ChainOptions, FeedBlock, ImportOutcome};
use stf::{
    Transaction,
    evm::{block_env, evm, evm_config},
};

use super::{
    Goal, Row,
    workload::{Population, Workload, rollup},
};

/// Accounts in the state.
const POPULATION: usize = 10_000;
/// Blocks recorded of each kind, and measured.
const BLOCKS: usize = 20;
/// Blocks before those, on both sides: a node that follows a chain has in memory what the chain works with.
const WARM_UP: usize = 20;
/// Blocks imported at a time, as a node does that catches up.
const RUN: usize = 20;
/// Runs of each side, alternating; the best of each counts, as the one least disturbed.
const RUNS: usize = 5;

/// Recorded blocks: what a feed carries, and the transactions with their senders.
struct Recorded {
    feed: FeedBlock,
    header: alloy::consensus::Header,
    transactions: Vec<Transaction>,
}

/// Measures all workloads. `progress` is told what runs.
pub fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for workload in Workload::ALL {
        progress(&format!("execution: {}", workload.name()));
        rows.extend(measure(workload)?);
    }
    Ok(rows)
}

fn measure(workload: Workload) -> Result<Vec<Row>> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut population = Population::new(POPULATION, 42_069);
    let config = rollup(&population)?;
    let open = || -> Result<(tempfile::TempDir, Chain)> {
        let dir = tempfile::tempdir()?;
        let chain = Chain::open(dir.path(), config.clone(), ChainOptions::default())?;
        Ok((dir, chain))
    };
    let (_dir, source) = open()?;
    let mut blocks = Vec::new();
    for number in 0..WARM_UP + BLOCKS {
        let raw = population.transactions(workload, workload.per_block(), &mut rng);
        let timestamp = config.genesis.timestamp + 1 + number as u64;
        blocks.push(record(&source, timestamp, raw)?);
    }
    let measured = &blocks[WARM_UP..];
    let gas: u64 = measured.iter().map(|block| block.header.gas_used).sum();
    let count: usize = measured.iter().map(|block| block.transactions.len()).sum();

    let feed: Vec<FeedBlock> = blocks.iter().map(|block| block.feed.clone()).collect();
    let mut best = [Duration::MAX; 4];
    let mut bytes = 0;
    for _ in 0..RUNS {
        let (_dir, chain) = open()?;
        import(&chain, &feed[..WARM_UP])?;
        let start = Instant::now();
        import(&chain, &feed[WARM_UP..])?;
        best[0] = best[0].min(start.elapsed());
        best[1] = best[1].min(bare(&config, &blocks, true)?);

        let (_dir, chain) = open()?;
        let before = chain.db().used_bytes()?;
        let build_all = |blocks: &[Recorded]| -> Result<()> {
            blocks
                .iter()
                .try_for_each(|block| build(&chain, block.header.timestamp, &block.transactions).map(drop))
        };
        build_all(&blocks[..WARM_UP])?;
        let start = Instant::now();
        build_all(measured)?;
        best[2] = best[2].min(start.elapsed());
        best[3] = best[3].min(bare(&config, &blocks, false)?);
        bytes = chain.db().used_bytes()?.saturating_sub(before);
    }
    let rate = |time: Duration| gas as f64 / time.as_secs_f64() / 1e6;
    let name = workload.name();
    let all: Vec<&Bytes> = feed.iter().flat_map(|block| &block.spec.transactions).collect();
    let per_transaction = best[2].as_secs_f64() * 1e6 / count as f64;
    Ok(vec![
        Row::new(
            format!("execute + commit, {name}"),
            rate(best[0]),
            "Mgas/s",
            "bare revm in memory, signatures too",
            rate(best[1]),
            Goal::RatioAtLeast(0.5),
        ),
        Row::new(
            format!("… {name}, senders known"),
            rate(best[2]),
            "Mgas/s",
            format!("bare revm, senders known ({per_transaction:.1} µs/tx here)"),
            rate(best[3]),
            Goal::Shown,
        ),
        Row::new(
            format!("… {name}, database"),
            bytes as f64 / all.len() as f64,
            "bytes/tx",
            "the transactions' own encoding",
            all.iter().map(|raw| raw.len()).sum::<usize>() as f64 / all.len() as f64,
            Goal::Shown,
        ),
    ])
}

fn import(chain: &Chain, feed: &[FeedBlock]) -> Result<()> {
    for run in feed.chunks(RUN) {
        let outcome = chain.import_unsafe(run)?;
        ensure!(outcome == ImportOutcome::Appended, "blocks not imported: {outcome:?}");
    }
    Ok(())
}

fn record(chain: &Chain, timestamp: u64, raw: Vec<Bytes>) -> Result<Recorded> {
    let transactions: Vec<Transaction> = raw
        .into_par_iter()
        .map(|raw| Transaction::recover(raw).context("a benchmark transaction is malformed"))
        .collect::<Result<_>>()?;
    let block = build(chain, timestamp, &transactions)?;
    let feed = FeedBlock::stored(&chain.db().read()?, block.header.number)?;
    let feed = feed.context("a benchmark block is not stored")?;
    Ok(Recorded { feed, header: block.header.clone(), transactions })
}

fn build(
    chain: &Chain,
    timestamp: u64,
    transactions: &[Transaction],
) -> Result<std::sync::Arc<rollup::chain::ChainBlock>> {
    let plan = BuildPlan { timestamp, max_messages: 0, message_l1_limit: 0 };
    let (block, outcome) = chain.build(plan, |builder| -> Result<()> {
        for transaction in transactions {
            builder.execute(transaction)?.context("a benchmark transaction was skipped")?;
        }
        Ok(())
    })?;
    outcome?;
    Ok(block)
}

/// The same blocks on op-revm over a hash map: no root, no receipts, no database. Signatures are recovered as the node
/// does it, on all cores.
fn bare(config: &rollup::RollupConfig, blocks: &[Recorded], recover: bool) -> Result<Duration> {
    let mut state = CacheDB::new(EmptyDB::default());
    for (address, account) in &config.genesis.alloc {
        let code = Bytecode::new_raw(account.code.clone());
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: keccak256(&account.code),
            code: Some(code),
            ..AccountInfo::default()
        };
        state.insert_account_info(*address, info);
        for (slot, value) in &account.storage {
            state.insert_account_storage(*address, U256::from_be_bytes(slot.0), *value)?;
        }
    }
    let mut start = Instant::now();
    for (index, block) in blocks.iter().enumerate() {
        if index == WARM_UP {
            start = Instant::now();
        }
        let recovered: Vec<Transaction>;
        let transactions = if recover {
            let raw = &block.feed.spec.transactions;
            recovered =
                raw.par_iter().map(|raw| Transaction::recover(raw.clone())).collect::<Result<_, _>>()?;
            &recovered
        } else {
            &block.transactions
        };
        let rules = config.chain.rules_at(block.header.timestamp)?;
        let mut evm = evm(evm_config(rules, config.chain.chain_id), block_env(&block.header), &mut state, ());
        for transaction in transactions {
            let result = evm.transact_commit(transaction.to_evm())?;
            ensure!(result.is_success(), "a benchmark transaction failed");
        }
    }
    Ok(start.elapsed())
}
