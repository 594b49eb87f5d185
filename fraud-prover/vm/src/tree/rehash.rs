//! Hashing what an update has changed.

use super::{BRANCHES, Branch, Child, DEPTH, FANOUT, LEAF, PAIRS, Page, zero_hash};
use alloy_primitives::B256;
use keccak_lanes::{InnerNode, keccak256_nodes};
use std::sync::Arc;

/// Hashes everything stale below a branch, and the branch.
pub(super) fn rehash(top: &mut Arc<Branch>) {
    if top.stale == 0 {
        return;
    }
    let mut batch = Batch::default();
    let mut pages = Vec::new();
    collect_pages(Arc::make_mut(top), &mut pages);
    rehash_pages(&mut pages, &mut batch);
    // Branches from the lowest up: each needs its children's hashes.
    for depth in (0..BRANCHES).rev() {
        let mut branches = Vec::new();
        collect_branches(Arc::make_mut(top), depth, &mut branches);
        let child_height = DEPTH - super::BRANCH_LEVELS * (depth + 1);
        rehash_branches(&mut branches, child_height, &mut batch);
    }
}

/// A level's nodes, and their hashes.
#[derive(Default)]
struct Batch {
    nodes: Vec<InnerNode>,
    hashes: Vec<B256>,
}

impl Batch {
    fn push(&mut self, left: &[u8], right: &[u8]) {
        let mut node = [0; 2 * LEAF];
        node[..LEAF].copy_from_slice(left);
        node[LEAF..].copy_from_slice(right);
        self.nodes.push(node);
    }

    /// Hashes what was pushed; the hashes come in the same order.
    fn hash(&mut self) -> impl Iterator<Item = B256> {
        self.hashes.clear();
        self.hashes.resize(self.nodes.len(), B256::ZERO);
        keccak256_nodes(&self.nodes, &mut self.hashes);
        self.nodes.clear();
        self.hashes.iter().copied()
    }
}

/// Stale pages. Their Arcs are not shared, since an update has just written to them: `make_mut` copies nothing.
fn collect_pages<'a>(branch: &'a mut Branch, pages: &mut Vec<&'a mut Page>) {
    let stale = branch.stale;
    for (slot, child) in branch.children.iter_mut().enumerate() {
        match child {
            Some(Child::Branch(next)) if stale >> slot & 1 == 1 => collect_pages(Arc::make_mut(next), pages),
            Some(Child::Page(page)) if stale >> slot & 1 == 1 => pages.push(Arc::make_mut(page)),
            _ => {}
        }
    }
}

/// Stale branches that lie `depth` below this one.
fn collect_branches<'a>(branch: &'a mut Branch, depth: u32, branches: &mut Vec<&'a mut Branch>) {
    if depth == 0 {
        return branches.push(branch);
    }
    let stale = branch.stale;
    for (slot, child) in branch.children.iter_mut().enumerate() {
        if let Some(Child::Branch(next)) = child
            && stale >> slot & 1 == 1
        {
            collect_branches(Arc::make_mut(next), depth - 1, branches);
        }
    }
}

fn rehash_pages(pages: &mut [&mut Page], batch: &mut Batch) {
    for page in pages.iter() {
        for pair in bits(page.stale) {
            let (leaves, _) = page.data.as_chunks::<LEAF>();
            batch.push(&leaves[2 * pair], &leaves[2 * pair + 1]);
        }
    }
    let mut first = PAIRS;
    loop {
        let mut hashes = batch.hash();
        for page in pages.iter_mut() {
            for (i, hash) in bits(page.stale).zip(&mut hashes) {
                page.nodes[first + i] = hash;
            }
        }
        drop(hashes);
        if first == 1 {
            break;
        }
        first /= 2;
        for page in pages.iter_mut() {
            page.stale = parents(page.stale);
            for i in bits(page.stale) {
                let left = 2 * (first + i);
                batch.push(&page.nodes[left][..], &page.nodes[left + 1][..]);
            }
        }
    }
    pages.iter_mut().for_each(|page| page.stale = 0);
}

fn rehash_branches(branches: &mut [&mut Branch], child_height: u32, batch: &mut Batch) {
    let mut first = FANOUT / 2;
    // The stale nodes of a level, for each branch.
    let mut stale: Vec<u64> = branches.iter().map(|branch| parents(branch.stale.into())).collect();
    for (branch, stale) in branches.iter().zip(&stale) {
        let hash = |child: &Option<Child>| child.as_ref().map_or(zero_hash(child_height), Child::hash);
        for i in bits(*stale) {
            batch.push(&hash(&branch.children[2 * i])[..], &hash(&branch.children[2 * i + 1])[..]);
        }
    }
    loop {
        let mut hashes = batch.hash();
        for (branch, stale) in branches.iter_mut().zip(&stale) {
            for (i, hash) in bits(*stale).zip(&mut hashes) {
                branch.nodes[first + i] = hash;
            }
        }
        drop(hashes);
        if first == 1 {
            break;
        }
        first /= 2;
        for (branch, stale) in branches.iter().zip(&mut stale) {
            *stale = parents(*stale);
            for i in bits(*stale) {
                let left = 2 * (first + i);
                batch.push(&branch.nodes[left][..], &branch.nodes[left + 1][..]);
            }
        }
    }
    branches.iter_mut().for_each(|branch| branch.stale = 0);
}

/// A level up: bit `i` if bit `2i` or `2i + 1` is set.
fn parents(bits: u64) -> u64 {
    let mut either = (bits | bits >> 1) & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        either = (either | either >> shift) & mask;
    }
    either
}

/// The positions of the bits that are set, lowest first.
fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}
