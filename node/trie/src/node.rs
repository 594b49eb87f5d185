//! Trie nodes, kept as their own RLP.
//!
//! A node is its encoding plus pointers to those children that are loaded. Reading walks the encoding in place, a
//! changed child's reference is patched into it at commit, and hashing needs no encoding step: most of a node's
//! bytes are never touched. That matters most in the guest, where copying a 32-byte hash costs as much as a dozen
//! comparisons.

use crate::{
    Shape,
    path::{MAX_NIBBLES, NibbleRun, check_compact},
    rlp::{self, EMPTY_STRING},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::B256;

/// First byte of a reference by hash: the header of a 32-byte string.
const HASH_HEADER: u8 = 0xa0;
/// Length of a reference by hash.
const HASH_REF: usize = 33;
/// A node whose encoding is shorter than this stands in its parent in place of its hash.
pub(crate) const INLINE_LIMIT: usize = 32;

/// A node that is loaded.
#[derive(Clone)]
pub(crate) enum TrieNode {
    Leaf(Leaf),
    Ext(Box<Ext>),
    Branch(Box<Branch>),
}

impl TrieNode {
    /// Decodes the node that stands `depth` nibbles below the root. Accepts canonical nodes only, so that whatever
    /// is built from them is canonical too; a path may not lead further down than keys do.
    pub(crate) fn decode(bytes: &[u8], depth: usize) -> Result<Self, &'static str> {
        let list = rlp::item(bytes, 0)?;
        if !list.list || list.end != bytes.len() {
            return Err("not exactly one list");
        }
        let first = rlp::item(bytes, list.start)?;
        if !first.list && first.end < list.end {
            let second = rlp::item(bytes, first.end)?;
            if second.end == list.end {
                return Self::decode_short(bytes, first, second, depth);
            }
        }
        Branch::decode(bytes, list.start, depth).map(|branch| Self::Branch(Box::new(branch)))
    }

    fn decode_short(
        bytes: &[u8],
        path: rlp::Item,
        second: rlp::Item,
        depth: usize,
    ) -> Result<Self, &'static str> {
        // A branch below the longest keys' ends is refused, so `depth` is at most MAX_NIBBLES.
        let (leaf, odd) = check_compact(&bytes[path.start..path.end], MAX_NIBBLES - depth)?;
        // A checked path has at most 33 bytes, and headers at most five, so these fit.
        let (hp_at, hp_end) = (path.start as u8, path.end as u8);
        if leaf {
            if second.list || second.start == second.end {
                return Err("leaf without a value");
            }
            return Ok(Self::Leaf(Leaf {
                rlp: bytes.into(),
                hp_at,
                hp_end,
                val_at: second.start as u8,
                odd,
            }));
        }
        if path.end - path.start == 1 && !odd {
            return Err("extension with an empty path");
        }
        if reference_kind(bytes, path.end)? == Kind::Empty {
            return Err("extension without a child");
        }
        Ok(Self::Ext(Box::new(Ext { rlp: bytes.to_vec(), hp_at, hp_end, odd, stale: false, kid: None })))
    }

    /// What is known of the children.
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Leaf(_) => Shape::LEAF,
            // Below an extension there is always a branch.
            Self::Ext(ext) => {
                let deep = ext.kid.as_ref().is_none_or(|kid| kid.shape().inner != 0);
                Shape { inner: 1, deep: deep.into() }
            }
            Self::Branch(branch) => {
                let Shape { inner, deep } = branch.shape;
                Shape { inner: inner & branch.present, deep: deep & branch.present }
            }
        }
    }

    /// The node's encoding; it is current when no child is stale.
    pub(crate) fn rlp(&self) -> &[u8] {
        match self {
            Self::Leaf(leaf) => &leaf.rlp,
            Self::Ext(ext) => &ext.rlp,
            Self::Branch(branch) => branch.rlp(),
        }
    }
}

/// The end of a path, with its value.
#[derive(Clone)]
pub(crate) struct Leaf {
    rlp: Box<[u8]>,
    hp_at: u8,
    hp_end: u8,
    val_at: u8,
    // A bool, whose spare bit patterns keep `TrieNode` at three words.
    odd: bool,
}

impl Leaf {
    pub(crate) fn new(path: NibbleRun<'_>, value: &[u8]) -> Self {
        let hp_len = path.compact_len();
        let hp_item = if hp_len == 1 { 1 } else { 1 + hp_len };
        let payload = hp_item + rlp::string_len(value);
        let mut rlp = Vec::with_capacity(rlp::header_len(payload) + payload);
        rlp::put_list_header(&mut rlp, payload);
        if hp_len > 1 {
            rlp.push(EMPTY_STRING + hp_len as u8);
        }
        let hp_at = rlp.len() as u8;
        path.put_compact(true, &mut rlp);
        let hp_end = rlp.len() as u8;
        rlp::put_string(&mut rlp, value);
        let val_at = (rlp.len() - value.len()) as u8;
        Self { rlp: rlp.into_boxed_slice(), hp_at, hp_end, val_at, odd: path.len() % 2 == 1 }
    }

    pub(crate) fn path(&self) -> NibbleRun<'_> {
        NibbleRun::of_compact(&self.rlp[self.hp_at.into()..self.hp_end.into()], self.odd)
    }

    pub(crate) fn value(&self) -> &[u8] {
        &self.rlp[self.val_at.into()..]
    }

    /// Whether the leaf's path is exactly `rest`.
    pub(crate) fn is_at(&self, rest: NibbleRun<'_>) -> bool {
        let path = self.path();
        path.len() == rest.len() && path.common_prefix(&rest) == rest.len()
    }

    /// Replaces the value; returns false if it is the same.
    pub(crate) fn set_value(&mut self, value: &[u8]) -> bool {
        if self.value() == value {
            return false;
        }
        // A single byte may or may not have a header; any other length says how the value is encoded.
        if self.value().len() == value.len() && value.len() != 1 {
            self.rlp[self.val_at.into()..].copy_from_slice(value);
        } else {
            *self = Self::new(self.path(), value);
        }
        true
    }
}

/// A path that several keys share, down to a branch.
#[derive(Clone)]
pub(crate) struct Ext {
    rlp: Vec<u8>,
    hp_at: u8,
    hp_end: u8,
    odd: bool,
    /// The child is loaded and has changed since the reference in `rlp` was written.
    pub(crate) stale: bool,
    pub(crate) kid: Option<TrieNode>,
}

impl Ext {
    /// An extension to a child whose reference is known; it need not be loaded.
    pub(crate) fn new(path: NibbleRun<'_>, reference: &[u8], kid: Option<TrieNode>) -> Self {
        let hp_len = path.compact_len();
        let hp_item = if hp_len == 1 { 1 } else { 1 + hp_len };
        let payload = hp_item + reference.len();
        let mut rlp = Vec::with_capacity(rlp::header_len(payload) + payload);
        rlp::put_list_header(&mut rlp, payload);
        if hp_len > 1 {
            rlp.push(EMPTY_STRING + hp_len as u8);
        }
        let hp_at = rlp.len() as u8;
        path.put_compact(false, &mut rlp);
        let hp_end = rlp.len() as u8;
        rlp.extend_from_slice(reference);
        Self { rlp, hp_at, hp_end, odd: path.len() % 2 == 1, stale: false, kid }
    }

    /// An extension to a loaded child whose reference the next commit computes.
    pub(crate) fn stale(path: NibbleRun<'_>, kid: TrieNode) -> Self {
        Self { stale: true, ..Self::new(path, &[EMPTY_STRING], Some(kid)) }
    }

    pub(crate) fn path(&self) -> NibbleRun<'_> {
        NibbleRun::of_compact(&self.rlp[self.hp_at.into()..self.hp_end.into()], self.odd)
    }

    /// The child's reference; meaningless while the child is stale.
    pub(crate) fn reference(&self) -> &[u8] {
        &self.rlp[self.hp_end.into()..]
    }

    /// Writes the child's new reference.
    pub(crate) fn set_reference(&mut self, reference: &[u8]) {
        if self.reference().len() == reference.len() {
            self.rlp[self.hp_end.into()..].copy_from_slice(reference);
        } else {
            let kid = self.kid.take();
            *self = Self::new(self.path(), reference, kid);
        }
        self.stale = false;
    }
}

/// What an item that refers to a child is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    Hash,
    Inline,
}

/// Classifies the child reference at `at`, and checks that it lies within `buf`.
fn reference_kind(buf: &[u8], at: usize) -> Result<Kind, &'static str> {
    let (kind, len) = match *buf.get(at).ok_or("truncated RLP")? {
        EMPTY_STRING => (Kind::Empty, 1),
        HASH_HEADER => (Kind::Hash, HASH_REF),
        // A list whose encoding, header included, is shorter than 32 bytes.
        first @ 0xc1..=0xde => (Kind::Inline, 1 + usize::from(first - 0xc0)),
        _ => return Err("child is neither a hash nor a short node"),
    };
    if buf.len() - at < len {
        return Err("truncated RLP");
    }
    Ok(kind)
}

/// Room in front of a branch's payload, in which its header stands right-aligned: the payload never moves when the
/// header's length changes. Nine bytes would do; eleven put the payload, which in a node's RLP usually follows a
/// three-byte header, at the same alignment as there, so that the guest copies whole words.
const RESERVE: usize = 11;

/// Sixteen ways on, and a value for the key that ends here.
#[derive(Clone)]
pub(crate) struct Branch {
    /// RESERVE bytes with the header at their end, then sixteen references and the value.
    buf: Vec<u8>,
    /// Where the header starts.
    start: u8,
    /// Slots of `buf` that hold a hash.
    hashed: u16,
    /// Slots of `buf` that hold a whole node.
    inlined: u16,
    /// Children whose slot in `buf` is out of date: `kids` alone says what they are.
    pub(crate) stale: u16,
    /// Children that exist.
    pub(crate) present: u16,
    /// What is known of the children that are present and not stale.
    pub(crate) shape: Shape,
    pub(crate) kids: [Option<TrieNode>; 16],
}

impl Branch {
    pub(crate) fn empty() -> Self {
        let mut buf = Vec::with_capacity(128);
        buf.resize(RESERVE + 17, EMPTY_STRING);
        let kids = [const { None }; 16];
        let mut branch =
            Self { buf, start: 0, hashed: 0, inlined: 0, stale: 0, present: 0, shape: Shape::UNKNOWN, kids };
        branch.seal();
        branch
    }

    fn decode(bytes: &[u8], payload: usize, depth: usize) -> Result<Self, &'static str> {
        if depth >= MAX_NIBBLES {
            return Err("branch where keys have ended");
        }
        let (mut hashed, mut inlined) = (0u16, 0u16);
        let mut at = payload;
        for i in 0..16 {
            at += match reference_kind(bytes, at)? {
                Kind::Empty => 1,
                Kind::Hash => {
                    hashed |= 1 << i;
                    HASH_REF
                }
                Kind::Inline => {
                    inlined |= 1 << i;
                    inline_len(bytes[at])
                }
            };
        }
        let value = rlp::item(bytes, at)?;
        if value.list || value.end != bytes.len() {
            return Err("branch without exactly one value");
        }
        let present = hashed | inlined;
        if present.count_ones() + u32::from(value.start != value.end) < 2 {
            return Err("branch with fewer than two entries");
        }
        let mut buf = Vec::with_capacity(RESERVE + bytes.len() - payload);
        let start = RESERVE - payload;
        buf.resize(start, 0);
        buf.extend_from_slice(bytes);
        let kids = [const { None }; 16];
        Ok(Self { buf, start: start as u8, hashed, inlined, stale: 0, present, shape: Shape::UNKNOWN, kids })
    }

    pub(crate) fn rlp(&self) -> &[u8] {
        &self.buf[self.start.into()..]
    }

    /// Where slot `i` of `buf` starts; 16 is the value.
    fn slot_at(&self, i: usize) -> usize {
        let below = ((1u32 << i) - 1) as u16;
        let hashes = (self.hashed & below).count_ones() as usize;
        let mut at = RESERVE + i + (HASH_REF - 1) * hashes;
        if self.inlined & below != 0 {
            // Rare: inlined nodes have any length, so their slots must be walked.
            at = RESERVE;
            for j in 0..i {
                at += self.slot_len(j, at);
            }
        }
        at
    }

    fn slot_len(&self, i: usize, at: usize) -> usize {
        match 1 << i {
            bit if self.hashed & bit != 0 => HASH_REF,
            bit if self.inlined & bit != 0 => inline_len(self.buf[at]),
            _ => 1,
        }
    }

    /// Child `i`'s reference as the encoding has it; meaningless while the child is stale.
    pub(crate) fn slot(&self, i: usize) -> &[u8] {
        let at = self.slot_at(i);
        &self.buf[at..at + self.slot_len(i, at)]
    }

    /// Writes child `i`'s reference, which is current from now on. Call `seal` after the last one.
    pub(crate) fn set_slot(&mut self, i: usize, reference: &[u8]) {
        let at = self.slot_at(i);
        let len = self.slot_len(i, at);
        if len == reference.len() {
            self.buf[at..at + len].copy_from_slice(reference);
        } else {
            self.buf.splice(at..at + len, reference.iter().copied());
        }
        let bit = 1 << i;
        self.hashed &= !bit;
        self.inlined &= !bit;
        self.stale &= !bit;
        match reference {
            [EMPTY_STRING] => self.present &= !bit,
            [HASH_HEADER, ..] => (self.hashed, self.present) = (self.hashed | bit, self.present | bit),
            _ => (self.inlined, self.present) = (self.inlined | bit, self.present | bit),
        }
    }

    /// Notes what child `i` is: its shape, and whether it is a leaf.
    pub(crate) fn set_shape(&mut self, i: usize, is_leaf: bool, child: Shape) {
        let bit = 1 << i;
        let set = |mask: u16, on: bool| if on { mask | bit } else { mask & !bit };
        self.shape.inner = set(self.shape.inner, !is_leaf);
        self.shape.deep = set(self.shape.deep, child.inner != 0);
    }

    /// Makes a loaded node child `i`; its slot is written at commit.
    pub(crate) fn set_kid(&mut self, i: usize, kid: TrieNode) {
        self.kids[i] = Some(kid);
        self.stale |= 1 << i;
        self.present |= 1 << i;
    }

    /// Removes child `i`.
    pub(crate) fn clear_kid(&mut self, i: usize) {
        self.kids[i] = None;
        self.stale |= 1 << i;
        self.present &= !(1 << i);
    }

    /// The value of the key that ends here; empty if there is none.
    pub(crate) fn value(&self) -> &[u8] {
        let at = self.slot_at(16);
        // The value is the last item and was written or checked by us.
        match rlp::item(&self.buf, at) {
            Ok(item) => &self.buf[item.start..item.end],
            Err(_) => &[],
        }
    }

    /// Sets the value, or removes it when empty.
    pub(crate) fn set_value(&mut self, value: &[u8]) {
        let at = self.slot_at(16);
        self.buf.truncate(at);
        rlp::put_string(&mut self.buf, value);
        self.seal();
    }

    /// Writes the header for the payload's present length.
    pub(crate) fn seal(&mut self) {
        let payload = self.buf.len() - RESERVE;
        self.start = rlp::list_header_into(&mut self.buf[..RESERVE], payload) as u8;
    }
}

/// Length of an inlined node, by its first byte.
fn inline_len(first: u8) -> usize {
    1 + usize::from(first - 0xc0)
}

/// A reference to a child as it stands in its parent: 33 bytes for a hash, or the node itself if it is short.
#[derive(Clone, Copy)]
pub(crate) struct Ref {
    len: u8,
    bytes: [u8; HASH_REF],
}

impl Ref {
    pub(crate) fn hash(hash: &B256) -> Self {
        let mut bytes = [HASH_HEADER; HASH_REF];
        bytes[1..].copy_from_slice(&hash[..]);
        Self { len: HASH_REF as u8, bytes }
    }

    /// A node shorter than INLINE_LIMIT.
    pub(crate) fn inline(rlp: &[u8]) -> Self {
        let mut bytes = [0; HASH_REF];
        bytes[..rlp.len()].copy_from_slice(rlp);
        Self { len: rlp.len() as u8, bytes }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }
}

/// The hash that a reference consists of, unless it is a node inlined.
pub(crate) fn hash_in(reference: &[u8]) -> Option<B256> {
    match reference {
        [HASH_HEADER, hash @ ..] => B256::try_from(hash).ok(),
        _ => None,
    }
}
