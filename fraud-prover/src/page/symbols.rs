//! Where the fault proof program is, by what its file says of it.

use std::path::Path;

use addr2line::{Loader, demangle_auto};
use object::{Object, ObjectSymbol, SymbolKind};
use serde::Serialize;

/// A place in the source of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SourcePlace {
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// The place of an instruction; `None` if the file does not say. A release has names of functions, and no lines.
pub(super) fn place(program: &Path, pc: u64) -> Option<SourcePlace> {
    let function = function(&std::fs::read(program).ok()?, pc);
    let loader = Loader::new(program).ok();
    let location = loader.as_ref().and_then(|loader| loader.find_location(pc).ok()?);
    let file = location.as_ref().and_then(|location| location.file.map(str::to_owned));
    let line = location.and_then(|location| location.line);
    (function.is_some() || line.is_some()).then_some(SourcePlace { function, file, line })
}

/// The function that holds an instruction. (A loader's own search takes the labels inside of functions, too.)
fn function(program: &[u8], pc: u64) -> Option<String> {
    let file = object::File::parse(program).ok()?;
    let holds = |symbol: &object::Symbol<'_, '_>| {
        let length = pc.checked_sub(symbol.address());
        symbol.kind() == SymbolKind::Text && length.is_some_and(|length| length < symbol.size())
    };
    let symbol = file.symbols().find(holds)?;
    Some(demangle_auto(symbol.name().ok()?.into(), None).into_owned())
}
