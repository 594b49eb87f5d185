//! Memory: blocks whose sizes are powers of two, in a list of free ones for each size.
//!
//! A block that is given back is used again for the same size. So a long block's memory stays within twice what was in
//! use at the peak of each size, and both directions take a few instructions. Fresh memory comes from behind the
//! program, upwards, and is zero.
#![allow(unsafe_code)]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

/// Smallest block: a leaf, so that preimages can be read straight into any block.
const MIN_SHIFT: u32 = 5;
/// Number of sizes, up to half of the memory.
const CLASSES: usize = 27;
/// All blocks are aligned to their sizes up to this: an accelerator's page.
const MAX_ALIGN: usize = 1024;
/// Where memory ends.
const END: usize = 1 << 32;

unsafe extern "C" {
    /// Where the linker ends the program.
    static HEAP_START: u8;
}

struct Heap(UnsafeCell<State>);

struct State {
    /// Where fresh memory begins; 0 until the first allocation.
    fresh: usize,
    /// The first free block of each size, which holds the address of the next.
    free: [*mut u8; CLASSES],
}

// SAFETY: the machine has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { fresh: 0, free: [ptr::null_mut(); CLASSES] }));

/// The class of a block that holds `layout`.
#[inline(always)]
fn class(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(1 << MIN_SHIFT);
    (usize::BITS - (size - 1).leading_zeros() - MIN_SHIFT) as usize
}

impl State {
    /// A fresh block, all zero; null when memory is used up.
    #[cold]
    fn grow(&mut self, class: usize) -> *mut u8 {
        if class >= CLASSES {
            return ptr::null_mut();
        }
        let size = 1usize << (class as u32 + MIN_SHIFT);
        if self.fresh == 0 {
            self.fresh = (&raw const HEAP_START).addr();
        }
        let start = self.fresh.next_multiple_of(if size < MAX_ALIGN { size } else { MAX_ALIGN });
        if size > END - start {
            return ptr::null_mut();
        }
        self.fresh = start + size;
        ptr::with_exposed_provenance_mut(start)
    }
}

// SAFETY: blocks do not overlap: fresh ones follow on each other, and a free one leaves its list before it is handed out.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and nothing here calls the allocator again.
        let state = unsafe { &mut *self.0.get() };
        let class = class(layout);
        match state.free.get_mut(class) {
            Some(first) if !first.is_null() => {
                let block = *first;
                // SAFETY: a free block holds the address of the next.
                *first = unsafe { block.cast::<*mut u8>().read() };
                block
            }
            _ => state.grow(class),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let state = unsafe { &mut *self.0.get() };
        if let Some(first) = state.free.get_mut(class(layout)) {
            // SAFETY: the block is no longer in use, and large enough for an address.
            unsafe { block.cast::<*mut u8>().write(*first) };
            *first = block;
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let state = unsafe { &mut *self.0.get() };
        let class = class(layout);
        match state.free.get(class) {
            Some(first) if !first.is_null() => {
                // SAFETY: the block has at least that size.
                let block = unsafe { self.alloc(layout) };
                // SAFETY: as above.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            _ => state.grow(class),
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller vouches that the new size fits a layout of the same alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if class(layout) == class(new_layout) {
            return block;
        }
        // SAFETY: both blocks hold the smaller of the two sizes.
        unsafe {
            let new_block = self.alloc(new_layout);
            if !new_block.is_null() {
                let len = if layout.size() < new_size { layout.size() } else { new_size };
                new_block.copy_from_nonoverlapping(block, len);
                self.dealloc(block, layout);
            }
            new_block
        }
    }
}
