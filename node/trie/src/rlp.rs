//! The little RLP that trie nodes need: strict item headers, and writing them.

use alloc::vec::Vec;

/// Encoding of the empty string: an empty branch slot, an absent value.
pub(crate) const EMPTY_STRING: u8 = 0x80;
/// First byte of the shortest string, when added to its length.
const STRING: u8 = 0x80;
/// First byte of the shortest list, when added to its payload's length.
const LIST: u8 = 0xc0;

/// One item at the front of a buffer; positions count from the buffer's start.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) list: bool,
    /// Where the content starts.
    pub(crate) start: usize,
    /// Where the content, and so the item, ends. Never past the buffer.
    pub(crate) end: usize,
}

/// Reads the header of the item that begins at `at`. Refuses every encoding but the shortest.
pub(crate) fn item(buf: &[u8], at: usize) -> Result<Item, &'static str> {
    let first = *buf.get(at).ok_or("truncated RLP")?;
    let (list, start, len) = match first {
        0..0x80 => {
            return Ok(Item { list: false, start: at, end: at + 1 });
        }
        0x80..=0xb7 => (false, at + 1, usize::from(first - 0x80)),
        0xb8..=0xbf => {
            let (start, len) = long_length(buf, at + 1, usize::from(first - 0xb7))?;
            (false, start, len)
        }
        0xc0..=0xf7 => (true, at + 1, usize::from(first - 0xc0)),
        0xf8..=0xff => {
            let (start, len) = long_length(buf, at + 1, usize::from(first - 0xf7))?;
            (true, start, len)
        }
    };
    let end = start.checked_add(len).filter(|end| *end <= buf.len()).ok_or("truncated RLP")?;
    if !list && len == 1 && buf[start] < 0x80 {
        return Err("single byte with a header");
    }
    Ok(Item { list, start, end })
}

/// Reads a big-endian length of `size` bytes; returns where the content starts, and its length.
fn long_length(buf: &[u8], at: usize, size: usize) -> Result<(usize, usize), &'static str> {
    let bytes = buf.get(at..at + size).ok_or("truncated RLP")?;
    // More than four bytes would claim 4 GiB or more, and overflow where usize has 32 bits.
    if size > 4 {
        return Err("RLP length out of range");
    }
    let len = bytes.iter().fold(0u64, |len, byte| len << 8 | u64::from(*byte));
    if bytes[0] == 0 || len < 56 {
        return Err("RLP length not in its shortest form");
    }
    Ok((at + size, usize::try_from(len).map_err(|_| "RLP length out of range")?))
}

/// Bytes that the big-endian form of `len` takes.
fn length_bytes(len: usize) -> usize {
    (usize::BITS as usize - len.leading_zeros() as usize).div_ceil(8)
}

/// Length of a list's or long string's header.
pub(crate) fn header_len(len: usize) -> usize {
    if len < 56 { 1 } else { 1 + length_bytes(len) }
}

/// Length of the string item that holds `content`.
pub(crate) fn string_len(content: &[u8]) -> usize {
    match content {
        [byte] if *byte < 0x80 => 1,
        _ => header_len(content.len()) + content.len(),
    }
}

/// A header of up to nine bytes, at the end of the array; returns where it starts.
fn header(base: u8, len: usize) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    if len < 56 {
        bytes[8] = base + len as u8;
        return (bytes, 8);
    }
    let size = length_bytes(len);
    bytes[1..].copy_from_slice(&(len as u64).to_be_bytes());
    bytes[8 - size] = base + 55 + size as u8;
    (bytes, 8 - size)
}

/// Appends the header of a list with `len` bytes of payload.
pub(crate) fn put_list_header(out: &mut Vec<u8>, len: usize) {
    let (bytes, start) = header(LIST, len);
    out.extend_from_slice(&bytes[start..]);
}

/// Writes the header of a list so that it ends where `room` ends; returns where it starts.
pub(crate) fn list_header_into(room: &mut [u8], len: usize) -> usize {
    let (bytes, start) = header(LIST, len);
    let at = room.len() - (bytes.len() - start);
    room[at..].copy_from_slice(&bytes[start..]);
    at
}

/// Appends a string item.
pub(crate) fn put_string(out: &mut Vec<u8>, content: &[u8]) {
    if !matches!(content, [byte] if *byte < 0x80) {
        let (bytes, start) = header(STRING, content.len());
        out.extend_from_slice(&bytes[start..]);
    }
    out.extend_from_slice(content);
}
