//! The fraud-proof program on the machine: for every block, the output that the node has.
#![allow(clippy::unwrap_used)]

use alloy::primitives::{B256, Bytes};
use e2e::proving::{Lab, Preimages, program};
use node::{program::program_path, witness::BlockWitness};
use vm::{Image, Machine, Outcome};

/// More than any block here takes.
const MAX_STEPS: u64 = 1 << 34;

fn run(image: &Image, witness: &BlockWitness) -> Outcome {
    let mut machine = Machine::new(image, witness.boot.hash(), Preimages(witness)).unwrap();
    machine.run(MAX_STEPS).unwrap()
}

#[test]
fn the_machine_computes_every_block() {
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    for block in 1..=lab.head() {
        let witness = lab.witness(block).unwrap();
        let outcome = run(&image, &witness);
        assert_eq!(outcome.exit, Some(0), "block {block} after {} steps", outcome.steps);
        assert_eq!(outcome.value, lab.output(block).unwrap(), "block {block}");
    }
}

/// The same steps and the same last state on every run, and after a snapshot.
#[test]
fn runs_repeat() {
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    let witness = lab.witness(2).unwrap();
    let mut machine = Machine::new(&image, witness.boot.hash(), Preimages(&witness)).unwrap();
    let outcome = machine.run(MAX_STEPS).unwrap();
    let last = machine.state().hash();
    let mut machine = Machine::new(&image, witness.boot.hash(), Preimages(&witness)).unwrap();
    machine.run_to(outcome.steps / 2).unwrap();
    let snapshot = machine.snapshot();
    for mut machine in [machine, Machine::resume(&snapshot, Preimages(&witness)).unwrap()] {
        assert_eq!(machine.run(MAX_STEPS).unwrap(), outcome);
        assert_eq!(machine.state().hash(), last);
    }
}

/// Where there is no output, the machine says so: it exits with code 1, and its value is zero.
#[test]
fn what_has_no_output_is_zero() {
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    let witness = lab.witness(3).unwrap();
    let with = |change: &dyn Fn(&mut BlockWitness)| {
        let mut witness = witness.clone();
        change(&mut witness);
        let boot = Bytes::copy_from_slice(&witness.boot.encode());
        witness.preimages.insert(witness.boot.hash(), boot);
        run(&image, &witness)
    };
    let outcomes = [
        with(&|witness| witness.boot.agreed_output = B256::ZERO),
        with(&|witness| witness.boot.block = 7),
        with(&|witness| witness.boot.batch_acc = B256::ZERO),
    ];
    for outcome in outcomes {
        assert_eq!((outcome.exit, outcome.value), (Some(1), B256::ZERO));
    }
    assert_eq!(with(&|_| {}).value, lab.output(3).unwrap());
}

/// What the program has of its own, assembly and hashing, does what it should: a program beside it says so.
#[test]
fn the_programs_parts_are_right() {
    let file = std::fs::read(program_path().unwrap().with_file_name("recourse-selftest.elf")).unwrap();
    let hash = B256::repeat_byte(0x5e);
    let mut machine = Machine::new(&Image::load(&file).unwrap(), hash, ()).unwrap();
    let outcome = machine.run(MAX_STEPS).unwrap();
    assert_eq!((outcome.exit, outcome.value), (Some(0), hash));
}
