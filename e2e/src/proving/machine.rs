//! The fraud-proof program on the machine.

use alloy::primitives::{B256, Bytes};
use anyhow::{Context, Result};
use rollup::{files, program::program_path, witness::BlockWitness};
use vm::{BlobProof, Host, Image, MAX_ELF};

/// The program that `make program` built.
pub fn program() -> Result<Image> {
    let path = program_path()?;
    let file =
        files::read(&path, MAX_ELF as u64).with_context(|| format!("cannot read {}", path.display()))?;
    Image::load(&file).with_context(|| format!("{} is not a program", path.display()))
}

/// A witness as the machine's host.
#[derive(Clone, Copy, Debug)]
pub struct Preimages<'a>(pub &'a BlockWitness);

impl Host for Preimages<'_> {
    fn preimage(&mut self, hash: &B256) -> Option<Bytes> {
        self.0.preimages.get(hash).cloned()
    }

    fn blob_element(&mut self, _: &B256, _: u16) -> Option<B256> {
        None
    }

    fn blob_proof(&mut self, _: &B256, _: u16) -> Option<BlobProof> {
        None
    }
}
