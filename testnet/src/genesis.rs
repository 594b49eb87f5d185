//! The L2 genesis state.

use std::collections::BTreeMap;

use alloy::{
    eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    primitives::{Address, B256, Bytes, U256, address, bytes},
};
use anyhow::Result;
use bindings::{
    artifacts::{Contract, deployed_code},
    predeploys,
};
use rollup::config::{Contracts, Genesis, GenesisAccount};
use serde::{Deserialize, Serialize};
use stf::block::L1Attributes;

use crate::{accounts, config::DeployConfig};

/// The contract that deploys others at addresses independent of the chain, which many tools rely on.
const DEPLOYMENT_PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Its code.
const DEPLOYMENT_PROXY_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);
/// Where Multicall3 is on most chains.
const MULTICALL3: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// The L1 block that the L2 chain starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L1Origin {
    /// Its number.
    pub number: u64,
    /// Its timestamp, which the L2 genesis block has, too.
    pub timestamp: u64,
    /// Its base fee in wei.
    pub base_fee: u64,
    /// Its blob base fee in wei.
    pub blob_base_fee: u128,
}

/// The genesis state: the predeploys, contracts that every chain has, and funded accounts.
pub fn l2_genesis(config: &DeployConfig, contracts: &Contracts, origin: L1Origin) -> Result<Genesis> {
    let mut alloc = BTreeMap::new();
    let attributes = L1Attributes {
        number: origin.number,
        timestamp: origin.timestamp,
        base_fee: U256::from(origin.base_fee),
        blob_base_fee: U256::from(origin.blob_base_fee),
        sequence_number: 0,
        base_fee_scalar: config.base_fee_scalar,
        blob_base_fee_scalar: config.blob_base_fee_scalar,
        operator_fee_scalar: config.operator_fee_scalar,
        operator_fee_constant: config.operator_fee_constant,
        base_fee_parameters: config.base_fee,
    };
    let rules = config.chain.rules_at(origin.timestamp)?;
    let l1_block = attributes.storage(rules).into_iter().map(|(slot, value)| (slot.into(), value)).collect();
    alloc.insert(predeploys::L1_BLOCK, contract(deployed_code(Contract::L1Block), l1_block));
    let plain = [
        (predeploys::L2_TO_L1_MESSAGE_PASSER, deployed_code(Contract::L2ToL1MessagePasser)),
        (predeploys::GAS_PRICE_ORACLE, deployed_code(Contract::GasPriceOracle)),
        (predeploys::WETH, deployed_code(Contract::WETH)),
        (predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY, deployed_code(Contract::OptimismMintableERC20Factory)),
        (MULTICALL3, deployed_code(Contract::Multicall3)),
        (HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone()),
        (DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE),
    ];
    for (address, code) in plain {
        alloc.insert(address, contract(code, BTreeMap::new()));
    }
    // Slot 0 of these is their counterpart on L1.
    let paired = [
        (
            predeploys::L2_CROSS_DOMAIN_MESSENGER,
            Contract::L2CrossDomainMessenger,
            contracts.l1_cross_domain_messenger,
        ),
        (predeploys::L2_STANDARD_BRIDGE, Contract::L2StandardBridge, contracts.l1_standard_bridge),
    ];
    for (address, code, peer) in paired {
        let storage = BTreeMap::from([(B256::ZERO, U256::from_be_slice(peer.as_slice()))]);
        alloc.insert(address, contract(deployed_code(code), storage));
    }
    // A vault's slot 0 is the L1 account that it pays out to.
    let recipient = U256::from_be_slice(config.fee_recipient.as_slice());
    for vault in [
        predeploys::SEQUENCER_FEE_VAULT,
        predeploys::BASE_FEE_VAULT,
        predeploys::L1_FEE_VAULT,
        predeploys::OPERATOR_FEE_VAULT,
    ] {
        let storage = BTreeMap::from([(B256::ZERO, recipient)]);
        alloc.insert(vault, contract(deployed_code(Contract::FeeVault), storage));
    }
    for address in &config.funded {
        alloc.entry(*address).or_default().balance = accounts::BALANCE;
    }
    Ok(Genesis { timestamp: origin.timestamp, gas_limit: config.gas_limit, alloc })
}

fn contract(code: Bytes, storage: BTreeMap<B256, U256>) -> GenesisAccount {
    GenesisAccount { balance: U256::ZERO, nonce: 1, code, storage }
}
