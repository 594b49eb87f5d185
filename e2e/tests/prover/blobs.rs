//! Batches in blobs, where disputes are decided: the node, the state transition over a witness, and the program on the VM come
//! to the same, whatever the blobs hold.
#![allow(clippy::unwrap_used)]

use alloy::primitives::B256;
use e2e::{
    net::seeded,
    proving::{Catalogue, Lab, Population, Workload, program, start},
};
use rand::{Rng, RngCore, rngs::StdRng};
use rollup::blobs::{PackedBlobs, versioned_hash};
use stf::{
    BlockSpec,
    blob::{BLOB_ROOM, MAX_BLOBS},
    codec,
};
use testnet::MAX_STEPS;
use vm::Call;

const CHAIN_ID: u64 = 42_069;

/// The output of a block, by the node, by its witness, and by the VM.
fn check(lab: &Lab, image: &vm::Image, block: u64) -> u64 {
    let witness = lab.witness(block).unwrap();
    let output = lab.output(block).unwrap();
    assert_eq!(witness.output, output, "block {block}");
    assert_eq!(stf::run(&witness.boot.hash(), &witness).unwrap(), output, "block {block} from its witness");
    for (hash, blob) in &witness.blobs {
        assert_eq!(versioned_hash(blob), Some(*hash));
    }
    let mut machine = start(image, &witness).unwrap();
    let outcome = machine.run(MAX_STEPS).unwrap();
    assert_eq!((outcome.exit, outcome.value), (Some(0), output), "block {block} on the VM");
    machine.calls().get(&Call::Blob).copied().unwrap_or(0)
}

#[test]
fn every_kind_of_block_comes_out_of_blobs() {
    let image = program().unwrap();
    let lab = Lab::every_kind_in_blobs().unwrap();
    let blocks = (1..=lab.head()).filter(|block| check(&lab, &image, *block) > 0).count();
    assert!(blocks > 20, "{blocks} blocks were in blobs");
}

/// Blobs in which something is wrong, or everything: as they come out of packing, and changed.
fn hostile(rng: &mut StdRng, payload: &[u8]) -> (PackedBlobs, u64) {
    let mut length = payload.len() as u64;
    let mut blobs = PackedBlobs::of(payload).blobs;
    match rng.random_range(0..6) {
        // Bits outside the packing, and behind the payload.
        0 => {
            for element in blobs.iter_mut().flat_map(|blob| blob.chunks_exact_mut(32)) {
                // What stays below the field's order whatever follows.
                if element[0] < 0x33 {
                    element[0] |= 0x40 * rng.random_range(0..2u8);
                }
            }
            let end = blobs.len() - 1;
            let used = 32 * 4 * (payload.len() - end * BLOB_ROOM).div_ceil(127);
            rng.fill_bytes(&mut blobs[end][used..]);
            blobs[end][used..].chunks_exact_mut(32).for_each(|element| element[0] &= 0x3f);
        }
        // Shorter or longer than it is.
        1 => length = rng.random_range(0..=(blobs.len() * BLOB_ROOM) as u64),
        2 => length = (blobs.len() * BLOB_ROOM) as u64,
        // Blobs that nobody needs.
        3 => blobs.extend((blobs.len()..MAX_BLOBS).map(|_| noise(rng))),
        // Nothing but noise.
        4 => blobs.iter_mut().for_each(|blob| *blob = noise(rng)),
        _ => {
            let blob = rng.random_range(0..blobs.len());
            let at = rng.random_range(0..blobs[blob].len() / 32) * 32 + rng.random_range(1..32);
            blobs[blob][at] ^= 1 << rng.random_range(0..8);
        }
    }
    let versioned_hashes: Vec<B256> = blobs.iter().map(|blob| versioned_hash(blob).unwrap()).collect();
    (PackedBlobs { versioned_hashes, blobs }, length)
}

fn noise(rng: &mut StdRng) -> Box<[u8]> {
    let mut blob = vec![0; 131_072].into_boxed_slice();
    rng.fill_bytes(&mut blob);
    blob.chunks_exact_mut(32).for_each(|element| element[0] &= 0x3f);
    blob
}

#[test]
fn whatever_blobs_hold_means_the_same_to_node_and_machine() {
    let image = program().unwrap();
    let rng = &mut seeded("hostile blobs").unwrap();
    let mut population = Population::new(50, CHAIN_ID);
    let catalogue = Catalogue::new(CHAIN_ID).unwrap();
    let mut lab = Lab::new(catalogue.rollup(&population).unwrap()).unwrap();
    for _ in 0..24 {
        let timestamp = lab.timestamp();
        let count = rng.random_range(1..4);
        let specs: Vec<BlockSpec> = (0..count)
            .map(|_| BlockSpec {
                timestamp,
                messages: 0,
                transactions: population.transactions(Workload::Transfers, 20, rng),
            })
            .collect();
        let payload = codec::encode(&specs, CHAIN_ID, 3).unwrap();
        let (packed, length) = hostile(rng, &payload);
        let first = lab.head() + 1;
        lab.raw_blobs(packed, length, count).unwrap();
        for block in first..=lab.head() {
            check(&lab, &image, block);
        }
    }
}

/// No more of the blobs is read than it takes to know what the batch means: noise is known at its beginning.
#[test]
fn what_does_not_decode_is_not_read_to_its_end() {
    let image = program().unwrap();
    let rng = &mut seeded("noise").unwrap();
    let catalogue = Catalogue::new(CHAIN_ID).unwrap();
    let mut lab = Lab::new(catalogue.rollup(&Population::new(1, CHAIN_ID)).unwrap()).unwrap();
    // A stream that begins, and is wrong at once: its first block has a reserved bit set.
    let mut payload = vec![0xff; MAX_BLOBS * BLOB_ROOM];
    rng.fill_bytes(&mut payload[4..]);
    lab.raw_blobs(PackedBlobs::of(&payload), payload.len() as u64, 1).unwrap();
    let calls = check(&lab, &image, 1);
    assert!((4..=512).contains(&calls), "{calls} elements of 24,576 were read");
}
