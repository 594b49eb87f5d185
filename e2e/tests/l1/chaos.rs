//! A rollup whose every part sees L1 through an endpoint that fails, each in its own way, at random.
//!
//! `SEED=…` repeats a run's faults, `FAULT_SECONDS=…` has them last longer.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, U256};
use anyhow::{Context, Result, anyhow, ensure};
use e2e::{
    dispute::{Arena, Divergence, Lie, Plot, Setting, narrowed},
    faults::{Chaos, Proxy},
    net::{
        Deposited, Included, Load, UserDeposit, batches, block, receipt, seeded, soon, status, until, user,
    },
};
use fraud_prover::game::{Game, Status as GameStatus};
use rand::{Rng, SeedableRng, rngs::StdRng};
use testnet::{Node, Process, Role};

/// How long faults last, unless `FAULT_SECONDS` says otherwise.
const SECONDS: u64 = 60;
/// Time between lies.
const LIE_INTERVAL: Duration = Duration::from_secs(60);
/// Each side's clock, in seconds of L1's time, which runs five times as fast as ours here: the honest side has twenty
/// minutes, however the dice fall. Clocks are run out at the end.
const CLOCK: u64 = 6_000;
/// How long anything may take once the faults are over. A client that has waited long may wait half a minute for its next
/// attempt.
const RECOVERY: Duration = Duration::from_secs(180);
/// Kinds of faults that the parts must have met together, of some twenty-five: otherwise the test shows little.
const KINDS: usize = 12;

/// The parts that see L1 through a proxy.
struct Parts {
    sequencer: Node,
    replica: Node,
    challenger: Process,
}

impl Parts {
    fn check_alive(&mut self) -> Result<()> {
        self.sequencer.check_alive()?;
        self.replica.check_alive()?;
        self.challenger.check_alive()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollup_lives_with_endpoints_that_fail_at_random() -> Result<()> {
    let mut rng = seeded("faults")?;
    let seconds = match env::var("FAULT_SECONDS") {
        Ok(text) => text.parse().context("FAULT_SECONDS is not a number")?,
        Err(_) => SECONDS,
    };
    let mut options = Arena::options("faults", Setting { clock: CLOCK, blocks: 0 })?;
    options.sequencer = false;
    options.proposer = true;
    let mut arena = Arena::with(options).await?;
    let mut proxies = BTreeMap::new();
    for name in ["sequencer", "replica", "challenger"] {
        proxies.insert(name, Proxy::seeded(arena.net.devnet.anvil.url(), rng.random()).await?);
    }
    let mut parts = start(&arena, &proxies).await?;
    let chain_id = arena.net.devnet.rollup.chain.chain_id;
    let l2 = parts.sequencer.provider();
    let load = Load::paced(l2, chain_id, vec![user(2)?, user(3)?], Duration::from_millis(50));
    wait_safe(&parts.sequencer, 20).await?;
    soon("the observer has them", async || Ok((arena.newest() >= 20).then_some(()))).await?;

    // Meanwhile, L1 is changed by what has its own endpoint: users, and a liar.
    let chaos: Vec<Chaos> =
        proxies.values().map(|proxy| Chaos::start(proxy, StdRng::seed_from_u64(rng.random()))).collect();
    let begun = Instant::now();
    let before = arena.net.poster()?.next_block().await?;
    let plots: Arc<Mutex<BTreeMap<u64, (Lie, Divergence)>>> = Arc::default();
    let rival = arena.rival("liar", user(6)?, Plot::Growing(plots.clone()))?;
    let (mut lies, mut deposits) = (Vec::new(), Vec::new());
    while begun.elapsed() < Duration::from_secs(seconds) {
        parts.check_alive()?;
        check_safe_heads(&arena, &parts).await?;
        let deposit = UserDeposit::ether(Address::random(), U256::from(1_000));
        deposits.push(deposit.send(&arena.net.devnet, &user(4)?).await?);
        if begun.elapsed() >= LIE_INTERVAL * lies.len() as u32 {
            let target = arena.newest();
            let plot = (Lie::WrongReceipt { block: rng.random_range(1..=target) }, Divergence::Share(300));
            plots.lock().map_err(|error| anyhow!("{error}"))?.insert(target, plot);
            let liar = arena.liar(plot)?;
            lies.push(arena.propose(&user(5)?, &liar, target).await?);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for chaos in chaos {
        chaos.end().await;
    }
    report(&proxies)?;
    let after = arena.net.poster()?.next_block().await?;
    ensure!(after > before, "no batch was posted in {seconds} s, the inbox waits for block {after}");

    let included = load.stop().await?;
    ensure!(included.len() > 100, "only {} transfers were included", included.len());
    check_chain(&arena, &parts, &included, &deposits).await?;
    parts.check_alive()?;
    let honest = user(1)?.address();
    let players = [honest];
    // All before the first clock runs out: L1 has one time for all games.
    for game in &lies {
        let done = |game: &Game| narrowed(game, &players);
        arena.wait(*game, "the lie is disputed to its end", RECOVERY, done).await?;
    }
    for game in lies {
        let end = arena.finish(game, &players).await?;
        let beaten = matches!(end.root().status, GameStatus::Refuted | GameStatus::BondDistributed);
        ensure!(beaten, "the lie has won: {:#?}", arena.sketch(game).await?);
        let mut own = end.claims.iter().filter(|claim| claim.claimant == honest);
        ensure!(
            own.all(|claim| claim.status == GameStatus::Upheld),
            "an honest claim fell: {:#?}",
            arena.sketch(game).await?
        );
    }
    parts.check_alive()?;
    no_panics(&arena.net.devnet.dir.join("logs"))?;
    rival.end().await?;
    parts.sequencer.stop().await?;
    parts.replica.stop().await?;
    drop(parts);
    arena.end().await
}

async fn start(arena: &Arena, proxies: &BTreeMap<&str, Proxy>) -> Result<Parts> {
    let devnet = &arena.net.devnet;
    let mut options = devnet.node_options("sequencer", devnet.sequencer_role()?)?;
    options.extra.clone_from(&devnet.options.sequencer_arguments);
    options.l1_rpc = proxies["sequencer"].url().into();
    let mut sequencer = Node::spawn(options)?;
    sequencer.wait_ready().await?;
    let role = Role::Replica { feed: Some(sequencer.ws_url()), sequencer_rpc: Some(sequencer.http_url()) };
    let mut options = devnet.node_options("replica", role)?;
    options.extra.clone_from(&devnet.options.replica_arguments);
    options.l1_rpc = proxies["replica"].url().into();
    let mut replica = Node::spawn(options)?;
    replica.wait_ready().await?;
    let challenger = arena.challenger_at("challenger", &user(1)?, proxies["challenger"].url(), &[])?;
    Ok(Parts { sequencer, replica, challenger })
}

/// What the parts have met.
fn report(proxies: &BTreeMap<&str, Proxy>) -> Result<()> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, proxy) in proxies {
        eprintln!("{name}: {} requests, {:?}", proxy.requests(), proxy.counts());
        for (kind, count) in proxy.counts() {
            *kinds.entry(kind).or_default() += count;
        }
    }
    ensure!(kinds.len() >= KINDS, "only these faults were met: {kinds:?}");
    Ok(())
}

/// What a part takes for safe is what an L1 that works says, also while its own endpoint says something else.
async fn check_safe_heads(arena: &Arena, parts: &Parts) -> Result<()> {
    for node in [&parts.sequencer, &parts.replica] {
        let safe = status(node).await?.safe;
        let known = arena.observer.chain.heads().safe.number;
        // The test's own view may be a moment behind.
        if safe.number() <= known {
            let expected = arena.observer.chain.db().read()?.block_hash(safe.number())?;
            let name = &node.options.name;
            ensure!(
                expected == Some(safe.hash),
                "{name} has {} as the safe block {}, L1 has {expected:?}",
                safe.hash,
                safe.number()
            );
        }
    }
    Ok(())
}

async fn wait_safe(node: &Node, number: u64) -> Result<()> {
    until(&format!("safe block {number} on {}", node.options.name), RECOVERY, async || {
        let safe = status(node).await?.safe.number();
        ensure!(safe >= number, "safe is {safe}");
        Ok(Some(()))
    })
    .await
}

/// All that was announced is on L1, and sequencer and replica have the same of it.
async fn check_chain(arena: &Arena, parts: &Parts, included: &[Included], deposits: &[B256]) -> Result<()> {
    let Parts { sequencer, replica, .. } = parts;
    let devnet = &arena.net.devnet;
    let mut wanted = Vec::new();
    for hash in deposits {
        let receipt =
            until("L1 has the deposit", RECOVERY, async || Ok(devnet.anvil.receipt(*hash).await.ok()));
        wanted.push(Deposited::from_receipt(&receipt.await?)?.client_hash);
    }
    for hash in &wanted {
        until("the deposit is on L2", RECOVERY, async || receipt(sequencer, *hash).await).await?;
    }
    let head = status(sequencer).await?.latest;
    wait_safe(sequencer, head.number()).await?;
    wait_safe(replica, head.number()).await?;
    for node in [sequencer, replica] {
        head.check_on(node).await?;
        for hash in &wanted {
            let name = &node.options.name;
            ensure!(receipt(node, *hash).await?.is_some(), "{name} lacks the deposit {hash}");
        }
        for one in included {
            let name = &node.options.name;
            let found = receipt(node, one.hash).await?;
            let found = found.with_context(|| format!("{name} lacks the transfer {}", one.hash))?;
            let hash: B256 = serde_json::from_value(found["blockHash"].clone())?;
            ensure!(hash == one.block_hash, "{name} has {} in block {hash}, not as announced", one.hash);
            let on_chain = block(node, one.block).await?;
            ensure!(on_chain["hash"] == serde_json::json!(one.block_hash), "block {} is another", one.block);
        }
    }
    let posted = batches(devnet.anvil.provider(), devnet).await?;
    let last = posted.last().context("no batch")?.header.last_block();
    ensure!(last >= head.number() && posted.len() > 5, "{} batches up to {last}", posted.len());
    Ok(())
}

/// A panic in a task ends no process, so the logs have to tell.
fn no_panics(logs: &Path) -> Result<()> {
    for entry in fs::read_dir(logs)? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let panic = text.lines().find(|line| line.contains("panicked at"));
        ensure!(panic.is_none(), "{}: {}", path.display(), panic.unwrap_or_default());
    }
    Ok(())
}
