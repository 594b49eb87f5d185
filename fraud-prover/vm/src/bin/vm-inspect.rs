//! `vm-inspect ELF`: what a contract has to know of a program. Fails if the program holds an instruction that the machine
//! does not have.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use vm::{Elf, Image, MAX_ELF};

/// Foreign instructions that are shown; a wrongly built program has thousands.
const SHOWN: usize = 5;

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1) else {
        eprintln!("usage: vm-inspect ELF");
        return ExitCode::from(2);
    };
    match read(path.as_ref()).map_err(|error| error.to_string()).and_then(|file| inspect(&file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vm-inspect: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Reads a file, but not more of it than shows that it is too long.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_ELF as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn inspect(file: &[u8]) -> Result<(), String> {
    let elf = Elf::parse(file).map_err(|error| error.to_string())?;
    let foreign = elf.foreign_instructions();
    if !foreign.is_empty() {
        let shown = foreign.iter().take(SHOWN).map(|(at, word)| format!("{word:#010x} at {at:#x}"));
        let shown: Vec<_> = shown.collect();
        return Err(format!("foreign instructions: {}", shown.join(", ")));
    }
    let code = elf.segments.iter().filter(|segment| segment.executable).map(|segment| segment.length);
    let (code, all) = (code.sum::<u64>(), elf.segments.iter().map(|segment| segment.length).sum::<u64>());
    let image = Image::load(file).map_err(|error| error.to_string())?;
    println!("file      {} bytes", file.len());
    println!("image     {all} bytes, {code} of code");
    println!("entry     {:#x}", image.entry());
    println!("root      {}", image.root());
    println!("prestate  {} (with a boot hash of zero)", image.prestate_hash());
    Ok(())
}
