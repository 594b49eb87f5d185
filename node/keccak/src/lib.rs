//! Hashing many messages at once.
//!
//! keccak256 of one message is a chain of dependent steps, but messages are independent of each other. Where the
//! processor has wide registers, each holds the same word of several messages' states, and one run of the
//! permutation advances all of them: eight at a time with AVX-512 (a tenth of the time per message), four with AVX2
//! (less than half). Elsewhere, and in the guest, messages are hashed one by one.
//!
//! [`keccak256_batch`] takes messages of any lengths, [`keccak256_nodes`] the inner nodes of binary trees.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod wide;

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// Bytes of a binary tree's inner node.
const NODE: usize = 64;

/// An inner node of a binary tree: its two children, one behind the other.
pub type InnerNode = [u8; NODE];

/// From this many messages on, the thread pool shares them. They take some 100 µs on one thread; waking the pool's
/// other threads takes about a tenth of that.
#[cfg(feature = "std")]
const PARALLEL: usize = 1024;

/// The keccak256 of every message, in order.
pub fn keccak256_batch(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(feature = "std")]
    if messages.len() >= PARALLEL {
        use rayon::prelude::*;
        let mut hashes = Vec::with_capacity(messages.len());
        hashes.par_extend(messages.par_chunks(PARALLEL / 4).flat_map_iter(batch));
        return hashes;
    }
    batch(messages)
}

fn batch(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if messages.len() > 1
        && let Some(hashes) = wide::batch(messages)
    {
        return hashes;
    }
    messages.iter().map(keccak256).collect()
}

/// Writes the keccak256 of every node to its place in `hashes`.
///
/// # Panics
/// If the slices differ in length.
pub fn keccak256_nodes(nodes: &[InnerNode], hashes: &mut [B256]) {
    assert_eq!(nodes.len(), hashes.len(), "a hash for every node");
    #[cfg(feature = "std")]
    if nodes.len() >= PARALLEL {
        use rayon::prelude::*;
        let parts = nodes.par_chunks(PARALLEL / 4).zip(hashes.par_chunks_mut(PARALLEL / 4));
        parts.for_each(|(nodes, hashes)| hash_nodes(nodes, hashes));
        return;
    }
    hash_nodes(nodes, hashes);
}

fn hash_nodes(nodes: &[InnerNode], hashes: &mut [B256]) {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if nodes.len() > 1 && wide::nodes(nodes, hashes).is_some() {
        return;
    }
    for (node, hash) in nodes.iter().zip(hashes) {
        *hash = keccak256(node);
    }
}
