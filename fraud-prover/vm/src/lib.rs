//! The fault proof VM: a deterministic RISC-V machine whose every step can be checked on L1.
//!
//! The VM is specified by the table in this folder's README. The crate knows nothing of rollups: it runs a
//! program, says what state it is in after any number of steps, and makes and checks witnesses of single steps.
//!
//! # Data flow
//!
//! - [`Image::load`] reads an ELF file: memory pages, hashed; instructions, decoded. Its root and entry are the
//!   constants by which a contract knows the program.
//! - A [`Machine`] runs an image from a boot hash, or goes on from a [`Snapshot`]. Plain instructions go through a
//!   fast interpreter over flat memory; the rest, and the last few steps before a requested one, through a plain
//!   reference interpreter. Nothing is hashed until a state is asked for, and then only what has changed.
//! - Preimages and blobs come from a [`Host`]; [`Preimages`] has both by their hashes.
//! - [`Machine::witness`] gives what proves the next step; [`verify()`] checks it as the contract does.
//!
//! # Errors
//!
//! A program can't cause any: what it does wrong exits the machine with code 2, as defined. [`RunError`] is about
//! the host (a preimage is missing) or the system; [`ElfError`] about a file; [`WitnessError`] about a witness, which
//! may be any bytes.
//!
//! # Example
//!
//! ```
//! use alloy_primitives::B256;
//! use vm::{Image, Machine, Segment, verify};
//!
//! // addi a0, a0, 1; then a jump to itself.
//! let code = [0x0015_0513u32, 0x0000_006f].map(u32::to_le_bytes).concat();
//! let segment = Segment { address: 0x1000, bytes: &code, length: 8, executable: true };
//! let image = Image::new(&[segment], 0x1000)?;
//! let mut machine = Machine::new(&image, B256::ZERO, ())?;
//! let witness = machine.witness()?;
//! assert_eq!(verify(&witness.state, &witness.witness)?, machine.states_at(&[1])?[0]);
//! assert_eq!(machine.cpu().x[10], 1);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod accel;
#[cfg(any(test, feature = "generate"))]
pub mod asm;
mod code;
mod elf;
mod fast;
mod flat;
#[cfg(any(test, feature = "generate"))]
pub mod generate;
mod host;
mod image;
mod isa;
mod machine;
mod machine_state;
mod operation;
mod reference;
mod slot;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod witness;

pub use accel::{
    ACCEL_MAX_GAS, ACCEL_MAX_LENGTH, cost as accel_cost, exists as accel_exists, op as accel_op,
};
pub use elf::{Elf, ElfError, MAX_ELF, Segment};
pub use host::{BlobProof, Host, HostError, Preimages};
pub use image::Image;
pub use isa::{Form, Instruction, Op};
pub use machine::{Call, Machine, RunError, RunOutcome, Snapshot};
pub use machine_state::{Cpu, STATE_LENGTH, State};
pub use reference::Access;
pub use tree::{DEPTH, zero_hash};
pub use verify::{WitnessError, successor, verify};
pub use witness::StepWitness;
