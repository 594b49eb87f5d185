//! The machine's environment calls, as its specification has them.
#![allow(unsafe_code)]

use alloc::vec::Vec;
use alloy_primitives::B256;
use core::{arch::asm, cell::UnsafeCell};

/// Bytes that a preimage is read in, and an output is given in.
pub(crate) const LEAF: usize = 32;

/// Most bytes that an accelerator takes.
pub(crate) const PAGE: usize = 1024;

/// Exit codes.
const OK: usize = 0;
const NO_OUTPUT: usize = 1;

/// A leaf of memory.
#[repr(C, align(32))]
struct Leaf([u8; LEAF]);

/// Ends with an output.
pub(crate) fn halt(output: [u8; LEAF]) -> ! {
    exit(OK, &Leaf(output))
}

fn exit(code: usize, output: &Leaf) -> ! {
    // SAFETY: HALT does not return, and only reads the leaf.
    unsafe { asm!("ecall", in("a7") 0, in("a0") code, in("a1") output, options(noreturn)) }
}

/// Ends without an output.
pub(crate) fn halt_without_output() -> ! {
    // SAFETY: HALT does not return; pointer 0 is no output.
    unsafe { asm!("ecall", in("a7") 0, in("a0") NO_OUTPUT, in("a1") 0, options(noreturn)) }
}

/// Leaves a word in `tp`, so that each later state says it. No compiled code uses this register: it is for the thread that a
/// system runs (RISC-V calling convention), and there is neither here.
pub(crate) fn note(word: u64) {
    // SAFETY: see above.
    unsafe { asm!("mv tp, {word}", word = in(reg) word, options(nomem, nostack, preserves_flags)) }
}

/// A preimage on its way into memory.
pub(crate) struct Preimage {
    key: Leaf,
    first: Leaf,
    len: usize,
}

impl Preimage {
    /// Asks for the preimage of a hash.
    pub(crate) fn open(hash: &B256) -> Self {
        let mut preimage = Self { key: Leaf(hash.0), first: Leaf([0; LEAF]), len: 0 };
        // SAFETY: PREIMAGE reads the leaf at a0 and writes the leaf at a1; both are ours and aligned.
        unsafe {
            asm!(
                "ecall",
                in("a7") 1,
                inout("a0") &raw const preimage.key => preimage.len,
                in("a1") &raw mut preimage.first,
                in("a2") 0,
                options(nostack),
            );
        }
        preimage
    }

    /// Its length.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Reads it into an empty vector that has room for all of its leaves.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>) {
        assert!(into.is_empty() && into.capacity() >= self.len.next_multiple_of(LEAF));
        if self.len == 0 {
            return;
        }
        let start = into.as_mut_ptr();
        assert!(start.cast::<Leaf>().is_aligned());
        // SAFETY: the vector has room for this many leaves, and the heap gives it a leaf's alignment.
        unsafe { start.cast::<Leaf>().copy_from_nonoverlapping(&self.first, 1) };
        for offset in (LEAF..self.len).step_by(LEAF) {
            // SAFETY: as above; PREIMAGE reads one leaf and writes one, within the vector's room.
            unsafe {
                asm!(
                    "ecall",
                    in("a7") 1,
                    inout("a0") &raw const self.key => _,
                    in("a1") start.add(offset),
                    in("a2") offset,
                    options(nostack),
                );
            }
        }
        // SAFETY: the calls have written all of it.
        unsafe { into.set_len(self.len) };
    }
}

/// The field element at an index, below 4,096, of the blob with this versioned hash.
pub(crate) fn blob_element(versioned_hash: &B256, index: u16) -> B256 {
    let (key, mut element) = (Leaf(versioned_hash.0), Leaf([0; LEAF]));
    // SAFETY: BLOB reads the leaf at a0 and writes the leaf at a1; both are ours and aligned.
    unsafe {
        asm!(
            "ecall",
            in("a7") 2,
            in("a0") &raw const key,
            in("a1") &raw mut element,
            in("a2") usize::from(index),
            options(nostack),
        );
    }
    B256::new(element.0)
}

/// The page that accelerators work on.
#[repr(C, align(1024))]
struct Page(UnsafeCell<[u8; PAGE]>);

// SAFETY: the machine has one thread.
unsafe impl Sync for Page {}

static PAGE_IN_USE: Page = Page(UnsafeCell::new([0; PAGE]));

/// Calls an accelerator. Its input is the concatenation of `parts`, at most a page together; `Err` is its refusal.
pub(crate) fn accelerate(op: usize, parts: &[&[u8]]) -> Result<&'static [u8], Refused> {
    let page = PAGE_IN_USE.0.get().cast::<u8>();
    let mut at = 0;
    for part in parts {
        assert!(at + part.len() <= PAGE);
        // SAFETY: it fits, as just checked. Outputs are copied from the page before the next call (see below).
        unsafe { page.add(at).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
        at += part.len();
    }
    let (success, len): (usize, usize);
    // SAFETY: ACCEL reads and writes the page only.
    unsafe {
        asm!(
            "ecall",
            in("a7") 3,
            inout("a0") op => success,
            inout("a1") page => len,
            in("a2") at,
            options(nostack),
        );
    }
    if success != 1 {
        return Err(Refused);
    }
    // SAFETY: the output stands there until the next call; every caller copies it at once.
    Ok(unsafe { core::slice::from_raw_parts(page, len) })
}

/// An accelerator refuses its input.
pub(crate) struct Refused;

/// keccak256 of at most a page.
///
/// # Safety
/// `input` must be valid for reading `len` bytes, `output` for writing 32.
pub(crate) unsafe fn keccak_page(input: *const u8, len: usize, output: *mut u8) {
    debug_assert!(len <= PAGE);
    let page = PAGE_IN_USE.0.get().cast::<u8>();
    // SAFETY: the caller vouches for input and output, the page is long enough, and ACCEL only works on it.
    unsafe {
        page.copy_from_nonoverlapping(input, len);
        asm!(
            "ecall",
            in("a7") 3,
            inout("a0") 0 => _,
            inout("a1") page => _,
            in("a2") len,
            options(nostack),
        );
        output.copy_from_nonoverlapping(page, 32);
    }
}
