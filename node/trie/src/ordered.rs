use crate::{
    EMPTY_ROOT,
    node::{INLINE_LIMIT, Ref},
    path::Run,
    rlp::{self, EMPTY_STRING},
};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// The root of the trie that maps `rlp(i)` to the `i`-th item: the transactions root of a block's transactions, the
/// receipts root of its receipts. Items are encoded, and not empty.
///
/// No trie is built: the keys are known to come in order, so each node is encoded once, from its children's
/// references, in one buffer.
pub fn ordered_root<I: AsRef<[u8]>>(items: &[I]) -> B256 {
    if items.is_empty() {
        return EMPTY_ROOT;
    }
    let mut builder = Builder {
        items,
        buf: Vec::with_capacity(1024),
    };
    let reference = builder.subtree(0, items.len(), 0);
    match crate::node::hash_in(reference.as_slice()) {
        Some(hash) => hash,
        None => keccak256(reference.as_slice()),
    }
}

struct Builder<'a, I> {
    items: &'a [I],
    /// Node under construction.
    buf: Vec<u8>,
}

impl<I: AsRef<[u8]>> Builder<'_, I> {
    /// The index of the item whose key is the `rank`-th in order: 1 to 127 are single bytes, zero is 0x80, and the
    /// rest are longer strings.
    fn index(&self, rank: usize) -> usize {
        match rank {
            _ if rank >= 128 => rank,
            _ if rank + 1 < self.items.len().min(128) => rank + 1,
            _ => 0,
        }
    }

    fn key(&self, rank: usize) -> Key {
        Key::new(self.index(rank))
    }

    /// Encodes the node over the keys with ranks `from..to` that share `depth` nibbles; returns its reference.
    fn subtree(&mut self, from: usize, to: usize, depth: usize) -> Ref {
        let first = self.key(from);
        let rest = Run::of_key(first.as_slice(), depth);
        if to - from == 1 {
            return self.leaf(rest, self.index(from));
        }
        let last = self.key(to - 1);
        let shared = rest.common_prefix(&Run::of_key(last.as_slice(), depth));
        let branch = self.branch(from, to, depth + shared);
        if shared == 0 {
            branch
        } else {
            self.ext(rest.take(shared), &branch)
        }
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
            self.buf
                .extend_from_slice(slot.as_ref().map_or(&[EMPTY_STRING], Ref::as_slice));
        }
        self.buf.push(EMPTY_STRING);
        self.finish()
    }

    fn ext(&mut self, path: Run<'_>, child: &Ref) -> Ref {
        self.start_short(path, false, child.as_slice().len());
        self.buf.extend_from_slice(child.as_slice());
        self.finish()
    }

    fn leaf(&mut self, path: Run<'_>, index: usize) -> Ref {
        let items = self.items;
        let value = items[index].as_ref();
        self.start_short(path, true, rlp::string_len(value));
        rlp::put_string(&mut self.buf, value);
        self.finish()
    }

    /// Writes header and path of a leaf or an extension, of which `rest` bytes follow.
    fn start_short(&mut self, path: Run<'_>, leaf: bool, rest: usize) {
        let hp_len = path.compact_len();
        let hp_item = if hp_len == 1 { 1 } else { 1 + hp_len };
        self.buf.clear();
        rlp::put_list_header(&mut self.buf, hp_item + rest);
        if hp_len > 1 {
            self.buf.push(EMPTY_STRING + hp_len as u8);
        }
        path.put_compact(leaf, &mut self.buf);
    }

    fn finish(&self) -> Ref {
        if self.buf.len() < INLINE_LIMIT {
            Ref::inline(&self.buf)
        } else {
            Ref::hash(&keccak256(&self.buf))
        }
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
        Self {
            bytes,
            len: 1 + content.len(),
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn nibble(&self, i: usize) -> u8 {
        crate::path::nibble(&self.bytes, i)
    }
}
