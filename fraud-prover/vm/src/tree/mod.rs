//! The memory's tree: a binary keccak tree over leaves of 32 bytes, depth 27.
//!
//! Stored as pages of 4 KiB (each with the hashes of its own seven levels) under branches of sixteen children (each
//! with the hashes of its four levels). Pages and branches are shared between trees and copied when written, so a
//! clone costs nothing and keeps only what changes afterwards. What was never written is not stored: its hashes are
//! those of zero subtrees.
//!
//! An update compares new pages with old ones and hashes only above leaves that differ, level by level: all hashes
//! of a level are independent, and are computed as one batch.

mod rehash;

use crate::flat::PAGE_BYTES;
use alloy_primitives::{B256, keccak256};
use std::sync::{Arc, LazyLock};

/// Levels from a leaf to the root.
pub const DEPTH: u32 = 27;
/// Levels from a leaf to a page's root.
const PAGE_LEVELS: u32 = 7;
/// Levels from a branch's children to its root.
const BRANCH_LEVELS: u32 = 4;
/// Branches above a page.
const BRANCHES: u32 = (DEPTH - PAGE_LEVELS) / BRANCH_LEVELS;
/// Children of a branch.
const FANOUT: usize = 1 << BRANCH_LEVELS;
/// Bytes of a leaf.
const LEAF: usize = 32;
/// Pairs of leaves in a page.
const PAIRS: usize = PAGE_BYTES / LEAF / 2;

/// Roots of subtrees that are all zero, by their height above the leaves.
static ZERO: LazyLock<[B256; DEPTH as usize + 1]> = LazyLock::new(|| {
    let mut zero = [B256::ZERO; DEPTH as usize + 1];
    for height in 1..zero.len() {
        let child = zero[height - 1];
        zero[height] = keccak256([child.0, child.0].concat());
    }
    zero
});

/// The root of a subtree of this height (at most [`DEPTH`]) that is all zero.
#[must_use]
pub fn zero_hash(height: u32) -> B256 {
    ZERO[height as usize]
}

/// 4 KiB of memory, with the hashes above its leaves.
#[derive(Clone)]
struct Page {
    data: [u8; PAGE_BYTES],
    /// Node `i` has the children `2i` and `2i + 1`; 1 is the root; those from `PAIRS` on are parents of leaves.
    nodes: [B256; 2 * PAIRS],
    /// Pairs of leaves that have changed since the nodes were hashed; bit `i` stands for node `PAIRS + i`.
    stale: u64,
}

/// Sixteen children, with the hashes above them.
#[derive(Clone)]
struct Branch {
    children: [Option<Child>; FANOUT],
    /// As in [`Page`]; those from `FANOUT / 2` on are parents of children.
    nodes: [B256; FANOUT],
    /// Children that have changed since the nodes were hashed.
    stale: u16,
}

#[derive(Clone)]
enum Child {
    Branch(Arc<Branch>),
    Page(Arc<Page>),
}

/// The tree. Always hashed: between calls, the root is that of the content.
#[derive(Clone)]
pub(crate) struct Tree {
    top: Arc<Branch>,
    pages: usize,
}

impl Tree {
    /// All zero.
    pub(crate) fn new() -> Self {
        Self { top: Arc::new(Branch::zero(DEPTH)), pages: 0 }
    }

    /// The root's hash.
    pub(crate) fn root(&self) -> B256 {
        self.top.nodes[1]
    }

    /// Pages stored: those that were ever not zero.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// Takes over pages' contents, each page at most once, and hashes what that changes.
    pub(crate) fn update<'a>(&mut self, pages: impl IntoIterator<Item = (u32, &'a [u8; PAGE_BYTES])>) {
        for (number, data) in pages {
            self.write(number, data);
        }
        rehash::rehash(&mut self.top);
    }

    /// Replaces a page, and notes which hashes are stale.
    fn write(&mut self, number: u32, data: &[u8; PAGE_BYTES]) {
        let stored = self.page(number);
        let stale = changed(stored.map_or(&[0; PAGE_BYTES], |page| &page.data), data);
        if stale == 0 {
            return;
        }
        self.pages += usize::from(stored.is_none());
        let mut branch = Arc::make_mut(&mut self.top);
        for depth in 0..BRANCHES {
            let slot = slot(number, depth);
            branch.stale |= 1 << slot;
            let height = DEPTH - BRANCH_LEVELS * (depth + 1);
            let child = branch.children[slot].get_or_insert_with(|| {
                if height == PAGE_LEVELS {
                    Child::Page(Arc::new(Page::zero()))
                } else {
                    Child::Branch(Arc::new(Branch::zero(height)))
                }
            });
            match child {
                Child::Branch(next) => branch = Arc::make_mut(next),
                Child::Page(page) => {
                    let page = Arc::make_mut(page);
                    page.data = *data;
                    page.stale |= stale;
                    return;
                }
            }
        }
    }

    fn page(&self, number: u32) -> Option<&Page> {
        let mut branch = &self.top;
        for depth in 0..BRANCHES {
            match branch.children[slot(number, depth)].as_ref()? {
                Child::Branch(next) => branch = next,
                Child::Page(page) => return Some(page),
            }
        }
        None
    }

    /// Calls `each` with every stored page, in order of address.
    pub(crate) fn for_each_page<'a>(&'a self, mut each: impl FnMut(u32, &'a [u8; PAGE_BYTES])) {
        self.differing(None, &mut |number, page| {
            if let Some(page) = page {
                each(number, page);
            }
        });
    }

    /// Calls `each` with every page that may differ from another tree's, in order of address, and its content here
    /// (`None`: zero). Subtrees that the two share are skipped.
    pub(crate) fn differing<'a>(
        &'a self,
        other: Option<&Self>,
        each: &mut impl FnMut(u32, Option<&'a [u8; PAGE_BYTES]>),
    ) {
        differing(Some(&self.top), other.map(|other| &other.top), 0, 0, each);
    }

    /// The node at `height` above the leaves that is the `index`-th of its level.
    pub(crate) fn node(&self, height: u32, index: u32) -> B256 {
        let mut branch = &self.top;
        for depth in 0..BRANCHES {
            // The branch's root has this height.
            let top = DEPTH - BRANCH_LEVELS * depth;
            if height > top - BRANCH_LEVELS {
                return branch.nodes[heap(height, index, top)];
            }
            match &branch.children[(index >> (top - BRANCH_LEVELS - height)) as usize % FANOUT] {
                Some(Child::Branch(next)) => branch = next,
                Some(Child::Page(page)) if height == 0 => {
                    let at = index as usize % (2 * PAIRS) * LEAF;
                    return B256::from_slice(&page.data[at..at + LEAF]);
                }
                Some(Child::Page(page)) => return page.nodes[heap(height, index, PAGE_LEVELS)],
                None => break,
            }
        }
        zero_hash(height)
    }

    /// The siblings of a node and of its ancestors, from the node upwards.
    pub(crate) fn branch(&self, height: u32, index: u32) -> Vec<B256> {
        (height..DEPTH).map(|level| self.node(level, index >> (level - height) ^ 1)).collect()
    }
}

/// Where a page lies among the children of the branch at `depth` above it.
fn slot(page: u32, depth: u32) -> usize {
    (page >> (BRANCH_LEVELS * (BRANCHES - 1 - depth))) as usize % FANOUT
}

/// The position of a level's `index`-th node in the nodes of the page or branch whose root has the height `top`.
fn heap(height: u32, index: u32, top: u32) -> usize {
    let width = 1 << (top - height);
    (width + index % width) as usize
}

/// Pairs of leaves that differ.
fn changed(old: &[u8; PAGE_BYTES], new: &[u8; PAGE_BYTES]) -> u64 {
    let ((old, _), (new, _)) = (old.as_chunks::<{ 2 * LEAF }>(), new.as_chunks::<{ 2 * LEAF }>());
    let pairs = old.iter().zip(new).enumerate();
    pairs.fold(0, |stale, (i, (old, new))| stale | u64::from(old != new) << i)
}

fn differing<'a>(
    here: Option<&'a Arc<Branch>>,
    there: Option<&Arc<Branch>>,
    depth: u32,
    first: u32,
    each: &mut impl FnMut(u32, Option<&'a [u8; PAGE_BYTES]>),
) {
    let same = match (here, there) {
        (Some(here), Some(there)) => Arc::ptr_eq(here, there),
        (None, None) => true,
        _ => false,
    };
    if same {
        return;
    }
    for slot in 0..FANOUT {
        let number = first | (slot as u32) << (BRANCH_LEVELS * (BRANCHES - 1 - depth));
        let here = here.and_then(|branch| branch.children[slot].as_ref());
        let there = there.and_then(|branch| branch.children[slot].as_ref());
        if depth + 1 < BRANCHES {
            differing(here.and_then(Child::branch), there.and_then(Child::branch), depth + 1, number, each);
        } else {
            match (here, there) {
                (Some(Child::Page(page)), Some(Child::Page(other))) if Arc::ptr_eq(page, other) => {}
                (Some(Child::Page(page)), _) => each(number, Some(&page.data)),
                (_, Some(_)) => each(number, None),
                _ => {}
            }
        }
    }
}

impl Page {
    fn zero() -> Self {
        let mut nodes = [B256::ZERO; 2 * PAIRS];
        fill_zero(&mut nodes, PAGE_LEVELS);
        Self { data: [0; PAGE_BYTES], nodes, stale: 0 }
    }
}

impl Branch {
    /// All zero, with its root at `height`.
    fn zero(height: u32) -> Self {
        let mut nodes = [B256::ZERO; FANOUT];
        fill_zero(&mut nodes, height);
        Self { children: [const { None }; FANOUT], nodes, stale: 0 }
    }
}

/// Fills nodes with the hashes of zero subtrees; the root has the height `top`.
fn fill_zero(nodes: &mut [B256], top: u32) {
    for (i, node) in nodes.iter_mut().enumerate().skip(1) {
        *node = zero_hash(top - i.ilog2());
    }
}

impl Child {
    fn branch(&self) -> Option<&Arc<Branch>> {
        match self {
            Self::Branch(branch) => Some(branch),
            Self::Page(_) => None,
        }
    }

    fn hash(&self) -> B256 {
        match self {
            Self::Branch(branch) => branch.nodes[1],
            Self::Page(page) => page.nodes[1],
        }
    }
}

#[cfg(test)]
mod tests;
