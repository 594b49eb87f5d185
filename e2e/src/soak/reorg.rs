//! Reorgs of L1.

use std::collections::BTreeMap;

use alloy::{
    consensus::Transaction as _,
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes},
    providers::Provider,
    rpc::types::Transaction,
};
use anyhow::{Context, Result};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use testnet::Anvil;

use super::{Parts, Traffic};

/// Replaces the newest L1 blocks. All that was in them is in the new ones, some of it later than before, or waits for a block
/// again; each account's transactions stay in their order. Returns how many transactions that were.
pub(super) async fn reorg(parts: &Parts, traffic: &Traffic, depth: u64, rng: &mut StdRng) -> Result<u64> {
    let _no_blocks = parts.arena.miner.pause().await;
    let _no_deposits = traffic.hold_deposits().await;
    let anvil = &parts.arena.net.devnet.anvil;
    let l1 = anvil.provider();
    let head = l1.get_block_number().await?;
    let first = (head + 1).checked_sub(depth).context("L1 has fewer blocks")?;
    let mut replaced = Vec::new();
    for number in first..=head {
        let block = l1.get_block_by_number(number.into()).full().await?.context("no such block")?;
        for tx in block.transactions.txns() {
            let raw = Bytes::from(tx.inner.encoded_2718());
            replaced.push((tx.inner.signer(), number - first, raw));
        }
    }
    let count = replaced.len() as u64;
    let (placed, mut waiting) = place(replaced, depth, rng);
    // Anvil would try what waits already before what comes to wait now, and drop it for its nonce.
    waiting.extend(pool(anvil).await?);
    anvil.drop_pending().await?;
    anvil.reorg_with(depth, &placed).await?;
    for raw in waiting {
        // The nodes may have sent something else in its place already.
        let _ = l1.send_raw_transaction(&raw).await;
    }
    Ok(count)
}

/// The transactions that wait for a block, those of each account in their order.
async fn pool(anvil: &Anvil) -> Result<Vec<Bytes>> {
    let content: Value = anvil.call("txpool_content", json!([])).await?;
    let accounts = ["pending", "queued"].map(|kind| content[kind].as_object());
    let mut all = Vec::new();
    for waiting in accounts.into_iter().flatten().flat_map(|accounts| accounts.values()) {
        for tx in waiting.as_object().into_iter().flat_map(|waiting| waiting.values()) {
            let tx: Transaction = serde_json::from_value(tx.clone()).context("a transaction of the pool")?;
            all.push((tx.nonce(), Bytes::from(tx.inner.encoded_2718())));
        }
    }
    all.sort();
    Ok(all.into_iter().map(|(_, raw)| raw).collect())
}

/// Where transactions get to that were in replaced blocks, each with its sender and its block, counted from the first: those
/// that are in a new block, with that, in its order, and those that wait.
fn place(
    replaced: Vec<(Address, u64, Bytes)>,
    depth: u64,
    rng: &mut StdRng,
) -> (Vec<(Bytes, u64)>, Vec<Bytes>) {
    let (mut placed, mut waiting) = (Vec::new(), Vec::new());
    // The first new block that is open to what an account sent later.
    let mut open: BTreeMap<Address, u64> = BTreeMap::new();
    for (sender, block, raw) in replaced {
        let delay = match rng.random_range(0..4) {
            0 | 1 => 0,
            2 => rng.random_range(1..=depth),
            _ => depth,
        };
        let open = open.entry(sender).or_default();
        *open = (*open).max(block + delay);
        if *open < depth {
            placed.push((raw, *open));
        } else {
            waiting.push(raw);
        }
    }
    placed.sort_by_key(|(_, block)| *block);
    (placed, waiting)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn nothing_is_lost_and_each_account_keeps_its_order() {
        let mut rng = StdRng::seed_from_u64(13);
        let (mut later, mut left) = (0, 0);
        for _ in 0..200 {
            let depth = rng.random_range(1..=6);
            let mut blocks: Vec<u64> = (0..20).map(|_| rng.random_range(0..depth)).collect();
            blocks.sort_unstable();
            let numbered = blocks.iter().zip(0u8..);
            let replaced = numbered.map(|(block, number)| {
                (Address::repeat_byte(number % 3), *block, Bytes::copy_from_slice(&[number]))
            });
            let (placed, waiting) = place(replaced.collect(), depth, &mut rng);
            assert!(placed.iter().all(|(raw, block)| *block >= blocks[raw[0] as usize] && *block < depth));
            later += placed.iter().filter(|(raw, block)| *block > blocks[raw[0] as usize]).count();
            left += waiting.len();
            let order: Vec<u8> =
                placed.iter().map(|(raw, _)| raw).chain(&waiting).map(|raw| raw[0]).collect();
            for account in 0..3 {
                let own: Vec<u8> = order.iter().copied().filter(|number| number % 3 == account).collect();
                let expected: Vec<u8> = (0..20).filter(|number| number % 3 == account).collect();
                assert_eq!(own, expected);
            }
        }
        assert!(later > 100 && left > 100, "{later} later, {left} left");
    }
}
