//! What the fault proof program computes, natively: the block that the node has, from its witness and nothing else.
#![allow(clippy::unwrap_used)]

use alloy::primitives::{B256, Bytes, keccak256};
use e2e::proving::{Catalogue, Kind, Lab, Population, Workload};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::witness::BlockWitness;
use stf::{
    inbox::{CHUNK_SIZE, MAX_PAYLOAD_SIZE},
    run::{BlockRunError, MAX_PREIMAGE_SIZE, OracleError},
};

const CHAIN_ID: u64 = 42_069;

fn lab(members: usize) -> (Lab, Catalogue, Population) {
    let population = Population::new(members, CHAIN_ID);
    let catalogue = Catalogue::new(CHAIN_ID).unwrap();
    let lab = Lab::new(catalogue.rollup(&population).unwrap()).unwrap();
    (lab, catalogue, population)
}

/// The witness of a block, checked: every preimage is right and short enough, the run over it gives the node's output,
/// and without any one of the preimages there is no output.
fn check(lab: &Lab, block: u64) -> BlockWitness {
    let witness = lab.witness(block).unwrap();
    let output = lab.output(block).unwrap();
    assert_eq!(witness.output, output, "block {block}");
    assert_eq!(stf::run(&witness.boot.hash(), &witness).unwrap(), output, "block {block} from its witness");
    for (hash, bytes) in &witness.preimages {
        assert_eq!(keccak256(bytes), *hash);
        assert!(bytes.len() <= MAX_PREIMAGE_SIZE);
    }
    witness
}

#[test]
fn every_block_comes_out_of_its_witness() {
    let lab = Lab::every_kind().unwrap();
    let mut longest = 0;
    for block in 1..=lab.head() {
        let witness = check(&lab, block);
        longest = longest.max(witness.preimages.values().map(|bytes| bytes.len()).max().unwrap());
    }
    // The largest contract, which is the longest preimage that there can be, is among them.
    assert_eq!(longest, MAX_PREIMAGE_SIZE);
}

/// Nothing that the longest payload needs is longer than the largest contract.
#[test]
fn the_longest_payload_needs_short_preimages() {
    let lab = Lab::every_kind().unwrap();
    let reader = lab.chain().db().read().unwrap();
    let mut chunks = 0;
    for index in 0..lab.batches() {
        let batch = reader.batch(index).unwrap().unwrap();
        if batch.data.len() <= MAX_PAYLOAD_SIZE {
            chunks = chunks.max(batch.data.len().div_ceil(CHUNK_SIZE));
        }
    }
    assert_eq!(chunks, MAX_PAYLOAD_SIZE / CHUNK_SIZE);
    const { assert!(32 * (MAX_PAYLOAD_SIZE / CHUNK_SIZE) <= MAX_PREIMAGE_SIZE) };
}

/// What must be in the blocks is: a catalogue whose transactions are all skipped would show nothing.
#[test]
fn the_blocks_hold_what_they_are_for() {
    let (mut lab, mut catalogue, mut population) = lab(50);
    for kind in Kind::ALL {
        let transactions = catalogue.transactions(kind).unwrap();
        let expected = if kind == Kind::Skipped { 1 } else { transactions.len() };
        lab.block(transactions).unwrap();
        let reader = lab.chain().db().read().unwrap();
        let receipts = reader.receipts(lab.head()).unwrap().unwrap();
        assert_eq!(receipts.len() - 1, expected, "{kind:?}");
        let succeeded = receipts[1..].iter().filter(|receipt| receipt.receipt.status()).count();
        match kind {
            Kind::Failures => assert!(succeeded < expected),
            // The code that EIP-3541 refuses.
            Kind::Creation => assert_eq!(succeeded, expected - 1),
            // A cold account, its code word by word, its hash, and at least two slots.
            Kind::Data => assert!(receipts[1].gas_used > 80_000, "{} gas", receipts[1].gas_used),
            _ => assert_eq!(succeeded, expected, "{kind:?}"),
        }
    }
    let mut rng = StdRng::seed_from_u64(1);
    for workload in Workload::ALL {
        lab.block(population.transactions(workload, 3, &mut rng)).unwrap();
        let reader = lab.chain().db().read().unwrap();
        let receipts = reader.receipts(lab.head()).unwrap().unwrap();
        assert_eq!(receipts.iter().filter(|receipt| receipt.receipt.status()).count(), 4, "{workload:?}");
    }
}

/// An oracle that lacks something gives an error, whatever it lacks.
#[test]
fn no_preimage_can_be_left_out() {
    let lab = Lab::every_kind().unwrap();
    for block in 1..=lab.head() {
        let mut witness = lab.witness(block).unwrap();
        let hashes: Vec<B256> = witness.preimages.keys().copied().collect();
        // All of a small witness, some of a large one.
        for hash in hashes.iter().step_by(hashes.len().div_ceil(40)) {
            let bytes = witness.preimages.remove(hash).unwrap();
            assert!(stf::run(&witness.boot.hash(), &witness).is_err(), "block {block} without {hash}");
            witness.preimages.insert(*hash, bytes);
        }
    }
}

/// An oracle that lies (which the VM's cannot) gives an error or another output; it never makes the run panic.
#[test]
fn lies_do_not_make_it_panic() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let lab = Lab::every_kind().unwrap();
    let mut wrong = 0;
    for block in 1..=lab.head() {
        let witness = lab.witness(block).unwrap();
        let hashes: Vec<B256> = witness.preimages.keys().copied().collect();
        for _ in 0..60 {
            let mut lying = witness.clone();
            let bytes = lying.preimages.get_mut(&hashes[rng.random_range(0..hashes.len())]).unwrap();
            let mut altered = bytes.to_vec();
            let at = rng.random_range(0..altered.len());
            match rng.random_range(0..4) {
                0 => altered[at] = rng.random(),
                1 => altered.truncate(at),
                2 => altered.push(rng.random()),
                _ => altered[at] ^= 1 << rng.random_range(0..8),
            }
            *bytes = altered.into();
            wrong += usize::from(stf::run(&lying.boot.hash(), &lying).ok() != Some(witness.output));
        }
    }
    assert!(wrong > 500, "{wrong} lies only made a difference");
}

#[test]
fn what_is_pinned_decides() {
    let (mut lab, mut catalogue, _) = lab(2);
    for _ in 0..3 {
        lab.block(catalogue.transactions(Kind::Ancestors).unwrap()).unwrap();
    }
    let mut witness = lab.witness(2).unwrap();
    let output = witness.output;
    let rerun = |witness: &mut BlockWitness| {
        let hash = witness.boot.hash();
        witness.preimages.insert(hash, Bytes::copy_from_slice(&witness.boot.encode()));
        stf::run(&hash, witness)
    };
    let full = witness.boot;
    // Fewer batches that still hold the block change nothing.
    let reader = lab.chain().db().read().unwrap();
    witness.boot.batch_acc = reader.batch(1).unwrap().unwrap().acc;
    assert_eq!(rerun(&mut witness).unwrap(), output);
    // With fewer than that, there is no such block.
    let mut early = lab.witness(1).unwrap();
    early.boot = witness.boot;
    early.preimages.extend(witness.preimages.clone());
    early.boot.batch_acc = reader.batch(0).unwrap().unwrap().acc;
    assert!(matches!(rerun(&mut early), Err(BlockRunError::NotInBatches(2))));
    early.boot.batch_acc = B256::ZERO;
    assert!(matches!(rerun(&mut early), Err(BlockRunError::NotInBatches(2))));
    // ⊥ leads to ⊥; an output that is not the block before's leads nowhere.
    witness.boot = full;
    witness.boot.agreed_output = B256::ZERO;
    assert!(matches!(rerun(&mut witness), Err(BlockRunError::NoAgreedOutput)));
    witness.boot = full;
    witness.boot.block = 3;
    assert!(matches!(rerun(&mut witness), Err(BlockRunError::Malformed("parent header"))));
    witness.boot = full;
    witness.boot.config_hash = B256::repeat_byte(1);
    assert!(matches!(rerun(&mut witness), Err(BlockRunError::Oracle(OracleError::Missing(_)))));
    assert!(lab.witness(4).is_err() && lab.witness(0).is_err());
}
