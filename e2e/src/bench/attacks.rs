//! Hostile requests, all at once: the most memory that the node takes, and how long another client waits for a block number.

use std::net::SocketAddr;

use anyhow::Result;
use futures::future::join_all;

use super::{Goal, Row};
use crate::{
    attacks::{self, Bystander, Idlers},
    memory::peak_memory,
    net::Net,
};

/// Megabytes that a node may take, whatever is asked of it.
const MEMORY: f64 = 1024.0;
/// Milliseconds within which 99 of 100 of another client's requests must be answered.
const WAIT: f64 = 50.0;

/// Runs every attack against the sequencer of a devnet.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    progress("attacks: devnet");
    let mut net = Net::start(Net::options("bench-attacks")?).await?;
    let node = SocketAddr::from(([127, 0, 0, 1], net.devnet.sequencer()?.options.port));
    let quiet = Bystander::start(node).await?;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let (alone, _) = quiet.stop().await?;
    progress("attacks");
    let idlers = Idlers::open(node, 32, 32).await?;
    let bystander = Bystander::start(node).await?;
    let all = attacks::attacks();
    join_all(all.iter().map(|attack| attacks::run_whatever(node, attack))).await;
    let (p99, count) = bystander.stop().await?;
    let process = net.devnet.sequencer_mut()?.process()?.id();
    let memory = peak_memory(process)? as f64 / f64::from(1 << 20);
    drop(idlers);
    net.finish().await?;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    Ok(vec![
        Row::new(
            "memory of a node under hostile requests, peak",
            memory,
            "MB",
            "limit",
            MEMORY,
            Goal::AtMostPeer,
        ),
        Row::new(
            format!("eth_blockNumber of another client meanwhile, p99 of {count}"),
            ms(p99),
            "ms",
            "limit",
            WAIT,
            Goal::AtMostPeer,
        ),
        Row::new("… without them", ms(alone), "ms", "limit", WAIT, Goal::Shown),
    ])
}
