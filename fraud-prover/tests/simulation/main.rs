//! The honest strategy against N random adversaries, in thousands of random games by the contract's rules.
//!
//! In every game the right side wins, no valid claim is lost whoever made it, no honest bond is lost, invalid claims earn
//! nothing that is due to right ones, all money is accounted for, and no value is shown as right that is wrong. So that the test can fail, it also plays
//! strategies that lack one thing, and expects them to lose. `SEED=…` repeats a run.

#![allow(clippy::unwrap_used)]

mod adversary;
mod play;
mod world;

use fraud_prover::{
    game::Game,
    strategy::{PlannedMove, Purpose},
};
use rand::Rng;

use adversary::target;
use play::{Events, Flaw, Setting, everything, play};

fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 32));
    println!("SEED={seed}");
    seed
}

/// Plays many games; all flaws with their seeds, and what happened.
fn many(games: u64, setting: Setting) -> (Vec<(u64, Flaw)>, Events) {
    let first = seed();
    let mut events = Events::new();
    let mut flaws = Vec::new();
    for seed in first..first + games {
        let (found, happened) = play(seed, setting);
        flaws.extend(found.into_iter().map(|flaw| (seed, flaw)));
        for (event, count) in happened {
            *events.entry(event).or_default() += count;
        }
    }
    (flaws, events)
}

fn expect(events: &Events, expected: &[&str]) {
    println!("{events:#?}");
    for event in expected {
        assert!(events.get(event).is_some_and(|count| *count > 0), "{event:?} never happened: {events:?}");
    }
}

const USUAL: [&str; 23] = [
    "right root",
    "wrong root",
    "liar",
    "copier",
    "freeloader",
    "garbage",
    "stepper",
    "closer",
    "honest attack on blocks",
    "honest run",
    "honest attack on steps",
    "honest proof",
    "honest proof of a first step",
    "honest answer beside another attack",
    "honest reward",
    "foreign attack",
    "freeloader beaten",
    "valid claim of another",
    "invalid prestate",
    "duplicate refused",
    "proof of a right step refused",
    "invalid claim left alone",
    "not all known",
];

#[test]
fn the_truth_wins_without_clocks() {
    let (flaws, events) = many(3000, Setting { clocks: false, honest: 1, filter: everything });
    assert_eq!(flaws, []);
    expect(&events, &USUAL);
}

#[test]
fn the_truth_wins_with_clocks() {
    let (flaws, events) = many(2000, Setting { clocks: true, honest: 1, filter: everything });
    assert_eq!(flaws, []);
    expect(&events, &USUAL);
    expect(&events, &["last-second attack", "foreign proof"]);
}

#[test]
fn honest_players_who_do_not_know_of_each_other_do_no_harm() {
    let (flaws, events) = many(1000, Setting { clocks: true, honest: 3, filter: everything });
    assert_eq!(flaws, []);
    expect(&events, &USUAL);
}

/// Defends its own claims only.
fn own_only(game: &Game, me: alloy::primitives::Address, planned: &PlannedMove) -> bool {
    let claim = target(&planned.action).and_then(|id| game.claim(id));
    claim.and_then(|claim| game.parent(claim)).is_none_or(|parent| parent.claimant == me)
}

/// Leaves alone what another has attacked already.
fn no_double(game: &Game, _: alloy::primitives::Address, planned: &PlannedMove) -> bool {
    target(&planned.action).and_then(|id| game.claim(id)).is_none_or(|claim| claim.children.is_empty())
}

/// Ignores freeloaders: invalid claims beside its own.
fn no_siblings(game: &Game, me: alloy::primitives::Address, planned: &PlannedMove) -> bool {
    let Some(claim) = target(&planned.action).and_then(|id| game.claim(id)) else { return true };
    let Some(parent) = game.parent(claim) else { return true };
    !game.children(parent).any(|sibling| sibling.claimant == me && sibling.segment >= claim.segment)
}

#[test]
fn strategies_that_lack_a_rule_lose() {
    for (name, filter, expected) in [
        ("own claims only", own_only as play::Filter, Flaw::ValidClaimLost),
        ("no answer beside another's", no_double, Flaw::WrongOutcome),
        ("no answer to siblings", no_siblings, Flaw::RewardStolen),
    ] {
        let (flaws, _) = many(400, Setting { clocks: true, honest: 1, filter });
        assert!(flaws.iter().any(|(_, flaw)| *flaw == expected), "{name} was good enough: {flaws:?}");
    }
}

/// Makes only what decides the root, and what closes the game.
fn deciding_only(_: &Game, _: alloy::primitives::Address, planned: &PlannedMove) -> bool {
    matches!(planned.purpose, Purpose::Root | Purpose::Close)
}

#[test]
fn answers_that_decide_a_root_are_enough_for_its_outcome() {
    for (clocks, honest) in [(false, 1), (true, 1), (true, 3)] {
        let (flaws, _) = many(1500, Setting { clocks, honest, filter: deciding_only });
        assert!(!flaws.iter().any(|(_, flaw)| *flaw == Flaw::WrongOutcome), "{flaws:?}");
        // They leave others to freeloaders: otherwise nothing would be told apart.
        assert!(flaws.iter().any(|(_, flaw)| *flaw == Flaw::RewardStolen));
    }
}
