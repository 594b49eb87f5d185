//! Completions for shells and manual pages, from the definition of a command line: what they say is what is parsed.
//!
//! Two commands that help does not show serve those who make packages: `completions SHELL` prints a script, and `man DIR`
//! writes a page for each command.

use std::{fs, io, path::PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

/// The command that prints a shell's script.
const COMPLETIONS: &str = "completions";

/// The command that writes the manual.
const MANUAL: &str = "man";

/// The manual's pages can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write manual pages to {folder}: {cause}")]
pub struct NoManual {
    /// Where they should have been written to.
    folder: PathBuf,
    /// Why not.
    cause: io::Error,
}

/// The commands of this module.
pub(crate) fn commands() -> [Command; 2] {
    let shell = Arg::new("SHELL").required(true).value_parser(value_parser!(Shell));
    let folder = Arg::new("DIR").required(true).value_parser(value_parser!(PathBuf));
    [
        Command::new(COMPLETIONS).about("Print completions for a shell").hide(true).arg(shell),
        Command::new(MANUAL).about("Write the manual's pages to a folder").hide(true).arg(folder),
    ]
}

/// Does what these commands were asked for, about `documented`: the text to print; `None` for other commands.
///
/// # Errors
/// If a page can't be written.
pub(crate) fn answer(mut documented: Command, matches: &ArgMatches) -> Result<Option<String>, NoManual> {
    match matches.subcommand() {
        Some((COMPLETIONS, arguments)) => {
            let Some(shell) = arguments.get_one::<Shell>("SHELL") else { return Ok(None) };
            let name = documented.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut documented, name, &mut script);
            Ok(Some(String::from_utf8_lossy(&script).into_owned()))
        }
        Some((MANUAL, arguments)) => {
            let Some(folder) = arguments.get_one::<PathBuf>("DIR") else { return Ok(None) };
            let written =
                fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(documented, folder));
            written.map_err(|cause| NoManual { folder: folder.clone(), cause })?;
            Ok(Some(String::new()))
        }
        _ => Ok(None),
    }
}
