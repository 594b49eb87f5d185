//! The page: what the challenger knows, for people to look at.
//!
//! ```text
//! watch ─▶ Seen ─┐
//! chain, truth ──┼─▶ source ─▶ overview · blocks · batches · certainty · games · steps · search ─▶ server ─▶ people
//! L1 ────────────┘
//! ```
//!
//! - `server`: limits, headers, and which request is answered by what; `connections`: how many there are; `taken`: answers that
//!   nobody takes.
//! - `source`: what all answers are made of.
//! - `live`: the overview and the newest disputes, computed once for all who look.
//! - `confirmations`: what the sequencer has confirmed, as far as a node tells.
//! - `rpc`: the node's methods that read, by JSON-RPC; `nodes`: who answers them; `heads`: being told of another node's blocks.
//! - `assets`: the page itself, which was built into this program.
//!
//! Nothing here changes anything, on L1 or in the chain. `page/API.md` has the requests.

mod activity;
mod assets;
mod batches;
mod blocks;
mod bridged;
mod certainty;
mod confirmations;
mod connections;
mod costs;
mod error;
mod explanation;
mod games;
mod heads;
mod live;
mod nodes;
mod outside;
mod overview;
mod paging;
mod remembered;
mod rpc;
mod search;
mod server;
mod source;
mod statements;
mod steps;
mod symbols;
mod taken;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

pub use ::rpc::Names;

use ::rpc::{LocalRpc, RpcContext};
use alloy::{
    network::AnyNetwork,
    primitives::B256,
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, Result};
use bridge::Session;
use rollup::{chain::Chain, l1::L1Client, shutdown::Shutdown};
use sequencing::feed::{Signers, signers};
use tokio::sync::watch;

use crate::{replica::Replica, truth::Provers};

pub(crate) use source::Seen;
use source::{PageContext, Source};

const TARGET: &str = "challenger::page";

/// The node's methods that answers are made of.
const NAMESPACES: &str = "eth,debug,ots";

/// Most bytes that they hold together while they answer: the challenger's own work goes on beside them.
const MEMORY: usize = 64 << 20;

/// Where the page is served, and whom it asks.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// The address. Port 0 takes a free one.
    pub address: SocketAddr,
    /// The names by which it may be asked for, besides `localhost` and addresses: those of a proxy in front of it.
    pub hosts: Names,
    /// A node that is asked for the newest block, which may not be on L1 yet. Nothing else is taken from it.
    pub l2_rpc: Option<String>,
}

/// Serves the page until shutdown, and says where. `programs` are the fault proof programs' files, by their roots.
pub(crate) async fn start(
    options: &PageOptions,
    replica: &Replica,
    provers: Arc<dyn Provers>,
    programs: Vec<(B256, PathBuf)>,
    seen: watch::Receiver<Option<Seen>>,
    shutdown: Shutdown,
) -> Result<SocketAddr> {
    let newest = options.l2_rpc.as_deref().map(nodes::other).transpose()?;
    let config = replica.chain.config().clone();
    let session = session(&replica.chain, &replica.client, replica, &shutdown)?;
    let (named, signers) = watch::channel(Signers::default());
    let system_config = config.contracts.system_config;
    let (client, l1) = (replica.client.clone(), replica.status.clone());
    tokio::spawn(signers::follow(client, system_config, l1, named, shutdown.clone()));
    let source = Source::new(PageContext {
        config,
        chain: replica.chain.clone(),
        client: replica.client.clone(),
        l1: replica.status.clone(),
        provers,
        programs,
        seen,
        session: Arc::new(session),
        signers,
        newest,
    });
    let served = server::serve(options.address, options.hosts.clone(), source, shutdown).await;
    served.with_context(|| format!("the page cannot be served on {}", options.address))
}

/// Both chains: L1, and the one that the replica derives, whose methods are called within this process.
fn session(chain: &Chain, client: &L1Client, replica: &Replica, shutdown: &Shutdown) -> Result<Session> {
    let namespaces = NAMESPACES.parse().map_err(anyhow::Error::msg)?;
    let context = RpcContext {
        chain: chain.clone(),
        pool: None,
        forward: None,
        feed: None,
        l1: replica.status.clone(),
        followed_feed: None,
        signers: Vec::new(),
    };
    let own = LocalRpc::new(&namespaces, MEMORY, context, shutdown)?;
    let builder = ProviderBuilder::new_with_network::<AnyNetwork>();
    let l2 = builder.connect_client(nodes::own(own)).erased();
    let builder = ProviderBuilder::new_with_network::<AnyNetwork>();
    let l1 = builder.connect_client(client.rpc().clone()).erased();
    Ok(Session::reading((**chain.config()).clone(), l1, l2))
}
