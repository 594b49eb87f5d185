//! What is known of contracts that are being deployed.

use std::{collections::BTreeMap, path::Path};

use alloy::primitives::{Address, B256, keccak256};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{DeployStep, Deployer, L1Origin};

/// Longest record, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// `deployment.json`, or `upgrade.json`: what makes the same plan again, and which transactions were sent. It is written
/// before each of them is sent, so that none is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// L1's chain id.
    pub l1_chain_id: u64,
    /// Who deploys.
    pub deployer: Address,
    /// Its nonce in the first transaction.
    pub first_nonce: u64,
    /// The L1 block that L2's genesis follows; none in an upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<L1Origin>,
    /// Hash of all codes that are to be deployed.
    pub plan_hash: B256,
    /// Hashes of the transactions that were sent, by the step; more than one where the fee was raised.
    pub sent: BTreeMap<usize, Vec<B256>>,
}

impl Record {
    /// Of steps that begin.
    pub fn new(deployer: Deployer, origin: Option<L1Origin>, steps: &[DeployStep]) -> Self {
        Self {
            l1_chain_id: deployer.l1_chain_id,
            deployer: deployer.account,
            first_nonce: deployer.first_nonce,
            origin,
            plan_hash: hash_of(steps),
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
        Ok(Some(record.with_context(|| format!("{name} is not the record of contracts that are deployed"))?))
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

    /// Checks that steps are those that were begun.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, steps: &[DeployStep]) -> Result<()> {
        ensure!(
            self.plan_hash == hash_of(steps),
            "this was begun with other settings, or by another release: go on with those, or begin anew with --restart"
        );
        Ok(())
    }
}

/// Hash of all codes that steps deploy.
fn hash_of(steps: &[DeployStep]) -> B256 {
    let codes: Vec<u8> = steps.iter().flat_map(|step| keccak256(&step.code).0).collect();
    keccak256(codes)
}
