//! Insertion and removal.
//!
//! Both load what they need before they change anything, so that an error leaves the trie as it was, and mark the
//! path stale on the way back up.

use crate::{
    NodeSource, TrieError,
    node::{Branch, Ext, Leaf, TrieNode},
    path::{NibbleRun, PathBuf},
    trie::Loader,
};
use alloc::boxed::Box;

/// What a removal did to the subtree it ran in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// The key is not there.
    None,
    /// The key is gone, and the subtree has changed.
    Changed,
    /// The subtree was only that key's leaf; the caller unlinks it.
    Gone,
}

impl<S: NodeSource> Loader<'_, S> {
    /// Inserts into a whole trie; returns whether it changed.
    pub(crate) fn insert_root(
        &mut self,
        root: &mut Option<TrieNode>,
        value: &[u8],
    ) -> Result<bool, TrieError> {
        match root {
            Some(node) => self.insert(node, 0, value),
            None => {
                *root = Some(self.new_leaf(NibbleRun::of_key(self.key, 0), value));
                Ok(true)
            }
        }
    }

    /// Removes from a whole trie; returns whether the key was there.
    pub(crate) fn remove_root(&mut self, root: &mut Option<TrieNode>) -> Result<bool, TrieError> {
        let Some(node) = root else { return Ok(false) };
        let removal = self.remove(node, 0)?;
        if removal == Removal::Gone {
            *root = None;
            *self.nodes -= 1;
        }
        Ok(removal != Removal::None)
    }

    /// Inserts into the subtree of a node at `depth`; returns whether it changed.
    pub(crate) fn insert(
        &mut self,
        node: &mut TrieNode,
        depth: usize,
        value: &[u8],
    ) -> Result<bool, TrieError> {
        let rest = NibbleRun::of_key(self.key, depth);
        match node {
            TrieNode::Leaf(leaf) => {
                let path = leaf.path();
                let shared = path.common_prefix(&rest);
                if shared == path.len() && shared == rest.len() {
                    return Ok(leaf.set_value(value));
                }
                let mut branch = Branch::empty();
                self.hang_leaf(&mut branch, path.skip(shared), leaf.value());
                self.hang_leaf(&mut branch, rest.skip(shared), value);
                // The old leaf went, two may have come; `hang_leaf` counted those.
                *self.nodes -= 1;
                *node = self.under(rest.take(shared), branch);
                Ok(true)
            }
            TrieNode::Ext(ext) => {
                let kid = ext.kid.take();
                let path = ext.path();
                let shared = path.common_prefix(&rest);
                if shared == path.len() {
                    ext.kid = kid;
                    let depth = depth + shared;
                    let kid = self.ext_child(ext, depth)?;
                    let changed = self.insert(kid, depth, value)?;
                    ext.stale |= changed;
                    return Ok(changed);
                }
                let mut branch = Branch::empty();
                self.hang_leaf(&mut branch, rest.skip(shared), value);
                // The branch takes over the extension's child, behind what is left of the path.
                let (nibble, below) = (usize::from(path.at(shared)), path.skip(shared + 1));
                *self.nodes -= 1;
                if below.len() > 0 {
                    let lower = match kid {
                        Some(kid) if ext.stale => Ext::stale(below, kid),
                        kid => Ext::new(below, ext.reference(), kid),
                    };
                    *self.nodes += 1;
                    branch.set_kid(nibble, TrieNode::Ext(Box::new(lower)));
                } else {
                    match kid {
                        Some(kid) if ext.stale => branch.set_kid(nibble, kid),
                        kid => {
                            branch.set_slot(nibble, ext.reference());
                            branch.seal();
                            branch.kids[nibble] = kid;
                        }
                    }
                }
                *node = self.under(rest.take(shared), branch);
                Ok(true)
            }
            TrieNode::Branch(branch) => {
                if rest.len() == 0 {
                    let changed = branch.value() != value;
                    if changed {
                        branch.set_value(value);
                    }
                    return Ok(changed);
                }
                let nibble = rest.at(0);
                if let Some(child) = self.branch_child(branch, nibble, depth + 1)? {
                    let changed = self.insert(child, depth + 1, value)?;
                    branch.stale |= u16::from(changed) << nibble;
                    return Ok(changed);
                }
                let leaf = self.new_leaf(rest.skip(1), value);
                branch.set_kid(nibble.into(), leaf);
                Ok(true)
            }
        }
    }

    fn remove(&mut self, node: &mut TrieNode, depth: usize) -> Result<Removal, TrieError> {
        let rest = NibbleRun::of_key(self.key, depth);
        match node {
            TrieNode::Leaf(leaf) => Ok(if leaf.is_at(rest) { Removal::Gone } else { Removal::None }),
            TrieNode::Ext(ext) => {
                let path = ext.path();
                if path.common_prefix(&rest) < path.len() {
                    return Ok(Removal::None);
                }
                let depth = depth + path.len();
                let kid = self.ext_child(ext, depth)?;
                let removal = self.remove(kid, depth)?;
                if removal != Removal::Changed {
                    return Ok(removal);
                }
                ext.stale = true;
                // What is no longer a branch is a leaf or an extension, and takes this path in front of its own.
                if let Some(kid) = ext.kid.take_if(|kid| !matches!(kid, TrieNode::Branch(_))) {
                    let mut above = PathBuf::new();
                    above.extend(ext.path());
                    *node = self.join(above, kid, None);
                }
                Ok(Removal::Changed)
            }
            TrieNode::Branch(branch) => {
                let valued = !branch.value().is_empty();
                let entries = branch.present.count_ones() + u32::from(valued);
                if rest.len() == 0 {
                    if !valued {
                        return Ok(Removal::None);
                    }
                    if entries == 2 {
                        let i = branch.present.trailing_zeros() as usize;
                        *node = self.collapse(branch, i, depth)?;
                    } else {
                        branch.set_value(&[]);
                    }
                    return Ok(Removal::Changed);
                }
                let nibble = rest.at(0);
                let Some(child) = self.branch_child(branch, nibble, depth + 1)? else {
                    return Ok(Removal::None);
                };
                match self.remove(child, depth + 1)? {
                    Removal::None => return Ok(Removal::None),
                    Removal::Changed => {
                        branch.stale |= 1 << nibble;
                        return Ok(Removal::Changed);
                    }
                    Removal::Gone => {}
                }
                // Nothing has changed so far: loading the last sibling may still fail.
                if entries > 2 {
                    branch.clear_kid(nibble.into());
                } else if valued {
                    *node = self.new_leaf(rest.take(0), branch.value());
                    *self.nodes -= 1;
                } else {
                    let sibling = branch.present & !(1 << nibble);
                    *node = self.collapse(branch, sibling.trailing_zeros() as usize, depth)?;
                }
                *self.nodes -= 1;
                Ok(Removal::Changed)
            }
        }
    }

    /// What a branch at `depth` becomes when only child `i` is left of it.
    fn collapse(&mut self, branch: &mut Branch, i: usize, depth: usize) -> Result<TrieNode, TrieError> {
        // Branches have two entries or more, so there is a child left; a damaged one is refused, not followed.
        if i >= 16 {
            return Err(TrieError::Malformed {
                path: crate::path::key_prefix(self.key, depth),
                reason: "branch with fewer than two entries",
            });
        }
        let fresh = branch.stale >> i & 1 == 0;
        let kid = match branch.kids[i].take() {
            Some(kid) => kid,
            None => self.resolve(branch.slot(i), depth + 1, Some(i as u8))?,
        };
        let mut above = PathBuf::new();
        above.push(i as u8);
        Ok(self.join(above, kid, fresh.then(|| branch.slot(i))))
    }

    /// Puts a path in front of a node, in place of the node that held that path, which goes. `reference` is the
    /// kid's, if known.
    fn join(&mut self, mut above: PathBuf, kid: TrieNode, reference: Option<&[u8]>) -> TrieNode {
        match kid {
            TrieNode::Leaf(leaf) => {
                above.extend(leaf.path());
                *self.nodes -= 1;
                TrieNode::Leaf(Leaf::new(above.pack().run(), leaf.value()))
            }
            TrieNode::Ext(mut ext) => {
                above.extend(ext.path());
                *self.nodes -= 1;
                let path = above.pack();
                TrieNode::Ext(Box::new(match ext.kid.take() {
                    Some(kid) if ext.stale => Ext::stale(path.run(), kid),
                    kid => Ext::new(path.run(), ext.reference(), kid),
                }))
            }
            kid => {
                let path = above.pack();
                TrieNode::Ext(Box::new(match reference {
                    Some(reference) => Ext::new(path.run(), reference, Some(kid)),
                    None => Ext::stale(path.run(), kid),
                }))
            }
        }
    }

    pub(crate) fn new_leaf(&mut self, path: NibbleRun<'_>, value: &[u8]) -> TrieNode {
        *self.nodes += 1;
        TrieNode::Leaf(Leaf::new(path, value))
    }

    /// Puts a value below a new branch: at the child that the path's first nibble names, or in the branch itself.
    fn hang_leaf(&mut self, branch: &mut Branch, path: NibbleRun<'_>, value: &[u8]) {
        if path.len() == 0 {
            branch.set_value(value);
        } else {
            let leaf = self.new_leaf(path.skip(1), value);
            branch.set_kid(path.at(0).into(), leaf);
        }
    }

    /// A new branch, behind an extension if there is a path to it.
    fn under(&mut self, path: NibbleRun<'_>, branch: Branch) -> TrieNode {
        *self.nodes += 1;
        let branch = TrieNode::Branch(Box::new(branch));
        if path.len() == 0 {
            return branch;
        }
        *self.nodes += 1;
        TrieNode::Ext(Box::new(Ext::stale(path, branch)))
    }
}
