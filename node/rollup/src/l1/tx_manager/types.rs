//! What goes into sending a transaction, and what may come out.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, Keccak256, U256};

/// What a replacement must pay more, in per cent. Nodes ask for 10.
const BUMP_PERCENT: u128 = 13;

/// What to send.
#[derive(Clone, Debug, Default)]
pub struct TxRequest {
    /// The contract to call.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// Wei.
    pub value: U256,
    /// Gas limit; estimated, with a margin, if not given. Without an estimate a revert shows on chain only.
    pub gas_limit: Option<u64>,
}

impl TxRequest {
    /// A digest of what it does: requests with the same digest are the same call.
    pub(super) fn digest(&self) -> B256 {
        let mut hasher = Keccak256::new();
        hasher.update(self.to);
        hasher.update(self.value.to_be_bytes::<32>());
        hasher.update(&self.data);
        hasher.finalize()
    }
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub struct TxOptions {
    /// How often to look for the receipt; by default what suits the chain.
    pub poll_interval: Option<Duration>,
    /// Blocks that must hold or follow the transaction; 1: it is in a block.
    pub confirmations: u64,
    /// When to send again with a higher fee.
    pub resend_after: Duration,
    /// When to give up waiting for a block to take it.
    pub timeout: Duration,
    /// Added to the estimate of gas, in per cent.
    pub gas_margin_percent: u64,
    /// Most to pay for a unit of gas, in wei. A transaction that would need more waits.
    pub max_fee_per_gas: u128,
    /// Least tip, in wei.
    pub min_tip: u128,
}

impl Default for TxOptions {
    fn default() -> Self {
        Self {
            poll_interval: None,
            confirmations: 1,
            resend_after: Duration::from_secs(45),
            timeout: Duration::from_secs(600),
            gas_margin_percent: 20,
            max_fee_per_gas: 500_000_000_000,
            min_tip: 1,
        }
    }
}

/// Fees of an EIP-1559 transaction, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Most to pay in total.
    pub max_fee: u128,
    /// Tip for the block's producer.
    pub tip: u128,
}

impl Fees {
    /// Enough to replace a transaction with these fees, and no less than the market's.
    pub(super) fn bumped(self, market: Self) -> Self {
        let bump = |fee: u128| {
            fee.saturating_add((fee.saturating_mul(BUMP_PERCENT)).div_ceil(100)).max(fee.saturating_add(1))
        };
        Self { max_fee: bump(self.max_fee).max(market.max_fee), tip: bump(self.tip).max(market.tip) }
    }

    pub(super) fn capped(self, cap: u128) -> Self {
        let max_fee = self.max_fee.min(cap);
        Self { max_fee, tip: self.tip.min(max_fee) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_is_enough_to_replace() {
        for fee in [0, 1, 7, 99, 1_000_000_000, 1_000_000_007] {
            let fees = Fees { max_fee: fee, tip: fee };
            let bumped = fees.bumped(Fees::default());
            assert!(bumped.max_fee * 8 >= fee * 9 && bumped.max_fee > fee, "{fee}");
            assert!(bumped.tip * 8 >= fee * 9 && bumped.tip > fee, "{fee}");
        }
        let market = Fees { max_fee: 1000, tip: 10 };
        assert_eq!(Fees { max_fee: 1, tip: 1 }.bumped(market), market);
        let huge = Fees { max_fee: u128::MAX - 1, tip: 1 };
        assert_eq!(huge.bumped(market).capped(500), Fees { max_fee: 500, tip: 10 });
    }
}
