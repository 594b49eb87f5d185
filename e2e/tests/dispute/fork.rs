//! A change of L2's rules: under load, and disputes about blocks on both sides of it.

use std::{collections::BTreeMap, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, TxKind, U256, bytes},
    providers::Provider,
    rpc::types::{TransactionInput, TransactionRequest, state::StateOverridesBuilder},
};
use anyhow::{Context, Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Setting},
    net::{Load, soon, until, user},
};
use stf::{Rules, block::L1Attributes};

use crate::common::{StepLie, prove_steps};

/// Seconds of Isthmus: enough for some dozens of blocks.
const ISTHMUS: u64 = 25;

/// Returns CLZ(1), an instruction that only Osaka has (EIP-7939).
const CLZ: Bytes = bytes!("60011e5f5260205ff3");

/// What a contract with this code answers after a block.
async fn call_clz(l2: &impl Provider, block: u64) -> Result<Bytes> {
    let contract = Address::repeat_byte(0xc1);
    let request = TransactionRequest {
        to: Some(TxKind::Call(contract)),
        input: TransactionInput::default(),
        ..TransactionRequest::default()
    };
    let overrides = StateOverridesBuilder::default().with_code(contract, CLZ).build();
    Ok(l2.call(request).block(BlockId::number(block)).overrides(overrides).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_change_under_load_and_disputes_on_both_sides_and_about_the_first_block_end_rightly()
-> Result<()> {
    let mut options = Arena::options("fork", Setting { clock: 6_000, blocks: 2 })?;
    options.deploy.karst_after = Some(ISTHMUS);
    let mut arena = Arena::with(options).await?;
    let chain = arena.net.devnet.rollup.chain;
    let activation = chain.forks.activations()[1].timestamp;
    let l2 = arena.net.devnet.sequencer()?.provider().clone();
    let load = Load::paced(&l2, chain.chain_id, vec![user(2)?, user(3)?], Duration::from_millis(50));

    let head = async || {
        let block = l2.get_block(BlockId::latest()).await?.context("no head")?;
        Ok::<_, anyhow::Error>(block.header)
    };
    let limit = Duration::from_secs(120);
    let past = until("Karst begins", limit, async || {
        let head = head().await?;
        Ok((head.timestamp > activation + 2).then_some(head.number))
    })
    .await?;
    arena.wait_for_blocks(past).await?;
    let included = load.stop().await?;

    // The first block of Karst, by its timestamp.
    let timestamp = async |number: u64| {
        let block = l2.get_block(BlockId::number(number)).await?.context("no block")?;
        Ok::<_, anyhow::Error>(block.header.timestamp)
    };
    let mut first = past;
    while timestamp(first - 1).await? >= activation {
        first -= 1;
    }
    ensure!(timestamp(first).await? >= activation && first > 3, "block {first} is the first of Karst");
    let blocks: Vec<u64> = included.iter().map(|one| one.block).collect();
    let before = blocks.iter().filter(|block| **block < first).count();
    ensure!(before > 10 && blocks.len() - before > 10, "{before} of {} transactions before", blocks.len());

    // Each block goes by its rules: the first transaction says which, and Osaka's new instruction is one or none.
    let reader = arena.observer.chain.db().read()?;
    for (number, rules) in [(first - 1, Rules::Isthmus), (first, Rules::Karst), (first + 1, Rules::Karst)] {
        let header = reader.header(number)?.context("no header")?;
        ensure!(chain.rules_at(header.timestamp)? == rules, "block {number}");
        let body = reader.transactions(number)?.context("no body")?;
        let transaction = stf::Transaction::stored(body[0].raw.clone(), body[0].sender)?;
        let input = alloy::consensus::Transaction::input(transaction.envelope());
        ensure!(L1Attributes::decode_call(input).is_some(), "block {number} begins with the attributes");
        let selector = if rules.is_jovian() { [0x3d, 0xb6, 0xbe, 0x2b] } else { [0x09, 0x89, 0x99, 0xbe] };
        ensure!(input.starts_with(&selector), "block {number} says the rules of {}", rules.name());
        let answer = call_clz(&l2, number).await;
        match rules {
            Rules::Isthmus => ensure!(answer.is_err_and(|error| error.to_string().contains("opcode"))),
            Rules::Karst => ensure!(answer? == Bytes::copy_from_slice(&U256::from(255).to_be_bytes::<32>())),
        }
    }
    drop(reader);

    // Lies whose first wrong block is the last of Isthmus, the first of Karst, and the next.
    arena.wait_for_blocks(first + 4).await?;
    let posted = arena.net.stop_sequencer().await?.next_block().await? - 1;
    soon("the observer has the last batch", async || Ok((arena.newest() >= posted).then_some(()))).await?;
    let mut lies = BTreeMap::new();
    for ((block, share), target) in
        [(first - 1, 200), (first, 500), (first + 1, 800)].into_iter().zip(first + 2..)
    {
        let step = arena.steps(block).await? * share / 1000;
        lies.insert(target, StepLie { block, divergence: Divergence::After(step), step });
    }
    prove_steps(arena, lies).await
}
