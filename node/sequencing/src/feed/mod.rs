//! The feed: the sequencer's unsafe blocks, signed, for nodes that do not want to wait for L1.
//!
//! ```text
//! sequencer: announce::log ──▶ recourse_feedBlocks, recourse_subscribeFeed          (server)
//! replica:   verify ──▶ Chain::import_unsafe, which executes and compares           (client)
//! ```
//!
//! The signature, by the key that L1's `SystemConfig` names ([`signers`] follows it), says whose word it is; execution says whether the block is
//! what it claims to be; L1 decides in the end. A node works without the feed, and nothing that comes from it can do
//! more than cost the node a connection.

mod client;
mod evidence;
mod message;
mod server;
pub mod signers;

pub use client::{Client, FeedStatus};
pub use evidence::Evidence;
pub use message::{FeedError, Meaning, SIGNATURE_SIZE, decode, encode, open, sign, unsigned};
pub use server::{FeedServer, ListenError, listen, module};
pub use signers::Signers;

/// Most blocks that one request is answered with.
pub const MAX_BLOCKS: u64 = 128;

/// Most bytes of blocks that one request is answered with, but for a single block that is larger.
const MAX_ANSWER: usize = 512 << 10;

#[cfg(test)]
mod tests;
