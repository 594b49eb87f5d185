//! A whole rollup on a real L1: what its processes do together, and when they are killed, cut off, or lied to.

mod backlog;
mod devnet;
mod disk;
mod errors;
mod fees;
mod forced;
mod garbage;
mod in_flight;
mod kill;
mod metrics;
mod outage;
mod overload;
mod posting;
mod powercut;
mod reorg;
mod replica;
mod rotation;
mod rules;
mod signers;
mod start;

/// Whoever holds it is the only one: a rollup has a dozen processes, and how soon they do something is part of what is tested.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
