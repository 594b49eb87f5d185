//! End-to-end tests, and what they share: [`net`] is a rollup under test, made of real processes, [`conformance`] runs
//! Ethereum's public tests, [`proving`] makes blocks and their witnesses.

pub mod bench;
pub mod conformance;
pub mod net;
pub mod proving;
