//! A deployment on any L1.

use std::path::Path;

use alloy::{
    eips::BlockNumberOrTag,
    network::Ethereum,
    providers::{Provider, RootProvider},
};
use anyhow::{Context, Result, bail, ensure};
use rollup::{RollupConfig, signer::Signer};

use super::{ContractSender, DeployProgress, SendingOptions, Settings};
use crate::{DeployConfig, DeploymentPlan, L1Origin};

/// A deployment on any L1.
#[derive(Debug)]
pub struct PublicDeployment {
    /// What brings the contracts there.
    pub sending: ContractSender,
    /// What is deployed.
    pub plan: DeploymentPlan,
}

impl PublicDeployment {
    /// Plans a deployment, or goes on with the one that `path` has a record of. Nothing is sent or written yet.
    ///
    /// # Errors
    /// Another chain, a record of other settings, transactions of the account that wait.
    pub async fn plan(
        settings: &Settings,
        config: &DeployConfig,
        l1_rpc: &str,
        signer: Signer,
        path: &Path,
        restart: bool,
    ) -> Result<Self> {
        let l1 = RootProvider::<Ethereum>::new_http(l1_rpc.parse().context("--l1-rpc is not a URL")?);
        let l1_chain_id = l1.get_chain_id().await.context("cannot ask L1 for its chain id")?;
        ensure!(
            l1_chain_id == settings.l1_chain_id,
            "l1-chain-id is {}, but L1 says that it is {l1_chain_id}: nothing was sent",
            settings.l1_chain_id
        );
        let origin = origin(&l1).await?;
        let begun = (path, restart);
        let (sending, plan) =
            ContractSender::begin(l1, l1_chain_id, signer, begun, Some(origin), |deployer, origin| {
                let origin = origin.context("the record is of no deployment")?;
                let plan = DeploymentPlan::new(config, deployer, origin)?;
                let steps = plan.steps.clone();
                Ok((plan, steps))
            })
            .await?;
        Ok(Self { sending, plan })
    }

    /// Sends what is missing, and returns what nodes read.
    ///
    /// # Errors
    /// As [`ContractSender::run`].
    pub async fn run(
        &mut self,
        options: &SendingOptions,
        tell: impl FnMut(&DeployProgress),
    ) -> Result<RollupConfig> {
        self.sending.run(options, tell).await?;
        let start = self.plan.inbox_step().context("the plan has no inbox")?;
        let l1_start_block = self.sending.block_of(start).await.context("the inbox's deployment")?;
        Ok(RollupConfig { l1_start_block, ..self.plan.rollup.clone() })
    }
}

/// The L1 block that L2's genesis follows: the newest.
async fn origin(l1: &RootProvider<Ethereum>) -> Result<L1Origin> {
    let head = l1.get_block_by_number(BlockNumberOrTag::Latest).await?.context("L1 has no newest block")?;
    let header = &head.header;
    let Some(base_fee) = header.base_fee_per_gas else { bail!("L1 has no base fee (EIP-1559)") };
    Ok(L1Origin {
        number: header.number,
        timestamp: header.timestamp,
        base_fee,
        blob_base_fee: header.blob_fee().unwrap_or(1),
    })
}
