//! The incremental trie against the rebuilt one.

use super::*;
use crate::{EMPTY_ROOT, TrieError, trie::loaded};
use alloy_trie::HashBuilder;

#[test]
fn incremental_equals_rebuilt() {
    for seed in 0..600u64 {
        let style = &STYLES[seed as usize % STYLES.len()];
        run_against_model(style, seed);
    }
}

fn run_against_model(style: &Style, seed: u64) {
    let mut rng = seeded("incremental_equals_rebuilt", seed);
    let owner = (seed % 2 == 1).then(|| B256::repeat_byte(7));
    let owner = owner.as_ref();
    let (mut model, mut trie, mut db) = (Model::new(), Trie::empty(), PathDb::default());
    let grow = rng.random_range(0.3..0.8);
    for step in 0..120 {
        if rng.random_bool(grow) {
            let (key, value) = (style.key(&mut rng), style.value(&mut rng));
            trie.insert(&db, owner, &key, &value).unwrap();
            model.insert(key, value);
        } else {
            let key = some_key(&model, style, &mut rng);
            assert_eq!(trie.remove(&db, owner, &key).unwrap(), model.remove(&key).is_some(), "step {step}");
        }
        let key = some_key(&model, style, &mut rng);
        assert_eq!(trie.get(&db, owner, &key).unwrap(), model.get(&key).map(Vec::as_slice), "step {step}");
        match rng.random_range(0..12) {
            0..4 => {
                let root = trie.commit(owner, &mut db);
                assert_eq!(root, obvious_root(&model), "step {step}");
                assert_eq!(trie.root(), Some(root));
            }
            4 => {
                let root = trie.commit(owner, &mut db);
                trie = Trie::from_root(root);
            }
            5 => trie.evict(rng.random_range(0..6)),
            _ => {}
        }
        assert_eq!(trie.node_count(), trie.root.as_ref().map_or(0, loaded), "step {step}");
    }
    let keys: Vec<_> = model.keys().cloned().collect();
    for key in keys {
        assert!(trie.remove(&db, owner, &key).unwrap());
        model.remove(&key);
        assert_eq!(trie.commit(owner, &mut db), obvious_root(&model));
    }
    assert_eq!(trie.commit(owner, &mut db), EMPTY_ROOT);
    assert_eq!(trie.node_count(), 0);
}

#[test]
fn applied_blocks_equal_hash_builder() {
    let mut rng = seeded("applied_blocks_equal_hash_builder", 1);
    let (mut model, mut trie, mut db) = (BTreeMap::new(), Trie::empty(), PathDb::default());
    for block in 0..20 {
        let mut changes: BTreeMap<B256, Option<Vec<u8>>> = BTreeMap::new();
        for _ in 0..rng.random_range(1..3000) {
            // Few keys, so that blocks meet the keys of earlier ones.
            let key = keccak256(rng.random_range(0..4000u32).to_be_bytes());
            let value = rng.random_bool(0.6).then(|| vec![rng.random(); rng.random_range(1..100)]);
            changes.insert(key, value);
        }
        let changes: Vec<_> = changes.into_iter().collect();
        trie.apply(&db, None, &changes).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        let root = trie.commit(None, &mut db);
        let mut builder = HashBuilder::default();
        for (key, value) in &model {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        assert_eq!(root, builder.root(), "block {block}");
        trie.evict(block % 4);
    }
}

/// What a sink sees, in order.
#[derive(Default, PartialEq, Debug)]
struct Trace(Vec<(Nibbles, B256, Vec<u8>)>);

impl NodeSink for Trace {
    fn put(&mut self, _: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &[u8]) {
        self.0.push((*path, *hash, rlp.to_vec()));
    }
}

#[test]
fn commit_is_the_same_on_any_number_of_threads() {
    let mut trie = Trie::empty();
    for i in 0..5000u32 {
        trie.insert(&(), None, &keccak256(i.to_be_bytes())[..], &i.to_be_bytes().repeat(20)).unwrap();
    }
    let root = trie.clone().commit(None, &mut ());
    let traces = [1, 3, 8].map(|threads| {
        let (mut trie, mut trace) = (trie.clone(), Trace::default());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| trie.commit(None, &mut trace)), root);
        trace
    });
    assert!(traces[0].0.len() > 5000);
    assert_eq!(traces[0], traces[1]);
    assert_eq!(traces[0], traces[2]);
    for (i, (path, ..)) in traces[0].0.iter().enumerate() {
        let earlier = &traces[0].0[..i];
        assert!(!earlier.iter().any(|(other, ..)| path.starts_with(other)), "child after parent");
    }
}

#[test]
fn same_value_leaves_the_trie_clean() {
    let mut rng = seeded("same_value_leaves_the_trie_clean", 3);
    for style in STYLES {
        let (model, root, db) = random_trie(style, 40, &mut rng);
        let mut trie = Trie::from_root(root);
        for (key, value) in &model {
            trie.insert(&db, None, key, value).unwrap();
            assert_eq!(trie.root(), Some(root));
        }
    }
}

#[test]
fn evict_keeps_changes() {
    let mut trie = Trie::empty();
    let keys: Vec<_> = (0..500u32).map(|i| keccak256(i.to_be_bytes())).collect();
    let mut db = PathDb::default();
    for key in &keys {
        trie.insert(&(), None, &key[..], &key[..]).unwrap();
    }
    let built = trie.node_count();
    trie.evict(0);
    assert_eq!(trie.node_count(), built, "all nodes have changed");
    trie.commit(None, &mut db);
    trie.evict(1);
    assert_eq!(trie.node_count(), 17);
    trie.insert(&db, None, &keys[0][..], b"changed").unwrap();
    trie.evict(0);
    assert!((2..=4).contains(&trie.node_count()), "root and the changed path");
    assert_eq!(trie.get(&(), None, &keys[0][..]).unwrap(), Some(&b"changed"[..]));
}

#[test]
fn refused_arguments() {
    let mut trie = Trie::empty();
    assert_eq!(trie.insert(&(), None, b"key", b""), Err(TrieError::EmptyValue));
    assert_eq!(trie.insert(&(), None, &[0; 33], b"value"), Err(TrieError::KeyTooLong { len: 33 }));
    assert_eq!(trie.get(&(), None, &[0; 33]), Err(TrieError::KeyTooLong { len: 33 }));
    trie.insert(&(), None, b"key", b"value").unwrap();
    assert_eq!(trie.proof(&(), None, b"key"), Err(TrieError::Uncommitted));
}

/// A node takes three words in its parent; a fourth would cost a third more memory in all of them.
#[test]
fn node_size() {
    assert_eq!(size_of::<Option<crate::node::TrieNode>>(), 3 * size_of::<usize>());
}
