//! Runs from files.

use alloy_primitives::{B256, Bytes, keccak256};
use vm::Preimages;

/// Reads a run's file: boot hash, value, preimages.
pub(crate) fn read(path: &str) -> (B256, B256, Preimages) {
    let file = std::fs::read(path).unwrap();
    let (boot, rest) = file.split_at(32);
    let (value, mut rest) = rest.split_at(32);
    let mut preimages = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (bytes, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        preimages.push((keccak256(bytes), Bytes::copy_from_slice(bytes)));
        rest = tail;
    }
    (B256::from_slice(boot), B256::from_slice(value), preimages.into_iter().collect())
}
