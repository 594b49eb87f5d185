//! Runs the public `ethereum/tests` suite over this project's own state (overlay, trie and database) and decoders.
//!
//! The EVM is revm; what the suite tests here is everything under it, and that revm has a fork's rules. Every state test runs three times, by Ethereum's
//! own rules, and all three must come to the root that the test names:
//!
//! | run | state read from | root computed over |
//! |---|---|---|
//! | stored | the database's accounts, slots and codes | the database's trie nodes |
//! | recorded | the database's trie nodes, noting what is read | the same |
//! | witness | nothing but what the run before noted | the same |
//!
//! The stored run's changes are then written to the database as a block, read back, and taken away again. Trie tests
//! run in memory and over a store of nodes that is left and entered again after every step. Transaction tests go through
//! what decodes and recovers a block's transactions, and through the checks before execution, by each fork's rules and by
//! the rollup's. RLP tests go through every decoder of RLP that reads what others send.
//!
//! Cases that do not apply here are on a list, each by itself; one that passes, or is not there, is a failure. The newest
//! forks are not in `ethereum/tests` but in releases of `ethereum/execution-spec-tests`, whose folders are read, too.
//!
//! [`Suite::blocks`] gives the state tests as blocks of a rollup, for the fault proof program.
//!
//! [`Suite::open`] takes a checkout or an archive, [`Suite::run`] gives a [`Report`].

mod blocks;
mod exceptions;
mod exclude;
mod folder;
mod format;
mod report;
mod rlp_tests;
mod state_tests;
mod store;
mod suite;
mod transaction_tests;
mod trie;

pub use blocks::{BlockCase, BlockReport};
pub use folder::Folder;
pub use report::{Failure, Report};
pub use suite::{Suite, unpack};
