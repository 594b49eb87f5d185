use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context, Result};
use testnet::{Key, Node, Process, Role};

use crate::{
    dispute::{Arena, Setting},
    faults::Proxy,
    net::user,
};

/// The nodes that are attacked and ended in a hostile hour.
pub(super) const VICTIMS: [&str; 2] = ["sequencer", "replica"];

/// Each side's clock in a dispute, in seconds: a lie is over within some three minutes.
const CLOCK: u64 = 60;
/// Time between L1 blocks.
const L1_BLOCK_TIME: Duration = Duration::from_secs(1);

/// The processes, each with its name. Dropping them ends them.
pub struct Parts {
    /// L1, the sequencer, which has no batcher's key, and the test's own view.
    pub arena: Arena,
    /// Batcher, proposer, and three replicas: with the feed and the sequencer to pass transactions on to, with nothing but
    /// L1, with the feed.
    pub nodes: Vec<Node>,
    /// The honest side.
    pub challenger: Process,
    /// Endpoints of L1 that can fail, in a hostile hour: one of two that `from-l1` has, and the only one of a fourth replica,
    /// `shaken`.
    pub proxies: Vec<Proxy>,
}

impl Parts {
    /// Starts all; with proxies, for a hostile hour, too.
    pub async fn start(hostile: bool) -> Result<Self> {
        let mut options = Arena::options("soak", Setting { clock: CLOCK, blocks: 0 })?;
        options.batcher = false;
        options.sequencer_arguments = words("--heartbeat 1s");
        let mut arena = Arena::paced(options, L1_BLOCK_TIME).await?;
        let roles = arena.net.devnet.options.roles.clone();
        let dir = arena.net.devnet.dir.clone();
        let key = |name: &str, key| Key::write(&dir.join("keys").join(name), key);
        let sequencer = arena.net.devnet.sequencer_mut()?;
        let (feed, http) = (sequencer.ws_url(), sequencer.http_url());
        let batcher = Role::Batcher { feed: feed.clone(), key: key("batcher.key", &roles.batcher)? };
        let proposer = Role::Proposer { key: key("proposer.key", &roles.proposer)? };
        let replica = |feed: Option<&String>, sequencer_rpc: Option<&String>| Role::Replica {
            feed: feed.cloned(),
            sequencer_rpc: sequencer_rpc.cloned(),
        };
        let mut nodes = Vec::new();
        let mut all = vec![
            ("batcher", batcher, "--batch-interval 5s"),
            ("proposer", proposer, "--propose-interval 60s"),
            ("replica", replica(Some(&feed), Some(&http)), ""),
            ("from-l1", replica(None, None), ""),
            ("fed", replica(Some(&feed), None), ""),
        ];
        let mut proxies = Vec::new();
        if hostile {
            all.push(("shaken", replica(Some(&feed), None), ""));
        }
        for (name, role, arguments) in all {
            let mut options = arena.net.devnet.node_options(name, role)?;
            options.extra = words(arguments);
            if hostile && (name == "from-l1" || name == "shaken") {
                let proxy = Proxy::seeded(&options.l1_rpc, proxies.len() as u64).await?;
                // Of two, the one that can fail is the first.
                let well = if name == "from-l1" { format!(",{}", options.l1_rpc) } else { String::new() };
                options.l1_rpc = format!("{}{well}", proxy.url());
                proxies.push(proxy);
            }
            let mut node = Node::spawn(options)?;
            node.wait_ready().await?;
            nodes.push(node);
        }
        let challenger = arena.challenger("challenger", &user(1)?, &[])?;
        Ok(Self { arena, nodes, challenger, proxies })
    }

    /// A node.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let node = self.all()?.into_iter().find(|node| node.options.name == name);
        node.with_context(|| format!("there is no {name}"))
    }

    /// A node, which may be the sequencer, to end and start it.
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        if name == "sequencer" {
            return self.arena.net.devnet.sequencer_mut();
        }
        let node = self.nodes.iter_mut().find(|node| node.options.name == name);
        node.with_context(|| format!("there is no {name}"))
    }

    /// All nodes, the sequencer first.
    pub fn all(&self) -> Result<Vec<&Node>> {
        Ok([self.arena.net.devnet.sequencer()?].into_iter().chain(&self.nodes).collect())
    }

    /// How many requests met each fault at the endpoints that can fail.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        let mut faults = BTreeMap::new();
        for (name, count) in self.proxies.iter().flat_map(Proxy::counts) {
            *faults.entry(name).or_default() += count;
        }
        faults
    }

    /// Names and process ids.
    pub fn ids(&mut self) -> Result<Vec<(String, u32)>> {
        let mut ids = vec![("anvil".into(), self.arena.net.devnet.anvil.process().id())];
        let sequencer = self.arena.net.devnet.sequencer_mut()?;
        for node in [sequencer].into_iter().chain(&mut self.nodes) {
            ids.push((node.options.name.clone(), node.process()?.id()));
        }
        ids.push(("challenger".into(), self.challenger.id()));
        Ok(ids)
    }

    /// An error, with the tail of its log, if one has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        self.arena.net.devnet.check_alive()?;
        self.nodes.iter_mut().try_for_each(Node::check_alive)?;
        self.challenger.check_alive()
    }

    /// Folder of the logs.
    pub fn logs(&self) -> std::path::PathBuf {
        self.dir().join("logs")
    }

    /// Folder of everything.
    pub fn dir(&self) -> &Path {
        &self.arena.net.devnet.dir
    }

    /// Ends all, and removes the folder if so asked.
    pub async fn end(mut self, remove: bool) -> Result<()> {
        drop(self.challenger);
        for node in &mut self.nodes {
            node.stop().await?;
        }
        // Otherwise what is dropped here ends its processes, too, and says where the logs are.
        if remove { self.arena.end().await } else { Ok(()) }
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(Into::into).collect()
}
