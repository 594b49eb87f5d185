//! A database that stores no small nodes, and makes them from keys and values.

use super::seeded;
use crate::{Nibbles, NodeError, NodeSink, NodeSource, Shape, Trie, subtree};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use rand::Rng;
use std::{cell::Cell, collections::HashMap};

#[derive(Default)]
struct Sparse {
    stored: HashMap<Nibbles, (Bytes, Shape)>,
    values: BTreeMap<B256, Vec<u8>>,
    made: Cell<usize>,
}

impl NodeSource for Sparse {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        self.shaped_node(owner, path, hash).map(|(rlp, _)| rlp)
    }

    fn shaped_node(
        &self,
        _: Option<&B256>,
        path: &Nibbles,
        hash: &B256,
    ) -> Result<(Bytes, Shape), NodeError> {
        if let Some((rlp, shape)) = self.stored.get(path).filter(|(rlp, _)| keccak256(rlp) == *hash) {
            return Ok((rlp.clone(), *shape));
        }
        self.made.set(self.made.get() + 1);
        let below = self.values.iter().filter(|(key, _)| Nibbles::unpack(key).starts_with(path));
        let below: Vec<_> = below.map(|(key, value)| (*key, value)).collect();
        assert!(below.len() <= 256, "only small nodes are left out");
        let made = subtree(path.len(), below).unwrap().unwrap();
        assert_eq!(made.hash, *hash);
        assert!(made.shape.is_small());
        Ok((made.rlp, made.shape))
    }
}

impl NodeSink for Sparse {
    fn put(&mut self, _: Option<&B256>, _: &Nibbles, _: &B256, _: &[u8]) {
        unreachable!("commits know the shape")
    }

    fn put_shaped(&mut self, _: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8], shape: Shape) {
        assert_eq!(keccak256(rlp), *hash);
        if !shape.is_small() {
            self.stored.insert(*path, (Bytes::copy_from_slice(rlp), shape));
        }
    }
}

/// Keys that share some first nibbles, so that there are extensions and deep branches too.
fn key(i: u32) -> B256 {
    let mut key = keccak256(i.to_be_bytes());
    if i.is_multiple_of(3) {
        key[..3].copy_from_slice(&[0x12, 0x34, i as u8 & 0x11]);
    }
    key
}

#[test]
fn small_nodes_are_made_from_keys_and_values() {
    let mut rng = seeded("small_nodes_are_made_from_keys_and_values", rand::rng().random());
    let (mut db, mut made) = (Sparse::default(), 0);
    let mut root = crate::EMPTY_ROOT;
    for block in 0..60 {
        let mut changes: BTreeMap<B256, Option<Vec<u8>>> = BTreeMap::new();
        for _ in 0..rng.random_range(1..60) {
            // Grows, then shrinks, so that nodes become inner ones and cease to be.
            let keep = if block < 30 { 0.8 } else { 0.2 };
            let value =
                rng.random_bool(keep).then(|| vec![rng.random_range(1..=255u8); rng.random_range(1..40)]);
            changes.insert(key(rng.random_range(0..400)), value);
        }
        let changes: Vec<_> = changes.into_iter().collect();
        let mut trie = Trie::from_root(root);
        trie.apply(&db, None, &changes).unwrap();
        let mut new = Sparse { stored: core::mem::take(&mut db.stored), ..Sparse::default() };
        root = trie.commit(None, &mut new);
        made += db.made.get();
        db = Sparse { values: db.values, ..new };
        for (key, value) in changes {
            match value {
                Some(value) => db.values.insert(key, value),
                None => db.values.remove(&key),
            };
        }
        let mut plain = Trie::empty();
        db.values.iter().for_each(|(key, value)| plain.insert(&(), None, &key[..], value).unwrap());
        assert_eq!(plain.commit(None, &mut ()), root, "block {block}");
        let mut trie = Trie::from_root(root);
        for i in 0..400 {
            let value = trie.get(&db, None, &key(i)[..]).unwrap();
            assert_eq!(value, db.values.get(&key(i)).map(Vec::as_slice));
        }
    }
    assert!(made > 100, "{made}");
}

#[test]
fn a_subtree_of_nothing_is_none_and_a_depth_beyond_keys_is_too() {
    let none: [(B256, &[u8]); 0] = [];
    assert_eq!(subtree(3, none).unwrap(), None);
    assert_eq!(subtree(65, [(B256::ZERO, &[1][..])]).unwrap(), None);
    assert!(subtree(64, [(B256::ZERO, &[1][..])]).unwrap().is_some());
}
