//! Runs the public `ethereum/tests` suite over this project's own state: overlay, trie and database.
//!
//! The EVM is revm; what the suite tests here is everything under it. Every state test runs three times, by Ethereum's
//! own rules, and all three must come to the root that the test names:
//!
//! | run | state read from | root computed over |
//! |---|---|---|
//! | stored | the database's accounts, slots and codes | the database's trie nodes |
//! | recorded | the database's trie nodes, noting what is read | the same |
//! | witness | nothing but what the run before noted | the same |
//!
//! The stored run's changes are then written to the database as a block, read back, and taken away again. Trie tests
//! run in memory and over a store of nodes that is left and entered again after every step.
//!
//! [`Suite::blocks`] gives the state tests as blocks of a rollup, for the fault proof program.
//!
//! [`Suite::open`] takes a checkout or an archive, [`Suite::run`] gives a [`Report`].

mod blocks;
mod exceptions;
mod exclude;
mod format;
mod report;
mod rlp_tests;
mod state_tests;
mod store;
mod suite;
mod transaction_tests;
mod trie;

pub use blocks::{BlockCase, BlockReport};
pub use report::{Failure, Report};
pub use suite::{Folder, Suite};
