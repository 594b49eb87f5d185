//! The rollup node.

pub mod chain;
pub mod config;
pub mod l1;
pub mod shutdown;

pub use config::RollupConfig;
