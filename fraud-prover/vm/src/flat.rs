//! The memory of a running machine: 4 GiB of address space, of which the system backs what is touched.
//!
//! The only module of the crate with `unsafe` in it. Everything that it offers is sound for any arguments.
#![allow(unsafe_code)]

use crate::{
    operation::LONGEST,
    reference::{MEMORY, Memory},
    slot::Slot,
};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::{io, ops::Range, ptr::NonNull};

/// Bytes of a page: what is tracked as changed or not.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Pages of memory.
pub(crate) const PAGES: usize = 1 << 20;

/// Bytes mapped: a page more than the machine's memory, so that an access to any 32-bit address is in bounds,
/// aligned or not.
const MAPPED: usize = MEMORY as usize + PAGE_BYTES;

/// What a page's mark says.
mod mark {
    /// Not written since the last [`super::Flat::take_dirty`].
    pub(super) const CLEAN: u8 = 0;
    /// Written. The only mark with which a store needs nothing else.
    pub(super) const DIRTY: u8 = 1;
    /// Bit: holds pre-decoded instructions.
    pub(super) const CODE: u8 = 2;
}

/// A machine's memory, with a mark for each page.
pub(crate) struct Flat {
    base: NonNull<u8>,
    marks: Box<[u8; PAGES]>,
    /// Pages whose mark is dirty, in the order of their first store.
    dirty: Vec<u32>,
    /// Stores to code, as (address, length), since they were last taken.
    code_stores: Vec<(u32, u32)>,
    /// Addresses that hold code.
    code: Range<u64>,
}

// SAFETY: the mapping belongs to this value alone; all access goes through `&self` and `&mut self`.
unsafe impl Send for Flat {}
// SAFETY: as above; `&self` only reads.
unsafe impl Sync for Flat {}

impl Drop for Flat {
    fn drop(&mut self) {
        // SAFETY: the mapping is the one that `new` made, with its length, and no borrow of it outlives `self`. That
        // it fails is impossible for a valid mapping; were it to, the memory would stay mapped, which is sound.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), MAPPED) };
    }
}

impl Flat {
    /// Memory that is all zero, with code to be expected at the given addresses.
    ///
    /// # Errors
    /// If the system refuses the address space.
    pub(crate) fn new(code: Range<u64>) -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new anonymous mapping at an address that the system chooses overlaps nothing.
        let base = unsafe {
            mmap_anonymous(std::ptr::null_mut(), MAPPED, ProtFlags::READ | ProtFlags::WRITE, flags)?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // On the heap without a detour over the stack, and zero pages until they are used.
        let marks = vec![mark::CLEAN; PAGES].into_boxed_slice().try_into();
        let mut marks: Box<[u8; PAGES]> = marks.unwrap_or_else(|_| unreachable!("the slice has this length"));
        let pages = code.start as usize / PAGE_BYTES..(code.end as usize).div_ceil(PAGE_BYTES);
        marks[pages].fill(mark::CODE);
        Ok(Self { base, marks, dirty: Vec::new(), code_stores: Vec::new(), code })
    }

    /// Fills a page, without marking it.
    pub(crate) fn fill(&mut self, page: u32, bytes: &[u8; PAGE_BYTES]) {
        let at = (page as usize % PAGES) * PAGE_BYTES;
        // SAFETY: the page lies within the mapping; `bytes` is borrowed from elsewhere.
        unsafe { self.base.add(at).cast::<[u8; PAGE_BYTES]>().write(*bytes) };
    }

    /// A page's bytes.
    pub(crate) fn page(&self, page: u32) -> &[u8; PAGE_BYTES] {
        let at = (page as usize % PAGES) * PAGE_BYTES;
        // SAFETY: the page lies within the mapping, bytes need no alignment, and any bytes are valid.
        unsafe { self.base.add(at).cast().as_ref() }
    }

    /// Pages stored to since this was last called; they count as clean from now on.
    pub(crate) fn take_dirty(&mut self) -> Vec<u32> {
        for page in &self.dirty {
            self.marks[*page as usize] &= !mark::DIRTY;
        }
        std::mem::take(&mut self.dirty)
    }

    /// Stores to code since this was last called.
    pub(crate) fn take_code_stores(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.code_stores)
    }

    /// Whether there are any stores to code to take.
    pub(crate) fn has_code_stores(&self) -> bool {
        !self.code_stores.is_empty()
    }

    /// Access for the interpreter's loop.
    #[inline(always)]
    pub(crate) fn window(&mut self) -> Window<'_> {
        Window { base: self.base, marks: &mut self.marks, dirty: &mut self.dirty, code: &self.code }
    }
}

impl Memory for Flat {
    fn load<const N: usize>(&self, address: u32) -> [u8; N] {
        const { assert!(N <= PAGE_BYTES) };
        // SAFETY: `address + N` is at most MAPPED; any bytes are valid, and need no alignment.
        unsafe { self.base.add(address as usize).cast::<[u8; N]>().read() }
    }

    fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) {
        const { assert!(N <= PAGE_BYTES) };
        // A store that callers align lies within one page.
        let page = address as usize / PAGE_BYTES;
        if self.marks[page] & mark::DIRTY == 0 {
            self.marks[page] |= mark::DIRTY;
            self.dirty.push(page as u32);
        }
        if self.marks[page] & mark::CODE != 0 {
            self.code_stores.push((address, N as u32));
        }
        // SAFETY: as for loads, and `&mut self` makes this the only access.
        unsafe { self.base.add(address as usize).cast::<[u8; N]>().write(bytes) };
    }
}

/// A borrow of the memory whose parts the compiler can keep in registers.
pub(crate) struct Window<'a> {
    base: NonNull<u8>,
    marks: &'a mut [u8; PAGES],
    dirty: &'a mut Vec<u32>,
    code: &'a Range<u64>,
}

impl Window<'_> {
    /// The bytes at an address.
    #[inline(always)]
    pub(crate) fn load<const N: usize>(&self, address: u32) -> [u8; N] {
        const { assert!(N <= PAGE_BYTES) };
        // SAFETY: as in `Flat::load`; the window has borrowed the memory.
        unsafe { self.base.add(address as usize).cast::<[u8; N]>().read() }
    }

    /// Writes bytes that lie within one page. `false`, with nothing written, if they lie in code.
    #[inline(always)]
    pub(crate) fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> bool {
        const { assert!(N <= PAGE_BYTES) };
        let page = address >> PAGE_BYTES.trailing_zeros();
        if self.marks[page as usize] != mark::DIRTY && !self.careful_store(address, N) {
            return false;
        }
        // SAFETY: as in `Flat::store`; the window has borrowed the memory mutably.
        unsafe { self.base.add(address as usize).cast::<[u8; N]>().write(bytes) };
        true
    }

    /// Marks the page of a store; `false` if the store is to code. Called for every store to a page that holds code
    /// next to data, and otherwise for the first.
    #[cold]
    #[inline(never)]
    fn careful_store(&mut self, address: u32, length: usize) -> bool {
        let address = u64::from(address);
        if address + length as u64 > self.code.start && address < self.code.end {
            return false;
        }
        let page = address as usize / PAGE_BYTES;
        if self.marks[page] & mark::DIRTY == 0 {
            self.marks[page] |= mark::DIRTY;
            self.dirty.push(page as u32);
        }
        true
    }
}

/// Pre-decoded instructions, indexed without a branch.
#[derive(Clone)]
pub(crate) struct Slots {
    /// A power of two of them, and then one less than a window has.
    slots: Vec<Slot>,
    /// The power of two, less one.
    mask: usize,
}

impl Slots {
    /// `slots`, filled up with `padding`, by at least one.
    pub(crate) fn new(mut slots: Vec<Slot>, padding: Slot) -> Self {
        let length = (slots.len() + 1).next_power_of_two();
        slots.resize(length + LONGEST - 1, padding);
        Self { slots, mask: length - 1 }
    }

    /// A slot, and those behind it; indices wrap.
    #[inline(always)]
    pub(crate) fn window(&self, index: u32) -> &[Slot; LONGEST] {
        let index = index as usize & self.mask;
        // SAFETY: there are `mask + LONGEST` slots (`new`, and nothing changes that), and the index is at most `mask`.
        unsafe { &*self.slots.as_ptr().add(index).cast() }
    }

    /// Changes a slot; indices wrap.
    pub(crate) fn set(&mut self, index: u32, slot: Slot) {
        self.slots[index as usize & self.mask] = slot;
    }
}
