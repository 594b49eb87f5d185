use crate::{Nibbles, NodeError, NodeSource, Shape};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256, map::HashMap};
use core::{
    cell::RefCell,
    hash::{BuildHasherDefault, Hasher},
};

/// A set of trie nodes by hash: all that a computation over a state reads of it.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    nodes: HashMap<B256, Bytes, BuildHasherDefault<DigestHasher>>,
}

impl Witness {
    /// A witness without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node under the hash that it really has.
    pub fn insert(&mut self, rlp: Bytes) {
        self.nodes.insert(keccak256(&rlp), rlp);
    }

    /// Adds a node whose hash the caller vouches for, for example because it came from a preimage oracle that
    /// checks it.
    pub fn insert_trusted(&mut self, hash: B256, rlp: Bytes) {
        self.nodes.insert(hash, rlp);
    }

    /// The node with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Bytes> {
        self.nodes.get(hash)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes in order of their hashes, so that a witness has one encoding.
    pub fn into_sorted(self) -> Vec<(B256, Bytes)> {
        let mut nodes: Vec<_> = self.nodes.into_iter().collect();
        nodes.sort_unstable_by_key(|(hash, _)| *hash);
        nodes
    }
}

/// Hashes each node.
impl FromIterator<Bytes> for Witness {
    fn from_iter<I: IntoIterator<Item = Bytes>>(nodes: I) -> Self {
        let mut witness = Self::new();
        witness.extend(nodes);
        witness
    }
}

/// Hashes each node.
impl Extend<Bytes> for Witness {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, nodes: I) {
        nodes.into_iter().for_each(|rlp| self.insert(rlp));
    }
}

impl NodeSource for Witness {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        match self.nodes.get(hash) {
            Some(rlp) => Ok(rlp.clone()),
            None => Err(NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash }),
        }
    }
}

/// Passes nodes on from a source, and keeps those that it served: the witness of whatever is computed over it.
#[derive(Debug, Default)]
pub struct Recorder<S> {
    source: S,
    served: RefCell<Witness>,
}

impl<S> Recorder<S> {
    /// Records what `source` serves.
    pub fn new(source: S) -> Self {
        Self { source, served: RefCell::default() }
    }

    /// The source behind.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The nodes served.
    pub fn into_witness(self) -> Witness {
        self.served.into_inner()
    }
}

impl<S: NodeSource> NodeSource for Recorder<S> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let rlp = self.source.node(owner, path, hash)?;
        self.served.borrow_mut().insert_trusted(*hash, rlp.clone());
        Ok(rlp)
    }

    fn shaped_node(
        &self,
        owner: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<(Bytes, Shape), NodeError> {
        let (rlp, shape) = self.source.shaped_node(owner, path, hash)?;
        self.served.borrow_mut().insert_trusted(*hash, rlp.clone());
        Ok((rlp, shape))
    }
}

/// Takes eight bytes of a digest, which is as random as a hash can be, as its hash.
#[derive(Clone, Debug, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*head);
        }
    }

    // A slice's length comes before its bytes; digests are all of one length.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
