//! L1 that makes no blocks for long, and beacon nodes that are away: what was confirmed meanwhile stays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bindings::IInbox::IInboxInstance;
use e2e::net::{Included, Load, Net, NodeStatus, soon, status, user};
use rollup::blobs::DaChoice;
use testnet::{DevnetOptions, Mining, Node};
use tokio::net::{TcpListener, TcpStream};

use crate::kill::check_all;

/// The force delay and the sequencer timeout, in seconds, and how long there is no L1 block: a twelfth, as an hour is of the
/// twelve of a main network. `OUTAGE_SECONDS=300` with a delay of an hour.
const DELAY: u64 = 300;
const OUTAGE: u64 = 25;

/// How long beacon nodes are away.
const BEACON_OUTAGE: Duration = Duration::from_secs(15);

/// A devnet whose L1 has a block each second.
fn options(name: &str, delay: u64) -> Result<DevnetOptions> {
    let mut options = Net::options(name)?;
    options.mining = Mining::Every(1);
    options.da = DaChoice::Blobs;
    options.proposer = false;
    options.deploy.chain.force_delay = delay;
    options.deploy.sequencer_timeout = delay;
    let arguments = "--l1-poll 50ms --heartbeat 500ms --batch-interval 2s";
    options.sequencer_arguments = arguments.split(' ').map(Into::into).collect();
    Ok(options)
}

fn load(net: &Net) -> Result<Load> {
    let accounts = (0..2).map(user).collect::<Result<_>>()?;
    let chain_id = net.devnet.rollup.chain.chain_id;
    Ok(Load::paced(net.devnet.sequencer()?.provider(), chain_id, accounts, Duration::from_millis(50)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_while_l1_makes_no_blocks_stays() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let outage = std::env::var("OUTAGE_SECONDS").map_or(Ok(OUTAGE), |seconds| seconds.parse())?;
    let net = Net::start(options("outage", DELAY.max(outage * DELAY / OUTAGE))?).await?;
    let load = load(&net)?;
    NodeStatus::wait_safe(net.devnet.sequencer()?, 5).await?;

    net.devnet.anvil.set_mining(Mining::Manual).await?;
    let before = (load.count(), status(net.devnet.sequencer()?).await?.latest.number());
    tokio::time::sleep(Duration::from_secs(outage)).await;
    let blocks = status(net.devnet.sequencer()?).await?.latest.number() - before.1;
    let confirmed = load.count() - before.0;
    eprintln!("outage: {confirmed} transactions in {blocks} blocks without L1");
    ensure!(blocks >= outage, "L2 stood still: {blocks} blocks in {outage} s");
    ensure!(confirmed as u64 >= 4 * outage, "only {confirmed} transactions were confirmed in {outage} s");
    net.devnet.anvil.set_mining(Mining::Every(1)).await?;

    soon("transfers after the outage", async || Ok((load.count() > before.0 + confirmed + 20).then_some(())))
        .await?;
    check(net, load.stop().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_while_beacon_nodes_are_away_stays() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut net = Net::start(options("beacon-outage", 3600)?).await?;
    let gate = Gate::open(net.devnet.anvil.url()).await?;
    through(net.devnet.sequencer_mut()?, &gate).await?;
    through(net.devnet.replica_mut()?, &gate).await?;
    let load = load(&net)?;
    let sequencer = net.devnet.sequencer()?;
    let head = status(sequencer).await?.latest.number();
    NodeStatus::wait_safe(sequencer, head + 5).await?;

    gate.is_open.store(false, Ordering::Relaxed);
    // What was read before is derived.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begin = status(sequencer).await?;
    let inbox = IInboxInstance::new(net.devnet.rollup.contracts.inbox, net.devnet.anvil.provider());
    let posted = inbox.lastBlock().call().await?;
    let count = load.count();
    tokio::time::sleep(BEACON_OUTAGE).await;
    let end = status(sequencer).await?;
    ensure!(end.safe == begin.safe, "{:?} was derived without beacon nodes", end.safe);
    ensure!(end.latest.number() > begin.latest.number() + 20, "L2 stood still");
    ensure!(load.count() > count + 20, "transactions were not confirmed");
    // The batcher goes on without its own derivation.
    let went_on = inbox.lastBlock().call().await?;
    ensure!(went_on > posted, "no batch was posted: the newest ends at {went_on}, {posted} before");
    gate.is_open.store(true, Ordering::Relaxed);
    NodeStatus::wait_safe(sequencer, end.latest.number()).await?;
    check(net, load.stop().await?).await
}

/// Starts a node again, for which the way to beacon nodes is the gate.
async fn through(node: &mut Node, gate: &Gate) -> Result<()> {
    node.stop().await?;
    node.options.l1_beacon = Some(gate.url.clone());
    node.start()?;
    node.wait_ready().await
}

/// All that was confirmed is in the same blocks on every node, one from L1 alone among them, and no batch was forced.
async fn check(net: Net, included: Vec<Included>) -> Result<()> {
    let sequencer = net.devnet.sequencer()?;
    let head = status(sequencer).await?.latest;
    let mut fresh = net.replica_from_l1("fresh").await?;
    check_all(&[sequencer, net.devnet.replica()?, &fresh], head, &included).await?;
    let inbox = IInboxInstance::new(net.devnet.rollup.contracts.inbox, net.devnet.anvil.provider());
    ensure!(inbox.lastForcedBatchAt().call().await? == 0, "a batch was forced");
    fresh.stop().await?;
    net.finish().await
}

/// A way to a server, that can be shut.
struct Gate {
    url: String,
    is_open: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Gate {
    async fn open(target: &str) -> Result<Self> {
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let is_open = Arc::new(AtomicBool::new(true));
        let open = is_open.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if open.load(Ordering::Relaxed) {
                    tokio::spawn(pass(client, target.clone(), open.clone()));
                }
            }
        });
        Ok(Self { url, is_open, task })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes bytes on in both directions, until the gate is shut.
async fn pass(mut client: TcpStream, target: String, open: Arc<AtomicBool>) {
    let shut = async {
        while open.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        // Either side may hang up.
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        () = shut => {}
    }
}
