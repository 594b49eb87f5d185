//! What happens to a rollup in a hostile hour: reorgs of L1, endpoints that fail, ends of processes.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Parts, Traffic, parts::VICTIMS, reorg::reorg, traffic::address};
use crate::{
    attacks::Bystander,
    faults::Chaos,
    memory::{memory, peak_memory},
    net::{seeded, status},
};

/// Seconds between reorgs.
const REORGS: std::ops::Range<u64> = 15..35;
/// Blocks that a reorg replaces at most.
const DEEPEST: u64 = 6;
/// When processes are ended, as parts of the time: in its first third, so that what memory does is seen after.
const KILLS: [(f64, &str); 3] = [(0.12, "sequencer"), (0.2, "replica"), (0.28, "sequencer")];
/// How long nobody is ended after a reorg: what a node that is ended had announced must be there again, and a reorg may change
/// it.
const CALM: Duration = Duration::from_secs(10);
/// How long after a node is back others may need to find it.
const RETURN: Duration = Duration::from_secs(15);
/// Time between a bystander's requests.
const BYSTANDER: Duration = Duration::from_millis(20);

/// How long others waited for `eth_blockNumber` within a minute.
#[derive(Clone, Debug)]
pub struct Waits {
    /// The node that was asked.
    pub node: &'static str,
    /// The time within which 99 of 100 requests were answered.
    pub p99: Duration,
    /// Requests.
    pub count: usize,
}

/// Makes it happen.
pub struct Storm {
    rng: StdRng,
    begun: Instant,
    length: Duration,
    next_reorg: Instant,
    last_reorg: Option<Instant>,
    kills: VecDeque<(Instant, &'static str)>,
    chaos: Vec<Chaos>,
    bystanders: BTreeMap<&'static str, Bystander>,
    /// Depths of the reorgs so far.
    pub reorgs: Vec<u64>,
    /// L1 transactions that were in replaced blocks.
    pub replaced: u64,
    /// Who was ended, and how long it took until it answered again.
    pub killed: Vec<(&'static str, Duration)>,
    /// What others waited, by minutes.
    pub waits: Vec<Waits>,
    /// The most memory that each process has had, in bytes.
    pub peaks: BTreeMap<String, u64>,
    /// The most of it that was each process's own, in the three thirds of the time, of looks every two seconds.
    pub own: BTreeMap<String, [u64; 3]>,
    /// What was not as it must be.
    pub wrong: Vec<String>,
}

impl Storm {
    /// Begins, for so long.
    pub async fn start(parts: &Parts, length: Duration) -> Result<Self> {
        let mut rng = seeded("soak")?;
        let begun = Instant::now();
        let kills = KILLS.map(|(part, name)| (begun + length.mul_f64(part), name));
        let seeds: Vec<u64> = parts.proxies.iter().map(|_| rng.random()).collect();
        let chaos = parts.proxies.iter().zip(seeds);
        let mut storm = Self {
            next_reorg: begun + Duration::from_secs(rng.random_range(REORGS)),
            chaos: chaos.map(|(proxy, seed)| Chaos::start(proxy, StdRng::seed_from_u64(seed))).collect(),
            rng,
            begun,
            length,
            last_reorg: None,
            kills: kills.into(),
            bystanders: BTreeMap::new(),
            reorgs: Vec::new(),
            replaced: 0,
            killed: Vec::new(),
            waits: Vec::new(),
            peaks: BTreeMap::new(),
            own: BTreeMap::new(),
            wrong: Vec::new(),
        };
        for node in VICTIMS {
            storm.watch(parts, node).await?;
        }
        Ok(storm)
    }

    /// Whether all that it was to do is done.
    pub fn is_done(&self) -> bool {
        self.kills.is_empty() && !self.reorgs.is_empty()
    }

    /// What 99 of 100 requests of others wait at most at a node, in the middle of all minutes.
    pub fn usual_wait(&self, node: &str) -> Option<Duration> {
        let mut all: Vec<_> = self.waits_at(node).map(|waits| waits.p99).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }

    /// What others waited at a node.
    pub fn waits_at(&self, node: &str) -> impl Iterator<Item = &Waits> {
        self.waits.iter().filter(move |waits| waits.node == node)
    }

    /// Does what it is time for.
    pub async fn step(&mut self, parts: &mut Parts, traffic: &Traffic) -> Result<()> {
        let now = Instant::now();
        let third = (now.duration_since(self.begun).as_secs_f64() / self.length.as_secs_f64() * 3.0) as usize;
        for (name, id) in parts.ids()? {
            let own = &mut self.own.entry(name).or_default()[third.min(2)];
            *own = (*own).max(memory(id, "RssAnon")?);
        }
        if let Some((_, name)) = self.kills.pop_front_if(|(at, _)| now >= *at) {
            if self.last_reorg.is_none_or(|last| last.elapsed() >= CALM) {
                return self.kill(parts, traffic, name).await.with_context(|| format!("{name} was ended"));
            }
            self.kills.push_front((now, name));
        } else if now >= self.next_reorg {
            let depth = self.rng.random_range(1..=DEEPEST);
            self.replaced += reorg(parts, traffic, depth, &mut self.rng).await.context("reorg of L1")?;
            self.reorgs.push(depth);
            self.last_reorg = Some(Instant::now());
            self.next_reorg = Instant::now() + Duration::from_secs(self.rng.random_range(REORGS));
        }
        Ok(())
    }

    /// Ends a node as a crash does, and starts it again: what it had announced must be there.
    async fn kill(&mut self, parts: &mut Parts, traffic: &Traffic, name: &'static str) -> Result<()> {
        self.rest(name).await;
        self.note_peaks(parts)?;
        let node = parts.node_mut(name)?;
        let announced = status(node).await?.latest;
        let begun = Instant::now();
        node.kill9()?;
        traffic.excuse(begun, RETURN);
        node.start()?;
        node.wait_ready().await?;
        traffic.excuse(begun, RETURN);
        self.killed.push((name, begun.elapsed()));
        if let Err(error) = announced.check_on(node).await {
            self.wrong.push(format!("what {name} had announced before it was ended is lost: {error:#}"));
        }
        self.watch(parts, name).await
    }

    /// Looks at memory, and at what others waited in the last minute.
    pub async fn minute(&mut self, parts: &mut Parts) -> Result<()> {
        self.note_peaks(parts)?;
        for node in VICTIMS {
            self.rest(node).await;
            self.watch(parts, node).await?;
        }
        Ok(())
    }

    async fn watch(&mut self, parts: &Parts, node: &'static str) -> Result<()> {
        let address = address(parts.node(node)?);
        self.bystanders.insert(node, Bystander::paced(address, BYSTANDER).await?);
        Ok(())
    }

    /// Ends a bystander, and keeps what it has seen.
    async fn rest(&mut self, node: &'static str) {
        let Some(bystander) = self.bystanders.remove(node) else { return };
        match bystander.stop().await {
            Ok((p99, count)) => self.waits.push(Waits { node, p99, count }),
            Err(error) => self.wrong.push(format!("a bystander at {node} got no answer: {error:#}")),
        }
    }

    fn note_peaks(&mut self, parts: &mut Parts) -> Result<()> {
        for (name, id) in parts.ids()? {
            let peak = self.peaks.entry(name).or_default();
            *peak = (*peak).max(peak_memory(id)?);
        }
        Ok(())
    }

    /// Ends what lasts: from here on nothing happens to the rollup.
    pub async fn end(&mut self, parts: &mut Parts) -> Result<()> {
        for chaos in self.chaos.drain(..) {
            chaos.end().await;
        }
        for node in VICTIMS {
            self.rest(node).await;
        }
        self.note_peaks(parts)
    }
}

/// A line: what there was so far, and what others waited in the last minute.
impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "        reorgs {} ended {}", self.reorgs.len(), self.killed.len())?;
        for node in VICTIMS {
            let peak = self.peaks.get(node).copied().unwrap_or_default() >> 20;
            write!(f, "  {node}: peak {peak} MB")?;
            if let Some(Waits { p99, count, .. }) = self.waits_at(node).last() {
                write!(f, ", p99 {p99:.1?} of {count}")?;
            }
        }
        Ok(())
    }
}
