//! The fault proof program: [`stf::run`] on the fault proof VM (`fraud-prover/vm/README.md`).
//!
//! It starts with the hash of a boot in four registers, reads everything else by preimages, and exits with code 0 and
//! the block's output root, or with code 1 if there is none.
//!
//! | module | owns |
//! |---|---|
//! | `entry` | start, and the end when it fails |
//! | `program` | what happens in between |
//! | `machine` | environment calls |
//! | `heap` | memory |
//! | `mem` | copying, filling, comparing |
//! | `hash` | keccak256: by the accelerator or, where the input is longer than it takes, in software |
//! | `crypto` | sender recovery and precompiles, in the same two ways |
//!
//! Built for anything but the VM, this is an empty program, so that the workspace builds as a whole.
#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

#[cfg(target_arch = "riscv64")]
extern crate alloc;

#[cfg(target_arch = "riscv64")]
mod crypto;
#[cfg(target_arch = "riscv64")]
mod entry;
#[cfg(target_arch = "riscv64")]
mod hash;
#[cfg(target_arch = "riscv64")]
mod heap;
#[cfg(target_arch = "riscv64")]
mod machine;
#[cfg(target_arch = "riscv64")]
mod mem;
#[cfg(target_arch = "riscv64")]
mod program;

#[cfg(not(target_arch = "riscv64"))]
fn main() {
    eprintln!("this program runs on the fault proof VM: `make program` builds it");
    std::process::exit(2);
}
