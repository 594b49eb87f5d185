//! The rollup node's processes, put together from their parts.
//!
//! ```text
//! follow     L1 ─▶ rollup::l1::Follower ─▶ rollup::chain ─▶ db ─▶ rpc
//! sequence   rpc ─▶ sequencing::pool ─▶ sequencing::sequencer ─▶ rollup::chain ─▶ feed, batcher ─▶ L1
//! propose    db ─▶ sequencing::proposer ─▶ L1
//! ```
//!
//! - [`cli`]: the command line.
//! - `fees`: what users paid for L1 data, beside what it cost.
//! - [`run`]: which parts a command starts, and how they end.

pub mod cli;
mod fees;
pub mod run;
