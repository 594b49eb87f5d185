//! What transactions pay, without I/O: the market as endpoints tell it, and the caps that hold whatever they say.

use alloy::primitives::U256;

/// What a replacement must pay more, in per cent. Nodes ask for 10.
const BUMP_PERCENT: u128 = 13;

/// The same of a transaction with blobs: nodes ask for twice as much of everything (go-ethereum's and reth's blob pools).
const BLOB_BUMP_PERCENT: u128 = 100;

/// Fees of a transaction, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Most to pay in total.
    pub max_fee: u128,
    /// Tip for the block's producer.
    pub tip: u128,
    /// Most to pay for blob gas (EIP-4844); 0 of a transaction without blobs.
    pub blob: u128,
}

/// Bounds of what a transaction pays, in wei. No word of an endpoint goes beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCaps {
    /// Most for a unit of gas, the tip with it.
    pub max_fee: u128,
    /// Most of that for the block's producer.
    pub max_tip: u128,
    /// Least of that for the block's producer.
    pub min_tip: u128,
    /// Most for all gas of a transaction.
    pub max_cost: u128,
    /// Most for a unit of blob gas.
    pub max_blob_fee: u128,
}

impl Default for FeeCaps {
    /// Five times what L1 costs in a busy week, and what wins a place in any block; together at most 2 ETH. Six blobs cost
    /// 0.16 ETH at most.
    fn default() -> Self {
        Self {
            max_fee: 500_000_000_000,
            max_tip: 20_000_000_000,
            min_tip: 1,
            max_cost: 2_000_000_000_000_000_000,
            max_blob_fee: 200_000_000_000,
        }
    }
}

impl FeeCaps {
    /// Most to pay for a unit of gas, for a transaction of so much gas.
    pub(super) fn for_gas(&self, gas_limit: u64) -> u128 {
        self.max_fee.min(self.max_cost / u128::from(gas_limit.max(1)))
    }

    /// These fees as far as the caps allow. The tip is part of the fee, so it gives way.
    pub(super) fn apply(&self, fees: Fees, gas_limit: u64) -> Fees {
        let max_fee = fees.max_fee.min(self.for_gas(gas_limit));
        let tip = fees.tip.max(self.min_tip).min(self.max_tip).min(max_fee);
        Fees { max_fee, tip, blob: fees.blob.min(self.max_blob_fee) }
    }
}

impl Fees {
    /// What to pay now, with room for base fees to double. Of what several endpoints say, the lower one in the middle
    /// counts: of two the lower, of three the one between. Too low a fee is raised later, too high a one is gone.
    pub(super) fn market(
        base_fees: &mut [u128],
        blob_base_fees: &mut [u128],
        tips: &mut [u128],
        default_tip: u128,
        caps: &FeeCaps,
    ) -> Market {
        let base_fee = middle(base_fees).unwrap_or_default();
        let tip = middle(tips).unwrap_or(default_tip).max(caps.min_tip).min(caps.max_tip);
        let blob_base_fee = middle(blob_base_fees).unwrap_or_default();
        let max_fee = base_fee.saturating_mul(2).saturating_add(tip);
        let fees = Self { max_fee, tip, blob: blob_base_fee.saturating_mul(2) };
        Market { base_fee, blob_base_fee, fees }
    }

    /// Enough to replace a transaction with these fees, and no less than the market's.
    pub(super) fn bumped(self, market: Self) -> Self {
        let percent = if self.blob > 0 { BLOB_BUMP_PERCENT } else { BUMP_PERCENT };
        let bump = |fee: u128| {
            fee.saturating_add((fee.saturating_mul(percent)).div_ceil(100)).max(fee.saturating_add(1))
        };
        let blob = if self.blob > 0 { bump(self.blob) } else { 0 };
        Self {
            max_fee: bump(self.max_fee).max(market.max_fee),
            tip: bump(self.tip).max(market.tip),
            blob: blob.max(market.blob),
        }
    }

    /// The most that so much gas and blob gas cost.
    pub(super) fn cost(self, gas_limit: u64, blob_gas: u64) -> U256 {
        let cost = |gas: u64, fee: u128| U256::from(gas).saturating_mul(U256::from(fee));
        cost(gas_limit, self.max_fee).saturating_add(cost(blob_gas, self.blob))
    }
}

/// What L1 asks for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Market {
    /// Of the newest block.
    pub(super) base_fee: u128,
    /// Of the next block; 0 if it was not asked for.
    pub(super) blob_base_fee: u128,
    pub(super) fees: Fees,
}

/// The lower one in the middle.
fn middle(values: &mut [u128]) -> Option<u128> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    #[test]
    fn a_bump_is_enough_to_replace() {
        for fee in [0, 1, 7, 99, 1_000_000_000, 1_000_000_007] {
            let fees = Fees { max_fee: fee, tip: fee, blob: 0 };
            let bumped = fees.bumped(Fees::default());
            assert!(bumped.max_fee * 8 >= fee * 9 && bumped.max_fee > fee, "{fee}");
            assert!(bumped.tip * 8 >= fee * 9 && bumped.tip > fee, "{fee}");
        }
        let market = Fees { max_fee: 1000, tip: 10, blob: 0 };
        assert_eq!(Fees { max_fee: 1, tip: 1, blob: 0 }.bumped(market), market);
    }

    #[test]
    fn a_transaction_with_blobs_is_replaced_by_twice_its_fees() {
        let fees = Fees { max_fee: 100, tip: 3, blob: 7 };
        assert_eq!(fees.bumped(Fees::default()), Fees { max_fee: 200, tip: 6, blob: 14 });
        let market = Fees { max_fee: 1000, tip: 10, blob: 1000 };
        assert_eq!(fees.bumped(market), market);
        assert_eq!(fees.cost(10, 131_072), U256::from(10 * 100 + 131_072 * 7));
        let (base, blob) = (&mut [5][..], &mut [9, 8, 100][..]);
        let market = Fees::market(base, blob, &mut [1], 1, &FeeCaps::default());
        assert_eq!((market.blob_base_fee, market.fees.blob), (9, 18));
    }

    #[test]
    fn no_word_of_an_endpoint_goes_beyond_the_caps() {
        let caps = FeeCaps {
            max_fee: 100 * GWEI,
            max_tip: 5 * GWEI,
            min_tip: GWEI,
            max_cost: u128::MAX,
            max_blob_fee: 7 * GWEI,
        };
        let market =
            |base: &mut [u128], tips: &mut [u128]| Fees::market(base, &mut [], tips, 2 * GWEI, &caps).fees;
        // A thousand gwei from one of two, and from all.
        let wanted = Fees { max_fee: 22 * GWEI, tip: 2 * GWEI, blob: 0 };
        assert_eq!(market(&mut [10 * GWEI], &mut [1000 * GWEI, 2 * GWEI]), wanted);
        assert_eq!(market(&mut [10 * GWEI], &mut [1000 * GWEI]).tip, 5 * GWEI);
        assert_eq!(market(&mut [10 * GWEI, 11 * GWEI, u128::MAX], &mut []).max_fee, 24 * GWEI);
        assert_eq!(market(&mut [GWEI], &mut [0]).tip, GWEI, "nor below");
        let huge = Fees { max_fee: u128::MAX, tip: u128::MAX, blob: u128::MAX };
        let most = Fees { max_fee: 100 * GWEI, tip: 5 * GWEI, blob: 7 * GWEI };
        assert_eq!(caps.apply(huge, 21_000), most);
    }

    #[test]
    fn the_cost_of_a_transaction_is_bounded_whatever_its_gas() {
        let caps = FeeCaps::default();
        for gas in [0, 21_000, 1_000_000, 1 << 24, u64::MAX] {
            let fees = caps.apply(Fees { max_fee: u128::MAX, tip: 1, blob: 0 }, gas);
            assert!(fees.cost(gas, 0) <= U256::from(caps.max_cost), "{gas}");
            assert!(fees.tip <= fees.max_fee);
        }
        assert_eq!(caps.for_gas(21_000), caps.max_fee);
    }
}
