//! What the tests share: the obvious trie, a database by path, and generators.
#![allow(clippy::unwrap_used)]

mod formats;
mod hostile;
mod model;
mod subtree;
mod witness;

use crate::{Nibbles, NodeError, NodeSink, NodeSource, Trie};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Encodable;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::HashMap;

/// What a trie maps.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A generator whose seed a failing test prints.
fn seeded(test: &str, seed: u64) -> StdRng {
    println!("{test}: seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// The trie's root, from the definition in the Yellow Paper: every node anew, nothing clever.
fn obvious_root(model: &Model) -> B256 {
    let entries: Vec<(Vec<u8>, &[u8])> = model
        .iter()
        .map(|(key, value)| (key.iter().flat_map(|b| [b >> 4, b & 15]).collect(), value.as_slice()))
        .collect();
    keccak256(obvious_node(&entries, 0))
}

fn obvious_node(entries: &[(Vec<u8>, &[u8])], depth: usize) -> Vec<u8> {
    let [(first, value), others @ ..] = entries else {
        return vec![0x80];
    };
    if others.is_empty() {
        return obvious_list(&[obvious_string(&obvious_path(&first[depth..], true)), obvious_string(value)]);
    }
    let shared = (depth..first.len())
        .take_while(|i| others.iter().all(|(key, _)| key.get(*i) == Some(&first[*i])))
        .count();
    if shared > 0 {
        let path = obvious_path(&first[depth..depth + shared], false);
        return obvious_list(&[obvious_string(&path), obvious_reference(entries, depth + shared)]);
    }
    let mut items: Vec<Vec<u8>> = (0..16)
        .map(|nibble| {
            let below: Vec<_> =
                entries.iter().filter(|(key, _)| key.get(depth) == Some(&nibble)).cloned().collect();
            obvious_reference(&below, depth + 1)
        })
        .collect();
    let here = entries.iter().find(|(key, _)| key.len() == depth);
    items.push(obvious_string(here.map_or(&[], |(_, value)| value)));
    obvious_list(&items)
}

fn obvious_reference(entries: &[(Vec<u8>, &[u8])], depth: usize) -> Vec<u8> {
    let node = obvious_node(entries, depth);
    if node.len() < 32 { node } else { obvious_string(&keccak256(node)[..]) }
}

fn obvious_path(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let odd = nibbles.len() % 2 == 1;
    let mut all = vec![2 * u8::from(leaf) + u8::from(odd)];
    if !odd {
        all.push(0);
    }
    all.extend_from_slice(nibbles);
    all.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn obvious_string(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    content.encode(&mut out);
    out
}

fn obvious_list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut out = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

/// A database of the newest node at each path. It deletes nothing, and so shows that stale nodes do no harm.
#[derive(Clone, Default)]
struct PathDb(HashMap<(Option<B256>, Nibbles), Bytes>);

impl NodeSource for PathDb {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let missing = || NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash };
        let node = self.0.get(&(owner.copied(), *path)).ok_or_else(missing)?;
        if keccak256(node) == *hash { Ok(node.clone()) } else { Err(missing()) }
    }
}

impl NodeSink for PathDb {
    fn put(&mut self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8]) {
        assert_eq!(keccak256(rlp), *hash);
        assert!(rlp.len() >= 32 || path.is_empty());
        self.0.insert((owner.copied(), *path), Bytes::copy_from_slice(rlp));
    }
}

/// Makes keys and values of one style.
#[derive(Clone, Copy, Debug)]
struct Style {
    /// Lengths that keys have.
    lengths: &'static [usize],
    /// Bytes that keys consist of; few of them make long shared prefixes.
    alphabet: &'static [u8],
    /// Only the first bytes of a key vary; the rest are zero.
    varying: usize,
    max_value: usize,
}

const STYLES: &[Style] = &[
    // Tiny keys and values: everything is inlined, nodes collapse all the time.
    Style { lengths: &[1, 2], alphabet: &[0x00, 0x01, 0x10, 0x11, 0xf0], varying: 2, max_value: 3 },
    // Keys that end inside others: values in branches.
    Style { lengths: &[0, 1, 2, 3, 5], alphabet: &[0x00, 0x0f, 0xf0], varying: 5, max_value: 40 },
    // Long keys that differ early or late: deep extensions.
    Style { lengths: &[32], alphabet: &[0x00, 0x01, 0x10], varying: 3, max_value: 70 },
    Style { lengths: &[32], alphabet: &[0x77, 0x78], varying: 32, max_value: 4 },
    Style { lengths: &[4], alphabet: &[0x12, 0x13, 0x22, 0xa2], varying: 4, max_value: 34 },
];

impl Style {
    fn key(&self, rng: &mut StdRng) -> Vec<u8> {
        let mut key = vec![0; self.lengths[rng.random_range(0..self.lengths.len())]];
        // The last bytes, so that long keys share almost everything.
        let start = if rng.random_bool(0.5) { 0 } else { key.len().saturating_sub(self.varying) };
        for byte in key.iter_mut().skip(start).take(self.varying) {
            *byte = self.alphabet[rng.random_range(0..self.alphabet.len())];
        }
        key
    }

    fn value(&self, rng: &mut StdRng) -> Vec<u8> {
        let mut value = vec![0; rng.random_range(1..=self.max_value)];
        rng.fill(&mut value[..]);
        value
    }
}

/// A key that is there, or, sometimes, one that may not be.
fn some_key(model: &Model, style: &Style, rng: &mut StdRng) -> Vec<u8> {
    if model.is_empty() || rng.random_bool(0.2) {
        return style.key(rng);
    }
    let at = rng.random_range(0..model.len());
    model.keys().nth(at).cloned().unwrap_or_default()
}

/// A committed trie of a random model, and its nodes.
fn random_trie(style: &Style, size: usize, rng: &mut StdRng) -> (Model, B256, PathDb) {
    let (mut model, mut trie, mut db) = (Model::new(), Trie::empty(), PathDb::default());
    for _ in 0..size {
        let (key, value) = (style.key(rng), style.value(rng));
        trie.insert(&(), None, &key, &value).unwrap();
        model.insert(key, value);
    }
    let root = trie.commit(None, &mut db);
    (model, root, db)
}
