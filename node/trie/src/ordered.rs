use crate::{
    EMPTY_ROOT,
    node::{INLINE_LIMIT, Ref},
    path::NibbleRun,
    rlp::{self, EMPTY_STRING},
};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use keccak_lanes::keccak256_batch;

/// The root of the trie that maps `rlp(i)` to the `i`-th item: the transactions root of a block's transactions, the
/// receipts root of its receipts. Items are encoded, and not empty.
///
/// No trie is built: the keys are known to come in order, so each node is encoded once, from its children's
/// references. Leaves, which are most of the work, are hashed many at a time.
pub fn ordered_root<I: AsRef<[u8]>>(items: &[I]) -> B256 {
    if items.is_empty() {
        return EMPTY_ROOT;
    }
    let mut builder =
        Builder { count: items.len(), leaves: Vec::with_capacity(items.len()), buf: Vec::new() };
    builder.hash_leaves(items);
    let reference = builder.subtree(0, items.len(), 0);
    match crate::node::hash_in(reference.as_slice()) {
        Some(hash) => hash,
        None => keccak256(reference.as_slice()),
    }
}

/// Leaves hashed at a time: enough to fill wide registers, few enough for their encodings to stay in the cache.
const LEAVES_AT_ONCE: usize = 64;

struct Builder {
    /// How many items there are.
    count: usize,
    /// The leaves' references, in order of their keys.
    leaves: Vec<Ref>,
    /// Node under construction; leaves, one after the other.
    buf: Vec<u8>,
}

impl Builder {
    /// The index of the item whose key is the `rank`-th in order: 1 to 127 are single bytes, zero is 0x80, and the
    /// rest are longer strings.
    fn index(&self, rank: usize) -> usize {
        match rank {
            _ if rank >= 128 => rank,
            _ if rank + 1 < self.count.min(128) => rank + 1,
            _ => 0,
        }
    }

    /// Encodes and hashes all leaves.
    fn hash_leaves<I: AsRef<[u8]>>(&mut self, items: &[I]) {
        let mut ends = Vec::with_capacity(LEAVES_AT_ONCE);
        // Nibbles that a key shares with the one before it.
        let mut shared_before = None;
        for rank in 0..self.count {
            let key = self.key(rank);
            let path = NibbleRun::of_key(key.as_slice(), 0);
            let shared_after = (rank + 1 < self.count)
                .then(|| path.common_prefix(&NibbleRun::of_key(self.key(rank + 1).as_slice(), 0)));
            // A leaf hangs below the branch where its key parts from its neighbours': one nibble further down.
            let depth = shared_before.max(shared_after).map_or(0, |shared| shared + 1);
            shared_before = shared_after;

            let value = items[self.index(rank)].as_ref();
            self.put_short(path.skip(depth), true, rlp::string_len(value));
            rlp::put_string(&mut self.buf, value);
            ends.push(self.buf.len());
            if ends.len() == LEAVES_AT_ONCE || rank + 1 == self.count {
                self.hash_encoded(&ends);
                ends.clear();
                self.buf.clear();
            }
        }
    }

    /// Hashes the leaves in the buffer, which end at `ends`.
    fn hash_encoded(&mut self, ends: &[usize]) {
        let starts = [0].into_iter().chain(ends.iter().copied());
        let encodings = starts.zip(ends).map(|(start, end)| &self.buf[start..*end]);
        let long: Vec<&[u8]> = encodings.clone().filter(|rlp| rlp.len() >= INLINE_LIMIT).collect();
        let hashes = keccak256_batch(&long);
        let mut hashes = hashes.iter();
        for rlp in encodings {
            let hash = if rlp.len() < INLINE_LIMIT { None } else { hashes.next() };
            self.leaves.push(hash.map_or_else(|| Ref::inline(rlp), Ref::hash));
        }
    }

    fn key(&self, rank: usize) -> Key {
        Key::new(self.index(rank))
    }

    /// Encodes the node over the keys with ranks `from..to` that share `depth` nibbles; returns its reference.
    fn subtree(&mut self, from: usize, to: usize, depth: usize) -> Ref {
        let first = self.key(from);
        let rest = NibbleRun::of_key(first.as_slice(), depth);
        if to - from == 1 {
            return self.leaves[from];
        }
        let last = self.key(to - 1);
        let shared = rest.common_prefix(&NibbleRun::of_key(last.as_slice(), depth));
        let branch = self.branch(from, to, depth + shared);
        if shared == 0 { branch } else { self.ext(rest.take(shared), &branch) }
    }

    /// Keys are RLP items, of which none is a prefix of another: branches have no values.
    fn branch(&mut self, from: usize, to: usize, depth: usize) -> Ref {
        let mut slots = [const { None }; 16];
        let mut payload = 17;
        let mut start = from;
        while start < to {
            let nibble = self.key(start).nibble(depth);
            let mut end = start + 1;
            while end < to && self.key(end).nibble(depth) == nibble {
                end += 1;
            }
            let child = self.subtree(start, end, depth + 1);
            payload += child.as_slice().len() - 1;
            slots[usize::from(nibble)] = Some(child);
            start = end;
        }
        self.buf.clear();
        rlp::put_list_header(&mut self.buf, payload);
        for slot in &slots {
            self.buf.extend_from_slice(slot.as_ref().map_or(&[EMPTY_STRING], Ref::as_slice));
        }
        self.buf.push(EMPTY_STRING);
        self.finish()
    }

    fn ext(&mut self, path: NibbleRun<'_>, child: &Ref) -> Ref {
        self.buf.clear();
        self.put_short(path, false, child.as_slice().len());
        self.buf.extend_from_slice(child.as_slice());
        self.finish()
    }

    /// Appends header and path of a leaf or an extension, of which `rest` bytes follow.
    fn put_short(&mut self, path: NibbleRun<'_>, leaf: bool, rest: usize) {
        let hp_len = path.compact_len();
        let hp_item = if hp_len == 1 { 1 } else { 1 + hp_len };
        rlp::put_list_header(&mut self.buf, hp_item + rest);
        if hp_len > 1 {
            self.buf.push(EMPTY_STRING + hp_len as u8);
        }
        path.put_compact(leaf, &mut self.buf);
    }

    fn finish(&self) -> Ref {
        if self.buf.len() < INLINE_LIMIT { Ref::inline(&self.buf) } else { Ref::hash(&keccak256(&self.buf)) }
    }
}

/// The RLP of an index.
struct Key {
    bytes: [u8; 9],
    len: usize,
}

impl Key {
    fn new(index: usize) -> Self {
        let be = (index as u64).to_be_bytes();
        let zeros = (index as u64).leading_zeros() as usize / 8;
        let content = &be[zeros..];
        let mut bytes = [0; 9];
        if let [byte @ 1..0x80] = content {
            bytes[0] = *byte;
            return Self { bytes, len: 1 };
        }
        bytes[0] = EMPTY_STRING + content.len() as u8;
        bytes[1..=content.len()].copy_from_slice(content);
        Self { bytes, len: 1 + content.len() }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn nibble(&self, i: usize) -> u8 {
        crate::path::nibble(&self.bytes, i)
    }
}
