//! What a genesis state must be like, and what it says of the rollup.

use alloy::primitives::{Address, B256, U256};
use bindings::predeploys::{L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE};
use revm::database::{CacheDB, EmptyDB};
use stf::{
    FeeParameters,
    block::L1Attributes,
    config::{MAX_BLOCK_GAS_LIMIT, MIN_BLOCK_GAS_LIMIT},
    fees::{MAX_GAS_TARGET, MAX_MIN_BASE_FEE, MIN_GAS_TARGET, MIN_MIN_BASE_FEE},
    predeploys::L1_BLOCK,
    run::MAX_PREIMAGE_SIZE,
};

use super::{ContractField, ContractLink, Genesis, L2Parameters};

/// Longest code of an account, in bytes. No transaction can deploy more (EIP-170), and a dispute could not read more.
const MAX_CODE_SIZE: usize = MAX_PREIMAGE_SIZE;

/// Why no rollup can begin with a genesis. Each names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The gas limit is out of its bounds.
    #[error("genesis.gasLimit is {0}, and must be from {MIN_BLOCK_GAS_LIMIT} to {MAX_BLOCK_GAS_LIMIT}")]
    GasLimit(u64),
    /// An account's code is too long.
    #[error("genesis.alloc[{address}].code has {size} bytes, at most {MAX_CODE_SIZE} are possible")]
    CodeSize {
        /// The account.
        address: Address,
        /// Bytes of its code.
        size: usize,
    },
    /// The `L1Block` predeploy's storage does not hold parameters of the base fee.
    #[error(
        "genesis.alloc[{L1_BLOCK}].storage[{slot}] is {found:#x}, and must hold a gas target from {MIN_GAS_TARGET} to \
         {MAX_GAS_TARGET} and a least base fee from {MIN_MIN_BASE_FEE} to {MAX_MIN_BASE_FEE}",
        slot = L1Attributes::BASE_FEE_PARAMETERS_SLOT
    )]
    FeeParameters {
        /// The word in it.
        found: U256,
    },
}

impl Genesis {
    /// Checks what a node relies on, whatever L1 says.
    pub(super) fn check(&self) -> Result<(), GenesisError> {
        if !(MIN_BLOCK_GAS_LIMIT..=MAX_BLOCK_GAS_LIMIT).contains(&self.gas_limit) {
            return Err(GenesisError::GasLimit(self.gas_limit));
        }
        for (address, account) in &self.alloc {
            let size = account.code.len();
            if size > MAX_CODE_SIZE {
                return Err(GenesisError::CodeSize { address: *address, size });
            }
        }
        let found = self.storage(L1_BLOCK, L1Attributes::BASE_FEE_PARAMETERS_SLOT);
        if FeeParameters::unpack(found).pack() != found {
            return Err(GenesisError::FeeParameters { found });
        }
        Ok(())
    }

    /// The contracts on L1 that predeploys know: slot 0 of each is its counterpart.
    pub(super) fn contract_links(&self) -> [ContractLink; 2] {
        [
            (
                L2_CROSS_DOMAIN_MESSENGER,
                "the counterpart of L2CrossDomainMessenger",
                ContractField::Messenger,
            ),
            (L2_STANDARD_BRIDGE, "the counterpart of L2StandardBridge", ContractField::Bridge),
        ]
        .map(|(predeploy, view, of)| {
            let address = Address::from_word(self.storage(predeploy, U256::ZERO).into());
            ContractLink { by: None, view, of, address }
        })
    }

    /// What the `L1Block` predeploy's storage says.
    pub fn attributes(&self) -> L1Attributes {
        let mut state = CacheDB::new(EmptyDB::default());
        for (slot, value) in self.alloc.get(&L1_BLOCK).iter().flat_map(|account| &account.storage) {
            // In memory, this cannot fail.
            let _ = state.insert_account_storage(L1_BLOCK, (*slot).into(), *value);
        }
        L1Attributes::read(&mut state).unwrap_or_default()
    }

    /// The parameters that L2 begins with.
    pub(super) fn parameters(&self) -> L2Parameters {
        let attributes = self.attributes();
        L2Parameters {
            gas_limit: self.gas_limit,
            base_fee_scalar: attributes.base_fee_scalar,
            blob_base_fee_scalar: attributes.blob_base_fee_scalar,
            operator_fee_scalar: attributes.operator_fee_scalar,
            operator_fee_constant: attributes.operator_fee_constant,
            gas_target: attributes.base_fee_parameters.gas_target(),
            min_base_fee: attributes.base_fee_parameters.min_base_fee(),
        }
    }

    /// A word of an account's storage.
    pub(super) fn storage(&self, address: Address, slot: U256) -> U256 {
        let storage = self.alloc.get(&address).map(|account| &account.storage);
        storage.and_then(|storage| storage.get(&B256::from(slot))).copied().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy::primitives::Bytes;

    use super::*;
    use crate::{config::GenesisAccount, testing::genesis};

    #[test]
    fn code_that_no_transaction_could_deploy_is_refused() {
        let mut genesis = genesis(1, 0);
        assert_eq!(genesis.check(), Ok(()));
        let address = Address::repeat_byte(7);
        for (size, expected) in
            [(24_576, Ok(())), (24_577, Err(GenesisError::CodeSize { address, size: 24_577 }))]
        {
            let code = Bytes::from(vec![0x5b; size]);
            genesis.alloc.insert(address, GenesisAccount { code, ..GenesisAccount::default() });
            assert_eq!(genesis.check(), expected);
        }
        let error = genesis.check().unwrap_err().to_string();
        assert!(
            error.contains("0x0707070707070707070707070707070707070707") && error.contains("24577"),
            "{error}"
        );
    }

    #[test]
    fn a_gas_limit_or_fee_parameters_out_of_bounds_are_refused() {
        for (gas_limit, is_right) in [
            (MIN_BLOCK_GAS_LIMIT - 1, false),
            (MIN_BLOCK_GAS_LIMIT, true),
            (MAX_BLOCK_GAS_LIMIT, true),
            (MAX_BLOCK_GAS_LIMIT + 1, false),
        ] {
            let genesis = Genesis { gas_limit, ..genesis(1, 0) };
            assert_eq!(genesis.check().is_ok(), is_right, "{gas_limit}");
        }
        let word = |gas_target, min_base_fee, more| U256::from_limbs([min_base_fee, gas_target, more, 0]);
        for (found, is_right) in [
            (word(MIN_GAS_TARGET, MIN_MIN_BASE_FEE, 0), true),
            (word(MAX_GAS_TARGET, MAX_MIN_BASE_FEE, 0), true),
            (word(MIN_GAS_TARGET - 1, MIN_MIN_BASE_FEE, 0), false),
            (word(MAX_GAS_TARGET + 1, MIN_MIN_BASE_FEE, 0), false),
            (word(MIN_GAS_TARGET, MIN_MIN_BASE_FEE - 1, 0), false),
            (word(MIN_GAS_TARGET, MAX_MIN_BASE_FEE + 1, 0), false),
            (word(MIN_GAS_TARGET, MIN_MIN_BASE_FEE, 1), false),
            (U256::ZERO, false),
        ] {
            let mut genesis = genesis(1, 0);
            let storage = &mut genesis.alloc.get_mut(&L1_BLOCK).unwrap().storage;
            storage.insert(L1Attributes::BASE_FEE_PARAMETERS_SLOT.into(), found);
            let expected = if is_right { Ok(()) } else { Err(GenesisError::FeeParameters { found }) };
            assert_eq!(genesis.check(), expected);
        }
    }
}
