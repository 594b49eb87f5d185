use crate::{Nibbles, NodeError};
use alloy_primitives::{B256, Bytes};

/// Supplies nodes that the in-memory trie doesn't hold.
///
/// The trie checks that a node is well-formed, but does not hash it again: a source that doesn't trust its own
/// origin checks the hash when it takes nodes in, as [`Witness`](crate::Witness) does.
pub trait NodeSource {
    /// RLP of the node at `path` of trie `owner` (none: the account trie; a hashed address: that account's storage
    /// trie) whose keccak256 is `hash`. Path and owner are for sources that store nodes by place; `hash` suffices
    /// for those that store them by content.
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError>;

    /// The same with what the source knows of the node's inner children (see [`NodeSink::put_shaped`]): a bit that is
    /// not set says that this child, if there is one, is a leaf. A source that does not know says so with all bits set.
    fn shaped_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<(Bytes, u16), NodeError> {
        Ok((self.node(owner, path, hash)?, u16::MAX))
    }
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        (**self).node(owner, path, hash)
    }

    fn shaped_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<(Bytes, u16), NodeError> {
        (**self).shaped_node(owner, path, hash)
    }
}

/// No nodes at all: the source of tries that are built from nothing.
impl NodeSource for () {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        Err(NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash })
    }
}

/// Receives every node that a commit creates: those of 32 bytes or more, and the root.
///
/// There is no notice of nodes that a commit makes obsolete, and none is needed: a node is read only where its
/// parent, or the block's state root, names its hash, so a stale node at a path that nothing refers to any more is
/// never read. A database that stores nodes by path may leave it there, or prune it by age.
pub trait NodeSink {
    /// Takes the node at `path` of trie `owner`.
    fn put(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8]);

    /// The same, with the node's inner children: bit `i` is set if child `i` of a branch is not a leaf (or may be
    /// none, where the source did not know). Zero for a leaf, never zero for an extension.
    ///
    /// A node without inner children follows from the few keys and values below it ([`subtree`](crate::subtree)). A
    /// database that has those at hand need not store it, and four of five nodes are of that kind.
    fn put_shaped(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8], inner: u16) {
        let _ = inner;
        self.put(owner, path, hash, rlp);
    }

    /// Whether `put` does nothing, so that commits can spare it the work.
    fn discards(&self) -> bool {
        false
    }
}

/// Keeps nothing: for those who want the root only.
impl NodeSink for () {
    fn put(&mut self, _: Option<&B256>, _: &Nibbles, _: &B256, _: &[u8]) {}

    fn discards(&self) -> bool {
        true
    }
}

impl<S: NodeSink + ?Sized> NodeSink for &mut S {
    fn put(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8]) {
        (**self).put(owner, path, hash, rlp);
    }

    fn put_shaped(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8], inner: u16) {
        (**self).put_shaped(owner, path, hash, rlp, inner);
    }

    fn discards(&self) -> bool {
        (**self).discards()
    }
}
