//! Transactions that are only good while something holds: `eth_sendRawTransactionConditional` (EIP-7796), as op-geth has it.

use std::{collections::VecDeque, sync::Arc};

use alloy::{
    primitives::{Address, B256, U256, keccak256, map::B256Map},
    rpc::types::erc4337::{AccountStorage, TransactionConditional},
};
use revm::Database;
use rollup::chain::{HeadBuilder, StateView};

/// Most look-ups of a condition: op-geth's limit.
pub const MAX_CONDITION_COST: u64 = 1000;

/// Conditions that are remembered after their transactions went into blocks: such a block may be dropped, and then they
/// hold again.
const REMEMBERED: usize = 4096;

/// What must hold for a transaction to be in a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxCondition(TransactionConditional);

/// Why a transaction must not be in a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// It may be in a later one.
    #[error("{0}")]
    Early(String),
    /// It can't be in any from here on, or not as the state is.
    #[error("{0}")]
    Broken(String),
    /// The state cannot be read.
    #[error("{0}")]
    State(String),
}

/// The state that conditions are about.
pub trait ConditionState {
    /// Root of an account's storage before the block; zero if there is no such account.
    fn storage_root(&mut self, address: &Address) -> Result<B256, String>;

    /// A slot's value now.
    fn slot(&mut self, address: &Address, slot: &U256) -> Result<B256, String>;
}

impl TxCondition {
    /// A condition that makes sense, and does not take more than it may to check.
    ///
    /// # Errors
    /// What it is that does not.
    pub fn new(condition: TransactionConditional) -> Result<Self, String> {
        let is_above = |min: Option<u64>, max: Option<u64>| min.zip(max).is_some_and(|(min, max)| min > max);
        if is_above(condition.block_number_min, condition.block_number_max) {
            return Err("block number minimum constraint must be less than the maximum".into());
        }
        if is_above(condition.timestamp_min, condition.timestamp_max) {
            return Err("timestamp constraint must be less than the maximum".into());
        }
        Ok(Self(condition))
    }

    /// How many look-ups it takes.
    pub fn cost(&self) -> u64 {
        self.0.cost()
    }

    /// Whether it holds for the next transaction of a block.
    pub fn check(
        &self,
        number: u64,
        timestamp: u64,
        state: &mut impl ConditionState,
    ) -> Result<(), ConditionError> {
        let Self(condition) = self;
        let bounds = [
            ("block number", number, condition.block_number_min, condition.block_number_max),
            ("timestamp", timestamp, condition.timestamp_min, condition.timestamp_max),
        ];
        for (name, value, min, max) in bounds {
            if let Some(max) = max.filter(|max| value > *max) {
                return Err(ConditionError::Broken(format!("{name} {value} is above the maximum {max}")));
            }
            if let Some(min) = min.filter(|min| value < *min) {
                return Err(ConditionError::Early(format!("{name} {value} is below the minimum {min}")));
            }
        }
        for (address, storage) in &condition.known_accounts {
            match storage {
                AccountStorage::RootHash(expected) => {
                    let root = state.storage_root(address).map_err(ConditionError::State)?;
                    if root != *expected {
                        return Err(ConditionError::Broken(format!(
                            "failed account storage root constraint. Got {root}, Expected {expected}"
                        )));
                    }
                }
                AccountStorage::Slots(slots) => {
                    for (slot, expected) in slots {
                        let value = state.slot(address, slot).map_err(ConditionError::State)?;
                        if value != *expected {
                            return Err(ConditionError::Broken(format!(
                                "failed account storage slot value constraint. Got {value}, Expected {expected}"
                            )));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A committed state: what is asked when a transaction comes.
impl ConditionState for StateView {
    fn storage_root(&mut self, address: &Address) -> Result<B256, String> {
        let account = self.at().and_then(|state| state.account(&keccak256(address)));
        let account = account.map_err(|error| error.to_string())?;
        Ok(account.map_or(B256::ZERO, |account| account.storage_root))
    }

    fn slot(&mut self, address: &Address, slot: &U256) -> Result<B256, String> {
        let value = Database::storage(self, *address, *slot).map_err(|error| error.to_string())?;
        Ok(value.into())
    }
}

/// A block in the making: slots are as the transactions so far have left them.
impl ConditionState for HeadBuilder<'_> {
    fn storage_root(&mut self, address: &Address) -> Result<B256, String> {
        self.state().inner_mut().storage_root(address).map_err(|error| error.to_string())
    }

    fn slot(&mut self, address: &Address, slot: &U256) -> Result<B256, String> {
        let value = self.state().storage(*address, *slot).map_err(|error| error.to_string())?;
        Ok(value.into())
    }
}

/// The conditions of the newest transactions that have any, by hash.
#[derive(Debug, Default)]
pub(super) struct KnownConditions {
    by_hash: B256Map<Arc<TxCondition>>,
    order: VecDeque<B256>,
}

impl KnownConditions {
    pub(super) fn insert(&mut self, hash: B256, condition: Arc<TxCondition>) {
        if self.by_hash.insert(hash, condition).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.by_hash.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, hash: &B256) -> Option<Arc<TxCondition>> {
        self.by_hash.get(hash).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Fixed;

    impl ConditionState for Fixed {
        fn storage_root(&mut self, _: &Address) -> Result<B256, String> {
            Ok(B256::repeat_byte(7))
        }

        fn slot(&mut self, _: &Address, slot: &U256) -> Result<B256, String> {
            Ok((*slot + U256::from(1)).into())
        }
    }

    fn condition(text: &str) -> Result<TxCondition, String> {
        TxCondition::new(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn bounds_slots_and_roots_are_checked() {
        let check = |text: &str| condition(text).unwrap().check(10, 100, &mut Fixed);
        let (one, two, seven) = (B256::with_last_byte(1), B256::with_last_byte(2), B256::repeat_byte(7));
        let slots =
            |value: B256| format!(r#"{{"knownAccounts":{{"{}":{{"{one}":"{value}"}}}}}}"#, Address::ZERO);
        let root = |root: B256| format!(r#"{{"knownAccounts":{{"{}":"{root}"}}}}"#, Address::ZERO);
        for holding in [
            "{}",
            r#"{"blockNumberMin":"0xa","blockNumberMax":"0xa","timestampMin":"0x64","timestampMax":"0x64"}"#,
            &slots(two),
            &root(seven),
        ] {
            check(holding).unwrap();
        }
        for early in [r#"{"blockNumberMin":"0xb"}"#, r#"{"timestampMin":"0x65"}"#] {
            assert!(matches!(check(early), Err(ConditionError::Early(_))), "{early}");
        }
        for broken in [r#"{"blockNumberMax":"0x9"}"#, r#"{"timestampMax":"0x63"}"#, &slots(one), &root(one)] {
            assert!(matches!(check(broken), Err(ConditionError::Broken(_))), "{broken}");
        }
        assert!(condition(r#"{"blockNumberMin":"0x2","blockNumberMax":"0x1"}"#).is_err());
        assert_eq!(condition(&slots(two)).unwrap().cost(), 2);
    }

    #[test]
    fn the_oldest_conditions_are_forgotten_first() {
        let mut known = KnownConditions::default();
        for number in 0..=REMEMBERED as u64 {
            known.insert(B256::from(U256::from(number)), Arc::default());
        }
        assert!(known.get(&B256::ZERO).is_none() && known.get(&B256::with_last_byte(1)).is_some());
        assert_eq!((known.by_hash.len(), known.order.len()), (REMEMBERED, REMEMBERED));
    }
}
