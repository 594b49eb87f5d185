//! Loading of files, hostile ones among them.

use crate::{
    Elf, ElfError, Image, Op, Segment,
    asm::{i, u},
};
use alloy_primitives::B256;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Field offsets of the ELF header.
mod at {
    pub(super) const TYPE: usize = 16;
    pub(super) const MACHINE: usize = 18;
    pub(super) const ENTRY: usize = 24;
    pub(super) const PROGRAM_HEADERS: usize = 32;
    pub(super) const SECTION_HEADERS: usize = 40;
    pub(super) const PROGRAM_HEADER_SIZE: usize = 54;
    pub(super) const PROGRAM_HEADER_COUNT: usize = 56;
    pub(super) const SECTION_HEADER_COUNT: usize = 60;
    /// Of the first program header.
    pub(super) const SEGMENT_TYPE: usize = 64;
    pub(super) const SEGMENT_FLAGS: usize = 68;
    pub(super) const SEGMENT_OFFSET: usize = 72;
    pub(super) const SEGMENT_ADDRESS: usize = 80;
    pub(super) const SEGMENT_FILE_LENGTH: usize = 96;
    pub(super) const SEGMENT_LENGTH: usize = 104;
}

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0ff0;
const DATA_LENGTH: usize = 64;

/// A file with a segment of code at [`CODE`] and one of data at [`DATA`], with 100 zero bytes behind; and a section
/// for the code.
fn file(code: &[u32]) -> Vec<u8> {
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(at::TYPE, &2u16.to_le_bytes());
    put(at::MACHINE, &243u16.to_le_bytes());
    put(at::ENTRY, &(CODE + 4).to_le_bytes());
    put(at::PROGRAM_HEADERS, &64u64.to_le_bytes());
    put(at::SECTION_HEADERS, &(64 + 2 * 56u64).to_le_bytes());
    put(at::PROGRAM_HEADER_SIZE, &56u16.to_le_bytes());
    put(at::PROGRAM_HEADER_COUNT, &2u16.to_le_bytes());
    put(58, &64u16.to_le_bytes());
    put(at::SECTION_HEADER_COUNT, &1u16.to_le_bytes());
    let start = 64 + 2 * 56 + 64;
    let segments = [(5u32, start, CODE, code.len(), 0), (6, start + code.len(), DATA, DATA_LENGTH, 100)];
    for (flags, offset, address, length, zeros) in segments {
        file.extend(1u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for field in [offset as u64, address, address, length as u64, (length + zeros) as u64, 4096] {
            file.extend(field.to_le_bytes());
        }
    }
    file.extend([0u32, 1].map(u32::to_le_bytes).concat());
    for field in [6, CODE, start as u64, code.len() as u64, 0, 4, 0] {
        file.extend(u64::to_le_bytes(field));
    }
    file.extend(code);
    file.extend(vec![7; DATA_LENGTH]);
    file
}

fn program() -> Vec<u8> {
    // The first word is padding.
    file(&[0, i(Op::Addi, 10, 0, 5), u(Op::Jal, 0, 0), 0xc000_1073])
}

fn patched(at: usize, bytes: &[u8]) -> Result<(), ElfError> {
    let mut file = program();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Elf::parse(&file).map(|_| ())
}

#[test]
fn loads_segments() {
    let file = program();
    let elf = Elf::parse(&file).unwrap();
    assert_eq!(elf.entry, CODE as u32 + 4);
    assert_eq!(elf.segments.len(), 2);
    assert!(elf.segments[0].executable && !elf.segments[1].executable);
    assert_eq!((elf.segments[1].address, elf.segments[1].length), (DATA as u32, 164));
    assert_eq!(elf.foreign_instructions(), []);
    // The same image from its parts; what is zero anyway needs not be said.
    let image = Image::load(&file).unwrap();
    let code = [0u32, i(Op::Addi, 10, 0, 5), u(Op::Jal, 0, 0), 0xc000_1073].map(u32::to_le_bytes).concat();
    let segments = [
        Segment { address: CODE as u32, bytes: &code, length: 16, executable: true },
        Segment { address: DATA as u32, bytes: &[7; DATA_LENGTH], length: 64, executable: false },
        Segment { address: 0x5_0000, bytes: &[0; 10], length: 5000, executable: false },
    ];
    let parts = Image::new(&segments, CODE as u32 + 4).unwrap();
    assert_eq!((image.root(), image.entry()), (parts.root(), parts.entry()));
    assert_eq!(image.prestate_hash(), parts.start(B256::ZERO).hash());
}

#[test]
fn finds_foreign_instructions() {
    // A compressed instruction's halves, a CSR instruction; but no padding, and nothing in data.
    let file = file(&[i(Op::Addi, 1, 1, 1), 0x8082_0001, 0, 0x0010_0073, 0xc020_2573]);
    let elf = Elf::parse(&file).unwrap();
    let at = CODE as u32;
    assert_eq!(elf.foreign_instructions(), [(at + 4, 0x8082_0001), (at + 16, 0xc020_2573)]);
    // Without sections, executable segments count.
    let mut bare = file.clone();
    bare[at::SECTION_HEADER_COUNT] = 0;
    assert_eq!(Elf::parse(&bare).unwrap().foreign_instructions(), elf.foreign_instructions());
}

#[test]
fn refuses_other_files() {
    let header = |field, found, expected| Err(ElfError::Header { field, found, expected });
    assert_eq!(patched(4, &[1]), header("class", 1, 2));
    assert_eq!(patched(5, &[2]), header("byte order", 2, 1));
    assert_eq!(patched(at::TYPE, &[3]), header("type", 3, 2));
    assert_eq!(patched(at::MACHINE, &[62]), header("machine", 62, 243));
    assert!(matches!(patched(0, &[0]), Err(ElfError::Header { field: "magic", .. })));
    assert_eq!(patched(at::PROGRAM_HEADER_SIZE, &[55]), header("header size", 55, 56));
    assert_eq!(patched(at::PROGRAM_HEADER_COUNT, &[1, 2]), Err(ElfError::TooManyHeaders(513)));
    assert_eq!(patched(at::PROGRAM_HEADERS, &[255; 8]), Err(ElfError::Truncated("program headers")));
    assert_eq!(patched(at::SECTION_HEADERS, &[255; 8]), Err(ElfError::Truncated("section headers")));
    for kind in [2, 3] {
        assert_eq!(patched(at::SEGMENT_TYPE, &[kind]), Err(ElfError::Dynamic));
    }
    // No code, or the entry elsewhere.
    assert_eq!(patched(at::SEGMENT_FLAGS, &[6]), Err(ElfError::Entry(CODE + 4)));
    assert_eq!(patched(at::PROGRAM_HEADER_COUNT, &[0]), Err(ElfError::Entry(CODE + 4)));
    for entry in [CODE - 4, CODE + 2, CODE + 16, DATA, 1 << 40] {
        assert_eq!(patched(at::ENTRY, &entry.to_le_bytes()), Err(ElfError::Entry(entry)));
    }
    assert_eq!(patched(at::SEGMENT_OFFSET, &[255; 8]), Err(ElfError::Truncated("segments")));
    let outside = |address, length| Err(ElfError::Segment { address, length });
    for address in [(1 << 32) - 15, 1 << 32, u64::MAX - 7] {
        assert_eq!(patched(at::SEGMENT_ADDRESS, &address.to_le_bytes()), outside(address, 16));
    }
    assert_eq!(patched(at::SEGMENT_FILE_LENGTH, &[17]), outside(CODE, 16));
    assert_eq!(patched(at::SEGMENT_LENGTH, &[255; 8]), outside(CODE, u64::MAX));
    assert_eq!(patched(at::SEGMENT_LENGTH, &0x1_1000u32.to_le_bytes()), Err(ElfError::Overlap(DATA)));
    assert_eq!(patched(at::SEGMENT_LENGTH, &0x1_0ff0u32.to_le_bytes()), Ok(()));
    assert_eq!(Elf::parse(&vec![0; crate::MAX_ELF + 1]), Err(ElfError::TooLong(crate::MAX_ELF + 1)));
    let file = program();
    for length in 0..file.len() {
        assert!(Elf::parse(&file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn refuses_too_much_code() {
    let code = |address, length| Segment { address, bytes: &[], length, executable: true };
    assert!(Image::new(&[code(0, 1 << 24)], 0).is_ok());
    assert_eq!(Image::new(&[code(0, (1 << 24) + 1)], 0).err(), Some(ElfError::TooMuchCode((1 << 24) + 4)));
    assert!(Image::new(&[code(0, 4), code(u32::MAX - 3, 4)], 0).is_err());
    // The end of memory is no special place.
    assert!(Image::new(&[code(u32::MAX - 7, 8)], u32::MAX - 7).is_ok());
}

#[test]
fn noise_never_panics() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let program = program();
    let mut loaded = 0;
    for _ in 0..20_000 {
        let mut file = program.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..64 + 2 * 56 + 64);
            file[at] = if rng.random_bool(0.5) { rng.random() } else { 1 << rng.random_range(0..8) };
        }
        if let Ok(elf) = Elf::parse(&file) {
            loaded += 1;
            assert!(elf.foreign_instructions().len() <= 100);
            // Without the time that many pages take.
            if elf.segments.iter().all(|segment| !segment.executable || segment.length < 1 << 16) {
                let _ = Image::load(&file);
            }
        }
    }
    assert!(loaded > 500);
}
