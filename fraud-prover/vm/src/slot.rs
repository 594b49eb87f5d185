//! A pre-decoded instruction.

use crate::operation::Operation;

/// The register that writes to x0 go to; nothing reads it.
pub(crate) const SINK: u8 = 32;

/// A pre-decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) operation: Operation,
    /// rd ([`SINK`] for x0); of stores and branches, rs2.
    pub(crate) a: u8,
    /// rs1.
    pub(crate) b: u8,
    /// Immediate; the distance in slots of jumps and branches; rs2 of register operations.
    pub(crate) c: i32,
}

impl Slot {
    /// Left to the reference interpreter.
    pub(crate) const SLOW: Self = Self { operation: Operation::Slow, a: 0, b: 0, c: 0 };
}
