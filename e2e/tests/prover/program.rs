//! The fault proof program on the VM: for every block, the output that the node has.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, Bytes};
use e2e::{
    net::seeded,
    proving::{Burn, Catalogue, Deposit, Kind, Lab, Population, program, start},
};
use rand::RngCore;
use rayon::prelude::*;
use rollup::{program::program_path, witness::BlockWitness};
use stf::{
    config::MAX_BLOCK_GAS_LIMIT,
    inbox::{CHUNK_SIZE, MAX_PAYLOAD_SIZE},
    run::{MAX_PREIMAGE_SIZE, RunPhase},
};
use testnet::MAX_STEPS;
use vm::{Image, Machine, RunOutcome};

fn run(image: &Image, witness: &BlockWitness) -> RunOutcome {
    let mut machine = start(image, witness).unwrap();
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

/// Whoever looks at a state sees what the program does there.
#[test]
fn every_state_says_what_the_program_does() {
    /// Looks at a run.
    const LOOKS: u64 = 200;
    /// The register that says it.
    const TP: usize = 4;
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    let mut seen = BTreeSet::new();
    for block in 1..=lab.head() {
        let witness = lab.witness(block).unwrap();
        let steps = run(&image, &witness).steps;
        let mut machine = start(&image, &witness).unwrap();
        assert_eq!(RunPhase::from_word(machine.cpu().x[TP]), None);
        let mut last = (0, 0);
        for look in 1..=LOOKS {
            machine.run_to((steps * look / LOOKS).max(1_000)).unwrap();
            let phase = RunPhase::from_word(machine.cpu().x[TP]).unwrap();
            let place = match phase {
                RunPhase::Inputs => (1, 0),
                RunPhase::Deposits => (2, 0),
                RunPhase::Transaction(place) => (3, place),
                RunPhase::Seal => (4, 0),
            };
            assert!(last <= place, "block {block}: {phase:?} comes after {last:?}");
            last = place;
            seen.insert(place.0);
        }
        assert_eq!(last.0, 4, "block {block}: it ends in another phase");
    }
    assert_eq!(seen.len(), 4, "only {seen:?}");
}

/// The same steps and the same last state on every run, and after a snapshot.
#[test]
fn runs_repeat() {
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    let witness = lab.witness(2).unwrap();
    let mut machine = start(&image, &witness).unwrap();
    let outcome = machine.run(MAX_STEPS).unwrap();
    let last = machine.state().hash();
    let mut machine = start(&image, &witness).unwrap();
    machine.run_to(outcome.steps / 2).unwrap();
    let snapshot = machine.snapshot();
    for mut machine in [machine, Machine::resume(&snapshot, witness.preimages.clone().into()).unwrap()] {
        assert_eq!(machine.run(MAX_STEPS).unwrap(), outcome);
        assert_eq!(machine.state().hash(), last);
    }
}

/// However a block uses up its gas, it ends within a quarter of the step limit: by what two blocks take that differ in
/// nothing but their gas, as many steps as the largest block takes are far from it.
#[test]
fn the_worst_block_ends_within_a_quarter_of_the_limit() {
    /// More than the most expensive single call takes.
    const GAS: u64 = 1_300_000;
    let image = program().unwrap();
    let measure = |burn: &Burn| {
        let mut catalogue = Catalogue::new(42_069).unwrap();
        let mut lab = Lab::new(catalogue.rollup(&Population::new(1, 42_069)).unwrap()).unwrap();
        let [(gas, steps), (more_gas, more_steps)] = [GAS, 2 * GAS].map(|gas| {
            lab.block(vec![catalogue.burn(burn, gas).unwrap()]).unwrap();
            let witness = lab.witness(lab.head()).unwrap();
            assert!(witness.preimages.values().all(|bytes| bytes.len() <= MAX_PREIMAGE_SIZE));
            let outcome = run(&image, &witness);
            assert_eq!(outcome.value, lab.output(lab.head()).unwrap(), "{}", burn.name);
            let header = lab.chain().db().read().unwrap().header(lab.head()).unwrap().unwrap();
            assert!(header.gas_used > gas, "{}: {} gas only", burn.name, header.gas_used);
            (header.gas_used, outcome.steps)
        });
        let per_gas = (more_steps - steps) as f64 / (more_gas - gas) as f64;
        let whole = more_steps as f64 + per_gas * (MAX_BLOCK_GAS_LIMIT - more_gas) as f64;
        println!("{}: {per_gas:.1} steps per gas, 2^{:.1} in a whole block", burn.name, whole.log2());
        whole
    };
    let all = Burn::all().unwrap();
    let worst = all.par_iter().map(measure).reduce(|| 0.0, f64::max);
    assert!(worst <= (MAX_STEPS / 4) as f64, "the worst block takes 2^{:.1} steps", worst.log2());
}

/// However a block fills the guest's memory, half of it stays free: by what two blocks take that differ in nothing but
/// their gas. Each account and each code is new, as in a state that somebody has prepared.
#[test]
fn the_worst_block_leaves_half_of_the_memory_free() {
    /// Bytes of a page, as `Machine::pages` counts them, and of the guest's memory.
    const PAGE: f64 = 4_096.0;
    const MEMORY: u64 = 1 << 32;
    let image = program().unwrap();
    let measure = |(burn, gas): &(Burn, u64)| {
        let catalogue = Catalogue::new(42_069).unwrap();
        let rollup = catalogue.rollup(&Population::new(1, 42_069)).unwrap();
        let [(less_gas, less_pages, _), (gas, pages, bytes)] = [gas / 2, *gas].map(|gas| {
            // Each in a chain of its own, so that nothing was read before.
            let mut lab = Lab::new(rollup.clone()).unwrap();
            let mut catalogue = Catalogue::new(42_069).unwrap();
            lab.block(vec![catalogue.burn(burn, gas).unwrap()]).unwrap();
            let witness = lab.witness(1).unwrap();
            let mut machine = start(&image, &witness).unwrap();
            assert_eq!(machine.run(MAX_STEPS).unwrap().value, lab.output(1).unwrap(), "{}", burn.name);
            let header = lab.chain().db().read().unwrap().header(1).unwrap().unwrap();
            assert!(header.gas_used >= gas, "{}: {} gas only", burn.name, header.gas_used);
            let bytes: usize = witness.preimages.values().map(|bytes| bytes.len()).sum();
            (header.gas_used, machine.pages(), bytes)
        });
        let per_gas = (pages - less_pages) as f64 * PAGE / (gas - less_gas) as f64;
        let whole = pages as f64 * PAGE + per_gas * (MAX_BLOCK_GAS_LIMIT - gas) as f64;
        let preimages = bytes as f64 / gas as f64 * MAX_BLOCK_GAS_LIMIT as f64;
        println!(
            "{}: {per_gas:.1} bytes per gas, {:.0} MB in a whole block, {:.0} MB of preimages",
            burn.name,
            whole / 1e6,
            preimages / 1e6
        );
        whole
    };
    let hoards = Burn::hoards();
    let worst = hoards.par_iter().map(measure).reduce(|| 0.0, f64::max);
    assert!(worst <= (MEMORY / 2) as f64, "the worst block takes {:.0} MB", worst / 1e6);
}

/// A block in which all is as long as it can be, payload, deposit, codes, asks for no preimage that does not fit in an L1
/// transaction; and it ends in time.
#[test]
fn the_longest_block_asks_for_short_preimages() {
    let image = program().unwrap();
    let mut catalogue = Catalogue::new(42_069).unwrap();
    let mut lab = Lab::new(catalogue.rollup(&Population::new(1, 42_069)).unwrap()).unwrap();
    // The most that the portal takes.
    let (input, gas_limit) = (vec![9; 120_000], 5_000_000);
    let to = Some(Address::repeat_byte(0x35));
    lab.deposit(Address::repeat_byte(0x34), &Deposit { to, input, gas_limit, ..Deposit::default() });
    let mut transactions = catalogue.transactions(Kind::Creation).unwrap();
    // Noise does not compress; the other transactions take less than this much room.
    let mut noise = vec![0xff; MAX_PAYLOAD_SIZE - 8 * CHUNK_SIZE];
    seeded("the longest block").unwrap().fill_bytes(&mut noise[1..]);
    transactions.push(noise.into());
    lab.block(transactions).unwrap();

    let payload = lab.chain().db().read().unwrap().batch(0).unwrap().unwrap().data.len();
    println!("a payload of {payload} bytes");
    assert!(payload <= MAX_PAYLOAD_SIZE && payload > MAX_PAYLOAD_SIZE - 8 * CHUNK_SIZE);
    let witness = lab.witness(1).unwrap();
    let longest = witness.preimages.values().map(|bytes| bytes.len()).max();
    assert_eq!(longest, Some(MAX_PREIMAGE_SIZE), "the largest contract is read");
    let outcome = run(&image, &witness);
    assert_eq!(outcome.value, lab.output(1).unwrap());
    assert!(outcome.steps <= MAX_STEPS / 4);
}

/// Where there is no output, the VM says so: it exits with code 1, and its value is zero.
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
