//! Runs of nibbles inside packed bytes, so that keys and node paths are compared and cut without being unpacked.

use crate::Nibbles;
use alloc::vec::Vec;

/// The longest path in nibbles: that of a 32-byte key.
pub(crate) const MAX_NIBBLES: usize = 64;

/// Flag nibble of a leaf's compact path; an extension's is zero.
const LEAF_FLAG: u8 = 0x20;
/// Flag of a compact path with an odd number of nibbles, of which the first shares the flags' byte.
const ODD_FLAG: u8 = 0x10;

/// The nibbles `start..end` of `bytes`, the high half of each byte first.
#[derive(Clone, Copy)]
pub(crate) struct NibbleRun<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> NibbleRun<'a> {
    /// What is left of a key after `depth` nibbles. `depth` is at most the key's length.
    pub(crate) fn of_key(key: &'a [u8], depth: usize) -> Self {
        Self { bytes: key, start: depth, end: 2 * key.len() }
    }

    /// The path inside a compact encoding that [`check_compact`] has accepted.
    pub(crate) fn of_compact(compact: &'a [u8], odd: bool) -> Self {
        Self { bytes: compact, start: if odd { 1 } else { 2 }, end: 2 * compact.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// The nibble at `i`, which is below `len`.
    pub(crate) fn at(&self, i: usize) -> u8 {
        nibble(self.bytes, self.start + i)
    }

    /// The run without its first `n` nibbles; `n` is at most `len`.
    pub(crate) fn skip(&self, n: usize) -> Self {
        Self { start: self.start + n, ..*self }
    }

    /// The first `n` nibbles; `n` is at most `len`.
    pub(crate) fn take(&self, n: usize) -> Self {
        Self { end: self.start + n, ..*self }
    }

    /// How many leading nibbles the two runs share.
    pub(crate) fn common_prefix(&self, other: &NibbleRun<'_>) -> usize {
        let n = self.len().min(other.len());
        let mut i = 0;
        if self.start % 2 == other.start % 2 {
            // Same alignment: whole bytes can be compared.
            if self.start % 2 == 1 && n > 0 {
                if self.at(0) != other.at(0) {
                    return 0;
                }
                i = 1;
            }
            let whole = (n - i) / 2;
            let (from_a, from_b) = ((self.start + i) / 2, (other.start + i) / 2);
            let (a, b) = (&self.bytes[from_a..from_a + whole], &other.bytes[from_b..from_b + whole]);
            i += 2 * if a == b { whole } else { a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(whole) };
        }
        while i < n && self.at(i) == other.at(i) {
            i += 1;
        }
        i
    }

    /// Bytes of the compact encoding.
    pub(crate) fn compact_len(&self) -> usize {
        self.len() / 2 + 1
    }

    /// Appends the compact ("hex-prefix") encoding.
    pub(crate) fn put_compact(&self, leaf: bool, out: &mut Vec<u8>) {
        let flags = if leaf { LEAF_FLAG } else { 0 };
        let mut i = 0;
        if self.len() % 2 == 1 {
            out.push(flags | ODD_FLAG | self.at(0));
            i = 1;
        } else {
            out.push(flags);
        }
        let at = self.start + i;
        if at.is_multiple_of(2) {
            out.extend_from_slice(&self.bytes[at / 2..self.end / 2]);
        } else {
            while i < self.len() {
                out.push(self.at(i) << 4 | self.at(i + 1));
                i += 2;
            }
        }
    }
}

pub(crate) fn nibble(bytes: &[u8], i: usize) -> u8 {
    let byte = bytes[i / 2];
    if i.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}

/// Checks a compact path that may have at most `room` nibbles; returns (leaf, odd).
pub(crate) fn check_compact(compact: &[u8], room: usize) -> Result<(bool, bool), &'static str> {
    let flags = *compact.first().ok_or("empty compact path")?;
    let odd = flags & ODD_FLAG != 0;
    if flags & 0xc0 != 0 || (!odd && flags & 0x0f != 0) {
        return Err("bad flags in compact path");
    }
    if 2 * compact.len() - 2 + usize::from(odd) > room {
        return Err("path longer than any key");
    }
    Ok((flags & LEAF_FLAG != 0, odd))
}

/// The first `depth` nibbles of a key as a path.
pub(crate) fn key_prefix(key: &[u8], depth: usize) -> Nibbles {
    Nibbles::unpack(&key[..depth.div_ceil(2)]).slice(..depth)
}

/// A path under construction, one nibble a byte.
pub(crate) struct PathBuf {
    nibbles: [u8; MAX_NIBBLES],
    len: usize,
}

impl PathBuf {
    pub(crate) fn new() -> Self {
        Self { nibbles: [0; MAX_NIBBLES], len: 0 }
    }

    /// Appends a nibble. Nodes are checked to lie within `MAX_NIBBLES`, so there is always room.
    pub(crate) fn push(&mut self, nibble: u8) {
        self.nibbles[self.len] = nibble;
        self.len += 1;
    }

    pub(crate) fn extend(&mut self, run: NibbleRun<'_>) {
        (0..run.len()).for_each(|i| self.push(run.at(i)));
    }

    /// Packs two nibbles a byte, ending on a byte boundary as node paths do.
    pub(crate) fn pack(&self) -> Packed {
        let mut packed =
            Packed { bytes: [0; MAX_NIBBLES / 2], start: self.len % 2, end: self.len + self.len % 2 };
        for (i, nibble) in (packed.start..).zip(&self.nibbles[..self.len]) {
            packed.bytes[i / 2] |= if i % 2 == 0 { nibble << 4 } else { *nibble };
        }
        packed
    }
}

/// A path that owns its nibbles, packed.
pub(crate) struct Packed {
    bytes: [u8; MAX_NIBBLES / 2],
    start: usize,
    end: usize,
}

impl Packed {
    pub(crate) fn run(&self) -> NibbleRun<'_> {
        NibbleRun { bytes: &self.bytes, start: self.start, end: self.end }
    }
}
