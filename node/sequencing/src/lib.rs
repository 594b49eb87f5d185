//! What only those have who run the rollup: making unsafe blocks, handing them on, and posting them.
//!
//! ```text
//! rpc ─▶ pool ─▶ sequencer ─▶ rollup::chain ─▶ feed ─▶ replicas
//!                                    │
//!                                    ├─▶ batcher  ─▶ L1 inbox
//!                                    └─▶ proposer ─▶ L1 games
//! ```
//!
//! - [`pool`]: transactions that wait for a block.
//! - [`sequencer`]: the thread that makes blocks.
//! - [`announce`]: the log of what was announced, which outlives a power cut.
//! - [`feed`]: unsafe blocks, signed: server and client.
//! - [`batcher`], [`proposer`]: what goes to L1.
//! - [`limits`]: sizes that pool, sequencer and batcher share.

pub mod announce;
pub mod batcher;
pub mod feed;
pub mod limits;
pub mod pool;
pub mod proposer;
pub mod sequencer;
mod task;
pub mod telemetry;
