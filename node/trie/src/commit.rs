//! Hashing what has changed, from the leaves up.

use crate::{
    EMPTY_ROOT, NodeSink, Trie,
    node::{Branch, INLINE_LIMIT, Node, Ref},
    path::PathBuf,
};
use alloy_primitives::{B256, keccak256};

/// From this many changes on, the root's subtrees are hashed in parallel. A change costs about a microsecond of
/// hashing; handing work to the pool costs tens of microseconds, more when its threads sleep. So below a few hundred
/// changes the pool's share would show.
#[cfg(feature = "std")]
const PARALLEL_CHANGES: usize = 512;

impl Trie {
    /// Hashes every node that has changed, bottom up, emits the new nodes to the sink, children before parents and
    /// in order of their paths, and returns the root hash. The empty trie has no node to emit.
    pub fn commit(&mut self, owner: Option<&B256>, sink: &mut impl NodeSink) -> B256 {
        if let Some(hash) = self.hash {
            return hash;
        }
        let hash = match &mut self.root {
            None => EMPTY_ROOT,
            Some(root) => {
                #[cfg(feature = "std")]
                if self.changes >= PARALLEL_CHANGES {
                    commit_kids_in_parallel(root, owner, sink);
                }
                let mut path = PathBuf::new();
                let reference = Walk {
                    owner,
                    path: &mut path,
                    sink,
                }
                .commit(root);
                match crate::node::hash_in(reference.as_slice()) {
                    Some(hash) => hash,
                    None => {
                        // The root is referred to by hash however short it is.
                        let hash = keccak256(root.rlp());
                        sink.put(owner, &path.to_nibbles(), &hash, root.rlp());
                        hash
                    }
                }
            }
        };
        self.hash = Some(hash);
        self.changes = 0;
        hash
    }
}

/// A commit on its way through a trie.
struct Walk<'a, S> {
    owner: Option<&'a B256>,
    path: &'a mut PathBuf,
    sink: &'a mut S,
}

impl<S: NodeSink> Walk<'_, S> {
    /// Commits a changed node and all that has changed below it; returns its reference.
    fn commit(&mut self, node: &mut Node) -> Ref {
        match node {
            Node::Leaf(_) => {}
            Node::Ext(ext) => {
                if ext.stale
                    && let Some(mut kid) = ext.kid.take()
                {
                    let above = self.path.len();
                    self.path.extend(ext.path());
                    let reference = self.commit(&mut kid);
                    self.path.truncate(above);
                    ext.kid = Some(kid);
                    ext.set_reference(reference.as_slice());
                }
            }
            Node::Branch(branch) => self.commit_kids(branch),
        }
        let rlp = node.rlp();
        if rlp.len() < INLINE_LIMIT {
            return Ref::inline(rlp);
        }
        let hash = keccak256(rlp);
        if !self.sink.discards() {
            self.sink.put(self.owner, &self.path.to_nibbles(), &hash, rlp);
        }
        Ref::hash(&hash)
    }

    fn commit_kids(&mut self, branch: &mut Branch) {
        if branch.stale == 0 {
            return;
        }
        let mut left = branch.stale;
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            match &mut branch.kids[i] {
                Some(kid) => {
                    let above = self.path.len();
                    self.path.push(i as u8);
                    let reference = self.commit(kid);
                    self.path.truncate(above);
                    branch.set_slot(i, reference.as_slice());
                }
                None => branch.set_slot(i, &[crate::rlp::EMPTY_STRING]),
            }
        }
        branch.seal();
    }
}

/// Commits the changed children of a branch at the root on the thread pool. Each writes its nodes to a log of its
/// own; the logs are replayed in order, so the sink sees what it would see otherwise.
#[cfg(feature = "std")]
fn commit_kids_in_parallel(root: &mut Node, owner: Option<&B256>, sink: &mut impl NodeSink) {
    use rayon::prelude::*;

    let Node::Branch(branch) = root else { return };
    let (stale, logged) = (branch.stale, !sink.discards());
    let done: alloc::vec::Vec<_> = branch
        .kids
        .par_iter_mut()
        .enumerate()
        .filter(|(i, _)| stale >> i & 1 == 1)
        .filter_map(|(i, kid)| {
            let kid = kid.as_mut()?;
            let mut path = PathBuf::new();
            path.push(i as u8);
            let mut log = Log::default();
            let reference = if logged {
                Walk {
                    owner,
                    path: &mut path,
                    sink: &mut log,
                }
                .commit(kid)
            } else {
                Walk {
                    owner,
                    path: &mut path,
                    sink: &mut (),
                }
                .commit(kid)
            };
            Some((i, reference, log))
        })
        .collect();
    for (i, reference, log) in done {
        log.replay(owner, sink);
        branch.set_slot(i, reference.as_slice());
    }
    branch.seal();
}

/// Nodes put, to be put elsewhere.
#[cfg(feature = "std")]
#[derive(Default)]
struct Log {
    bytes: alloc::vec::Vec<u8>,
    /// Path, hash, and where in `bytes` the node ends.
    nodes: alloc::vec::Vec<(crate::Nibbles, B256, usize)>,
}

#[cfg(feature = "std")]
impl Log {
    fn replay(&self, owner: Option<&B256>, sink: &mut impl NodeSink) {
        let mut start = 0;
        for (path, hash, end) in &self.nodes {
            sink.put(owner, path, hash, &self.bytes[start..*end]);
            start = *end;
        }
    }
}

#[cfg(feature = "std")]
impl NodeSink for Log {
    fn put(&mut self, _: Option<&B256>, path: &crate::Nibbles, hash: &B256, rlp: &[u8]) {
        self.bytes.extend_from_slice(rlp);
        self.nodes.push((*path, *hash, self.bytes.len()));
    }
}
