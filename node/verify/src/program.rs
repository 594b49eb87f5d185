//! The fault proof program as the contracts know it.

use std::path::Path;

use alloy::primitives::B256;
use anyhow::{Context, Result};

/// The fault proof program, as the VM starts with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Memory root of its image.
    pub root: B256,
    /// Its first pc.
    pub entry: u64,
}

impl Program {
    /// The program that challengers will run: the file that [`rollup::program::program_path`] finds.
    ///
    /// # Errors
    /// There is none, or it is none of the VM's.
    pub fn load() -> Result<Self> {
        Self::read(&rollup::program::program_path()?)
    }

    /// The program in an ELF file.
    ///
    /// # Errors
    /// It cannot be read, or is no program of the VM.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let file = rollup::files::read(path, vm::MAX_ELF as u64)
            .with_context(|| format!("cannot read the program {name}"))?;
        let image = vm::Image::load(&file)
            .with_context(|| format!("{name} is not a program of the fault proof VM"))?;
        Ok(Self { root: image.root(), entry: image.entry().into() })
    }
}
