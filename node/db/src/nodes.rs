use alloy_primitives::B256;
use trie::{Nibbles, NodeSink};

use crate::{Table, table::Key};

/// Collects the nodes that a trie commits, in one allocation, for [`BlockRecord`](crate::BlockRecord).
#[derive(Clone, Debug, Default)]
pub struct NodeBuffer {
    /// Key and RLP of each node.
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
    rlp_len: u32,
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

    /// Adds the node at `path` of the account trie or of `owner`'s storage trie.
    pub fn push(&mut self, owner: Option<&B256>, path: &Nibbles, rlp: &[u8]) {
        let key = Key::node(owner, path);
        let key = key.as_slice();
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(rlp);
        let mut prefix = [0; 8];
        let len = key.len().min(8);
        prefix[..len].copy_from_slice(&key[..len]);
        let entry = Entry {
            prefix: u64::from_be_bytes(prefix),
            start,
            key_len: key.len() as u32,
            rlp_len: rlp.len() as u32,
        };
        if owner.is_some() { self.storage.push(entry) } else { self.account.push(entry) }
    }

    /// Keys without versions, and RLP, in the order of keys.
    pub(crate) fn sorted(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut entries =
            if table == Table::StorageNodes { self.storage.clone() } else { self.account.clone() };
        entries.sort_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| self.key(a).cmp(self.key(b))));
        entries.into_iter().map(|entry| {
            let rlp = entry.start + entry.key_len as usize;
            (self.key(&entry), &self.arena[rlp..rlp + entry.rlp_len as usize])
        })
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.arena[entry.start..entry.start + entry.key_len as usize]
    }
}

impl NodeSink for NodeBuffer {
    fn put(&mut self, owner: Option<&B256>, path: &Nibbles, _: &B256, rlp: &[u8]) {
        self.push(owner, path, rlp);
    }
}
