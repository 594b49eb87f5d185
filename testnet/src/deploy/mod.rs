//! Deployment of the L1 contracts.

mod plan;

use alloy::{
    eips::{BlockNumberOrTag, eip2718::Encodable2718},
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::U256,
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, ensure};
use rollup::RollupConfig;

pub(crate) use plan::StepList;
pub use plan::{DeployStep, Deployer, DeploymentPlan};

use crate::{Anvil, Roles, accounts, anvil::ensure_success, config::DeployConfig, genesis::L1Origin};

/// Deploys the contracts in one new block of an [`Anvil`] that mines on demand, after funding the roles.
pub async fn deploy(l1: &Anvil, config: &DeployConfig, roles: &Roles) -> Result<RollupConfig> {
    for address in roles.senders() {
        l1.set_balance(address, accounts::BALANCE).await?;
    }
    let account = roles.deployer.address();
    let first_nonce = l1.provider().get_transaction_count(account).await?;
    let l1_chain_id = l1.provider().get_chain_id().await?;
    let origin = l1.latest().await?.header;
    let plan = DeploymentPlan::new(
        config,
        Deployer { l1_chain_id, account, first_nonce },
        L1Origin {
            number: origin.number,
            timestamp: origin.timestamp,
            base_fee: origin.base_fee_per_gas.unwrap_or_default(),
            blob_base_fee: origin.blob_fee().unwrap_or(1),
        },
    )?;
    let wallet = EthereumWallet::from(roles.deployer.clone());
    let mut hashes = Vec::new();
    for (nonce, step) in (first_nonce..).zip(&plan.steps) {
        let request = TransactionRequest::default()
            .with_deploy_code(step.code.clone())
            .with_chain_id(l1_chain_id)
            .with_nonce(nonce)
            .with_gas_limit(step.gas)
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        let envelope = request.build(&wallet).await.context("cannot sign a deployment")?;
        let pending = l1.provider().send_raw_transaction(&envelope.encoded_2718()).await;
        hashes.push(*pending.with_context(|| format!("deployment of {}", step.what))?.tx_hash());
    }
    l1.mine(1).await?;
    let mut start_block = None;
    for (step, hash) in plan.steps.iter().zip(hashes) {
        let receipt = l1.receipt(hash).await?;
        ensure_success(&receipt, &format!("deployment of {}", step.what))?;
        start_block = start_block.or(receipt.block_number);
        // They know each other by these addresses.
        let code = l1.provider().get_code_at(step.address).block_id(BlockNumberOrTag::Latest.into()).await?;
        ensure!(!code.is_empty(), "no {} at {} after the deployment", step.what, step.address);
    }
    let backing = accounts::BALANCE * U256::from(config.funded.len());
    if !backing.is_zero() {
        l1.set_balance(plan.rollup.contracts.portal, backing).await?;
    }
    let l1_start_block = start_block.context("the deployment is in no block")?;
    Ok(RollupConfig { l1_start_block, ..plan.rollup })
}
