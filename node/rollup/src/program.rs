//! Locates the fault proof program.
//!
//! One file serves everybody: a deployment takes the constants of the game contract from it, a challenger runs it.
//! `make build` puts it beside the binaries; an installation has it in `lib/recourse`, beside the `bin` of the binaries.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Names another file than the one beside the binaries.
pub const PROGRAM_VARIABLE: &str = "RECOURSE_PROGRAM";

/// Where an installation has the file, from the folder above that of the binaries on: `/usr/lib/recourse` for `/usr/bin`.
const INSTALLED: &str = "lib/recourse";

/// Name of the file beside the binaries, an ELF file for the fault proof VM.
pub const PROGRAM_FILE: &str = "recourse-program.elf";

/// The fault proof program was not found.
#[derive(Debug, thiserror::Error)]
#[error(
    "no fault proof program {PROGRAM_FILE} beside {beside} or in ../{INSTALLED}, and {PROGRAM_VARIABLE} names none: run make program"
)]
pub struct NoProgram {
    /// The running binary.
    beside: String,
}

/// The program's file: what `RECOURSE_PROGRAM` names, else the one beside the running binary (or one folder up, where a
/// test's binary has it), else the one that was installed with it.
pub fn program_path() -> Result<PathBuf, NoProgram> {
    if let Some(named) = env::var_os(PROGRAM_VARIABLE) {
        return Ok(named.into());
    }
    let binary = env::current_exe().unwrap_or_default();
    let folders: Vec<&Path> = binary.ancestors().skip(1).take(2).collect();
    let installed = folders.last().map(|folder| folder.join(INSTALLED));
    let mut files = folders
        .iter()
        .map(|folder| folder.to_path_buf())
        .chain(installed)
        .map(|folder| folder.join(PROGRAM_FILE));
    files.find(|file| file.is_file()).ok_or_else(|| NoProgram { beside: binary.display().to_string() })
}
