//! Witnesses and proofs: they suffice, and nothing else passes.

use super::*;
use crate::{EMPTY_ROOT, Recorder, TrieError, Witness, verify_proof};
use std::collections::BTreeSet;

/// Random changes to a model, sorted, as `apply` takes them, for styles with 32-byte keys.
fn random_changes(
    model: &Model,
    style: &Style,
    count: usize,
    rng: &mut StdRng,
) -> Vec<(B256, Option<Vec<u8>>)> {
    let mut changes = BTreeMap::new();
    for _ in 0..count {
        let change = if rng.random_bool(0.5) {
            (style.key(rng), Some(style.value(rng)))
        } else {
            (some_key(model, style, rng), None)
        };
        changes.insert(B256::from_slice(&change.0), change.1);
    }
    changes.into_iter().collect()
}

#[test]
fn witness_suffices_and_has_nothing_to_spare() {
    for seed in 0..100 {
        let mut rng = seeded("witness_suffices_and_has_nothing_to_spare", seed);
        let style = &STYLES[2 + seed as usize % 2];
        let (model, root, db) = random_trie(style, 60, &mut rng);
        let changes = random_changes(&model, style, 8, &mut rng);

        let recorder = Recorder::new(&db);
        let mut trie = Trie::from_root(root);
        trie.apply(&recorder, None, &changes).unwrap();
        let next = trie.commit(None, &mut ());
        let nodes = recorder.into_witness().into_sorted();

        let run = |witness: &Witness| {
            let mut trie = Trie::from_root(root);
            trie.apply(witness, None, &changes).map(|()| trie.commit(None, &mut ()))
        };
        let all: Witness = nodes.iter().map(|(_, rlp)| rlp.clone()).collect();
        assert_eq!(run(&all), Ok(next));
        for (absent, _) in &nodes {
            let rest: Witness =
                nodes.iter().filter(|(hash, _)| hash != absent).map(|(_, rlp)| rlp.clone()).collect();
            match run(&rest) {
                Err(TrieError::Node(NodeError::Missing { hash, .. })) => assert_eq!(hash, *absent),
                other => panic!("without {absent}: {other:?}"),
            }
        }
    }
}

/// What changes must load, by the shape of the old and the new trie: the old paths of their keys, and the one child
/// left of every branch that goes.
#[test]
fn loads_are_the_old_paths_and_the_needed_siblings() {
    for seed in 0..100 {
        let mut rng = seeded("loads_are_the_old_paths_and_the_needed_siblings", seed);
        let style = &STYLES[2 + seed as usize % 2];
        let (model, root, db) = random_trie(style, 60, &mut rng);
        let changes = random_changes(&model, style, 8, &mut rng);

        let recorder = Recorder::new(&db);
        let mut trie = Trie::from_root(root);
        trie.apply(&recorder, None, &changes).unwrap();
        let next = trie.commit(None, &mut ());
        let served: BTreeSet<Bytes> =
            recorder.into_witness().into_sorted().into_iter().map(|(_, rlp)| rlp).collect();

        let mut needed = BTreeSet::new();
        let mut old = Trie::from_root(root);
        for (key, _) in &changes {
            needed.extend(old.proof(&db, None, &key[..]).unwrap());
        }
        assert!(needed.is_subset(&served));

        // All else that was served stood alone below a branch that is gone: in the new trie no branch has its place.
        let mut all = db.clone();
        let mut new_nodes = PathDb::default();
        let mut rebuilt = Trie::from_root(root);
        rebuilt.apply(&db, None, &changes).unwrap();
        assert_eq!(rebuilt.commit(None, &mut new_nodes), next);
        all.0.extend(new_nodes.0);
        for extra in served.difference(&needed) {
            let (_, path) = db.0.iter().find(|(_, rlp)| *rlp == extra).unwrap().0;
            let mut parent = *path;
            parent.pop();
            let mut current = Trie::from_root(next);
            let mut padded = parent.to_vec();
            padded.resize(64, 0);
            current.get(&all, None, &Nibbles::from_nibbles(padded).pack()).unwrap();
            assert!(!branch_at(current.root.as_ref().unwrap(), 0, &parent), "{path:?} was not needed");
        }
    }
}

/// Whether a loaded branch stands at a path.
fn branch_at(node: &crate::node::TrieNode, depth: usize, path: &Nibbles) -> bool {
    use crate::node::TrieNode;
    match node {
        TrieNode::Leaf(_) => false,
        TrieNode::Ext(ext) => {
            ext.kid.as_ref().is_some_and(|kid| branch_at(kid, depth + ext.path().len(), path))
        }
        TrieNode::Branch(_) if depth >= path.len() => depth == path.len(),
        TrieNode::Branch(branch) => match path.get(depth) {
            Some(nibble) => {
                branch.kids[usize::from(nibble)].as_ref().is_some_and(|kid| branch_at(kid, depth + 1, path))
            }
            None => false,
        },
    }
}

#[test]
fn insertion_spares_the_sibling_of_a_removal() {
    let key = |first: u8| B256::with_last_byte(1) | B256::right_padding_from(&[first]);
    let mut db = PathDb::default();
    let mut trie = Trie::empty();
    for first in [0x10, 0x11, 0x20] {
        trie.insert(&(), None, &key(first)[..], &[first; 40]).unwrap();
    }
    let root = trie.commit(None, &mut db);
    let served = |changes: &[(B256, Option<Vec<u8>>)]| {
        let recorder = Recorder::new(&db);
        Trie::from_root(root).apply(&recorder, None, changes).unwrap();
        recorder.into_witness().len()
    };
    // Root, branch at 1, the leaf that goes; its sibling only if nothing comes in its place.
    assert_eq!(served(&[(key(0x10), None)]), 4);
    assert_eq!(served(&[(key(0x10), None), (key(0x12), Some(vec![1]))]), 3);
}

#[test]
fn proofs_verify_and_tampered_ones_do_not() {
    for seed in 0..200u64 {
        let mut rng = seeded("proofs_verify_and_tampered_ones_do_not", seed);
        let style = &STYLES[seed as usize % STYLES.len()];
        let size = rng.random_range(1..60);
        let (model, root, db) = random_trie(style, size, &mut rng);
        let mut trie = Trie::from_root(root);
        for _ in 0..20 {
            let key = some_key(&model, style, &mut rng);
            let proof = trie.proof(&db, None, &key).unwrap();
            assert_eq!(verify_proof(root, &key, &proof), Ok(model.get(&key).cloned()));
            // The other implementation knows no values in branches, and no roots shorter than their hash.
            if style.lengths.len() == 1 && proof[0].len() >= 32 {
                let value = model.get(&key).cloned();
                alloy_trie::proof::verify_proof(root, Nibbles::unpack(&key), value, &proof).unwrap();
            }

            let mut bad = proof.clone();
            let at = rng.random_range(0..bad.len());
            match rng.random_range(0..4) {
                0 => {
                    let mut bytes = bad[at].to_vec();
                    let byte = rng.random_range(0..bytes.len());
                    bytes[byte] ^= 1 << rng.random_range(0..8);
                    bad[at] = bytes.into();
                }
                1 => drop(bad.remove(at)),
                2 => bad.push(bad[at].clone()),
                _ => bad.insert(at, Bytes::from_static(&[0x80])),
            }
            assert!(verify_proof(root, &key, &bad).is_err());
            assert!(verify_proof(keccak256(root), &key, &proof).is_err());
        }
    }
}

#[test]
fn proofs_of_the_empty_trie() {
    assert_eq!(Trie::empty().proof(&(), None, b"key"), Ok(vec![]));
    assert_eq!(verify_proof(EMPTY_ROOT, b"key", &[]), Ok(None));
    assert_eq!(verify_proof(EMPTY_ROOT, b"key", &[Bytes::from_static(&[0x80])]), Ok(None));
    assert!(verify_proof(EMPTY_ROOT, b"key", &[Bytes::from_static(&[0x81])]).is_err());
    assert!(verify_proof(EMPTY_ROOT, b"key", &[(); 2].map(|()| Bytes::from_static(&[0x80]))).is_err());
    assert!(verify_proof(B256::ZERO, b"key", &[]).is_err());
}

#[test]
fn witness_files_nodes_under_their_real_hash() {
    let mut witness = Witness::new();
    witness.insert(Bytes::from_static(b"not a node"));
    assert!(witness.get(&keccak256(b"not a node")).is_some());
    let mut trie = Trie::from_root(keccak256(b"not a node"));
    assert!(matches!(trie.get(&witness, None, b"key"), Err(TrieError::Malformed { .. })));
    let mut trie = Trie::from_root(B256::ZERO);
    assert!(matches!(trie.get(&witness, None, b"key"), Err(TrieError::Node(NodeError::Missing { .. }))));
}
