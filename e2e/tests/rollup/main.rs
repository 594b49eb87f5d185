//! A whole rollup on a real L1: what its processes do together, and when they are killed, cut off, or lied to.

mod devnet;
mod disk;
mod errors;
mod forced;
mod garbage;
mod kill;
mod metrics;
mod posting;
mod powercut;
mod reorg;
mod replica;
mod rotation;
mod rules;
mod start;
