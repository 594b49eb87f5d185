//! The base fee: by time, whatever the number of blocks.
//!
//! Gas beyond the target adds up to an *excess*, time takes it away again, and the fee grows exponentially with it, as
//! Ethereum's blob base fee does (EIP-4844). Where that counts per block, this counts per second, because blocks come
//! every few milliseconds or every few seconds as there is something for them:
//!
//! ```text
//! excess   = max(0, parent's excess + parent's gas used − target × (timestamp − parent's timestamp))
//! base fee = least base fee × e^(excess / fraction)        fraction = target × 60 / ln 2
//! ```
//!
//! So twice the target for 60 seconds doubles the fee, and 60 idle seconds halve it.

use alloy_primitives::U256;

/// Least gas target, in gas per second: below it a single deposit of the most gas, which pays no fee on L2, would raise
/// the fee of all others by more than an eighth. The contract's bound.
pub const MIN_GAS_TARGET: u64 = 1_000_000;
/// Greatest gas target, in gas per second: above it, whoever executes the chain again would not keep up. The contract's
/// bound.
pub const MAX_GAS_TARGET: u64 = 60_000_000;
/// Smallest least base fee, in wei: a fee of zero could never rise. The contract's bound.
pub const MIN_MIN_BASE_FEE: u64 = 1;
/// Greatest least base fee, in wei. The contract's bound.
pub const MAX_MIN_BASE_FEE: u64 = 1 << 40;

/// Seconds of twice the target that double the fee.
const DOUBLING_TIME: u64 = 60;

/// 60 / ln 2, in billionths, rounded down: what a gas target is multiplied with to make the fraction.
const FRACTION_PER_TARGET: u64 = 86_561_702_453;
const BILLION: u64 = 1_000_000_000;

// The product below fits.
const _: () = assert!(MAX_GAS_TARGET < u64::MAX / FRACTION_PER_TARGET);

/// Most terms of the series that are not zero, in all the fees there can be: the most are needed at the greatest excess
/// of the greatest target over the smallest least base fee.
const MAX_TERMS: u64 = 150;

/// The parameters of the base fee, always within their bounds. Config messages change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeParameters {
    gas_target: u64,
    min_base_fee: u64,
}

/// The least of both: what an empty state has.
impl Default for FeeParameters {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl FeeParameters {
    /// These parameters, or the nearest that are within the bounds.
    pub const fn new(gas_target: u64, min_base_fee: u64) -> Self {
        Self {
            gas_target: clamp(gas_target, MIN_GAS_TARGET, MAX_GAS_TARGET),
            min_base_fee: clamp(min_base_fee, MIN_MIN_BASE_FEE, MAX_MIN_BASE_FEE),
        }
    }

    /// As one word: gasTarget(8) ‖ minBaseFee(8), in the low bytes.
    pub const fn pack(self) -> U256 {
        U256::from_limbs([self.min_base_fee, self.gas_target, 0, 0])
    }

    /// What [`pack`](Self::pack) made, or the nearest that is within the bounds.
    pub const fn unpack(word: U256) -> Self {
        let [min_base_fee, gas_target, ..] = word.into_limbs();
        Self::new(gas_target, min_base_fee)
    }

    /// Gas per second at which the fee stays.
    pub const fn gas_target(self) -> u64 {
        self.gas_target
    }

    /// The least base fee, in wei.
    pub const fn min_base_fee(self) -> u64 {
        self.min_base_fee
    }

    /// The same with another gas target.
    pub const fn with_gas_target(self, gas_target: u64) -> Self {
        Self::new(gas_target, self.min_base_fee)
    }

    /// The same with another least base fee.
    pub const fn with_min_base_fee(self, min_base_fee: u64) -> Self {
        Self::new(self.gas_target, min_base_fee)
    }

    /// Excess gas that multiplies the fee by e: `target × 60 / ln 2`, rounded down.
    const fn fraction(self) -> u64 {
        self.gas_target * FRACTION_PER_TARGET / BILLION
    }

    /// The greatest excess: as many doublings of the least base fee as lead to 2^64 or just beyond, so that the fee
    /// begins to fall from where it saturates within a minute of an empty chain.
    pub const fn max_excess(self) -> u64 {
        // From 24 to 64.
        let doublings = 64 - self.min_base_fee.ilog2() as u64;
        self.gas_target * DOUBLING_TIME * doublings
    }

    /// The excess of a block: of its parent's excess and gas, and the seconds from its parent to it.
    pub fn next_excess(self, parent_excess: u64, parent_gas_used: u64, elapsed: u64) -> u64 {
        parent_excess
            .saturating_add(parent_gas_used)
            .saturating_sub(self.gas_target.saturating_mul(elapsed))
            .min(self.max_excess())
    }

    /// An excess under these parameters as it is under others. A new gas target rescales it, so that the fee stays where
    /// it is: `excess × new fraction / fraction`, rounded down, which takes less than one gas, and from the fee less
    /// than one part in 86 million and one wei. A new least base fee moves the fee in proportion.
    pub fn rescale(self, excess: u64, to: Self) -> u64 {
        let excess = if self.gas_target == to.gas_target {
            excess
        } else {
            // At most 60 times as much, or 2^64 either way.
            let scaled = u128::from(excess) * u128::from(to.fraction()) / u128::from(self.fraction());
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        excess.min(to.max_excess())
    }

    /// The base fee at an excess, in wei: EIP-4844's `fake_exponential(least base fee, excess, fraction)`, at most
    /// 2^64 − 1.
    pub fn base_fee(self, excess: u64) -> u64 {
        // No sum is over 2^100 then, and no product over 2^140.
        let excess = U256::from(excess.min(self.max_excess()));
        let fraction = U256::from(self.fraction());
        let mut term = U256::from(self.min_base_fee) * fraction;
        let mut sum = U256::ZERO;
        for index in 1..=MAX_TERMS {
            if term.is_zero() {
                break;
            }
            sum += term;
            term = term * excess / (fraction * U256::from(index));
        }
        (sum / fraction).saturating_to()
    }

    /// The base fee of the block after one, in wei; see [`next_excess`](Self::next_excess). With no time elapsed it is
    /// the most that it can be.
    pub fn next_base_fee(self, parent_excess: u64, parent_gas_used: u64, elapsed: u64) -> u64 {
        self.base_fee(self.next_excess(parent_excess, parent_gas_used, elapsed))
    }
}

const fn clamp(value: u64, least: u64, most: u64) -> u64 {
    if value < least {
        least
    } else if value > most {
        most
    } else {
        value
    }
}

#[cfg(all(test, feature = "std"))]
mod tests;
