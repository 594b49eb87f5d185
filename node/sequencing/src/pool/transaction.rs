use std::{sync::Arc, time::Instant};

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, U256},
};
use op_revm::L1BlockInfo;
use stf::{Rules, Transaction};

use super::{condition::TxCondition, ranked::Bid};

/// A transaction that waits.
#[derive(Debug)]
pub struct PoolTx {
    transaction: Transaction,
    hash: B256,
    cost: U256,
    arrival: u64,
    since: Instant,
    least_gas: u64,
    condition: Option<Arc<TxCondition>>,
}

impl PoolTx {
    pub(super) fn new(
        transaction: Transaction,
        fees: &L1BlockInfo,
        rules: Rules,
        arrival: u64,
        least_gas: u64,
    ) -> Self {
        let gas_limit = U256::from(transaction.envelope().gas_limit());
        // A copy, because the calculation leaves a cached result behind.
        let extra = fees.clone().tx_cost(transaction.encoded(), gas_limit, rules.spec());
        Self {
            hash: transaction.hash(),
            cost: transaction.max_cost().saturating_add(extra),
            transaction,
            arrival,
            since: Instant::now(),
            least_gas,
            condition: None,
        }
    }

    /// The same under a condition.
    pub(super) fn with_condition(self, condition: Option<Arc<TxCondition>>) -> Self {
        Self { condition, ..self }
    }

    /// What must hold for it to be in a block.
    pub fn condition(&self) -> Option<&TxCondition> {
        self.condition.as_deref()
    }

    /// The transaction, with its sender.
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Its hash.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Who sent it.
    pub const fn sender(&self) -> Address {
        self.transaction.sender()
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.transaction.envelope().nonce()
    }

    /// Maximum fee per gas.
    pub fn max_fee(&self) -> u128 {
        self.transaction.envelope().max_fee_per_gas()
    }

    /// Maximum priority fee per gas; the gas price where there is none.
    pub fn max_tip(&self) -> u128 {
        let envelope = self.transaction.envelope();
        envelope.max_priority_fee_per_gas().unwrap_or_else(|| envelope.max_fee_per_gas())
    }

    /// The most that it can cost its sender, with L1 data fee and operator fee as they were when it came.
    pub const fn cost(&self) -> U256 {
        self.cost
    }

    /// When it came.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// What the sequencer gets per gas at a base fee; `None` if it does not pay the base fee.
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        self.bid().effective_tip(base_fee.into())
    }

    /// Bytes of its encoding.
    pub(super) fn size(&self) -> usize {
        self.transaction.encoded().len()
    }

    /// What a tip per gas makes for each byte on L1, at the least: by the gas that it uses in any case, as a limit costs its
    /// sender nothing.
    pub(super) fn tip_per_byte(&self, tip: u128) -> u128 {
        tip.saturating_mul(self.least_gas.into()) / self.size().max(1) as u128
    }

    /// Its place in the order of arrival.
    pub(super) const fn arrival(&self) -> u64 {
        self.arrival
    }

    pub(super) fn bid(&self) -> Bid {
        Bid { fee: self.max_fee(), tip: self.max_tip(), arrival: self.arrival }
    }

    /// Whether it pays enough more than `old` to take its place: by at least this much percent, both fees.
    pub(super) fn outbids(&self, old: &Self, percent: u128) -> bool {
        let enough = |new: u128, old: u128| {
            let threshold = U256::from(old) * U256::from(100 + percent) / U256::from(100);
            new > old && U256::from(new) >= threshold
        };
        enough(self.max_fee(), old.max_fee()) && enough(self.max_tip(), old.max_tip())
    }
}
