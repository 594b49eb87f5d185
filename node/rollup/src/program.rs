//! Locates the fault proof program, and says how long a run of it may be.
//!
//! One file serves everybody: a deployment takes the constants of the game contract from it, a challenger runs it.
//! `make build` puts it beside the binaries; an installation has it in `lib/recourse`, beside the `bin` of the binaries.

use std::{
    env,
    path::{Path, PathBuf},
};

use stf::{ForkSchedule, Rules};

/// Most steps that a run of the fault proof program may take; a run that takes more counts as failed.
///
/// The worst block known takes 2^33.7: pairings of BLS12-381 with three pairs, 236 instructions per gas, in a block of the
/// largest gas limit. It must end within a quarter of this: worse blocks may exist that nobody has found. A higher limit
/// costs nobody anything. The depth of a dispute follows from the steps that are claimed, and honest claims are about real
/// runs.
pub const MAX_STEPS: u64 = 1 << 36;

/// The same where a block may have the rules before Karst, when modular exponentiation cost less (EIP-7883 came later): the
/// worst block takes 2^36.2.
pub const MAX_STEPS_BEFORE_KARST: u64 = 1 << 40;

/// Most steps of a run under the rules of this schedule.
pub fn max_steps(forks: &ForkSchedule) -> u64 {
    let is_older = |id: u8| Rules::from_id(id).is_some_and(|rules| rules < Rules::Karst);
    match forks.activations().iter().any(|activation| is_older(activation.rules)) {
        true => MAX_STEPS_BEFORE_KARST,
        false => MAX_STEPS,
    }
}

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
