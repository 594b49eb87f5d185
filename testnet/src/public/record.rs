//! What is known of a deployment that has begun.

use std::{collections::BTreeMap, path::Path};

use alloy::primitives::{Address, B256, keccak256};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{Deployer, DeploymentPlan, L1Origin};

/// Longest record, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// `deployment.json`: what makes the same plan again, and which transactions were sent. It is written before each of them is
/// sent, so that none is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// L1's chain id.
    pub l1_chain_id: u64,
    /// Who deploys.
    pub deployer: Address,
    /// Its nonce in the first transaction.
    pub first_nonce: u64,
    /// The L1 block that L2's genesis follows.
    pub origin: L1Origin,
    /// Hash of all codes that are to be deployed.
    pub plan_hash: B256,
    /// Hashes of the transactions that were sent, by the step; more than one where the fee was raised.
    pub sent: BTreeMap<usize, Vec<B256>>,
}

impl Record {
    /// Of a deployment that begins.
    pub fn new(deployer: Deployer, origin: L1Origin, plan: &DeploymentPlan) -> Self {
        Self {
            l1_chain_id: deployer.l1_chain_id,
            deployer: deployer.account,
            first_nonce: deployer.first_nonce,
            origin,
            plan_hash: hash_of(plan),
            sent: BTreeMap::new(),
        }
    }

    /// Reads one; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no record.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let name = path.display();
        let file = rollup::files::read(path, MOST_BYTES).with_context(|| format!("cannot read {name}"))?;
        let record = serde_json::from_slice(&file);
        Ok(Some(record.with_context(|| format!("{name} is not the record of a deployment"))?))
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written: nothing must be sent then.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        rollup::files::write(path, &text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Who deploys.
    pub const fn deployer(&self) -> Deployer {
        Deployer { l1_chain_id: self.l1_chain_id, account: self.deployer, first_nonce: self.first_nonce }
    }

    /// Checks that a plan is the one that was begun.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, plan: &DeploymentPlan) -> Result<()> {
        ensure!(
            self.plan_hash == hash_of(plan),
            "the deployment was begun with other settings, or by another release: go on with those, or begin anew with \
             --restart"
        );
        Ok(())
    }
}

fn hash_of(plan: &DeploymentPlan) -> B256 {
    let codes: Vec<u8> = plan.steps.iter().flat_map(|step| keccak256(&step.code).0).collect();
    keccak256(codes)
}
