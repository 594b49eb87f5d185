//! Hashing what has changed, from the leaves up.
//!
//! The changed nodes are lifted out of the trie into a list, level by level. Then each level, the lowest first, is
//! hashed as one batch, and its nodes are put back below their parents. Nodes of a level don't depend on each other,
//! which is what wide registers and threads need; walking node by node would leave them nothing to share.

use crate::{
    EMPTY_ROOT, Nibbles, NodeSink, Trie,
    node::{INLINE_LIMIT, Ref, TrieNode},
    rlp::EMPTY_STRING,
};
use alloc::vec::Vec;
use alloy_primitives::B256;
use keccak_lanes::keccak256_batch;

impl Trie {
    /// Hashes every node that has changed, emits the new nodes to the sink, and returns the root hash.
    ///
    /// Nodes come level by level, the lowest first and each in order of their paths, so children come before
    /// parents. The empty trie has no node to emit.
    pub fn commit(&mut self, owner: Option<&B256>, sink: &mut impl NodeSink) -> B256 {
        if let Some(hash) = self.hash {
            return hash;
        }
        let hash = match self.root.take() {
            None => EMPTY_ROOT,
            Some(root) => {
                // Should the sink panic, the trie must not be taken for an empty one: no node has this hash.
                self.hash = Some(B256::ZERO);
                let (root, hash) = commit_nodes(root, owner, sink);
                self.root = root;
                hash
            }
        };
        self.hash = Some(hash);
        hash
    }
}

/// A changed node, lifted out of the trie.
struct Lifted {
    /// `None` once it is put back.
    node: Option<TrieNode>,
    /// Where in the list the parent is; the root has none.
    parent: usize,
    /// Which child of a branch it is.
    slot: u8,
}

/// The changed nodes of a trie, parents before children.
struct Lift<'a, S> {
    owner: Option<&'a B256>,
    sink: &'a mut S,
    list: Vec<Lifted>,
    /// The nodes' paths, unless the sink discards them.
    paths: Vec<Nibbles>,
    /// Where in the list each level starts.
    levels: Vec<usize>,
}

pub(crate) fn commit_nodes(
    root: TrieNode,
    owner: Option<&B256>,
    sink: &mut impl NodeSink,
) -> (Option<TrieNode>, B256) {
    let mut lift = Lift { owner, sink, list: Vec::with_capacity(64), paths: Vec::new(), levels: Vec::new() };
    lift.list.push(Lifted { node: Some(root), parent: 0, slot: 0 });
    if !lift.sink.discards() {
        lift.paths.push(Nibbles::new());
    }
    let mut start = 0;
    while start < lift.list.len() {
        lift.levels.push(start);
        let end = lift.list.len();
        (start..end).for_each(|parent| lift.children(parent));
        start = end;
    }
    let mut hash = B256::ZERO;
    while let Some(start) = lift.levels.pop() {
        hash = lift.put_back(start);
    }
    (lift.list.pop().and_then(|root| root.node), hash)
}

impl<S: NodeSink> Lift<'_, S> {
    /// Lifts the changed children of a node in the list.
    fn children(&mut self, parent: usize) {
        let first = self.list.len();
        // Out of the list for a moment, so that its children can be appended.
        let mut node = self.list[parent].node.take();
        match &mut node {
            Some(TrieNode::Branch(branch)) => {
                let mut left = branch.stale;
                while left != 0 {
                    let slot = left.trailing_zeros() as u8;
                    left &= left - 1;
                    match branch.kids[usize::from(slot)].take() {
                        None => branch.set_slot(slot.into(), &[EMPTY_STRING]),
                        kid => self.list.push(Lifted { node: kid, parent, slot }),
                    }
                }
            }
            Some(TrieNode::Ext(ext)) if ext.stale => {
                self.list.push(Lifted { node: ext.kid.take(), parent, slot: 0 });
            }
            _ => {}
        }
        if let Some(path) = self.paths.get(parent).copied() {
            for child in &self.list[first..] {
                let mut path = path;
                match &node {
                    Some(TrieNode::Ext(ext)) => {
                        let run = ext.path();
                        (0..run.len()).for_each(|i| path.push(run.at(i)));
                    }
                    _ => path.push(child.slot),
                }
                self.paths.push(path);
            }
        }
        self.list[parent].node = node;
    }

    /// Hashes the level that starts at `start` and ends the list, emits its nodes, and puts them below their
    /// parents. The root stays in the list. Returns the hash of the level's first node if it is the root.
    fn put_back(&mut self, start: usize) -> B256 {
        let (above, level) = self.list.split_at_mut(start);
        for lifted in &mut *level {
            if let Some(TrieNode::Branch(branch)) = &mut lifted.node {
                branch.seal();
            }
        }
        // The root is hashed however short it is.
        let hashed = |rlp: &[u8]| rlp.len() >= INLINE_LIMIT || start == 0;
        let mut messages = Vec::with_capacity(level.len());
        messages.extend(
            level.iter().flat_map(|lifted| &lifted.node).map(TrieNode::rlp).filter(|rlp| hashed(rlp)),
        );
        let hashes = keccak256_batch(&messages);
        let mut next_hash = hashes.iter();

        for (i, lifted) in level.iter_mut().enumerate() {
            let Some(node) = &lifted.node else { continue };
            let rlp = node.rlp();
            let reference = match if hashed(rlp) { next_hash.next() } else { None } {
                Some(hash) => {
                    if let Some(path) = self.paths.get(start + i) {
                        self.sink.put_shaped(self.owner, path, hash, rlp, node.shape());
                    }
                    Ref::hash(hash)
                }
                None => Ref::inline(rlp),
            };
            let Some(parent) = above.get_mut(lifted.parent) else {
                continue;
            };
            match &mut parent.node {
                Some(TrieNode::Branch(branch)) => {
                    let slot = usize::from(lifted.slot);
                    branch.set_slot(slot, reference.as_slice());
                    branch.set_shape(slot, matches!(node, TrieNode::Leaf(_)), node.shape());
                    branch.kids[slot] = lifted.node.take();
                }
                Some(TrieNode::Ext(ext)) => {
                    ext.set_reference(reference.as_slice());
                    ext.kid = lifted.node.take();
                }
                _ => {}
            }
        }
        if start > 0 {
            self.list.truncate(start);
        }
        hashes.first().copied().unwrap_or_default()
    }
}
