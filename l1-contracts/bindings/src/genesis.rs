//! The contracts that an L2 begins with.

use alloy::{
    eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    primitives::{Address, address},
};

use crate::{
    artifacts::{Contract, deployed_code},
    predeploys,
    preinstalls::{GenesisContract, preinstalls},
};

/// Where Multicall3 is on most chains.
const MULTICALL3: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// The contracts of this rollup itself, and the history contract of EIP-2935. L2 is not what it is without them.
#[must_use]
pub fn own_contracts() -> Vec<GenesisContract> {
    let predeploys = [
        (predeploys::L1_BLOCK, Contract::L1Block),
        (predeploys::L2_TO_L1_MESSAGE_PASSER, Contract::L2ToL1MessagePasser),
        (predeploys::GAS_PRICE_ORACLE, Contract::GasPriceOracle),
        (predeploys::WETH, Contract::WETH),
        (predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY, Contract::OptimismMintableERC20Factory),
        (predeploys::L2_CROSS_DOMAIN_MESSENGER, Contract::L2CrossDomainMessenger),
        (predeploys::L2_STANDARD_BRIDGE, Contract::L2StandardBridge),
        (MULTICALL3, Contract::Multicall3),
    ];
    let vaults = predeploys::FEE_VAULTS.map(|vault| (vault, Contract::FeeVault));
    let ours = predeploys.into_iter().chain(vaults);
    let ours = ours
        .map(|(address, contract)| GenesisContract::new(contract.name(), address, deployed_code(contract)));
    let history =
        GenesisContract::new("HistoryStorage", HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone());
    ours.chain([history]).collect()
}

/// All contracts that an L2 of this chain id begins with.
#[must_use]
pub fn genesis_contracts(chain_id: u64) -> Vec<GenesisContract> {
    let mut all = own_contracts();
    all.extend(preinstalls(chain_id));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_contract_has_its_own_address() {
        let all = genesis_contracts(42069);
        let addresses: BTreeSet<Address> = all.iter().map(|one| one.address).collect();
        assert_eq!(addresses.len(), all.len());
        assert_eq!(all.len(), 13 + 13);
    }
}
