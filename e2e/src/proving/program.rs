//! The fault proof program on the VM.

use anyhow::{Context, Result};
use rollup::{files, program::program_path, witness::BlockWitness};
use vm::{Image, MAX_ELF, Machine, Preimages, RunError};

/// The program that `make program` built.
pub fn program() -> Result<Image> {
    let path = program_path()?;
    let file =
        files::read(&path, MAX_ELF as u64).with_context(|| format!("cannot read {}", path.display()))?;
    Image::load(&file).with_context(|| format!("{} is not a program", path.display()))
}

/// What a witness has for the VM.
pub fn host(witness: &BlockWitness) -> Preimages {
    Preimages::from(witness.preimages.clone()).with_blobs(witness.blobs.clone())
}

/// The VM before the run over a witness's block.
pub fn start(image: &Image, witness: &BlockWitness) -> Result<Machine<Preimages>, RunError> {
    Machine::new(image, witness.boot.hash(), host(witness))
}
