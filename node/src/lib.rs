//! The rollup node.

pub mod batcher;
pub mod chain;
pub mod config;
pub mod interval;
pub mod l1;
pub mod pool;
pub mod proposer;
pub mod rpc;
pub mod shutdown;

pub use config::RollupConfig;
