//! Where the program starts, and where it ends when it fails.
#![allow(unsafe_code)]

use core::{arch::global_asm, panic::PanicInfo};

use crate::{
    machine::{halt, halt_without_output},
    program,
};

// Memory is zero where the image says nothing, so there is nothing to clear. The boot hash stays in a0 to a3.
global_asm!(
    ".section .text.start",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "la sp, STACK_TOP",
    "j {start}",
    start = sym start,
);

/// Takes the boot hash, runs, exits.
extern "C" fn start(a0: u64, a1: u64, a2: u64, a3: u64) -> ! {
    let mut boot_hash = [0; 32];
    for (bytes, word) in boot_hash.chunks_exact_mut(8).zip([a0, a1, a2, a3]) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    match program::run(boot_hash) {
        Some(output) => halt(output.0),
        None => halt_without_output(),
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    halt_without_output()
}
