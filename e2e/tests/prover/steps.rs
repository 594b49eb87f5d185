//! Steps of real blocks, in Rust and in Solidity: whatever the program does on the VM, L1 comes to the same state.
//!
//! `tests/machine.rs` has the hostile steps; here are those that disputes are about.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use e2e::{
    machine::OneStep,
    net::seeded,
    proving::{Catalogue, Lab, Population, Workload, program, start},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use rollup::witness::BlockWitness;
use vm::{Access, Call, Image, accel_op, verify};

/// Least number of steps compared.
const STEPS: usize = 20_000;
/// Steps of each block that are drawn from all of its run, whatever they are.
const ANYWHERE: usize = 800;
/// Steps of each block that are drawn from each kind of call that its run makes.
const OF_EACH_CALL: usize = 60;
/// Transactions of the blocks that are like those of the benchmark.
const BUSY: [(Workload, usize); 3] =
    [(Workload::Transfers, 200), (Workload::Erc20, 150), (Workload::Storage, 10)];

/// What was sampled.
#[derive(Default)]
struct Sampled {
    steps: usize,
    calls: BTreeMap<Call, usize>,
    /// Kinds of calls that the runs contain.
    made: BTreeSet<Call>,
    instructions: BTreeSet<String>,
}

impl Sampled {
    fn merge(mut self, other: Self) -> Self {
        self.steps += other.steps;
        for (call, count) in other.calls {
            *self.calls.entry(call).or_default() += count;
        }
        self.made.extend(other.made);
        self.instructions.extend(other.instructions);
        self
    }
}

/// The call that a step has made, if it is one.
fn call(access: &Access) -> Option<Call> {
    Some(match access {
        Access::Preimage { .. } => Call::Preimage,
        Access::Blob { .. } => Call::Blob,
        Access::Page { op, accepted: true, .. } => Call::Accel(*op),
        Access::Output(_) => Call::Halt,
        _ => return None,
    })
}

/// Compares steps of the run over a block: the first, the last, what comes after it, some of each kind of call, and many
/// from anywhere.
fn compare(image: &Image, witness: &BlockWitness, rng: &mut StdRng) -> Sampled {
    let mut machine = start(image, witness).unwrap();
    machine.log_calls();
    let end = machine.run(u64::MAX).unwrap().steps;
    let mut by_call: BTreeMap<Call, Vec<u64>> = BTreeMap::new();
    for (step, call) in machine.logged_calls() {
        by_call.entry(*call).or_default().push(*step);
    }
    let mut points = BTreeSet::from([0, end - 1, end]);
    for steps in by_call.values() {
        points.extend((0..OF_EACH_CALL).map(|_| steps[rng.random_range(0..steps.len())]));
    }
    points.extend((0..ANYWHERE).map(|_| rng.random_range(0..end)));

    let mut sampled = Sampled { made: by_call.into_keys().collect(), ..Sampled::default() };
    let mut machine = start(image, witness).unwrap();
    let mut l1 = OneStep::new().unwrap();
    for point in points {
        machine.run_to(point).unwrap();
        let step = machine.witness().unwrap();
        let at = || format!("block {}, step {point}: {:?}", witness.boot.block, step.access);
        assert_eq!(verify(&step.state, &step.witness), Ok(step.post_hash()), "{}", at());
        let verdict = l1.step(&step.state, &step.witness).unwrap();
        assert_eq!(verdict.post_hash, Some(step.post_hash()), "{}", at());
        sampled.steps += 1;
        if let Some(call) = call(&step.access) {
            *sampled.calls.entry(call).or_default() += 1;
        }
        if point < end {
            sampled
                .instructions
                .extend(machine.next_instruction().map(|instruction| format!("{:?}", instruction.op)));
        }
    }
    // What the witnesses said is what the VM does: it stands where the plain run ended.
    assert_eq!(machine.cpu().value(), witness.output);
    sampled
}

#[test]
fn rust_and_solidity_agree_on_steps_of_real_blocks() {
    let mut rng = seeded("steps").unwrap();
    let image = program().unwrap();
    let lab = Lab::every_kind().unwrap();
    let mut witnesses: Vec<_> = (1..=lab.head()).map(|block| lab.witness(block).unwrap()).collect();
    let mut population = Population::new(300, lab.config().chain.chain_id);
    let catalogue = Catalogue::new(lab.config().chain.chain_id).unwrap();
    let mut busy = Lab::new(catalogue.rollup(&population).unwrap()).unwrap().with_blobs();
    for (workload, count) in BUSY {
        busy.block(population.transactions(workload, count, &mut rng)).unwrap();
        witnesses.push(busy.witness(busy.head()).unwrap());
    }
    let jobs: Vec<_> = witnesses.iter().map(|witness| (witness, rng.random())).collect();
    let one = |(witness, seed)| compare(&image, witness, &mut StdRng::seed_from_u64(seed));
    let sampled = jobs.into_par_iter().map(one).reduce(Sampled::default, Sampled::merge);

    println!("{} steps of {} blocks; calls {:?}", sampled.steps, witnesses.len(), sampled.calls);
    println!("{} instructions: {:?}", sampled.instructions.len(), sampled.instructions);
    assert!(sampled.steps >= STEPS, "{} steps only", sampled.steps);
    // Every kind of call that the runs contain; which is every one that the program can make: it copies memory itself.
    let calls: BTreeSet<Call> = sampled.calls.keys().copied().collect();
    assert_eq!(calls, sampled.made);
    let accelerators = accel_op::ALL.into_iter().filter(|op| *op != accel_op::IDENTITY).map(Call::Accel);
    assert_eq!(calls, accelerators.chain([Call::Halt, Call::Preimage, Call::Blob]).collect());
}
