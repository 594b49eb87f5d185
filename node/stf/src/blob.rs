//! Payloads in blobs (EIP-4844).
//!
//! A blob is 4,096 field elements of 32 bytes, each below the order of BLS12-381's scalar field. A payload uses the low 254
//! bits of each, so that every payload makes valid elements. Four elements carry 127 bytes, a group:
//!
//! | bytes of the group | place |
//! |---|---|
//! | 0..31, 31..62, 62..93, 93..124 | bytes 1 to 31 of the four elements |
//! | 124..127, as 24 bits | the low six bits of byte 0 of each element, the first element's first |
//!
//! The two highest bits of an element, and what stands behind the payload, mean nothing: whatever they are, a batch reads
//! the same. So every valid blob holds a payload of every length that fits.
//!
//! A node keeps whole blobs, since neither a commitment nor the proof of an element can be made from the payload alone.

use alloc::{boxed::Box, vec, vec::Vec};
use alloy_primitives::{B256, keccak256};
use core::convert::Infallible;

use crate::codec::PayloadSource;

/// Field elements of a blob.
pub const ELEMENTS: usize = 4096;

/// Bytes of a field element.
const ELEMENT: usize = 32;

/// Bytes of a blob.
pub const BLOB_SIZE: usize = 131_072;

const _: () = assert!(BLOB_SIZE == ELEMENTS * ELEMENT);

/// Most blobs that hold a batch: what L1 allows in a transaction (EIP-7594).
pub const MAX_BLOBS: usize = 6;

/// Elements that are read together.
const GROUP: usize = 4;

/// Bytes of a payload in an element besides its top byte.
const BODY: usize = ELEMENT - 1;

/// Bytes of a payload in a group: four bodies, and four times six bits.
const GROUP_ROOM: usize = GROUP * BODY + 3;

/// Bytes of a payload that fit a blob.
pub const BLOB_ROOM: usize = 130_048;

const _: () = assert!(BLOB_ROOM == ELEMENTS / GROUP * GROUP_ROOM);

/// Bits of a top byte that belong to the payload.
const TOP_BITS: u8 = 0x3f;

/// Groups that are given to the decoder at once: few, because what it does not need is not read.
const PIECE_GROUPS: usize = 32;

/// The commitment of a batch to its blobs: keccak256 over their versioned hashes, in order.
pub fn blobs_hash(versioned_hashes: &[B256]) -> B256 {
    keccak256(versioned_hashes.concat())
}

/// The blobs that hold a payload, as few as possible.
pub fn pack(payload: &[u8]) -> Vec<Box<[u8]>> {
    payload.chunks(BLOB_ROOM).map(pack_blob).collect()
}

fn pack_blob(payload: &[u8]) -> Box<[u8]> {
    let mut blob = vec![0; BLOB_SIZE].into_boxed_slice();
    for (elements, bytes) in blob.chunks_exact_mut(GROUP * ELEMENT).zip(payload.chunks(GROUP_ROOM)) {
        let mut group = [0; GROUP_ROOM];
        group[..bytes.len()].copy_from_slice(bytes);
        let (bodies, tops) = group.split_at(GROUP * BODY);
        let tops = u32::from_be_bytes([0, tops[0], tops[1], tops[2]]);
        for (index, (element, body)) in
            elements.chunks_exact_mut(ELEMENT).zip(bodies.chunks_exact(BODY)).enumerate()
        {
            element[0] = (tops >> (18 - 6 * index)) as u8 & TOP_BITS;
            element[1..].copy_from_slice(body);
        }
    }
    blob
}

/// The bytes that a group of elements carries.
fn unpack(elements: &[B256; GROUP], group: &mut [u8]) {
    let mut tops = 0u32;
    for (element, body) in elements.iter().zip(group.chunks_exact_mut(BODY)) {
        tops = tops << 6 | u32::from(element[0] & TOP_BITS);
        body.copy_from_slice(&element[1..]);
    }
    group[GROUP * BODY..].copy_from_slice(&tops.to_be_bytes()[1..]);
}

/// A payload in blobs, read element by element. `F` gives the element at an index of a blob, by the blob's position.
pub struct BlobPayload<F> {
    element: F,
    length: u64,
    read: u64,
    piece: Vec<u8>,
}

impl<F, E> BlobPayload<F>
where
    F: FnMut(usize, u16) -> Result<B256, E>,
{
    /// The payload of this length, which the blobs have room for.
    pub const fn new(length: u64, element: F) -> Self {
        Self { element, length, read: 0, piece: Vec::new() }
    }
}

impl<F, E> PayloadSource for BlobPayload<F>
where
    F: FnMut(usize, u16) -> Result<B256, E>,
{
    type Error = E;

    fn length(&self) -> u64 {
        self.length
    }

    fn piece(&mut self) -> Result<&[u8], E> {
        // What is wanted fits a usize: it is no more than a piece. A piece ends with its blob at the latest.
        let left = (self.length - self.read).min((PIECE_GROUPS * GROUP_ROOM) as u64) as usize;
        let (blob, at) = ((self.read / BLOB_ROOM as u64) as usize, (self.read % BLOB_ROOM as u64) as usize);
        let left = left.min(BLOB_ROOM - at);
        let first = at / GROUP_ROOM;
        let groups = left.div_ceil(GROUP_ROOM);
        self.piece.resize(groups * GROUP_ROOM, 0);
        for (group, into) in (first..).zip(self.piece.chunks_exact_mut(GROUP_ROOM)) {
            let mut elements = [B256::ZERO; GROUP];
            for (index, element) in (GROUP * group..).zip(&mut elements) {
                *element = (self.element)(blob, index as u16)?;
            }
            unpack(&elements, into);
        }
        self.read += left as u64;
        Ok(&self.piece[..left])
    }
}

/// The blobs of a batch as a node keeps them: their versioned hashes one after the other, then the blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobData<'a> {
    /// The blobs' versioned hashes.
    pub versioned_hashes: &'a [[u8; 32]],
    /// The blobs, in the same order.
    pub blobs: &'a [[u8; BLOB_SIZE]],
}

impl<'a> BlobData<'a> {
    /// Puts hashes and blobs together. They must be equally many.
    pub fn encode(versioned_hashes: &[B256], blobs: &[Box<[u8]>]) -> Vec<u8> {
        let hashes = versioned_hashes.iter().map(|hash| hash.as_slice());
        hashes.chain(blobs.iter().map(|blob| &blob[..])).collect::<Vec<_>>().concat()
    }

    /// Takes them apart; `None` if that is not what it is.
    pub fn decode(data: &'a [u8]) -> Option<Self> {
        let count = data.len() / (32 + BLOB_SIZE);
        let (hashes, blobs) = data.split_at_checked(32 * count)?;
        let (versioned_hashes, []) = hashes.as_chunks::<32>() else { return None };
        let (blobs, []) = blobs.as_chunks::<BLOB_SIZE>() else { return None };
        ((1..=MAX_BLOBS).contains(&count) && blobs.len() == count).then_some(Self { versioned_hashes, blobs })
    }

    /// The field element at an index of one of the blobs; zero where there is none.
    pub fn element(&self, blob: usize, index: u16) -> B256 {
        let at = usize::from(index) * ELEMENT;
        let element = self.blobs.get(blob).and_then(|blob| blob.get(at..at + ELEMENT));
        element.map(B256::from_slice).unwrap_or_default()
    }

    /// The payload of this length.
    pub fn payload(self, length: u64) -> impl PayloadSource<Error = Infallible> + 'a {
        BlobPayload::new(length, move |blob, index| Ok(self.element(blob, index)))
    }
}

#[cfg(all(test, feature = "std"))]
#[allow(clippy::unwrap_used)]
mod tests;
