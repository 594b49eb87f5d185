//! Static ELF64 executables for RISC-V. The file is hostile input: every field is checked before it is used.

use crate::{isa::Instruction, reference::MEMORY};

/// Longest file, in bytes. The guest has some 1 MB.
pub const MAX_ELF: usize = 64 << 20;
/// Most program or section headers.
const MAX_HEADERS: u16 = 256;
/// Most foreign instructions that are listed.
const MAX_FOREIGN: usize = 100;

/// What a segment may be: executable.
const PF_X: u32 = 1;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const ET_EXEC: u16 = 2;
const EM_RISCV: u16 = 243;
const SHT_PROGBITS: u32 = 1;
const SHF_EXECINSTR: u64 = 4;
const HEADER: usize = 64;
const PROGRAM_HEADER: u16 = 56;
const SECTION_HEADER: u16 = 64;

/// Words that compilers and linkers put where nothing may run: padding, and two ways to say "never reached". The
/// machine exits with code 2 there, as is meant.
const TRAPS: [u32; 3] = [0, /* unimp */ 0xc000_1073, /* ebreak */ 0x0010_0073];

/// Why a file is not a program for the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Longer than [`MAX_ELF`].
    #[error("the file has {0} bytes, more than {MAX_ELF}")]
    TooLong(usize),
    /// A header, table or segment lies outside the file.
    #[error("the file ends within its {0}")]
    Truncated(&'static str),
    /// A field of the ELF header has another value than the machine's programs have.
    #[error("not a static 64-bit RISC-V executable: {field} is {found}, not {expected}")]
    Header {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The value it must have.
        expected: u64,
    },
    /// More headers than are read.
    #[error("{0} headers, more than {MAX_HEADERS}")]
    TooManyHeaders(u16),
    /// The program needs a dynamic linker.
    #[error("the program is dynamically linked")]
    Dynamic,
    /// A segment doesn't fit into memory, or is shorter in memory than in the file.
    #[error("the segment of {length} bytes at {address:#x} is not within memory")]
    Segment {
        /// Where it should start.
        address: u64,
        /// Its length in memory.
        length: u64,
    },
    /// Two segments share memory.
    #[error("segments overlap at {0:#x}")]
    Overlap(u64),
    /// The entry is not an instruction's address in an executable segment.
    #[error("the entry {0:#x} is not in an executable segment")]
    Entry(u64),
    /// Executable segments are too far apart, or too large.
    #[error("executable segments span {0} bytes, more than {max}", max = crate::code::MAX_CODE)]
    TooMuchCode(u64),
}

/// A part of memory that a program starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Address of its first byte.
    pub address: u32,
    /// Its content; what follows is zero.
    pub bytes: &'a [u8],
    /// Its length in memory, at least that of `bytes`, and ending within memory.
    pub length: u64,
    /// Whether it holds instructions.
    pub executable: bool,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf<'a> {
    /// Address of the first instruction.
    pub entry: u32,
    /// What is loaded, by address; segments don't overlap.
    pub segments: Vec<Segment<'a>>,
    /// Executable parts, as (address, bytes): sections if the file lists any, otherwise segments.
    code: Vec<(u32, &'a [u8])>,
}

impl<'a> Elf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file is not a static executable of the machine's kind that fits into its memory.
    pub fn parse(file: &'a [u8]) -> Result<Self, ElfError> {
        if file.len() > MAX_ELF {
            return Err(ElfError::TooLong(file.len()));
        }
        let header = Fields(file.get(..HEADER).ok_or(ElfError::Truncated("header"))?);
        let expect = |field, found: u64, expected: u64| {
            if found == expected { Ok(()) } else { Err(ElfError::Header { field, found, expected }) }
        };
        expect("magic", header.u32(0).into(), u32::from_le_bytes(*b"\x7fELF").into())?;
        expect("class", header.0[4].into(), 2)?;
        expect("byte order", header.0[5].into(), 1)?;
        expect("type", header.u16(16).into(), ET_EXEC.into())?;
        expect("machine", header.u16(18).into(), EM_RISCV.into())?;
        let table =
            table(file, "program headers", header.u64(32), header.u16(54), header.u16(56), PROGRAM_HEADER)?;
        let segments = segments(file, table)?;
        let entry = header.u64(24);
        let holds_entry = |segment: &&Segment<'_>| {
            let start = u64::from(segment.address);
            segment.executable && (start..start + segment.length).contains(&entry)
        };
        if entry % 4 != 0 || !segments.iter().any(|segment| holds_entry(&segment)) {
            return Err(ElfError::Entry(entry));
        }
        let table = table_of_sections(file, &header)?;
        let mut code = sections(file, table)?;
        if code.is_empty() {
            let executable = segments.iter().filter(|segment| segment.executable);
            code = executable.map(|segment| (segment.address, segment.bytes)).collect();
        }
        // Below 2^32, since it lies in a segment.
        Ok(Self { entry: entry as u32, segments, code })
    }

    /// Words in executable sections that are not instructions of the machine, as (address, word); at most a hundred.
    /// Padding and words that mean "never reached" don't count. A program is meant to have none.
    #[must_use]
    pub fn foreign_instructions(&self) -> Vec<(u32, u32)> {
        let words = self.code.iter().flat_map(|(start, bytes)| {
            // A section that starts between words would have instructions of two bytes.
            let (words, rest) = bytes.as_chunks();
            let words = words.iter().map(|word| u32::from_le_bytes(*word));
            let rest = rest.iter().copied().map(u32::from);
            (*start..).step_by(4).zip(words.chain(rest))
        });
        let foreign = |(at, word): &(u32, u32)| {
            at % 4 != 0 || Instruction::decode(*word).is_none() && !TRAPS.contains(word)
        };
        words.filter(foreign).take(MAX_FOREIGN).collect()
    }
}

/// Little-endian fields of a header whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&self, at: usize, width: usize) -> u64 {
        self.0[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn u16(&self, at: usize) -> u16 {
        self.number(at, 2) as u16
    }

    fn u32(&self, at: usize) -> u32 {
        self.number(at, 4) as u32
    }

    fn u64(&self, at: usize) -> u64 {
        self.number(at, 8)
    }
}

/// A part of the file.
fn slice<'a>(file: &'a [u8], what: &'static str, offset: u64, length: u64) -> Result<&'a [u8], ElfError> {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        file.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    };
    range().ok_or(ElfError::Truncated(what))
}

/// A table of headers of a known size.
fn table<'a>(
    file: &'a [u8],
    what: &'static str,
    offset: u64,
    entry_size: u16,
    count: u16,
    expected_size: u16,
) -> Result<std::slice::ChunksExact<'a, u8>, ElfError> {
    if count == 0 {
        return Ok([].chunks_exact(1));
    }
    if entry_size != expected_size {
        let (found, expected) = (entry_size.into(), expected_size.into());
        return Err(ElfError::Header { field: "header size", found, expected });
    }
    if count > MAX_HEADERS {
        return Err(ElfError::TooManyHeaders(count));
    }
    let bytes = slice(file, what, offset, u64::from(count) * u64::from(entry_size))?;
    Ok(bytes.chunks_exact(entry_size.into()))
}

fn table_of_sections<'a>(
    file: &'a [u8],
    header: &Fields<'_>,
) -> Result<std::slice::ChunksExact<'a, u8>, ElfError> {
    table(file, "section headers", header.u64(40), header.u16(58), header.u16(60), SECTION_HEADER)
}

fn segments<'a>(
    file: &'a [u8],
    table: std::slice::ChunksExact<'a, u8>,
) -> Result<Vec<Segment<'a>>, ElfError> {
    let mut segments = Vec::new();
    for fields in table.map(Fields) {
        match fields.u32(0) {
            PT_DYNAMIC | PT_INTERP => return Err(ElfError::Dynamic),
            PT_LOAD => {}
            _ => continue,
        }
        let (address, length, file_length) = (fields.u64(16), fields.u64(40), fields.u64(32));
        if file_length > length || address.checked_add(length).is_none_or(|end| end > MEMORY) {
            return Err(ElfError::Segment { address, length });
        }
        if length > 0 {
            let bytes = slice(file, "segments", fields.u64(8), file_length)?;
            let executable = fields.u32(4) & PF_X != 0;
            // Below 2^32, since it ends there and is not empty.
            segments.push(Segment { address: address as u32, bytes, length, executable });
        }
    }
    segments.sort_by_key(|segment| segment.address);
    for pair in segments.windows(2) {
        if u64::from(pair[0].address) + pair[0].length > pair[1].address.into() {
            return Err(ElfError::Overlap(pair[1].address.into()));
        }
    }
    Ok(segments)
}

fn sections<'a>(
    file: &'a [u8],
    table: std::slice::ChunksExact<'a, u8>,
) -> Result<Vec<(u32, &'a [u8])>, ElfError> {
    let mut code = Vec::new();
    for fields in table.map(Fields) {
        if fields.u32(4) == SHT_PROGBITS && fields.u64(8) & SHF_EXECINSTR != 0 {
            let (address, length) = (fields.u64(16), fields.u64(32));
            if address.checked_add(length).is_none_or(|end| end > MEMORY) {
                return Err(ElfError::Segment { address, length });
            }
            let bytes = slice(file, "sections", fields.u64(24), length)?;
            if let Ok(address) = u32::try_from(address) {
                code.push((address, bytes));
            }
        }
    }
    Ok(code)
}
