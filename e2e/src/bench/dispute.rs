//! What a dispute costs the honest side: 600 blocks between the anchor and the proposal, and a wrong state after a full one.

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, Bytes, TxKind, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::{
    artifacts::{Contract, creation_code},
    samples::StorageHeavy,
};
use fraud_prover::{game::Status, l1::GameEvent};
use rand::{SeedableRng, rngs::StdRng};
use rollup::interval::Interval;
use stf::{BlockSpec, codec};
use testnet::ports;

use super::{
    Goal, Row,
    workload::{Population, Workload},
};
use crate::{
    dispute::{Arena, Divergence, Lie, Setting, last_depth, machine_seconds, narrowed},
    net::{Poster, soon, user},
};

/// Blocks between the agreed output and the proposed one.
const BLOCKS: u64 = 600;
/// The full block, and the first whose output is wrong.
const FULL: u64 = 400;
/// Blocks in a batch; the full one has its own.
const BATCH: u64 = 133;
/// Transfers in each of the others.
const TRANSFERS: usize = 2;
/// Transfers in the full one: about half of its gas, and as many as a batch takes.
const MANY: usize = 1_400;
/// Storage slots that a transaction of the full block writes, and how many such transactions there are: the other half.
const WRITES: (u64, u64) = (620, 2);
/// Gas limit of such a transaction, below the cap of 2^24 (EIP-7825).
const WRITE_GAS: u64 = 16_000_000;
/// The share of its gas limit that a full block uses at least.
const FULLNESS: f64 = 0.95;
/// Accounts that send.
const POPULATION: usize = 200;
/// Each side's clock, in seconds of L1's time.
const CLOCK: u64 = 600;
/// How long a dispute may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Plays the dispute.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    progress("dispute: making the chain");
    let mut options = Arena::options("bench-dispute", Setting { clock: CLOCK, blocks: 0 })?;
    let mut population = Population::new(POPULATION, options.deploy.chain.chain_id);
    options.deploy.funded.extend(population.signers.iter().map(|signer| signer.address()));
    let mut arena = Arena::with(options).await?;
    // From here on, batches are posted by hand.
    let poster = arena.net.stop_sequencer().await?;
    let full = make(&arena, &poster, &mut population).await?;
    let reader = arena.observer.chain.db().read()?;
    let header = reader.header(full)?.context("no full block")?.into_inner();
    drop(reader);
    let (used, limit) = (header.gas_used, header.gas_limit);
    ensure!(used as f64 >= limit as f64 * FULLNESS, "the full block uses {used} of {limit} gas");

    progress("dispute: playing");
    let (honest, liar) = (user(1)?, user(6)?);
    let metrics = format!("127.0.0.1:{}", ports::free()?);
    let mut challenger = arena.challenger("challenger", &honest, &["--metrics", &metrics])?;
    let steps = arena.steps(full).await?;
    let plot = (Lie::WrongBalance { block: full }, divergence(full, steps)?);
    let rival = arena.rival("liar", liar.clone(), plot)?;
    let before = arena.net.devnet.anvil.provider().get_block_number().await?;
    let lying = arena.liar(plot)?;
    let game = arena.propose(&liar, &lying, BLOCKS).await?;
    let start = Instant::now();
    let me = honest.address();
    arena.wait(game, "the lie is countered", LIMIT, |game| !game.root().children.is_empty()).await?;
    let first = start.elapsed();
    arena.wait(game, "the dispute narrows", LIMIT, |game| narrowed(game, &[me])).await?;
    let whole = start.elapsed();
    let end = arena.finish(game, &[me]).await?;
    ensure!(matches!(end.root().status, Status::Refuted | Status::BondDistributed), "the lie has won");
    let compute = machine_seconds(&metrics).await?;
    let costs = arena.costs(before + 1).await?.get(&me).copied().unwrap_or_default();
    let most_expensive = most_expensive_attack(&mut arena, game, me).await?;
    challenger.check_alive()?;
    drop(challenger);
    rival.end().await?;
    arena.end().await?;

    let levels = end.claims.iter().map(|claim| claim.depth + 1).max().unwrap_or(0);
    let row = |name: &str, value, unit, limit| Row::new(name, value, unit, "limit", limit, Goal::AtMostPeer);
    let shown = |name: &str, value, unit| Row::new(name, value, unit, "itself", value, Goal::Shown);
    Ok(vec![
        row("dispute over 600 blocks, transactions of the honest side", costs.transactions as f64, "", 12.0),
        row("… gas of them", costs.gas as f64, "gas", 2_000_000.0),
        row("… the most expensive attack", most_expensive as f64, "gas", 110_000.0),
        row("… time to the first counter-move", first.as_secs_f64(), "s", 5.0),
        shown("… time until nothing is left to argue about", whole.as_secs_f64(), "s"),
        shown("… the machine's computing", compute, "s"),
        row("… levels of claims", levels as f64, "", 14.0),
        shown("… steps of the full block", steps as f64 / 1e6, "M steps"),
    ])
}

/// The first wrong state: if there is such a place, one where it is the honest side that is asked for the step at last,
/// because that is one transaction more.
fn divergence(block: u64, steps: u64) -> Result<Divergence> {
    let blocks = Interval::between(0, BLOCKS).context("nothing to propose")?;
    let middle = steps / 1_000 * 618;
    // Only near the end, intervals are narrowed down less often.
    let ends = (0..steps.ilog2()).map(|log| steps - (1 << log));
    let asked = |step: &u64| last_depth(blocks, block, steps, *step).is_multiple_of(2);
    Ok(Divergence::After([middle].into_iter().chain(ends).find(asked).unwrap_or(middle)))
}

/// Posts the blocks; returns the full one.
async fn make(arena: &Arena, poster: &Poster, population: &mut Population) -> Result<u64> {
    let chain_id = arena.net.devnet.rollup.chain.chain_id;
    let mut rng = StdRng::seed_from_u64(6);
    loop {
        let next = poster.next_block().await?;
        ensure!(next <= FULL, "block {FULL} was made before its time");
        if next == FULL {
            break;
        }
        let count = BATCH.min(FULL - next);
        let transactions = population.transactions(Workload::Transfers, count as usize * TRANSFERS, &mut rng);
        post(arena, poster, transactions.chunks(TRANSFERS).map(<[_]>::to_vec).collect()).await?;
    }
    let mut transactions = population.transactions(Workload::Transfers, MANY, &mut rng);
    transactions.extend(storage(chain_id)?);
    post(arena, poster, vec![transactions]).await?;
    loop {
        let next = poster.next_block().await?;
        if next > BLOCKS {
            break;
        }
        let count = BATCH.min(BLOCKS + 1 - next);
        let transactions = population.transactions(Workload::Transfers, count as usize * TRANSFERS, &mut rng);
        post(arena, poster, transactions.chunks(TRANSFERS).map(<[_]>::to_vec).collect()).await?;
    }
    soon("the observer has all blocks", async || Ok((arena.newest() >= BLOCKS).then_some(()))).await?;
    Ok(FULL)
}

/// Posts blocks of these transactions, and waits for L1.
async fn post(arena: &Arena, poster: &Poster, blocks: Vec<Vec<Bytes>>) -> Result<()> {
    let timestamp = arena.net.devnet.anvil.latest().await?.header.timestamp;
    let count = blocks.len() as u64;
    let spec = |transactions| BlockSpec { timestamp, messages: 0, transactions };
    let specs: Vec<BlockSpec> = blocks.into_iter().map(spec).collect();
    let payload = codec::encode(&specs, arena.net.devnet.rollup.chain.chain_id, 9)?;
    poster.append(payload.into(), count).await?;
    Ok(())
}

/// Transactions that create a contract and write to fresh slots of it.
fn storage(chain_id: u64) -> Result<Vec<Bytes>> {
    let signer = user(3)?;
    let contract = signer.address().create(0);
    let mut transactions =
        vec![sign(&signer, chain_id, 0, None, creation_code(Contract::StorageHeavy), 2_000_000)?];
    for index in 0..WRITES.1 {
        let start = U256::from(index * WRITES.0);
        let call = StorageHeavy::writeCall { start, count: U256::from(WRITES.0), salt: U256::ONE };
        let input = call.abi_encode().into();
        transactions.push(sign(&signer, chain_id, index + 1, Some(contract), input, WRITE_GAS)?);
    }
    Ok(transactions)
}

fn sign(
    signer: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    to: Option<Address>,
    input: Bytes,
    gas_limit: u64,
) -> Result<Bytes> {
    let mut transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: to.map_or(TxKind::Create, TxKind::Call),
        input,
        ..TxEip1559::default()
    };
    let signature = signer.sign_transaction_sync(&mut transaction)?;
    Ok(transaction.into_signed(signature).encoded_2718().into())
}

/// Gas of the most expensive attack of an account.
async fn most_expensive_attack(arena: &mut Arena, game: Address, by: Address) -> Result<u64> {
    let entry = arena.entry(game).await?;
    let mut highest = 0;
    for event in &entry.events {
        if matches!(&event.event, GameEvent::Attacked(attack) if attack.claimant == by) {
            let receipt = arena.net.devnet.anvil.receipt(event.transaction).await?;
            highest = highest.max(receipt.gas_used);
        }
    }
    Ok(highest)
}
