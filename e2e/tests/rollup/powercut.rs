//! Power cuts of a sequencer under load. What a client saw is there again, with the same hash.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::{
    consensus::BlockHeader,
    network::primitives::HeaderResponse,
    primitives::B256,
    providers::{Provider, ProviderBuilder, WsConnect},
};
use anyhow::{Context, Result, ensure};
use e2e::{
    net::{Load, Net, block, receipt, seeded, soon, status, user},
    powercut::ForgetfulDisk,
};
use rand::Rng;
use tokio::task::JoinHandle;

/// Cuts of a test run; `POWER_CUTS=100` makes more.
const CUTS: usize = 10;

/// New blocks seen after a start before the power goes again.
const LEAST_SEEN: usize = 3;

/// How long a client reads on after the power went.
const DRAIN: Duration = Duration::from_millis(500);

/// Blocks that a client was told of.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Heads>>);

#[derive(Default)]
struct Heads {
    hashes: BTreeMap<u64, B256>,
    told: usize,
    /// Two blocks of one number.
    conflict: Option<String>,
}

impl Seen {
    fn with<T>(&self, look: impl FnOnce(&mut Heads) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn note(&self, number: u64, hash: B256) {
        self.with(|heads| {
            heads.told += 1;
            let before = heads.hashes.insert(number, hash);
            if let Some(before) = before.filter(|before| *before != hash) {
                heads.conflict = Some(format!("block {number} was {before}, and is now {hash}"));
            }
        });
    }

    /// Listens until the connection ends.
    async fn listen(&self, ws: String) -> Result<JoinHandle<()>> {
        let provider = ProviderBuilder::new().connect_ws(WsConnect::new(ws).with_max_retries(0)).await?;
        let mut heads = provider.subscribe_blocks().await?;
        let seen = self.clone();
        Ok(tokio::spawn(async move {
            while let Ok(head) = heads.recv().await {
                seen.note(head.number(), head.hash());
            }
            drop(provider);
        }))
    }
}

/// Cuts the power so many times. Returns the first block that a client was told of and that is not there afterwards.
async fn cut_power(name: &str, cuts: usize, arguments: &[&str]) -> Result<Option<String>> {
    let mut random = seeded(name)?;
    let mut options = Net::options(name)?;
    options.proposer = false;
    options.replica = false;
    options.sequencer_arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let mut net = Net::start(options).await?;
    let miner = net.miner();
    let work = net.dir().join("powercut");
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    let mut disk = ForgetfulDisk::new(&sequencer.options.data_dir, &work)?;
    sequencer.options.environment = disk.environment();
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let chain_id = net.devnet.rollup.chain.chain_id;
    let accounts = (0..4).map(user).collect::<Result<_>>()?;
    let load = Load::start(net.devnet.sequencer()?.provider(), chain_id, accounts);
    let seen = Seen::default();
    let mut lost = None;
    for round in 0..cuts {
        let ws = net.devnet.sequencer()?.ws_url();
        let mut listener = soon("a subscription", async || Ok(Some(seen.listen(ws.clone()).await?))).await?;
        let told = seen.with(|heads| heads.told);
        soon("new blocks", async || {
            net.devnet.sequencer_mut()?.check_alive()?;
            Ok((seen.with(|heads| heads.told) >= told + LEAST_SEEN).then_some(()))
        })
        .await
        .with_context(|| format!("round {round}"))?;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
        let sequencer = net.devnet.sequencer_mut()?;
        sequencer.check_alive()?;
        sequencer.kill9()?;
        // What is on its way to the client counts; that the client then tries to connect again does not.
        let _ = tokio::time::timeout(DRAIN, &mut listener).await;
        listener.abort();
        let survival = if round % 2 == 0 { 0.0 } else { random.random_range(0.0..1.0) };
        let taken = disk.cut(survival, &mut random).with_context(|| format!("cut {round}"))?;
        eprintln!("{name}: cut {round}: {taken:?}");
        sequencer.start()?;
        sequencer.wait_ready().await?;
        let (highest, all) = seen.with(|heads| {
            (heads.hashes.last_key_value().map_or(0, |(number, _)| *number), heads.hashes.clone())
        });
        let sequencer = net.devnet.sequencer()?;
        soon("the blocks before the cut", async || {
            Ok((status(sequencer).await?.latest.number() >= highest).then_some(()))
        })
        .await
        .with_context(|| format!("round {round}"))?;
        for (number, hash) in all {
            let found = block(sequencer, number).await?;
            if found["hash"] != hash.to_string() {
                lost =
                    lost.or(Some(format!("round {round}: block {number} was {hash}, now {}", found["hash"])));
            }
        }
        if lost.is_some() {
            break;
        }
    }
    let included = load.stop().await?;
    for tx in &included {
        if lost.is_some() {
            break;
        }
        let found = receipt(net.devnet.sequencer()?, tx.hash).await?;
        if found.is_none_or(|found| found["blockHash"] != tx.block_hash.to_string()) {
            lost = Some(format!("the receipt of {} in block {}", tx.hash, tx.block));
        }
    }
    let lost = lost.or(seen.with(|heads| heads.conflict.take()));
    eprintln!(
        "{name}: {} blocks seen, {} receipts, lost: {lost:?}",
        seen.with(|heads| heads.hashes.len()),
        included.len()
    );
    ensure!(lost.is_some() || included.len() >= cuts, "only {} transactions", included.len());
    drop(miner);
    net.finish().await?;
    Ok(lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_has_after_a_power_cut_all_that_it_had_announced() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let cuts = std::env::var("POWER_CUTS").ok().map(|cuts| cuts.parse()).transpose()?.unwrap_or(CUTS);
    let lost = cut_power("powercut", cuts, &[]).await?;
    ensure!(lost.is_none(), "{lost:?}");
    Ok(())
}

/// What this shows is that the disk of these tests forgets.
#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_for_the_disk_announced_blocks_are_lost() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let lost = cut_power("powercut-process", CUTS, &["--durability", "process"]).await?;
    ensure!(lost.is_some(), "nothing was lost in {CUTS} power cuts");
    Ok(())
}
