//! The node's database: L2 state at every retained height, blocks, receipts, and what was read from L1.
//!
//! The crate owns all tables and their layouts, and is the only user of the database engine (libmdbx: a memory-mapped
//! B+ tree with one writer and any number of readers, each on its own snapshot).
//!
//! # Data flow
//!
//! - [`Database::open`] opens the folder of one chain, [`Identity`], for one process.
//! - [`Database::write`] begins the [`Writer`]. The chain appends blocks to it with everything that they did
//!   ([`BlockRecord`]: state changes from `stf`, trie nodes from `trie` collected in a [`NodeBuffer`], receipts), the L1
//!   follower adds messages and batches; a reorg truncates. Then [`Writer::commit`], or drop to leave no trace.
//! - [`Database::read`] begins a [`Reader`]. All reads are methods of [`Tx`], so they work on both.
//! - [`Tx::state_at`] gives the state after any retained block as [`StateAt`], which is a `trie::NodeSource`, too.
//!
//! ```
//! # use db::*;
//! # fn main() -> Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let identity = Identity { l1_chain_id: 1, l2_chain_id: 2, genesis_hash: Default::default(), config_hash: Default::default() };
//! let database = Database::open(dir.path(), &identity, &Options::default())?;
//! let mut writer = database.write()?;
//! let block = L1BlockRecord { hash: [1; 32].into(), parent: [0; 32].into(), timestamp: 12 };
//! writer.put_l1_block(7, &block)?;
//! writer.set_l1_cursor(L1Cursor { number: 7, hash: block.hash })?;
//! writer.commit()?;
//! assert_eq!(database.read()?.l1_block(7)?, Some(block));
//! # Ok(())
//! # }
//! ```
//!
//! # Versions
//!
//! Accounts, slots and trie nodes are stored by place, and each table of them holds the newest version of every key
//! only. So the tables stay dense, reading the newest state is one look-up, and a block dirties few pages. When a
//! block replaces a version, the old one moves to `History`, under the block that replaced it: each block appends its
//! own runs there, some dozens of replaced records in each. That one table serves
//!
//! - old state: a version names the blocks of the write that made it and of a few earlier ones, chosen so that the
//!   version at any height is found in about log2 of the key's versions steps,
//! - reorgs: the last block's runs, put back, undo the block,
//! - pruning: the first runs are dropped, nothing else is touched.
//!
//! Transactions, receipts and lookups of old blocks can be pruned as well ([`Writer::prune_blocks`]). Headers stay.
//!
//! # Trie nodes
//!
//! Small nodes are not stored: leaves, and branches with at most one more branch between them and their leaves
//! (`trie::Shape`). They are nearly all of a trie, and nearly all that a block changes. They are made from the accounts or
//! slots below them when somebody asks: a handful, 256 at most (`trie::subtree`). A stored node counts only if it has the
//! hash that was asked for, so a node that becomes small needs no notice, and a damaged one is found.
//!
//! # Tables
//!
//! Numbers are big-endian, u64 where nothing else is said; `len` and `count` take four bytes; `varint` has seven bits a
//! byte, the lowest first. A `version` is index (varint: versions of the key before) ‖ block (varint) ‖ for each one
//! bit of the index: how many blocks before the last named the write was (varint) whose index comes from clearing
//! the lowest bit.
//!
//! | table | key | value |
//! |---|---|---|
//! | Meta | name | `schema` u32 · `identity` l1 chain id ‖ l2 chain id ‖ genesis hash ‖ config hash · `safe`, `finalized`, `oldest-state`, `oldest-block` number · `log-run` next id · `l1-cursor` number ‖ hash |
//! | Accounts | address hash | version ‖ flags(1: nonce length, 0x10 has code, 0x20 has storage) ‖ nonce ‖ \[code hash\] ‖ \[storage root\] ‖ balance, numbers without leading zeros; nothing after the version: deleted |
//! | Storage | address hash ‖ slot hash | version ‖ value without leading zeros |
//! | AccountNodes | path, a byte per nibble ‖ 0x10 | version ‖ shape(4: inner u16, deep u16) ‖ RLP |
//! | StorageNodes | address hash ‖ path, a byte per nibble ‖ 0x10 | version ‖ shape(4: inner u16, deep u16) ‖ RLP |
//! | Codes | code hash | code |
//! | History | number ‖ table(1: 1 to 5 for those above) ‖ first key | each: bytes that the key shares with the one before(1) ‖ how many follow(1) ‖ these ‖ flags(1: 1 there was no record, 2 the block deleted it) ‖ length (varint) ‖ the record replaced |
//! | Headers | number | hash ‖ header RLP |
//! | HeaderNumbers | hash | number |
//! | Bodies | number | count ‖ each: sender(20) ‖ len ‖ EIP-2718 transaction |
//! | Receipts | number | count ‖ each: type(1) ‖ flags(1: 1 success, 2 nonce, 4 version, 8 L1 fee) ‖ cumulative gas ‖ gas ‖ \[deposit nonce\] ‖ \[deposit version\] ‖ \[L1 fee u128 ‖ L1 gas\] ‖ count ‖ logs: address ‖ topic count(1) ‖ topics ‖ len ‖ data |
//! | TxLookup | transaction hash | number ‖ index u32 |
//! | DepositAlias | hash that clients compute | transaction hash |
//! | L1Blocks | L1 number | hash ‖ parent hash ‖ timestamp |
//! | Messages | index | L1 number ‖ acc after ‖ header(182) ‖ has alias(1) ‖ \[client hash ‖ transaction hash\] ‖ data |
//! | Batches | index | acc after ‖ header(122) ‖ L1 number ‖ L1 hash ‖ L1 transaction hash ‖ first block ‖ last block ‖ data (payload, or blobs) |
//! | BatchByBlock | last block | index ‖ first block |
//! | LogRuns | 0 ‖ first block | id ‖ last block ‖ last block's hash ‖ level(1: 0x80 it has parties) ‖ bytes of its records |
//! | LogRuns | 1 ‖ id | nothing: the run does not count (any more), its records are to be deleted |
//! | LogIndex | id ‖ key(6) ‖ block, of its first piece | each piece: key(6) ‖ length (varint) ‖ intervals of blocks (`logs/pieces.rs`) |
//!
//! The unsafe head is the last header. Genesis writes no history: it replaces nothing and never goes.
//!
//! # Logs
//!
//! [`LogIndexer`] makes an index of logs, and of senders and recipients of transactions, behind the head, [`Tx::search_logs`]
//! reads it. It may be missing, wholly or from any
//! block on, as in a database that an earlier version wrote: then it is made. What it says is where a log may be; that it is
//! there is for the receipts to say ([`Tx::logs_where`]).
//!
//! # What a kill leaves
//!
//! Pages in use are never overwritten, and a commit makes all of a transaction's pages count in one step. So a process
//! that is killed at any instant, `kill -9` included, leaves the last commit, whole: nothing committed is lost, and
//! nothing of an open transaction shows. A power cut is different, because commits do not wait for the disk unless
//! [`Durability::Disk`] is asked for: it takes the database back to the last [`Database::sync`], whole as well. A node
//! then fetches again what it lost.
//!
//! # A full disk
//!
//! Opening needs room for what the engine maps and writes to ([`Error::NoSpace`]). Later, a write for which there is no room
//! fails as a whole ([`Error::DiskFull`]) and what was committed can be read on. [`Database::measure_room`] tells before. After an error that is
//! [fatal](Error::is_fatal), a process should end.
//!
//! # Errors
//!
//! [`Error`] says what was expected and what was found. Bytes that do not decode are [`Error::Corrupt`], never a panic.
//! After an error from a write, drop the writer: part of the write may be in it.

mod append;
mod chain;
mod codec;
mod database;
mod engine;
mod error;
mod folder;
mod handles;
mod history;
mod inbox;
mod logs;
mod meta;
mod nodes;
mod prune;
mod ranges;
mod raw;
mod room;
mod state_at;
mod table;
mod tx;
mod types;
mod version;

pub use database::{Database, Durability, Identity, Options};
pub use error::{Error, Result};
pub use logs::{LogIndexer, LogQuery, LogStretch};
pub use nodes::NodeBuffer;
pub use state_at::StateAt;
pub use table::Table;
pub use tx::{ReadOnly, ReadWrite, Reader, Records, Tx, TxMode, Writer};
pub use types::{
    BATCH_HEADER, BatchRecord, BlockRecord, DepositAlias, L1BlockRecord, L1Cursor, L1Fee, MESSAGE_HEADER,
    MessageRecord, StoredLog, StoredReceipt, StoredTransaction, TxLocation,
};

#[cfg(test)]
mod tests;
