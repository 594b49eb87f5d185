//! End-to-end tests, and what they share: [`net`] is a rollup under test, made of real processes, [`conformance`] runs
//! Ethereum's public tests.

pub mod bench;
pub mod conformance;
pub mod net;
