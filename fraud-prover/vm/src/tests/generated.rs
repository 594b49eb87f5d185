//! Generated steps: the reference interpreter against the verifier, which was written apart from it.

use crate::{
    STATE_LENGTH, State, WitnessError, accel_op,
    generate::{Generator, StepKind},
    verify,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

fn seed() -> u64 {
    let seed = rand::rng().random();
    println!("seed {seed}");
    seed
}

#[test]
fn verifier_agrees_with_the_reference_on_steps_of_every_kind() {
    let mut counts: BTreeMap<StepKind, u32> = BTreeMap::new();
    for step in Generator::new(seed()).take(60_000) {
        assert_eq!(
            verify(&step.state, &step.witness),
            Ok(step.post_hash()),
            "{:?} {step:?}",
            StepKind::of(&step)
        );
        *counts.entry(StepKind::of(&step)).or_default() += 1;
    }
    let missing: BTreeSet<_> =
        StepKind::all().into_iter().filter(|kind| !counts.contains_key(kind)).collect();
    assert!(missing.is_empty(), "missing {missing:?} of {counts:?}");
    let unknown: Vec<_> = counts.keys().filter(|kind| !StepKind::all().contains(kind)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    let seed = seed();
    let (first, second) = (Generator::new(seed), Generator::new(seed));
    assert!(first.take(100).eq(second.take(100)));
}

/// Steps of every kind but plain instructions, one or two of each, and a few of those.
fn samples(seed: u64) -> Vec<crate::StepWitness> {
    let mut counts: BTreeMap<StepKind, u32> = BTreeMap::new();
    let mut generator = Generator::new(seed);
    let mut steps: Vec<_> = accel_op::ALL.iter().map(|op| generator.accelerator_step(*op)).collect();
    steps.extend(generator.take(5000).filter(|step| {
        let count = counts.entry(StepKind::of(step)).or_default();
        *count += 1;
        *count == 1 && step.witness.len() < 5000
    }));
    steps
}

#[test]
fn flipped_bits_are_refused() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut refused = 0;
    for step in samples(seed) {
        for _ in 0..60.min(step.witness.len()) {
            let mut witness = step.witness.clone();
            let at = rng.random_range(0..witness.len());
            witness[at] ^= 1 << rng.random_range(0..8);
            assert!(verify(&step.state, &witness).is_err(), "byte {at} of {:?}", StepKind::of(&step));
            refused += 1;
        }
        // Of the state, the root can't be another.
        if !step.witness.is_empty() {
            let mut state = step.state;
            state[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8);
            assert!(verify(&state, &step.witness).is_err());
        }
    }
    assert!(refused > 5000);
}

#[test]
fn other_lengths_are_refused() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    for step in samples(seed) {
        let (state, witness) = (&step.state, &step.witness);
        let mut longer = witness.clone();
        longer.push(rng.random());
        assert!(verify(state, &longer).is_err());
        if let Some((_, shorter)) = witness.split_last() {
            assert!(verify(state, shorter).is_err());
            assert!(verify(state, &witness[..rng.random_range(0..witness.len())]).is_err());
        }
        for length in [0, STATE_LENGTH - 1] {
            assert_eq!(verify(&state[..length], witness), Err(WitnessError::State));
        }
        let mut flag = *state;
        flag[48] = rng.random_range(2..=255);
        assert_eq!(verify(&flag, witness), Err(WitnessError::State));
    }
}

#[test]
fn noise_is_refused_without_panics() {
    let mut rng = StdRng::seed_from_u64(seed());
    for _ in 0..5_000 {
        let mut state = [0; STATE_LENGTH];
        rng.fill(&mut state[..]);
        state[48] = rng.random_range(0..2);
        let length = [0, 896, 1792, 1728, 5000][rng.random_range(0..5)];
        let witness: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        let hash = verify(&state, &witness);
        // Exited, or nothing to fetch: a step without a witness.
        assert!(hash.is_err() || witness.is_empty() && State::unpack(&state).is_some());
    }
}
