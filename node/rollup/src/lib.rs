//! What it takes to know the rollup's chain, and to act on L1: all that a verifier needs, and nothing that only a
//! sequencer or a server does. A challenger links this crate and none of those above it.
//!
//! ```text
//! L1 ─▶ l1::Follower ─▶ chain::Chain (store, derive, execute) ─▶ db ─▶ readers
//!                          witness ◀── what one block's execution reads
//! ```
//!
//! - [`config`]: what `rollup.json` holds, and how it is compared with L1.
//! - [`l1`]: the endpoint, the follower of the inbox, and the transaction manager.
//! - [`chain`]: the only writer. Blocks, reorgs, heads.
//! - [`witness`], [`program`]: what the fault proof program reads to compute a block, and which file it is.
//! - [`inbox_rules`]: what the inbox would take, computed from what the chain has derived.
//! - [`interval`]: how a range is cut into the segments of a claim; proposer and challenger share it.
//! - [`signer`]: who signs for a role: a key of ours, or a signer elsewhere that has it.
//! - [`maintenance`]: housekeeping of the database.
//! - [`options`], [`manual`], [`files`], [`keys`], [`process`], [`shutdown`], [`tasks`], [`failures`], [`telemetry`]: what every
//!   process of ours has.
//!
//! Errors say what was expected and what was found. Nothing that L1, the disk or a key says makes the crate panic.
//!
//! ```no_run
//! # async fn run() -> anyhow::Result<()> {
//! use std::{path::Path, sync::Arc};
//! use rollup::{RollupConfig, chain::{Chain, ChainOptions}, l1::{Follower, FollowerOptions, reach}, shutdown};
//!
//! let config = Arc::new(RollupConfig::load(Path::new("rollup.json"))?);
//! let (_stop, mut shutdown) = shutdown::channel();
//! let Some(client) = reach(&["http://127.0.0.1:8545".into()], &config, None, &mut shutdown).await? else {
//!     return Ok(());
//! };
//! let chain = Chain::open(Path::new("data"), config, ChainOptions::default())?;
//! Follower::new(chain.clone(), client, FollowerOptions::default()).run(shutdown).await;
//! println!("safe head: {}", chain.heads().safe.number);
//! # Ok(())
//! # }
//! ```

pub mod blobs;
mod body;
pub mod chain;
pub mod config;
pub mod failures;
pub mod files;
pub mod inbox_rules;
pub mod interval;
pub mod keys;
pub mod l1;
pub mod maintenance;
pub mod manual;
pub mod options;
pub mod process;
pub mod program;
pub mod shutdown;
pub mod signer;
pub mod tasks;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod witness;
mod words;

pub use config::RollupConfig;
