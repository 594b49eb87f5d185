//! The state-transition function (STF) of the rollup: what an L2 block is, given what stands in the L1 inbox.
//!
//! The node, the challenger and the fault proof program run this one `no_std` crate, so what is proven is the code
//! that ran. It touches no database, clock, socket or thread, and it is total: for every valid previous block and
//! every content of the inbox there is exactly one next block. Malformed input has a defined meaning (a default
//! block, an invalid transaction that is left out), never a crash. The one exception is a block under rules that this
//! code does not know ([`UnknownRules`]): what it is, a later version says.
//!
//! Data flows through it in one direction:
//!
//! ```text
//! inbox    packed headers and accumulators, as the L1 contract writes them
//!   └ codec    batch payload ⇄ block specs; blob: payload ⇄ field elements
//!       └ derive   spec + queue ⇒ the block's inputs: timestamp, messages, transactions
//!           └ block    inputs + previous state ⇒ header, receipts, state changes (op-revm)
//!               └ state    changes ⇒ state root, over any source of trie nodes
//!                   └ output   header ⇒ output root
//! ```
//!
//! Errors come in two kinds. What is wrong with *inputs from a chain* ends here, as an invalid transaction or a
//! default block. What is wrong with the *state source* (a missing trie node, a database failure) is returned: then
//! there is no result, as opposed to a different one.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod blake2;
pub mod blob;
pub mod block;
mod changes;
pub mod codec;
pub mod config;
pub mod derive;
pub mod evm;
mod extra_data;
pub mod fees;
pub mod inbox;
pub mod message;
pub mod output;
mod overlay;
pub mod predeploys;
pub mod rules;
pub mod run;
pub mod state;
pub mod transaction;

pub use block::{BlockBuilder, BlockError, ExecutedBlock};
pub use changes::{StateChanges, StorageChanges};
pub use codec::BlockSpec;
pub use config::{ChainConfig, ForkSchedule};
pub use derive::{BlockInputs, MessageSource};
pub use extra_data::ExtraData;
pub use fees::FeeParameters;
pub use inbox::{BatchHeader, Message, MessageHeader};
pub use output::output_root;
pub use overlay::{Overlay, Touched};
pub use rules::{Rules, UnknownRules};
pub use run::{BootInfo, PreimageOracle, run};
pub use state::{StateTrie, TrieState};
pub use transaction::{InvalidTransaction, Transaction};
