//! The rollup node: follows the inbox on L1, keeps the L2 chain, serves JSON-RPC, and may sequence, post batches and
//! propose.
//!
//! Data flows one way through it:
//!
//! ```text
//! follow     L1 ─ l1::Follower ─▶ chain (store, derive, execute) ─▶ db ─▶ rpc
//! sequence   rpc ─▶ pool ─▶ sequencer ─▶ chain ─▶ db, feed ─▶ batcher ─▶ L1
//! propose    db ─▶ proposer ─▶ L1
//! ```
//!
//! - [`chain`]: the only writer. Blocks, reorgs, heads.
//! - [`l1`]: the follower, and the transaction manager that batcher and proposer (and a challenger) share.
//! - [`pool`], [`sequencer`], [`feed`]: unsafe blocks, made and handed on.
//! - [`batcher`], [`proposer`]: what goes to L1.
//! - [`witness`], [`program`]: what the fraud-proof program reads to compute a block, and where it lies.
//! - [`rpc`]: JSON-RPC; it never writes.
//! - [`bridge`]: a user's deposits and withdrawals; a client, apart from all else.
//! - [`run`], [`cli`]: putting a process together.

pub mod batcher;
pub mod bridge;
pub mod chain;
pub mod cli;
pub mod config;
pub mod feed;
pub mod interval;
pub mod keys;
pub mod l1;
pub mod maintenance;
pub mod pool;
pub mod program;
pub mod proposer;
pub mod rpc;
pub mod run;
pub mod sequencer;
pub mod shutdown;
#[cfg(test)]
mod testing;
pub mod witness;

pub use config::RollupConfig;
