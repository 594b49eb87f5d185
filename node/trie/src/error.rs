use crate::Nibbles;
use alloc::string::String;
use alloy_primitives::B256;

/// Why a [`NodeSource`](crate::NodeSource) did not supply a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The source does not hold the node. From a witness: the witness is too small for what is being done.
    /// From a database: the state at this height is pruned, or the database is damaged.
    #[error("node {hash} at {path:?} of trie {owner:?} is missing")]
    Missing {
        /// The hashed address of the storage trie's account, or none for the account trie.
        owner: Option<B256>,
        /// Where in the trie the node stands.
        path: Nibbles,
        /// The node's keccak256.
        hash: B256,
    },
    /// The source itself failed, for example the database behind it.
    #[error("node source failed: {0}")]
    Other(String),
}

/// Why a trie operation failed. No error changes the mapping that the trie holds, except where a method says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// A node on the way could not be loaded. The operation may be repeated when it can.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The bytes of a node are not the canonical encoding of a trie node that may stand at this place.
    #[error("malformed node at {path:?}: {reason}")]
    Malformed {
        /// Where in the trie the node stands.
        path: Nibbles,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A leaf does not hold what the caller stores in this trie, an account or a storage value.
    #[error(transparent)]
    Value(#[from] crate::ValueError),
    /// Keys have at most 32 bytes.
    #[error("key of {len} bytes, at most 32 are possible")]
    KeyTooLong {
        /// The key's length in bytes.
        len: usize,
    },
    /// The trie cannot map a key to nothing: use `remove`.
    #[error("empty value inserted")]
    EmptyValue,
    /// The operation reads node hashes, but the trie has changes that are not committed.
    #[error("trie has uncommitted changes")]
    Uncommitted,
    /// A node of a proof does not have the hash by which its parent (or the root) refers to it.
    #[error("proof node {index} hashes to {found}, expected {expected}")]
    ProofMismatch {
        /// Position in the proof.
        index: usize,
        /// The hash that the parent, or the caller for the root, names.
        expected: B256,
        /// The hash of the bytes given.
        found: B256,
    },
    /// A proof has nodes after the one that decides.
    #[error("proof has {given} nodes, {used} decide")]
    ProofTooLong {
        /// Nodes that lead to the answer.
        used: usize,
        /// Nodes given.
        given: usize,
    },
    /// A proof ends before the key's value or absence is decided.
    #[error("proof ends after {given} nodes, before {expected}")]
    ProofTooShort {
        /// Nodes given.
        given: usize,
        /// The hash of the next node needed.
        expected: B256,
    },
}
