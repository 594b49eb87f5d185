//! The base fee against exact arithmetic, and what its rule promises.
#![allow(clippy::unwrap_used)]

use alloy_primitives::Uint;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::env;

use super::*;

/// Room for numbers that nothing rounds.
type Big = Uint<2048, 32>;

/// A generator that says its seed, which `STF_SEED` sets.
fn generator() -> StdRng {
    let seed = env::var("STF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("STF_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn parameters(rng: &mut StdRng) -> FeeParameters {
    let target = match rng.random_range(0..4) {
        0 => MIN_GAS_TARGET,
        1 => MAX_GAS_TARGET,
        _ => rng.random_range(MIN_GAS_TARGET..=MAX_GAS_TARGET),
    };
    let least = 1 << rng.random_range(0..=40);
    FeeParameters::new(target, rng.random_range(1..=least))
}

/// All combinations of the least, the greatest and usual parameters.
fn corners() -> impl Iterator<Item = FeeParameters> {
    let targets = [MIN_GAS_TARGET, 5_000_000, 15_000_000, MAX_GAS_TARGET];
    let least = [1, 2, 3, 1_000_000, 1_000_000_000, MAX_MIN_BASE_FEE - 1, MAX_MIN_BASE_FEE];
    targets
        .into_iter()
        .flat_map(move |target| least.into_iter().map(move |least| FeeParameters::new(target, least)))
}

/// EIP-4844's function, as the EIP writes it, and the number of terms that it added up.
fn fake_exponential(factor: u64, numerator: u64, denominator: u64) -> (Big, u64) {
    let [factor, numerator, denominator] = [factor, numerator, denominator].map(Big::from);
    let mut i = 1u64;
    let mut output = Big::ZERO;
    let mut numerator_accum = factor * denominator;
    while numerator_accum > Big::ZERO {
        output += numerator_accum;
        numerator_accum = (numerator_accum * numerator) / (denominator * Big::from(i));
        i += 1;
    }
    (output / denominator, i - 1)
}

/// `least × e^(excess / fraction)` with 1,024 binary digits behind the point, rounded down to a whole number.
fn exact(least: u64, excess: u64, fraction: u64) -> Big {
    let mut term: Big = Big::from(least) << 1024;
    let mut sum = Big::ZERO;
    for i in 1u64.. {
        sum += term;
        term = term * Big::from(excess) / (Big::from(fraction) * Big::from(i));
        if term.is_zero() {
            break;
        }
    }
    sum >> 1024
}

fn check_against_exact_arithmetic(fees: FeeParameters, excess: u64) {
    let found = fees.base_fee(excess);
    let (eip, _) = fake_exponential(fees.min_base_fee, excess, fees.fraction());
    assert_eq!(found, eip.saturating_to::<u64>(), "{fees:?}, excess {excess}");
    // Cutting off each term costs a few parts in the fraction, of what the fee is a multiple of.
    let exact = exact(fees.min_base_fee, excess, fees.fraction());
    assert!(eip <= exact, "{fees:?}, excess {excess}");
    assert!(exact - eip <= Big::from(1) + (exact >> 20), "{fees:?}, excess {excess}: {eip}, exactly {exact}");
}

#[test]
fn the_fee_is_eip_4844s_function_and_near_the_exact_one() {
    let mut rng = generator();
    for fees in corners() {
        for excess in [0, 1, fees.fraction() - 1, fees.fraction(), fees.max_excess() / 2, fees.max_excess()] {
            check_against_exact_arithmetic(fees, excess);
        }
    }
    for _ in 0..2_000 {
        let fees = parameters(&mut rng);
        check_against_exact_arithmetic(fees, rng.random_range(0..=fees.max_excess()));
    }
}

#[test]
fn no_excess_needs_more_terms_than_the_loop_has() {
    let mut most = 0;
    for fees in corners() {
        let (_, terms) = fake_exponential(fees.min_base_fee, fees.max_excess(), fees.fraction());
        most = most.max(terms);
    }
    assert!((MAX_TERMS - 20..=MAX_TERMS).contains(&most), "{most} terms");
    let mut rng = generator();
    for _ in 0..2_000 {
        let fees = parameters(&mut rng);
        let excess = rng.random_range(0..=fees.max_excess());
        assert!(fake_exponential(fees.min_base_fee, excess, fees.fraction()).1 <= most, "{fees:?}, {excess}");
    }
}

#[test]
fn twice_the_target_for_a_minute_doubles_the_fee_and_an_idle_minute_halves_it() {
    for fees in corners() {
        // In blocks of any length.
        for seconds in [1, 2, 5, 60] {
            for doublings in 0..20u32 {
                let before = fees.gas_target * 60 * u64::from(doublings);
                let mut excess = before;
                for _ in 0..60 / seconds {
                    excess = fees.next_excess(excess, 2 * fees.gas_target * seconds, seconds);
                }
                let (from, to) = (u128::from(fees.base_fee(before)), u128::from(fees.base_fee(excess)));
                // Rounded down twice: by one wei each, and the fraction's and the series' parts in a million.
                let (least, most) = (2 * from - 2 - from / 500_000, 2 * from + 2 + from / 500_000);
                assert!((least..=most).contains(&to), "{fees:?}: {from}, then {to}");
                assert_eq!(fees.next_excess(excess, 0, 60), before);
            }
        }
    }
}

#[test]
fn the_fee_knows_time_and_not_the_number_of_blocks() {
    let mut rng = generator();
    for _ in 0..20_000 {
        let fees = parameters(&mut rng);
        let excess = rng.random_range(0..=fees.max_excess());
        let gas: [u64; 2] = [rng.random_range(0..60_000_000), rng.random_range(0..60_000_000)];
        let time: [u64; 2] = [rng.random_range(0..10), rng.random_range(0..10)];
        let once = fees.next_excess(excess, gas[0] + gas[1], time[0] + time[1]);
        let between = fees.next_excess(excess, gas[0], time[0]);
        let twice = fees.next_excess(between, gas[1], time[1]);
        // Equal, unless the excess was at one of its ends in between: idle time is not saved up, nor is a flood.
        if between > 0 && between < fees.max_excess() {
            assert_eq!(twice, once, "{fees:?}");
        } else if between == 0 {
            assert!(twice >= once);
        } else {
            assert!(twice <= once);
        }
    }
}

#[test]
fn more_gas_and_less_time_never_lower_the_fee() {
    let mut rng = generator();
    for _ in 0..5_000 {
        let fees = parameters(&mut rng);
        let [excess, gas, time] = [fees.max_excess(), 60_000_000, 100].map(|most| rng.random_range(0..=most));
        let fee = fees.next_base_fee(excess, gas, time);
        assert!(fees.next_base_fee(excess, gas + 1_000_000, time) >= fee);
        assert!(fees.next_base_fee(excess + 1_000_000, gas, time) >= fee);
        assert!(fees.next_base_fee(excess, gas, time + 1) <= fee);
        assert!(fees.next_base_fee(excess, gas, 0) >= fee, "no time elapsed: the upper bound");
        assert!(fee >= fees.min_base_fee());
    }
}

#[test]
fn a_flooded_chain_saturates_and_recovers_in_minutes() {
    let mut rng = generator();
    let random: Vec<_> = (0..2_000).map(|_| parameters(&mut rng)).collect();
    for fees in corners().chain(random) {
        let most = fees.max_excess();
        assert_eq!(fees.base_fee(most), u64::MAX, "{fees:?}");
        assert_eq!(fees.next_excess(most, u64::MAX, 0), most);
        assert_eq!(fees.next_excess(u64::MAX, u64::MAX, 0), most);
        assert_eq!(fees.base_fee(u64::MAX), u64::MAX);
        assert_eq!(fees.next_excess(most, 0, u64::MAX), 0);
        // It falls within two minutes, and is the least after as many as it has bits.
        assert!(fees.base_fee(fees.next_excess(most, 0, 120)) < u64::MAX, "{fees:?}");
        assert_eq!(fees.base_fee(fees.next_excess(most, 0, 64 * 60)), fees.min_base_fee());
    }
}

#[test]
fn a_new_target_leaves_the_fee_where_it_is() {
    let mut rng = generator();
    for _ in 0..5_000 {
        let from = parameters(&mut rng);
        let to = from.with_gas_target(parameters(&mut rng).gas_target());
        let excess = rng.random_range(0..=from.max_excess());
        let (before, after) = (from.base_fee(excess), to.base_fee(from.rescale(excess, to)));
        // Down by less than one gas of excess, and either way by the rounding of fractions and series.
        let most = 2 + before / 1_000_000;
        assert!(before.abs_diff(after) <= most, "{from:?} to {to:?}: {before}, then {after}");
        assert_eq!(from.rescale(excess, from), excess);
    }
}

#[test]
fn a_new_least_fee_moves_the_fee_in_proportion() {
    let from = FeeParameters::new(5_000_000, 1_000_000);
    let excess = 123_456_789;
    let to = from.with_min_base_fee(3_000_000);
    assert_eq!(from.rescale(excess, to), excess);
    assert!(to.base_fee(excess).abs_diff(3 * from.base_fee(excess)) <= 3);
    // No more doublings fit above a greater least fee.
    assert_eq!(from.rescale(from.max_excess(), to), to.max_excess());
    assert!(to.max_excess() < from.max_excess());
}

#[test]
fn parameters_out_of_bounds_become_the_nearest_within() {
    let bounds = |target, least| {
        let fees = FeeParameters::new(target, least);
        (fees.gas_target(), fees.min_base_fee())
    };
    assert_eq!(bounds(0, 0), (1_000_000, 1));
    assert_eq!(bounds(999_999, 1), (1_000_000, 1));
    assert_eq!(bounds(1_000_001, 2), (1_000_001, 2));
    assert_eq!(bounds(60_000_001, (1 << 40) + 1), (60_000_000, 1 << 40));
    assert_eq!(bounds(u64::MAX, u64::MAX), (60_000_000, 1 << 40));
    assert_eq!(FeeParameters::default(), FeeParameters::new(0, 0));
}

#[test]
fn the_fraction_is_the_target_for_a_minute_over_the_logarithm_of_two() {
    // 60 / ln 2, to more digits than the constant has: 86.561702453337804...
    for target in [MIN_GAS_TARGET, 5_000_000, MAX_GAS_TARGET] {
        let fraction = u128::from(FeeParameters::new(target, 1).fraction());
        let exact = u128::from(target) * 86_561_702_453_337_804 / 1_000_000_000_000_000;
        assert!(fraction <= exact && exact - fraction <= 1, "{fraction}, exactly {exact}");
    }
}

/// The table in `node/README.md`: ten blocks a second for a minute, from the least base fee on.
#[test]
fn filling_blocks_for_a_minute_costs_what_is_documented() {
    let fees = FeeParameters::new(10_000_000, 1_000_000);
    // Times the target, the fee after the minute and the cost of it in microether.
    for (times, fee_after, microether) in [
        (2u64, 2_000_000u128, 1_731u128),
        (5, 16_000_000, 16_230),
        (10, 512_000_000, 491_478),
        (20, 524_288_000_000, 477_717_634),
    ] {
        let gas = times * fees.gas_target() / 10;
        let (mut excess, mut cost) = (0, 0u128);
        for block in 0..600 {
            cost += u128::from(fees.base_fee(excess)) * u128::from(gas);
            excess = fees.next_excess(excess, gas, u64::from(block % 10 == 9));
        }
        let near = |value: u128, expected: u128| value.abs_diff(expected) * 100 <= expected * 7;
        let fee = u128::from(fees.base_fee(excess));
        assert!(near(fee, fee_after), "{times}: {fee}");
        assert!(near(cost / 1_000_000_000_000, microether), "{times}: {cost}");
    }
}
