//! Disputes that end at every kind of step.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder},
    primitives::{Address, B256, TxKind, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, ensure};
use e2e::{
    dispute::{Arena, Divergence, Setting},
    net::{soon, user},
    proving::precompile_calls,
};
use vm::Call;

use crate::common::{StepLie, prove_steps};

/// Ops of accelerators that the program asks for.
const OPS: [u64; 17] = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
const P256VERIFY: u64 = 256;
/// Steps around the powers of 16, where claims have one level more or less.
const STEPS: [u64; 13] = [1, 2, 15, 16, 17, 255, 256, 257, 4_095, 4_096, 4_097, 65_536, 65_537];

/// Transactions that use every precompile; returns the block of the last.
async fn use_precompiles(arena: &Arena) -> Result<u64> {
    let sender = user(2)?;
    let wallet = EthereumWallet::from(sender.clone());
    let l2 = arena.net.devnet.sequencer()?.provider();
    let mut last = B256::ZERO;
    for (nonce, (address, input)) in precompile_calls(&sender)?.into_iter().enumerate() {
        let request = TransactionRequest {
            to: Some(TxKind::Call(Address::from_word(U256::from(address).into()))),
            input: input.into(),
            nonce: Some(nonce as u64),
            gas: Some(2_000_000),
            max_fee_per_gas: Some(10_000_000_000),
            max_priority_fee_per_gas: Some(1_000_000),
            chain_id: Some(arena.net.devnet.rollup.chain.chain_id),
            ..Default::default()
        };
        let transaction = request.build(&wallet).await?;
        last = *l2.send_raw_transaction(&transaction.encoded_2718()).await?.tx_hash();
    }
    let receipt =
        soon("all precompiles are called", async || Ok(l2.get_transaction_receipt(last).await?)).await?;
    receipt.block_number.context("a receipt without a block")
}

/// The first wrong state is the one after each kind of call in turn, after steps around powers of 16, and at the run's end;
/// in each dispute another. One challenger plays all of them at once, against wrong proposals and for right ones, and each
/// ends with the step on L1.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_step_can_be_disputed() -> Result<()> {
    let mut arena = Arena::start("steps", Setting { clock: 6_000, blocks: 2 }).await?;
    let busy = use_precompiles(&arena).await?;
    let accelerators = OPS.into_iter().chain([P256VERIFY]).map(Call::Accel);
    let wanted: BTreeSet<Call> = accelerators.chain([Call::Halt, Call::Preimage, Call::Blob]).collect();
    let count = wanted.len() + STEPS.len() + 3;
    arena.wait_for_blocks(busy + 1 + count as u64).await?;
    // No more batches: all proposals pin the same, so all runs over a block are the same.
    let posted = arena.net.stop_sequencer().await?.next_block().await? - 1;
    soon("the observer has the last batch", async || Ok((arena.newest() >= posted).then_some(()))).await?;
    // The first block with each kind of call.
    let mut found = BTreeMap::new();
    for block in 1..=busy {
        for (_, call) in arena.calls(block)? {
            found.entry(call).or_insert(block);
        }
    }
    let kinds: BTreeSet<Call> = found.keys().copied().collect();
    ensure!(kinds.is_superset(&wanted), "no block makes the calls {:?}", wanted.difference(&kinds));
    let steps = arena.steps(busy).await?;
    let mut lies = Vec::new();
    for (call, block) in found {
        let calls = arena.calls(block)?;
        let (before, _) = calls.iter().find(|(_, other)| *other == call).context("no such call")?;
        lies.push(StepLie { block, divergence: Divergence::Call(call), step: before + 1 });
    }
    let places = STEPS.into_iter().chain([steps - 1, steps]);
    lies.extend(places.map(|step| StepLie { block: busy, divergence: Divergence::After(step), step }));
    let lies = (busy + 1..).zip(lies).collect();
    prove_steps(arena, lies).await
}
