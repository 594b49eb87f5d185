//! The constants of one rollup that its state transition depends on.

use alloy_primitives::{B256, keccak256};

/// Gas that the deposits of one block may have as their limits together. Deposits are not paid for on L2, so this
/// is what keeps a flood of them from crowding out or slowing down the chain. The portal allows no single deposit
/// more than this.
pub const DEPOSIT_GAS_CAP: u64 = 20_000_000;

/// Least that any consumed message counts against [`DEPOSIT_GAS_CAP`], so that a block consumes at most 952.
pub const MIN_MESSAGE_GAS: u64 = 21_000;

/// Gas limit of the L1-attributes deposit: twenty times what it uses.
pub const L1_ATTRIBUTES_GAS: u64 = 1_000_000;

/// Least block gas limit: the deposits and the L1-attributes deposit always fit.
pub const MIN_BLOCK_GAS_LIMIT: u64 = 30_000_000;

/// Greatest block gas limit: what keeps the worst block within the fault proof VM's step limit.
pub const MAX_BLOCK_GAS_LIMIT: u64 = 60_000_000;

/// Chain-specific constants. They enter every dispute by [`ChainConfig::hash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct ChainConfig {
    /// L2 chain id (EIP-155).
    pub chain_id: u64,
    /// How far a block's timestamp may run ahead of the L1 block that holds its batch, in seconds.
    pub max_drift: u64,
    /// EIP-1559: the block gas target is the gas limit divided by this; at least 1.
    pub base_fee_elasticity: u32,
    /// EIP-1559: the base fee moves by at most one part in this; at least 1.
    pub base_fee_denominator: u32,
}

impl ChainConfig {
    /// Length of the packed config.
    pub const SIZE: usize = 24;

    /// chainId(8) ‖ maxDrift(8) ‖ baseFeeElasticity(4) ‖ baseFeeDenominator(4), big-endian.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..8].copy_from_slice(&self.chain_id.to_be_bytes());
        out[8..16].copy_from_slice(&self.max_drift.to_be_bytes());
        out[16..20].copy_from_slice(&self.base_fee_elasticity.to_be_bytes());
        out[20..].copy_from_slice(&self.base_fee_denominator.to_be_bytes());
        out
    }

    /// Reads what [`encode`](Self::encode) wrote. `None` on another length.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        let (head, tail) = bytes.split_at(16);
        Some(Self {
            chain_id: u64::from_be_bytes(head[..8].try_into().ok()?),
            max_drift: u64::from_be_bytes(head[8..].try_into().ok()?),
            base_fee_elasticity: u32::from_be_bytes(tail[..4].try_into().ok()?),
            base_fee_denominator: u32::from_be_bytes(tail[4..].try_into().ok()?),
        })
    }

    /// keccak256 of the packed config.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// The base fee of the block after one with these values, in wei (EIP-1559, with this chain's parameters).
    /// Saturates; a zero divisor counts as one.
    pub fn next_base_fee(&self, base_fee: u64, gas_used: u64, gas_limit: u64) -> u64 {
        let target = u128::from(gas_limit / u64::from(self.base_fee_elasticity.max(1))).max(1);
        let denominator = u128::from(self.base_fee_denominator.max(1));
        let (base, used) = (u128::from(base_fee), u128::from(gas_used));
        let next = if used > target {
            base + (base * (used - target) / target / denominator).max(1)
        } else {
            base - (base * (target - used) / target / denominator)
        };
        u64::try_from(next).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: ChainConfig =
        ChainConfig { chain_id: 42_069, max_drift: 600, base_fee_elasticity: 6, base_fee_denominator: 250 };

    #[test]
    fn config_survives_packing() {
        assert_eq!(ChainConfig::decode(&CONFIG.encode()), Some(CONFIG));
        assert_eq!(ChainConfig::decode(&[0; 23]), None);
    }

    #[test]
    fn base_fee_moves_towards_the_target_and_stays_total() {
        let limit = 30_000_000;
        let target = limit / 6;
        assert_eq!(CONFIG.next_base_fee(1_000_000, target, limit), 1_000_000);
        assert_eq!(CONFIG.next_base_fee(1_000_000, limit, limit), 1_000_000 + 1_000_000 * 5 / 250);
        assert_eq!(CONFIG.next_base_fee(1_000_000, 0, limit), 1_000_000 - 4_000);
        assert_eq!(CONFIG.next_base_fee(1, limit, limit), 2);
        assert_eq!(CONFIG.next_base_fee(0, 0, limit), 0);
        assert_eq!(CONFIG.next_base_fee(u64::MAX, limit, limit), u64::MAX);
        let zero = ChainConfig { base_fee_elasticity: 0, base_fee_denominator: 0, ..CONFIG };
        assert_eq!(zero.next_base_fee(7, u64::MAX, 0), u64::MAX);
    }
}
