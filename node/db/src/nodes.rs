use alloy_primitives::B256;
use trie::{Nibbles, NodeSink, Shape};

use crate::{Table, table::TableKey};

/// Length of a node's shape in its record.
const SHAPE: usize = 4;

/// Splits a node's record into shape and RLP.
pub(crate) fn split_node(record: &[u8]) -> Option<(Shape, &[u8])> {
    let ([a, b, c, d], rlp) = record.split_first_chunk::<SHAPE>()?;
    Some((Shape { inner: u16::from_be_bytes([*a, *b]), deep: u16::from_be_bytes([*c, *d]) }, rlp))
}

/// Collects the nodes that a trie commits, in one allocation, for [`BlockRecord`](crate::BlockRecord).
#[derive(Clone, Debug, Default)]
pub struct NodeBuffer {
    /// Key, shape and RLP of each node.
    arena: Vec<u8>,
    account: Vec<Entry>,
    storage: Vec<Entry>,
}

/// A node in the arena.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first bytes of the key, which decide most comparisons.
    prefix: u64,
    start: usize,
    key_len: u32,
    node_len: u32,
}

impl NodeBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the nodes and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.account.clear();
        self.storage.clear();
    }

    /// How many nodes were collected.
    pub fn len(&self) -> usize {
        self.account.len() + self.storage.len()
    }

    /// Whether no node was collected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the node at `path` of the account trie or of `owner`'s storage trie. A small one is left out:
    /// [`StateAt`](crate::StateAt) makes it from the accounts or slots below it.
    pub fn push(&mut self, owner: Option<&B256>, path: &Nibbles, rlp: &[u8], shape: Shape) {
        if shape.is_small() {
            return;
        }
        let key = TableKey::node(owner, path);
        let key = key.as_slice();
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(&shape.inner.to_be_bytes());
        self.arena.extend_from_slice(&shape.deep.to_be_bytes());
        self.arena.extend_from_slice(rlp);
        let mut prefix = [0; 8];
        let len = key.len().min(8);
        prefix[..len].copy_from_slice(&key[..len]);
        let entry = Entry {
            prefix: u64::from_be_bytes(prefix),
            start,
            key_len: key.len() as u32,
            node_len: (SHAPE + rlp.len()) as u32,
        };
        if owner.is_some() { self.storage.push(entry) } else { self.account.push(entry) }
    }

    /// Keys, and records without versions, in the order of keys.
    pub(crate) fn sorted(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut entries =
            if table == Table::StorageNodes { self.storage.clone() } else { self.account.clone() };
        entries.sort_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| self.key(a).cmp(self.key(b))));
        entries.into_iter().map(|entry| {
            let node = entry.start + entry.key_len as usize;
            (self.key(&entry), &self.arena[node..node + entry.node_len as usize])
        })
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.arena[entry.start..entry.start + entry.key_len as usize]
    }
}

impl NodeSink for NodeBuffer {
    fn put(&mut self, owner: Option<&B256>, path: &Nibbles, _: &B256, rlp: &[u8]) {
        self.push(owner, path, rlp, Shape::UNKNOWN);
    }

    fn put_shaped(&mut self, owner: Option<&B256>, path: &Nibbles, _: &B256, rlp: &[u8], shape: Shape) {
        self.push(owner, path, rlp, shape);
    }
}
