use crate::{
    EMPTY_ROOT, NodeError, NodeSource, Shape, TrieError,
    node::{Branch, Ext, TrieNode, hash_in},
    path::{MAX_NIBBLES, NibbleRun, key_prefix},
};
use alloy_primitives::{B256, Bytes};
use core::fmt;

/// A partial Merkle-Patricia trie: the nodes that were touched, and references to the rest.
///
/// Nodes are loaded from a [`NodeSource`] when an operation first needs them, and stay until [`evict`](Self::evict).
/// Changes are made in memory; [`commit`](Self::commit) computes the new root.
///
/// `owner` and the source must be the same in all calls on one trie: they say where its nodes come from and go to.
#[derive(Clone)]
pub struct Trie {
    /// The root node, once loaded. With `hash` unknown, `None` is the empty trie.
    pub(crate) root: Option<TrieNode>,
    /// The root hash, unless there are changes that are not committed.
    pub(crate) hash: Option<B256>,
    /// Loaded nodes.
    pub(crate) nodes: usize,
}

impl Trie {
    /// A trie that maps no key.
    pub const fn empty() -> Self {
        Self::from_root(EMPTY_ROOT)
    }

    /// The trie with this root hash. Nothing is loaded yet.
    pub const fn from_root(root: B256) -> Self {
        Self { root: None, hash: Some(root), nodes: 0 }
    }

    /// The value of `key`.
    pub fn get(
        &mut self,
        src: &impl NodeSource,
        owner: Option<&B256>,
        key: &[u8],
    ) -> Result<Option<&[u8]>, TrieError> {
        check_key(key)?;
        let mut cx = Loader { src, owner, key, nodes: &mut self.nodes };
        cx.load_root(&mut self.root, self.hash.as_ref())?;
        let Some(mut node) = self.root.as_mut() else {
            return Ok(None);
        };
        let mut depth = 0;
        loop {
            let rest = NibbleRun::of_key(key, depth);
            match node {
                TrieNode::Leaf(leaf) => return Ok(leaf.is_at(rest).then(|| leaf.value())),
                TrieNode::Ext(ext) => {
                    let path = ext.path();
                    if rest.common_prefix(&path) < path.len() {
                        return Ok(None);
                    }
                    depth += path.len();
                    node = cx.ext_child(ext, depth)?;
                }
                TrieNode::Branch(branch) => {
                    if rest.len() == 0 {
                        return Ok(Some(branch.value()).filter(|value| !value.is_empty()));
                    }
                    depth += 1;
                    match cx.branch_child(branch, rest.at(0), depth)? {
                        Some(child) => node = child,
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// Maps `key` to `value`, the encoded form. An empty value is an error: absence is [`remove`](Self::remove).
    pub fn insert(
        &mut self,
        src: &impl NodeSource,
        owner: Option<&B256>,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), TrieError> {
        check_key(key)?;
        if value.is_empty() {
            return Err(TrieError::EmptyValue);
        }
        let mut cx = Loader { src, owner, key, nodes: &mut self.nodes };
        cx.load_root(&mut self.root, self.hash.as_ref())?;
        if cx.insert_root(&mut self.root, value)? {
            self.hash = None;
        }
        Ok(())
    }

    /// Unmaps `key`; returns whether it was mapped.
    pub fn remove(
        &mut self,
        src: &impl NodeSource,
        owner: Option<&B256>,
        key: &[u8],
    ) -> Result<bool, TrieError> {
        check_key(key)?;
        let mut cx = Loader { src, owner, key, nodes: &mut self.nodes };
        cx.load_root(&mut self.root, self.hash.as_ref())?;
        let removed = cx.remove_root(&mut self.root)?;
        if removed {
            self.hash = None;
        }
        Ok(removed)
    }

    /// Applies changes to distinct keys, best sorted by key: `None` removes.
    ///
    /// Updates and insertions come first and removals after them. A removal that leaves one child in a branch must
    /// load that child; an insertion beside it, made before, saves that. So the nodes needed are those of the old
    /// paths and the siblings that the new trie's shape really depends on, in whatever order changes arise.
    ///
    /// On an error the trie holds some of the changes. It may be dropped, or the same changes applied again when the
    /// missing node is available.
    pub fn apply(
        &mut self,
        src: &impl NodeSource,
        owner: Option<&B256>,
        changes: &[(B256, Option<impl AsRef<[u8]>>)],
    ) -> Result<(), TrieError> {
        for (key, value) in changes {
            if let Some(value) = value {
                self.insert(src, owner, &key[..], value.as_ref())?;
            }
        }
        for (key, value) in changes {
            if value.is_none() {
                self.remove(src, owner, &key[..])?;
            }
        }
        Ok(())
    }

    /// The root hash, if all changes are committed.
    pub fn root(&self) -> Option<B256> {
        self.hash
    }

    /// How many nodes are loaded.
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// Forgets loaded nodes that stand more than `keep_depth` nibbles below the root, to bound memory. Nodes with
    /// changes not committed stay.
    pub fn evict(&mut self, keep_depth: usize) {
        if let Some(root) = &mut self.root {
            self.nodes -= evict_below(root, 0, keep_depth);
        }
    }
}

impl Default for Trie {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Trie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trie").field("root", &self.hash).field("loaded", &self.nodes).finish()
    }
}

fn check_key(key: &[u8]) -> Result<(), TrieError> {
    if 2 * key.len() > MAX_NIBBLES {
        return Err(TrieError::KeyTooLong { len: key.len() });
    }
    Ok(())
}

/// Drops the clean children below `keep`, of a node at `depth`; returns how many nodes went.
fn evict_below(node: &mut TrieNode, depth: usize, keep: usize) -> usize {
    match node {
        TrieNode::Leaf(_) => 0,
        TrieNode::Ext(ext) => {
            let depth = depth + ext.path().len();
            evict_child(&mut ext.kid, ext.stale, depth, keep)
        }
        TrieNode::Branch(branch) => {
            let stale = branch.stale;
            let kids = branch.kids.iter_mut().enumerate();
            kids.map(|(i, kid)| evict_child(kid, stale >> i & 1 == 1, depth + 1, keep)).sum()
        }
    }
}

fn evict_child(kid: &mut Option<TrieNode>, stale: bool, depth: usize, keep: usize) -> usize {
    match kid {
        Some(node) if stale || depth <= keep => evict_below(node, depth, keep),
        Some(node) => {
            let count = loaded(node);
            *kid = None;
            count
        }
        None => 0,
    }
}

/// Counts the loaded nodes of a subtree.
pub(crate) fn loaded(node: &TrieNode) -> usize {
    1 + match node {
        TrieNode::Leaf(_) => 0,
        TrieNode::Ext(ext) => ext.kid.as_ref().map_or(0, loaded),
        TrieNode::Branch(branch) => branch.kids.iter().flatten().map(loaded).sum(),
    }
}

/// Loads nodes on the path of one key.
pub(crate) struct Loader<'a, S> {
    pub(crate) src: &'a S,
    pub(crate) owner: Option<&'a B256>,
    pub(crate) key: &'a [u8],
    /// The trie's count of loaded nodes.
    pub(crate) nodes: &'a mut usize,
}

impl<S: NodeSource> Loader<'_, S> {
    /// Loads the root node if it is known by its hash only.
    pub(crate) fn load_root(
        &mut self,
        root: &mut Option<TrieNode>,
        hash: Option<&B256>,
    ) -> Result<(), TrieError> {
        if let (None, Some(hash)) = (&root, hash)
            && *hash != EMPTY_ROOT
        {
            let (rlp, shape) = self.fetch(0, None, hash)?;
            *root = Some(self.decode(&rlp, shape, 0, None)?);
        }
        Ok(())
    }

    /// The child of an extension; `depth` is the child's.
    pub(crate) fn ext_child<'n>(
        &mut self,
        ext: &'n mut Ext,
        depth: usize,
    ) -> Result<&'n mut TrieNode, TrieError> {
        let kid = match ext.kid.take() {
            Some(kid) => kid,
            None => self.resolve(ext.reference(), depth, None)?,
        };
        if !matches!(kid, TrieNode::Branch(_)) {
            return Err(self.malformed(depth, None, "extension to a node that is not a branch"));
        }
        Ok(ext.kid.insert(kid))
    }

    /// Child `i` of a branch, which lies on the key's path at `depth`.
    pub(crate) fn branch_child<'n>(
        &mut self,
        branch: &'n mut Branch,
        i: u8,
        depth: usize,
    ) -> Result<Option<&'n mut TrieNode>, TrieError> {
        let i = usize::from(i);
        if branch.present >> i & 1 == 0 {
            return Ok(None);
        }
        if branch.kids[i].is_none() {
            let kid = self.resolve(branch.slot(i), depth, None)?;
            branch.set_shape(i, matches!(kid, TrieNode::Leaf(_)), kid.shape());
            branch.kids[i] = Some(kid);
        }
        Ok(branch.kids[i].as_mut())
    }

    /// Decodes the node behind a reference, at `depth`. It lies on the key's path, or is the sibling there that the
    /// last nibble names.
    pub(crate) fn resolve(
        &mut self,
        reference: &[u8],
        depth: usize,
        sibling: Option<u8>,
    ) -> Result<TrieNode, TrieError> {
        let Some(hash) = hash_in(reference) else {
            return self.decode(reference, Shape::UNKNOWN, depth, sibling);
        };
        let (rlp, shape) = self.fetch(depth, sibling, &hash)?;
        if rlp.len() < crate::node::INLINE_LIMIT {
            return Err(self.malformed(depth, sibling, "short node referred to by hash"));
        }
        self.decode(&rlp, shape, depth, sibling)
    }

    fn fetch(&self, depth: usize, sibling: Option<u8>, hash: &B256) -> Result<(Bytes, Shape), NodeError> {
        self.src.shaped_node(self.owner, &self.path(depth, sibling), hash)
    }

    fn decode(
        &mut self,
        rlp: &[u8],
        shape: Shape,
        depth: usize,
        sibling: Option<u8>,
    ) -> Result<TrieNode, TrieError> {
        let mut node =
            TrieNode::decode(rlp, depth).map_err(|reason| self.malformed(depth, sibling, reason))?;
        if let TrieNode::Branch(branch) = &mut node {
            branch.shape = shape;
        }
        *self.nodes += 1;
        Ok(node)
    }

    fn path(&self, depth: usize, sibling: Option<u8>) -> crate::Nibbles {
        match sibling {
            None => key_prefix(self.key, depth),
            Some(nibble) => {
                let mut path = key_prefix(self.key, depth - 1);
                path.push(nibble);
                path
            }
        }
    }

    #[cold]
    fn malformed(&self, depth: usize, sibling: Option<u8>, reason: &'static str) -> TrieError {
        TrieError::Malformed { path: self.path(depth, sibling), reason }
    }
}
