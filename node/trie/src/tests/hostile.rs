//! Nodes that are not what they should be, and sources that fail: errors, no panics, nothing half done.

use super::*;
use crate::node::TrieNode;
use std::{cell::RefCell, rc::Rc};

/// Serves mutated nodes now and then, without regard to hashes.
struct Mutator {
    db: PathDb,
    rng: RefCell<StdRng>,
    rate: f64,
}

impl NodeSource for Mutator {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let rng = &mut *self.rng.borrow_mut();
        if !rng.random_bool(self.rate) {
            return self.db.node(owner, path, hash);
        }
        // Any node at all, at any path: structure that no honest trie has.
        let at = rng.random_range(0..self.db.0.len());
        let mut rlp = self.db.0.values().nth(at).map(|rlp| rlp.to_vec()).unwrap_or_default();
        for _ in 0..rng.random_range(0..3) {
            mutate(&mut rlp, rng);
        }
        Ok(rlp.into())
    }
}

fn mutate(rlp: &mut Vec<u8>, rng: &mut StdRng) {
    if rlp.is_empty() {
        return;
    }
    let at = rng.random_range(0..rlp.len());
    // The first bytes are headers and paths: most of what can go wrong.
    let at = if rng.random_bool(0.5) { at % 6 } else { at };
    let telling =
        [0x00, 0x20, 0x7f, 0x80, 0x81, 0xa0, 0xb7, 0xb8, 0xbf, 0xc0, 0xc1, 0xde, 0xdf, 0xf7, 0xf8, 0xff];
    match rng.random_range(0..5) {
        0 => rlp.truncate(at),
        1 if at < rlp.len() => rlp[at] = telling[rng.random_range(0..telling.len())],
        2 if at < rlp.len() => rlp[at] ^= 1 << rng.random_range(0..8),
        3 if at < rlp.len() => drop(rlp.remove(at)),
        _ => rlp.insert(at.min(rlp.len()), rng.random()),
    }
}

#[test]
fn mutated_nodes_never_panic() {
    let (mut fine, mut refused) = (0, 0);
    for seed in 0..2000u64 {
        let mut rng = seeded("mutated_nodes_never_panic", seed);
        let style = &STYLES[seed as usize % STYLES.len()];
        let (model, root, db) = random_trie(style, 40, &mut rng);
        let rng_source = RefCell::new(StdRng::seed_from_u64(seed));
        let source = Mutator { db, rng: rng_source, rate: [0.1, 0.5, 1.0][seed as usize % 3] };
        let mut trie = Trie::from_root(root);
        for _ in 0..60 {
            let key = some_key(&model, style, &mut rng);
            let done = match rng.random_range(0..6) {
                0 => trie.get(&source, None, &key).is_ok(),
                1 => trie.insert(&source, None, &key, &style.value(&mut rng)).is_ok(),
                2 | 3 => trie.remove(&source, None, &key).is_ok(),
                4 => {
                    trie.evict(rng.random_range(0..3));
                    trie.proof(&source, None, &key).is_ok()
                }
                _ => {
                    trie.commit(None, &mut ());
                    continue;
                }
            };
            *if done { &mut fine } else { &mut refused } += 1;
        }
    }
    assert!(
        fine > 1000 && refused > 1000,
        "{fine} operations done, {refused} refused: one side is not tested"
    );
}

#[test]
fn decoding_never_panics_and_keeps_what_it_accepts() {
    let mut accepted = 0;
    for seed in 0..300u64 {
        let mut rng = seeded("decoding_never_panics_and_keeps_what_it_accepts", seed);
        let (_, _, db) = random_trie(&STYLES[seed as usize % STYLES.len()], 30, &mut rng);
        for rlp in db.0.values() {
            for _ in 0..20 {
                let mut rlp = rlp.to_vec();
                mutate(&mut rlp, &mut rng);
                if let Ok(node) = TrieNode::decode(&rlp, rng.random_range(0..=64)) {
                    assert_eq!(node.rlp(), rlp);
                    accepted += 1;
                }
            }
        }
    }
    assert!(accepted > 100);
}

#[test]
fn refused_encodings() {
    let hash = [&[0xa0][..], &[7; 32]].concat();
    let branch = |slots: &[Vec<u8>], value: &[u8]| {
        let mut items = slots.to_vec();
        items.resize(16, vec![0x80]);
        items.push(value.to_vec());
        obvious_list(&items)
    };
    let refuse = |rlp: &[u8], depth, reason| assert_eq!(TrieNode::decode(rlp, depth).err(), Some(reason));
    let short = |path: &[u8], second: &[u8]| obvious_list(&[obvious_string(path), second.to_vec()]);

    assert!(TrieNode::decode(&branch(&[hash.clone(), hash.clone()], &[0x80]), 63).is_ok());
    refuse(&branch(&[hash.clone(), hash.clone()], &[0x80]), 64, "branch where keys have ended");
    refuse(&branch(std::slice::from_ref(&hash), &[0x80]), 0, "branch with fewer than two entries");
    assert!(TrieNode::decode(&branch(std::slice::from_ref(&hash), &[0x01]), 0).is_ok());
    refuse(
        &branch(&[hash.clone(), vec![0x82, 1, 2]], &[0x80]),
        0,
        "child is neither a hash nor a short node",
    );
    refuse(&branch(&[hash.clone(), hash.clone()], &[0xc0]), 0, "branch without exactly one value");
    refuse(&short(&[0x20], &[0x80]), 0, "leaf without a value");
    refuse(&short(&[0x20], &[0xc1, 1]), 0, "leaf without a value");
    refuse(&short(&[0x21], &[0x01]), 0, "bad flags in compact path");
    refuse(&short(&[0x60], &[0x01]), 0, "bad flags in compact path");
    refuse(&short(&[], &[0x01]), 0, "empty compact path");
    refuse(&short(&[0x31; 33], &[0x01]), 0, "path longer than any key");
    assert!(TrieNode::decode(&short(&[0x31], &[0x01]), 63).is_ok());
    refuse(&short(&[0x31], &[0x01]), 64, "path longer than any key");
    refuse(&short(&[0x00], &hash), 0, "extension with an empty path");
    refuse(&short(&[0x11], &[0x80]), 0, "extension without a child");
    refuse(&[0xc2, 0x81, 0x01], 0, "single byte with a header");
    refuse(&[0xf8, 0x01, 0x01], 0, "RLP length not in its shortest form");
    refuse(&[0xff; 9], 0, "RLP length out of range");
    refuse(&[0xc2, 0x31, 0x01, 0x00], 0, "not exactly one list");
    refuse(&[], 0, "truncated RLP");
}

/// Fails now and then.
struct Flaky<'a> {
    db: &'a PathDb,
    rng: Rc<RefCell<StdRng>>,
}

impl NodeSource for Flaky<'_> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        if self.rng.borrow_mut().random_bool(0.2) {
            return Err(NodeError::Other("out of order".into()));
        }
        self.db.node(owner, path, hash)
    }
}

#[test]
fn failed_operations_change_nothing_and_can_be_repeated() {
    for seed in 0..200u64 {
        let mut rng = seeded("failed_operations_change_nothing_and_can_be_repeated", seed);
        let style = &STYLES[seed as usize % STYLES.len()];
        let (mut model, root, mut db) = random_trie(style, 40, &mut rng);
        let shared = Rc::new(RefCell::new(StdRng::seed_from_u64(seed)));
        let mut trie = Trie::from_root(root);
        for _ in 0..40 {
            let key = some_key(&model, style, &mut rng);
            let value = rng.random_bool(0.4).then(|| style.value(&mut rng));
            loop {
                let source = Flaky { db: &db, rng: shared.clone() };
                let done = match &value {
                    Some(value) => trie.insert(&source, None, &key, value),
                    None => trie.remove(&source, None, &key).map(drop),
                };
                if done.is_ok() {
                    break;
                }
                if rng.random_bool(0.1) {
                    assert_eq!(trie.commit(None, &mut db), obvious_root(&model));
                    trie.evict(0);
                }
            }
            match value {
                Some(value) => drop(model.insert(key, value)),
                None => drop(model.remove(&key)),
            }
        }
        assert_eq!(trie.commit(None, &mut db), obvious_root(&model));
    }
}
