//! Where a payload is read from.

use core::convert::Infallible;

/// A payload, read from the front no further than it means something: in the fault proof VM every element of a blob costs a
/// step that may have to be proven.
pub trait PayloadSource {
    /// Why it cannot be read.
    type Error;

    /// Its length in bytes.
    fn length(&self) -> u64;

    /// What comes next; empty at the end only.
    fn piece(&mut self) -> Result<&[u8], Self::Error>;
}

/// Bytes that are there already, and are read at once.
impl PayloadSource for &[u8] {
    type Error = Infallible;

    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn piece(&mut self) -> Result<&[u8], Infallible> {
        Ok(core::mem::take(self))
    }
}
