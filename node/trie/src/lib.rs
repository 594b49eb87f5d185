//! Merkle-Patricia tries for the node and for the fault proof program.
//!
//! The crate owns Ethereum's trie: how state is hashed into a root, how a root is proven against, and how little of a
//! state must be at hand to do so. The same code runs in the node, over a database, and in the fault proof program, over a
//! witness; that both come to the same root from the same changes is what makes a dispute decidable.
//!
//! # Data flow
//!
//! - A [`Trie`] starts from a root hash. Operations load the nodes on their keys' paths from a [`NodeSource`] and keep
//!   them in memory. [`Trie::apply`] makes a block's changes; [`Trie::commit`] hashes what changed, gives the new nodes
//!   to a [`NodeSink`] and returns the new root. [`Trie::evict`] bounds what stays in memory.
//! - A [`Recorder`] around the node's database notes what it serves. Its [`Witness`] is a `NodeSource` too: the same
//!   operations over it give the same results, and nothing else is needed.
//! - [`Trie::proof`] and [`verify_proof`] are the two ends of `eth_getProof`. [`ordered_root`] hashes lists:
//!   transactions, receipts; [`keccak256_batch`] hashes many things fast. [`Account`] and the storage functions encode what the state tries map to.
//!
//! - [`subtree`] is a node made from the keys and values below it: a database that has those need not store the lowest
//!   nodes, which are most of them.
//!
//! Nodes are stored without deletions. A node that a change makes obsolete needs no record: reads start from a root
//! and go from a parent's hash to the child, so what no parent names is not read again.
//!
//! # Errors
//!
//! [`TrieError::Node`] means that a node is missing, [`TrieError::Malformed`] that its bytes are not a canonical
//! node: with nodes checked by hash against an honest root, that cannot happen, and with others it is an error, never
//! a panic. A single operation that fails changes nothing; a failed `apply` says what it leaves.
//!
//! # Example
//!
//! ```
//! use alloy_primitives::{Bytes, keccak256};
//! use trie::{Recorder, Trie, Witness, verify_proof};
//!
//! // Build a trie, and keep its nodes.
//! struct Nodes(Witness);
//! impl trie::NodeSink for Nodes {
//!     fn put(
//!         &mut self,
//!         _: Option<&alloy_primitives::B256>,
//!         _: &trie::Nibbles,
//!         _: &alloy_primitives::B256,
//!         rlp: &[u8],
//!     ) {
//!         self.0.insert(Bytes::copy_from_slice(rlp));
//!     }
//! }
//! let mut nodes = Nodes(Witness::new());
//! let mut trie = Trie::empty();
//! let keys: Vec<_> = (0..100u8).map(|i| keccak256([i])).collect();
//! for key in &keys {
//!     trie.insert(&(), None, &key[..], b"a value that is long enough not to be inlined")?;
//! }
//! let root = trie.commit(None, &mut nodes);
//!
//! // Change it elsewhere, noting what that takes.
//! let database = Recorder::new(&nodes.0);
//! let mut trie = Trie::from_root(root);
//! trie.insert(&database, None, &keys[7][..], b"another value")?;
//! let next = trie.commit(None, &mut ());
//! let proof = trie.proof(&database, None, &keys[7][..])?;
//! assert_eq!(verify_proof(next, &keys[7][..], &proof)?.as_deref(), Some(&b"another value"[..]));
//!
//! // The witness has the few nodes on the key's path, and they suffice.
//! let witness = database.into_witness();
//! assert!(witness.len() <= 4);
//! let mut trie = Trie::from_root(root);
//! trie.insert(&witness, None, &keys[7][..], b"another value")?;
//! assert_eq!(trie.commit(None, &mut ()), next);
//! # Ok::<(), trie::TrieError>(())
//! ```

#![cfg_attr(not(any(test, feature = "std")), no_std)]

extern crate alloc;

mod account;
mod commit;
mod edit;
mod error;
mod node;
mod ordered;
mod path;
mod proof;
mod rlp;
mod source;
mod subtree;
mod trie;
mod witness;

pub use account::{Account, StorageValue, ValueError, decode_storage, encode_storage};
pub use alloy_trie::Nibbles;
pub use error::{NodeError, TrieError};
pub use keccak_lanes::keccak256_batch;
pub use ordered::ordered_root;
pub use proof::verify_proof;
pub use source::{NodeSink, NodeSource, Shape};
pub use subtree::{Subtree, subtree};
pub use trie::Trie;
pub use witness::{Recorder, Witness};

use alloy_primitives::{B256, b256};

/// Root of the trie that maps no key: keccak256 of the empty string's RLP.
pub const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

#[cfg(test)]
mod tests;
