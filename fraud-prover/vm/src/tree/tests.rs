use super::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

type Leaves = BTreeMap<u32, [u8; LEAF]>;

/// The definition: an inner node is the hash of its children.
fn naive(leaves: &Leaves, height: u32, index: u32) -> B256 {
    let first = (index as u64) << height;
    let range = first as u32..=(first + (1 << height) - 1) as u32;
    if leaves.range(range).next().is_none() {
        return zero_hash(height);
    }
    if height == 0 {
        return leaves[&index].into();
    }
    let (left, right) = (naive(leaves, height - 1, 2 * index), naive(leaves, height - 1, 2 * index + 1));
    keccak256([left.0, right.0].concat())
}

#[test]
fn zero_tree() {
    let tree = Tree::new();
    assert_eq!(zero_hash(1), keccak256([0; 64]));
    assert_eq!(tree.root(), zero_hash(DEPTH));
    assert_eq!(tree.node(5, 77), zero_hash(5));
    assert_eq!(tree.branch(0, 12345).len(), 27);
    assert!(tree.page(3).is_none());
}

#[test]
fn agrees_with_the_definition() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tree = Tree::new();
    let mut leaves = Leaves::new();
    let mut pages: BTreeMap<u32, [u8; PAGE_BYTES]> = BTreeMap::new();
    let mut earlier = Vec::new();
    for round in 0..12 {
        let mut written = BTreeMap::new();
        for _ in 0..rng.random_range(0..30) {
            // Near each other, far from each other, and at both ends.
            let number = match rng.random_range(0..4) {
                0 => rng.random_range(0..40),
                1 => rng.random_range(0..1 << 20),
                2 => (1 << 20) - 1 - rng.random_range(0..3),
                _ => 0x8_0000 + rng.random_range(0..20),
            };
            let page = pages.entry(number).or_insert([0; PAGE_BYTES]);
            for _ in 0..rng.random_range(0..6) {
                let at = rng.random_range(0..PAGE_BYTES);
                page[at] = if rng.random_bool(0.2) { 0 } else { rng.random() };
                let leaf = at / LEAF;
                let bytes = page[leaf * LEAF..][..LEAF].try_into().unwrap();
                leaves.insert(number * 2 * PAIRS as u32 + leaf as u32, bytes);
            }
            written.insert(number, *page);
        }
        tree.update(written.iter().map(|(number, page)| (*number, page)));
        assert_eq!(tree.root(), naive(&leaves, DEPTH, 0), "round {round}");
        earlier.push((tree.clone(), tree.root(), pages.clone()));
        for _ in 0..50 {
            let height = rng.random_range(0..=DEPTH);
            let index = match leaves.keys().nth(rng.random_range(0..=leaves.len())) {
                Some(leaf) if rng.random_bool(0.8) => leaf >> height,
                _ => rng.random_range(0..1u32 << (DEPTH - height)),
            };
            assert_eq!(
                tree.node(height, index),
                naive(&leaves, height, index),
                "height {height} index {index}"
            );
            let mut node = tree.node(height, index);
            for (i, sibling) in tree.branch(height, index).iter().enumerate() {
                let pair = if index >> i & 1 == 0 { [node.0, sibling.0] } else { [sibling.0, node.0] };
                node = keccak256(pair.concat());
            }
            assert_eq!(node, tree.root());
        }
    }
    // Later updates have left clones as they were; a difference between two trees is found in full.
    let (last, ..) = earlier.last().unwrap().clone();
    for (tree, root, pages) in &earlier {
        assert_eq!(tree.root(), *root);
        let mut found = BTreeMap::new();
        tree.for_each_page(|number, page| assert!(found.insert(number, *page).is_none()));
        assert_eq!(found.len(), tree.pages());
        for (number, page) in pages {
            assert_eq!(found.get(number).unwrap_or(&[0; PAGE_BYTES]), page);
        }
        let mut patched = last.clone();
        let mut changes = Vec::new();
        tree.differing(Some(&last), &mut |number, page| changes.push((number, page)));
        patched.update(changes.iter().map(|(number, page)| (*number, page.unwrap_or(&[0; PAGE_BYTES]))));
        assert_eq!(patched.root(), *root);
    }
    let mut changes = 0;
    last.differing(Some(&last), &mut |_, _| changes += 1);
    assert_eq!(changes, 0);
}
