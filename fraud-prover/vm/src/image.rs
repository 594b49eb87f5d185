//! A program, ready to run: its memory, hashed and decoded once for all runs.

use crate::{
    code::{Code, MAX_CODE},
    elf::{Elf, ElfError, Segment},
    flat::PAGE_BYTES,
    machine_state::{Cpu, State},
    tree::Tree,
};
use alloy_primitives::B256;
use std::{collections::BTreeMap, sync::Arc};

/// A program. Clones share everything.
#[derive(Clone)]
pub struct Image {
    pub(crate) tree: Tree,
    pub(crate) code: Arc<Code>,
    entry: u32,
}

impl Image {
    /// Loads a static ELF64 RISC-V executable.
    ///
    /// # Errors
    /// As [`Elf::parse`]; and if executable segments span more than 16 MiB.
    pub fn load(file: &[u8]) -> Result<Self, ElfError> {
        let elf = Elf::parse(file)?;
        Self::new(&elf.segments, elf.entry)
    }

    /// A program from its parts.
    ///
    /// # Errors
    /// If executable segments span more than 16 MiB.
    pub fn new(segments: &[Segment<'_>], entry: u32) -> Result<Self, ElfError> {
        let mut pages: BTreeMap<u32, Box<[u8; PAGE_BYTES]>> = BTreeMap::new();
        for segment in segments {
            let mut address = segment.address as usize;
            let mut bytes = segment.bytes;
            while !bytes.is_empty() {
                let at = address % PAGE_BYTES;
                let (part, rest) = bytes.split_at(bytes.len().min(PAGE_BYTES - at));
                let page =
                    pages.entry((address / PAGE_BYTES) as u32).or_insert_with(|| Box::new([0; PAGE_BYTES]));
                page[at..at + part.len()].copy_from_slice(part);
                address += part.len();
                bytes = rest;
            }
        }
        let executable = || segments.iter().filter(|segment| segment.executable);
        let start = executable().map(|segment| segment.address & !3).min().unwrap_or(0);
        let end = executable().map(|segment| u64::from(segment.address) + segment.length).max().unwrap_or(0);
        let span = end.next_multiple_of(4).saturating_sub(start.into());
        if span > MAX_CODE.into() {
            return Err(ElfError::TooMuchCode(span));
        }
        let word = |address: u32| {
            let page = pages.get(&(address / PAGE_BYTES as u32));
            let at = address as usize % PAGE_BYTES;
            page.map_or(0, |page| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]))
        };
        let code = Arc::new(Code::decode(start, (span / 4) as u32, word));
        let mut tree = Tree::new();
        tree.update(pages.iter().map(|(number, page)| (*number, &**page)));
        Ok(Self { tree, code, entry })
    }

    /// The memory root that runs start with: with [`Self::entry`], what a contract needs to know of a program.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Address of the first instruction.
    #[must_use]
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// The state that a run with this boot hash starts from.
    #[must_use]
    pub fn start(&self, boot_hash: B256) -> State {
        State { root: self.root(), cpu: Cpu::start(self.entry.into(), boot_hash) }
    }

    /// A name for the program: the hash of the start state with a boot hash of zero.
    #[must_use]
    pub fn prestate_hash(&self) -> B256 {
        self.start(B256::ZERO).hash()
    }
}
