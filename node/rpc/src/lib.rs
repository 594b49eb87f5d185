//! JSON-RPC: what wallets, libraries and explorers talk to.
//!
//! ```text
//! server      listeners, each with HTTP and WebSocket on one port
//!   ├ front       names, origins, health, compression
//!   ├ http        messages over HTTP; those over WebSocket are jsonrpsee's
//!   ├ connection  what a client has sent and not taken
//!   └ requests    budgets, batches worked on concurrently, times; local: the same without a server
//!     └ methods     the list of all methods, with their parameters
//!       └ blocks · transactions · accounts · calls · logs · filters · fees · debug · parity · state_ranges · txpool · rollup ·
//!         optimism · otterscan · …
//!           └ context     snapshots of the chain, block tags, turns for work
//!               ├ recent      the newest blocks in memory
//!               ├ tracers     what traces show of a call
//!               ├ evm, meter  calls on any retained state, and what they hold
//!               └ budget      bytes and time of a request, a batch, an address, all
//! ```
//!
//! Nothing here writes to the chain. Transactions go to the pool; a replica, which has none, passes them to the
//! sequencer and remembers those that it took until they are in a block here.
//!
//! # Rules
//!
//! - The newest block is `latest` and `pending`: a transaction is in a block milliseconds after it came, so there is no
//!   block in the making to show. Pending nonces count what waits in the pool.
//! - What does not exist is `null` for a getter and an error for a state. Errors are geth's, in code and text, because
//!   clients match on them; internal ones say nothing of the machine, which the log does ([`RpcError`]).
//! - What takes more than some microseconds runs off the network's threads, as much at a time as there are processors;
//!   what takes long waits for turns of its own.
//! - Whatever a request makes large is taken from its budget before it is there, or soon after: no request takes more than
//!   its share, one address no more than half of what there is, and all together no more than the node can bear.
//! - A search of several blocks has limits, and its refusal names a range that is answered. One block is always
//!   answered, with all its logs and receipts: nothing that fits into a block can stop those who read them. A block that
//!   this node does not have yet is not passed over in silence.
//! - A replica's pool is what was sent through it, as long as the sequencer has it and no block here does.
//! - A deposit answers to two hashes: its own, and the one that OP Stack clients compute from its L1 event.

mod accounts;
mod answer;
mod args;
mod block;
mod block_follower;
mod blocks;
mod budget;
mod by_nonce;
mod call_frames;
mod call_many;
mod call_state;
mod calls;
mod capabilities;
mod conditional;
mod connection;
mod context;
mod debug;
mod error;
mod evm;
mod execution_witness;
mod fees;
mod fill;
mod filters;
mod fork_config;
mod forward;
mod front;
mod halts;
mod handling;
mod http;
mod instructions;
mod known;
mod listener;
mod local;
mod log_filter;
mod log_json;
mod logs;
mod meter;
mod method;
mod methods;
mod openrpc;
mod optimism;
mod otterscan;
mod overrides;
mod parity;
mod peers;
mod places;
mod preimages;
mod progress;
mod recent;
mod replay;
mod requests;
mod rollup;
mod roots;
mod sent;
mod server;
mod simulate;
mod state_ranges;
mod subscriptions;
mod syncing;
pub mod telemetry;
mod tool;
mod touches;
mod tracers;
mod transaction;
mod transactions;
mod transfers;
mod txpool;
mod waiting;
mod work;

use jsonrpsee::Methods;
use tokio::sync::watch;

pub use connection::Stall;
pub use error::RpcError;
pub use listener::{Listener, Names, Namespaces, RpcConfig};
pub use local::LocalRpc;
pub use server::{RpcHandle, ServeError, methods, serve};

use ::rollup::{chain::Chain, l1::L1Status, signer::Signer};
use sequencing::{feed::FeedStatus, pool::Pool};

/// What to serve.
#[derive(Debug)]
pub struct RpcContext {
    /// The chain.
    pub chain: Chain,
    /// The sequencer's pool; a replica has none.
    pub pool: Option<Pool>,
    /// The sequencer's RPC, to which a replica passes transactions on.
    pub forward: Option<String>,
    /// The sequencer's feed, to be served on the same port.
    pub feed: Option<Methods>,
    /// How far L1 is followed.
    pub l1: watch::Receiver<L1Status>,
    /// How far the sequencer's feed is followed, by a node that does.
    pub followed_feed: Option<watch::Receiver<FeedStatus>>,
    /// Who signs for the node's roles.
    pub signers: Vec<Signer>,
}
