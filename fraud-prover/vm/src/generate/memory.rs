//! A memory of which only some leaves are known. The rest is a root's worth of noise, as a hostile claim's may be.

use crate::{
    reference::{LEAF, Memory},
    tree::{DEPTH, zero_hash},
    witness::Provable,
};
use alloy_primitives::B256;
use std::collections::{BTreeMap, BTreeSet};

/// What stands where nothing was put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    /// Zero, as in memory that was never written.
    Zero,
    /// Anything: nodes that are hashes of nothing known.
    Noise(u64),
}

/// Contents, without hashes.
#[derive(Clone, Debug)]
pub(super) struct MemoryContent {
    leaves: BTreeMap<u32, B256>,
    rest: Rest,
}

impl MemoryContent {
    pub(super) fn new(rest: Rest) -> Self {
        Self { leaves: BTreeMap::new(), rest }
    }

    fn leaf(&self, index: u32) -> B256 {
        self.leaves.get(&index).copied().unwrap_or_else(|| self.rest.node(0, index))
    }

    /// Writes bytes anywhere, over as many leaves as it takes.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) {
        for (i, byte) in bytes.iter().enumerate() {
            let at = address as usize + i;
            let index = (at / LEAF as usize) as u32;
            let mut leaf = self.leaf(index);
            leaf[at % LEAF as usize] = *byte;
            self.leaves.insert(index, leaf);
        }
    }

    /// The tree in which exactly these leaves are known.
    pub(super) fn tree(&self, known: &BTreeSet<u32>) -> Sparse {
        let mut levels =
            vec![known.iter().map(|index| (*index, self.leaf(*index))).collect::<BTreeMap<_, _>>()];
        for height in 0..DEPTH {
            let below = &levels[height as usize];
            let node =
                |index: u32| below.get(&index).copied().unwrap_or_else(|| self.rest.node(height, index));
            let parent = |index: &u32| {
                let (left, right) = (node(index & !1), node(index | 1));
                (index / 2, alloy_primitives::keccak256([left.0, right.0].concat()))
            };
            levels.push(below.keys().map(parent).collect());
        }
        Sparse { levels, rest: self.rest }
    }
}

impl Memory for MemoryContent {
    fn load<const N: usize>(&self, address: u32) -> [u8; N] {
        std::array::from_fn(|i| {
            let at = address as usize + i;
            self.leaf((at / LEAF as usize) as u32)[at % LEAF as usize]
        })
    }

    fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) {
        self.write(address, &bytes);
    }
}

impl Rest {
    fn node(self, height: u32, index: u32) -> B256 {
        let Self::Noise(salt) = self else { return zero_hash(height) };
        let mut state = salt ^ (u64::from(height) << 32 | u64::from(index));
        let mut node = B256::ZERO;
        for bytes in node.chunks_exact_mut(8) {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        node
    }
}

/// A tree with hashes, of the known leaves only.
pub(super) struct Sparse {
    levels: Vec<BTreeMap<u32, B256>>,
    rest: Rest,
}

impl Sparse {
    pub(super) fn root(&self) -> B256 {
        self.node(DEPTH, 0)
    }
}

impl Provable for Sparse {
    fn node(&self, height: u32, index: u32) -> B256 {
        let known = self.levels[height as usize].get(&index).copied();
        known.unwrap_or_else(|| self.rest.node(height, index))
    }

    fn branch(&self, height: u32, index: u32) -> Vec<B256> {
        (height..DEPTH).map(|level| self.node(level, (index >> (level - height)) ^ 1)).collect()
    }
}
