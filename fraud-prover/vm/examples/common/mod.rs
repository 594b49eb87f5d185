//! Runs from files.

use alloy_primitives::{B256, Bytes, keccak256, map::HashMap};
use vm::{BlobProof, Host};

/// The preimages of a run.
#[derive(Default)]
pub(crate) struct Preimages(HashMap<B256, Bytes>);

impl Host for &Preimages {
    fn preimage(&mut self, hash: &B256) -> Option<Bytes> {
        self.0.get(hash).cloned()
    }

    fn blob_element(&mut self, _: &B256, _: u16) -> Option<B256> {
        None
    }

    fn blob_proof(&mut self, _: &B256, _: u16) -> Option<BlobProof> {
        None
    }
}

/// Reads a run's file: boot hash, value, preimages.
pub(crate) fn read(path: &str) -> (B256, B256, Preimages) {
    let file = std::fs::read(path).unwrap();
    let (boot, rest) = file.split_at(32);
    let (value, mut rest) = rest.split_at(32);
    let mut preimages = Preimages::default();
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (bytes, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
        preimages.0.insert(keccak256(bytes), Bytes::copy_from_slice(bytes));
        rest = tail;
    }
    (B256::from_slice(boot), B256::from_slice(value), preimages)
}
