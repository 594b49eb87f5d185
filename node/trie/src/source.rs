use crate::{Nibbles, NodeError};
use alloy_primitives::{B256, Bytes};

/// How much is below a node: one bit for each child of a branch. A bit may be set in error where a source did not know;
/// one that is not set is certain.
///
/// A [small](Self::is_small) node follows from the few keys and values below it ([`subtree`](crate::subtree)). A database
/// that has those at hand need not store it, and nearly all nodes are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Children that are not leaves.
    pub inner: u16,
    /// Children that have inner children themselves.
    pub deep: u16,
}

impl Shape {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { inner: u16::MAX, deep: u16::MAX };
    /// A leaf.
    pub const LEAF: Self = Self { inner: 0, deep: 0 };

    /// Whether at most two branches lie one below the other from this node on: 256 leaves at most.
    pub const fn is_small(&self) -> bool {
        self.deep == 0
    }
}

/// Supplies nodes that the in-memory trie doesn't hold.
///
/// The trie checks that a node is well-formed, but does not hash it again: a source that doesn't trust its own
/// origin checks the hash when it takes nodes in, as [`Witness`](crate::Witness) does.
pub trait NodeSource {
    /// RLP of the node at `path` of trie `owner` (none: the account trie; a hashed address: that account's storage
    /// trie) whose keccak256 is `hash`. Path and owner are for sources that store nodes by place; `hash` suffices
    /// for those that store them by content.
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError>;

    /// The same with what the source knows of the node's [`Shape`].
    fn shaped_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<(Bytes, Shape), NodeError> {
        Ok((self.node(owner, path, hash)?, Shape::UNKNOWN))
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
    ) -> Result<(Bytes, Shape), NodeError> {
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

    /// The same, with the node's shape.
    fn put_shaped(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8], shape: Shape) {
        let _ = shape;
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

    fn put_shaped(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8], shape: Shape) {
        (**self).put_shaped(owner, path, hash, rlp, shape);
    }

    fn discards(&self) -> bool {
        (**self).discards()
    }
}
