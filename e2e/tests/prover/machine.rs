//! The fault proof VM in Rust against the one on L1: the compiled contract, in this process.
//!
//! Three implementations are compared: `vm`'s reference interpreter, which makes the witnesses, `vm::verify`, written
//! from the table on its own, and `RiscV.sol`.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use alloy::sol_types::SolCall;
use alloy_primitives::{B256, Bytes};
use bindings::IRiscV;
use e2e::machine::{GAS, OneStep};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use vm::{
    STATE_LENGTH, StepWitness, accel_op,
    generate::{Generator, StepKind},
    verify,
};

/// Steps compared, and into how many series they are split.
const STEPS: usize = 200_000;
const SERIES: usize = 100;

fn seed() -> u64 {
    let seed = rand::rng().random();
    println!("seed {seed}");
    seed
}

#[test]
fn rust_and_solidity_agree_on_generated_steps() {
    let seed = seed();
    let series = |i: usize| {
        let seed = seed.wrapping_add(i as u64);
        let mut l1 = OneStep::new().unwrap();
        let mut counts: BTreeMap<StepKind, usize> = BTreeMap::new();
        for (n, step) in Generator::new(seed).take(STEPS / SERIES).enumerate() {
            let kind = StepKind::of(&step);
            let at = || format!("seed {seed}, step {n}, {kind:?}: {step:?}");
            let post_hash = step.post_hash();
            assert_eq!(verify(&step.state, &step.witness), Ok(post_hash), "{}", at());
            let verdict = l1.step(&step.state, &step.witness).unwrap();
            assert_eq!(verdict.post_hash, Some(post_hash), "{}", at());
            *counts.entry(kind).or_default() += 1;
        }
        counts
    };
    let counts = (0..SERIES).into_par_iter().map(series).reduce(BTreeMap::new, |mut all, counts| {
        counts.into_iter().for_each(|(kind, count)| *all.entry(kind).or_default() += count);
        all
    });
    assert_eq!(counts.values().sum::<usize>(), STEPS);
    let missing: BTreeSet<_> =
        StepKind::all().into_iter().filter(|kind| !counts.contains_key(kind)).collect();
    assert!(missing.is_empty(), "missing {missing:?}");
    println!("{counts:?}");
}

/// A step of each kind, and one of each accelerator on a good input.
fn samples(seed: u64) -> Vec<StepWitness> {
    let mut kinds = BTreeSet::new();
    let mut generator = Generator::new(seed);
    let mut steps: Vec<_> = accel_op::ALL.iter().map(|op| generator.accelerator_step(*op)).collect();
    let few =
        generator.take(10_000).filter(|step| step.witness.len() < 4_000 && kinds.insert(StepKind::of(step)));
    steps.extend(few);
    steps
}

/// Whether every byte is tried, or some: all of one step for each sort of witness.
fn thoroughly(kind: StepKind) -> bool {
    let op = |name| vm::Op::ALL.iter().position(|op| *op == name).unwrap();
    let (add, load, store) = (op(vm::Op::Add), op(vm::Op::Ld), op(vm::Op::Sd));
    matches!(kind, StepKind::Op(op, false) if [add, load, store].contains(&op))
        || matches!(kind, StepKind::Foreign | StepKind::Halt(true) | StepKind::Preimage | StepKind::Blob)
        || matches!(kind, StepKind::Accel(accel_op::KECCAK256 | accel_op::MODEXP, true) | StepKind::Dear(_))
}

/// A bit of a witness flipped is always refused: leaves, branches, pages and preimages by their hashes, openings by
/// their proof.
///
/// A bit of the state flipped gives another pre-state hash, which is what a game holds a claim to; here it is shown
/// that nothing else comes of it: both sides refuse, or both come to the same next state.
#[test]
fn flipped_bits_are_refused() {
    let seed = seed();
    let flips = |(i, step): (usize, StepWitness)| {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(i as u64));
        let mut l1 = OneStep::new().unwrap();
        let kind = StepKind::of(&step);
        let every = thoroughly(kind);
        let mut some = |length: usize| -> Vec<(usize, u8)> {
            let count = if every { length } else { length.min(12) };
            let at = |i| if every { i } else { rng.random_range(0..length) };
            (0..count)
                .map(at)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|at| (at, 1 << rng.random_range(0..8)))
                .collect()
        };
        let (witness_flips, state_flips) = (some(step.witness.len()), some(STATE_LENGTH));
        for (at, bit) in &witness_flips {
            let mut witness = step.witness.clone();
            witness[*at] ^= bit;
            assert!(verify(&step.state, &witness).is_err(), "witness byte {at} of {kind:?}");
            assert_eq!(
                l1.step(&step.state, &witness).unwrap().post_hash,
                None,
                "witness byte {at} of {kind:?}"
            );
        }
        for (at, bit) in &state_flips {
            let mut state = step.state;
            state[*at] ^= bit;
            let verdict = l1.step(&state, &step.witness).unwrap();
            assert_eq!(verdict.post_hash, verify(&state, &step.witness).ok(), "state byte {at} of {kind:?}");
        }
        witness_flips.len()
    };
    let flipped: usize = samples(seed).into_par_iter().enumerate().map(flips).sum();
    println!("{flipped} bytes of witnesses");
    assert!(flipped > 15_000);
}

/// With whatever gas a step is called: it reverts, or its result is the honest one. So no precompile's failure for
/// lack of gas can pass for a failure of its input.
#[test]
fn too_little_gas_never_changes_a_result() {
    let seed = seed();
    let mut generator = Generator::new(seed);
    let mut steps: Vec<_> =
        accel_op::ALL.iter().flat_map(|op| [*op; 4]).map(|op| generator.accelerator_step(op)).collect();
    steps.extend(
        generator.filter(|step| matches!(StepKind::of(step), StepKind::Preimage | StepKind::Blob)).take(8),
    );
    let (refused, passed) = steps
        .into_par_iter()
        .enumerate()
        .map(|(i, step)| {
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(i as u64));
            let mut l1 = OneStep::new().unwrap();
            let honest = l1.step(&step.state, &step.witness).unwrap();
            assert_eq!(honest.post_hash, Some(step.post_hash()));
            let (mut refused, mut passed) = (0, 0);
            let mut at = |gas: u64| {
                let verdict = l1.step_with_gas(&step.state, &step.witness, gas).unwrap();
                if verdict.post_hash.is_some() {
                    assert_eq!(verdict, honest, "{gas} gas for {:?}", StepKind::of(&step));
                    passed += 1;
                } else {
                    refused += 1;
                }
                verdict.post_hash.is_some()
            };
            // The least gas that is enough, which is more than is used: the contract keeps a reserve.
            let (mut low, mut high) = (0, GAS);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if at(middle) { high = middle } else { low = middle }
            }
            // All around it, and between nothing and what is used.
            for gas in (high.saturating_sub(40)..high + 40)
                .chain((0..40).map(|_| rng.random_range(21_000..2 * high)))
            {
                assert_eq!(at(gas), gas >= high, "{gas} gas is enough, or not; {high} is");
            }
            (refused, passed)
        })
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{refused} refused, {passed} passed");
    assert!(refused > 3_000 && passed > 3_000);
}

/// An L1 fork may charge more for precompiles: up to four times the table, no step has another result. Far beyond it, some
/// would.
#[test]
fn an_l1_that_charges_more_for_precompiles_changes_no_step() {
    let seed = seed();
    let mut generator = Generator::new(seed);
    let mut steps = samples(seed);
    steps.extend(accel_op::ALL.iter().flat_map(|op| [*op; 12]).map(|op| generator.accelerator_step(op)));
    let differing = |times: u64| -> usize {
        let differs = |step: &StepWitness| {
            let mut l1 = OneStep::repriced(times).unwrap();
            let verdict = l1.step(&step.state, &step.witness).unwrap();
            usize::from(verdict.post_hash != Some(step.post_hash()))
        };
        steps.par_iter().map(differs).sum()
    };
    for times in [2, 3, 4] {
        assert_eq!(differing(times), 0, "at {times} times the price");
    }
    assert!(differing(1_000) > 0, "the price is the precompiles' own");
}

#[test]
fn malformed_input_reverts() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut l1 = OneStep::new().unwrap();
    for step in samples(seed) {
        let (state, witness) = (&step.state[..], &step.witness[..]);
        let mut longer = witness.to_vec();
        longer.extend([0; 32]);
        let mut wrong: Vec<(Vec<u8>, Vec<u8>)> = vec![
            (state.to_vec(), longer[..witness.len() + 1].to_vec()),
            (state.to_vec(), longer),
            (state[..STATE_LENGTH - 1].to_vec(), witness.to_vec()),
            ([state, &[0]].concat(), witness.to_vec()),
            (Vec::new(), witness.to_vec()),
            (witness.to_vec(), state.to_vec()),
        ];
        for flag in [2, 255] {
            let mut state = state.to_vec();
            state[48] = flag;
            wrong.push((state, witness.to_vec()));
        }
        if !witness.is_empty() {
            let cut = rng.random_range(0..witness.len());
            wrong.extend(
                [0, cut, witness.len() - 1].map(|length| (state.to_vec(), witness[..length].to_vec())),
            );
            // All there, but in another order.
            let mut turned = witness.to_vec();
            turned.rotate_left(32);
            wrong.push((state.to_vec(), turned));
        }
        for (state, witness) in &wrong {
            assert!(verify(state, witness).is_err());
            assert_eq!(l1.step(state, witness).unwrap().post_hash, None, "{:?}", StepKind::of(&step));
        }
        // Calldata that is not what the ABI makes of two byte strings.
        let call = IRiscV::stepCall { state: step.state.to_vec().into(), witness: witness.to_vec().into() };
        let data = call.abi_encode();
        // The last word may be padding, which nobody reads.
        let cut = rng.random_range(0..data.len() - 32);
        assert_eq!(l1.call(Bytes::copy_from_slice(&data[..cut]), GAS).unwrap().post_hash, None);
        for word in [0, 1] {
            let mut data = data.clone();
            let high = B256::from(rng.random::<[u8; 32]>());
            data[4 + 32 * word..][..32].copy_from_slice(&high[..]);
            assert_eq!(l1.call(data.into(), GAS).unwrap().post_hash, None);
        }
    }
}
