//! A sample ERC-20 on both layers.

use alloy::{
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolConstructor, SolValue},
};
use anyhow::{Context, Result};
use bindings::{
    IOptimismMintableERC20Factory::createOptimismMintableERC20Call,
    IPortal::depositTransactionCall,
    artifacts::{Contract, creation_code},
    constructors, predeploys,
};
use rollup::RollupConfig;
use serde::{Deserialize, Serialize};

use crate::{Anvil, Roles, accounts, anvil::ensure_success};

/// Name and symbol of the token, on either layer.
const NAME: &str = "Sample Token";
const SYMBOL: &str = "SMPL";
/// Its decimals: what OpenZeppelin's and the factory's tokens have.
const DECIMALS: u8 = 18;
/// L1 gas for either transaction: the token's code takes about 700,000.
const L1_GAS: u64 = 2_000_000;
/// L2 gas for the token there, whose code is larger: it takes about 1,800,000.
const L2_GAS: u64 = 4_000_000;

/// A token on L1, and the one on L2 that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleToken {
    /// The token on L1. Anyone can mint it.
    pub l1: Address,
    /// Its counterpart on L2, there as soon as L2 has consumed the first deposit.
    pub l2: Address,
}

/// Deploys the token on an L1 that mines on demand, in one block, and its counterpart on L2 by a deposit that calls the
/// factory there. The deployer pays; the first funded account, if any, gets the supply.
pub(crate) async fn deploy_sample_token(
    l1: &Anvil,
    roles: &Roles,
    holder: Option<Address>,
    rollup: &RollupConfig,
) -> Result<SampleToken> {
    let deployer = roles.deployer.address();
    let nonce = l1.provider().get_transaction_count(deployer).await?;
    let token = deployer.create(nonce);
    let arguments = constructors::SampleToken::constructorCall {
        name: NAME.into(),
        symbol: SYMBOL.into(),
        holder: holder.unwrap_or(deployer),
        supply: accounts::BALANCE,
    };
    let code = [creation_code(Contract::SampleToken).as_ref(), &arguments.abi_encode()].concat();
    let create =
        createOptimismMintableERC20Call { remoteToken: token, name: NAME.into(), symbol: SYMBOL.into() };
    let deposit = depositTransactionCall {
        to: predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY,
        value: U256::ZERO,
        gasLimit: L2_GAS,
        isCreation: false,
        data: create.abi_encode().into(),
    };
    let requests = [
        TransactionRequest::default().with_deploy_code(code),
        TransactionRequest::default().with_to(rollup.contracts.portal).with_input(deposit.abi_encode()),
    ];
    let wallet = EthereumWallet::from(roles.deployer.clone());
    let mut hashes = Vec::new();
    for (nonce, request) in (nonce..).zip(requests) {
        let request = request
            .with_chain_id(rollup.l1_chain_id)
            .with_nonce(nonce)
            .with_gas_limit(L1_GAS)
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        let envelope = request.build(&wallet).await.context("cannot sign the sample token's transactions")?;
        hashes.push(*l1.provider().send_raw_transaction(&envelope.encoded_2718()).await?.tx_hash());
    }
    l1.mine(1).await?;
    for hash in hashes {
        ensure_success(&l1.receipt(hash).await?, "the sample token")?;
    }
    Ok(SampleToken { l1: token, l2: l2_token(token) })
}

/// Where the factory creates the counterpart: its address follows from what it is (EIP-1014).
fn l2_token(l1_token: Address) -> Address {
    let salt = keccak256((l1_token, NAME, SYMBOL, U256::from(DECIMALS)).abi_encode_params());
    let arguments = constructors::OptimismMintableERC20::constructorCall {
        bridge: predeploys::L2_STANDARD_BRIDGE,
        remoteToken: l1_token,
        name: NAME.into(),
        symbol: SYMBOL.into(),
        decimals: DECIMALS,
    };
    let creation = creation_code(Contract::OptimismMintableERC20);
    let code: Bytes = [creation.as_ref(), &arguments.abi_encode()].concat().into();
    predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY.create2_from_code(salt, code)
}
